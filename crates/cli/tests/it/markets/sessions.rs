//! A session is refreshed for all at once, and comes back after silence.

use serde_json::json;
use tokio::task::JoinSet;

use super::{Floor, bench, connect, known, trader};
use crate::bench::Bench;

const CALLERS: usize = 64;

/// The callers of both servers, all at once; all must be answered.
async fn everybody(floor: &Floor, other: &str, callers: usize) {
    let mut calls = JoinSet::new();
    for number in 0..callers {
        let api = if number % 2 == 0 { &floor.server.api } else { other };
        let call = floor.bench.http.get(format!("{api}{}/markets/navigation/", floor.at));
        let call = call.bearer_auth(&floor.key);
        calls.spawn(async move {
            let answer = call.send().await.unwrap();
            let (status, body) = (answer.status(), answer.text().await.unwrap());
            assert_eq!(status, 200, "{body}");
        });
    }
    calls.join_all().await;
}

fn good(statuses: &[u64]) -> usize {
    statuses.iter().filter(|status| **status == 200).count()
}

/// Ten lifetimes, then silence: what callers hear, and what the provider saw.
async fn ten_minutes(floor: &Floor, other: &str) {
    everybody(floor, other, CALLERS).await;
    for lifetime in 1..=10 {
        floor.bench.sandbox.advance(61).await;
        everybody(floor, other, CALLERS).await;
        let refreshes = floor.seen("POST", "/session/refresh-token").await;
        assert_eq!(refreshes, vec![200; lifetime], "one refresh per lifetime");
    }
    assert_eq!(floor.seen("POST", "/session").await, [200], "no login after the first");
    floor.bench.sandbox.advance(11 * 60 + 1).await;
    everybody(floor, other, CALLERS).await;
    assert_eq!(floor.seen("POST", "/session").await, [200, 200], "one login after silence");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_callers_meet_no_token_error_in_ten_minutes_nor_after_silence() {
    let floor = Floor::new().await;
    let own = floor.server.api.clone();
    ten_minutes(&floor, &own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_over_two_processes_on_postgresql() {
    let floor = Floor::of(known(Bench::on_postgres().await)).await;
    let other = floor.bench.serve().await;
    ten_minutes(&floor, &other.api).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_with_a_refused_token_cost_one_refresh() {
    let floor = Floor::new().await;
    let own = floor.server.api.clone();
    everybody(&floor, &own, 1).await;
    floor.bench.sandbox.advance(61).await;
    everybody(&floor, &own, 1_000).await;
    assert_eq!(floor.seen("POST", "/session/refresh-token").await, [200]);
    let reads = floor.seen("GET", "/marketnavigation").await;
    let refused = reads.iter().filter(|status| **status == 401).count();
    assert!(refused > 0);
    assert_eq!(good(&reads), 1_001);
    assert_eq!(reads.len(), 1_001 + refused, "each was replayed once at most");
    assert_eq!(floor.seen("POST", "/session").await, [200]);
}

#[tokio::test]
async fn a_wrong_password_is_sent_once_and_the_user_is_told() {
    let bench = bench().await;
    let key = trader(&bench).await;
    let server = bench.serve().await;
    let fields = json!({ "identifier": "trader", "password": "wrong" });
    let refused = connect(&server, &key, &fields).await;
    assert_eq!(refused.status / 100, 4, "{}", refused.text);
    assert!(refused.text.contains("password"), "{}", refused.text);
    assert!(!refused.text.contains("wrong\""), "{}", refused.text);
    let ledger = bench.sandbox.ledger().await;
    let requests = ledger["requests"].as_array().unwrap();
    let logins = requests.iter().filter(|seen| seen["path"] == "/gateway/deal/session");
    assert_eq!(logins.count(), 1);
}
