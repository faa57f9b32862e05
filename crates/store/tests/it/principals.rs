//! Users and access keys.

use evergrant::store::{Change, Edit, GrantStore as _, StoreError, Subject};
use evergrant_store::{AccessKey, AccessKeyId, Holder, User};

use crate::bench::{Bench, Database, PROVIDER, on_both_databases};

on_both_databases!(
    a_user_is_found_by_id_and_by_name_and_names_are_unique,
    a_key_comes_back_as_it_was_stored,
    a_key_is_revoked_once,
    a_key_and_its_revocation_are_changes_that_others_learn_of,
    a_key_of_an_unknown_user_is_refused,
    the_encryption_keys_in_use_are_counted,
    what_is_connected_is_counted_by_provider_and_status,
);

async fn the_encryption_keys_in_use_are_counted(d: &Database) {
    let t = &d.bench();
    assert!(d.store.sealing_keys().await.unwrap().is_empty());
    let first = t.connected().await;
    t.connected().await;
    let key = first.grant.sealed.key.clone();
    assert_eq!(d.store.sealing_keys().await.unwrap(), [(key, 2)]);
}

async fn what_is_connected_is_counted_by_provider_and_status(d: &Database) {
    let t = &d.bench();
    assert_eq!(d.store.census().await.unwrap(), []);
    t.connected_as(t.alice, "ada").await;
    let paused = t.connected_as(t.bob, "ada").await;
    let gone = t.connected_as(t.bob, "bob").await;
    let edit = Edit { label: None, paused: Some(true) };
    t.store.edit(t.bob, paused.integration.id, &edit, t.now()).await.unwrap();
    t.store.disconnect(t.bob, gone.integration.id, t.now(), None).await.unwrap();
    let of = |status: &str| (PROVIDER.into(), status.to_owned(), 1);
    assert_eq!(d.replica.census().await.unwrap(), [of("active"), of("paused")]);
}

fn named(t: &Bench, name: &str) -> User {
    User {
        id: evergrant::UserId::from_u128(t.id().as_u128()),
        name: name.to_owned(),
        created_at: t.now(),
    }
}

fn key_of(t: &Bench, holder: Holder) -> AccessKey {
    AccessKey {
        id: AccessKeyId::from_u128(t.id().as_u128()),
        holder,
        secret_hash: [0xAB; 32],
        permissions: vec!["token.read".to_owned(), "integrations.write".to_owned()],
        created_at: t.now(),
        expires_at: None,
        revoked_at: None,
    }
}

async fn a_user_is_found_by_id_and_by_name_and_names_are_unique(d: &Database) {
    let t = &d.bench();
    let (ada, bob) = (named(t, "ada"), named(t, "bob"));
    assert!(d.store.add_user(&ada).await.unwrap());
    assert!(d.store.add_user(&bob).await.unwrap());
    assert!(!d.store.add_user(&named(t, "ada")).await.unwrap());
    assert_eq!(d.replica.user(ada.id).await.unwrap(), Some(ada.clone()));
    assert_eq!(d.replica.user_named("bob").await.unwrap(), Some(bob.clone()));
    assert_eq!(d.replica.user_named("nobody").await.unwrap(), None);
    assert_eq!(d.replica.user(t.alice).await.unwrap(), None);
    let mut all = vec![ada, bob];
    all.sort_by_key(|user| user.id);
    assert_eq!(d.replica.users().await.unwrap(), all);
    assert_eq!(d.store.revision().await.unwrap(), 0);
}

async fn a_key_comes_back_as_it_was_stored(d: &Database) {
    let t = &d.bench();
    let ada = named(t, "ada");
    assert!(d.store.add_user(&ada).await.unwrap());
    let mut hers = key_of(t, Holder::User(ada.id));
    hers.expires_at = Some(t.in_secs(60));
    let mut service = key_of(t, Holder::Service("nightly report".to_owned()));
    service.permissions.clear();
    service.revoked_at = Some(t.in_secs(5));
    for key in [&hers, &service] {
        d.store.add_key(key).await.unwrap();
        assert_eq!(d.replica.key(key.id).await.unwrap().as_ref(), Some(key));
    }
    let mut all = vec![hers, service];
    all.sort_by_key(|key| key.id);
    assert_eq!(d.replica.keys().await.unwrap(), all);
    let unknown = AccessKeyId::from_u128(7);
    assert_eq!(d.replica.key(unknown).await.unwrap(), None);
}

async fn a_key_is_revoked_once(d: &Database) {
    let t = &d.bench();
    let key = key_of(t, Holder::Service("report".to_owned()));
    d.store.add_key(&key).await.unwrap();
    let revoked_at = t.in_secs(1);
    assert!(d.store.revoke_key(key.id, revoked_at).await.unwrap());
    assert!(!d.replica.revoke_key(key.id, t.in_secs(2)).await.unwrap());
    let stored = d.replica.key(key.id).await.unwrap().unwrap();
    assert_eq!(stored.revoked_at, Some(revoked_at));
    let unknown = AccessKeyId::from_u128(7);
    assert!(!d.store.revoke_key(unknown, t.now()).await.unwrap());
    assert_eq!(d.store.revision().await.unwrap(), 2);
}

async fn a_key_and_its_revocation_are_changes_that_others_learn_of(d: &Database) {
    let t = &d.bench();
    let key = key_of(t, Holder::Service("report".to_owned()));
    let subject = Subject::Key(key.id.as_u128());
    d.store.add_key(&key).await.unwrap();
    let integration = Subject::Integration(t.connected().await.integration.id);
    let change = |subject, revision| Change { subject, revision };
    let changes = d.replica.changes(0).await.unwrap();
    assert_eq!(changes, [change(subject, 1), change(integration, 2)]);
    assert!(d.store.revoke_key(key.id, t.now()).await.unwrap());
    let changes = d.replica.changes(0).await.unwrap();
    assert_eq!(changes, [change(integration, 2), change(subject, 3)]);
}

async fn a_key_of_an_unknown_user_is_refused(d: &Database) {
    let t = &d.bench();
    let refused = d.store.add_key(&key_of(t, Holder::User(t.bob))).await;
    assert!(matches!(refused, Err(StoreError::Inconsistent { .. })));
    assert_eq!(d.store.keys().await.unwrap(), []);
    assert_eq!(d.store.revision().await.unwrap(), 0);
}
