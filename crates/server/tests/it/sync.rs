//! Syncs: asked for, waited for, looked at.

use std::pin::{Pin, pin};
use std::time::Duration;

use evergrant::Clock;
use evergrant::feed::FeedKind;
use evergrant::provider::{Actor, Failure};
use evergrant::store::SyncStore;
use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acme::{BANK, LIFE, revoked};
use crate::app::{CALLBACK, TestApp, at};
use crate::caller::Answer;
use crate::copies::{event, message};
use crate::snapshot;

/// How often those who wait look.
const LOOK: Duration = Duration::from_millis(500);

impl TestApp {
    /// Returns once whoever waits has looked and sleeps.
    pub(crate) async fn until_looks(&self, mut waiting: Pin<&mut impl Future<Output = Answer>>) {
        tokio::select! {
            biased;
            answer = &mut waiting => panic!("{answer}"),
            () = self.waits(LOOK) => {}
        }
    }

    /// Lets time pass for another look, and returns once it was taken.
    pub(crate) async fn until_looks_again(&self, waiting: Pin<&mut impl Future<Output = Answer>>) {
        self.pass(LOOK);
        self.until_looks(waiting).await;
    }
}

/// Where an answer says that it is.
fn location(answer: &Answer) -> String {
    let location = answer.header("location");
    location.strip_prefix("https://grants.example.com").unwrap().to_owned()
}

fn busy() -> Failure {
    Failure {
        claims: Some("what-goes-back-alone".to_owned()),
        trace_id: Some("acme-trace-1".to_owned()),
        ..Failure::new("provider_unavailable", Actor::Nobody, "Acme does not answer.")
    }
}

#[tokio::test]
async fn a_sync_is_accepted_and_can_be_looked_at() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let accepted = t.alice.post(&at(&id, "sync/"), json!({ "sync_type": "full" })).await;
    let accepted = accepted.expect(202);
    snapshot!("sync", accepted);
    let url = location(&accepted);
    assert_eq!(t.alice.get(&url).await.expect(200).json(), accepted.json());
    t.copy(&id, FeedKind::Calendar, vec![event(1), event(2)]).await;
    t.copy(&id, FeedKind::Email, vec![message(1)]).await;
    let done = t.alice.get(&url).await.expect(200);
    snapshot!("sync_done", done);
    snapshot!("feeds", t.alice.get(&at(&id, "sync/")).await.expect(200));
}

#[tokio::test]
async fn a_sync_is_of_what_is_named_and_of_everything_otherwise() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let sync = at(&id, "sync/");
    for (body, name) in [
        (json!({ "sync_type": "calendar" }), "c1"),
        (json!({ "sync_type": "email" }), "e1"),
        (json!({ "sync_type": "full" }), "c1e1"),
        (json!({}), "c1e1"),
    ] {
        let accepted = t.alice.post(&sync, body).await.expect(202);
        assert_eq!(accepted.json()["id"], name);
        assert!(accepted.header("location").ends_with(&format!("/sync/{name}/")));
    }
    let bare = t.alice.send(http::Method::POST, &sync, None).await.expect(202);
    assert_eq!(bare.json()["id"], "c1e1");
    for body in [json!({ "sync_type": "contacts" }), json!({ "type": "full" }), json!("full")] {
        t.alice.post(&sync, body).await.problem(Code::InvalidRequest);
    }
    t.alice.post(&at(&id, "sync/?wait=maybe"), json!({})).await.problem(Code::InvalidRequest);
}

#[tokio::test]
async fn whoever_asks_while_it_is_read_joins() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let sync = at(&id, "sync/");
    let calendar = json!({ "sync_type": "calendar" });
    let first = t.alice.post(&sync, calendar.clone()).await.expect(202).json();
    let (_, lease) = t.take(&id, FeedKind::Calendar).await;
    let second = t.alice.post(&sync, calendar.clone()).await.expect(202).json();
    assert_eq!((&second["id"], &second["state"]), (&first["id"], &"running".into()));
    t.fill(&lease, vec![event(1)]).await;
    t.store.end_run(&lease, t.clock.now()).await.unwrap().unwrap();
    let third = t.alice.post(&sync, calendar).await.expect(202).json();
    assert_eq!(third["id"], "c2");
}

