//! What a mailbox can take.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evergrant::Clock;
use evergrant_sandbox::StageConfig;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{ALL, Desk, call, code, mail_to, refusal, token};
use crate::play::{ADELE, ALEX, Impatient, Play, assert_like, config};

/// Longer than the longest window.
const DAYS: Duration = Duration::from_hours(48);

/// A clock whose sleepers sleep until the gate is opened.
#[derive(Default)]
struct Gate(Notify);

#[async_trait]
impl Clock for Gate {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn uptime(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep_until(&self, _: Timestamp) {
        self.0.notified().await;
    }
}

/// A stage where requests are held back until the gate is opened.
async fn gated() -> (Desk, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let play = Play::with(StageConfig { clock: gate.clone(), ..config() });
    let desk = Desk::with(play, ADELE, ALL).await;
    desk.play.fault(json!({ "where": "graph", "times": 200, "do": { "delay_ms": 50 } })).await;
    (desk, gate)
}

#[tokio::test]
async fn two_hundred_at_once_are_too_many() {
    let (desk, gate) = gated().await;
    let all = join_all((0..200).map(|_| desk.get("/me/messages?$top=1")));
    // All have arrived when the second of the two has its turn.
    let (answers, ()) = tokio::join!(all, async { gate.0.notify_waiters() });
    desk.play.stage.forget_faults();
    let ok = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(ok, 4);
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_like("graph/error.429", refused);
    assert_eq!(refused.header("retry-after"), "10");
    assert_eq!(
        refused.json["error"]["message"],
        "Application is over its MailboxConcurrency limit."
    );
    let traffic = desk.play.stage.ledger().traffic(ADELE);
    assert_eq!((traffic.calls, traffic.peak, traffic.refused), (4, 4, 196));
    let shown = desk.play.control("GET", "ledger", &Value::Null).await.ok();
    let shown = &shown["summary"]["mailboxes"][ADELE];
    let expected = json!({ "calls": 4, "peak": 4, "refused": 196, "uploads_with_token": 0 });
    assert_eq!(*shown, expected);
    assert_eq!(desk.get("/me/messages?$top=1").await.status, 200, "all four have ended");
}

#[tokio::test]
async fn each_mailbox_and_each_application_has_its_own_limit() {
    let (desk, gate) = gated().await;
    let alex = token(&desk.play, ALEX, ALL).await;
    let own = join_all((0..4).map(|_| desk.get("/me/messages?$top=1")));
    let other = join_all(
        (0..4).map(|_| call(&desk.play, &alex, "GET", "/me/messages?$top=1", &[], String::new())),
    );
    let directory = join_all((0..8).map(|_| desk.get("/me")));
    let open = async { gate.0.notify_waiters() };
    let (own, other, directory, ()) = tokio::join!(own, other, directory, open);
    for answer in own.iter().chain(&other).chain(&directory) {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert_eq!(desk.play.stage.ledger().traffic(ALEX).peak, 4);
}

#[tokio::test]
async fn requests_are_counted_over_ten_minutes() {
    let clock = Arc::new(Impatient::default());
    let play = Play::with(StageConfig { clock, ..config() });
    let desk = Desk::with(play, ADELE, ALL).await;
    desk.play.direct("microsoft/limits", json!({ "requests": 3 })).await;
    let ask = async || desk.get("/me/mailboxSettings/timeZone").await;
    assert_eq!(ask().await.status, 200);
    desk.play.advance(60);
    assert_eq!(ask().await.status, 200);
    assert_eq!(ask().await.status, 200);
    let refused = ask().await;
    assert_eq!(code(&refused), refusal(429, "ApplicationThrottled"));
    assert_eq!(refused.json["error"]["message"], "Application is over its request limit.");
    // The refused one counts, too: both the first and the second must leave.
    assert_eq!(refused.header("retry-after"), "600");
    desk.play.advance(599);
    assert_eq!(ask().await.status, 429);
    desk.play.advance(1);
    assert_eq!(ask().await.status, 200, "what waits as long as it was told gets through");
}

#[tokio::test]
async fn the_real_number_of_requests_is_ten_thousand() {
    let desk = Desk::new().await;
    let shown = desk.play.control("GET", "world", &Value::Null).await.ok();
    assert_eq!(
        shown["acts"]["microsoft"]["limits"],
        json!({
            "concurrency": 4,
            "retry_after": 10,
            "requests": 10_000,
            "upload_bytes": 150_000_000,
            "messages_per_minute": 30,
            "recipients_per_message": 500,
            "recipients_per_day": 10_000,
        })
    );
}

#[tokio::test]
async fn uploads_are_counted_over_five_minutes() {
    let clock = Arc::new(Impatient::default());
    let play = Play::with(StageConfig { clock, ..config() });
    let desk = Desk::with(play, ADELE, ALL).await;
    desk.play.direct("microsoft/limits", json!({ "upload_bytes": 1_000 })).await;
    let write = async |size: usize| {
        let body = json!({ "subject": "x".repeat(size - r#"{"subject":""}"#.len()) });
        desk.post("/me/messages", body).await.status
    };
    assert_eq!(write(600).await, 201);
    assert_eq!(write(400).await, 201, "the limit itself is allowed");
    assert_eq!(write(100).await, 429);
    assert_eq!(desk.get("/me/messages?$top=1").await.status, 200, "reading is no upload");
    desk.play.advance(299);
    assert_eq!(write(100).await, 429);
    desk.play.advance(1);
    assert_eq!(write(100).await, 201);
}

#[tokio::test]
async fn thirty_messages_are_sent_in_a_minute() {
    let clock = Arc::new(Impatient::default());
    let play = Play::with(StageConfig { clock, ..config() });
    let desk = Desk::with(play, ADELE, ALL).await;
    let send = async || desk.post("/me/sendMail", mail_to("x@fabrikam.example", "x")).await;
    for _ in 0..30 {
        assert_eq!(send().await.status, 202);
    }
    let refused = send().await;
    assert_eq!(code(&refused), refusal(429, "ErrorExceededMessageLimit"));
    assert_eq!(refused.header("retry-after"), "60");
    desk.play.advance(59);
    assert_eq!(send().await.status, 429);
    desk.play.advance(1);
    assert_eq!(send().await.status, 202);

    desk.play.direct("microsoft/limits", json!({ "messages_per_minute": null })).await;
    for _ in 0..40 {
        assert_eq!(send().await.status, 202);
    }
}

/// A message to so many, for `sendMail`.
fn circular(recipients: usize) -> Value {
    let one = |n: usize| json!({ "emailAddress": { "address": format!("x{n}@fabrikam.example") } });
    let mut message = mail_to("x0@fabrikam.example", "x");
    message["message"]["toRecipients"] = (0..recipients).map(one).collect();
    message
}

#[tokio::test]
async fn a_message_has_at_most_five_hundred_recipients() {
    let desk = Desk::new().await;
    assert_eq!(desk.post("/me/sendMail", circular(500)).await.status, 202);
    let refused = desk.post("/me/sendMail", circular(501)).await;
    assert_eq!(code(&refused), refusal(400, "ErrorInvalidRecipients"));
    let draft = desk.post("/me/messages", circular(501)["message"].clone()).await.json;
    let refused = desk.post(&format!("/me/messages/{}/send", super::id(&draft)), Value::Null).await;
    assert_eq!(code(&refused), refusal(400, "ErrorInvalidRecipients"), "a draft may have them");
}

#[tokio::test]
async fn ten_thousand_recipients_are_written_to_in_a_day() {
    let clock = Arc::new(Impatient::default());
    let play = Play::with(StageConfig { clock, access_ttl: Some(DAYS), ..config() });
    let desk = Desk::with(play, ADELE, ALL).await;
    let send = async |recipients| desk.post("/me/sendMail", circular(recipients)).await;
    assert_eq!(send(500).await.status, 202);
    desk.play.advance(60 * 60);
    for _ in 1..20 {
        assert_eq!(send(500).await.status, 202);
    }
    let refused = send(1).await;
    assert_eq!(code(&refused), refusal(429, "ErrorExceededMessageLimit"));
    assert_eq!(refused.header("retry-after"), (23 * 60 * 60).to_string());
    assert_eq!(send(501).await.status, 400, "what can never be sent is told so");
    desk.play.advance(23 * 60 * 60 - 1);
    assert_eq!(send(1).await.status, 429);
    desk.play.advance(1);
    assert_eq!(send(500).await.status, 202);
    assert_eq!(send(1).await.status, 429);
}

#[tokio::test]
async fn scripted_failures_speak_as_the_service_does() {
    let desk = Desk::new().await;
    for (example, status) in [
        ("error.429.request_limit", 429),
        ("error.500", 500),
        ("error.503", 503),
        ("graph/error.504", 504),
        ("graph/error.409.conflict", 409),
        ("graph/error.403.access_denied", 403),
    ] {
        desk.play
            .fault(json!({
                "where": "graph",
                "match": { "path": "/v1.0/me/messages", "account": ADELE },
                "do": { "status": status, "retry_after": 7 },
            }))
            .await;
        let answer = desk.get("/me/messages").await;
        assert_like(example, &answer);
        let expected = &crate::play::fixture(example)["response"]["body"]["error"]["code"];
        assert_eq!(answer.json["error"]["code"], *expected, "{example}");
        assert_eq!(answer.header("retry-after"), "7");
    }
}
