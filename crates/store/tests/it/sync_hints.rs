//! Subscriptions, and what came of them.

use std::time::Duration;

use evergrant::feed::FeedKind;
use evergrant::id::LeaseId;
use evergrant::store::{FeedId, FeedStatusState, HINT_GAP, Hint, Lease, Subscription};

use crate::bench::PROVIDER;
use crate::sync_bench::{Fill as _, SyncBench, calendar, on_every_copy, page};

on_every_copy!(
    each_feed_at_these_providers_gets_a_subscription_to_look_after,
    a_subscription_is_claimed_by_one_and_due_again_later,
    a_subscription_is_stored_over_the_one_of_its_feed,
    a_subscription_is_found_by_its_address_alone,
    what_is_disconnected_has_no_subscription,
    a_feed_says_until_when_it_is_told_of_changes,
    a_hint_makes_its_feed_due,
    the_same_hint_twice_is_one_for_a_day,
    a_hint_after_the_pass_began_lets_the_next_run_begin_soon,
    a_hint_before_the_pass_began_does_not,
    a_pass_heeds_the_hints_up_to_when_it_was_opened,
    who_asks_in_the_middle_of_a_pass_has_everything_read_once_more,
    hints_have_a_pace,
    a_hint_may_ask_to_look_after_the_subscription,
    a_hint_mends_nothing,
    a_hint_does_not_shorten_the_wait_of_what_fails,
);

const AGAIN: Duration = Duration::from_mins(2);

async fn claim(t: &SyncBench, limit: u32) -> Vec<FeedId> {
    let claimed = t.sync.claim_subscriptions(&[PROVIDER.into()], AGAIN, limit).await.unwrap();
    claimed.into_iter().map(|it| it.id).collect()
}

fn hint(id: FeedId, digest: u8) -> Hint {
    Hint { id, digest: [digest; 32], look_after: false }
}

/// A mailbox that is not due.
async fn idle(t: &SyncBench) -> FeedId {
    let lease = t.holding(&["one"]).await;
    t.end_run(&lease).await;
    t.advance(HINT_GAP).await;
    lease.id
}

async fn subscribed(t: &SyncBench) -> Subscription {
    let id = t.mailbox().await;
    claim(t, 9).await;
    let subscription = Subscription {
        id,
        owner: t.alice,
        provider: PROVIDER.into(),
        address_hash: Some([1; 32]),
        state_hash: Some([2; 32]),
        subscription: Some("sub-1".to_owned()),
        expires_at: Some(t.in_secs(3_600)),
        due_at: t.in_secs(1_800),
        attempts: 3,
    };
    assert!(t.sync.put_subscription(&subscription).await.unwrap());
    subscription
}

async fn each_feed_at_these_providers_gets_a_subscription_to_look_after(t: &SyncBench) {
    let id = t.mailbox().await;
    let others = t.sync.claim_subscriptions(&["other_mail".into()], AGAIN, 9).await;
    assert_eq!(others.unwrap(), []);
    assert_eq!(t.sync.subscriptions(id.integration).await.unwrap(), []);
    let claimed = t.sync.claim_subscriptions(&[PROVIDER.into()], AGAIN, 9).await.unwrap();
    assert_eq!(claimed.len(), 2);
    let mine = claimed.into_iter().find(|it| it.id == id).expect("it has one");
    assert_eq!((mine.owner, mine.provider.as_str()), (t.alice, PROVIDER));
    assert_eq!((mine.address_hash, mine.state_hash, mine.subscription), (None, None, None));
    assert_eq!((mine.expires_at, mine.attempts), (None, 0));
    let mut its = t.other.subscriptions(id.integration).await.unwrap();
    its.sort_by_key(|it| it.id);
    assert_eq!(its.iter().map(|it| it.id).collect::<Vec<_>>(), [calendar(id.integration), id]);
    assert!(its.iter().all(|it| it.due_at == t.in_secs(120)));
}

async fn a_subscription_is_claimed_by_one_and_due_again_later(t: &SyncBench) {
    for _ in 0..3 {
        t.mailbox().await;
    }
    let some = claim(t, 2).await;
    let claims = (0..4).map(|n| {
        let store = if n % 2 == 0 { &t.sync } else { &t.other };
        async move { store.claim_subscriptions(&[PROVIDER.into()], AGAIN, 3).await.unwrap() }
    });
    let claims = futures_util::future::join_all(claims).await;
    let mut all: Vec<_> = claims.into_iter().flatten().map(|it| it.id).chain(some).collect();
    all.sort_unstable();
    assert_eq!(all.len(), 6);
    all.dedup();
    assert_eq!(all.len(), 6);
    t.advance(AGAIN).await;
    assert_eq!(claim(t, 9).await.len(), 6);
}