#[tokio::test]
async fn what_a_provider_has_no_copy_of_cannot_be_synced() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": BANK })).await;
    let fields = json!({ "login": "adele", "password": "hunter2-of-adele" });
    let body = json!({ "provider": BANK, "state": state, "fields": fields });
    let bank = t.alice.post(CALLBACK, body).await.expect(201).json();
    let sync = at(bank["id"].as_str().unwrap(), "sync/");
    for (kind, lacks) in
        [("full", "calendar or mailbox"), ("calendar", "calendar"), ("email", "mailbox")]
    {
        let problem = t.alice.post(&sync, json!({ "sync_type": kind })).await;
        let problem = problem.problem(Code::NotOffered);
        assert_eq!(problem["detail"], format!("Acme Bank has no {lacks} to copy."));
    }
    assert_eq!(t.alice.get(&sync).await.expect(200).json(), json!({ "feeds": [] }));
}

#[tokio::test]
async fn what_would_not_come_to_anything_is_refused_at_once() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let sync = at(&id, "sync/");
    t.alice.patch(&at(&id, ""), json!({ "paused": true })).await.expect(200);
    t.alice.post(&sync, json!({})).await.problem(Code::IntegrationPaused);
    t.alice.patch(&at(&id, ""), json!({ "paused": false })).await.expect(200);
    t.alice.post(&sync, json!({})).await.expect(202);
    t.pass(LIFE);
    t.acme.refuse(revoked());
    t.alice.get(&at(&id, "token/")).await.problem(Code::ReconnectRequired);
    let problem = t.alice.post(&sync, json!({})).await.problem(Code::ReconnectRequired);
    assert!(problem["reconnect_url"].is_string());
}

#[tokio::test]
async fn a_copied_database_is_not_synced() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.copy_database();
    let other = t.replica().await;
    other.alice.post(&at(&id, "sync/"), json!({})).await.problem(Code::DatabaseCopied);
}

#[tokio::test]
async fn whoever_waits_is_answered_when_it_is_done() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, "sync/?wait=true");
    let mut waiting = pin!(t.alice.post(&url, json!({ "sync_type": "email" })));
    t.until_looks(waiting.as_mut()).await;
    let (_, lease) = t.take(&id, FeedKind::Email).await;
    t.until_looks_again(waiting.as_mut()).await;
    t.fill(&lease, vec![message(1)]).await;
    t.until_looks_again(waiting.as_mut()).await;
    t.store.end_run(&lease, t.clock.now()).await.unwrap().unwrap();
    t.pass(LOOK);
    let done = waiting.await.expect(200);
    assert_eq!(done.json()["state"], "done");
    assert_eq!(done.json()["feeds"][0]["items"], 1);
    assert_eq!(t.alice.get(&location(&done)).await.expect(200).json()["state"], "done");
}

#[tokio::test]
async fn whoever_waits_is_answered_when_it_has_failed_so_far() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, "sync/?wait=true");
    let later = t.clock.now() + SignedDuration::from_hours(1);
    for (next, state) in [(Some(later), "waiting"), (None, "stopped")] {
        let mut waiting = pin!(t.alice.post(&url, json!({ "sync_type": "email" })));
        t.until_looks(waiting.as_mut()).await;
        let (_, lease) = t.take(&id, FeedKind::Email).await;
        t.store.leave_run(&lease, next, Some(&busy())).await.unwrap().unwrap();
        t.pass(LOOK);
        let failed = waiting.await.expect(200);
        assert_eq!(failed.json()["state"], state);
        let failure = &failed.json()["feeds"][0]["failure"];
        assert_eq!(failure["code"], "provider_unavailable");
        assert_eq!(failure["provider_request_id"], "acme-trace-1");
        assert!(!failed.text().contains("what-goes-back-alone"), "{failed}");
        snapshot!(format!("sync_{state}"), failed);
    }
}

#[tokio::test]
async fn nobody_waits_longer_than_a_minute_or_than_the_process_runs() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, "sync/?wait=true");
    let mut waiting = pin!(t.alice.post(&url, json!({})));
    t.until_looks(waiting.as_mut()).await;
    t.pass(Duration::from_secs(59));
    t.until_looks(waiting.as_mut()).await;
    t.pass(LOOK);
    t.until_looks(waiting.as_mut()).await;
    t.pass(LOOK);
    assert_eq!(waiting.await.expect(202).json()["state"], "queued");
    let (answer, ()) = tokio::join!(t.alice.post(&url, json!({})), t.settle());
    answer.expect(202);
}

