//! What a subscription may be (contract, 8.1).

use serde_json::{Value, json};

use super::{Bench, HOUR, id};
use crate::mail::{code, refusal};
use crate::play::{ALEX, assert_same_shape};

async fn refused(bench: &Bench, changes: Value) -> (u16, String) {
    let answer = bench.try_subscribe(changes).await;
    code(&answer)
}

#[tokio::test]
async fn what_is_needed_must_be_there_and_make_sense() {
    let bench = Bench::new().await;
    let long = "x".repeat(129);
    for wrong in [
        json!({ "changeType": null }),
        json!({ "changeType": "created,renamed" }),
        json!({ "notificationUrl": null }),
        json!({ "resource": null }),
        json!({ "resource": "me/contacts/photos" }),
        json!({ "resource": "me" }),
        json!({ "expirationDateTime": null }),
        json!({ "expirationDateTime": "tomorrow" }),
        json!({ "expirationDateTime": "2026-10-08T09:00:00" }),
        json!({ "clientState": long }),
        json!({ "clientState": 7 }),
        json!({ "latestSupportedTlsVersion": "v9_9" }),
    ] {
        let found = refused(&bench, wrong.clone()).await;
        assert_eq!(found, refusal(400, "InvalidRequest"), "{wrong}");
    }
    assert_eq!(bench.receiver.got().len(), 0, "nobody is asked about what cannot be");
    bench.subscribe(json!({ "clientState": "x".repeat(128) })).await;
}

#[tokio::test]
async fn an_outlook_subscription_lives_at_most_10080_minutes() {
    let bench = Bench::new().await;
    let most = 10_080 * 60;
    let late = bench.later(most + 5);
    let answer = bench.try_subscribe(json!({ "expirationDateTime": late })).await;
    assert_eq!(code(&answer), refusal(400, "ExtensionError"));
    let message = answer.json["error"]["message"].as_str().unwrap();
    assert_eq!(message, "Subscription expiration can only be 10080 minutes in the future.");
    bench.subscribe(json!({ "expirationDateTime": bench.later(most - 5) })).await;
}

#[tokio::test]
async fn less_than_45_minutes_is_raised_to_45() {
    let bench = Bench::new().await;
    let made = bench.subscribe(json!({ "expirationDateTime": bench.later(60) })).await;
    let end: jiff::Timestamp = made["expirationDateTime"].as_str().unwrap().parse().unwrap();
    let left = end.duration_since(bench.play().stage.now()).as_mins();
    assert!((44..=45).contains(&left), "{left}");
}

#[tokio::test]
async fn more_than_an_hour_needs_an_address_for_lifecycle_notifications() {
    let bench = Bench::new().await;
    let none = json!({ "lifecycleNotificationUrl": null });
    assert_eq!(refused(&bench, none).await, refusal(400, "InvalidRequest"));
    let short = json!({
        "lifecycleNotificationUrl": null,
        "expirationDateTime": bench.later(HOUR - 60),
    });
    let made = bench.subscribe(short).await;
    assert!(made["lifecycleNotificationUrl"].is_null());
    let longer = json!({ "expirationDateTime": bench.later(2 * HOUR) });
    let answer = bench.desk.patch(&format!("/subscriptions/{}", id(&made)), longer).await;
    assert_eq!(code(&answer), refusal(400, "InvalidRequest"), "nor can it be had later");
}

#[tokio::test]
async fn the_same_application_resource_and_changes_are_a_conflict() {
    let bench = Bench::new().await;
    bench.subscribe(json!({})).await;
    for same in [
        json!({}),
        json!({ "resource": "/me/messages" }),
        json!({ "changeType": "deleted, created,updated" }),
    ] {
        assert_eq!(refused(&bench, same).await, refusal(409, "Conflict"));
    }
    bench.subscribe(json!({ "changeType": "created" })).await;
    bench.subscribe(json!({ "resource": "me/events" })).await;
    let app = bench.app_token().await;
    let other = bench.body(json!({ "resource": format!("users/{ALEX}/messages") }));
    assert_eq!(bench.call_as(&app, "POST", "/subscriptions", other).await.status, 201);
}

