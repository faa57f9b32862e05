//! The outbox: grants that must still be revoked.

use std::collections::BTreeSet;

use evergrant::store::Debt;

use crate::bench::{Bench, on_every_store};

on_every_store!(
    a_debt_is_owed_once_and_forgotten_when_it_is_settled,
    debts_due_longest_are_claimed_first_and_once,
    a_disconnect_leaves_its_grant_as_a_debt,
);

async fn claim(t: &Bench, at: u64, again: u64, limit: u32) -> Vec<Debt> {
    t.store.claim_debts(t.in_secs(at), t.in_secs(again), limit).await.unwrap()
}

async fn a_debt_is_owed_once_and_forgotten_when_it_is_settled(t: &Bench) {
    assert_eq!(t.store.debts().await.unwrap(), 0);
    let (debt, other) = (t.debt(1), t.debt(99));
    t.store.owe(&debt).await.unwrap();
    t.store.owe(&other).await.unwrap();
    let tried = Debt { tries: 1, due_at: t.in_secs(50), ..debt.clone() };
    assert_eq!(claim(t, 1, 50, 9).await, [tried]);
    // Told again, it stays as it is by now.
    t.replica.owe(&debt).await.unwrap();
    assert_eq!(t.store.debts().await.unwrap(), 2);
    assert_eq!(claim(t, 49, 60, 9).await, []);
    let tried = Debt { tries: 2, due_at: t.in_secs(60), ..debt.clone() };
    assert_eq!(claim(t, 50, 60, 9).await, [tried]);
    for _ in 0..2 {
        t.replica.settle(debt.id).await.unwrap();
        assert_eq!(t.store.debts().await.unwrap(), 1);
    }
    assert_eq!(claim(t, 60, 70, 9).await, []);
}

async fn debts_due_longest_are_claimed_first_and_once(t: &Bench) {
    let mut ids = Vec::new();
    for seconds in [40, 10, 30, 20] {
        let debt = t.debt(seconds);
        t.store.owe(&debt).await.unwrap();
        ids.push(debt.id);
    }
    let claim = async |at, limit| -> BTreeSet<_> {
        claim(t, at, 500, limit).await.into_iter().map(|debt| debt.id).collect()
    };
    assert_eq!(claim(9, 9).await, BTreeSet::new());
    assert_eq!(claim(40, 0).await, BTreeSet::new());
    assert_eq!(claim(40, 2).await, BTreeSet::from([ids[1], ids[3]]));
    assert_eq!(claim(40, 9).await, BTreeSet::from([ids[0], ids[2]]));
    assert_eq!(claim(499, 9).await, BTreeSet::new());
}

async fn a_disconnect_leaves_its_grant_as_a_debt(t: &Bench) {
    let held = t.connected().await;
    assert!(t.store.reconnect(&t.again(&held)).await.unwrap());
    let (id, debt) = (held.integration.id, t.debt(0).id);
    let foreign = t.store.disconnect(t.bob, id, t.now(), Some(debt)).await;
    assert_eq!(foreign.unwrap(), None);
    assert_eq!(t.store.debts().await.unwrap(), 0);
    let ended = t.store.disconnect(t.alice, id, t.in_secs(4), Some(debt)).await.unwrap();
    let ended = ended.expect("it was there");
    let owed = Debt {
        id: debt,
        integration: id,
        provider: ended.provider,
        epoch: 2,
        sealed: ended.grant.sealed,
        tries: 1,
        since: t.in_secs(4),
        due_at: t.in_secs(60),
    };
    assert_eq!(claim(t, 4, 60, 9).await, [owed]);
    let unowed = t.connected().await.integration.id;
    assert!(t.store.disconnect(t.alice, unowed, t.now(), None).await.unwrap().is_some());
    assert_eq!(t.store.debts().await.unwrap(), 1);
}