async fn a_subscription_is_stored_over_the_one_of_its_feed(t: &SyncBench) {
    let stored = subscribed(t).await;
    let of = async |id: FeedId| {
        let all = t.other.subscriptions(id.integration).await.unwrap();
        all.into_iter().find(|it| it.id == id).expect("it has one")
    };
    assert_eq!(of(stored.id).await, stored);
    let bare = Subscription {
        address_hash: None,
        state_hash: None,
        subscription: None,
        expires_at: None,
        attempts: 0,
        ..stored.clone()
    };
    assert!(t.other.put_subscription(&bare).await.unwrap());
    assert_eq!(of(stored.id).await, bare);
    let unknown = FeedId { integration: t.id(), feed: FeedKind::Email };
    assert!(!t.sync.put_subscription(&Subscription { id: unknown, ..stored }).await.unwrap());
}

async fn a_subscription_is_found_by_its_address_alone(t: &SyncBench) {
    let stored = subscribed(t).await;
    let at = async |provider: &str, hash: u8| {
        t.other.subscription_at(&provider.into(), &[hash; 32]).await.unwrap()
    };
    assert_eq!(at(PROVIDER, 1).await, Some(stored.clone()));
    assert_eq!(at(PROVIDER, 2).await, None);
    assert_eq!(at("other_mail", 1).await, None);
    let moved = Subscription { address_hash: Some([9; 32]), ..stored };
    t.sync.put_subscription(&moved).await.unwrap();
    assert_eq!((at(PROVIDER, 1).await, at(PROVIDER, 9).await), (None, Some(moved)));
}

async fn what_is_disconnected_has_no_subscription(t: &SyncBench) {
    let stored = subscribed(t).await;
    let since = t.store.revision().await.unwrap();
    t.store.disconnect(t.alice, stored.id.integration, t.now(), None).await.unwrap();
    t.enrol(since).await;
    assert_eq!(t.sync.subscriptions(stored.id.integration).await.unwrap(), []);
    assert!(!t.sync.put_subscription(&stored).await.unwrap());
    assert_eq!(t.sync.subscription_at(&PROVIDER.into(), &[1; 32]).await.unwrap(), None);
    t.advance(AGAIN).await;
    assert_eq!(claim(t, 9).await, []);
    assert_eq!(t.sync.take_hints(&[hint(stored.id, 1)]).await.unwrap(), 0);
}

async fn a_feed_says_until_when_it_is_told_of_changes(t: &SyncBench) {
    let stored = subscribed(t).await;
    assert_eq!(t.status(stored.id).await.notified_until, stored.expires_at);
    assert_eq!(t.status(calendar(stored.id.integration)).await.notified_until, None);
    let ended = Subscription { subscription: None, expires_at: None, ..stored };
    t.sync.put_subscription(&ended).await.unwrap();
    assert_eq!(t.status(ended.id).await.notified_until, None);
}

async fn a_hint_makes_its_feed_due(t: &SyncBench) {
    let (id, other) = (idle(t).await, idle(t).await);
    let unknown = FeedId { integration: t.id(), feed: FeedKind::Email };
    let hints = [hint(id, 1), hint(id, 2), hint(unknown, 1)];
    assert_eq!(t.sync.take_hints(&hints).await.unwrap(), 2);
    let status = t.status(id).await;
    assert_eq!((status.state, status.next_at), (FeedStatusState::Queued, Some(t.now())));
    assert_eq!(t.status(other).await.state, FeedStatusState::Idle);
    assert_eq!(t.sync.take_hints(&[]).await.unwrap(), 0);
}

async fn the_same_hint_twice_is_one_for_a_day(t: &SyncBench) {
    let (id, other) = (idle(t).await, idle(t).await);
    assert_eq!(t.sync.take_hints(&[hint(id, 1), hint(id, 1)]).await.unwrap(), 1);
    let lease = t.take(id).await;
    t.begin(&lease, &["inbox"]).await;
    t.end_run(&lease).await;
    assert_eq!(t.other.take_hints(&[hint(id, 1)]).await.unwrap(), 0);
    assert_eq!(t.status(id).await.state, FeedStatusState::Idle);
    assert_eq!(t.sync.take_hints(&[hint(other, 1), hint(id, 2)]).await.unwrap(), 2);
    t.advance(Duration::from_hours(25)).await;
    t.store.tidy().await.unwrap();
    assert_eq!(t.sync.take_hints(&[hint(id, 1)]).await.unwrap(), 1);
}

async fn a_hint_after_the_pass_began_lets_the_next_run_begin_soon(t: &SyncBench) {
    let lease = t.taken().await;
    t.begin(&lease, &["inbox"]).await;
    // In the same moment, too: the provider may have answered before it sent word.
    t.other.take_hints(&[hint(lease.id, 1)]).await.unwrap();
    t.apply(&lease, page("inbox").with("one", 1)).await;
    t.end_pass(&lease).await;
    t.end_run(&lease).await;
    let status = t.status(lease.id).await;
    assert_eq!((status.state, status.next_at), (FeedStatusState::Idle, Some(t.in_secs(10))));
    assert_eq!((status.run, status.done_run), (1, 1));
}

