//! Renewal, and the token that covers a subscription (contract, 8.1 and 8.3).

use serde_json::{Value, json};

use super::{Bench, HOUR, change, id};
use crate::mail::{code, refusal};
use crate::play::ADELE;

#[tokio::test]
async fn a_renewal_moves_the_end_and_nothing_else_can_be_changed() {
    let bench = Bench::new().await;
    let made = bench.subscribe(json!({})).await;
    let path = format!("/subscriptions/{}", id(&made));
    let later = bench.later(48 * HOUR);
    let renewed = bench.desk.patch(&path, json!({ "expirationDateTime": later })).await.ok();
    assert_ne!(renewed["expirationDateTime"], made["expirationDateTime"]);
    for fixed in [
        json!({ "resource": "me/events" }),
        json!({ "changeType": "created" }),
        json!({ "clientState": "another" }),
        json!({ "lifecycleNotificationUrl": format!("{}/x", bench.receiver.url) }),
        json!({}),
    ] {
        let answer = bench.desk.patch(&path, fixed.clone()).await;
        assert_eq!(code(&answer), refusal(400, "InvalidRequest"), "{fixed}");
    }
    let too_late = json!({ "expirationDateTime": bench.later(10_081 * 60) });
    assert_eq!(code(&bench.desk.patch(&path, too_late).await), refusal(400, "ExtensionError"));
}

#[tokio::test]
async fn renewing_needs_the_read_scope_again() {
    let bench = Bench::new().await;
    let made = bench.subscribe(json!({})).await;
    bench.play().change(ADELE, "remove-consent").await;
    let poor = bench.token(ADELE, "User.Read").await;
    let path = format!("/subscriptions/{}", id(&made));
    let end = json!({ "expirationDateTime": bench.later(2 * HOUR) });
    for (method, path, body) in
        [("PATCH", path.clone(), end), ("POST", format!("{path}/reauthorize"), Value::Null)]
    {
        let answer = bench.call_as(&poor, method, &path, body).await;
        assert_eq!(code(&answer), refusal(403, "ExtensionError"), "{method}");
    }
}

#[tokio::test]
async fn delivery_pauses_when_the_token_has_lapsed_until_it_is_reauthorized() {
    for by_patch in [false, true] {
        let bench = Bench::new().await;
        let made = bench.subscribe(json!({})).await;
        // Longer than any token lives, and its grace.
        bench.play().advance(90 * 60 + 15 * 60 + 1);
        let (arrived, _) = bench.arrives(json!({ "subject": "Late" })).await;
        let flushed = bench.flush().await;
        assert_eq!(flushed["waiting"], 1, "{flushed}");
        assert!(bench.receiver.got().iter().all(|got| got.path == "/lifecycle"));

        let token = bench.token(ADELE, SCOPE_NOW).await;
        let path = format!("/subscriptions/{}", id(&made));
        let answer = if by_patch {
            let end = json!({ "expirationDateTime": bench.later(2 * HOUR) });
            bench.call_as(&token, "PATCH", &path, end).await
        } else {
            bench.call_as(&token, "POST", &format!("{path}/reauthorize"), Value::Null).await
        };
        assert_eq!(answer.status, if by_patch { 200 } else { 204 });
        assert_eq!(bench.told().await, [change("created", &arrived)]);
    }
}

const SCOPE_NOW: &str = "User.Read Mail.ReadWrite";

#[tokio::test]
async fn a_token_that_has_just_lapsed_still_covers() {
    let bench = Bench::new().await;
    bench.control("notifications", json!({ "hold": true, "grace_seconds": 24 * HOUR })).await;
    bench.subscribe(json!({})).await;
    bench.play().advance(2 * HOUR);
    let (arrived, _) = bench.arrives(json!({ "subject": "In time" })).await;
    bench.flush().await;
    let items = bench.receiver.items();
    assert!(items.iter().any(|item| item["resourceData"]["id"] == arrived.as_str()), "{items:?}");
}

#[tokio::test]
async fn delivery_pauses_when_the_sessions_are_revoked_or_the_consent_is_taken_back() {
    for loss in ["revoke-sessions", "revoke-access-tokens", "remove-consent", "disable"] {
        let bench = Bench::new().await;
        bench.subscribe(json!({})).await;
        bench.play().change(ADELE, loss).await;
        bench.arrives(json!({ "subject": "Unseen" })).await;
        assert_eq!(bench.flush().await["waiting"], 1, "{loss}");
        let got = bench.receiver.got();
        assert!(got.iter().all(|got| got.path == "/lifecycle"), "{loss}: {got:?}");
        assert_eq!(got[0].items()[0]["lifecycleEvent"], "reauthorizationRequired", "{loss}");
    }
}

#[tokio::test]
async fn what_waits_four_hours_for_a_token_is_dropped() {
    let bench = Bench::new().await;
    bench.subscribe(json!({})).await;
    bench.play().change(ADELE, "revoke-access-tokens").await;
    bench.arrives(json!({ "subject": "Unseen" })).await;
    bench.play().advance(4 * HOUR + 1);
    let flushed = bench.flush().await;
    assert_eq!(flushed["waiting"], 0, "{flushed}");
    let dropped = flushed["deliveries"].as_array().unwrap().iter();
    assert_eq!(dropped.filter(|one| one["outcome"] == "dropped").count(), 1, "{flushed}");
}

#[tokio::test]
async fn the_two_ways_to_renew_within_ten_minutes_are_noted() {
    let bench = Bench::new().await;
    let path = format!("/subscriptions/{}", id(&bench.subscribe(json!({})).await));
    let noted = async || {
        bench.control("subscriptions", json!({})).await["subscriptions"][0]["renewals_too_close"]
            .clone()
    };
    let renew = async || {
        let end = json!({ "expirationDateTime": bench.later(2 * HOUR) });
        bench.desk.patch(&path, end).await.ok();
    };
    renew().await;
    renew().await;
    assert_eq!(noted().await, 0, "the same way twice is no harm");
    bench.play().advance(9 * 60);
    bench.desk.post(&format!("{path}/reauthorize"), Value::Null).await;
    assert_eq!(noted().await, 1);
    bench.play().advance(11 * 60);
    renew().await;
    assert_eq!(noted().await, 1);
}