#[tokio::test]
async fn a_key_syncs_and_sees_what_it_may_read() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let sync = at(&id, "sync/");
    for (permission, own, other, name) in [
        (Permission::CalendarRead, "calendar", "email", "c1"),
        (Permission::MailRead, "email", "calendar", "e1"),
    ] {
        let (caller, _) = t.key(t.user("alice").await, &[permission]).await;
        for kind in ["full", own] {
            let accepted = caller.post(&sync, json!({ "sync_type": kind })).await.expect(202);
            assert_eq!(accepted.json()["id"], name);
        }
        let refused = caller.post(&sync, json!({ "sync_type": other })).await;
        assert_ne!(refused.problem(Code::Forbidden)["permission"], permission.name());
        let kinds = |answer: Answer| {
            let body = answer.json();
            let feeds = body["feeds"].as_array().unwrap().iter();
            feeds.map(|it| it["feed"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(kinds(caller.get(&sync).await.expect(200)), [own]);
        // Also of what somebody else asked for.
        t.alice.post(&sync, json!({})).await.expect(202);
        let seen = caller.get(&at(&id, "sync/c1e1/")).await.expect(200);
        assert_eq!(seen.json()["id"], name);
        assert_eq!(kinds(seen), [own]);
        let others = if name == "c1" { "e1" } else { "c1" };
        caller.get(&at(&id, &format!("sync/{others}/"))).await.problem(Code::Forbidden);
    }
}

#[tokio::test]
async fn a_sync_that_nobody_asked_for_is_not_there() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.alice.post(&at(&id, "sync/"), json!({})).await.expect(202);
    t.syncer.work_once().await.unwrap();
    for name in ["c2", "c1e9", "e0", "x", "c", "1", "e1c1", "c01", "%00", "%FF"] {
        let answer = t.alice.get(&at(&id, &format!("sync/{name}/"))).await;
        if name == "%FF" {
            // No text at all: the whole path names nothing.
            answer.problem(Code::IntegrationNotFound);
        } else {
            answer.problem(Code::SyncNotFound);
        }
    }
    t.bob.get(&at(&id, "sync/c1e1/")).await.problem(Code::IntegrationNotFound);
    t.bob.get(&at(&id, "sync/x/")).await.problem(Code::IntegrationNotFound);
}

/// The events of a stream: each one's name and data.
fn events(answer: &Answer) -> Vec<(String, Value)> {
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("cache-control"), "no-store");
    let read = |block: &str| {
        let (name, data) = block.split_once('\n').unwrap();
        let name = name.strip_prefix("event: ").unwrap().to_owned();
        (name, serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap())
    };
    let blocks = answer.text().split_terminator("\n\n").filter(|block| *block != ":");
    blocks.map(read).collect()
}

#[tokio::test]
async fn progress_is_told_as_it_is_made_until_it_is_done() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let accepted = t.alice.post(&at(&id, "sync/"), json!({ "sync_type": "email" })).await;
    let url = location(&accepted.expect(202));
    let watcher = t.alice.with("accept", "text/event-stream");
    let mut stream = pin!(watcher.get(&url));
    t.until_looks(stream.as_mut()).await;
    let (_, lease) = t.take(&id, FeedKind::Email).await;
    t.until_looks_again(stream.as_mut()).await;
    // Nothing new: nothing is said, but for a sign of life from time to time.
    t.store.hold(&lease).await.unwrap();
    t.until_looks_again(stream.as_mut()).await;
    for _ in 0..2 {
        t.pass(Duration::from_secs(15));
        t.store.hold(&lease).await.unwrap();
        t.until_looks(stream.as_mut()).await;
    }
    t.fill(&lease, vec![message(1), message(2)]).await;
    t.until_looks_again(stream.as_mut()).await;
    t.store.end_run(&lease, t.clock.now()).await.unwrap().unwrap();
    t.pass(LOOK);
    let answer = stream.await.expect(200);
    let told: Vec<_> = events(&answer)
        .into_iter()
        .map(|(name, sync)| {
            let (state, seen) =
                (sync["state"].as_str().unwrap().to_owned(), sync["feeds"][0]["seen"].as_u64());
            (name, state, seen.unwrap())
        })
        .collect();
    let expected = [
        ("progress", "queued", 0),
        ("progress", "running", 0),
        ("progress", "running", 2),
        ("done", "done", 2),
    ];
    let expected = expected.map(|(name, state, seen)| (name.to_owned(), state.to_owned(), seen));
    assert_eq!(told, expected);
    assert_eq!(answer.text().matches(":\n\n").count(), 2, "{answer}");
    // Whoever comes late hears of the end at once.
    let late = watcher.get(&url).await.expect(200);
    assert_eq!(events(&late).len(), 1);
    assert_eq!(events(&late)[0].0, "done");
}

