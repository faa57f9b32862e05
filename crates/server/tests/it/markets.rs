//! Markets, prices and lists of markets, to the byte.

use std::time::Duration;

use evergrant::CallError;
use evergrant_server::problem::Code;
use serde_json::json;

use crate::app::{TestApp, at};
use crate::shelf::segment;
use crate::snapshot;

#[tokio::test]
async fn the_tree_of_markets_is_walked_by_its_ids() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let root = t.alice.get(&at(&id, "markets/navigation/")).await.expect(200);
    snapshot!("navigation", root);
    assert_eq!(root.json()["nodes"][0]["id"], "nod/1+a=");
    let node = at(&id, &format!("markets/navigation/{}/", segment("nod", 1)));
    let leaf = t.alice.get(&node).await.expect(200);
    snapshot!("navigation_node", leaf);
    let epic = at(&id, &format!("markets/{}/", segment("epc", 1)));
    snapshot!("market", t.alice.get(&epic).await.expect(200));
    let nowhere = at(&id, "markets/navigation/elsewhere/");
    t.alice.get(&nowhere).await.problem(Code::ItemNotFound);
}

#[tokio::test]
async fn markets_are_found_by_a_text() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    snapshot!("markets", t.alice.get(&at(&id, "markets/?search=Market%202")).await.expect(200));
    t.alice.get(&at(&id, "markets/")).await.problem(Code::InvalidRequest);
}

#[tokio::test]
async fn names_that_paths_use_do_not_hide_markets_of_these_names() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    for (path, asked) in [
        ("markets/sentiment/prices/", "item_not_found"),
        ("markets/navigation/prices/", "item_not_found"),
        ("markets/prices/", "item_not_found"),
    ] {
        let answer = t.alice.get(&at(&id, path)).await;
        assert_eq!(answer.json()["code"], asked, "{path}");
    }
}

#[tokio::test]
async fn prices_are_followed_to_the_end_and_tell_the_allowance() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let prices = at(&id, &format!("markets/{}/prices/", segment("epc", 1)));
    let query = "resolution=hour&from=2026-01-01&to=2026-01-01T12:00:00Z&limit=2&account=acc-2";
    let first = t.alice.get(&format!("{prices}?{query}")).await.expect(200);
    snapshot!("prices", first);
    let next = first.json()["next"].as_str().unwrap().to_owned();
    let next = next.strip_prefix("https://grants.example.com").unwrap();
    let last = t.alice.get(next).await.expect(200).json();
    assert_eq!(last["results"].as_array().unwrap().len(), 1);
    assert!(last["next"].is_null());
    let [first, last] = <[String; 2]>::try_from(t.acme.done()).unwrap();
    assert_eq!(first, last, "the next page is one of the same query, in the same account");
    assert!(first.contains("Hour") && first.ends_with(" in acc-2"), "{first}");
}

#[tokio::test]
async fn an_allowance_that_is_used_up_says_until_when() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.acme.deny(CallError::Throttled { retry_after: Some(Duration::from_hours(30)) });
    let answer = t.alice.get(&at(&id, &format!("markets/{}/prices/", segment("epc", 1)))).await;
    let problem = answer.problem(Code::ProviderThrottled);
    assert_eq!(answer.header("retry-after"), "108000");
    assert_eq!(problem["until"], "2026-01-02T06:00:00Z");
}

#[tokio::test]
async fn how_others_stand() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let two = at(&id, "markets/sentiment/?markets=mkt-1,%20mkt-2,");
    snapshot!("sentiment", t.alice.get(&two).await.expect(200));
    let beside = at(&id, "markets/mkt-1/related-sentiment/");
    let beside = t.alice.get(&beside).await.expect(200).json();
    assert_eq!(beside["results"][0]["market_id"], "beside mkt-1");
}

#[tokio::test]
async fn a_list_is_made_filled_emptied_and_deleted() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let lists = at(&id, "watchlists/");
    snapshot!("watchlists", t.alice.get(&lists).await.expect(200));
    let new = json!({ "name": "Mine", "epics": ["epc/1+a=", "nothing"] });
    let same = t.alice.with("idempotency-key", "mine");
    let made = same.post(&lists, new.clone()).await.expect(201);
    snapshot!("watchlist_created", made);
    assert_eq!(same.post(&lists, new).await.expect(201).body, made.body);
    let made = made.header("location").strip_prefix("https://grants.example.com").unwrap();
    t.acme.done();
    let markets = format!("{made}markets/");
    t.alice.post(&markets, json!({ "epic": "epc/3+a=" })).await.expect(204);
    snapshot!("watchlist", t.alice.get(made).await.expect(200));
    t.alice.delete(&format!("{markets}{}/", segment("epc", 3))).await.expect(204);
    let left = t.alice.get(made).await.expect(200).json();
    assert_eq!(left["results"].as_array().unwrap().len(), 1);
    t.alice.delete(made).await.expect(204);
    t.alice.get(made).await.problem(Code::ItemNotFound);
}

#[tokio::test]
async fn the_account_that_is_named_is_the_one_that_is_asked() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let epic = segment("epc", 1);
    let (list, position) = (segment("lst", 1), segment("pos", 1));
    for path in [
        "markets/navigation/?",
        "markets/?search=x&",
        &format!("markets/{epic}/?"),
        "markets/sentiment/?markets=x&",
        "watchlists/?",
        &format!("watchlists/{list}/?"),
        "accounts/?",
        "positions/?",
        &format!("positions/{position}/?"),
        "orders/?",
        "confirms/x/?",
        "history/?",
        "history/transactions/?",
    ] {
        t.alice.get(&at(&id, &format!("{path}account=acc%2D2"))).await.expect(200);
        let asked = t.acme.done().join("");
        assert!(asked.ends_with(" in acc-2"), "{path}: {asked}");
    }
    let list = at(&id, "watchlists/?account=acc-2");
    let made = t.alice.post(&list, json!({ "name": "Mine" })).await.expect(201);
    assert!(made.header("location").ends_with("/?account=acc-2"), "{made}");
}
