//! Which feeds there are, and who works on them.

use std::time::Duration;

use evergrant::feed::FeedKind;
use evergrant::provider::{Actor, Failure};
use evergrant::store::{Asked, Edit, FeedId, FeedStatusState, Lease};

use crate::bench::{PROVIDER, revoked};
use crate::sync_bench::{ALL, Fill as _, LIFE, SyncBench, calendar, on_every_copy, page};

on_every_copy!(
    what_was_connected_has_the_offered_feeds_and_they_are_due_now,
    enrol_looks_at_a_thousand_integrations_at_once,
    what_does_not_work_is_stopped_and_set_going_again,
    a_stopped_feed_is_taken_from_whoever_has_it,
    another_name_makes_no_feed_due,
    of_all_who_want_a_feed_one_gets_it_those_due_longest_first,
    a_feed_is_taken_by_its_name_due_or_not,
    a_run_goes_on_with_another_lease_and_the_next_begins_after_its_end,
    whoever_has_lost_the_lease_changes_nothing,
    each_step_extends_the_lease,
    who_is_dead_has_no_lease,
    the_next_feed_is_the_one_due_next_that_can_be_had,
    a_failure_counts_until_a_run_ends,
    who_asks_joins_the_run_under_way_or_begins_one,
    feeds_are_their_owners,
);

fn failure() -> Failure {
    Failure::new("down", Actor::Nobody, "Acme is down.")
}

async fn due(t: &SyncBench) -> Vec<FeedId> {
    let taken = t.sync.claim_feeds(t.claim(), 100, None).await.unwrap();
    taken.into_iter().map(|it| it.id).collect()
}

async fn what_was_connected_has_the_offered_feeds_and_they_are_due_now(t: &SyncBench) {
    let id = t.connected().await.integration.id;
    let mut elsewhere = t.new_integration(t.alice, "elsewhere");
    elsewhere.integration.provider = "other_mail".into();
    assert!(t.store.connect(&elsewhere).await.unwrap());
    let offers = [(PROVIDER.into(), FeedKind::Email), ("third".into(), FeedKind::Calendar)];
    assert_eq!(t.sync.enrol(0, &offers).await.unwrap(), 2);
    let feeds = t.other.feeds(t.alice, None).await.unwrap();
    let [feed] = &feeds[..] else { panic!("{feeds:?}") };
    assert_eq!((feed.integration_id, feed.feed), (id, FeedKind::Email));
    assert_eq!((feed.state, feed.next_at), (FeedStatusState::Queued, Some(t.now())));
    assert_eq!((feed.run, feed.done_run, feed.items, feed.attempts), (0, 0, 0, 0));
    assert_eq!((feed.as_of, feed.began_at, feed.notified_until), (None, None, None));
    // Once there are no more it stays where it is, and changes nothing.
    t.take(FeedId { integration: id, feed: FeedKind::Email }).await;
    assert_eq!(t.sync.enrol(2, &offers).await.unwrap(), 2);
    assert_eq!(t.sync.enrol(0, &offers).await.unwrap(), 2);
    assert_eq!(due(t).await, []);
}

async fn enrol_looks_at_a_thousand_integrations_at_once(t: &SyncBench) {
    for _ in 0..1_001 {
        t.connected().await;
    }
    let offers = [(PROVIDER.into(), FeedKind::Email)];
    let feeds = async || t.other.feeds(t.alice, None).await.unwrap().len();
    for (since, came_to, made) in [(0, 1_000, 1_000), (1_000, 1_001, 1_001), (1_001, 1_001, 1_001)]
    {
        assert_eq!(t.sync.enrol(since, &offers).await.unwrap(), came_to);
        assert_eq!(feeds().await, made);
    }
}

