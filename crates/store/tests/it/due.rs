//! What the renewer asks: which grants are due, and when the next one will be.

use std::collections::BTreeSet;

use evergrant::store::{Edit, NewIntegration};

use crate::bench::{Bench, commit_of, on_every_store, revoked};

on_every_store!(
    those_due_longest_are_claimed_first_and_once,
    a_claim_comes_due_again_unless_it_is_committed,
    only_an_active_integration_comes_due,
    nothing_is_due_in_an_empty_store,
    now_is_one_clock_for_all_replicas,
);

async fn due_in(t: &Bench, seconds: Option<u64>) -> NewIntegration {
    let mut new = t.new_integration(t.alice, &t.id().to_string());
    new.grant.due_at = seconds.map(|seconds| t.in_secs(seconds));
    assert!(t.store.connect(&new).await.unwrap());
    new
}

async fn those_due_longest_are_claimed_first_and_once(t: &Bench) {
    let mut ids = Vec::new();
    for seconds in [40, 10, 30, 20] {
        ids.push(due_in(t, Some(seconds)).await.integration.id);
    }
    due_in(t, None).await;
    let claim = async |at, limit| -> BTreeSet<_> {
        let claimed = t.store.claim_due(t.in_secs(at), t.in_secs(500), limit).await;
        claimed.unwrap().into_iter().collect()
    };
    assert_eq!(t.store.next_due().await.unwrap(), Some(t.in_secs(10)));
    assert_eq!(claim(9, 9).await, BTreeSet::new());
    assert_eq!(claim(30, 2).await, BTreeSet::from([ids[1], ids[3]]));
    assert_eq!(t.store.next_due().await.unwrap(), Some(t.in_secs(30)));
    assert_eq!(claim(30, 9).await, BTreeSet::from([ids[2]]));
    assert_eq!(claim(30, 9).await, BTreeSet::new());
    assert_eq!(claim(499, 9).await, BTreeSet::from([ids[0]]));
    assert_eq!(claim(499, 9).await, BTreeSet::new());
    assert_eq!(t.store.next_due().await.unwrap(), Some(t.in_secs(500)));
    assert_eq!(claim(500, 0).await, BTreeSet::new());
    assert_eq!(t.row(ids[0]).await.grant.due_at, Some(t.in_secs(500)));
}

async fn a_claim_comes_due_again_unless_it_is_committed(t: &Bench) {
    let (died, refreshed) = (due_in(t, Some(1)).await, due_in(t, Some(1)).await);
    let claimed = t.store.claim_due(t.in_secs(1), t.in_secs(60), 9).await;
    assert_eq!(claimed.unwrap().len(), 2);
    let id = refreshed.integration.id;
    let done =
        t.store.commit(&commit_of(id, t.attempt(), 1, refreshed.grant.lineage, &t.grant())).await;
    done.unwrap();
    let claimed = t.replica.claim_due(t.in_secs(60), t.in_secs(120), 9).await;
    assert_eq!(claimed.unwrap(), [died.integration.id]);
}

async fn only_an_active_integration_comes_due(t: &Bench) {
    let paused = due_in(t, Some(1)).await;
    let broken = due_in(t, Some(1)).await;
    let ended = due_in(t, Some(1)).await;
    let set = |paused| Edit { label: None, paused: Some(paused) };
    let id = paused.integration.id;
    t.store.edit(t.alice, id, &set(true), t.now()).await.unwrap();
    let lineage = broken.grant.lineage;
    let marked = t.store.mark(broken.integration.id, 1, lineage, &revoked(), t.now()).await;
    assert!(marked.unwrap());
    let gone = t.store.disconnect(t.alice, ended.integration.id, t.now(), None);
    assert!(gone.await.unwrap().is_some());

    assert_eq!(t.store.next_due().await.unwrap(), None);
    let claim = || t.store.claim_due(t.in_secs(9), t.in_secs(60), 9);
    assert_eq!(claim().await.unwrap(), []);
    t.store.edit(t.alice, id, &set(false), t.now()).await.unwrap();
    assert_eq!(t.store.next_due().await.unwrap(), Some(t.in_secs(1)));
    assert_eq!(claim().await.unwrap(), [id]);
}

async fn nothing_is_due_in_an_empty_store(t: &Bench) {
    assert_eq!(t.store.next_due().await.unwrap(), None);
    let claimed = t.store.claim_due(t.now(), t.in_secs(60), 9).await;
    assert_eq!(claimed.unwrap(), []);
}

async fn now_is_one_clock_for_all_replicas(t: &Bench) {
    let first = t.store.now().await.unwrap();
    let second = t.replica.now().await.unwrap();
    let third = t.store.now().await.unwrap();
    assert!(first <= second && second <= third);
    assert!(first >= t.now(), "the test's clock stands at the start of 2026");
}
