//! Intents over the death of their writers: what is unknown stays known as such, and an answer is
//! never lost to a second attempt.

use std::time::Duration;

use evergrant::clock::later;
use evergrant::integration::Status;
use evergrant::store::{ANSWER_SETTLES, Committed, Edit, Ended, Intent, Reserved};
use jiff::Timestamp;

use crate::bench::{Bench, commit_of, on_every_store};

on_every_store!(
    whoever_replaces_an_intent_inherits_the_doubt_until_a_grant_is_committed,
    the_same_attempt_asks_again_with_its_doubt_unchanged,
    an_attempt_of_unknown_end_keeps_others_out_and_leaves_the_doubt,
    an_answered_intent_is_never_replaced,
    an_answer_settles_no_later_than_the_deadline,
    an_answer_is_kept_only_while_the_intent_is_its_attempts,
    a_released_answer_is_gone,
    whoever_finds_an_answer_commits_it,
    the_intents_of_a_dead_holder_have_no_force,
    a_grant_committed_by_another_settles_doubt_and_answer,
    an_answer_does_not_hide_a_pause,
    a_reconnect_ends_doubt_and_answer,
);

/// An intent of somebody else, begun at this time.
async fn heir(t: &Bench, old: &Intent, started_at: Timestamp) -> Intent {
    let deadline = later(started_at, Duration::from_secs(30));
    Intent { started_at, deadline, ..t.intent(old.id).await }
}

fn doubt(reserved: &Reserved) -> Option<Timestamp> {
    match reserved {
        Reserved::Granted { unknown, .. } => *unknown,
        other => panic!("not granted: {other:?}"),
    }
}

async fn whoever_replaces_an_intent_inherits_the_doubt_until_a_grant_is_committed(t: &Bench) {
    let held = t.connected().await;
    let id = held.integration.id;
    let first = t.intent(id).await;
    let reserve = async |intent: &Intent| t.store.reserve(intent).await.unwrap();
    assert_eq!(doubt(&reserve(&first).await), None);
    let second = heir(t, &first, first.deadline).await;
    assert_eq!(doubt(&reserve(&second).await), Some(first.started_at));
    let third = heir(t, &second, second.deadline).await;
    assert_eq!(doubt(&reserve(&third).await), Some(first.started_at));
    // The third spent nothing, and may be followed at once; the first is in doubt still.
    t.store.release(id, third.attempt, Ended::Unspent).await.unwrap();
    let fourth = heir(t, &third, third.started_at).await;
    assert_eq!(doubt(&reserve(&fourth).await), Some(first.started_at));

    let commit = commit_of(id, fourth.attempt, 1, held.grant.lineage, &t.grant());
    assert!(matches!(t.store.commit(&commit).await.unwrap(), Committed::Stored(_)));
    let fifth = heir(t, &fourth, fourth.started_at).await;
    assert_eq!(doubt(&reserve(&fifth).await), None);
}

async fn the_same_attempt_asks_again_with_its_doubt_unchanged(t: &Bench) {
    let first = t.intent(t.connected().await.integration.id).await;
    for _ in 0..2 {
        // Even past its own deadline.
        let again = Intent { started_at: t.in_secs(31), deadline: t.in_secs(60), ..first.clone() };
        for intent in [&first, &again] {
            assert_eq!(doubt(&t.store.reserve(intent).await.unwrap()), None);
        }
    }
    let second = heir(t, &first, first.deadline).await;
    let mut reserved = t.replica.reserve(&second).await.unwrap();
    assert_eq!(reserved, Reserved::Busy { until: t.in_secs(60) });
    let second = heir(t, &first, t.in_secs(60)).await;
    for _ in 0..3 {
        reserved = t.replica.reserve(&second).await.unwrap();
        assert_eq!(doubt(&reserved), Some(t.in_secs(31)));
    }
}

async fn an_attempt_of_unknown_end_keeps_others_out_and_leaves_the_doubt(t: &Bench) {
    let first = t.intent(t.connected().await.integration.id).await;
    t.store.reserve(&first).await.unwrap();
    let until = t.in_secs(300);
    t.store.release(first.id, first.attempt, Ended::Unknown { until }).await.unwrap();
    let second = heir(t, &first, first.deadline).await;
    assert_eq!(t.replica.reserve(&second).await.unwrap(), Reserved::Busy { until });
    let second = heir(t, &first, until).await;
    assert_eq!(doubt(&t.replica.reserve(&second).await.unwrap()), Some(first.started_at));
    // Nor does another attempt of unknown end move its beginning.
    let until = t.in_secs(400);
    t.store.release(first.id, second.attempt, Ended::Unknown { until }).await.unwrap();
    let third = heir(t, &first, until).await;
    assert_eq!(doubt(&t.replica.reserve(&third).await.unwrap()), Some(first.started_at));
}

