//! The schedule: everybody in time, whatever becomes of the others.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evergrant::capability::{Cursor, Message};
use evergrant::feed::{Feed, FeedKind, Next, Part, PullError, Pulled, Scope};
use evergrant::provider::Renewal;
use evergrant::store::{FeedStatus, FeedStatusState, SyncStore};
use evergrant::{Api, CallError, Clock, IntegrationId, SyncSettings, Syncer};
use http::StatusCode;

use crate::support::{self, Adapter, Process, Rotation, Stage};

const MINUTE: Duration = Duration::from_mins(1);
/// How often a feed is read, with the tenth more that keeps those apart who began together, and a moment for
/// the loop to notice.
const IN_TIME: Duration = Duration::from_secs(5 * 60 + 30 + 5);

/// A mailbox with nothing in it, which costs a call of the API to find out.
struct Empty;

#[async_trait]
impl Feed<Message> for Empty {
    async fn parts(&self, _: &Api, _: &Scope) -> Result<Vec<Part>, CallError> {
        Ok(vec![Part { id: "inbox".to_owned(), expected: Some(0) }])
    }

    async fn pull(
        &self,
        api: &Api,
        _: &Scope,
        _: &str,
        _: Option<&Cursor>,
        _: Option<u32>,
    ) -> Result<Pulled<Message>, PullError> {
        let answer = api.get(&format!("/{}", api.account().name)).await?;
        match answer.status() {
            StatusCode::OK => Ok(Pulled { found: Vec::new(), next: Next::Done(None) }),
            StatusCode::TOO_MANY_REQUESTS => Err(CallError::Throttled { retry_after: None }.into()),
            status => Err(CallError::Unreadable(status.to_string()).into()),
        }
    }
}

async fn begin(stage: &mut Stage) -> (Process, Syncer) {
    let adapter = Adapter::new("acme", Rotation::Strict, Renewal::Ahead).fed(Arc::new(Empty));
    let provider: Arc<dyn evergrant::provider::Provider> = Arc::new(adapter);
    let process = stage.process_with([provider].into_iter().collect()).await;
    let syncer = syncer(stage, &process);
    (process, syncer)
}

fn syncer(stage: &Stage, process: &Process) -> Syncer {
    Syncer::new(process.vault.clone(), Arc::new(stage.store.clone()), SyncSettings::default())
}

async fn connect(stage: &Stage, process: &Process, count: usize) -> Vec<IntegrationId> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(stage.connect(process, &format!("user-{number}")).await);
    }
    ids
}

async fn status(stage: &Stage, id: IntegrationId) -> FeedStatus {
    let feeds = stage.store.feeds(stage.owner, Some(id)).await.unwrap();
    assert_eq!(feeds.len(), 1);
    feeds.into_iter().next().unwrap()
}

/// How often a mailbox was asked for.
fn calls(stage: &Stage, path: &str) -> usize {
    stage.world.with(|ledger| ledger.arrivals.iter().filter(|(_, at)| at == path).count())
}

#[tokio::test]
async fn one_that_is_throttled_and_one_that_is_broken_keep_nobody_else_from_their_schedule() {
    let mut stage = Stage::new();
    let (process, syncer) = begin(&mut stage).await;
    let ids = connect(&stage, &process, 50).await;
    stage.world.with(|ledger| {
        ledger.distance = Duration::from_millis(200);
        ledger.api_paths.insert("/v1/user-7", support::Next::Status(429, Some(1_200)));
        ledger.api_paths.insert("/v1/user-8", support::Next::Status(500, None));
    });
    process.tasks.spawn_loop(syncer.clone().run());
    stage.live(MINUTE).await;
    for _ in 0..120 {
        stage.live(MINUTE).await;
        let now = stage.clock.now();
        for (number, id) in ids.iter().enumerate().filter(|(number, _)| ![7, 8].contains(number)) {
            let as_of = status(&stage, *id).await.as_of.unwrap();
            let age = Duration::try_from(now.duration_since(as_of)).unwrap();
            assert!(age <= IN_TIME, "user {number}: {age:?} old");
        }
    }
    for number in [0, 49] {
        let calls = calls(&stage, &format!("/v1/user-{number}"));
        assert!((21..=25).contains(&calls), "user {number}: {calls} in two hours");
    }
    // Twenty minutes each time, as it was asked; what is broken is asked ever less often.
    assert!((5..=7).contains(&calls(&stage, "/v1/user-7")), "{}", calls(&stage, "/v1/user-7"));
    let throttled = status(&stage, ids[7]).await;
    assert_eq!(throttled.failure.unwrap().code, "provider_throttled");
    assert_eq!((throttled.state, throttled.as_of), (FeedStatusState::Waiting, None));
    assert!((6..=9).contains(&calls(&stage, "/v1/user-8")), "{}", calls(&stage, "/v1/user-8"));
    let broken = status(&stage, ids[8]).await;
    assert_eq!(broken.failure.unwrap().code, "provider_unreadable");

    // Once they are well again they are back on the schedule.
    stage.world.with(|ledger| ledger.api_paths.clear());
    stage.live(70 * MINUTE).await;
    for id in &ids {
        let status = status(&stage, *id).await;
        assert!(status.as_of.is_some() && status.failure.is_none() && status.attempts == 0);
    }
}

