//! The last attempts to refresh a grant.

use evergrant::store::{ATTEMPTS_KEPT, Attempt, Committed, Outcome};

use crate::bench::{Bench, attempt_of, commit_of, on_every_store};

on_every_store!(
    a_note_comes_back_as_it_was_written_the_latest_first,
    the_last_attempts_are_kept_and_no_more,
    attempts_are_their_owners_and_go_with_the_integration,
    a_commit_notes_its_attempt_once,
    a_stale_commit_notes_nothing,
);

async fn a_note_comes_back_as_it_was_written_the_latest_first(t: &Bench) {
    let id = t.connected().await.integration.id;
    assert_eq!(t.store.attempts(t.alice, id).await.unwrap(), []);
    let mut written = Vec::new();
    for outcome in Outcome::ALL {
        let bare = attempt_of(id, t.attempt(), outcome);
        let full = Attempt {
            at: t.in_secs(7),
            took_ms: 12_345,
            code: Some("provider_unavailable".to_owned()),
            provider_code: Some("AADSTS90033 'quoted'".to_owned()),
            trace_id: Some("trace".to_owned()),
            correlation_id: Some("correlation".to_owned()),
            skew_ms: Some(-1_500),
            ..attempt_of(id, t.attempt(), outcome)
        };
        for attempt in [bare, full] {
            t.store.note(&attempt).await.unwrap();
            written.insert(0, attempt);
        }
    }
    assert_eq!(t.replica.attempts(t.alice, id).await.unwrap(), written);
}

async fn the_last_attempts_are_kept_and_no_more(t: &Bench) {
    let (a, b) = (t.connected().await.integration.id, t.connected().await.integration.id);
    let mut ids = Vec::new();
    for _ in 0..ATTEMPTS_KEPT + 5 {
        ids.insert(0, t.attempt());
        t.store.note(&attempt_of(a, ids[0], Outcome::Unavailable)).await.unwrap();
        t.store.note(&attempt_of(b, t.attempt(), Outcome::Unavailable)).await.unwrap();
    }
    ids.truncate(ATTEMPTS_KEPT as usize);
    let kept = t.replica.attempts(t.alice, a).await.unwrap();
    assert_eq!(kept.into_iter().map(|kept| kept.attempt).collect::<Vec<_>>(), ids);
    let kept = t.replica.attempts(t.alice, b).await.unwrap();
    assert_eq!(kept.len(), ATTEMPTS_KEPT as usize);
}

async fn attempts_are_their_owners_and_go_with_the_integration(t: &Bench) {
    let id = t.connected().await.integration.id;
    let attempt = attempt_of(id, t.attempt(), Outcome::Rejected);
    t.store.note(&attempt).await.unwrap();
    assert_eq!(t.store.attempts(t.bob, id).await.unwrap(), []);
    assert_eq!(t.store.attempts(t.alice, t.id()).await.unwrap(), []);
    assert_eq!(t.store.attempts(t.alice, id).await.unwrap(), std::slice::from_ref(&attempt));
    t.store.disconnect(t.alice, id, t.now(), None).await.unwrap();
    assert_eq!(t.store.attempts(t.alice, id).await.unwrap(), []);
    // One that ends after the integration leaves nothing behind, and is no error.
    t.store.note(&attempt).await.unwrap();
    t.store.note(&attempt_of(t.id(), t.attempt(), Outcome::Stale)).await.unwrap();
    assert_eq!(t.store.attempts(t.alice, id).await.unwrap(), []);
}

async fn a_commit_notes_its_attempt_once(t: &Bench) {
    let held = t.connected().await;
    let id = held.integration.id;
    let commit = commit_of(id, t.attempt(), 1, held.grant.lineage, &t.grant());
    for _ in 0..2 {
        let done = t.store.commit(&commit).await.unwrap();
        assert!(matches!(done, Committed::Stored(_)));
    }
    assert_eq!(t.replica.attempts(t.alice, id).await.unwrap(), [commit.note]);
}

async fn a_stale_commit_notes_nothing(t: &Bench) {
    let held = t.connected().await;
    let id = held.integration.id;
    assert!(t.store.reconnect(&t.again(&held)).await.unwrap());
    let commit = commit_of(id, t.attempt(), 1, held.grant.lineage, &t.grant());
    assert_eq!(t.store.commit(&commit).await.unwrap(), Committed::Stale);
    assert_eq!(t.store.attempts(t.alice, id).await.unwrap(), []);
    // Whoever made it says so itself.
    t.store.note(&attempt_of(id, t.attempt(), Outcome::Stale)).await.unwrap();
    assert_eq!(t.store.attempts(t.alice, id).await.unwrap().len(), 1);
}
