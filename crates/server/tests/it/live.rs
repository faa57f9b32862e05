//! What holds for every operation on an account's own things.

use std::time::Duration;

use axum::body::Body;
use evergrant::{CallError, Denial};
use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::acme::{BANK, LIFE, revoked};
use crate::app::{CALLBACK, TestApp, at};
use crate::reference::API;
use crate::shelf::{id as item, refusal, segment};
use crate::snapshot;

/// One operation of each capability.
const ANY: [(&str, &str); 5] = [
    ("GET", "calendars/"),
    ("GET", "folders/"),
    ("GET", "meetings/mtg%2F1%2Ba%3D/"),
    ("GET", "markets/navigation/"),
    ("GET", "positions/"),
];

#[tokio::test]
async fn a_provider_without_it_does_not_offer_it() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": BANK })).await;
    let fields = json!({ "login": "adele", "password": "hunter2-of-adele" });
    let body = json!({ "provider": BANK, "state": state, "fields": fields });
    let bank = t.alice.post(CALLBACK, body).await.expect(201).json();
    let bank = bank["id"].as_str().unwrap();
    for (path, what) in ANY.map(|(_, path)| path).into_iter().zip([
        "calendar",
        "mailbox",
        "online meetings",
        "markets",
        "trading",
    ]) {
        let problem = t.alice.get(&at(bank, path)).await.problem(Code::NotOffered);
        assert_eq!(problem["detail"], format!("Acme Bank has no {what}."));
    }
    let new = json!({ "to": [{ "email": "alex@example.com" }] });
    t.alice.post(&at(bank, "email-messages/"), new).await.problem(Code::NotOffered);
}

#[tokio::test]
async fn whoever_must_reconnect_gets_the_link() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.pass(LIFE);
    t.acme.refuse(revoked());
    for (_, path) in ANY {
        let problem = t.alice.get(&at(&id, path)).await.problem(Code::ReconnectRequired);
        assert!(problem["reconnect_url"].is_string(), "{path}");
    }
    let new = json!({ "subject": "x", "start_time": "2026-03-27", "end_time": "2026-03-28" });
    let problem = t.alice.post(&at(&id, "calendar-events/"), new).await;
    assert!(problem.problem(Code::ReconnectRequired)["reconnect_url"].is_string());
}

#[tokio::test]
async fn a_missing_permission_names_what_is_needed_and_the_link_that_asks_for_it() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let needed = vec!["calendar.write".to_owned()];
    let message = "The user has not granted calendar.write.";
    t.acme.deny(refusal(Denial::MissingScope { needed }, "missing_scope", message));
    let problem = t.alice.get(&at(&id, "calendars/")).await.problem(Code::MissingScope);
    assert_eq!(problem["scopes"], json!(["calendar.write"]));
    let link = problem["reconnect_url"].as_str().unwrap();
    let path = link.strip_prefix("https://grants.example.com").unwrap();
    t.anon.get(path).await.expect(303);
}

#[tokio::test]
async fn what_cannot_be_is_pointed_at() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    for (path, body, pointer) in [
        ("calendar-events/", json!({ "start_time": "2026-03-27", "end_time": "x" }), "/end_time"),
        (
            "calendar-events/",
            json!({ "subject": "x", "start_time": "2026-03-27T09:00:00", "end_time": "2026-03-27T10:00:00" }),
            "/start_time",
        ),
        (
            "email-messages/",
            json!({ "attachments": [{ "name": "x", "content": "%" }] }),
            "/attachments/0/content",
        ),
        ("meetings/", json!({ "subject": "x", "time_zone": "Berlin" }), "/time_zone"),
        ("positions/", json!({ "epic": "x", "direction": "buy", "size": 0 }), "/size"),
        ("positions/", json!({ "epic": "x", "direction": "buy", "size": "1" }), "/size"),
        ("positions/", json!({ "epic": "x", "direction": 1, "size": 1 }), "/direction"),
        ("positions/pos/close/", json!({ "part": 1 }), "/part"),
        ("orders/", json!({ "epic": "x", "level": {} }), "/level"),
        ("watchlists/", json!({ "name": " " }), "/name"),
        ("watchlists/lst/markets/", json!({ "epic": null }), "/epic"),
        ("availability/", json!({ "emails": ["a"], "interval": 5 }), "/interval"),
    ] {
        let problem = t.alice.post(&at(&id, path), body).await.problem(Code::InvalidRequest);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem:#}");
    }
    for (query, pointer) in [
        ("calendar-events/?start_date=yesterday", "start_date"),
        ("calendar-events/?start_date=2026-03-27T09:00:00", "start_date"),
        ("calendar-events/?start_date=2026-03-27&end_date=2026-03-26", "end_date"),
        ("calendar-events/?time_zone=Berlin", "time_zone"),
        ("calendar-events/?limit=0", "limit"),
        ("email-messages/?limit=201", "limit"),
        ("email-messages/?is_read=perhaps", "is_read"),
        ("email-messages/?since=2026-03-27&until=2026-03-26", "until"),
        ("email-messages/?cursor=%25", "cursor"),
        ("email-messages/?cursor=", "cursor"),
        ("email-messages/?page=2", "page"),
        ("markets/?search=", "search"),
        ("markets/sentiment/?markets=,", "markets"),
        ("markets/x/prices/?from=yesterday", "from"),
        ("markets/x/prices/?from=2026-03-27&to=2026-03-26", "to"),
        ("markets/x/prices/?to=2026-03-26", "from"),
        ("markets/x/prices/?max=0", "max"),
        ("markets/x/prices/?limit=1001", "limit"),
        ("markets/x/prices/?cursor=%25", "cursor"),
        ("history/?limit=0", "limit"),
        ("history/transactions/?from=x", "from"),
        ("positions/?account=", "account"),
        ("orders/?acount=x", "acount"),
    ] {
        let problem = t.alice.get(&at(&id, query)).await.problem(Code::InvalidRequest);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem:#}");
    }
    assert_eq!(t.acme.done(), [""; 0], "something was sent");
}