#[tokio::test]
async fn a_stream_goes_on_while_it_is_tried_again_and_ends_once_it_is_stopped() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let accepted = t.alice.post(&at(&id, "sync/"), json!({ "sync_type": "email" })).await;
    let url = location(&accepted.expect(202));
    let watcher = t.alice.with("accept", "text/event-stream");
    let mut stream = pin!(watcher.get(&url));
    t.until_looks(stream.as_mut()).await;
    let (_, lease) = t.take(&id, FeedKind::Email).await;
    let later = t.clock.now() + SignedDuration::from_secs(30);
    t.store.leave_run(&lease, Some(later), Some(&busy())).await.unwrap().unwrap();
    t.until_looks_again(stream.as_mut()).await;
    let (_, lease) = t.take(&id, FeedKind::Email).await;
    t.store.leave_run(&lease, None, Some(&busy())).await.unwrap().unwrap();
    t.pass(LOOK);
    let answer = stream.await.expect(200);
    let states: Vec<_> = events(&answer)
        .iter()
        .map(|(name, sync)| format!("{name}: {}", sync["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, ["progress: queued", "progress: waiting", "stopped: stopped"]);
    assert!(!answer.text().contains("what-goes-back-alone"));
}

#[tokio::test]
async fn a_stream_ends_with_the_key_the_integration_or_the_process() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let (reader, key) = t.key(t.user("alice").await, &[Permission::MailRead]).await;
    let accepted = t.alice.post(&at(&id, "sync/"), json!({ "sync_type": "email" })).await;
    let url = location(&accepted.expect(202));
    let watcher = reader.with("accept", "text/event-stream");
    let mut stream = pin!(watcher.get(&url));
    t.until_looks(stream.as_mut()).await;
    t.store.revoke_key(key.id, t.clock.now()).await.unwrap();
    // A key in memory is good for a second.
    t.until_looks_again(stream.as_mut()).await;
    t.pass(LOOK);
    let told = events(&stream.await.expect(200));
    assert_eq!((&*told[1].0, &told[1].1["code"]), ("problem", &"unauthenticated".into()));
    assert_eq!(told.len(), 2);
    let watcher = t.alice.with("accept", "text/event-stream");
    let mut stream = pin!(watcher.get(&url));
    t.until_looks(stream.as_mut()).await;
    t.alice.delete(&at(&id, "")).await.expect(204);
    t.pass(LOOK);
    let told = events(&stream.await.expect(200));
    assert_eq!(told[1].1["code"], "integration_not_found");
    // A problem before the stream begins is a problem.
    watcher.get(&url).await.problem(Code::IntegrationNotFound);
    let id = t.alice.connect("boris").await;
    let accepted = t.alice.post(&at(&id, "sync/"), json!({})).await.expect(202);
    let url = location(&accepted);
    let (answer, ()) = tokio::join!(watcher.get(&url), t.settle());
    assert_eq!(events(&answer.expect(200)).len(), 1);
}

#[tokio::test]
async fn a_stream_ends_after_a_quarter_of_an_hour() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let accepted = t.alice.post(&at(&id, "sync/"), json!({ "sync_type": "email" })).await;
    let url = location(&accepted.expect(202));
    let watcher = t.alice.with("accept", "text/event-stream");
    let mut stream = pin!(watcher.get(&url));
    t.until_looks(stream.as_mut()).await;
    t.pass(Duration::from_mins(15));
    let answer = stream.await.expect(200);
    assert!(answer.text().ends_with(": 15 minutes are over; ask again\n\n"), "{answer}");
}
