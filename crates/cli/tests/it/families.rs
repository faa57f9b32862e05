//! A provider that takes the second use of a refresh token for theft, known by its declaration alone:
//! through hundreds of lifetimes and three processes, no token is ever used twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::bench::{Answer, Bench, Server};

const PROCESSES: usize = 3;
const USERS: usize = 25;
const LIFETIME: u64 = 2;
const REFRESHES: u64 = 200;
/// As long as the callers ask, at least.
const TIME: Duration = Duration::from_secs(18);
/// The provider's two users.
const LOGINS: [&str; 2] = ["adele", "alex"];

/// Asks one of the servers after the other for the token until `end`; gives how many it was given.
async fn caller(http: reqwest::Client, urls: Vec<String>, key: String, end: Instant) -> u64 {
    let mut given = 0;
    for url in urls.iter().cycle() {
        if Instant::now() >= end {
            break;
        }
        let answer = Answer::of(http.get(url).bearer_auth(&key).send().await.unwrap()).await;
        let token = answer.expect(200);
        assert_eq!(token.get("warning"), None, "{token}");
        given += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    given
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_family_is_lost_in_hundreds_of_lifetimes_of_a_strict_provider() {
    let bench = Bench::on_postgres().await;
    bench.declare("strict", "strict");
    // The provider has two users; each integration is another of our users'.
    let mut keys = Vec::new();
    for n in 0..USERS.div_ceil(LOGINS.len()) {
        keys.push(bench.user(&format!("user-{n}")).await);
    }
    let mut servers = Vec::new();
    for _ in 0..PROCESSES {
        servers.push(bench.serve().await);
    }
    bench.sandbox.token_lifetime(Some(LIFETIME)).await;
    let end = Instant::now() + TIME + Duration::from_secs(2);
    let (mut integrations, mut callers) = (Vec::new(), JoinSet::new());
    for n in 0..USERS {
        let (server, key): (&Server, _) = (&servers[n % PROCESSES], &keys[n / LOGINS.len()]);
        let id = server.connect_to(&bench, key, "strict", LOGINS[n % LOGINS.len()]).await;
        let urls =
            servers.iter().map(|server| format!("{}/api/integrations/{id}/token/", server.api));
        callers.spawn(caller(bench.http.clone(), urls.collect(), key.clone(), end));
        integrations.push((key.clone(), id));
    }
    let asked = Arc::new(AtomicU64::new(0));
    while let Some(given) = callers.join_next().await {
        // A caller that met an error has panicked.
        asked.fetch_add(given.unwrap(), Ordering::Relaxed);
    }
    bench.sandbox.token_lifetime(None).await;

    let ledger = bench.sandbox.ledger().await;
    let count = |what: &str| ledger["summary"][what].as_u64().unwrap();
    println!(
        "{} tokens asked for, {} refreshes, {} requests",
        asked.load(Ordering::Relaxed),
        count("refreshes"),
        count("requests")
    );
    assert!(count("refreshes") >= REFRESHES, "{}", ledger["summary"]);
    for what in ["families_revoked", "grants_revoked", "refreshes_refused"] {
        assert_eq!(count(what), 0, "{what}: {}", ledger["summary"]);
    }
    for (key, id) in &integrations {
        for server in &servers {
            let shown: Value =
                server.get(key, &format!("/api/integrations/{id}/")).await.expect(200);
            assert_eq!(shown["status"], "active", "{shown}");
        }
        let token = servers[0].token(key, id).await.expect(200);
        let token = token["access_token"].as_str().unwrap();
        assert_eq!(bench.sandbox.call_api("oauth/strict/api/me", token).await, 200);
    }
}
