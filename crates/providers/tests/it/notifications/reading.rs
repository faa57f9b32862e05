//! What comes, whoever sent it.

use std::collections::BTreeSet;

use bytes::Bytes;
use evergrant::notification::{NotWord, Note, NoteEvent, Word};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{provider, registration};
use crate::graph::example;
use crate::script::{Script, now};

async fn read_at(at: Timestamp, query: Option<&str>, body: &str) -> Result<Word, NotWord> {
    let provider = provider(registration(None));
    let body = Bytes::copy_from_slice(body.as_bytes());
    // Nobody is asked anything.
    provider.notifications().unwrap().read(&Script::default(), at, query, &body, &|_, _| true).await
}

async fn notes(body: &Value) -> Vec<Note> {
    match read_at(now(), None, &body.to_string()).await {
        Ok(Word::Notes(notes)) => notes,
        other => panic!("{other:?}"),
    }
}

fn recorded(name: &str) -> Value {
    example(name)["request"]["body"].clone()
}

#[tokio::test]
async fn a_handshake_is_answered_with_its_token_decoded_once() {
    let recorded = example("subscription.validation.request");
    let url: url::Url = recorded["request"]["url"].as_str().unwrap().parse().unwrap();
    let expected = example("subscription.validation.response")["response"]["rawBody"].clone();
    for (query, text) in [
        (url.query().unwrap(), expected.as_str().unwrap()),
        ("validationToken=a%2Bb%253Cc", "a+b%3Cc"),
        ("x=1&validationToken=%3Cscript%3Ealert(1)%3C%2Fscript%3E", "<script>alert(1)</script>"),
        ("validationToken=%2BADw-script%2BAD4-&validationToken=second", "+ADw-script+AD4-"),
        ("validationToken=%C3%BC+%E2%82%AC", "ü €"),
    ] {
        let word = read_at(now(), Some(query), "").await;
        assert_eq!(word, Ok(Word::Handshake(text.to_owned())), "{query}");
    }
    let longest = format!("validationToken={}", "a".repeat(4096));
    assert!(read_at(now(), Some(&longest), "").await.is_ok());
    for query in [
        format!("{longest}a"),
        "validationToken=".to_owned(),
        "validationToken=a%0D%0ASet-Cookie:+x".to_owned(),
        "validationToken=%00".to_owned(),
        "validationToken=%C2%85".to_owned(),
        "validationToken=%FF%FE".to_owned(),
    ] {
        assert!(read_at(now(), Some(&query), "").await.is_err(), "{query}");
    }
    // Another word is none.
    assert!(read_at(now(), Some("validationtoken=a"), "").await.is_err());
}

#[tokio::test]
async fn recorded_notifications_are_understood() {
    for (name, events) in [
        ("notification.message.created", vec![NoteEvent::Changed]),
        ("notification.event.updated", vec![NoteEvent::Changed]),
        ("notification.event.deleted", vec![NoteEvent::Changed]),
        ("notification.batched", vec![NoteEvent::Changed; 2]),
        ("lifecycle.missed", vec![NoteEvent::Missed]),
        ("lifecycle.reauthorizationRequired", vec![NoteEvent::Expiring]),
        ("lifecycle.subscriptionRemoved", vec![NoteEvent::Removed]),
    ] {
        let notes = notes(&recorded(name)).await;
        assert_eq!(notes.iter().map(|note| note.event).collect::<Vec<_>>(), events, "{name}");
        for note in &notes {
            assert_eq!(note.subscription, "7f105c7d-2dc5-4530-97cd-4e7ae6534c07", "{name}");
            assert_eq!(note.state.as_ref().unwrap().expose(), "FAKE-SECRET-CLIENT-STATE");
            assert_eq!(note.tenant.as_deref(), Some("aaaabbbb-0000-cccc-1111-dddd2222eeee"));
            assert_eq!(note.doubt, None, "{name}");
        }
    }
}

#[tokio::test]
async fn one_bad_element_spoils_no_other() {
    let good = recorded("notification.message.created")["value"][0].clone();
    let mut strange = good.clone();
    strange["lifecycleEvent"] = json!("tomorrow");
    let mut nobodys = good.clone();
    nobodys.as_object_mut().unwrap().remove("clientState");
    nobodys["tenantId"] = json!("");
    let bad = [json!(null), json!(7), json!([]), json!({}), json!({ "subscriptionId": 7 })];
    let mut all = vec![good.clone(), strange, nobodys];
    for bad in bad {
        all.extend([bad, good.clone()]);
    }
    let notes = notes(&json!({ "value": all, "more": 1 })).await;
    assert_eq!(notes.len(), 13);
    assert_eq!(notes.iter().filter(|note| note.doubt.is_none()).count(), 8);
    assert_eq!(notes[1].event, NoteEvent::Unknown);
    assert_eq!((&notes[2].state, &notes[2].tenant), (&None, &None));
}

#[tokio::test]
async fn what_is_no_notification_at_all_is_refused_whole() {
    let many = json!({ "value": vec![json!({}); 1001] }).to_string();
    let long = json!({ "value": [], "padding": "x".repeat(1 << 20) }).to_string();
    let deep = "[".repeat(100_000);
    for body in
        ["", "{", "null", "[]", "{}", r#"{"value":{}}"#, r#"{"value":null}"#, &many, &long, &deep]
    {
        assert!(read_at(now(), None, body).await.is_err(), "{body:.40}");
    }
    assert_eq!(read_at(now(), None, r#"{"value":[]}"#).await, Ok(Word::Notes(vec![])));
}

#[tokio::test]
async fn the_same_notification_has_the_same_digest_and_no_other_has() {
    let body = recorded("notification.message.created");
    let later = now() + SignedDuration::from_hours(3);
    let at = |at: Timestamp, body: &Value| {
        let body = body.to_string();
        async move {
            match read_at(at, None, &body).await {
                Ok(Word::Notes(notes)) => notes[0].digest,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(at(now(), &body).await, at(later, &body).await);
    let mut digests = BTreeSet::from([at(now(), &body).await]);
    for (pointer, value) in [
        ("/subscriptionId", json!("another")),
        ("/changeType", json!("updated")),
        ("/resource", json!("Users/a/Messages/b")),
        ("/resourceData/id", json!("b")),
        ("/resourceData/@odata.etag", json!("W/\"2\"")),
        ("/subscriptionExpirationDateTime", json!("2026-10-09T09:00:00+00:00")),
    ] {
        let mut other = body.clone();
        *other["value"][0].pointer_mut(pointer).unwrap() = value;
        assert!(digests.insert(at(now(), &other).await), "{pointer}");
    }
    // Lost notifications twice in a day are two events; a delivery that is repeated is one.
    let missed = recorded("lifecycle.missed");
    assert_eq!(at(now(), &missed).await, at(now() + SignedDuration::from_secs(9), &missed).await);
    assert_ne!(at(now(), &missed).await, at(later, &missed).await);
}

#[test]
fn personal_accounts_are_of_no_organisation_that_is_known() {
    let provider = provider(registration(None));
    let notifications = provider.notifications().unwrap();
    let account =
        |id: &str| evergrant::Account { id: id.to_owned(), name: String::new(), username: None };
    let tenant = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
    assert_eq!(notifications.tenant(&account(&format!("{tenant}.o-1"))), Some(tenant));
    let personal = account("9188040d-6c67-4c5b-b112-36a304b66dad.o-1");
    assert_eq!(notifications.tenant(&personal), None);
}
