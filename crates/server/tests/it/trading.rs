//! Dealing: what is answered for what came of a deal, and that it is had once.

use evergrant::capability::DealOutcome;
use evergrant::{CallError, Denial};
use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use http::Method;
use serde_json::{Value, json};

use crate::acme::{BANK, wrong_password};
use crate::app::{CALLBACK, LIST, TestApp, at};
use crate::caller::Answer;
use crate::shelf::{refusal, segment};
use crate::snapshot;

fn new() -> Value {
    json!({ "epic": "epc/1+a=", "direction": "buy", "size": 1.5, "stop_distance": 20 })
}

/// Every way to deal: its method, path, body, and the status of what was done.
fn deals() -> [(Method, String, Option<Value>, u16); 7] {
    let (position, order) = (segment("pos", 1), segment("ord", 1));
    let order_body = json!({
        "epic": "epc/1+a=", "direction": "sell", "type": "limit", "size": 1, "level": 110,
    });
    [
        (Method::POST, "positions/".to_owned(), Some(new()), 201),
        (
            Method::PATCH,
            format!("positions/{position}/"),
            Some(json!({ "stop_level": 95, "limit_level": null })),
            200,
        ),
        (Method::POST, format!("positions/{position}/close/"), Some(json!({ "size": 0.5 })), 200),
        (Method::DELETE, format!("positions/{position}/"), None, 200),
        (Method::POST, "orders/".to_owned(), Some(order_body), 201),
        (Method::PATCH, format!("orders/{order}/"), Some(json!({ "level": 111 })), 200),
        (Method::DELETE, format!("orders/{order}/"), None, 200),
    ]
}

/// The address in `Location`, on this server.
fn location(answer: &Answer) -> &str {
    answer.header("location").strip_prefix("https://grants.example.com").unwrap()
}

#[tokio::test]
async fn what_an_account_has() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    for (name, path) in [
        ("accounts", "accounts/"),
        ("positions", "positions/"),
        ("position", &format!("positions/{}/", segment("pos", 1))),
        ("orders", "orders/"),
    ] {
        snapshot!(name, t.alice.get(&at(&id, path)).await.expect(200));
    }
    t.alice.get(&at(&id, "positions/elsewhere/")).await.problem(Code::ItemNotFound);
}

#[tokio::test]
async fn history_comes_in_pages() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    for (name, path) in [
        ("activity", "history/?from=2026-01-01&to=2026-01-02&deal_id=pos%2F1%2Ba%3D&limit=1"),
        ("transactions", "history/transactions/?type=DEAL&limit=1&account=acc-2"),
    ] {
        let first = t.alice.get(&at(&id, path)).await.expect(200);
        snapshot!(name, first);
        let next = first.json()["next"].as_str().unwrap().to_owned();
        let next = next.strip_prefix("https://grants.example.com").unwrap();
        assert_ne!(t.alice.get(next).await.expect(200).json()["results"], first.json()["results"]);
        let asked = t.acme.done();
        assert_eq!(asked[0], asked[1], "the next page is one of the same query");
    }
}

#[tokio::test]
async fn a_deal_that_is_done_is_found_by_its_reference() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let dealt = t.alice.post(&at(&id, "positions/"), new()).await.expect(201);
    snapshot!("deal_done", dealt);
    assert_eq!(t.alice.get(location(&dealt)).await.expect(200).json(), dealt.json());
    let elsewhere = at(&id, "positions/?account=acc-2");
    let dealt = t.alice.post(&elsewhere, new()).await.expect(201);
    assert!(location(&dealt).ends_with("/?account=acc-2"), "{dealt}");
    let other = t.alice.get(&at(&id, "confirms/never-heard-of/")).await.expect(200);
    assert_eq!(other.json()["outcome"], "unknown", "nothing found is not rejected");
}

#[tokio::test]
async fn every_deal_ends_as_done_rejected_or_unknown() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    for (method, path, body, status) in deals() {
        for (outcome, expected) in [
            (DealOutcome::Done, status),
            (DealOutcome::Rejected, status),
            (DealOutcome::Unknown, 202),
        ] {
            t.acme.shelf(|shelf| shelf.outcomes.push_back(outcome));
            let answer = t.alice.send(method.clone(), &at(&id, &path), body.as_ref()).await;
            let deal = answer.expect(expected);
            let waits = deal.headers.contains_key("retry-after");
            assert_eq!(waits, outcome == DealOutcome::Unknown, "{method} {path}");
            assert!(location(&deal).contains("/confirms/"), "{method} {path}");
            if method == Method::POST && path == "positions/" && outcome != DealOutcome::Done {
                snapshot!(format!("deal_{}", deal.json()["outcome"].as_str().unwrap()), deal);
            }
            if outcome == DealOutcome::Unknown {
                let found = t.alice.get(location(&deal)).await.expect(200).json();
                assert_eq!(found["outcome"], "done", "it is reconciled when it is asked for");
            }
        }
    }
}

