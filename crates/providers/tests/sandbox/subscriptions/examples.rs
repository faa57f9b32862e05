//! Every example payload of the contract about subscriptions: the sandbox takes the requests, and what it answers
//! and sends has the same members, types, statuses and headers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rich::{Pair, with_data};
use super::{Bench, Manner, id};
use crate::play::{ADELE, Answer, assert_like, assert_same_shape, fixture};

/// Examples that other tests compare, by the file of the test.
const ELSEWHERE: &[&str] = &[
    "notification.ack",                 // what a receiver answers: delivery
    "notification.rich.decrypted",      // rich
    "subscription.validation.request",  // handshake
    "subscription.validation.response", // what a receiver answers: handshake
    "validationtoken.decoded",          // rich
];

struct Examples {
    bench: Bench,
    used: BTreeSet<String>,
}

impl Examples {
    async fn new() -> Self {
        Self { bench: Bench::new().await, used: BTreeSet::new() }
    }

    /// The body of an example's request, for this receiver and this day.
    fn body(&mut self, example: &str) -> Value {
        self.used.insert(example.to_owned());
        let mut body = fixture(&format!("subscriptions/{example}"))["request"]["body"].clone();
        for (name, path) in
            [("notificationUrl", "/notify"), ("lifecycleNotificationUrl", "/lifecycle")]
        {
            if body.get(name).is_some() {
                body[name] = json!(format!("{}{path}", self.bench.receiver.url));
            }
        }
        let end = self.bench.play().stage.now() + std::time::Duration::from_hours(20);
        body["expirationDateTime"] = json!(end.strftime("%Y-%m-%dT%H:%M:%S.0000000Z").to_string());
        body
    }

    /// Compares an answer with an example, down to the headers.
    fn answer(&mut self, example: &str, answer: &Answer) {
        self.used.insert(example.to_owned());
        let path = format!("subscriptions/{example}");
        let expected = &fixture(&path)["response"];
        if expected.get("body").is_some() {
            assert_like(&path, answer);
            let error =
                |body: &Value| (body["error"]["code"].clone(), body["error"]["message"].clone());
            assert_eq!(error(&expected["body"]), error(&answer.json), "{example}");
            return;
        }
        assert_eq!(expected["status"], answer.status, "{example}: {}", answer.text);
        for header in expected["headers"].as_object().unwrap().keys() {
            assert!(answer.head.contains_key(header.as_str()), "{example}: {header}");
        }
    }

    /// Compares what was sent with an example.
    fn sent(&mut self, example: &str, got: &super::Got) {
        self.used.insert(example.to_owned());
        let request = &fixture(&format!("subscriptions/{example}"))["request"];
        assert_same_shape(example, &request["body"], &got.json());
        assert_eq!(request["headers"]["Content-Type"], got.kind.as_str(), "{example}");
        let expected = &request["body"]["value"][0];
        for name in ["changeType", "lifecycleEvent"] {
            assert_eq!(expected[name], got.items()[0][name], "{example}");
        }
        let form = |item: &Value, of: &str| {
            let mut text = item[of].as_str().unwrap_or_default().to_owned();
            for id in [&item["resourceData"]["id"], &json!("aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb")]
            {
                text = text.replace(id.as_str().unwrap_or_default(), "…");
            }
            let digits =
                |c: char| if c.is_ascii_digit() && of.ends_with("DateTime") { '0' } else { c };
            text.chars().map(digits).collect::<String>()
        };
        for of in ["resource", "subscriptionExpirationDateTime"] {
            assert_eq!(form(expected, of), form(&got.items()[0], of), "{example}");
        }
    }

    async fn post(&self, body: Value) -> Answer {
        self.bench.desk.post("/subscriptions", body).await
    }

    async fn flushed(&self) -> super::Got {
        self.bench.flush().await;
        let mut got = self.bench.receiver.got();
        assert_eq!(got.len(), 1, "{got:?}");
        got.remove(0)
    }
}

#[tokio::test]
async fn every_example_of_subscriptions_is_played() {
    let mut all = Examples::new().await;
    calls(&mut all).await;
    notifications(&mut all).await;
    rich(&mut all).await;
    refusals(&mut all).await;

    let folder = format!("{}/src/microsoft/fixtures/subscriptions", env!("CARGO_MANIFEST_DIR"));
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let name = file.trim_end_matches(".json");
        assert!(all.used.contains(name) || ELSEWHERE.contains(&name), "nobody looks at {name}");
    }
}

