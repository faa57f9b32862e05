//! Revisions: every change takes one, and who polls misses none.

use std::sync::Arc;

use evergrant::store::{Change, Edit, Subject};
use tokio::task::JoinSet;

use crate::bench::{Bench, on_every_store, revoked};

on_every_store!(
    every_change_takes_the_next_revision,
    only_the_last_change_of_an_integration_is_listed,
    changes_come_a_thousand_at_once,
    revisions_become_visible_in_order,
);

async fn every_change_takes_the_next_revision(t: &Bench) {
    assert_eq!(t.store.revision().await.unwrap(), 0);
    assert_eq!(t.store.changes(0).await.unwrap(), []);
    let held = t.connected().await;
    let id = held.integration.id;
    let seen = async |revision| {
        let change = Change { subject: Subject::Integration(id), revision };
        assert_eq!(t.replica.revision().await.unwrap(), revision);
        assert_eq!(t.replica.changes(revision - 1).await.unwrap(), [change]);
        assert_eq!(t.replica.changes(revision).await.unwrap(), []);
    };
    seen(1).await;
    for (revision, paused) in [(2, true), (3, false)] {
        let edit = Edit { label: None, paused: Some(paused) };
        t.store.edit(t.alice, id, &edit, t.now()).await.unwrap();
        seen(revision).await;
    }
    let marked = t.store.mark(id, 1, held.grant.lineage, &revoked(), t.now()).await;
    assert!(marked.unwrap());
    seen(4).await;
    assert!(t.store.reconnect(&t.again(&held)).await.unwrap());
    seen(5).await;
    let ended = t.store.disconnect(t.alice, id, t.now(), None).await.unwrap();
    assert!(ended.is_some());
    seen(6).await;
}

async fn only_the_last_change_of_an_integration_is_listed(t: &Bench) {
    let (a, b) = (t.connected().await, t.connected().await);
    let (a, b) = (a.integration.id, b.integration.id);
    let rename = Edit { label: Some("renamed".to_owned()), paused: None };
    t.store.edit(t.alice, a, &rename, t.now()).await.unwrap();
    let change = |id, revision| Change { subject: Subject::Integration(id), revision };
    let changes = t.store.changes(0).await.unwrap();
    assert_eq!(changes, [change(b, 2), change(a, 3)]);
}

async fn changes_come_a_thousand_at_once(t: &Bench) {
    for _ in 0..1_001 {
        t.connected().await;
    }
    let revisions = async |after| -> Vec<_> {
        let changes = t.store.changes(after).await.unwrap();
        changes.into_iter().map(|change| change.revision).collect()
    };
    assert_eq!(revisions(0).await, (1..=1_000).collect::<Vec<_>>());
    assert_eq!(revisions(1_000).await, [1_001]);
}

async fn revisions_become_visible_in_order(t: &Bench) {
    const WRITERS: usize = 6;
    const EACH: usize = 20;
    let mut tasks = JoinSet::new();
    for n in 0..WRITERS {
        let store = Arc::clone(if n % 2 == 0 { &t.store } else { &t.replica });
        let new: Vec<_> =
            (0..EACH).map(|_| t.new_integration(t.alice, &t.id().to_string())).collect();
        tasks.spawn(async move {
            for new in new {
                assert!(store.connect(&new).await.unwrap());
            }
        });
    }
    // Each connect is another integration, so a reader that misses none sees every number.
    let last = i64::try_from(WRITERS * EACH).unwrap();
    let mut seen = 0;
    while seen < last {
        for change in t.replica.changes(seen).await.unwrap() {
            assert_eq!(change.revision, seen + 1, "a revision became visible too late");
            seen = change.revision;
        }
        let missed = seen < last && tasks.is_empty();
        assert!(!missed, "the writers are done; nothing after {seen} was seen");
        while tasks.try_join_next().is_some_and(|done| done.is_ok()) {}
    }
    tasks.join_all().await;
    assert_eq!(t.store.revision().await.unwrap(), last);
}
