//! Every problem there is, produced by a real request where a request can produce it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use evergrant::{ConnectError, Denial};
use evergrant_server::problem::{Code, Problem};
use http::{Method, Request, StatusCode};
use serde_json::json;

use crate::acme::{
    Answer, BANK, CALENDAR, LIFE, needs_administrator, outage, revoked, secret_expired,
};
use crate::app::{CALLBACK, INITIATE, LIST, TestApp, at};
use crate::shelf::{refusal, segment};
use crate::snapshot;

/// Checks that an answer is this problem, and compares it with the problem's snapshot.
macro_rules! problem {
    ($code:ident, $answer:expr) => {{
        let answer = $answer;
        answer.problem(Code::$code);
        snapshot!(format!("problem_{}", Code::$code.name()), answer);
    }};
}

#[test]
fn every_code_has_a_snapshot_and_every_snapshot_a_code() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots");
    let found: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            Some(name.strip_prefix("problem_")?.strip_suffix(".snap")?.to_owned())
        })
        .collect();
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| code.name().to_owned()).collect();
    assert_eq!(found, codes);
}

#[tokio::test]
async fn what_is_wrong_with_the_request() {
    let t = TestApp::new().await;
    problem!(NotFound, t.alice.get("/api/calendars/").await);
    problem!(MethodNotAllowed, t.alice.send(Method::PUT, LIST, None).await);
    let mistyped = json!({ "provider": CALENDAR, "scopes": ["offline", 5] });
    problem!(InvalidRequest, t.alice.post(INITIATE, mistyped).await);
    let long = json!({ "provider": "x".repeat(1 << 20) });
    problem!(BodyTooLarge, t.alice.post(INITIATE, long).await);
    let form = Request::post(INITIATE).header("content-type", "application/x-www-form-urlencoded");
    let form = form.body(Body::from("provider=acme_calendar")).unwrap();
    problem!(UnsupportedMediaType, t.alice.request(form).await);
}

#[tokio::test]
async fn what_is_large_or_slow() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let list = at(&id, &format!("email-messages/{}/attachments/", segment("msg", 3)));
    let mut first = pin!(t.alice.request(silent(&format!("{list}?name=a"), 150)));
    tokio::select! {
        biased;
        answer = &mut first => panic!("{answer}"),
        () = t.waits(Duration::from_secs(30)) => {}
    }
    let passes = async {
        t.waits(Duration::from_secs(5)).await;
        t.pass(Duration::from_secs(5));
    };
    let second = t.alice.request(silent(&format!("{list}?name=b"), 150));
    problem!(ServerBusy, tokio::join!(second, passes).0);
    t.pass(Duration::from_secs(25));
    problem!(BodyTooSlow, first.await);
}

/// A file of so many mebibytes, of which nothing ever comes.
pub(crate) fn silent(url: &str, mib: usize) -> Request<Body> {
    let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
    let request = Request::post(url).header("content-length", mib << 20);
    request.header("content-type", "application/octet-stream").body(body).unwrap()
}

#[tokio::test]
async fn who_asks() {
    let t = TestApp::new().await;
    problem!(Unauthenticated, t.anon.get(LIST).await);
    let (reader, _) = t.key(t.user("alice").await, &[]).await;
    problem!(Forbidden, reader.get(LIST).await);
    problem!(UserRequired, t.service.get(LIST).await);
}

