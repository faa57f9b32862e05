//! A provider that is declared by its description alone.

use evergrant::integration::Status;
use evergrant::testing::TestClock;
use evergrant::{ConnectError, TokenError};
use evergrant_sandbox::Stage;
use serde_json::json;

use super::play::{ACME, Play, discovered, settings};

fn refreshes(stage: &Stage) -> u64 {
    stage.ledger().summary().total.refreshes
}

#[tokio::test]
async fn a_description_is_enough_to_connect_and_refresh() {
    let clock = TestClock::default();
    let play = Play::new(&Play::stage(&clock), &clock);
    let vault = play.vault(&settings(&discovered("strict"))).await;
    let id = play.connect(&vault, ACME).await;
    vault.refresh_now(play.owner, id).await.unwrap();
    // A process that has never heard of it asks first.
    let vault = play.vault(&settings(&discovered("strict"))).await;
    vault.refresh_now(play.owner, id).await.unwrap();
    assert_eq!(play.status(id).await, Status::Active);
    assert_eq!(refreshes(&play.stage), 2);
}

#[tokio::test]
async fn while_the_description_cannot_be_read_nothing_is_spent_and_nobody_is_marked() {
    let clock = TestClock::default();
    let play = Play::new(&Play::stage(&clock), &clock);
    let vault = play.vault(&settings(&discovered("strict"))).await;
    let id = play.connect(&vault, ACME).await;
    let fresh = play.vault(&settings(&discovered("strict"))).await;
    for deed in
        [json!({ "status": 503 }), json!({ "drop": true }), json!({ "drop_after_commit": true })]
    {
        play.fault("oauth.discovery", deed);
        let error = play.refresh(&fresh, id).await;
        let TokenError::Unavailable { failure, .. } = error else { panic!("{error:?}") };
        assert_eq!(failure.code, "provider_keys_unavailable");
        play.fault("oauth.discovery", json!({ "status": 503 }));
        let error = play.agree(&fresh, ACME, None, "adele").await.unwrap_err();
        assert!(matches!(error, ConnectError::Unavailable { .. }), "{error:?}");
        assert_eq!((play.status(id).await, refreshes(&play.stage)), (Status::Active, 0));
    }
    // A code is brought again once the description can be read: the outage has not used it up.
    let (state, proof) = play.agree(&vault, ACME, None, "alex").await.unwrap();
    let key = ACME.into();
    let bring = |proof| fresh.finish(Some(play.owner), &key, &state, proof);
    let Some(evergrant::vault::Proof::Code { code, iss }) = proof else { panic!("a code") };
    let proof = || evergrant::vault::Proof::Code { code: code.clone(), iss: iss.clone() };
    play.fault("oauth.discovery", json!({ "status": 503 }));
    assert!(matches!(bring(proof()).await, Err(ConnectError::Unavailable { .. })));
    bring(proof()).await.unwrap();
    // No intent stands in the way of the next refresh, and what was read once is enough for ever.
    fresh.refresh_now(play.owner, id).await.unwrap();
    play.pass(48 * 3_600);
    play.fault("oauth.discovery", json!({ "status": 503 }));
    fresh.refresh_now(play.owner, id).await.unwrap();
    assert_eq!(refreshes(&play.stage), 2);
}
