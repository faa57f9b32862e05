//! `kill -9` at every named point, on both databases, at providers of every kind: afterwards the
//! account works again without its user, or the loss is told for what it is.

use std::time::{Duration, Instant};

use evergrant::failpoint::FailPoint;
use reqwest::Method;
use serde_json::{Value, json};

use crate::bench::{Bench, Process, Server, until};

/// A user of the sandbox's plain providers.
const ADELE: &str = "adele@acme.example";

/// A kind of provider: what the sandbox calls it, and what it does with a spent refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    NonRevoking,
    Grace,
    Strict,
}

const CLASSES: [Class; 3] = [Class::NonRevoking, Class::Grace, Class::Strict];

impl Class {
    fn declared(self) -> &'static str {
        match self {
            Self::NonRevoking => "plain",
            Self::Grace => "grace",
            Self::Strict => "strict",
        }
    }

    fn replay(self) -> &'static str {
        match self {
            Self::NonRevoking => "non_revoking",
            Self::Grace => "grace",
            Self::Strict => "strict",
        }
    }
}

/// How a point is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// A refresh is killed there.
    Refresh,
    /// A refresh is killed there while the database is away.
    RefreshWithoutDatabase,
    /// The process that recovers from such a kill is killed there itself.
    Recovery,
    Disconnect,
    Connect,
    /// Encryption keys are exchanged; `rotation` does it with ten thousand rows under twenty kills.
    KeyRotation,
}

/// How each point is tried; a point that is missing here does not compile.
fn trial(point: FailPoint) -> Trial {
    match point {
        FailPoint::BeforeIntent
        | FailPoint::AfterIntent
        | FailPoint::AfterSend
        | FailPoint::AfterAnswer
        | FailPoint::AfterStage
        | FailPoint::AfterCommit => Trial::Refresh,
        FailPoint::AfterSpool => Trial::RefreshWithoutDatabase,
        FailPoint::AfterAdoption => Trial::Recovery,
        FailPoint::DuringDisconnect | FailPoint::DuringRevocation => Trial::Disconnect,
        FailPoint::DuringCodeExchange => Trial::Connect,
        FailPoint::DuringKeyRotation => Trial::KeyRotation,
    }
}

/// Whether the provider has spent the refresh token there and nobody but the dead process knew what
/// came of it.
fn loses_the_answer(point: FailPoint) -> bool {
    matches!(point, FailPoint::AfterSend | FailPoint::AfterAnswer)
}

/// A deployment with a declared provider of this class.
struct Deployment {
    bench: Bench,
    class: Class,
    key: String,
}

impl Deployment {
    async fn new(postgres: bool, class: Class) -> Self {
        let bench = if postgres { Bench::on_postgres().await } else { Bench::new().await };
        bench.declare(class.declared(), class.replay());
        let key = bench.user("adele").await;
        Self { bench, class, key }
    }

    /// A server, armed to stop at these points.
    async fn serve(&mut self, armed: &str) -> Server {
        self.bench.set("EVERGRANT_FAIL_AT", armed);
        let server = self.bench.serve().await;
        self.bench.set("EVERGRANT_FAIL_AT", "");
        server
    }

    fn process(&mut self, arguments: &[&str], armed: &str) -> Process {
        self.bench.set("EVERGRANT_FAIL_AT", armed);
        let process = self.bench.start(arguments);
        self.bench.set("EVERGRANT_FAIL_AT", "");
        process
    }

    /// An account whose token expires in a moment, with nobody there to renew it.
    async fn expired(&mut self) -> String {
        self.bench.sandbox.token_lifetime(Some(2)).await;
        let server = self.serve("").await;
        let id = self.connect(&server).await;
        server.stop().await;
        self.bench.sandbox.token_lifetime(None).await;
        let born = Instant::now();
        until("the token is past its end", async || {
            (born.elapsed() > Duration::from_secs(2)).then_some(())
        })
        .await;
        id
    }

    /// An account whose token must be renewed in a moment.
    async fn connect_shortly(&self, server: &Server) -> String {
        self.bench.sandbox.token_lifetime(Some(2)).await;
        let id = self.connect(server).await;
        self.bench.sandbox.token_lifetime(None).await;
        id
    }

    async fn connect(&self, server: &Server) -> String {
        server.connect_to(&self.bench, &self.key, self.class.declared(), ADELE).await
    }

    async fn families_revoked(&self) -> u64 {
        self.bench.sandbox.count("families_revoked").await
    }

    /// The account works, or its loss is called a lost response.
    async fn judge(&self, server: &Server, id: &str, point: FailPoint) {
        let what = format!("{} at {:?}", point.name(), self.class);
        let answer = server.token(&self.key, id).await;
        if self.class == Class::Strict && loses_the_answer(point) {
            let problem = answer.expect(409);
            assert_eq!(problem["reason"], "lost_response", "{what}: {problem}");
            return;
        }
        let token = answer.expect(200);
        let text = token["access_token"].as_str().unwrap();
        let path = format!("oauth/{}/api/me", self.class.declared());
        let status = self.bench.sandbox.call_api(&path, text).await;
        assert_eq!(status, 200, "{what}: the token is dead");
        assert_eq!(self.families_revoked().await, 0, "{what}");
    }
}

async fn killed_at(process: Process, point: FailPoint) {
    // A command's log is text, a server's JSON.
    process.line_of_stderr(point.name()).await;
    assert!(process.kill().await, "it ended by itself");
}

