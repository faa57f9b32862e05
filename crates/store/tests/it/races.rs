//! What must hold however two replicas interleave. Each race is run many times.

use std::collections::BTreeSet;
use std::sync::Arc;

use evergrant::integration::Status;
use evergrant::store::{Committed, Edit, Intent, Reserved, SealedRow, Shelf};
use futures_util::future::join_all;
use tokio::task::JoinSet;

use crate::bench::{Bench, commit_of, on_every_store, revoked};

on_every_store!(
    of_many_intents_at_once_one_is_granted,
    an_intent_that_races_a_commit_never_gets_the_spent_grant,
    an_intent_that_races_a_reconnect_leaves_no_intent_of_the_old_grant,
    a_mark_that_races_a_commit_never_marks_the_fresh_grant,
    a_commit_that_races_a_disconnect_leaves_no_grant,
    of_two_connects_of_one_account_one_is_stored,
    two_replicas_never_claim_the_same_due_grant,
    of_two_who_find_an_expired_intent_one_is_granted,
    a_commit_that_races_a_reseal_has_the_last_word,
    two_replicas_never_claim_the_same_debt,
    an_answer_that_races_a_reconnect_is_not_found_after_it,
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
        let granted = outcomes.iter().filter(|r| matches!(r, Reserved::Granted { .. }));
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
        let commit = commit_of(id, winner.attempt, 1, spent, &next);
        let commit = t.store.commit(&commit);
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
            Reserved::Granted { row, .. } => assert_eq!(row.grant, held.grant),
            Reserved::Moved(row) => assert_eq!(row.grant, again.grant),
            wrong => panic!("{wrong:?}"),
        }
        let next = t.intent(id).await;
        let granted = t.store.reserve(&next).await.unwrap();
        assert!(matches!(granted, Reserved::Granted { .. }), "{granted:?}");
    }
}

async fn a_mark_that_races_a_commit_never_marks_the_fresh_grant(t: &Bench) {
    let why = revoked();
    for _ in 0..ROUNDS {
        let held = t.connected().await;
        let (id, spent) = (held.integration.id, held.grant.lineage);
        let next = t.grant();
        let commit = commit_of(id, t.attempt(), 1, spent, &next);
        let commit = t.store.commit(&commit);
        let mark = t.replica.mark(id, 1, next.lineage, &why, t.now());
        let (done, marked) = tokio::join!(commit, mark);
        assert!(matches!(done.unwrap(), Committed::Stored(_)));
        // Marked: then it saw the new grant, which is the one it names.
        let row = t.row(id).await;
        assert_eq!(marked.unwrap(), row.status != Status::Active);

        let held = t.connected().await;
        let (id, spent) = (held.integration.id, held.grant.lineage);
        let commit = commit_of(id, t.attempt(), 1, spent, &next);
        let commit = t.store.commit(&commit);
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
        let commit = commit_of(id, intent.attempt, 1, spent, &next);
        let commit = t.store.commit(&commit);
        let disconnect = t.replica.disconnect(t.alice, id, t.now(), None);
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

async fn of_two_who_find_an_expired_intent_one_is_granted(t: &Bench) {
    for _ in 0..ROUNDS {
        let id = t.connected().await.integration.id;
        let dead = t.intent(id).await;
        t.store.reserve(&dead).await.unwrap();
        let late = async || {
            let intent = t.intent(id).await;
            Intent { started_at: dead.deadline, deadline: t.in_secs(60), ..intent }
        };
        let (a, b) = (late().await, late().await);
        let (a, b) = tokio::join!(t.store.reserve(&a), t.replica.reserve(&b));
        let row = t.row(id).await;
        let granted = Reserved::Granted { row, unknown: Some(dead.started_at) };
        let busy = Reserved::Busy { until: t.in_secs(60) };
        let outcomes = [a.unwrap(), b.unwrap()];
        assert!(outcomes.contains(&granted) && outcomes.contains(&busy), "{outcomes:?}");
    }
}

async fn a_commit_that_races_a_reseal_has_the_last_word(t: &Bench) {
    let (mut first, mut second) = (0, 0);
    for _ in 0..ROUNDS {
        let held = t.connected().await;
        let (id, spent) = (held.integration.id, held.grant.lineage);
        let row = SealedRow {
            shelf: Shelf::Grant,
            row: id.to_string(),
            subject: id.to_string(),
            epoch: 1,
            sealed: held.grant.sealed.clone(),
        };
        let (fresh, next) = (t.sealed("k1"), t.grant());
        let commit = commit_of(id, t.attempt(), 1, spent, &next);
        let (done, resealed) =
            tokio::join!(t.store.commit(&commit), t.replica.reseal(&row, &fresh));
        // Whichever came first: no sealing anew loses a refresh, and none takes its place.
        assert!(matches!(done.unwrap(), Committed::Stored(_)));
        assert_eq!(t.row(id).await.grant, next);
        if resealed.unwrap() { first += 1 } else { second += 1 }
    }
    assert_eq!(first + second, ROUNDS);
}

async fn two_replicas_never_claim_the_same_debt(t: &Bench) {
    let mut expected = BTreeSet::new();
    for n in 0..60 {
        let debt = t.debt(n);
        t.store.owe(&debt).await.unwrap();
        expected.insert(debt.id);
    }
    let (now, again) = (t.in_secs(60), t.in_secs(9_000));
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let store = Arc::clone(if n % 2 == 0 { &t.store } else { &t.replica });
        tasks.spawn(async move {
            let mut mine = Vec::new();
            // One that finds nothing may have waited for rows that another took: it asks again.
            let mut idle = 0;
            while idle < 3 {
                let claimed = store.claim_debts(now, again, 3).await.unwrap();
                idle = if claimed.is_empty() { idle + 1 } else { 0 };
                mine.extend(claimed);
            }
            mine
        });
    }
    let mut claimed = tasks.join_all().await.concat();
    claimed.extend(t.store.claim_debts(now, again, 99).await.unwrap());
    assert!(claimed.iter().all(|debt| (debt.tries, debt.due_at) == (1, again)));
    assert_eq!(claimed.len(), expected.len());
    let claimed: BTreeSet<_> = claimed.into_iter().map(|debt| debt.id).collect();
    assert_eq!(claimed, expected);
}

async fn an_answer_that_races_a_reconnect_is_not_found_after_it(t: &Bench) {
    for _ in 0..ROUNDS {
        let held = t.connected().await;
        let id = held.integration.id;
        let intent = t.intent(id).await;
        t.store.reserve(&intent).await.unwrap();
        let (again, answer) = (t.again(&held), t.sealed("k1"));
        let (reconnected, kept) = tokio::join!(
            t.replica.reconnect(&again),
            t.store.answer(id, intent.attempt, &answer, t.now())
        );
        assert!(reconnected.unwrap());
        // Kept or not, it is an answer to the old grant.
        kept.unwrap();
        assert!(!t.store.answer(id, intent.attempt, &answer, t.now()).await.unwrap());
        let next = t.intent(id).await;
        let granted = t.store.reserve(&next).await.unwrap();
        let row = t.row(id).await;
        assert_eq!(granted, Reserved::Granted { row, unknown: None });
    }
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
                let done = store.commit(&commit_of(id, attempt, 1, spent, &grant)).await.unwrap();
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
