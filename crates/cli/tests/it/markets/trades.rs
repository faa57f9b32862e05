//! A trade is sent once and ends in what came of it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{EPIC, Floor};

async fn positions(floor: &Floor) -> usize {
    floor.get("/positions/").await.expect(200)["results"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_trade_whose_answer_is_lost_is_unknown_then_done_and_there_is_one_position() {
    let floor = Floor::new().await;
    let before = positions(&floor).await;
    let lost = json!({
        "where": "ig", "match": { "path": "/gateway/deal/positions/otc" }, "times": 1,
        "do": { "drop_after_commit": true },
    });
    floor.bench.sandbox.script(&lost).await;
    let ask = json!({ "epic": EPIC, "direction": "buy", "size": 0.1 });
    let answer = floor.call(Method::POST, "/positions/", &ask, Some("mine")).await;
    let deal = answer.expect(202);
    assert_eq!(deal["outcome"], "unknown", "{deal}");
    let reference = deal["reference"].as_str().unwrap();
    let location = answer.headers["location"].to_str().unwrap();
    assert!(location.ends_with(&format!("/confirms/{reference}/")), "{location}");

    let found = floor.get(&format!("/confirms/{reference}/")).await.expect(200);
    assert_eq!(found["outcome"], "done", "{found}");
    // The same request with the same key is not sent again.
    let again = floor.call(Method::POST, "/positions/", &ask, Some("mine")).await;
    let again: Value = serde_json::from_str(&again.text).unwrap();
    assert_eq!((&again["outcome"], &again["reference"]), (&json!("done"), &deal["reference"]));
    assert_eq!(positions(&floor).await, before + 1);
    let sent = floor.bench.sandbox.ledger().await;
    let requests = sent["requests"].as_array().unwrap();
    let opened =
        |seen: &&Value| seen["method"] == "POST" && seen["path"] == "/gateway/deal/positions/otc";
    assert_eq!(requests.iter().filter(opened).count(), 1);
}

#[tokio::test]
async fn a_key_that_may_not_trade_reads_and_does_not_trade() {
    let floor = Floor::new().await;
    let usual = floor.bench.ok(&["keys", "create", "--user", "trader"]).await;
    let path = format!("{}/positions/", floor.at);
    floor.server.get(&usual, &path).await.expect(200);
    let ask = json!({ "epic": EPIC, "direction": "buy", "size": 0.1 });
    floor.server.call(&usual, Method::POST, &path, Some(&ask)).await.expect(403);
    assert_eq!(floor.seen("POST", "/positions/otc").await, Vec::<u64>::new());
}