async fn a_pass_heeds_the_hints_up_to_when_it_was_opened(t: &SyncBench) {
    let lease = t.taken().await;
    t.other.take_hints(&[hint(lease.id, 1)]).await.unwrap();
    t.sync.open_pass(&lease).await.unwrap().unwrap();
    let opened = t.now();
    t.advance(Duration::from_secs(5)).await;
    // Whoever asks the provider for the parts is told of a change meanwhile.
    t.other.take_hints(&[hint(lease.id, 2)]).await.unwrap();
    t.begin(&lease, &["inbox"]).await;
    t.apply(&lease, page("inbox").with("one", 1)).await;
    let end = t.sync.end_pass(&lease, false, None).await.unwrap().unwrap();
    assert!(end.is_hinted);
    assert_eq!(t.status(lease.id).await.as_of, Some(opened));
    t.sync.open_pass(&lease).await.unwrap().unwrap();
    t.begin(&lease, &["inbox"]).await;
    t.apply(&lease, page("inbox")).await;
    let end = t.sync.end_pass(&lease, false, None).await.unwrap().unwrap();
    assert!(!end.is_hinted);
    let lost = Lease { lease: LeaseId::from_u128(1), ..lease };
    assert_eq!(t.sync.open_pass(&lost).await.unwrap(), None);
}

async fn who_asks_in_the_middle_of_a_pass_has_everything_read_once_more(t: &SyncBench) {
    let lease = t.taken().await;
    let ask = async || {
        let asked = t.other.ask(t.alice, lease.id.integration, &[FeedKind::Email]).await.unwrap();
        asked[0].run
    };
    assert_eq!(ask().await, 1);
    t.sync.open_pass(&lease).await.unwrap().unwrap();
    let pass = async || {
        t.begin(&lease, &["inbox"]).await;
        t.apply(&lease, page("inbox").with("one", 1)).await;
        t.sync.end_pass(&lease, false, None).await.unwrap().unwrap().is_hinted
    };
    assert!(!pass().await, "nothing was read yet when it was asked for");
    t.sync.open_pass(&lease).await.unwrap().unwrap();
    assert_eq!(ask().await, 1);
    assert!(pass().await);
}

async fn hints_have_a_pace(t: &SyncBench) {
    let lease = t.holding(&["one"]).await;
    t.advance(Duration::from_secs(3)).await;
    t.end_run(&lease).await;
    t.sync.take_hints(&[hint(lease.id, 1)]).await.unwrap();
    assert_eq!(t.status(lease.id).await.next_at, Some(t.in_secs(7)));
    t.sync.take_hints(&[hint(lease.id, 2)]).await.unwrap();
    assert_eq!(t.status(lease.id).await.next_at, Some(t.in_secs(7)));
}

async fn a_hint_does_not_shorten_the_wait_of_what_fails(t: &SyncBench) {
    let lease = t.taken().await;
    let next = t.in_secs(3_600);
    t.sync.leave_run(&lease, Some(next), Some(&crate::bench::revoked())).await.unwrap();
    t.sync.take_hints(&[hint(lease.id, 1)]).await.unwrap();
    assert_eq!(t.status(lease.id).await.next_at, Some(next));
}

async fn a_hint_before_the_pass_began_does_not(t: &SyncBench) {
    let lease = t.taken().await;
    t.begin(&lease, &["inbox"]).await;
    t.other.take_hints(&[hint(lease.id, 1)]).await.unwrap();
    t.apply(&lease, page("inbox")).await;
    t.end_pass(&lease).await;
    t.advance(Duration::from_secs(1)).await;
    t.pass(&lease, &[page("inbox")]).await;
    t.end_run(&lease).await;
    assert_eq!(t.status(lease.id).await.next_at, Some(t.in_secs(300)));
}

async fn a_hint_may_ask_to_look_after_the_subscription(t: &SyncBench) {
    let stored = Subscription { attempts: 0, ..subscribed(t).await };
    assert!(t.sync.put_subscription(&stored).await.unwrap());
    assert_eq!(claim(t, 9).await, []);
    t.sync.take_hints(&[hint(stored.id, 1)]).await.unwrap();
    assert_eq!(claim(t, 9).await, []);
    let look_after = Hint { look_after: true, ..hint(stored.id, 2) };
    t.sync.take_hints(&[look_after]).await.unwrap();
    assert_eq!(claim(t, 9).await, [stored.id]);
    assert_eq!(claim(t, 9).await, []);
}

async fn a_hint_mends_nothing(t: &SyncBench) {
    let lease = t.taken().await;
    t.sync.leave_run(&lease, None, Some(&crate::bench::revoked())).await.unwrap();
    t.sync.take_hints(&[hint(lease.id, 1)]).await.unwrap();
    assert_eq!(t.status(lease.id).await.state, FeedStatusState::Stopped);
}
