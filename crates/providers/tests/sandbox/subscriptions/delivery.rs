//! How notifications are delivered (contract, 8.3).

use std::sync::{Arc, Mutex};

use evergrant_sandbox::{Courier, StageConfig};
use serde_json::json;
use tokio::sync::mpsc;

use super::{Bench, HOUR, Mind, SCOPE, id, routes};
use crate::mail::Desk;
use crate::play::{ADELE, Play, config};

#[tokio::test]
async fn notifications_come_by_themselves() {
    let mut bench = Bench::at_once().await;
    bench.subscribe(json!({})).await;
    let (arrived, _) = bench.arrives(json!({ "subject": "Hello" })).await;
    bench.receiver.arrivals.recv().await.unwrap();
    let got = bench.receiver.got();
    assert_eq!((got[0].path.as_str(), got.len()), ("/notify", 1));
    assert_eq!(got[0].kind, "application/json; charset=utf-8");
    assert_eq!(got[0].items()[0]["resourceData"]["id"], arrived.as_str());
    assert_eq!(bench.flush().await["delivered"], 1, "a flush tells of it all the same");
}

#[tokio::test]
async fn several_items_of_several_subscriptions_come_in_one_request() {
    let bench = Bench::new().await;
    let one = bench.subscribe(json!({})).await;
    let other = bench.subscribe(json!({ "resource": "me/mailFolders('inbox')/messages" })).await;
    for subject in ["One", "Two"] {
        bench.arrives(json!({ "subject": subject })).await;
    }
    assert_eq!(bench.flush().await["delivered"], 4);
    let got = bench.receiver.got();
    assert_eq!(got.len(), 1);
    let about = |made: &serde_json::Value| {
        let items = got[0].items().into_iter();
        items.filter(|item| item["subscriptionId"] == made["id"]).count()
    };
    assert_eq!((about(&one), about(&other)), (2, 2));
    assert!(got[0].items().iter().all(|item| item["clientState"] == "what only we know"));
}

