//! The rules of keys, each by its name: judged by what was had, over a real database.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::response::IntoResponse as _;
use evergrant::news::News;
use evergrant::seal::{Ring, Seal};
use evergrant::store::{GrantStore as _, StoreError, Stored};
use evergrant::testing::{MemoryDisk, SeededEntropy, TestClock};
use evergrant::{
    Clock, Entropy, Response as Reply, Tasks, Transport, TransportError, Vault, vault,
};
use evergrant_store::Store;
use futures_util::poll;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::had::{Fate, while_held};
use super::*;
use crate::problem::Code;
use crate::{Config, Parts};

/// A provider that nobody reaches: what is had here is had in memory.
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, _: evergrant::Request) -> Result<Reply, TransportError> {
        Err(TransportError::Unsent { host: String::new(), detail: String::new() })
    }
}

/// A server whose one operation does what its body says.
#[derive(Clone)]
struct Bench {
    app: App,
    clock: TestClock,
    tasks: Tasks,
    /// What was had, in order.
    had: Arc<Mutex<Vec<(Once, Value)>>>,
    /// Holds up whoever is told to wait.
    door: Arc<Semaphore>,
    folder: Arc<tempfile::TempDir>,
}

const ALICE: UserId = UserId::from_u128(1);
const BOB: UserId = UserId::from_u128(2);
const ID: IntegrationId = IntegrationId::from_u128(3);

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::over(Arc::new(folder), TestClock::default(), 1).await
    }

    /// Another process over the same database, with the same encryption key.
    async fn replica(&self) -> Self {
        let other = Self::over(Arc::clone(&self.folder), self.clock.clone(), 2).await;
        Self { had: Arc::clone(&self.had), door: Arc::clone(&self.door), ..other }
    }

    async fn over(folder: Arc<tempfile::TempDir>, clock: TestClock, seed: u64) -> Self {
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(seed));
        let place = format!("sqlite:{}", folder.path().join("evergrant.db").display());
        let store = Store::open(&place, Arc::clone(&shared)).await.unwrap();
        store.migrate().await.unwrap();
        let ring = Ring::parse(&Ring::generate(&SeededEntropy::new(7))).unwrap();
        let news = News::begin(Arc::new(store.clone()), Arc::clone(&shared)).await.unwrap();
        let tasks = Tasks::default();
        let vault = Vault::new(vault::Parts {
            store: Arc::new(store.clone()),
            spool: Arc::new(MemoryDisk::default().spool(&*shared, &*entropy)),
            providers: std::iter::empty().collect(),
            seal: Seal::new(ring, Arc::clone(&shared), Arc::clone(&entropy)),
            http: Arc::new(Nowhere),
            clock: Arc::clone(&shared),
            entropy: Arc::clone(&entropy),
            tasks: tasks.clone(),
            news: Arc::clone(&news),
            tenant: "default".to_owned(),
        });
        let public_url = "https://grants.example.com".parse().unwrap();
        let config = Config { public_url, redirect_uris: Vec::new() };
        let copies = Arc::new(store.clone());
        let subscriptions = evergrant::Subscriptions::new(vault.clone(), copies.clone(), None);
        let settings = evergrant::SyncSettings::default();
        let syncer = evergrant::Syncer::new(vault.clone(), copies, settings);
        let parts =
            Parts { vault, syncer, store, subscriptions, news, clock: shared, entropy, config };
        let app = App::new(parts);
        let (had, door) = (Arc::default(), Arc::new(Semaphore::new(0)));
        Self { app, clock, tasks, had, door, folder }
    }

    async fn post(&self, key: Option<&str>, body: Value) -> Result<Response, Problem> {
        self.post_as(ALICE, ID, "notes.create", key, body).await
    }

    async fn post_as(
        &self,
        owner: UserId,
        id: IntegrationId,
        purpose: &'static str,
        key: Option<&str>,
        body: Value,
    ) -> Result<Response, Problem> {
        let keyed: Keyed<Value> = Keyed::from_request(request(key, body.to_string()), &()).await?;
        let (had, door) = (Arc::clone(&self.had), Arc::clone(&self.door));
        let act = move |once, body: Value| async move {
            let what = body["do"].as_str().unwrap_or_default().to_owned();
            had.lock().unwrap().push((once, body));
            match what.as_str() {
                "wait" => door.acquire().await.unwrap().forget(),
                "nothing" => return Err(Problem::invalid("/do", "do something")),
                "too much" => return Err(Problem::new(Code::ItemTooLarge, "too much")),
                "unknown" => return Err(Problem::new(Code::OutcomeUnknown, "who knows")),
                "later" => return Ok(StatusCode::ACCEPTED.into_response()),
                "away" => {
                    let away = Problem::new(Code::ProviderUnavailable, "not sent");
                    return Err(away.without_effect());
                }
                "panic" => panic!("the script asks for this panic"),
                _ => {}
            }
            let count = had.lock().unwrap().len();
            let found = [("location", "/notes/1/"), ("etag", "\"v1\""), ("age", "0")];
            Ok((StatusCode::CREATED, found, axum::Json(json!({ "count": count }))).into_response())
        };
        keyed.run(&self.app, owner, id, purpose.to_owned(), act).await
    }

    fn count(&self) -> usize {
        self.had.lock().unwrap().len()
    }

    /// The name of what was had last, and whether it had been tried before.
    fn last(&self) -> (String, bool) {
        let once = self.had.lock().unwrap().last().unwrap().0;
        (once.to_string(), once.tried())
    }

    /// Returns once something was begun.
    async fn begun(&self) {
        while self.count() == 0 {
            tokio::task::yield_now().await;
        }
    }
}

