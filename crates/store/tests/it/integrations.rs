//! Integrations: connected, found by their owner alone, edited, reconnected, ended.

use evergrant::integration::Status;
use evergrant::store::{Edit, Reserved};

use crate::bench::{Bench, PROVIDER, on_every_store, revoked};

on_every_store!(
    an_integration_comes_back_as_it_was_stored,
    a_foreign_integration_is_as_unknown_as_none,
    an_account_is_connected_once_per_owner_and_provider,
    integrations_come_in_pages_in_the_order_of_their_ids,
    an_edit_renames_pauses_and_resumes,
    an_edit_that_changes_nothing_takes_no_revision,
    an_edit_never_makes_a_broken_integration_look_mended,
    a_reconnect_replaces_account_scopes_and_grant,
    a_reconnect_must_be_the_next_epoch_of_the_same_row,
    a_reconnect_cannot_take_the_account_of_another_integration,
    a_disconnect_gives_what_was_there_and_nothing_finds_it_again,
);

async fn an_integration_comes_back_as_it_was_stored(t: &Bench) {
    let mut statuses = vec![Status::Active, Status::Paused];
    statuses.push(Status::NeedsReconnect { why: revoked(), since: t.now() });
    for (n, status) in statuses.into_iter().enumerate() {
        let mut new = t.new_integration(t.alice, &format!("account {n}"));
        new.integration.status = status.clone();
        new.integration.account.username = None;
        new.integration.updated_at = t.in_secs(5);
        new.grant.due_at = None;
        assert!(t.store.connect(&new).await.unwrap());

        let id = new.integration.id;
        let found = t.replica.integration(t.alice, id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&new.integration));
        let found =
            t.replica.find_account(t.alice, &PROVIDER.into(), &format!("account {n}")).await;
        assert_eq!(found.unwrap(), Some(new.integration));
        assert_eq!(t.replica.owner_of(id).await.unwrap(), Some(t.alice));

        let row = t.row(id).await;
        assert_eq!((row.owner, row.provider.as_str()), (t.alice, PROVIDER));
        assert_eq!((row.status, row.grant), (status, new.grant));
        assert_eq!((row.version.epoch, row.version.generation), (1, 0));
        assert_eq!(row.revision, t.store.revision().await.unwrap());
    }
}

async fn a_foreign_integration_is_as_unknown_as_none(t: &Bench) {
    let hers = t.connected_as(t.alice, "ada").await;
    let before = t.store.revision().await.unwrap();
    let edit = Edit { label: Some("mine now".to_owned()), paused: Some(true) };
    for id in [hers.integration.id, t.id()] {
        assert_eq!(t.store.integration(t.bob, id).await.unwrap(), None);
        assert_eq!(t.store.edit(t.bob, id, &edit, t.now()).await.unwrap(), None);
        assert_eq!(t.store.disconnect(t.bob, id, t.now(), None).await.unwrap(), None);
        let mut taken_over = t.again(&hers);
        taken_over.integration.id = id;
        taken_over.integration.owner = t.bob;
        assert!(!t.store.reconnect(&taken_over).await.unwrap());
    }
    let found = t.store.find_account(t.bob, &PROVIDER.into(), "ada").await;
    assert_eq!(found.unwrap(), None);
    assert_eq!(t.store.integrations(t.bob, None, 10).await.unwrap(), []);
    assert_eq!(t.store.owner_of(t.id()).await.unwrap(), None);
    assert_eq!(t.store.revision().await.unwrap(), before);
    let still = t.store.integration(t.alice, hers.integration.id).await;
    assert_eq!(still.unwrap(), Some(hers.integration));
}

async fn an_account_is_connected_once_per_owner_and_provider(t: &Bench) {
    let first = t.connected_as(t.alice, "ada").await;
    let before = t.store.revision().await.unwrap();
    let second = t.new_integration(t.alice, "ada");
    assert!(!t.store.connect(&second).await.unwrap());
    assert!(!t.store.connect(&first).await.unwrap());
    assert_eq!(t.store.grant(second.integration.id).await.unwrap(), None);
    assert_eq!(t.store.revision().await.unwrap(), before);

    let mut elsewhere = t.new_integration(t.alice, "ada");
    elsewhere.integration.provider = "other_mail".into();
    assert!(t.store.connect(&elsewhere).await.unwrap());
    t.connected_as(t.bob, "ada").await;

    let id = first.integration.id;
    assert!(t.store.disconnect(t.alice, id, t.now(), None).await.unwrap().is_some());
    assert!(t.store.connect(&second).await.unwrap());
    // A second ended one of the same account is no obstacle either.
    let id = second.integration.id;
    assert!(t.store.disconnect(t.alice, id, t.now(), None).await.unwrap().is_some());
    t.connected_as(t.alice, "ada").await;
}