async fn what_does_not_work_is_stopped_and_set_going_again(t: &SyncBench) {
    let new = t.connected().await;
    let id = FeedId { integration: new.integration.id, feed: FeedKind::Email };
    let mut since = t.enrol(0).await;
    let lease = t.take(id).await;
    t.sync.leave_run(&lease, Some(t.in_secs(600)), Some(&failure())).await.unwrap();

    let pause = async |paused| {
        let edit = Edit { label: None, paused: Some(paused) };
        t.store.edit(t.alice, id.integration, &edit, t.now()).await.unwrap();
    };
    pause(true).await;
    since = t.enrol(since).await;
    assert_eq!(due(t).await, []);
    let status = t.status(id).await;
    assert_eq!((status.state, status.next_at), (FeedStatusState::Stopped, None));
    pause(false).await;
    since = t.enrol(since).await;
    let status = t.status(id).await;
    assert_eq!((status.state, status.next_at), (FeedStatusState::Queued, Some(t.now())));

    let marked =
        t.store.mark(id.integration, 1, new.grant.lineage, &revoked(), t.now()).await.unwrap();
    assert!(marked);
    since = t.enrol(since).await;
    assert_eq!(due(t).await, []);
    assert!(t.store.reconnect(&t.again(&new)).await.unwrap());
    t.enrol(since).await;
    assert_eq!(due(t).await.len(), 2);
}

async fn a_stopped_feed_is_taken_from_whoever_has_it(t: &SyncBench) {
    let lease = t.taken().await;
    let since = t.store.revision().await.unwrap();
    let edit = Edit { label: None, paused: Some(true) };
    t.store.edit(t.alice, lease.id.integration, &edit, t.now()).await.unwrap();
    t.enrol(since).await;
    assert!(!t.sync.hold(&lease).await.unwrap());
    assert_eq!(t.sync.end_run(&lease, t.now()).await.unwrap(), None);
    assert_eq!(t.status(lease.id).await.state, FeedStatusState::Stopped);
}

async fn another_name_makes_no_feed_due(t: &SyncBench) {
    let lease = t.taken().await;
    t.end_run(&lease).await;
    let since = t.store.revision().await.unwrap();
    let edit = Edit { label: Some("renamed".to_owned()), paused: None };
    t.store.edit(t.alice, lease.id.integration, &edit, t.now()).await.unwrap();
    assert_eq!(t.enrol(since).await, since + 1);
    assert_eq!(t.status(lease.id).await.next_at, Some(t.in_secs(300)));
}

async fn of_all_who_want_a_feed_one_gets_it_those_due_longest_first(t: &SyncBench) {
    let mut ids = Vec::new();
    for _ in 0..4 {
        let id = t.mailbox().await;
        ids.extend([calendar(id.integration), id]);
        t.advance(Duration::from_secs(1)).await;
    }
    let first = t.sync.claim_feeds(t.claim(), 2, None).await.unwrap();
    let first: Vec<_> = first.into_iter().map(|it| it.id.integration).collect();
    assert_eq!(first, [ids[0].integration; 2]);
    let claims = (0..6).map(|n| {
        let store = if n % 2 == 0 { &t.sync } else { &t.other };
        store.claim_feeds(t.claim(), 3, None)
    });
    let claims = futures_util::future::join_all(claims).await;
    let mut taken: Vec<_> = claims.into_iter().flat_map(Result::unwrap).map(|it| it.id).collect();
    taken.sort_unstable();
    assert_eq!(taken, ids[2..]);
}

async fn a_feed_is_taken_by_its_name_due_or_not(t: &SyncBench) {
    let id = t.mailbox().await;
    let lease = t.take(id).await;
    assert_eq!(t.other.claim_feeds(t.claim(), 1, Some(id)).await.unwrap(), []);
    t.end_run(&lease).await;
    assert_eq!(due(t).await, [calendar(id.integration)]);
    t.take(id).await;
}