#[tokio::test]
async fn two_processes_share_the_work_and_one_that_dies_leaves_its_part_to_the_other() {
    let mut stage = Stage::new();
    let (one, first) = begin(&mut stage).await;
    let ids = connect(&stage, &one, 40).await;
    let (two, second) = begin(&mut stage).await;
    stage.world.with(|ledger| ledger.distance = Duration::from_secs(2));
    one.tasks.spawn_loop(first.run());
    two.tasks.spawn_loop(second.run());
    stage.live(Duration::from_secs(3)).await;
    one.die();
    stage.live(2 * MINUTE).await;
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(status(&stage, *id).await.done_run, 1, "user {number}");
        assert!(calls(&stage, &format!("/v1/user-{number}")) <= 2);
    }
}

#[tokio::test]
async fn a_run_that_is_asked_for_joins_the_one_under_way_or_begins_at_once() {
    let mut stage = Stage::new();
    let (process, syncer) = begin(&mut stage).await;
    let id = stage.connect(&process, "ada").await;
    stage.world.with(|ledger| ledger.distance = Duration::from_secs(5));
    process.tasks.spawn_loop(syncer.clone().run());
    stage.live(Duration::from_secs(3)).await;
    assert_eq!(status(&stage, id).await.state, FeedStatusState::Running);
    let joined = syncer.ask(stage.owner, id, None).await.unwrap();
    assert_eq!((joined[0].feed, joined[0].run), (FeedKind::Email, 1));
    // What may have been read before it was asked for is read once more.
    stage.live(Duration::from_secs(25)).await;
    assert_eq!(status(&stage, id).await.done_run, 1);
    assert_eq!(calls(&stage, "/v1/ada"), 2);
    let next = syncer.ask(stage.owner, id, Some(FeedKind::Email)).await.unwrap();
    assert_eq!(next[0].run, 2);
    stage.live(Duration::from_secs(15)).await;
    assert_eq!((status(&stage, id).await.done_run, calls(&stage, "/v1/ada")), (2, 3));
}

#[tokio::test]
async fn who_needs_a_reconnect_is_left_alone_until_then() {
    let mut stage = Stage::new();
    let (process, syncer) = begin(&mut stage).await;
    let id = stage.connect(&process, "ada").await;
    process.tasks.spawn_loop(syncer.clone().run());
    stage.live(MINUTE).await;
    stage.world.end_family(0);
    stage.world.end_access_tokens();
    stage.live(20 * MINUTE).await;
    let stopped = status(&stage, id).await;
    assert_eq!((stopped.state, stopped.next_at), (FeedStatusState::Stopped, None));
    let before = calls(&stage, "/v1/ada");
    stage.live(60 * MINUTE).await;
    assert_eq!(calls(&stage, "/v1/ada"), before);
    stage.sign_in(&process, "acme", "ada", Some(id)).await.unwrap();
    stage.live(Duration::from_secs(10)).await;
    let again = status(&stage, id).await;
    assert_eq!((again.state, again.failure, again.attempts), (FeedStatusState::Idle, None, 0));
}

#[tokio::test]
async fn a_run_carried_out_here_tells_how_far_it_is_and_ends_with_its_first_failure() {
    let mut stage = Stage::new();
    let (process, syncer) = begin(&mut stage).await;
    let id = stage.connect(&process, "ada").await;
    stage.world.with(|ledger| ledger.distance = Duration::from_secs(1));
    let mut states = Vec::new();
    let work = syncer.work_on(stage.owner, id, None, |feeds| states.push(feeds[0].state));
    let done = stage.run(work).await.unwrap();
    assert_eq!((done[0].done_run, done[0].state), (1, FeedStatusState::Idle));
    assert_eq!(states.first(), Some(&FeedStatusState::Queued));
    assert!(states.contains(&FeedStatusState::Running), "{states:?}");

    stage.world.with(|ledger| {
        ledger.api_paths.insert("/v1/ada", support::Next::Status(429, Some(600)));
    });
    let failed = stage.run(syncer.work_on(stage.owner, id, None, |_| {})).await.unwrap();
    assert_eq!((failed[0].done_run, failed[0].state), (1, FeedStatusState::Waiting));
    let other = stage.stranger();
    assert!(syncer.work_on(other, id, None, |_| {}).await.is_err());
    let no_calendar = syncer.work_on(stage.owner, id, Some(FeedKind::Calendar), |_| {}).await;
    assert!(matches!(no_calendar, Err(CallError::NotOffered { .. })));
}