#[tokio::test]
async fn what_cannot_be_connected() {
    let t = TestApp::new().await;
    let ask = |body| t.alice.post(INITIATE, body);
    problem!(UnknownProvider, ask(json!({ "provider": "acme_mail" })).await);
    let scopes = json!({ "provider": CALENDAR, "scopes": ["calendar.write"] });
    problem!(UnknownScopes, ask(scopes).await);
    let elsewhere =
        json!({ "provider": CALENDAR, "redirect_uri": "https://evil.example/connected" });
    problem!(RedirectNotAllowed, ask(elsewhere).await);
    problem!(InvalidState, t.alice.finish("made-up", "adele").await);
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    let denied = json!({ "provider": CALENDAR, "state": state, "error": "access_denied" });
    problem!(ConnectRefused, t.alice.post(CALLBACK, denied).await);
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    t.acme.refuse(needs_administrator());
    problem!(ConsentRequired, t.alice.finish(&state, "adele").await);
    t.acme.refuse(None);
    let id = t.alice.connect("adele").await;
    let state = t.alice.begin(json!({ "provider": CALENDAR, "integration": id })).await;
    problem!(AccountMismatch, t.alice.finish(&state, "boris").await);
    t.acme.misconfigure(secret_expired());
    problem!(RegistrationMisconfigured, ask(json!({ "provider": CALENDAR })).await);
}

#[tokio::test]
async fn why_there_is_no_token() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let (it, token) = (at(&id, ""), at(&id, "token/"));
    problem!(IntegrationNotFound, t.bob.get(&token).await);
    problem!(LifeUnattainable, t.alice.get(&format!("{token}?min_seconds=86400")).await);
    t.alice.patch(&it, json!({ "paused": true })).await.expect(200);
    problem!(IntegrationPaused, t.alice.get(&token).await);
    t.alice.patch(&it, json!({ "paused": false })).await.expect(200);
    t.pass(LIFE);
    t.acme.refuse(outage());
    problem!(ProviderUnavailable, t.alice.get(&token).await);
    t.pass(LIFE);
    t.acme.refuse(revoked());
    problem!(ReconnectRequired, t.alice.get(&token).await);
}

#[tokio::test]
async fn what_is_asked_of_a_copy_in_vain() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    problem!(SyncNotFound, t.alice.get(&at(&id, "sync/c7/")).await);
    // Of a database that held more, before it was restored.
    let cursor = evergrant_store::ItemChangesCursor::since(1_000);
    problem!(CursorExpired, t.alice.get(&format!("{LIST}changes/?cursor={cursor}")).await);
}

#[tokio::test]
async fn why_the_provider_does_not_answer_a_call() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let profile = at(&id, "profile/");
    t.acme.answer(Answer::Json(StatusCode::FORBIDDEN, vec![], "The licence has ended"));
    problem!(ProviderRefused, t.alice.get(&profile).await);
    // Longer than callers have patience for.
    let wait = vec![("retry-after", "77")];
    t.acme.answer(Answer::Json(StatusCode::TOO_MANY_REQUESTS, wait, ""));
    problem!(ProviderThrottled, t.alice.get(&profile).await);
    let state = t.alice.begin(json!({ "provider": BANK })).await;
    let fields = json!({ "login": "adele", "password": "hunter2-of-adele" });
    let body = json!({ "provider": BANK, "state": state, "fields": fields });
    let bank = t.alice.post(CALLBACK, body).await.expect(201).json();
    let bank = at(bank["id"].as_str().unwrap(), "profile/");
    problem!(NotOffered, t.alice.get(&bank).await);
}

#[tokio::test]
async fn why_the_provider_denies_a_call() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let calendars = at(&id, "calendars/");
    let deny = async |denial, code, message| {
        t.acme.deny(refusal(denial, code, message));
        t.alice.get(&calendars).await
    };
    let needed = vec!["calendar.write".to_owned()];
    let message = "The user has not granted calendar.write.";
    let scope = deny(Denial::MissingScope { needed }, "missing_scope", message).await;
    problem!(MissingScope, scope);
    let rule = "A rule of the organisation asks for a managed device.";
    problem!(ConditionalAccess, deny(Denial::ConditionalAccess, "device_needed", rule).await);
    let whose = "The calendar belongs to somebody else.";
    problem!(AccessDenied, deny(Denial::Forbidden, "not_shared", whose).await);
    let none = "The account has no mailbox.";
    problem!(MailboxMissing, deny(Denial::NoMailbox, "no_mailbox", none).await);
    let licence = "The account has no licence for Acme Calendar.";
    problem!(LicenseMissing, deny(Denial::NoLicense, "no_license", licence).await);
    let item = at(&id, "calendar-events/elsewhere/");
    problem!(ItemNotFound, t.alice.get(&item).await);
    let input = "The end is before the beginning.";
    problem!(InputRefused, deny(Denial::Input, "invalid_time", input).await);
}