async fn a_run_goes_on_with_another_lease_and_the_next_begins_after_its_end(t: &SyncBench) {
    let id = t.mailbox().await;
    let take = async || {
        let claim = t.claim();
        let taken = t.other.claim_feeds(claim, 1, Some(id)).await.unwrap();
        let [taken] = &taken[..] else { panic!("somebody has it") };
        assert_eq!((taken.owner, taken.provider.as_str()), (t.alice, PROVIDER));
        (Lease { id, lease: claim.lease, life: LIFE }, taken.run)
    };
    assert_eq!(take().await.1, 1);
    let began = t.status(id).await.began_at;
    assert_eq!(began, Some(t.now()));
    t.advance(LIFE).await;
    let (lease, run) = take().await;
    assert_eq!((run, t.status(id).await.began_at), (1, began));
    t.sync.leave_run(&lease, Some(t.now()), None).await.unwrap();
    let (lease, run) = take().await;
    assert_eq!(run, 1);
    t.end_run(&lease).await;
    let status = t.status(id).await;
    assert_eq!((status.run, status.done_run, status.attempts), (1, 1, 0));
    assert_eq!((status.state, status.next_at), (FeedStatusState::Idle, Some(t.in_secs(300))));
    assert_eq!(take().await.1, 2);
    let status = t.status(id).await;
    assert_eq!((status.state, status.began_at), (FeedStatusState::Running, Some(t.now())));
    assert_eq!((status.run, status.done_run), (2, 1));
}

async fn whoever_has_lost_the_lease_changes_nothing(t: &SyncBench) {
    let lost = t.holding(&["a"]).await;
    t.advance(LIFE).await;
    let lease = t.take(lost.id).await;
    t.begin(&lease, &["inbox"]).await;
    let (told, status) = (t.now_told().await, t.status(lost.id).await);

    assert!(!t.sync.hold(&lost).await.unwrap());
    assert_eq!(t.sync.begin_pass(&lost, "other", &[], true).await.unwrap(), None);
    let all = page("inbox").with("b", 1).gone("a");
    assert_eq!(t.sync.apply(&lost, &all).await.unwrap(), None);
    assert_eq!(t.sync.restart(&lost, "inbox").await.unwrap(), None);
    assert_eq!(t.sync.end_pass(&lost, true, None).await.unwrap(), None);
    assert_eq!(t.sync.end_run(&lost, t.now()).await.unwrap(), None);
    assert_eq!(t.sync.leave_run(&lost, None, Some(&failure())).await.unwrap(), None);

    assert_eq!(t.told(told).await, [""; 0]);
    assert_eq!(t.status(lost.id).await, status);
    let pass = t.begin_with(&lease, ALL, &["inbox"], false).await;
    assert!(pass.parts[0].cursor.is_some() && !pass.parts[0].is_done);
    assert_eq!(t.end_pass(&lease).await, (0, 0));
}

async fn each_step_extends_the_lease(t: &SyncBench) {
    let lease = t.taken().await;
    let mut left = Vec::new();
    for step in 0..6 {
        t.advance(LIFE / 2).await;
        let good = match step {
            0 => t.sync.hold(&lease).await.unwrap(),
            1 => t.sync.begin_pass(&lease, ALL, &[], false).await.unwrap().is_some(),
            2 => !t.begin(&lease, &["inbox"]).await.parts.is_empty(),
            3 => t.sync.apply(&lease, &page("inbox")).await.unwrap().is_some(),
            4 => t.sync.restart(&lease, "inbox").await.unwrap().is_some(),
            _ => t.sync.end_pass(&lease, false, None).await.unwrap().is_some(),
        };
        let taken = t.other.claim_feeds(t.claim(), 1, Some(lease.id)).await.unwrap();
        left.push(good && taken.is_empty());
    }
    assert_eq!(left, [true; 6]);
}

async fn who_is_dead_has_no_lease(t: &SyncBench) {
    let id = t.mailbox().await;
    let (dead, living) = (t.claim(), t.claim());
    t.sync.claim_feeds(dead, 1, Some(id)).await.unwrap();
    t.sync.claim_feeds(living, 1, Some(calendar(id.integration))).await.unwrap();
    t.store.orphan(dead.holder).await.unwrap();
    assert_eq!(due(t).await, [id]);
    let lease = Lease { id, lease: dead.lease, life: LIFE };
    assert!(!t.sync.hold(&lease).await.unwrap());
}

async fn the_next_feed_is_the_one_due_next_that_can_be_had(t: &SyncBench) {
    let next = async || t.other.next_feed().await.unwrap();
    assert_eq!(next().await, None);
    let id = t.mailbox().await;
    assert_eq!(next().await, Some(t.now()));
    let lease = t.take(id).await;
    t.end_run(&lease).await;
    assert_eq!(next().await, Some(t.now()));
    // While it is read there is nothing to do before its reader may have died.
    let held = t.take(calendar(id.integration)).await;
    assert_eq!(next().await, Some(t.in_secs(60)));
    t.sync.leave_run(&held, None, Some(&failure())).await.unwrap();
    assert_eq!(next().await, Some(t.in_secs(300)));
}

