//! Sealed values: which keys they need, and how they get another.

use evergrant::fernet::KeyId;
use evergrant::store::{Committed, Debt, Reserved, SealedRow, Shelf};

use crate::bench::{Bench, commit_of, on_every_store};

on_every_store!(
    values_of_other_keys_are_found_shelf_by_shelf,
    a_value_is_sealed_anew_only_if_it_is_still_the_one_that_was_read,
    a_grant_sealed_anew_is_the_same_grant,
    the_keys_in_use_are_counted_wherever_they_are,
);

const OLD: &str = "aaaaaaaaaaaaaaaa";
const NEW: &str = "bbbbbbbbbbbbbbbb";

/// A grant, an answer and a debt, sealed with the old key.
async fn filled(t: &Bench) -> Vec<SealedRow> {
    let mut held = t.new_integration(t.alice, &t.id().to_string());
    held.grant.sealed = t.sealed(OLD);
    assert!(t.store.connect(&held).await.unwrap());
    let (id, intent) = (held.integration.id, t.intent(held.integration.id).await);
    t.store.reserve(&intent).await.unwrap();
    let answer = t.sealed(OLD);
    assert!(t.store.answer(id, intent.attempt, &answer, t.now()).await.unwrap());
    let debt = Debt { sealed: t.sealed(OLD), ..t.debt(1) };
    t.store.owe(&debt).await.unwrap();
    let row = |shelf, row: String, subject: String, epoch, sealed: &_| {
        let sealed = Clone::clone(sealed);
        SealedRow { shelf, row, subject, epoch, sealed }
    };
    vec![
        row(Shelf::Grant, id.to_string(), id.to_string(), 1, &held.grant.sealed),
        row(Shelf::Answer, id.to_string(), intent.attempt.to_string(), 0, &answer),
        row(Shelf::Debt, debt.id.to_string(), debt.integration.to_string(), 3, &debt.sealed),
    ]
}

async fn values_of_other_keys_are_found_shelf_by_shelf(t: &Bench) {
    let mut rows = filled(t).await;
    rows.extend(filled(t).await);
    rows.sort_by(|a, b| (a.shelf, &a.row).cmp(&(b.shelf, &b.row)));
    for (n, limit) in [(0, 0), (1, 1), (3, 3), (5, 5), (6, 6), (6, 100)] {
        let found = t.replica.sealed_otherwise(&NEW.into(), limit).await.unwrap();
        assert_eq!(found, rows[..n]);
    }
    assert_eq!(t.store.sealed_otherwise(&OLD.into(), 100).await.unwrap(), []);
}

async fn a_value_is_sealed_anew_only_if_it_is_still_the_one_that_was_read(t: &Bench) {
    let rows = filled(t).await;
    for row in &rows {
        let fresh = t.sealed(NEW);
        let mut other = row.clone();
        other.sealed.token.push('x');
        assert!(!t.store.reseal(&other, &fresh).await.unwrap());
        other.sealed = row.sealed.clone();
        other.sealed.key = NEW.into();
        assert!(!t.store.reseal(&other, &fresh).await.unwrap());
        other = row.clone();
        other.row = t.id().to_string();
        assert!(!t.store.reseal(&other, &fresh).await.unwrap());
        assert!(t.store.reseal(row, &fresh).await.unwrap());
        assert!(!t.replica.reseal(row, &t.sealed(NEW)).await.unwrap());
        let mut found = t.replica.sealed_otherwise(&OLD.into(), 100).await.unwrap();
        found.retain(|found| found.shelf == row.shelf);
        assert_eq!(found, [SealedRow { sealed: fresh, ..row.clone() }]);
    }
    assert_eq!(t.store.sealed_otherwise(&NEW.into(), 100).await.unwrap(), []);
}

async fn a_grant_sealed_anew_is_the_same_grant(t: &Bench) {
    let rows = filled(t).await;
    let id = rows[0].row.parse().unwrap();
    let (mut before, revision) = (t.row(id).await, t.store.revision().await.unwrap());
    before.grant.sealed = t.sealed(NEW);
    assert!(t.store.reseal(&rows[0], &before.grant.sealed).await.unwrap());
    assert_eq!(t.row(id).await, before);
    assert_eq!(t.store.revision().await.unwrap(), revision);
    // The answer under its new key is found, and the refresh under way is stored.
    let answer = t.sealed(NEW);
    assert!(t.store.reseal(&rows[1], &answer).await.unwrap());
    let mut late = t.intent(id).await;
    late.started_at = late.deadline;
    let found = t.store.reserve(&late).await.unwrap();
    let Reserved::Answered { attempt, answer: stored, .. } = found else {
        panic!("{found:?}");
    };
    assert_eq!(stored, answer);
    let commit = commit_of(id, attempt, 1, before.grant.lineage, &t.grant());
    assert!(matches!(t.store.commit(&commit).await.unwrap(), Committed::Stored(_)));
}

async fn the_keys_in_use_are_counted_wherever_they_are(t: &Bench) {
    assert_eq!(t.store.sealing_keys().await.unwrap(), []);
    filled(t).await;
    let (old, new) = (KeyId::from(OLD), KeyId::from(NEW));
    assert_eq!(t.store.sealing_keys().await.unwrap(), [(old.clone(), 3)]);
    let mut flow = t.flow();
    flow.sealed.key = new.clone();
    t.store.put_flow(&flow, t.now()).await.unwrap();
    let keys = t.replica.sealing_keys().await.unwrap();
    assert_eq!(keys, [(old.clone(), 3), (new, 1)]);
    // One that timed out needs its key no more, swept out or not.
    t.clock.advance(std::time::Duration::from_mins(10));
    assert_eq!(t.replica.sealing_keys().await.unwrap(), [(old, 3)]);
}