#[tokio::test]
async fn why_a_change_does_not_happen() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let event = at(&id, &format!("calendar-events/{}/", segment("evt", 1)));
    let stale = t.alice.with("if-match", "\"v0\"");
    problem!(ItemChanged, stale.patch(&event, json!({ "subject": "Other" })).await);
    let deny = async |denial, code, message| {
        t.acme.deny(refusal(denial, code, message));
        t.alice.patch(&event, json!({ "subject": "Other" })).await
    };
    let over = "An event that is over cannot be moved.";
    problem!(ItemConflict, deny(Denial::Conflict, "is_over", over).await);
    let large = "The event is larger than 4 MB.";
    problem!(ItemTooLarge, deny(Denial::TooLarge, "too_large", large).await);
    let full = "The mailbox is full.";
    problem!(QuotaExceeded, deny(Denial::QuotaExceeded, "mailbox_full", full).await);
}

#[tokio::test]
async fn what_the_operator_must_mend() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let other = t.replica().await;
    problem!(EncryptionKeyMissing, other.alice.get(&at(&id, "token/")).await);
    t.acme.answer(Answer::Panic);
    problem!(Internal, t.alice.get(&at(&id, "profile/")).await);
    t.store.close().await;
    problem!(StorageUnavailable, t.alice.get(LIST).await);
}

/// What a request cannot produce here is put together by hand.
async fn by_hand(code: Code, problem: impl Into<Problem>) {
    let response = problem.into().into_response();
    assert_eq!(response.status(), code.status());
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["code"], code.name());
    snapshot!(format!("problem_{}", code.name()), format!("{body:#}"));
}

#[tokio::test]
async fn a_conflict_asks_for_the_request_again() {
    // It takes two processes at one moment.
    by_hand(Code::Conflict, ConnectError::Conflict).await;
}

#[tokio::test]
async fn a_copied_database_names_its_operator() {
    // It takes a database that was in use elsewhere.
    by_hand(Code::DatabaseCopied, ConnectError::Copied).await;
}

#[tokio::test]
async fn what_is_said_of_an_idempotency_key() {
    // Which requests get which is tested beside the keys (`src/idempotency`).
    let second = std::time::Duration::from_secs(1);
    let busy = Problem::new(
        Code::IdempotencyKeyInUse,
        "The first request with this `Idempotency-Key` has not been answered yet.",
    );
    by_hand(Code::IdempotencyKeyInUse, busy.retry_after(second)).await;
    let reused = Problem::new(
        Code::IdempotencyKeyReused,
        "This `Idempotency-Key` was used for another request, or for another body.",
    );
    by_hand(Code::IdempotencyKeyReused, reused).await;
}

#[tokio::test]
async fn a_sign_in_under_way_asks_for_patience() {
    // Over REST it is an answer of its own; the command line has the problem's name for it.
    let slower = std::time::Duration::from_secs(5);
    by_hand(Code::SignInPending, ConnectError::Pending { slower }).await;
}

#[tokio::test]
async fn the_request_id_of_a_problem_finds_its_cause_in_the_log() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.acme.answer(Answer::Panic);
    let problem = t.alice.get(&at(&id, "profile/")).await.problem(Code::Internal);
    let request = problem["request_id"].as_str().unwrap();
    let log = t.logged();
    let cause = log.lines().find(|line| line.contains("a handler panicked")).unwrap();
    assert!(cause.contains(request), "{cause}");
}