async fn a_failure_counts_until_a_run_ends(t: &SyncBench) {
    let id = t.mailbox().await;
    let lease = t.take(id).await;
    t.sync.leave_run(&lease, Some(t.in_secs(10)), Some(&failure())).await.unwrap();
    let status = t.status(id).await;
    assert_eq!((status.state, status.next_at), (FeedStatusState::Waiting, Some(t.in_secs(10))));
    assert_eq!((status.attempts, status.failure), (1, Some(failure())));

    let taken = t.sync.claim_feeds(t.claim(), 1, Some(id)).await.unwrap();
    assert_eq!((taken[0].attempts, taken[0].run), (1, 1));
    t.advance(LIFE).await;
    let lease = t.take(id).await;
    t.sync.leave_run(&lease, Some(t.in_secs(10)), None).await.unwrap();
    assert_eq!(t.status(id).await.attempts, 1);

    let lease = t.take(id).await;
    t.sync.leave_run(&lease, None, Some(&revoked())).await.unwrap();
    let status = t.status(id).await;
    assert_eq!((status.state, status.next_at), (FeedStatusState::Stopped, None));
    assert_eq!((status.attempts, status.failure), (2, Some(revoked())));
    assert!(!due(t).await.contains(&id));

    let lease = t.take(id).await;
    t.end_run(&lease).await;
    let status = t.status(id).await;
    assert_eq!((status.attempts, status.failure, status.done_run), (0, None, 1));
}

async fn who_asks_joins_the_run_under_way_or_begins_one(t: &SyncBench) {
    let id = t.mailbox().await;
    let lease = t.take(id).await;
    t.end_run(&lease).await;
    let ask = async || {
        t.other.ask(t.alice, id.integration, &[FeedKind::Email]).await.unwrap().remove(0).run
    };
    assert_eq!(ask().await, 2);
    assert_eq!(ask().await, 2);
    assert_eq!(t.status(id).await.state, FeedStatusState::Queued);
    let taken = t.sync.claim_feeds(t.claim(), 9, None).await.unwrap();
    assert!(taken.iter().any(|it| it.id == id && it.run == 2));
    assert_eq!(ask().await, 2);
    t.advance(LIFE).await;
    // One that has stopped is tried again by whoever asks.
    let lease = t.take(id).await;
    t.sync.leave_run(&lease, None, Some(&failure())).await.unwrap();
    assert_eq!(ask().await, 2);
    assert!(due(t).await.contains(&id));

    let both = [FeedKind::Email, FeedKind::Calendar];
    assert_eq!(t.sync.ask(t.bob, id.integration, &both).await.unwrap(), []);
    assert_eq!(t.sync.ask(t.alice, t.id(), &both).await.unwrap(), []);
    let asked = t.sync.ask(t.alice, id.integration, &both).await.unwrap();
    let run = |feed, run| Asked { feed, run };
    assert_eq!(asked, [run(FeedKind::Email, 2), run(FeedKind::Calendar, 1)]);
}

async fn feeds_are_their_owners(t: &SyncBench) {
    let mine = t.mailbox().await;
    t.advance(Duration::from_secs(1)).await;
    let other = t.mailbox().await;
    let theirs = t.mailbox_of(t.bob).await;
    let of = async |owner, integration| -> Vec<_> {
        let feeds = t.sync.feeds(owner, integration).await.unwrap();
        feeds.into_iter().map(|it| (it.integration_id, it.feed)).collect()
    };
    let both = |id: FeedId| FeedKind::ALL.map(|feed| (id.integration, feed));
    assert_eq!(of(t.alice, Some(mine.integration)).await, both(mine));
    assert_eq!(of(t.alice, None).await, [both(mine), both(other)].concat());
    assert_eq!(of(t.bob, None).await, both(theirs));
    assert_eq!(of(t.bob, Some(mine.integration)).await, []);
}
