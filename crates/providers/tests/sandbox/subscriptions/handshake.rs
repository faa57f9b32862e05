//! The handshake (contract, 8.2), over real HTTP.

use std::sync::Arc;
use std::time::Duration;

use evergrant::Transport;
use evergrant_sandbox::{Courier, StageConfig};
use serde_json::json;

use super::{Bench, HOUR, Manner, SCOPE, id};
use crate::mail::{Desk, code, refusal};
use crate::play::{ADELE, Impatient, Play, config};

#[tokio::test]
async fn both_addresses_are_asked_before_the_answer_even_when_they_are_equal() {
    let bench = Bench::new().await;
    let same = format!("{}/hook?key=a%20b", bench.receiver.url);
    let answer =
        bench.try_subscribe(json!({ "notificationUrl": same, "lifecycleNotificationUrl": same }));
    assert_eq!(answer.await.status, 201);
    let got = bench.receiver.got();
    assert_eq!(got.len(), 2);
    for one in got {
        assert!(one.path.starts_with("/hook?key=a%20b&validationToken=Validation%3a+"), "{one:?}");
        assert_eq!((one.kind.as_str(), one.body.as_str()), ("text/plain; charset=utf-8", ""));
    }
}

#[tokio::test]
async fn only_the_decoded_token_as_plain_text_with_200_will_do() {
    let bench = Bench::new().await;
    for manner in [Manner::Encoded, Manner::Html, Manner::Accepted, Manner::Other] {
        bench.receiver.behaves(manner);
        let answer = bench.try_subscribe(json!({})).await;
        assert_eq!(code(&answer), refusal(400, "ValidationError"), "{manner:?}");
    }
    bench.receiver.behaves(Manner::Right);
    let deaf = json!({ "lifecycleNotificationUrl": "http://127.0.0.1:9/nobody" });
    assert_eq!(code(&bench.try_subscribe(deaf).await), refusal(400, "ValidationError"));
    assert_eq!(bench.desk.get("/subscriptions").await.ok()["value"], json!([]));
    bench.subscribe(json!({})).await;
}

#[tokio::test]
async fn a_new_address_of_a_subscription_is_asked_too() {
    let bench = Bench::new().await;
    let made = bench.subscribe(json!({})).await;
    let path = format!("/subscriptions/{}", id(&made));
    let moved = json!({ "notificationUrl": format!("{}/elsewhere", bench.receiver.url) });
    bench.receiver.behaves(Manner::Other);
    assert_eq!(
        code(&bench.desk.patch(&path, moved.clone()).await),
        refusal(400, "ValidationError")
    );
    bench.receiver.behaves(Manner::Right);
    bench.desk.patch(&path, moved).await.ok();
    bench.receiver.got();
    bench.arrives(json!({ "subject": "Hello" })).await;
    bench.flush().await;
    assert_eq!(bench.receiver.got()[0].path, "/elsewhere");
}

/// Nobody ever answers.
struct Silent;

#[async_trait::async_trait]
impl Transport for Silent {
    async fn send(
        &self,
        _: evergrant::Request,
    ) -> Result<evergrant::Response, evergrant::TransportError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn an_address_has_ten_seconds_to_answer() {
    let clock = Arc::new(Impatient::default());
    let courier = Courier::by(Arc::new(Silent));
    let play = Play::with(StageConfig { courier, clock: clock.clone(), ..config() });
    let desk = Desk::with(play, ADELE, SCOPE).await;
    let body = json!({
        "changeType": "created",
        "notificationUrl": "http://localhost/notify",
        "resource": "me/messages",
        "expirationDateTime": "1970-01-01T00:50:00Z",
    });
    let answer = desk.post("/subscriptions", body).await;
    assert_eq!(code(&answer), refusal(400, "ValidationError"));
    let message = &answer.json["error"]["message"];
    assert_eq!(message, "Subscription validation request timed out.");
    assert_eq!(*clock.0.lock().unwrap(), [Duration::from_secs(10)]);
}

#[tokio::test]
async fn by_default_only_this_machine_is_called() {
    let bench = Bench::new().await;
    // One that is so short needs no second address.
    let end = bench.later(HOUR / 2);
    let at = |url| {
        json!({
            "notificationUrl": url, "lifecycleNotificationUrl": null, "expirationDateTime": end,
        })
    };
    for outside in
        ["https://hooks.example.com/x", "http://192.0.2.1/x", "http://localhost.example/"]
    {
        let answer = bench.try_subscribe(at(outside)).await;
        assert_eq!(code(&answer), refusal(400, "ValidationError"), "{outside}");
        let message = answer.json["error"]["message"].as_str().unwrap();
        assert!(message.contains("--notify-anywhere"), "{message}");
    }
    let odd = bench.try_subscribe(at("ftp://localhost/x")).await;
    assert_eq!(code(&odd), refusal(400, "ValidationError"));
    let asked = bench.play().stage.ledger().deliveries();
    assert!(asked.iter().all(|one| one.outcome == "not sent"), "{asked:?}");

    bench.control("notifications", json!({ "https_only": true })).await;
    let plain = bench.try_subscribe(json!({})).await;
    assert_eq!(code(&plain), refusal(400, "ValidationError"), "the real service wants https");
    assert_eq!(bench.receiver.got().len(), 0);
}