#[tokio::test]
async fn lists_are_followed_by_their_links_to_the_end() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let span = "start_date=2026-01-01&end_date=2026-01-31&time_zone=Europe/Berlin";
    for (first, kind) in [
        (format!("calendar-events/?{span}&calendar=a%2Bb%26c&limit=2"), "evt"),
        ("email-messages/?folder=inbox&search=a%26b%3D%22c%22&limit=2".to_owned(), "msg"),
    ] {
        let (mut found, mut turned) = (Vec::new(), 0);
        let mut next = Some(at(&id, &first));
        while let Some(url) = next {
            let page = t.alice.get(&url).await.expect(200).json();
            let results = page["results"].as_array().unwrap();
            found.extend(results.iter().map(|each| each["id"].as_str().unwrap().to_owned()));
            let link = page["next"].as_str();
            assert!(!link.is_some_and(|link| link.contains("acme")), "{link:?}");
            let prefix = "https://grants.example.com";
            next = link.map(|link| link.strip_prefix(prefix).unwrap().to_owned());
            turned += 1;
        }
        assert_eq!((found, turned), ((1..=3).map(|n| item(kind, n)).collect(), 2));
        let asked = t.acme.done();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0], asked[1], "the second page was asked for differently");
    }
}

#[tokio::test]
async fn ids_with_any_character_stay_whole() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let event = at(&id, &format!("calendar-events/{}/", segment("evt", 1)));
    for url in [&event, event.trim_end_matches('/'), &event.replace("%2B", "+").replace("%3D", "=")]
    {
        let found = t.alice.get(url).await.expect(200).json();
        assert_eq!(found["id"], "evt/1+a=");
    }
    for wrong in ["evt%2F1%20a%3D", "evt%2F1%252Ba%3D", "%F0%9F%98%80", "..%2F..%2Fme", "a%00b"] {
        let url = at(&id, &format!("calendar-events/{wrong}/"));
        t.alice.get(&url).await.problem(Code::ItemNotFound);
    }
    let not_text = at(&id, "calendar-events/%FF/");
    t.alice.get(&not_text).await.problem(Code::IntegrationNotFound);
    let slash = at(&id, "calendar-events/evt/1+a=/");
    t.alice.get(&slash).await.problem(Code::NotFound);
}

#[tokio::test]
async fn a_change_happens_only_to_the_version_that_was_meant() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    for (kind, list, change) in [
        ("evt", "calendar-events", json!({ "subject": "Other" })),
        ("msg", "email-messages", json!({ "is_read": true })),
    ] {
        let url = at(&id, &format!("{list}/{}/", segment(kind, 1)));
        let read = t.alice.get(&url).await.expect(200);
        let tag = read.header("etag").to_owned();
        assert_eq!(tag, format!("\"{}\"", read.json()["version"].as_str().unwrap()));
        let stale = t.alice.with("if-match", "\"v0\"");
        stale.patch(&url, change.clone()).await.problem(Code::ItemChanged);
        let changed = t.alice.with("if-match", &tag).patch(&url, change.clone()).await.expect(200);
        assert_eq!(changed.header("etag"), "\"v9\"");
        let again = t.alice.with("if-match", &tag);
        again.patch(&url, change.clone()).await.problem(Code::ItemChanged);
        for good in ["v9", "\"v9\"", "*"] {
            t.alice.with("if-match", good).patch(&url, change.clone()).await.expect(200);
        }
        for unclear in ["", "\"v9\", \"v8\"", "\"v9"] {
            let problem = t.alice.with("if-match", unclear).patch(&url, change.clone()).await;
            let problem = problem.problem(Code::InvalidRequest);
            assert_eq!(problem["errors"][0]["pointer"], "If-Match");
        }
    }
    let url = at(&id, &format!("calendar-events/{}/", segment("evt", 2)));
    t.alice.with("if-match", "v0").delete(&url).await.problem(Code::ItemChanged);
    t.alice.with("if-match", "v2+=").delete(&url).await.expect(204);
    t.alice.delete(&url).await.problem(Code::ItemNotFound);
}