#[tokio::test]
async fn a_mailbox_has_a_quota_over_all_applications() {
    let bench = Bench::new().await;
    bench.control("notifications", json!({ "per_mailbox": 1, "hold": true })).await;
    bench.subscribe(json!({})).await;
    let more = json!({ "changeType": "created" });
    assert_eq!(refused(&bench, more).await, refusal(403, "ExtensionError"));
}

#[tokio::test]
async fn the_read_scope_of_the_resource_is_needed() {
    let bench = Bench::new().await;
    let table = [
        ("Mail.ReadBasic", "me/messages", 201),
        ("Mail.Read", "me/events", 403),
        ("Calendars.ReadBasic", "me/events", 201),
        ("Calendars.Read", "me/mailFolders('inbox')/messages", 403),
        ("User.Read", "me/messages", 403),
    ];
    for (scope, resource, status) in table {
        bench.play().stage.reset(1);
        let token = bench.token(ALEX, scope).await;
        let body = bench.body(json!({ "resource": resource }));
        let answer = bench.call_as(&token, "POST", "/subscriptions", body).await;
        assert_eq!(answer.status, status, "{scope} {resource}: {}", answer.text);
        if status == 403 {
            assert_eq!(code(&answer), refusal(403, "ExtensionError"));
        }
    }
}

#[tokio::test]
async fn a_user_subscribes_to_the_own_mailbox_only_and_an_application_to_any() {
    let bench = Bench::new().await;
    let of_alex = json!({ "resource": format!("users/{ALEX}/messages") });
    assert_eq!(refused(&bench, of_alex.clone()).await, refusal(403, "ExtensionError"));
    let own = format!("users/{}/messages", crate::play::ADELE);
    bench.subscribe(json!({ "resource": own })).await;
    let app = bench.app_token().await;
    let made = bench.call_as(&app, "POST", "/subscriptions", bench.body(of_alex)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let me = bench.call_as(&app, "POST", "/subscriptions", bench.body(json!({}))).await;
    assert_eq!(code(&me), refusal(400, "BadRequest"));
    let nobody = json!({ "resource": "users/nobody@contoso.example/messages" });
    assert_eq!(refused(&bench, nobody).await.0, 404);
}

#[tokio::test]
async fn a_subscription_is_seen_by_its_application_and_user_only() {
    let bench = Bench::new().await;
    let made = bench.subscribe(json!({})).await;
    let path = format!("/subscriptions/{}", id(&made));
    let seen = bench.desk.get(&path).await.ok();
    assert_same_shape("subscription", &made, &seen);
    assert_eq!(bench.desk.get("/subscriptions").await.ok()["value"][0]["id"], made["id"]);

    let alex = bench.token(ALEX, "Mail.Read").await;
    let app = bench.app_token().await;
    for other in [&alex, &app] {
        let list = bench.call_as(other, "GET", "/subscriptions", Value::Null).await.ok();
        assert_eq!(list["value"], json!([]));
        for (method, path, body) in [
            ("GET", path.clone(), Value::Null),
            ("PATCH", path.clone(), json!({ "expirationDateTime": bench.later(HOUR) })),
            ("POST", format!("{path}/reauthorize"), Value::Null),
            ("DELETE", path.clone(), Value::Null),
        ] {
            let answer = bench.call_as(other, method, &path, body).await;
            assert_eq!(code(&answer), refusal(404, "ResourceNotFound"), "{method} {path}");
        }
    }
    assert_eq!(bench.desk.delete(&path).await.status, 204);
    assert_eq!(code(&bench.desk.get(&path).await), refusal(404, "ResourceNotFound"));
    assert_eq!(code(&bench.desk.delete(&path).await), refusal(404, "ResourceNotFound"));
}

#[tokio::test]
async fn an_expired_subscription_is_gone() {
    let bench = Bench::new().await;
    let made = bench.subscribe(json!({ "expirationDateTime": bench.later(50 * 60) })).await;
    bench.play().advance(49 * 60);
    let path = format!("/subscriptions/{}", id(&made));
    assert_eq!(bench.desk.get(&path).await.status, 200);
    bench.play().advance(2 * 60);
    assert_eq!(code(&bench.desk.get(&path).await), refusal(404, "ResourceNotFound"));
}