async fn an_answered_intent_is_never_replaced(t: &Bench) {
    let first = t.intent(t.connected().await.integration.id).await;
    t.store.reserve(&first).await.unwrap();
    let (at, answer) = (t.in_secs(3), t.sealed("k1"));
    assert!(t.store.answer(first.id, first.attempt, &answer, at).await.unwrap());
    let settled = later(at, ANSWER_SETTLES);
    let early = heir(t, &first, settled - Duration::from_micros(1)).await;
    assert_eq!(t.replica.reserve(&early).await.unwrap(), Reserved::Busy { until: settled });
    let row = t.row(first.id).await;
    let found = Reserved::Answered { row, attempt: first.attempt, answer };
    for started_at in [settled, first.deadline, t.in_secs(9_000)] {
        let late = heir(t, &first, started_at).await;
        assert_eq!(t.replica.reserve(&late).await.unwrap(), found);
        let own = Intent { started_at, ..first.clone() };
        assert_eq!(t.store.reserve(&own).await.unwrap(), found, "nor by its own attempt");
    }
}

async fn an_answer_settles_no_later_than_the_deadline(t: &Bench) {
    let first = t.intent(t.connected().await.integration.id).await;
    t.store.reserve(&first).await.unwrap();
    let at = first.deadline - Duration::from_secs(1);
    assert!(t.store.answer(first.id, first.attempt, &t.sealed("k1"), at).await.unwrap());
    let early = heir(t, &first, at).await;
    let until = first.deadline;
    assert_eq!(t.replica.reserve(&early).await.unwrap(), Reserved::Busy { until });
    let late = heir(t, &first, until).await;
    let found = t.replica.reserve(&late).await.unwrap();
    assert!(matches!(found, Reserved::Answered { .. }), "{found:?}");
}

async fn an_answer_is_kept_only_while_the_intent_is_its_attempts(t: &Bench) {
    let first = t.intent(t.connected().await.integration.id).await;
    let answer = t.sealed("k1");
    let kept = async |id, attempt| t.store.answer(id, attempt, &answer, t.now()).await.unwrap();
    assert!(!kept(first.id, first.attempt).await, "nothing is reserved");
    t.store.reserve(&first).await.unwrap();
    assert!(!kept(t.id(), first.attempt).await);
    assert!(!kept(first.id, t.attempt()).await);
    let second = heir(t, &first, first.deadline).await;
    t.replica.reserve(&second).await.unwrap();
    assert!(!kept(first.id, first.attempt).await, "the intent is the second's");
    assert!(kept(first.id, second.attempt).await);
}

async fn a_released_answer_is_gone(t: &Bench) {
    let first = t.intent(t.connected().await.integration.id).await;
    t.store.reserve(&first).await.unwrap();
    let answered = async |intent: &Intent| {
        let answer = t.sealed("k1");
        assert!(t.store.answer(intent.id, intent.attempt, &answer, t.now()).await.unwrap());
    };
    answered(&first).await;
    // The provider answered that it does not know itself.
    let until = t.in_secs(90);
    t.store.release(first.id, first.attempt, Ended::Unknown { until }).await.unwrap();
    let second = heir(t, &first, t.in_secs(60)).await;
    assert_eq!(t.store.reserve(&second).await.unwrap(), Reserved::Busy { until });
    let second = heir(t, &first, until).await;
    assert_eq!(doubt(&t.store.reserve(&second).await.unwrap()), Some(first.started_at));
    // And now that it is too busy.
    answered(&second).await;
    t.store.release(first.id, second.attempt, Ended::Unspent).await.unwrap();
    let third = heir(t, &first, second.started_at).await;
    assert_eq!(doubt(&t.store.reserve(&third).await.unwrap()), Some(first.started_at));
}

