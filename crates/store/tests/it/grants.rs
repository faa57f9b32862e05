//! Grants: reserved by one, committed by lineage, marked when they are gone.

use std::time::Duration;

use evergrant::grant::Version;
use evergrant::integration::Status;
use evergrant::store::{Committed, Edit, Ended, Reserved};

use crate::bench::{Bench, commit_of, on_every_store, revoked};

on_every_store!(
    of_two_intents_one_is_granted,
    a_released_intent_makes_way,
    an_intent_past_its_deadline_is_replaced,
    the_same_attempt_may_ask_again,
    an_intent_for_an_older_grant_is_told_of_the_newer,
    an_intent_for_a_paused_integration_is_told_so,
    an_intent_for_nothing_is_told_that_it_is_gone,
    a_commit_stores_the_grant_and_ends_its_attempt,
    a_late_winner_is_stored_although_its_intent_lapsed,
    a_late_winner_is_stored_although_the_integration_was_paused,
    a_commit_whose_answer_was_lost_is_stored_once,
    a_commit_after_a_reconnect_is_stale,
    a_commit_after_a_disconnect_is_stale,
    a_reconnect_ends_any_intent,
    a_mark_names_the_cause_and_keeps_the_grant,
    a_mark_of_an_older_grant_marks_nothing,
    only_an_active_integration_is_marked,
);

async fn of_two_intents_one_is_granted(t: &Bench) {
    let id = t.connected().await.integration.id;
    let (first, second) = (t.intent(id).await, t.intent(id).await);
    let granted = t.store.reserve(&first).await.unwrap();
    assert_eq!(granted, Reserved::Granted { row: t.row(id).await, unknown: None });
    let until = first.deadline;
    let busy = t.replica.reserve(&second).await.unwrap();
    assert_eq!(busy, Reserved::Busy { until });
    // Another integration's intent is another matter.
    let other = t.connected().await.integration.id;
    let intent = t.intent(other).await;
    let granted = t.replica.reserve(&intent).await.unwrap();
    assert!(matches!(granted, Reserved::Granted { .. }));
}

async fn a_released_intent_makes_way(t: &Bench) {
    let id = t.connected().await.integration.id;
    let (first, second) = (t.intent(id).await, t.intent(id).await);
    let reserve = |intent| t.store.reserve(intent);
    assert!(matches!(reserve(&first).await.unwrap(), Reserved::Granted { .. }));
    // Nobody ends another's attempt.
    t.store.release(id, second.attempt, Ended::Unspent).await.unwrap();
    assert!(matches!(reserve(&second).await.unwrap(), Reserved::Busy { .. }));
    t.store.release(id, first.attempt, Ended::Unspent).await.unwrap();
    assert!(matches!(reserve(&second).await.unwrap(), Reserved::Granted { .. }));
    t.store.release(t.id(), first.attempt, Ended::Unspent).await.unwrap();
}

async fn an_intent_past_its_deadline_is_replaced(t: &Bench) {
    let id = t.connected().await.integration.id;
    let (first, mut second) = (t.intent(id).await, t.intent(id).await);
    let granted = t.store.reserve(&first).await.unwrap();
    assert!(matches!(granted, Reserved::Granted { .. }));
    second.started_at = first.deadline - Duration::from_micros(1);
    second.deadline = t.in_secs(60);
    let busy = t.store.reserve(&second).await.unwrap();
    assert!(matches!(busy, Reserved::Busy { .. }));
    second.started_at = first.deadline;
    let granted = t.store.reserve(&second).await.unwrap();
    assert!(matches!(granted, Reserved::Granted { .. }));
    // From now on it is the second's; the first can no longer release it.
    t.store.release(id, first.attempt, Ended::Unspent).await.unwrap();
    let third = t.intent(id).await;
    let until = second.deadline;
    let busy = t.store.reserve(&third).await.unwrap();
    assert_eq!(busy, Reserved::Busy { until });
}

async fn the_same_attempt_may_ask_again(t: &Bench) {
    let id = t.connected().await.integration.id;
    let mut intent = t.intent(id).await;
    for _ in 0..2 {
        let granted = t.store.reserve(&intent).await.unwrap();
        assert!(matches!(granted, Reserved::Granted { .. }));
        intent.deadline = t.in_secs(45);
    }
    let until = t.in_secs(45);
    let busy = t.store.reserve(&t.intent(id).await).await.unwrap();
    assert_eq!(busy, Reserved::Busy { until });
}

async fn an_intent_for_an_older_grant_is_told_of_the_newer(t: &Bench) {
    let old = t.connected().await;
    let id = old.integration.id;
    let (winner, loser) = (t.intent(id).await, t.intent(id).await);
    t.store.reserve(&winner).await.unwrap();
    let committed =
        t.store.commit(&commit_of(id, winner.attempt, 1, old.grant.lineage, &t.grant())).await;
    committed.unwrap();
    let newer = t.row(id).await;
    let moved = t.replica.reserve(&loser).await.unwrap();
    assert_eq!(moved, Reserved::Moved(newer.clone()));
    // Busy or not: who has an old grant in memory learns of the newer one at once.
    let next = t.intent(id).await;
    assert_eq!(
        t.store.reserve(&next).await.unwrap(),
        Reserved::Granted { row: newer.clone(), unknown: None }
    );
    let moved = t.replica.reserve(&loser).await.unwrap();
    assert_eq!(moved, Reserved::Moved(newer));
}