#[tokio::test]
async fn a_deal_that_nobody_knows_of_is_looked_for_by_the_same_key_and_not_sent_again() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    for (number, (method, path, body, status)) in deals().into_iter().enumerate() {
        let same = t.alice.with("idempotency-key", &format!("deal-{number}"));
        let send = async || same.send(method.clone(), &at(&id, &path), body.as_ref()).await;
        t.acme.shelf(|shelf| shelf.outcomes.push_back(DealOutcome::Unknown));
        let unknown = send().await.expect(202).json();
        assert_eq!(t.acme.done().len(), 1);
        let known = send().await.expect(status);
        assert_eq!(known.json()["outcome"], "done");
        assert_eq!(known.json()["reference"], unknown["reference"]);
        let asked = t.acme.done();
        assert!(asked.len() == 1 && asked[0].starts_with("again: "), "{asked:?}");
        // Now there is nothing more to ask for.
        assert_eq!(send().await.expect(status).body, known.body);
        assert_eq!(t.acme.done(), [""; 0]);
    }
}

#[tokio::test]
async fn what_was_rejected_is_so_for_good_and_another_key_or_account_is_another_deal() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let (url, other) = (at(&id, "positions/"), at(&id, "positions/?account=acc-2"));
    let same = t.alice.with("idempotency-key", "one");
    t.acme.shelf(|shelf| shelf.outcomes.push_back(DealOutcome::Rejected));
    let first = same.post(&url, new()).await.expect(201);
    let again = same.post(&url, new()).await.expect(201);
    assert_eq!((again.body.clone(), again.header("idempotency-replayed")), (first.body, "true"));
    assert_eq!(again.header("location"), first.headers["location"].to_str().unwrap());
    same.post(&other, new()).await.problem(Code::IdempotencyKeyReused);
    t.alice.with("idempotency-key", "two").post(&url, new()).await.expect(201);
    for _ in 0..2 {
        t.alice.post(&url, new()).await.expect(201);
    }
    let done: std::collections::BTreeSet<_> = t.acme.done().into_iter().collect();
    assert_eq!(done.len(), 4, "without a key each request is a deal of its own");
}

#[tokio::test]
async fn a_deal_that_failed_was_none_and_its_key_is_as_good_as_new() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let same = t.alice.with("idempotency-key", "one");
    let url = at(&id, "positions/");
    let wait = std::time::Duration::from_mins(1);
    t.acme.deny(CallError::Throttled { retry_after: Some(wait) });
    let throttled = same.post(&url, new()).await;
    throttled.problem(Code::ProviderThrottled);
    assert_eq!(throttled.header("retry-after"), "60");
    let dealt = same.post(&url, new()).await.expect(201);
    assert_eq!(dealt.json()["outcome"], "done");
    assert!(!t.acme.done()[0].starts_with("again"), "nothing had been tried");
    // An input that the provider refuses is refused for good.
    let refused = t.alice.with("idempotency-key", "two");
    t.acme.deny(refusal(Denial::Input, "invalid_size", "The size is too small."));
    refused.post(&url, new()).await.problem(Code::InputRefused);
    refused.post(&url, new()).await.problem(Code::InputRefused);
    assert_eq!(t.acme.done(), [""; 0]);
}

#[tokio::test]
async fn only_a_key_that_was_made_for_it_deals() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let alice = || t.user("alice");
    let usual = t.key(alice().await, &Permission::USUAL).await.0;
    let reader = t.key(alice().await, &[Permission::MarketsRead]).await.0;
    let trader = t.key(alice().await, &[Permission::MarketsTrade]).await.0;
    for (method, path, body, status) in deals() {
        let url = at(&id, &path);
        for caller in [&usual, &reader] {
            let answer = caller.send(method.clone(), &url, body.as_ref()).await;
            assert_eq!(answer.problem(Code::Forbidden)["permission"], "markets:trade");
        }
        assert_eq!(t.acme.done(), [""; 0]);
        trader.send(method, &url, body.as_ref()).await.expect(status);
        t.acme.done();
    }
    usual.get(&at(&id, "positions/")).await.expect(200);
    usual.post(&at(&id, "watchlists/"), json!({ "name": "Mine" })).await.expect(201);
    let list = json!({ "name": "Mine" });
    reader.post(&at(&id, "watchlists/"), list).await.problem(Code::Forbidden);
    trader.get(&at(&id, "positions/")).await.problem(Code::Forbidden);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_said_with_who_does_what() {
    let t = TestApp::new().await;
    let begin = || async { t.alice.begin(json!({ "provider": BANK })).await };
    let fields = json!({ "login": "adele", "password": "hunter2-of-adele", "keep_login": "yes" });
    let state = begin().await;
    t.acme.refuse(wrong_password());
    let body = json!({ "provider": BANK, "state": state, "fields": fields });
    let refused = t.alice.post(CALLBACK, body.clone()).await;
    snapshot!("callback_wrong_password", refused);
    let problem = refused.problem(Code::ConnectRefused);
    assert_eq!((&problem["actor"], &problem["reason"]), (&"user".into(), &"wrong_password".into()));
    assert_eq!(t.acme.seen(), ["log in"]);
    // The state is spent: the same again reaches nobody.
    t.alice.post(CALLBACK, body).await.problem(Code::InvalidState);
    assert_eq!(t.acme.seen(), [""; 0]);
    assert_eq!(t.alice.get(LIST).await.json()["results"], json!([]));
    t.acme.refuse(None);
    let body = json!({ "provider": BANK, "state": begin().await, "fields": fields });
    t.alice.post(CALLBACK, body).await.expect(201);
    assert_eq!(t.acme.seen(), ["log in"]);
}