async fn calls(all: &mut Examples) {
    let body = all.body("subscription.create.request");
    let made = all.post(body).await;
    all.answer("subscription.create.response", &made);
    let path = format!("/subscriptions/{}", id(&made.json));
    let location = format!("{}/v1.0/subscriptions('{}')", crate::play::BASE, id(&made.json));
    assert_eq!(made.header("location"), location);
    let list = all.bench.desk.get("/subscriptions").await;
    all.answer("subscription.list.response", &list);
    let renewal = all.body("subscription.renew.request");
    let renewed = all.bench.desk.patch(&path, renewal).await;
    all.answer("subscription.renew.response", &renewed);
    all.used.insert("subscription.reauthorize.request".to_owned());
    let again = all.bench.desk.post(&format!("{path}/reauthorize"), Value::Null).await;
    all.answer("subscription.reauthorize.response", &again);
    let deleted = all.bench.desk.delete(&path).await;
    all.answer("subscription.delete.response", &deleted);
    let gone = all.bench.desk.get(&path).await;
    all.answer("subscription.error.404", &gone);
    all.bench.receiver.got();
}

async fn notifications(all: &mut Examples) {
    let body = all.body("subscription.create.request");
    assert_eq!(all.post(body).await.status, 201);
    let body = all.body("subscription.create.events.request");
    let events = all.post(body).await;
    assert_eq!(events.status, 201);
    all.bench.receiver.got();
    all.bench.arrives(json!({ "subject": "Hello" })).await;
    let got = all.flushed().await;
    all.sent("notification.message.created", &got);
    all.bench.arrives(json!({ "subject": "One" })).await;
    all.bench.arrives(json!({ "subject": "Two" })).await;
    let got = all.flushed().await;
    assert_eq!(got.items().len(), 2);
    all.sent("notification.batched", &got);
    let event = all.bench.control(&format!("users/{ADELE}/events"), crate::calendar::lunch()).await;
    all.flushed().await;
    let path = format!("users/{ADELE}/{}", crate::calendar::event(&event["id"]));
    all.bench.control(&format!("{path}/change"), json!({ "subject": "Dinner" })).await;
    let got = all.flushed().await;
    all.sent("notification.event.updated", &got);
    all.bench.control(&format!("{path}/delete"), json!({})).await;
    let got = all.flushed().await;
    all.sent("notification.event.deleted", &got);
    for event in ["missed", "reauthorizationRequired", "subscriptionRemoved"] {
        let path = format!("subscriptions/{}/lifecycle", id(&events.json));
        all.bench.control(&path, json!({ "event": event })).await;
        let got = all.flushed().await;
        all.sent(&format!("lifecycle.{event}"), &got);
    }
}

async fn rich(all: &mut Examples) {
    let pair = Pair::new();
    let mut body = all.body("subscription.create.rich.request");
    body["encryptionCertificate"] = json!(pair.certificate);
    let made = all.post(body).await;
    all.answer("subscription.create.rich.response", &made);
    // Of two subscriptions to the same message, the one with data is looked at.
    all.bench.play().stage.reset(1);
    let mut again = Bench::new().await;
    std::mem::swap(&mut all.bench, &mut again);
    let body = with_data(&all.bench, &pair);
    all.bench.subscribe(body).await;
    all.bench.arrives(json!({ "subject": "Hello" })).await;
    let got = all.flushed().await;
    all.sent("notification.rich", &got);
}

async fn refusals(all: &mut Examples) {
    let body = all.body("subscription.create.request");
    assert_eq!(all.post(body.clone()).await.status, 201);
    let twice = all.post(body.clone()).await;
    all.answer("subscription.create.error.409", &twice);
    let mut late = body.clone();
    late["expirationDateTime"] = json!(all.bench.later(8 * 24 * super::HOUR));
    let late = all.post(late).await;
    all.answer("subscription.create.error.expiration", &late);
    let mut other = body.clone();
    other["resource"] = json!("users/alex@contoso.example/messages");
    let other = all.post(other).await;
    all.answer("subscription.create.error.403", &other);
    all.bench.receiver.behaves(Manner::Other);
    let mut created = body;
    created["changeType"] = json!("created");
    let refused = all.post(created).await;
    all.answer("subscription.create.error.validation", &refused);
}
