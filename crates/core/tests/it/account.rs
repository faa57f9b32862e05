//! One integration for each account, whoever connects it and however often.

use evergrant::ConnectError;
use evergrant::vault::{Begin, Next};
use futures_util::future::join;

use crate::support::{Stage, begin};

#[tokio::test]
async fn a_reconnect_as_someone_else_keeps_the_old_grant() {
    let (stage, process, id) = Stage::connected().await;
    let before = stage.stored_refresh(&process, id).await;
    let refused = stage.sign_in(&process, "acme", "bob", Some(id)).await;
    let Err(ConnectError::AccountMismatch { expected, actual }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((&*expected, &*actual), ("ada@acme.test", "bob@acme.test"));
    assert_eq!(stage.stored_refresh(&process, id).await, before);
    let bobs = stage.world.with(|ledger| ledger.families[1].ended);
    assert!(bobs, "the unwanted grant stays alive");
    stage.assert_healthy(&process, id).await;
}

#[tokio::test]
async fn a_reconnect_hints_at_the_account_and_is_for_its_owner_and_provider_alone() {
    let (mut stage, process, id) = Stage::connected().await;
    let stranger = stage.stranger();
    let ask = |provider| Begin { integration: Some(id), ..begin(provider) };
    let begun = process.vault.begin(stage.owner, ask("acme")).await.unwrap();
    let Next::Authorize(url) = begun.next else { panic!("a page to open") };
    let hint = url.query_pairs().find(|(name, _)| name == "hint");
    assert_eq!(hint.unwrap().1, "ada@acme.test");
    let other = process.vault.begin(stage.owner, ask("lazy")).await;
    let foreign = process.vault.begin(stranger, ask("acme")).await;
    for refused in [other, foreign] {
        assert!(matches!(refused, Err(ConnectError::NotFound)), "{refused:?}");
    }
}

#[tokio::test]
async fn an_account_connected_twice_keeps_its_id_and_takes_the_newer_grant() {
    let (mut stage, process, id) = Stage::connected().await;
    let again = stage.sign_in(&process, "acme", "ada", None).await.unwrap();
    assert_eq!((again.id, again.epoch), (id, 2));
    let families = stage.world.with(|ledger| ledger.families.len());
    assert_eq!(families, 2);
    stage.assert_healthy(&process, id).await;

    let other = stage.sign_in(&process, "acme", "bob", None).await.unwrap();
    assert_ne!(other.id, id);
    stage.owner = stage.stranger();
    let strangers = stage.agree(&process, "acme", "ada", None).await.unwrap();
    let (flow, proof) = strangers;
    let provider = "acme".into();
    let finish = process.vault.finish(None, &provider, &flow, proof);
    assert_ne!(finish.await.unwrap().id, id);
}

#[tokio::test]
async fn two_connects_of_one_account_at_once_make_one_integration() {
    let mut stage = Stage::new();
    let (one, two) = (stage.process().await, stage.process().await);
    let both =
        join(stage.sign_in(&one, "acme", "ada", None), stage.sign_in(&two, "acme", "ada", None));
    let (first, second) = stage.run(both).await;
    let id = first.unwrap().id;
    assert_eq!(second.unwrap().id, id);
    stage.assert_healthy(&one, id).await;
}
