//! What can go wrong with notifications on purpose (contract, 11.11).

use serde_json::json;

use super::{Bench, change, id};
use crate::mail::{code, refusal};

#[tokio::test]
async fn the_next_notifications_can_be_lost() {
    let bench = Bench::new().await;
    let made = bench.subscribe(json!({})).await;
    bench.control("notifications/lose", json!({ "count": 2 })).await;
    for subject in ["One", "Two"] {
        bench.arrives(json!({ "subject": subject })).await;
    }
    let (third, _) = bench.arrives(json!({ "subject": "Three" })).await;
    assert_eq!(bench.told().await, [change("created", &third)]);
    let lost = bench.play().stage.ledger().deliveries().into_iter();
    let lost: Vec<_> = lost.filter(|one| one.outcome == "lost").collect();
    assert_eq!((lost.len(), lost[0].tries, lost[0].status), (2, 0, None));
    assert_eq!(lost[0].subscriptions, [id(&made)]);
}

#[tokio::test]
async fn the_next_notifications_can_come_twice() {
    let bench = Bench::new().await;
    bench.subscribe(json!({})).await;
    bench.control("notifications/double", json!({ "count": 1 })).await;
    let (first, _) = bench.arrives(json!({ "subject": "One" })).await;
    let (second, _) = bench.arrives(json!({ "subject": "Two" })).await;
    let (first, second) = (change("created", &first), change("created", &second));
    assert_eq!(bench.told().await, [first.clone(), first, second]);
}

#[tokio::test]
async fn the_next_notifications_can_be_late_and_out_of_order() {
    let bench = Bench::new().await;
    bench.subscribe(json!({})).await;
    bench.control("notifications/delay", json!({ "count": 1, "seconds": 60 })).await;
    let (first, _) = bench.arrives(json!({ "subject": "One" })).await;
    let (second, _) = bench.arrives(json!({ "subject": "Two" })).await;
    assert_eq!(bench.told().await, [change("created", &second)]);
    assert_eq!(bench.told().await, []);
    bench.play().advance(60);
    assert_eq!(bench.told().await, [change("created", &first)]);

    bench.control("notifications/reorder", json!({})).await;
    let (first, _) = bench.arrives(json!({ "subject": "One" })).await;
    let (second, _) = bench.arrives(json!({ "subject": "Two" })).await;
    assert_eq!(bench.told().await, [change("created", &second), change("created", &first)]);
}

#[tokio::test]
async fn a_subscription_can_vanish_or_end_without_a_word() {
    for change in ["remove", "expire"] {
        let bench = Bench::new().await;
        let made = bench.subscribe(json!({})).await;
        bench.arrives(json!({ "subject": "Never told" })).await;
        bench.control(&format!("subscriptions/{}/{change}", id(&made)), json!({})).await;
        assert_eq!(bench.flush().await["delivered"], 0, "{change}");
        assert_eq!(bench.receiver.got().len(), 0, "{change}");
        let gone = bench.desk.get(&format!("/subscriptions/{}", id(&made))).await;
        assert_eq!(code(&gone), refusal(404, "ResourceNotFound"), "{change}");
    }
}

#[tokio::test]
async fn the_world_lists_subscriptions_and_what_can_be_done() {
    let bench = Bench::new().await;
    let made = bench.subscribe(json!({})).await;
    let world = bench.play().get("/_sandbox/world").await.ok();
    let act = &world["acts"]["microsoft"];
    assert_eq!(act["notifications"]["subscriptions"][0]["id"], made["id"]);
    assert!(act["changes"].to_string().contains("notifications/flush"));
    for unknown in ["notifications/eat", "subscriptions/nothing/remove", "subscriptions/x/y/z"] {
        let path = format!("world/microsoft/{unknown}");
        let answer = bench.play().control("POST", &path, &json!({ "count": 1 })).await;
        assert_eq!(answer.status, 404, "{unknown}: {}", answer.text);
    }
}