async fn refresh(postgres: bool, class: Class, point: FailPoint, away: bool) {
    let mut at = Deployment::new(postgres, class).await;
    let armed = if away { format!("storage,{}", point.name()) } else { point.name().to_owned() };
    let server = at.serve(&armed).await;
    let id = at.connect_shortly(&server).await;
    // Its own renewer comes upon the token in a moment.
    if point == FailPoint::AfterSend {
        // The answer is held back: the process dies while it is on its way.
        at.bench.sandbox.fault("oauth.token", 1, json!({ "hold_ms": 60_000 })).await;
        until("the refresh token is spent", async || {
            (at.bench.sandbox.count("refreshes").await > 0).then_some(())
        })
        .await;
    }
    killed_at(server.into_process(), point).await;
    let again = at.serve("").await;
    at.judge(&again, &id, point).await;
}

async fn recovery(postgres: bool, class: Class, point: FailPoint) {
    let mut at = Deployment::new(postgres, class).await;
    let server = at.serve("storage,after_spool").await;
    let id = at.connect_shortly(&server).await;
    killed_at(server.into_process(), FailPoint::AfterSpool).await;
    killed_at(at.process(&["serve", "--json"], point.name()), point).await;
    let again = at.serve("").await;
    at.judge(&again, &id, point).await;
}

async fn disconnect(postgres: bool, class: Class, point: FailPoint) {
    let mut at = Deployment::new(postgres, class).await;
    let server = at.serve(point.name()).await;
    let id = at.connect(&server).await;
    let path = format!("/api/integrations/{id}/");
    let caller = server.later(&at.key, Method::DELETE, &path, None);
    killed_at(server.into_process(), point).await;
    caller.abort();
    let again = at.serve("").await;
    again.token(&at.key, &id).await.expect(404);
    until("the grant is revoked at the provider", async || {
        (at.bench.sandbox.count("grants_revoked").await > 0).then_some(())
    })
    .await;
}

async fn code_exchange(postgres: bool, class: Class, point: FailPoint) {
    let mut at = Deployment::new(postgres, class).await;
    let id = at.expired().await;
    // The same account once more: its code is spent, and what it gave is lost with the process.
    let server = at.serve(point.name()).await;
    let (state, code) = server.agree(&at.bench, &at.key, class.declared(), ADELE).await;
    let body = json!({ "provider": class.declared(), "state": state, "code": code });
    let path = "/api/integrations/oauth/callback/";
    let caller = server.later(&at.key, Method::POST, path, Some(&body));
    killed_at(server.into_process(), point).await;
    caller.abort();
    let again = at.serve("").await;
    let refused: Value = again.callback(&at.key, &body).await.expect(400);
    assert_eq!(refused["code"], "invalid_state", "a spent code is presented again");
    at.judge(&again, &id, point).await;
    assert_eq!(at.connect(&again).await, id, "it starts again and keeps its id");
}

async fn key_rotation(postgres: bool, class: Class, point: FailPoint) {
    let mut at = Deployment::new(postgres, class).await;
    let old = at.bench.ok(&["encryption", "generate"]).await;
    let new = at.bench.ok(&["encryption", "generate"]).await;
    at.bench.set("EVERGRANT_ENCRYPTION_KEYS", &old);
    let id = at.expired().await;
    at.bench.set("EVERGRANT_ENCRYPTION_KEYS", &format!("{new},{old}"));
    killed_at(at.process(&["encryption", "rotate"], point.name()), point).await;
    at.bench.ok(&["encryption", "rotate"]).await;
    at.bench.set("EVERGRANT_ENCRYPTION_KEYS", &new);
    let again = at.serve("").await;
    at.judge(&again, &id, point).await;
}

async fn all(postgres: bool, class: Class) {
    for point in FailPoint::ALL {
        let began = Instant::now();
        match trial(point) {
            Trial::Refresh => refresh(postgres, class, point, false).await,
            Trial::RefreshWithoutDatabase => refresh(postgres, class, point, true).await,
            Trial::Recovery => recovery(postgres, class, point).await,
            Trial::Disconnect => disconnect(postgres, class, point).await,
            Trial::Connect => code_exchange(postgres, class, point).await,
            Trial::KeyRotation => key_rotation(postgres, class, point).await,
        }
        println!("{} {class:?} postgres: {postgres}, {:?}", point.name(), began.elapsed());
    }
}

macro_rules! kills {
    ($($name:ident: $postgres:literal, $class:ident;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            all($postgres, Class::$class).await;
        })*

        #[test]
        fn every_class_is_killed_on_both_databases() {
            let tried = [$(($postgres, Class::$class)),*];
            for postgres in [false, true] {
                for class in CLASSES {
                    assert!(tried.contains(&(postgres, class)), "{class:?}, postgres: {postgres}");
                }
            }
        }
    };
}

kills! {
    a_non_revoking_providers_grant_survives_on_sqlite: false, NonRevoking;
    a_non_revoking_providers_grant_survives_on_postgres: true, NonRevoking;
    a_grant_with_a_time_of_grace_survives_on_sqlite: false, Grace;
    a_grant_with_a_time_of_grace_survives_on_postgres: true, Grace;
    a_strict_providers_losses_are_told_on_sqlite: false, Strict;
    a_strict_providers_losses_are_told_on_postgres: true, Strict;
}

/// A point that code passes and no trial knows cannot be: [`trial`] matches on all of them. This is
/// the other way round: each is passed somewhere in the code.
#[test]
fn every_fail_point_is_passed_somewhere() {
    let vault = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/src/vault");
    let mut source = String::new();
    for file in std::fs::read_dir(vault).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            source += &std::fs::read_to_string(path).unwrap();
        }
    }
    for point in FailPoint::ALL {
        let passed = |how: &str| source.contains(&format!("FailPoint::{point:?}.{how}("));
        assert!(passed("pass") || passed("during"), "{point:?}");
    }
}
