//! The web server over IG, run against the sandbox for hours that the sandbox's clock has.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytes::Bytes;
use evergrant::seal::Ring;
use evergrant::{HttpLimits, HttpTransport, SystemClock, SystemEntropy, Transport, UserId};
use evergrant_providers::sandbox;
use evergrant_sandbox::{Courier, Listen, Listening, Stage, StageConfig};
use evergrant_store::Store;

const REFRESHED: &str = "Token refreshed successfully";
/// Longer than the refresh token outlives an access token.
const SILENCE: Duration = Duration::from_mins(11);

/// The server, its log, and the IG it talks to.
struct World {
    stage: Stage,
    server: Child,
    log: Receiver<String>,
    http: Arc<dyn Transport>,
    address: String,
    _folder: tempfile::TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

async fn world() -> World {
    let (clock, entropy) = (Arc::new(SystemClock::default()), Arc::new(SystemEntropy::default()));
    let stage = sandbox::stage(StageConfig {
        seed: 1,
        strict_rotation: true,
        // Instead of a minute: it ends a few times while the test runs.
        access_ttl: Some(Duration::from_secs(4)),
        clock: clock.clone(),
        entropy: entropy.clone(),
        courier: Courier::default(),
    });
    let http = Some("127.0.0.1:0".parse().unwrap());
    let listening = Listening::bind(stage.clone(), &Listen { http, ..Listen::default() }).unwrap();
    let port = listening.http().unwrap().port();
    #[expect(clippy::disallowed_methods, reason = "the test ends with its process")]
    tokio::spawn(listening.serve(std::future::pending()));

    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("example.db").display());
    Store::open(&database, clock.clone()).await.unwrap().migrate().await.unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_ig_web_server"))
        .current_dir(folder.path())
        .arg(UserId::new(&*clock, &*entropy).to_string())
        .env("IG_API_KEY", "sandbox-key")
        .env("IG_IDENTIFIER", "trader")
        .env("IG_PASSWORD", "sandbox")
        .env("EVERGRANT_IG_URL", format!("http://localhost:{port}/gateway/deal"))
        .env("EVERGRANT_DATABASE_URL", &database)
        .env("EVERGRANT_ENCRYPTION_KEYS", Ring::generate(&*entropy).expose())
        .env("LISTEN", "127.0.0.1:0")
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (out, (to, log)) = (BufReader::new(server.stdout.take().unwrap()), channel());
    std::thread::spawn(move || {
        out.lines().map_while(Result::ok).try_for_each(|line| to.send(line))
    });
    let http = HttpTransport::new(HttpLimits::default(), None).unwrap();
    let (http, address) = (Arc::new(http), String::new());
    let mut world = World { stage, server, log, http, address, _folder: folder };
    let said = world.logged("listening at ");
    said.split("listening at ").nth(1).unwrap().trim().clone_into(&mut world.address);
    world
}

impl World {
    /// The next line of the log with this in it; the others before it are gone.
    fn logged(&self, what: &str) -> String {
        let next = || self.log.recv_timeout(Duration::from_mins(1));
        loop {
            let line = next().unwrap_or_else(|_| panic!("`{what}` was not logged"));
            assert!(!line.contains("WARN") && !line.contains("ERROR"), "{line}");
            if line.contains(what) {
                return line;
            }
        }
    }

    async fn navigation_answers(&self) {
        let url = format!("http://{}/api/v1/navigation", self.address);
        let request = http::Request::get(url).body(Bytes::new()).unwrap();
        let answer = self.http.send(request).await.unwrap();
        let body = String::from_utf8_lossy(answer.body());
        assert_eq!(answer.status(), 200, "{body}");
        let tree: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert!(!tree["nodes"].as_array().unwrap().is_empty(), "{tree}");
    }

    fn logins(&self) -> usize {
        let seen = self.stage.ledger().requests();
        seen.iter().filter(|seen| seen.site == Some("ig.session")).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ig_web_server_answers_for_hours_with_one_login() {
    let world = world().await;
    world.navigation_answers().await;
    world.logged(REFRESHED);
    for _ in 0..20 {
        // Nine minutes of silence: the token has ended long before the server would replace it.
        world.stage.advance(Duration::from_mins(9));
        world.navigation_answers().await;
        world.logged(REFRESHED);
    }
    assert_eq!(world.logins(), 1, "whatever it did in three hours was a refresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn ig_web_server_answers_after_eleven_silent_minutes_and_after_a_weekend() {
    let world = world().await;
    world.navigation_answers().await;
    world.stage.advance(SILENCE);
    world.navigation_answers().await;
    assert_eq!(world.logins(), 2, "the refresh token had ended, the login was kept");
}

#[test]
fn ig_web_server_is_short_enough_to_be_read_at_once() {
    let lines = include_str!("../ig_web_server.rs").lines().count();
    assert!(lines < 60, "{lines} lines");
}