#[tokio::test]
async fn a_version_that_could_not_be_kept_to_is_refused() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let below = |list: &str, kind, rest: &str| format!("{list}/{}/{rest}", segment(kind, 1));
    let operations = [
        ("DELETE", below("email-messages", "msg", ""), None),
        ("POST", below("email-messages", "msg", "move/"), Some(json!({ "folder": "archive" }))),
        ("POST", below("email-messages", "msg", "send/"), None),
        ("POST", below("email-messages", "msg", "attachments/"), Some(json!({ "name": "a" }))),
        ("DELETE", below("email-messages", "msg", "attachments/1/"), None),
        ("PATCH", "mailbox-settings/".to_owned(), Some(json!({ "language": "en-US" }))),
        ("POST", below("calendar-events", "evt", "cancel/"), None),
        ("POST", below("calendar-events", "evt", "respond/"), Some(json!({}))),
        ("PATCH", below("meetings", "mtg", ""), Some(json!({ "subject": "x" }))),
        ("POST", below("meetings", "mtg", "cancel/"), None),
        ("DELETE", below("meetings", "mtg", ""), None),
    ];
    for (method, path, body) in operations {
        let caller = t.alice.with("if-match", "\"v1\"");
        let answer = caller.send(method.parse().unwrap(), &at(&id, &path), body.as_ref()).await;
        let problem = answer.problem(Code::InvalidRequest);
        assert_eq!(problem["errors"][0]["pointer"], "If-Match", "{method} {path}");
    }
    assert_eq!(t.acme.done(), [""; 0]);
    // Any version is what it does anyway.
    let url = at(&id, &format!("email-messages/{}/", segment("msg", 1)));
    t.alice.with("if-match", "*").delete(&url).await.expect(204);
}

#[tokio::test]
async fn one_key_names_one_effect() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let message = json!({ "to": [{ "email": "alex@example.com" }], "subject": "Once" });
    let url = at(&id, "email-messages/");
    let same = t.alice.with("idempotency-key", "order-1");
    let first = same.post(&url, message.clone()).await.expect(201);
    let again = same.post(&url, message.clone()).await.expect(201);
    assert_eq!(first.body, again.body);
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(t.acme.done().len(), 1);
    t.alice.with("idempotency-key", "order-2").post(&url, message.clone()).await.expect(201);
    t.alice.post(&url, message.clone()).await.expect(201);
    t.alice.post(&url, message).await.expect(201);
    let distinct: std::collections::BTreeSet<_> = t.acme.done().into_iter().collect();
    assert_eq!(distinct.len(), 3);
    let moved = at(&id, &format!("email-messages/{}/move/", segment("msg", 1)));
    let first = same.with("idempotency-key", "move-1");
    first.post(&moved, json!({ "folder": "archive" })).await.expect(200);
    let again = first.post(&moved, json!({ "folder": "archive" })).await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
}

#[tokio::test]
async fn a_repetition_of_what_may_have_been_done_says_so_to_the_provider() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    for (kind, number, path, body, what) in [
        ("evt", 1, "calendar-events/{}/cancel/", json!({}), "cancel event"),
        ("evt", 2, "calendar-events/{}/respond/", json!({ "response": "accepted" }), "respond"),
        ("msg", 3, "email-messages/{}/send/", Value::Null, "send draft"),
        ("mtg", 1, "meetings/{}/cancel/", json!({}), "cancel meeting"),
    ] {
        let url = at(&id, &path.replace("{}", &segment(kind, number)));
        let post = async || {
            let same = t.alice.with("idempotency-key", &what.replace(' ', "-"));
            same.send(Method::POST, &url, Some(&body).filter(|body| !body.is_null())).await
        };
        let (detail, retry_after) = ("lost".to_owned(), Duration::from_secs(1));
        t.acme.deny(CallError::OutcomeUnknown { detail, retry_after });
        post().await.problem(Code::OutcomeUnknown);
        assert_eq!(t.acme.done(), [""; 0]);
        // That it is gone may be the first attempt's doing: it is no last word.
        t.acme.deny(refusal(Denial::ItemNotFound, "item_not_found", "It is gone."));
        post().await.problem(Code::ItemNotFound);
        assert!(post().await.status.is_success(), "{what}");
        assert_eq!(t.acme.done()[0], format!("again: {what}"));
    }
}

