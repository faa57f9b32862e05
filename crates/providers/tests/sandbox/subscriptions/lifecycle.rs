//! Lifecycle notifications (contract, 8.4).

use serde_json::{Value, json};

use super::{Bench, HOUR, id};
use crate::mail::{code, refusal};

/// The events that the receiver is told of once everything is delivered.
async fn events(bench: &Bench) -> Vec<String> {
    bench.flush().await;
    let got = bench.receiver.got();
    let lifecycle = got.iter().filter(|got| got.path == "/lifecycle");
    let items = lifecycle.flat_map(super::Got::items);
    items.map(|item| item["lifecycleEvent"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_reminder_comes_before_the_end_and_every_fifteen_minutes() {
    let bench = Bench::new().await;
    bench.control("notifications", json!({ "hold": true, "grace_seconds": 99 * HOUR })).await;
    let app = bench.app_token().await;
    let body = json!({
        "resource": "users/adele@contoso.example/messages",
        "expirationDateTime": bench.later(50 * 60),
    });
    let made = bench.call_as(&app, "POST", "/subscriptions", bench.body(body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    bench.receiver.got();
    assert_eq!(events(&bench).await, [""; 0]);
    bench.play().advance(21 * 60);
    assert_eq!(events(&bench).await, ["reauthorizationRequired"]);
    bench.play().advance(14 * 60);
    assert_eq!(events(&bench).await, [""; 0]);
    bench.play().advance(60);
    assert_eq!(events(&bench).await, ["reauthorizationRequired"]);
    bench.play().advance(20 * 60);
    assert_eq!(events(&bench).await, [""; 0], "it has ended");
}

#[tokio::test]
async fn a_reminder_comes_before_the_token_lapses_until_it_is_heeded() {
    let bench = Bench::new().await;
    let made = bench.subscribe(json!({})).await;
    assert_eq!(events(&bench).await, [""; 0]);
    bench.play().advance(61 * 60);
    assert_eq!(events(&bench).await, ["reauthorizationRequired"]);
    let fresh = bench.token(crate::play::ADELE, super::SCOPE).await;
    let path = format!("/subscriptions/{}/reauthorize", id(&made));
    assert_eq!(bench.call_as(&fresh, "POST", &path, Value::Null).await.status, 204);
    bench.play().advance(16 * 60);
    assert_eq!(events(&bench).await, [""; 0]);
}

#[tokio::test]
async fn events_can_be_sent_by_hand() {
    let bench = Bench::new().await;
    let made = bench.subscribe(json!({})).await;
    let path = format!("subscriptions/{}/lifecycle", id(&made));
    for event in ["missed", "reauthorizationRequired"] {
        bench.control(&path, json!({ "event": event })).await;
        assert_eq!(events(&bench).await, [event]);
        assert_eq!(bench.desk.get(&format!("/subscriptions/{}", id(&made))).await.status, 200);
    }
    let path = format!("world/microsoft/{path}");
    let odd = bench.play().control("POST", &path, &json!({ "event": "renamed" })).await;
    assert_eq!(odd.status, 422);
}

#[tokio::test]
async fn a_subscription_that_is_said_to_be_removed_is_gone() {
    let bench = Bench::new().await;
    let made = bench.subscribe(json!({})).await;
    bench.arrives(json!({ "subject": "Never told" })).await;
    let path = format!("subscriptions/{}/lifecycle", id(&made));
    bench.control(&path, json!({ "event": "subscriptionRemoved" })).await;
    bench.flush().await;
    let [got] = &bench.receiver.got()[..] else { panic!("one notification") };
    assert_eq!(got.items()[0]["lifecycleEvent"], "subscriptionRemoved");
    assert_eq!(got.items()[0]["clientState"], "what only we know");
    let gone = bench.desk.get(&format!("/subscriptions/{}", id(&made))).await;
    assert_eq!(code(&gone), refusal(404, "ResourceNotFound"));
}

#[tokio::test]
async fn without_an_address_for_them_there_are_none() {
    let bench = Bench::new().await;
    let made = bench
        .subscribe(json!({
            "lifecycleNotificationUrl": null,
            "expirationDateTime": bench.later(50 * 60),
        }))
        .await;
    bench.play().advance(40 * 60);
    assert_eq!(events(&bench).await, [""; 0]);
    let path = format!("world/microsoft/subscriptions/{}/lifecycle", id(&made));
    let refused = bench.play().control("POST", &path, &json!({ "event": "missed" })).await;
    assert_eq!(refused.status, 422);
}