async fn integrations_come_in_pages_in_the_order_of_their_ids(t: &Bench) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(t.connected().await.integration.id);
        t.connected_as(t.bob, &t.id().to_string()).await;
    }
    ids.sort_unstable();
    let page = async |after, limit| -> Vec<_> {
        let page = t.store.integrations(t.alice, after, limit).await.unwrap();
        page.into_iter().map(|integration| integration.id).collect()
    };
    assert_eq!(page(None, 10).await, ids);
    assert_eq!(page(None, 2).await, ids[..2]);
    assert_eq!(page(Some(ids[1]), 2).await, ids[2..4]);
    assert_eq!(page(Some(ids[3]), 2).await, ids[4..]);
    assert_eq!(page(Some(ids[4]), 2).await, []);
}

async fn an_edit_renames_pauses_and_resumes(t: &Bench) {
    let mut expected = t.connected().await.integration;
    let label = Some("Work ✓".to_owned());
    for (label, paused, status) in [
        (label, None, Status::Active),
        (None, Some(true), Status::Paused),
        (None, Some(false), Status::Active),
    ] {
        t.clock.advance(std::time::Duration::from_secs(1));
        let before = t.store.revision().await.unwrap();
        let edit = Edit { label, paused };
        let edited = t.store.edit(t.alice, expected.id, &edit, t.now()).await;
        "Work ✓".clone_into(&mut expected.label);
        expected.status = status;
        expected.updated_at = t.now();
        assert_eq!(edited.unwrap(), Some(expected.clone()));
        let stored = t.replica.integration(t.alice, expected.id).await;
        assert_eq!(stored.unwrap(), Some(expected.clone()));
        assert_eq!(t.store.revision().await.unwrap(), before + 1);
        assert_eq!(t.row(expected.id).await.revision, before + 1);
    }
}

async fn an_edit_that_changes_nothing_takes_no_revision(t: &Bench) {
    let stored = t.connected().await.integration;
    let before = t.store.revision().await.unwrap();
    let same = Edit { label: Some(stored.label.clone()), paused: Some(false) };
    for edit in [same, Edit::default()] {
        let edited = t.store.edit(t.alice, stored.id, &edit, t.in_secs(60)).await;
        assert_eq!(edited.unwrap(), Some(stored.clone()));
    }
    assert_eq!(t.store.revision().await.unwrap(), before);
}

async fn an_edit_never_makes_a_broken_integration_look_mended(t: &Bench) {
    let new = t.connected().await;
    let id = new.integration.id;
    let marked = t.store.mark(id, 1, new.grant.lineage, &revoked(), t.now()).await;
    assert!(marked.unwrap());
    for paused in [true, false] {
        let edit = Edit { label: Some(format!("paused {paused}")), paused: Some(paused) };
        let edited = t.store.edit(t.alice, id, &edit, t.now()).await.unwrap();
        let (why, since) = (revoked(), t.now());
        assert_eq!(edited.unwrap().status, Status::NeedsReconnect { why, since });
        let stored = t.store.integration(t.alice, id).await.unwrap().unwrap();
        assert_eq!(stored.label, format!("paused {paused}"));
        assert!(matches!(stored.status, Status::NeedsReconnect { .. }));
    }
}