#[tokio::test]
async fn any_success_counts_as_delivered() {
    let bench = Bench::new().await;
    bench.subscribe(json!({})).await;
    for status in [200, 202, 204] {
        bench.receiver.answers(&[status]);
        bench.arrives(json!({ "subject": "Hello" })).await;
        let flushed = bench.flush().await;
        assert_eq!(flushed["statuses"], json!([status]));
        assert_eq!((&flushed["delivered"], &flushed["waiting"]), (&json!(1), &json!(0)));
    }
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_with_growing_pauses_for_four_hours_and_then_dropped() {
    let bench = Bench::new().await;
    // A token that covers all of it.
    bench.control("notifications", json!({ "hold": true, "grace_seconds": 24 * HOUR })).await;
    bench.subscribe(json!({})).await;
    bench.receiver.answers(&[500; 99]);
    bench.arrives(json!({ "subject": "Hello" })).await;
    let outcomes = async || {
        let flushed = bench.flush().await;
        let all = flushed["deliveries"].as_array().unwrap().iter();
        let all = all.filter(|one| one["kind"] == "notification");
        all.map(|one| (one["outcome"].clone(), one["tries"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(outcomes().await, [(json!("again"), json!(1))]);
    let mut pause = 10;
    for tries in 2..=10 {
        bench.play().advance(pause - 2);
        assert_eq!(outcomes().await, [], "not before {pause} s");
        bench.play().advance(3);
        assert_eq!(outcomes().await, [(json!("again"), json!(tries))], "after {pause} s");
        pause *= 2;
    }
    assert_eq!(pause, 5120);
    bench.play().advance(pause);
    // The next time would be more than four hours after the first.
    assert_eq!(outcomes().await, [(json!("dropped"), json!(11))]);
}

#[tokio::test]
async fn redirects_are_not_followed_and_every_refusal_is_tried_again() {
    let bench = Bench::new().await;
    bench.subscribe(json!({})).await;
    for status in [302, 307, 400, 401, 404, 410, 500] {
        bench.receiver.answers(&[status]);
        bench.arrives(json!({ "subject": "Hello" })).await;
        let flushed = bench.flush().await;
        assert_eq!(flushed["statuses"], json!([status]));
        assert_eq!(bench.receiver.got().len(), 1, "{status}");
        let again = bench.control("notifications/flush", json!({ "all": true })).await;
        assert_eq!(again["delivered"], 1, "{status}");
        bench.receiver.got();
    }
}

#[tokio::test]
async fn a_retry_comes_by_itself_when_the_clock_moves() {
    let mut bench = Bench::at_once().await;
    bench.subscribe(json!({})).await;
    bench.receiver.answers(&[500]);
    bench.arrives(json!({ "subject": "Hello" })).await;
    bench.receiver.arrivals.recv().await.unwrap();
    // Until the failure is written down, there is nothing to be tried again.
    while bench.play().stage.ledger().deliveries().last().unwrap().kind == "validation" {
        tokio::task::yield_now().await;
    }
    bench.play().control("POST", "clock", &json!({ "advance_seconds": 11 })).await.ok();
    bench.receiver.arrivals.recv().await.unwrap();
    assert_eq!(bench.receiver.items().len(), 2);
}

#[tokio::test]
async fn the_ledger_says_to_whom_and_never_the_client_state() {
    let bench = Bench::new().await;
    let to = format!("{}/notify", bench.receiver.url);
    let made = bench.subscribe(json!({ "notificationUrl": format!("{to}?secret=1") })).await;
    bench.arrives(json!({ "subject": "Hello" })).await;
    bench.flush().await;
    let ledger = bench.play().get("/_sandbox/ledger").await;
    assert!(!ledger.text.contains("what only we know") && !ledger.text.contains("secret=1"));
    let entries = ledger.ok()["deliveries"].clone();
    let kinds: Vec<_> = entries.as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["validation", "validation", "notification"]);
    let last = &entries[2];
    assert_eq!(last["to"], to);
    assert_eq!(last["subscriptions"], json!([made["id"]]));
    assert_eq!((&last["status"], &last["tries"]), (&json!(202), &json!(1)));
    assert_eq!((&last["items"], &last["outcome"]), (&json!(1), &json!("delivered")));
    let shown = bench.control("subscriptions", json!({})).await.to_string();
    assert!(!shown.contains("what only we know") && !shown.contains("secret=1"));
}

#[tokio::test]
async fn a_receiver_in_the_same_process_needs_no_socket() {
    let mind = Arc::new(Mutex::new(Mind::default()));
    let (told, mut arrivals) = mpsc::unbounded_channel();
    let courier = Courier::to(routes(Arc::clone(&mind), told));
    let desk = Desk::with(Play::with(StageConfig { courier, ..config() }), ADELE, SCOPE).await;
    let body = json!({
        "changeType": "created",
        "notificationUrl": "http://localhost/notify",
        "resource": "me/messages",
        "expirationDateTime": desk.play.stage.now().to_string(),
    });
    let made = desk.post("/subscriptions", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("microsoft/users/{ADELE}/messages");
    desk.play.direct(&path, json!({ "subject": "Hello" })).await;
    arrivals.recv().await.unwrap();
    let got = std::mem::take(&mut mind.lock().unwrap().got);
    assert_eq!(got.last().unwrap().items()[0]["subscriptionId"], id(&made.json).as_str());
}

#[tokio::test]
async fn a_reset_ends_everything() {
    let bench = Bench::new().await;
    bench.subscribe(json!({})).await;
    bench.arrives(json!({ "subject": "Hello" })).await;
    bench.play().stage.reset(1);
    assert_eq!(bench.flush().await["waiting"], 0);
    assert_eq!(bench.receiver.got().len(), 0);
    assert_eq!(bench.control("subscriptions", json!({})).await["subscriptions"], json!([]));
}