#[tokio::test]
async fn one_key_at_two_items_is_two_effects() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let same = t.alice.with("idempotency-key", "thanks");
    let reply = |n| at(&id, &format!("email-messages/{}/reply/", segment("msg", n)));
    same.post(&reply(1), json!({})).await.expect(201);
    let other = same.post(&reply(2), json!({})).await;
    // Either it is refused or it is done; never is the first answer taken for it.
    assert!(other.status == 201 || other.json()["code"] == Code::IdempotencyKeyReused.name());
    let done = t.acme.done();
    let onces: std::collections::BTreeSet<_> =
        done.iter().filter_map(|d| d.rsplit(' ').next()).collect();
    assert_eq!(onces.len(), done.len(), "{done:?}");
}

#[tokio::test]
async fn names_of_lists_are_no_integrations() {
    let t = TestApp::new().await;
    for list in ["calendar-events", "email-messages", "changes"] {
        t.alice.get(&at(list, "")).await.expect(200);
        for method in [Method::PATCH, Method::DELETE] {
            let answer = t.alice.send(method, &at(list, ""), Some(&json!({ "label": "x" }))).await;
            answer.problem(Code::MethodNotAllowed);
        }
        t.alice.get(&at(list, "token/")).await.problem(Code::IntegrationNotFound);
    }
}

#[tokio::test]
async fn an_unreadable_body_is_refused_before_anything_is_done() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, "email-messages/");
    let text = Request::post(&url).header("content-type", "text/plain");
    t.alice
        .request(text.body(Body::from("hello")).unwrap())
        .await
        .problem(Code::UnsupportedMediaType);
    t.alice
        .send(Method::POST, &at(&id, "meetings/"), None)
        .await
        .problem(Code::UnsupportedMediaType);
    t.alice.post(&url, json!({ "too": [] })).await.problem(Code::InvalidRequest);
    assert_eq!(t.acme.done(), [""; 0]);
}

#[tokio::test]
async fn a_wait_that_the_provider_asks_for_is_handed_on() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.acme.deny(CallError::Throttled { retry_after: Some(Duration::from_secs(17)) });
    let answer = t.alice.get(&at(&id, "folders/")).await;
    answer.problem(Code::ProviderThrottled);
    assert_eq!(answer.header("retry-after"), "17");
    let detail = "the connection broke after the message was sent".to_owned();
    let retry_after = Duration::from_secs(3);
    t.acme.deny(CallError::OutcomeUnknown { detail, retry_after });
    let new = json!({ "to": [{ "email": "alex@example.com" }] });
    snapshot!("problem_outcome_unknown", t.alice.post(&at(&id, "email-messages/"), new).await);
}

#[tokio::test]
async fn a_draft_needs_no_permission_to_send() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let alice = || t.user("alice");
    let (writer, _) = t.key(alice().await, &[Permission::MailWrite]).await;
    let (sender, _) = t.key(alice().await, &[Permission::MailSend]).await;
    let (send, draft) = (at(&id, "email-messages/"), at(&id, "email-messages/?draft=true"));
    let message = || json!({ "to": [{ "email": "alex@example.com" }] });
    writer.post(&draft, message()).await.expect(201);
    assert_eq!(
        writer.post(&send, message()).await.problem(Code::Forbidden)["permission"],
        "mail:send"
    );
    sender.post(&send, message()).await.expect(201);
    assert_eq!(
        sender.post(&draft, message()).await.problem(Code::Forbidden)["permission"],
        "mail:write"
    );
}

/// The members of an example are those of its schema.
#[test]
fn every_example_is_of_its_schema() {
    let text = include_str!("../../src/api/examples.json");
    let examples: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
    let schemas = &API["components"]["schemas"];
    for (name, example) in &examples {
        let schema = schemas.get(name).unwrap_or_else(|| panic!("no schema is called {name}"));
        assert_eq!(&schema["example"], example, "{name}");
        let Some(members) = schema["properties"].as_object() else { continue };
        for given in example.as_object().unwrap().keys() {
            assert!(members.contains_key(given), "{name} has no {given}");
        }
        for needed in schema["required"].as_array().into_iter().flatten() {
            assert!(example.get(needed.as_str().unwrap()).is_some(), "{name} lacks {needed}");
        }
    }
}
