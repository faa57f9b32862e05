//! Effects that callers named: who has them, and what is known of them.

use std::time::Duration;

use evergrant::store::GrantStore as _;
use evergrant_store::{ClaimId, Claimed, Effect, EffectAnswer};

use crate::bench::{Bench, Database, on_both_databases};

on_both_databases!(
    of_all_who_claim_an_effect_one_has_it,
    an_answer_is_kept_once_and_found_by_the_same_request_alone,
    a_lease_that_ended_or_was_given_up_is_another_ones,
    a_claim_that_was_lost_neither_answers_nor_renews_nor_forgets,
    what_was_known_for_long_enough_is_another_effect_and_is_tidied_away,
    a_disconnect_forgets_what_was_had_with_the_integration,
    an_answer_is_sealed_anew,
);

const LEASE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// Granted, and nobody had it before.
const NEW: Claimed = Claimed::Granted { tried: false };
/// Granted, after another who may have had it.
const TRIED: Claimed = Claimed::Granted { tried: true };

fn effect(t: &Bench, id: &str) -> Effect {
    Effect { id: id.to_owned(), integration: t.id(), request: [7; 32], claim: claim(t) }
}

fn claim(t: &Bench) -> ClaimId {
    ClaimId::from_u128(t.id().as_u128())
}

/// The same request, by somebody else.
fn again(t: &Bench, effect: &Effect) -> Effect {
    Effect { claim: claim(t), ..effect.clone() }
}

fn answer(t: &Bench) -> EffectAnswer {
    EffectAnswer {
        status: 201,
        content_type: Some("application/json".to_owned()),
        body: t.sealed("aaaaaaaaaaaaaaaa"),
    }
}

async fn of_all_who_claim_an_effect_one_has_it(d: &Database) {
    let t = &d.bench();
    let first = effect(t, "one");
    let claims = (0..20).map(|n| {
        let store = if n % 2 == 0 { &d.store } else { &d.replica };
        let effect = again(t, &first);
        async move { store.claim_effect(&effect, LEASE, DAY).await.unwrap() }
    });
    let claims = futures_util::future::join_all(claims).await;
    assert_eq!(claims.iter().filter(|claim| **claim == NEW).count(), 1);
    assert_eq!(claims.iter().filter(|claim| **claim == Claimed::Busy).count(), 19);
    let other = effect(t, "two");
    assert_eq!(d.store.claim_effect(&other, LEASE, DAY).await.unwrap(), NEW);
}

async fn an_answer_is_kept_once_and_found_by_the_same_request_alone(d: &Database) {
    let t = &d.bench();
    let first = effect(t, "one");
    d.store.claim_effect(&first, LEASE, DAY).await.unwrap();
    let (kept, later) = (answer(t), EffectAnswer { content_type: None, ..answer(t) });
    assert!(d.store.answer_effect(&first, &kept, DAY).await.unwrap());
    assert!(!d.store.answer_effect(&first, &later, DAY).await.unwrap());
    let found = d.replica.claim_effect(&again(t, &first), LEASE, DAY).await.unwrap();
    assert_eq!(found, Claimed::Answered(kept));
    let other = Effect { request: [8; 32], ..again(t, &first) };
    assert_eq!(d.replica.claim_effect(&other, LEASE, DAY).await.unwrap(), Claimed::Mismatch);
    let bare = effect(t, "two");
    d.store.claim_effect(&bare, LEASE, DAY).await.unwrap();
    d.store.answer_effect(&bare, &later, DAY).await.unwrap();
    let found = d.replica.claim_effect(&again(t, &bare), LEASE, DAY).await.unwrap();
    assert_eq!(found, Claimed::Answered(later));
}

async fn a_lease_that_ended_or_was_given_up_is_another_ones(d: &Database) {
    let t = &d.bench();
    let first = effect(t, "one");
    d.store.claim_effect(&first, Duration::ZERO, DAY).await.unwrap();
    let other = Effect { request: [8; 32], ..again(t, &first) };
    assert_eq!(d.store.claim_effect(&other, LEASE, DAY).await.unwrap(), Claimed::Mismatch);
    let second = again(t, &first);
    assert_eq!(d.replica.claim_effect(&second, LEASE, DAY).await.unwrap(), TRIED);
    let third = again(t, &first);
    assert_eq!(d.store.claim_effect(&third, LEASE, DAY).await.unwrap(), Claimed::Busy);
    d.replica.release_effect(&second).await.unwrap();
    assert_eq!(d.store.claim_effect(&other, LEASE, DAY).await.unwrap(), Claimed::Mismatch);
    assert_eq!(d.store.claim_effect(&third, Duration::ZERO, DAY).await.unwrap(), TRIED);
    assert!(d.store.renew_effect(&third, LEASE).await.unwrap());
    assert_eq!(d.store.claim_effect(&second, LEASE, DAY).await.unwrap(), Claimed::Busy);
    d.store.forget_effect(&third).await.unwrap();
    assert_eq!(d.store.claim_effect(&other, LEASE, DAY).await.unwrap(), NEW);
}

