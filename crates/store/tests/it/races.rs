//! What must hold however two replicas interleave. Each race is run many times.

use std::collections::BTreeSet;
use std::sync::Arc;

use evergrant::integration::Status;
use evergrant::store::{Committed, Edit, Reserved};
use futures_util::future::join_all;
use tokio::task::JoinSet;

use crate::bench::{Bench, on_every_store, revoked};

on_every_store!(
    of_many_intents_at_once_one_is_granted,
    an_intent_that_races_a_commit_never_gets_the_spent_grant,
    an_intent_that_races_a_reconnect_leaves_no_intent_of_the_old_grant,
    a_mark_that_races_a_commit_never_marks_the_fresh_grant,
    a_commit_that_races_a_disconnect_leaves_no_grant,
    of_two_connects_of_one_account_one_is_stored,
    two_replicas_never_claim_the_same_due_grant,
    sixteen_tasks_on_two_replicas_write_without_a_failure,
);

const ROUNDS: usize = 25;

async fn of_many_intents_at_once_one_is_granted(t: &Bench) {
    for _ in 0..ROUNDS / 5 {
        let id = t.connected().await.integration.id;
        let mut intents = Vec::new();
        for _ in 0..16 {
            intents.push(t.intent(id).await);
        }
        let mut tasks = JoinSet::new();
        for (n, intent) in intents.into_iter().enumerate() {
            let store = Arc::clone(if n % 2 == 0 { &t.store } else { &t.replica });
            tasks.spawn(async move { store.reserve(&intent).await.unwrap() });
        }
        let outcomes = tasks.join_all().await;
        let granted = outcomes.iter().filter(|r| matches!(r, Reserved::Granted(_)));
        assert_eq!(granted.count(), 1);
        let busy = outcomes.iter().filter(|r| matches!(r, Reserved::Busy { .. }));
        assert_eq!(busy.count(), 15);
    }
}

async fn an_intent_that_races_a_commit_never_gets_the_spent_grant(t: &Bench) {
    for _ in 0..ROUNDS {
        let held = t.connected().await;
        let (id, spent) = (held.integration.id, held.grant.lineage);
        let (winner, other) = (t.intent(id).await, t.intent(id).await);
        t.store.reserve(&winner).await.unwrap();
        let next = t.grant();
        let commit = t.store.commit(id, winner.attempt, 1, spent, &next);
        let (done, reserved) = tokio::join!(commit, t.replica.reserve(&other));
        assert!(matches!(done.unwrap(), Committed::Stored(_)));
        match reserved.unwrap() {
            Reserved::Busy { until } => assert_eq!(until, winner.deadline),
            Reserved::Moved(row) => assert_eq!(row.grant, next),
            wrong => panic!("the refresh token is spent, but: {wrong:?}"),
        }
    }
}

async fn an_intent_that_races_a_reconnect_leaves_no_intent_of_the_old_grant(t: &Bench) {
    for _ in 0..ROUNDS {
        let held = t.connected().await;
        let id = held.integration.id;
        let intent = t.intent(id).await;
        let again = t.again(&held);
        let (reconnected, reserved) =
            tokio::join!(t.store.reconnect(&again), t.replica.reserve(&intent));
        assert!(reconnected.unwrap());
        match reserved.unwrap() {
            Reserved::Granted(row) => assert_eq!(row.grant, held.grant),
            Reserved::Moved(row) => assert_eq!(row.grant, again.grant),
            wrong => panic!("{wrong:?}"),
        }
        let next = t.intent(id).await;
        let granted = t.store.reserve(&next).await.unwrap();
        assert!(matches!(granted, Reserved::Granted(_)), "{granted:?}");
    }
}