async fn a_reconnect_replaces_account_scopes_and_grant(t: &Bench) {
    let old = t.connected().await;
    let id = old.integration.id;
    let marked = t.store.mark(id, 1, old.grant.lineage, &revoked(), t.now()).await;
    assert!(marked.unwrap());
    t.clock.advance(std::time::Duration::from_mins(1));
    let before = t.store.revision().await.unwrap();

    let mut new = t.again(&old);
    "Ada King".clone_into(&mut new.integration.account.name);
    new.integration.scopes = vec!["everything".to_owned()];
    // These three are not the provider's to say.
    "ignored".clone_into(&mut new.integration.label);
    new.integration.created_at = t.in_secs(99);
    new.integration.status = Status::Paused;
    assert!(t.store.reconnect(&new).await.unwrap());

    let mut expected = new.integration.clone();
    expected.label.clone_from(&old.integration.label);
    expected.created_at = old.integration.created_at;
    expected.status = Status::Active;
    let stored = t.replica.integration(t.alice, id).await.unwrap();
    assert_eq!(stored, Some(expected));
    let row = t.row(id).await;
    assert_eq!((row.version.epoch, row.version.generation), (2, 0));
    assert_eq!(row.grant, new.grant);
    assert_eq!(row.revision, before + 1);
}

async fn a_reconnect_must_be_the_next_epoch_of_the_same_row(t: &Bench) {
    let old = t.connected().await;
    let before = t.store.revision().await.unwrap();
    let next = t.again(&old);
    let mut elsewhere = next.clone();
    elsewhere.integration.provider = "other_mail".into();
    let mut unknown = next.clone();
    unknown.integration.id = t.id();
    for wrong in [&old, &t.again(&next), &elsewhere, &unknown] {
        assert!(!t.store.reconnect(wrong).await.unwrap());
    }
    assert_eq!(t.store.revision().await.unwrap(), before);
    assert_eq!(t.row(old.integration.id).await.grant, old.grant);
    assert!(t.store.reconnect(&next).await.unwrap());
    assert!(!t.store.reconnect(&next).await.unwrap());
}

async fn a_reconnect_cannot_take_the_account_of_another_integration(t: &Bench) {
    let mine = t.connected_as(t.alice, "ada").await;
    let other = t.connected_as(t.alice, "charles").await;
    let before = t.store.revision().await.unwrap();
    let mut new = t.again(&mine);
    new.integration.account = other.integration.account.clone();
    assert!(!t.store.reconnect(&new).await.unwrap());
    assert_eq!(t.store.revision().await.unwrap(), before);
    let gone = t.store.disconnect(t.alice, other.integration.id, t.now(), None);
    assert!(gone.await.unwrap().is_some());
    assert!(t.store.reconnect(&new).await.unwrap());
    let found = t.store.find_account(t.alice, &PROVIDER.into(), "charles").await;
    assert_eq!(found.unwrap().unwrap().id, mine.integration.id);
}

async fn a_disconnect_gives_what_was_there_and_nothing_finds_it_again(t: &Bench) {
    let new = t.connected_as(t.alice, "ada").await;
    let id = new.integration.id;
    let before = t.row(id).await;
    let intent = t.intent(id).await;
    assert!(matches!(t.store.reserve(&intent).await.unwrap(), Reserved::Granted { .. }));

    let ended = t.store.disconnect(t.alice, id, t.now(), None).await.unwrap();
    assert_eq!(ended, Some(before.clone()));
    assert_eq!(t.store.revision().await.unwrap(), before.revision + 1);

    assert_eq!(t.replica.integration(t.alice, id).await.unwrap(), None);
    assert_eq!(t.replica.integrations(t.alice, None, 9).await.unwrap(), []);
    let found = t.replica.find_account(t.alice, &PROVIDER.into(), "ada").await;
    assert_eq!(found.unwrap(), None);
    assert_eq!(t.replica.owner_of(id).await.unwrap(), None);
    assert_eq!(t.replica.grant(id).await.unwrap(), None);
    assert_eq!(t.replica.reserve(&intent).await.unwrap(), Reserved::Gone);
    let marked = t.replica.mark(id, 1, new.grant.lineage, &revoked(), t.now()).await;
    assert!(!marked.unwrap());
    let pause = Edit { paused: Some(true), ..Edit::default() };
    let edited = t.replica.edit(t.alice, id, &pause, t.now()).await;
    assert_eq!(edited.unwrap(), None);
    assert!(!t.replica.reconnect(&t.again(&new)).await.unwrap());
    assert!(!t.replica.connect(&new).await.unwrap());
    assert_eq!(t.replica.next_due().await.unwrap(), None);
    let again = t.replica.disconnect(t.alice, id, t.now(), None).await;
    assert_eq!(again.unwrap(), None);
    assert_eq!(t.store.revision().await.unwrap(), before.revision + 1);
}
