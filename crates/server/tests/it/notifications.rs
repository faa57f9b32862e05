//! What providers tell comes in at addresses that nobody else knows.

use axum::body::Body;
use evergrant::Clock;
use evergrant::clock::later;
use evergrant::feed::FeedKind;
use evergrant::provider::ProviderKey;
use evergrant::store::{HINT_GAP, SyncStore};
use evergrant_server::problem::Code;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::acme::CALENDAR;
use crate::app::{TestApp, at};

/// A server whose one account is subscribed to: the integration's id, and the subscription's id, path and
/// state.
async fn subscribed() -> (TestApp, String, (String, String, String)) {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let offer = [(ProviderKey::from(CALENDAR), FeedKind::Calendar)];
    t.store.enrol(0, &offer).await.unwrap();
    t.subscribe();
    loop {
        let rows = t.store.subscriptions(id.parse().unwrap()).await.unwrap();
        if rows.iter().any(|row| row.subscription.is_some()) {
            break;
        }
        tokio::task::yield_now().await;
    }
    // The hint that follows is taken, too.
    t.settle().await;
    let told = t.acme.shelf(|shelf| shelf.told[0].clone());
    (t, id, told)
}

/// Whether the feed is to be read now.
/// Whether it is due as soon as hints let it be.
async fn is_due(t: &TestApp) -> bool {
    let soon = later(t.clock.now(), HINT_GAP);
    t.store.next_feed().await.unwrap().is_some_and(|due| due <= soon)
}

/// Nothing but a hint makes the feed due from now on.
async fn rest(t: &TestApp, id: &str) {
    while is_due(t).await {
        t.copy(id, FeedKind::Calendar, Vec::new()).await;
    }
}

#[tokio::test]
async fn a_handshake_is_given_back_as_plain_text_and_nothing_else() {
    let (t, _, (_, path, _)) = subscribed().await;
    for (sent, text) in [
        ("hello", "hello"),
        ("%3Cscript%3Ealert(1)%3C%2Fscript%3E", "<script>alert(1)</script>"),
        ("%3Csvg%20onload%3Dalert(1)%3E", "<svg onload=alert(1)>"),
        ("%2BADw-script%2BAD4-", "+ADw-script+AD4-"),
        ("%253Cb%253E", "%3Cb%3E"),
        ("javascript%3Aalert(1)%2F%2F", "javascript:alert(1)//"),
    ] {
        for path in [path.as_str(), path.trim_end_matches('/')] {
            let url = format!("{path}?hello={sent}");
            let answer = t.anon.send(Method::POST, &url, None).await.expect(200);
            assert_eq!(answer.text(), text);
            assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert!(answer.header("content-security-policy").contains("default-src 'none'"));
            // No browser can be led to it with a link.
            t.anon.get(&url).await.problem(Code::MethodNotAllowed);
        }
    }
}

#[tokio::test]
async fn what_is_believed_cannot_be_told_from_what_is_not() {
    let (t, id, (subscription, path, state)) = subscribed().await;
    let note =
        |subscription: &str, state: &str| json!({ "subscription": subscription, "state": state });
    let good = note(&subscription, &state);
    let forged = [note(&subscription, "guessed"), note("sub-9", &state), json!(7)];
    rest(&t, &id).await;
    let refused = t.anon.post(&path, Value::from(forged.to_vec())).await.expect(202);
    assert!(!is_due(&t).await);
    let mut mixed = forged.to_vec();
    mixed.push(good);
    let taken = t.anon.post(&path, Value::from(mixed)).await.expect(202);
    assert!(is_due(&t).await);
    assert_eq!(taken.anonymous(), refused.anonymous());
    assert!(taken.body.is_empty());
    let audited = t.logged().matches("a notification was not believed").count();
    assert_eq!(audited, 4, "two reasons, twice");
}

#[tokio::test]
async fn an_address_that_is_none_is_a_path_that_leads_nowhere() {
    let (t, _, (_, path, _)) = subscribed().await;
    let made_up = format!("/api/notifications/{CALENDAR}/{}/", "a".repeat(55));
    let short = format!("/api/notifications/{CALENDAR}/a/");
    let strange = format!("/api/notifications/{CALENDAR}/%FF/");
    let elsewhere = path.replace(CALENDAR, "acme_bank");
    let large = json!("x".repeat(2 << 20));
    for (query, body) in [("", json!([])), ("?hello=x", json!(7)), ("", large)] {
        let nowhere = t.anon.post(&format!("/api/nowhere/at/all/{query}"), body.clone()).await;
        nowhere.problem(Code::NotFound);
        for path in [&made_up, &short, &strange, &elsewhere] {
            let answer = t.anon.post(&format!("{path}{query}"), body.clone()).await;
            assert_eq!(answer.anonymous(), nowhere.anonymous(), "{path}");
        }
    }
}

#[tokio::test]
async fn what_is_no_word_is_refused_and_what_cannot_be_kept_comes_again() {
    let (t, id, (subscription, path, state)) = subscribed().await;
    rest(&t, &id).await;
    for body in ["", "{", "null", "{}"] {
        let request = Request::post(&path).body(Body::from(body)).unwrap();
        t.anon.request(request).await.problem(Code::InvalidRequest);
    }
    t.anon.post(&path, json!("x".repeat(1 << 20))).await.problem(Code::BodyTooLarge);
    assert!(!is_due(&t).await);
    t.store.close().await;
    let good = json!([{ "subscription": subscription, "state": state }]);
    t.anon.post(&path, good).await.problem(Code::StorageUnavailable);
}

#[tokio::test]
async fn a_disconnect_ends_the_subscription_first() {
    let (t, id, (subscription, path, _)) = subscribed().await;
    t.acme.done();
    t.bob.delete(&at(&id, "")).await.expect(404);
    assert_eq!(t.acme.done(), [""; 0]);
    t.alice.delete(&at(&id, "")).await.expect(204);
    assert_eq!(t.acme.done(), [format!("unsubscribe {subscription}")]);
    t.enrol().await;
    t.anon.post(&path, json!([])).await.problem(Code::NotFound);
}
