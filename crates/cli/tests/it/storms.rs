//! Many callers at once cost the provider one refresh.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::bench::{ADELE, Bench, Server};

const CALLERS: usize = 1_000;
/// Callers that share a connection.
const SHARING: usize = 50;

/// Calls `path` of the servers, [`CALLERS`] times at once; gives the bodies, which must be good.
async fn burst(servers: &[&Server], key: &str, path: &str) -> Vec<Value> {
    let mut calls = JoinSet::new();
    for connection in 0..CALLERS / SHARING {
        let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
        let server = servers[connection % servers.len()];
        for _ in 0..SHARING {
            let call = client.get(format!("{}{path}", server.api)).bearer_auth(key);
            calls.spawn(async move {
                let answer = call.send().await.unwrap();
                let (status, body) = (answer.status(), answer.text().await.unwrap());
                assert_eq!(status, 200, "{body}");
                serde_json::from_str(&body).unwrap()
            });
        }
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.len(), CALLERS);
    answers
}

/// The only refresh is held back while everybody asks for the token.
async fn one_refresh_for_all(bench: &Bench, processes: usize) {
    let key = bench.user("adele").await;
    let id = bench.expired(&[]).await;
    let slow = json!({ "delay_ms": 2_500 });
    bench.sandbox.fault("microsoft.token", 1, slow).await;
    let mut servers = Vec::new();
    for _ in 0..processes {
        servers.push(bench.serve().await);
    }
    bench.sandbox.refresh_under_way().await;
    let path = format!("/api/integrations/{id}/token/");
    let answers = burst(&servers.iter().collect::<Vec<_>>(), &key, &path).await;
    let tokens: BTreeSet<_> =
        answers.iter().map(|body| body["access_token"].as_str().unwrap()).collect();
    assert_eq!(tokens.len(), 1, "everybody has the same token");
    assert_eq!(bench.sandbox.count("refreshes").await, 1);
    assert_eq!(bench.sandbox.count("refreshes_refused").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_of_two_processes_cost_one_refresh() {
    one_refresh_for_all(&Bench::on_postgres().await, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_on_sqlite_cost_one_refresh() {
    one_refresh_for_all(&Bench::new().await, 1).await;
}

/// The calls that the provider takes for one account at a time.
const AT_A_TIME: u32 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_with_a_refused_token_cost_one_refresh() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    let id = server.connect(&bench, &key).await;
    server.token(&key, &id).await.expect(200);
    bench.sandbox.advance(29 * 60 * 60).await;
    // Held back until as many are on their way with the old token as may be at a time.
    let slow = json!({ "delay_ms": 1_500 });
    bench.sandbox.fault("graph", AT_A_TIME, slow).await;
    let path = format!("/api/integrations/{id}/profile/");
    let answers = burst(&[&server], &key, &path).await;
    assert!(answers.iter().all(|body| body["email"] == ADELE));
    // Whoever has a turn before the new token is there is refused, too.
    assert!(bench.sandbox.count("access_tokens_refused").await >= u64::from(AT_A_TIME));
    assert_eq!(bench.sandbox.count("refreshes").await, 1);
}