async fn an_intent_for_a_paused_integration_is_told_so(t: &Bench) {
    let id = t.connected().await.integration.id;
    let pause = |paused| Edit { label: None, paused: Some(paused) };
    let intent = t.intent(id).await;
    t.store.edit(t.alice, id, &pause(true), t.now()).await.unwrap();
    let moved = t.store.reserve(&intent).await.unwrap();
    assert_eq!(moved, Reserved::Moved(t.row(id).await));
    assert_eq!(t.row(id).await.status, Status::Paused);
    // What was refused left nothing behind.
    t.store.edit(t.alice, id, &pause(false), t.now()).await.unwrap();
    let other = t.intent(id).await;
    let granted = t.store.reserve(&other).await.unwrap();
    assert!(matches!(granted, Reserved::Granted { .. }));
}

async fn an_intent_for_nothing_is_told_that_it_is_gone(t: &Bench) {
    let mut intent = t.intent(t.connected().await.integration.id).await;
    intent.id = t.id();
    assert_eq!(t.store.reserve(&intent).await.unwrap(), Reserved::Gone);
    assert_eq!(t.store.grant(intent.id).await.unwrap(), None);
}

async fn a_commit_stores_the_grant_and_ends_its_attempt(t: &Bench) {
    let mut held = t.connected().await;
    let id = held.integration.id;
    let before = t.row(id).await;
    for generation in 1..=3 {
        let intent = t.intent(id).await;
        let granted = t.store.reserve(&intent).await.unwrap();
        assert!(matches!(granted, Reserved::Granted { .. }));
        let mut next = t.grant();
        if generation == 2 {
            // A provider that does not rotate: the same refresh token, so the same lineage.
            next.lineage = held.grant.lineage;
        }
        let commit = commit_of(id, intent.attempt, 1, held.grant.lineage, &next);
        let version = Version { epoch: 1, generation };
        assert_eq!(t.store.commit(&commit).await.unwrap(), Committed::Stored(version));
        let row = t.replica.grant(id).await.unwrap().unwrap();
        assert_eq!((row.version, &row.grant), (version, &next));
        held.grant = next;
    }
    // A refresh is no change of the integration: nothing that others hold in memory is wrong.
    assert_eq!(t.row(id).await.revision, before.revision);
}

async fn a_late_winner_is_stored_although_its_intent_lapsed(t: &Bench) {
    let held = t.connected().await;
    let (id, spent) = (held.integration.id, held.grant.lineage);
    let slow = t.intent(id).await;
    t.store.reserve(&slow).await.unwrap();
    let mut heir = t.intent(id).await;
    heir.started_at = slow.deadline;
    heir.deadline = t.in_secs(90);
    let granted = t.replica.reserve(&heir).await.unwrap();
    assert!(matches!(granted, Reserved::Granted { .. }));

    let won = t.grant();
    let done = t.store.commit(&commit_of(id, slow.attempt, 1, spent, &won)).await.unwrap();
    assert!(matches!(done, Committed::Stored(_)));
    assert_eq!(t.row(id).await.grant, won);
    // The heir's attempt is still under way: it ends when the heir hears that it lost.
    let third = t.intent(id).await;
    let until = heir.deadline;
    let busy = t.store.reserve(&third).await.unwrap();
    assert_eq!(busy, Reserved::Busy { until });
    let done = t.replica.commit(&commit_of(id, heir.attempt, 1, spent, &t.grant())).await;
    assert_eq!(done.unwrap(), Committed::Stale);
    assert_eq!(t.row(id).await.grant, won);
    let granted = t.store.reserve(&third).await.unwrap();
    assert!(matches!(granted, Reserved::Granted { .. }));
}

async fn a_late_winner_is_stored_although_the_integration_was_paused(t: &Bench) {
    let held = t.connected().await;
    let id = held.integration.id;
    let intent = t.intent(id).await;
    t.store.reserve(&intent).await.unwrap();
    let pause = Edit { paused: Some(true), ..Edit::default() };
    t.store.edit(t.alice, id, &pause, t.now()).await.unwrap();
    let next = t.grant();
    let commit = commit_of(id, intent.attempt, 1, held.grant.lineage, &next);
    assert!(matches!(t.store.commit(&commit).await.unwrap(), Committed::Stored(_)));
    let row = t.row(id).await;
    assert_eq!((row.grant, row.status), (next, Status::Paused));
}

async fn a_commit_whose_answer_was_lost_is_stored_once(t: &Bench) {
    let held = t.connected().await;
    let (id, spent) = (held.integration.id, held.grant.lineage);
    let intent = t.intent(id).await;
    t.store.reserve(&intent).await.unwrap();
    let next = t.grant();
    let version = Version { epoch: 1, generation: 1 };
    for store in [&t.store, &t.replica, &t.store] {
        let done = store.commit(&commit_of(id, intent.attempt, 1, spent, &next)).await;
        assert_eq!(done.unwrap(), Committed::Stored(version));
    }
    assert_eq!(t.row(id).await.version, version);
    assert_eq!(t.row(id).await.grant, next);
}

