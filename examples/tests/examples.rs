//! The examples, run as their readers would run them, against the sandbox.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use evergrant::seal::Ring;
use evergrant::store::Way;
use evergrant::vault::{Begin, Next, Parts, Proof};
use evergrant::{SystemClock, SystemEntropy, Transport, UserId, Vault};
use evergrant_providers::{Settings, all, microsoft, sandbox};
use evergrant_sandbox::{Courier, Listen, Listening, Stage, StageConfig};
use evergrant_store::Store;
use url::Url;

/// A sandbox that listens, and a database with one account connected there.
struct World {
    stage: Stage,
    url: Url,
    http: Arc<dyn Transport>,
    database: String,
    keys: String,
    user: UserId,
    integration: String,
    folder: tempfile::TempDir,
}

async fn world() -> World {
    let (clock, entropy) = (Arc::new(SystemClock::default()), Arc::new(SystemEntropy::default()));
    let stage = sandbox::stage(StageConfig {
        seed: 1,
        strict_rotation: true,
        access_ttl: None,
        clock: clock.clone(),
        entropy: entropy.clone(),
        courier: Courier::default(),
    });
    let http = Some("127.0.0.1:0".parse().unwrap());
    let listening = Listening::bind(stage.clone(), &Listen { http, ..Listen::default() }).unwrap();
    let port = listening.http().unwrap().port();
    let url: Url = format!("http://localhost:{port}").parse().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the test ends with its process")]
    tokio::spawn(listening.serve(std::future::pending()));

    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("example.db").display());
    let store = Store::open(&database, clock.clone()).await.unwrap();
    store.migrate().await.unwrap();
    let keys = Ring::generate(&*entropy);
    let settings = microsoft::Settings {
        client_id: Some("sandbox-client".to_owned()),
        client_secret: Some("sandbox-secret".into()),
        login_url: Some(url.clone()),
        graph_url: Some(url.clone()),
        ..microsoft::Settings::default()
    };
    let settings = Settings { microsoft: settings, ..Settings::default() };
    let (providers, _) = all(&settings).unwrap();
    let (spool, ring) = (folder.path().join("spool"), Ring::parse(&keys).unwrap());
    let parts = Parts::begin(Arc::new(store), &spool, providers, ring).await.unwrap();
    let (http, vault) = (Arc::clone(&parts.http), Vault::new(parts));
    let user = UserId::new(&*clock, &*entropy);
    let integration = connect(&vault, &*http, user).await;
    let keys = keys.expose().to_owned();
    World { stage, url, http, database, keys, user, integration, folder }
}

async fn connect(vault: &Vault, http: &dyn Transport, user: UserId) -> String {
    let provider = "microsoft_calendar".into();
    let redirect_uri = "http://localhost/callback".parse().unwrap();
    let ask = Begin { provider, way: Way::Direct, redirect_uri, scopes: None, integration: None };
    let begun = vault.begin(user, ask.clone()).await.unwrap();
    let Next::Authorize(page) = begun.next else { panic!("a page to sign in at") };
    let back = sign_in(http, page).await;
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let proof = Proof::Code { code: code.into(), iss: None };
    vault.finish(Some(user), &ask.provider, &begun.state, proof).await.unwrap().id.to_string()
}

/// What a user does on the page. Gives the address the browser is sent back to.
async fn sign_in(http: &dyn Transport, mut page: Url) -> Url {
    page.query_pairs_mut()
        .append_pair("prompt", "none")
        .append_pair("login_hint", "adele@contoso.example");
    let answer =
        http.send(http::Request::get(page.as_str()).body(Bytes::new()).unwrap()).await.unwrap();
    answer.headers()["location"].to_str().unwrap().parse().unwrap()
}

impl World {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .arg(self.user.to_string())
            .env("MICROSOFT_CLIENT_ID", "sandbox-client")
            .env("MICROSOFT_CLIENT_SECRET", "sandbox-secret")
            .env("EVERGRANT_MICROSOFT_LOGIN_URL", self.url.as_str())
            .env("EVERGRANT_MICROSOFT_GRAPH_URL", self.url.as_str())
            .env("EVERGRANT_DATABASE_URL", &self.database)
            .env("EVERGRANT_ENCRYPTION_KEYS", &self.keys);
        command
    }

    async fn run(&self, program: &'static str) -> (bool, String) {
        let mut command = self.command(program);
        command.arg(&self.integration);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn valid_token_reads_the_profile_and_refreshes_what_the_provider_refuses() {
    let world = world().await;
    let program = env!("CARGO_BIN_EXE_valid_token");
    let (ok, text) = world.run(program).await;
    assert!(ok && text.contains("a token valid until") && text.contains("Adele Vance"), "{text}");
    world.stage.advance(std::time::Duration::from_hours(29));
    let (ok, text) = world.run(program).await;
    assert!(ok && text.contains("Adele Vance"), "{text}");
    assert_eq!(world.stage.ledger().summary().total.refreshes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn valid_token_says_when_the_user_must_reconnect() {
    let world = world().await;
    world
        .stage
        .change("microsoft", "users/adele@contoso.example/revoke-sessions", &serde_json::json!({}))
        .unwrap();
    world.stage.advance(std::time::Duration::from_hours(29));
    let (ok, text) = world.run(env!("CARGO_BIN_EXE_valid_token")).await;
    assert!(!ok && text.contains("reconnect"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn teams_meeting_goes_from_the_sign_in_to_the_join_link() {
    let world = world().await;
    let mut command = world.command(env!("CARGO_BIN_EXE_teams_meeting"));
    let mut program = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(program.stdout.take().unwrap());
    let mut page = String::new();
    out.read_line(&mut page).unwrap();
    let Ok(page) = page.trim().parse() else {
        panic!("{:?}", program.wait_with_output());
    };
    let back = sign_in(&*world.http, page).await;
    writeln!(program.stdin.take().unwrap(), "{back}").unwrap();
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(text.starts_with("join: https://teams.microsoft.com/"), "{text}");
    assert!(text.contains("\nid: ") && !text.contains("none"), "{text}");
}

#[test]
fn each_example_is_short_enough_to_be_read_at_once() {
    let examples =
        [(include_str!("../valid_token.rs"), 40), (include_str!("../teams_meeting.rs"), 70)];
    for (text, most) in examples {
        let lines = text.lines().count();
        assert!(lines <= most, "{lines} lines");
    }
}