async fn a_claim_that_was_lost_neither_answers_nor_renews_nor_forgets(d: &Database) {
    let t = &d.bench();
    let late = effect(t, "one");
    d.store.claim_effect(&late, Duration::ZERO, DAY).await.unwrap();
    let winner = again(t, &late);
    d.replica.claim_effect(&winner, LEASE, DAY).await.unwrap();
    assert!(!d.store.renew_effect(&late, LEASE).await.unwrap());
    assert!(!d.store.answer_effect(&late, &answer(t), DAY).await.unwrap());
    d.store.release_effect(&late).await.unwrap();
    d.store.forget_effect(&late).await.unwrap();
    assert_eq!(d.store.claim_effect(&again(t, &late), LEASE, DAY).await.unwrap(), Claimed::Busy);
    assert!(d.replica.answer_effect(&winner, &answer(t), DAY).await.unwrap());
    // Nor can anybody take back what is known.
    d.replica.release_effect(&winner).await.unwrap();
    d.replica.forget_effect(&winner).await.unwrap();
    let found = d.store.claim_effect(&again(t, &late), LEASE, DAY).await.unwrap();
    assert!(matches!(found, Claimed::Answered(_)), "{found:?}");
}

async fn what_was_known_for_long_enough_is_another_effect_and_is_tidied_away(d: &Database) {
    let t = &d.bench();
    let old = effect(t, "one");
    d.store.claim_effect(&old, LEASE, DAY).await.unwrap();
    d.store.answer_effect(&old, &answer(t), Duration::ZERO).await.unwrap();
    let new = Effect { request: [8; 32], ..again(t, &old) };
    assert_eq!(d.replica.claim_effect(&new, LEASE, DAY).await.unwrap(), NEW);
    assert!(d.replica.answer_effect(&new, &answer(t), DAY).await.unwrap());
    let gone = effect(t, "two");
    d.store.claim_effect(&gone, LEASE, DAY).await.unwrap();
    d.store.answer_effect(&gone, &answer(t), Duration::ZERO).await.unwrap();
    let left = async || d.store.sealed_otherwise(&"none".into(), 9).await.unwrap();
    assert_eq!(left().await.len(), 2);
    d.store.tidy().await.unwrap();
    let left: Vec<_> = left().await.into_iter().map(|row| row.row).collect();
    assert_eq!(left, ["one"]);
}

async fn a_disconnect_forgets_what_was_had_with_the_integration(d: &Database) {
    let t = &d.bench();
    let integration = t.connected_as(t.alice, "ada").await.integration.id;
    let (mut ended, other) = (effect(t, "one"), effect(t, "two"));
    ended.integration = integration;
    for effect in [&ended, &other] {
        d.store.claim_effect(effect, LEASE, DAY).await.unwrap();
        d.store.answer_effect(effect, &answer(t), DAY).await.unwrap();
    }
    d.store.disconnect(t.alice, integration, t.now(), None).await.unwrap();
    assert_eq!(d.store.claim_effect(&ended, LEASE, DAY).await.unwrap(), NEW);
    let found = d.store.claim_effect(&other, LEASE, DAY).await.unwrap();
    assert!(matches!(found, Claimed::Answered(_)), "{found:?}");
}

async fn an_answer_is_sealed_anew(d: &Database) {
    let t = &d.bench();
    let first = effect(t, "one");
    // One without an answer has nothing to seal.
    d.store.claim_effect(&effect(t, "two"), LEASE, DAY).await.unwrap();
    d.store.claim_effect(&first, LEASE, DAY).await.unwrap();
    let kept = answer(t);
    d.store.answer_effect(&first, &kept, DAY).await.unwrap();
    let rows = d.store.sealed_otherwise(&"bbbbbbbbbbbbbbbb".into(), 9).await.unwrap();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.subject.as_str(), row.epoch, &row.sealed), ("one", 0, &kept.body));
    assert_eq!(d.store.sealing_keys().await.unwrap(), [(kept.body.key.clone(), 1)]);
    let body = t.sealed("bbbbbbbbbbbbbbbb");
    assert!(d.replica.reseal(row, &body).await.unwrap());
    assert!(!d.store.reseal(row, &kept.body).await.unwrap());
    let found = d.store.claim_effect(&again(t, &first), LEASE, DAY).await.unwrap();
    assert_eq!(found, Claimed::Answered(EffectAnswer { body, ..kept }));
}