async fn a_commit_after_a_reconnect_is_stale(t: &Bench) {
    let held = t.connected().await;
    let (id, spent) = (held.integration.id, held.grant.lineage);
    let intent = t.intent(id).await;
    t.store.reserve(&intent).await.unwrap();
    // Even if the new grant held the very same refresh token: the epoch alone decides.
    let mut again = t.again(&held);
    again.grant.lineage = spent;
    assert!(t.replica.reconnect(&again).await.unwrap());
    let done = t.store.commit(&commit_of(id, intent.attempt, 1, spent, &t.grant())).await;
    assert_eq!(done.unwrap(), Committed::Stale);
    assert_eq!(t.row(id).await.grant, again.grant);
}

async fn a_commit_after_a_disconnect_is_stale(t: &Bench) {
    let held = t.connected().await;
    let (id, spent) = (held.integration.id, held.grant.lineage);
    let intent = t.intent(id).await;
    t.store.reserve(&intent).await.unwrap();
    let ended = t.replica.disconnect(t.alice, id, t.now(), None).await.unwrap();
    assert!(ended.is_some());
    let done = t.store.commit(&commit_of(id, intent.attempt, 1, spent, &t.grant())).await;
    assert_eq!(done.unwrap(), Committed::Stale);
    let done = t.store.commit(&commit_of(t.id(), intent.attempt, 1, spent, &t.grant())).await;
    assert_eq!(done.unwrap(), Committed::Stale);
    assert_eq!(t.store.grant(id).await.unwrap(), None);
}

async fn a_reconnect_ends_any_intent(t: &Bench) {
    let held = t.connected().await;
    let id = held.integration.id;
    let old = t.intent(id).await;
    t.store.reserve(&old).await.unwrap();
    assert!(t.store.reconnect(&t.again(&held)).await.unwrap());
    let new = t.intent(id).await;
    let granted = t.store.reserve(&new).await.unwrap();
    assert!(matches!(granted, Reserved::Granted { .. }));
    // The old attempt's end is not the new one's.
    t.store.release(id, old.attempt, Ended::Unspent).await.unwrap();
    let done = t.store.commit(&commit_of(id, old.attempt, 1, held.grant.lineage, &t.grant())).await;
    assert_eq!(done.unwrap(), Committed::Stale);
    let busy = t.store.reserve(&t.intent(id).await).await.unwrap();
    assert!(matches!(busy, Reserved::Busy { .. }));
}

async fn a_mark_names_the_cause_and_keeps_the_grant(t: &Bench) {
    let held = t.connected().await;
    let id = held.integration.id;
    let before = t.row(id).await;
    t.clock.advance(Duration::from_secs(9));
    let marked = t.store.mark(id, 1, held.grant.lineage, &revoked(), t.now()).await;
    assert!(marked.unwrap());
    let stored = t.replica.integration(t.alice, id).await.unwrap().unwrap();
    let (why, since) = (revoked(), t.now());
    assert_eq!(stored.status, Status::NeedsReconnect { why, since });
    assert_eq!(stored.updated_at, since);
    let row = t.row(id).await;
    assert_eq!((row.grant, row.version), (held.grant, before.version));
    assert_eq!((row.status, row.revision), (stored.status, before.revision + 1));
}

async fn a_mark_of_an_older_grant_marks_nothing(t: &Bench) {
    let held = t.connected().await;
    let (id, spent) = (held.integration.id, held.grant.lineage);
    let attempt = t.attempt();
    t.store.commit(&commit_of(id, attempt, 1, spent, &t.grant())).await.unwrap();
    let now = t.row(id).await;
    for (epoch, lineage) in [(1, spent), (2, now.grant.lineage), (0, now.grant.lineage)] {
        let marked = t.store.mark(id, epoch, lineage, &revoked(), t.now()).await;
        assert!(!marked.unwrap());
    }
    let marked = t.store.mark(t.id(), 1, now.grant.lineage, &revoked(), t.now()).await;
    assert!(!marked.unwrap());
    assert_eq!(t.row(id).await, now);
    assert_eq!(t.store.revision().await.unwrap(), now.revision);
}

async fn only_an_active_integration_is_marked(t: &Bench) {
    let held = t.connected().await;
    let (id, lineage) = (held.integration.id, held.grant.lineage);
    let pause = |paused| Edit { label: None, paused: Some(paused) };
    let failure = revoked();
    let mark = || t.store.mark(id, 1, lineage, &failure, t.now());
    t.store.edit(t.alice, id, &pause(true), t.now()).await.unwrap();
    assert!(!mark().await.unwrap());
    t.store.edit(t.alice, id, &pause(false), t.now()).await.unwrap();
    assert!(mark().await.unwrap());
    assert!(!mark().await.unwrap());
}