async fn whoever_finds_an_answer_commits_it(t: &Bench) {
    let held = t.connected().await;
    let first = t.intent(held.integration.id).await;
    t.store.reserve(&first).await.unwrap();
    assert!(t.store.answer(first.id, first.attempt, &t.sealed("k1"), t.now()).await.unwrap());
    let second = heir(t, &first, first.deadline).await;
    let found = t.replica.reserve(&second).await.unwrap();
    let Reserved::Answered { row, attempt, .. } = found else {
        panic!("{found:?}");
    };
    assert_eq!(row.grant, held.grant);
    let next = t.grant();
    let commit = commit_of(first.id, attempt, 1, row.grant.lineage, &next);
    let done = t.replica.commit(&commit).await.unwrap();
    assert!(matches!(done, Committed::Stored(_)));
    // The first was not dead after all: it made the very same grant.
    assert_eq!(t.store.commit(&commit).await.unwrap(), done);
    let third = heir(t, &first, t.now()).await;
    assert_eq!(doubt(&t.store.reserve(&third).await.unwrap()), None);
}

async fn the_intents_of_a_dead_holder_have_no_force(t: &Bench) {
    let mut intents = Vec::new();
    for _ in 0..3 {
        intents.push(t.intent(t.connected().await.integration.id).await);
    }
    intents[1].holder = intents[0].holder;
    for intent in &intents {
        t.store.reserve(intent).await.unwrap();
    }
    let answer = t.sealed("k1");
    assert!(t.store.answer(intents[1].id, intents[1].attempt, &answer, t.now()).await.unwrap());
    t.replica.orphan(intents[0].holder).await.unwrap();
    let mut found = Vec::new();
    for intent in &intents {
        let next = t.intent(intent.id).await;
        found.push(t.replica.reserve(&next).await.unwrap());
    }
    assert_eq!(doubt(&found[0]), Some(intents[0].started_at));
    assert!(matches!(&found[1], Reserved::Answered { answer: a, .. } if *a == answer));
    assert_eq!(found[2], Reserved::Busy { until: intents[2].deadline });
    t.replica.orphan(t.holder()).await.unwrap();
}

async fn a_grant_committed_by_another_settles_doubt_and_answer(t: &Bench) {
    for answered_first in [true, false] {
        let held = t.connected().await;
        let slow = t.intent(held.integration.id).await;
        t.store.reserve(&slow).await.unwrap();
        let second = heir(t, &slow, slow.deadline).await;
        assert!(doubt(&t.replica.reserve(&second).await.unwrap()).is_some());
        let answer = async || {
            let answer = t.sealed("k1");
            t.replica.answer(slow.id, second.attempt, &answer, second.started_at).await.unwrap()
        };
        assert!(!answered_first || answer().await);
        let commit = commit_of(slow.id, slow.attempt, 1, held.grant.lineage, &t.grant());
        assert!(matches!(t.store.commit(&commit).await.unwrap(), Committed::Stored(_)));
        // Committed later, it would take the place of a grant it was not obtained with.
        assert!(answered_first || !answer().await);
        let third = heir(t, &slow, second.started_at).await;
        let busy = t.store.reserve(&third).await.unwrap();
        assert_eq!(busy, Reserved::Busy { until: second.deadline });
        let third = heir(t, &slow, second.deadline).await;
        assert_eq!(doubt(&t.store.reserve(&third).await.unwrap()), None);
    }
}

async fn an_answer_does_not_hide_a_pause(t: &Bench) {
    let first = t.intent(t.connected().await.integration.id).await;
    t.store.reserve(&first).await.unwrap();
    assert!(t.store.answer(first.id, first.attempt, &t.sealed("k1"), t.now()).await.unwrap());
    let pause = Edit { label: None, paused: Some(true) };
    t.store.edit(t.alice, first.id, &pause, t.now()).await.unwrap();
    let second = heir(t, &first, first.deadline).await;
    let moved = t.replica.reserve(&second).await.unwrap();
    assert!(matches!(&moved, Reserved::Moved(row) if row.status == Status::Paused), "{moved:?}");
}

async fn a_reconnect_ends_doubt_and_answer(t: &Bench) {
    let held = t.connected().await;
    let first = t.intent(held.integration.id).await;
    t.store.reserve(&first).await.unwrap();
    let second = heir(t, &first, first.deadline).await;
    t.store.reserve(&second).await.unwrap();
    let answer = t.sealed("k1");
    assert!(t.store.answer(first.id, second.attempt, &answer, t.now()).await.unwrap());
    assert!(t.replica.reconnect(&t.again(&held)).await.unwrap());
    assert!(!t.store.answer(first.id, second.attempt, &answer, t.now()).await.unwrap());
    let third = heir(t, &second, t.now()).await;
    assert_eq!(doubt(&t.store.reserve(&third).await.unwrap()), None);
}