async fn a_mark_that_races_a_commit_never_marks_the_fresh_grant(t: &Bench) {
    let why = revoked();
    for _ in 0..ROUNDS {
        let held = t.connected().await;
        let (id, spent) = (held.integration.id, held.grant.lineage);
        let next = t.grant();
        let commit = t.store.commit(id, t.attempt(), 1, spent, &next);
        let mark = t.replica.mark(id, 1, next.lineage, &why, t.now());
        let (done, marked) = tokio::join!(commit, mark);
        assert!(matches!(done.unwrap(), Committed::Stored(_)));
        // Marked: then it saw the new grant, which is the one it names.
        let row = t.row(id).await;
        assert_eq!(marked.unwrap(), row.status != Status::Active);

        let held = t.connected().await;
        let (id, spent) = (held.integration.id, held.grant.lineage);
        let commit = t.store.commit(id, t.attempt(), 1, spent, &next);
        let mark = t.replica.mark(id, 1, spent, &why, t.now());
        let (done, marked) = tokio::join!(commit, mark);
        assert!(matches!(done.unwrap(), Committed::Stored(_)));
        let row = t.row(id).await;
        assert_eq!(row.grant, next);
        assert_eq!(marked.unwrap(), row.status != Status::Active);
    }
}

async fn a_commit_that_races_a_disconnect_leaves_no_grant(t: &Bench) {
    for _ in 0..ROUNDS {
        let held = t.connected().await;
        let (id, spent) = (held.integration.id, held.grant.lineage);
        let intent = t.intent(id).await;
        t.store.reserve(&intent).await.unwrap();
        let next = t.grant();
        let commit = t.store.commit(id, intent.attempt, 1, spent, &next);
        let disconnect = t.replica.disconnect(t.alice, id, t.now());
        let (done, ended) = tokio::join!(commit, disconnect);
        // Exactly one of them has the live refresh token in hand and revokes it.
        let ended = ended.unwrap().expect("it was there").grant;
        match done.unwrap() {
            Committed::Stored(_) => assert_eq!(ended, next),
            Committed::Stale => assert_eq!(ended, held.grant),
        }
        assert_eq!(t.store.grant(id).await.unwrap(), None);
    }
}

async fn of_two_connects_of_one_account_one_is_stored(t: &Bench) {
    for round in 0..ROUNDS {
        let account = format!("account {round}");
        let (a, b) = (t.new_integration(t.alice, &account), t.new_integration(t.alice, &account));
        let (a, b) = tokio::join!(t.store.connect(&a), t.replica.connect(&b));
        assert!(a.unwrap() != b.unwrap());
    }
    let all = t.store.integrations(t.alice, None, 1_000).await.unwrap();
    assert_eq!(all.len(), ROUNDS);
}

async fn two_replicas_never_claim_the_same_due_grant(t: &Bench) {
    let mut expected = BTreeSet::new();
    for _ in 0..60 {
        expected.insert(t.connected().await.integration.id);
    }
    let (now, again) = (t.in_secs(1_800), t.in_secs(9_000));
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let store = Arc::clone(if n % 2 == 0 { &t.store } else { &t.replica });
        tasks.spawn(async move {
            let mut mine = Vec::new();
            // One that finds nothing may have waited for rows that another took: it asks again.
            while store.next_due().await.unwrap() != Some(again) {
                mine.extend(store.claim_due(now, again, 3).await.unwrap());
            }
            mine
        });
    }
    let claimed = tasks.join_all().await.concat();
    assert_eq!(claimed.len(), expected.len());
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), expected);
}

async fn sixteen_tasks_on_two_replicas_write_without_a_failure(t: &Bench) {
    let held: Vec<_> = join_all((0..16).map(|_| t.connected())).await;
    let before = t.store.revision().await.unwrap();
    let mut tasks = JoinSet::new();
    for (n, held) in held.into_iter().enumerate() {
        let store = Arc::clone(if n % 2 == 0 { &t.store } else { &t.replica });
        let (owner, now, id) = (t.alice, t.now(), held.integration.id);
        let mut spent = held.grant.lineage;
        let grants: Vec<_> = (0..10).map(|_| (t.attempt(), t.grant())).collect();
        tasks.spawn(async move {
            for (n, (attempt, grant)) in grants.into_iter().enumerate() {
                let done = store.commit(id, attempt, 1, spent, &grant).await.unwrap();
                assert!(matches!(done, Committed::Stored(_)));
                spent = grant.lineage;
                let edit = Edit { label: Some(format!("round {n}")), paused: None };
                assert!(store.edit(owner, id, &edit, now).await.unwrap().is_some());
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(t.store.revision().await.unwrap(), before + 160);
}