fn request(key: Option<&str>, body: impl Into<Body>) -> Request {
    let mut request = Request::post("/").header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header(KEY, key);
    }
    request.body(body.into()).unwrap()
}

/// What the body of a request that takes one of at most `LIMIT` bytes is read as.
async fn read<T: DeserializeOwned, const LIMIT: usize>(
    app: &App,
    request: Request,
) -> Result<T, Problem> {
    let keyed: Keyed<T, LIMIT> = Keyed::from_request(request, &()).await?;
    Ok(keyed.json(app, ALICE).await?.body)
}

/// Status, whether it was given before, and body.
async fn told(answer: Result<Response, Problem>) -> (u16, bool, Bytes) {
    let (parts, body) = answer.into_response().into_parts();
    let replayed = parts.headers.contains_key("idempotency-replayed");
    (parts.status.as_u16(), replayed, axum::body::to_bytes(body, 1 << 20).await.unwrap())
}

fn code(answer: &Result<Response, Problem>) -> Option<Code> {
    answer.as_ref().err().map(Problem::code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_at_once_with_one_key_have_one_effect() {
    let t = Bench::new().await;
    let other = t.replica().await;
    let mut calls = Vec::new();
    for n in 0..100 {
        let t = if n % 2 == 0 { t.clone() } else { other.clone() };
        calls.push(async move { t.post(Some("k"), json!({ "do": "ok" })).await });
    }
    let mut created = Vec::new();
    for answer in futures_util::future::join_all(calls).await {
        match code(&answer) {
            None => created.push(told(answer).await),
            code => assert_eq!(code, Some(Code::IdempotencyKeyInUse)),
        }
    }
    assert_eq!(t.count(), 1);
    assert_eq!(created.iter().filter(|(_, replayed, _)| !replayed).count(), 1);
    assert!(created.iter().all(|(status, _, body)| (*status, body) == (201, &created[0].2)));
}

#[tokio::test]
async fn the_first_answer_is_given_again_to_the_byte() {
    let t = Bench::new().await;
    let first = told(t.post(Some("k"), json!({ "do": "ok" })).await).await;
    let (answer, other) = (t.post(Some("k"), json!({ "do": "ok" })).await, t.replica().await);
    let headers = answer.as_ref().unwrap().headers();
    for (name, value) in
        [("content-type", "application/json"), ("location", "/notes/1/"), ("etag", "\"v1\"")]
    {
        assert_eq!(headers[name], value);
    }
    assert!(!headers.contains_key("age"));
    let again =
        [told(answer).await, told(other.post(Some("k"), json!({ "do": "ok" })).await).await];
    for again in again {
        assert_eq!(again, (first.0, true, first.2.clone()));
    }
    assert!(!first.1);
    // What failed for good fails again, as the same problem.
    let first = told(t.post(Some("l"), json!({ "do": "too much" })).await).await;
    let answer = t.post(Some("l"), json!({ "do": "too much" })).await;
    let code = answer.as_ref().unwrap().extensions().get::<Code>().copied();
    assert_eq!(code, Some(Code::ItemTooLarge));
    assert_eq!(told(answer).await, (413, true, first.2));
    assert_eq!(t.count(), 2);
    // Without a key there is nothing to recognise it by.
    t.post(None, json!({ "do": "ok" })).await.unwrap();
    t.post(None, json!({ "do": "ok" })).await.unwrap();
    assert_eq!(t.count(), 4);
    // After a day it is another effect.
    t.clock.advance(Duration::from_hours(24));
    assert_eq!(told(t.post(Some("k"), json!({ "do": "ok" })).await).await.0, 201);
    assert_eq!(t.count(), 5);
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused_and_nothing_is_had() {
    let t = Bench::new().await;
    t.post(Some("k"), json!({ "do": "ok" })).await.unwrap();
    let other = t.post(Some("k"), json!({ "do": "ok", "more": 1 })).await;
    assert_eq!(code(&other), Some(Code::IdempotencyKeyReused));
    let other = t.post_as(ALICE, ID, "notes.send", Some("k"), json!({ "do": "ok" })).await;
    assert_eq!(code(&other), Some(Code::IdempotencyKeyReused));
    assert_eq!(t.count(), 1);
}

#[tokio::test]
async fn a_key_is_the_owners_and_the_integrations() {
    let t = Bench::new().await;
    for (n, (owner, id)) in
        [(ALICE, ID), (BOB, ID), (ALICE, IntegrationId::from_u128(4))].into_iter().enumerate()
    {
        let body = json!({ "do": n });
        let answer = t.post_as(owner, id, "notes.create", Some("k"), body).await;
        assert_eq!(told(answer).await.0, 201);
        assert_eq!(t.count(), n + 1);
    }
}

#[tokio::test]
async fn what_was_not_sent_is_not_kept_and_what_may_change_is_tried_again_as_the_same_effect() {
    let t = Bench::new().await;
    let wrong = t.post(Some("k"), json!({ "do": "nothing" })).await;
    assert_eq!(code(&wrong), Some(Code::InvalidRequest));
    // The corrected body may have the same key.
    let unknown = t.post(Some("k"), json!({ "do": "unknown" })).await;
    assert_eq!(code(&unknown), Some(Code::OutcomeUnknown));
    let (once, tried) = t.last();
    assert!(!tried);
    let corrected = t.post(Some("k"), json!({ "do": "ok" })).await;
    assert_eq!(code(&corrected), Some(Code::IdempotencyKeyReused));
    let again = t.post(Some("k"), json!({ "do": "unknown" })).await;
    assert_eq!(code(&again), Some(Code::OutcomeUnknown));
    assert_eq!((t.count(), t.last()), (3, (once, true)));
}

#[tokio::test]
async fn what_is_kept_is_what_no_repetition_could_change() {
    let of = |code| Fate::of(&Err(Problem::new(code, "why")), false);
    for kept in [Code::InputRefused, Code::ItemTooLarge, Code::ItemConflict] {
        assert_eq!(of(kept), Fate::Keep);
    }
    for again in [
        Code::ProviderThrottled,
        Code::ProviderUnavailable,
        Code::OutcomeUnknown,
        Code::ReconnectRequired,
        Code::StorageUnavailable,
        Code::Internal,
    ] {
        assert_eq!(of(again), Fate::TryAgain);
    }
    for forgotten in [Code::InvalidRequest, Code::IntegrationNotFound, Code::NotOffered] {
        assert_eq!(of(forgotten), Fate::Forget);
    }
}

#[tokio::test]
async fn a_202_is_no_last_word() {
    let t = Bench::new().await;
    for tried in [false, true] {
        let later = t.post(Some("k"), json!({ "do": "later" })).await.unwrap();
        assert_eq!(later.status(), StatusCode::ACCEPTED);
        assert_eq!(t.last().1, tried);
    }
    assert_eq!(t.count(), 2);
}

#[tokio::test]
async fn what_failed_and_certainly_had_no_effect_was_no_try() {
    let t = Bench::new().await;
    for _ in 0..2 {
        let away = t.post(Some("k"), json!({ "do": "away" })).await;
        assert_eq!(code(&away), Some(Code::ProviderUnavailable));
        assert!(!t.last().1);
    }
    // Another body may have the key that nothing was done for.
    assert!(t.post(Some("k"), json!({ "do": "ok" })).await.is_ok());
    let harmless = Problem::new(Code::ProviderUnavailable, "not sent").without_effect();
    assert_eq!(Fate::of(&Err(harmless), true), Fate::TryAgain, "an earlier try may have had it");
    let kept = Problem::new(Code::InputRefused, "too small").without_effect();
    assert_eq!(Fate::of(&Err(kept), false), Fate::Keep);
}

#[tokio::test]
async fn that_the_item_is_gone_or_has_changed_is_no_last_word_to_a_repetition() {
    let of = |code, tried| Fate::of(&Err(Problem::new(code, "why")), tried);
    for code in [Code::ItemNotFound, Code::ItemChanged, Code::ItemConflict] {
        assert_eq!((of(code, false), of(code, true)), (Fate::Keep, Fate::TryAgain));
    }
    assert_eq!(of(Code::InputRefused, true), Fate::Keep);
    // An effect that may have been had is not forgotten.
    assert_eq!(of(Code::InvalidRequest, true), Fate::TryAgain);
}

#[tokio::test]
async fn who_cannot_keep_its_hold_on_a_key_stops_before_another_could_have_it() {
    let unavailable = || async { Err(StoreError::Unavailable("away".into())) };
    let refused = || async { Ok(false) };
    // Refused, it stops at once; not told, it stops ten seconds before its lease ends.
    for (holds, kept) in
        [(holding(refused), 20), (holding(unavailable), 50), (holding(pending), 50)]
    {
        let (clock, mut held) = holds;
        assert!(poll!(&mut held).is_pending());
        for second in 1..=kept {
            clock.advance(Duration::from_secs(1));
            let ended = poll!(&mut held);
            assert_eq!(ended.is_ready(), second == kept, "{second} of {kept}: {ended:?}");
        }
    }
    let (clock, mut held) = holding(|| async { Ok(true) });
    for _ in 0..600 {
        assert!(poll!(&mut held).is_pending());
        clock.advance(Duration::from_secs(1));
    }
}

type Holding = Pin<Box<dyn Future<Output = Option<()>>>>;

/// An act that does not end, under a claim that is kept alive in this way.
fn holding<R>(renew: impl Fn() -> R + 'static) -> (TestClock, Holding)
where
    R: Future<Output = Stored<bool>> + 'static,
{
    let clock = TestClock::default();
    let shared = clock.clone();
    let held =
        async move { while_held(&shared, Duration::ZERO, renew, std::future::pending()).await };
    (clock, Box::pin(held))
}

/// A database that stalls.
fn pending() -> std::future::Pending<Stored<bool>> {
    std::future::pending()
}

#[tokio::test]
async fn a_database_that_stalls_holds_up_no_effect() {
    let clock = TestClock::default();
    let door = Semaphore::new(0);
    let act = async { door.acquire().await.unwrap().forget() };
    let mut held = pin!(while_held(&clock, Duration::ZERO, pending, act));
    assert!(poll!(held.as_mut()).is_pending());
    clock.advance(Duration::from_secs(20));
    assert!(poll!(held.as_mut()).is_pending());
    door.add_permits(1);
    assert_eq!(poll!(held.as_mut()), Poll::Ready(Some(())));
}

#[tokio::test]
async fn what_was_under_way_when_its_key_was_lost_is_unknown_and_goes_no_further() {
    let t = Bench::new().await;
    let first = t.post(Some("k"), json!({ "do": "wait" }));
    let lose = async {
        t.begun().await;
        t.app.0.store.close().await;
        t.clock.advance(Duration::from_mins(1));
    };
    let (first, ()) = tokio::join!(first, lose);
    assert_eq!(code(&first), Some(Code::OutcomeUnknown));
    let other = t.replica().await;
    other.door.add_permits(1);
    assert_eq!(told(other.post(Some("k"), json!({ "do": "wait" })).await).await.0, 201);
    assert!(other.last().1);
}

#[tokio::test]
async fn the_first_being_under_way_the_others_are_asked_to_come_again() {
    let t = Bench::new().await;
    let first = t.post(Some("k"), json!({ "do": "wait" }));
    let others = async {
        t.begun().await;
        // It says that it lives, for as long as it takes.
        for _ in 0..9 {
            let other = t.post(Some("k"), json!({ "do": "wait" })).await;
            assert_eq!(code(&other), Some(Code::IdempotencyKeyInUse));
            let other = other.into_response();
            assert_eq!(other.headers()["retry-after"], "1");
            t.clock.advance(Duration::from_secs(20));
            renewed(&t).await;
        }
        t.door.add_permits(1);
    };
    let (first, ()) = tokio::join!(first, others);
    let first = told(first).await;
    let again = told(t.post(Some("k"), json!({ "do": "wait" })).await).await;
    assert_eq!(again, (201, true, first.2));
    assert_eq!(t.count(), 1);
}

/// Returns once the claim of the effect under way was kept alive: it asked the database before this did.
async fn renewed(t: &Bench) {
    let (owner, purpose, key) = (ALICE, String::new(), "another".to_owned());
    let other = Named { owner, id: ID, purpose, key, digest: [0; 32] }.effect(&t.app);
    for _ in 0..20 {
        tokio::task::yield_now().await;
        t.app.0.store.forget_effect(&other).await.unwrap();
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_cuts_nothing_in_half() {
    let t = Bench::new().await;
    let first = t.post(Some("k"), json!({ "do": "wait" }));
    tokio::select! {
        _ = first => panic!("nobody opened the door"),
        () = t.begun() => {}
    }
    t.door.add_permits(1);
    t.tasks.drain(&t.clock, Duration::from_mins(1)).await;
    let again = told(t.post(Some("k"), json!({ "do": "wait" })).await).await;
    assert_eq!((again.0, again.1, t.count()), (201, true, 1));
}

#[tokio::test]
async fn a_dead_process_keeps_the_others_waiting_for_a_minute_and_they_have_the_same_effect() {
    let t = Bench::new().await;
    // It dies in the middle: no answer is kept, and nobody says that it lives.
    let died = t.post(Some("k"), json!({ "do": "panic" })).await;
    assert_eq!(code(&died), Some(Code::Internal));
    let (once, tried) = t.last();
    assert!(!tried);
    t.clock.advance(Duration::from_secs(59));
    let other = t.replica().await;
    let busy = other.post(Some("k"), json!({ "do": "panic" })).await;
    assert_eq!(code(&busy), Some(Code::IdempotencyKeyInUse));
    t.clock.advance(Duration::from_secs(1));
    other.post(Some("k"), json!({ "do": "panic" })).await.unwrap_err();
    assert_eq!((t.count(), t.last()), (2, (once, true)));
}

#[tokio::test]
async fn an_unavailable_database_is_told_before_anything_is_had() {
    let t = Bench::new().await;
    t.app.0.store.close().await;
    let refused = t.post(Some("k"), json!({ "do": "ok" })).await;
    assert_eq!((code(&refused), t.count()), (Some(Code::StorageUnavailable), 0));
}

#[tokio::test]
async fn answers_are_sealed_at_rest_and_rotated() {
    let t = Bench::new().await;
    t.post(Some("k"), json!({ "do": "ok" })).await.unwrap();
    let store = &t.app.0.store;
    let rows = store.sealed_otherwise(&"another key".into(), 9).await.unwrap();
    assert_eq!(rows.len(), 1);
    let body = t.app.0.vault.open_reply(&rows[0].row, &rows[0].sealed).unwrap();
    assert!(body.ends_with(b"\n\n{\"count\":1}"));
    assert!(t.app.0.vault.open_reply("another effect", &rows[0].sealed).is_err());
    let key = t.app.0.vault.ring().first().clone();
    assert_eq!(store.sealing_keys().await.unwrap(), [(key, 1)]);
}

#[tokio::test]
async fn a_key_is_visible_ascii_of_at_most_255_characters() {
    async fn keyed(key: &str) -> Result<Keyed<Value>, Problem> {
        Keyed::from_request(request(Some(key), "{}"), &()).await
    }
    for good in ["k", "a/b+c=~!", &"x".repeat(255)] {
        assert!(keyed(good).await.is_ok(), "{good}");
    }
    for bad in ["", "a b", "a\tb", &"x".repeat(256)] {
        let refused = keyed(bad).await.err().unwrap();
        assert_eq!(refused.code(), Code::InvalidRequest, "{bad}");
        let body = told(Err(refused)).await.2;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["errors"][0]["pointer"], "Idempotency-Key");
    }
    let twice = Request::post("/").header(KEY, "a").header(KEY, "b").body(Body::empty());
    assert!(Keyed::<()>::from_request(twice.unwrap(), &()).await.is_err());
}

#[tokio::test]
async fn a_body_is_json_of_at_most_its_limit_and_none_is_null() {
    const MIB: usize = 1 << 20;
    let t = Bench::new().await;
    let text = |bytes: usize| request(None, format!("\"{}\"", "x".repeat(bytes - 2)));
    assert!(read::<String, MIB>(&t.app, text(MIB)).await.is_ok());
    let long = read::<String, MIB>(&t.app, text(MIB + 1)).await.unwrap_err();
    assert_eq!((long.code(), long.remedy()), (Code::BodyTooLarge, Some("Send at most 1 MiB.")));
    let larger = read::<String, { 3 * MIB }>(&t.app, text(3 * MIB)).await.unwrap();
    assert_eq!(larger.len(), 3 * MIB - 2);
    let none = || Request::post("/").body(Body::empty()).unwrap();
    assert!(read::<(), MIB>(&t.app, none()).await.is_ok());
    assert!(read::<(), MIB>(&t.app, request(None, "")).await.is_ok());
    let missing = read::<String, MIB>(&t.app, none()).await.unwrap_err();
    assert_eq!(missing.code(), Code::UnsupportedMediaType);
    let wrong = read::<Vec<u8>, MIB>(&t.app, request(None, "[1, \"x\"]")).await.unwrap_err();
    let body: Value = serde_json::from_slice(&told(Err(wrong)).await.2).unwrap();
    assert_eq!(body["errors"][0]["pointer"], "/1");
}
