//! From a click to a stored grant, and everything that must not become one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evergrant::store::GrantStore;
use evergrant::vault::{Begin, Next, Proof};
use evergrant::{ConnectError, Secret, TokenError};
use futures_util::future::join;
use futures_util::poll;

use crate::support::{Cut, Stage, begin};

fn code(text: &str) -> Proof {
    Proof::Code { code: text.into(), iss: None }
}

#[tokio::test]
async fn a_state_that_is_not_under_way_here_is_refused_without_a_provider_call() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let stranger = stage.stranger();
    let (flow, _) = stage.agree(&process, "acme", "ada", None).await.unwrap();

    let invented = Secret::from("invented");
    let unknown = process.finish("acme", &invented, code("c")).await;
    let other_provider = process.finish("lazy", &flow, code("c")).await;
    let foreign = process.vault.finish(Some(stranger), &"acme".into(), &flow, code("c")).await;
    stage.pass(Duration::from_mins(10)).await;
    let expired = process.finish("acme", &flow, code("c")).await;
    for refused in [unknown, other_provider, foreign, expired] {
        assert!(matches!(refused, Err(ConnectError::InvalidState)), "{refused:?}");
    }

    let (flow, proof) = stage.agree(&process, "acme", "ada", None).await.unwrap();
    process.finish("acme", &flow, proof).await.unwrap();
    let replayed = process.finish("acme", &flow, code("c")).await;
    assert!(matches!(replayed, Err(ConnectError::InvalidState)), "{replayed:?}");
    assert_eq!(stage.world.with(|ledger| ledger.exchanges), 1);
}

#[tokio::test]
async fn a_state_that_others_tried_in_vain_still_works() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let stranger = stage.stranger();
    let (flow, proof) = stage.agree(&process, "acme", "ada", None).await.unwrap();
    let provider = "acme".into();
    let foreign = process.vault.finish(Some(stranger), &provider, &flow, code("c"));
    foreign.await.unwrap_err();
    process.finish("lazy", &flow, code("c")).await.unwrap_err();
    process.finish("acme", &flow, proof).await.unwrap();
}

#[tokio::test]
async fn two_callbacks_with_one_state_make_one_exchange() {
    let mut stage = Stage::new();
    let (one, two) = (stage.process().await, stage.process().await);
    let (flow, proof) = stage.agree(&one, "acme", "ada", None).await.unwrap();
    let Proof::Code { code: text, .. } = &proof else { panic!() };
    let again = Proof::Code { code: text.clone(), iss: None };
    let both = join(one.finish("acme", &flow, proof), two.finish("acme", &flow, again));
    let (first, second) = stage.run(both).await;
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(stage.world.with(|ledger| ledger.exchanges), 1);
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_connects_nothing() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    stage.world.with(|ledger| ledger.offline = false);
    let refused = stage.sign_in(&process, "acme", "ada", None).await;
    let Err(ConnectError::Misconfigured(failure)) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.code, "refresh_token_missing");
    let all = stage.store.integrations(stage.owner, None, 10).await;
    assert!(all.unwrap().is_empty());
}

#[tokio::test]
async fn scopes_may_be_fewer_and_are_spelt_as_the_provider_spells_them() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let asked = async |scopes: Option<&[&str]>| {
        let scopes = scopes.map(|scopes| scopes.iter().map(|&s| s.to_owned()).collect());
        let ask = Begin { scopes, ..begin("acme") };
        let begun = process.vault.begin(stage.owner, ask).await?;
        let Next::Authorize(url) = begun.next else { panic!("a page to open") };
        let scope = url.query_pairs().find(|(name, _)| name == "scope");
        Ok::<_, ConnectError>(scope.unwrap().1.into_owned())
    };
    assert_eq!(asked(None).await.unwrap(), "Read write send");
    assert_eq!(asked(Some(&["read", "WRITE", "Read"])).await.unwrap(), "Read write");
    let refused = asked(Some(&["read", "delete", "admin"])).await;
    let Err(ConnectError::UnknownScopes { unknown, known }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(unknown, ["delete", "admin"]);
    assert_eq!(known, ["Read", "write", "send"]);
}

#[tokio::test]
async fn the_challenge_is_the_s256_of_a_verifier_and_nothing_secret_is_used_twice() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let mut seen = BTreeSet::new();
    for account in ["ada", "bob", "cyd"] {
        let begun = process.vault.begin(stage.owner, begin("acme")).await.unwrap();
        let Next::Authorize(url) = begun.next else { panic!("a page to open") };
        for (name, value) in url.query_pairs() {
            if matches!(&*name, "state" | "nonce" | "challenge") {
                assert_eq!(value.len(), 43, "{name}");
                let url_safe = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                assert!(value.bytes().all(url_safe), "{value}");
                assert!(seen.insert(value.into_owned()), "{name} twice");
            }
        }
        // The provider issues a grant only for the verifier that the challenge is the S256 of.
        let proof = code(&stage.world.agree(&url, account));
        process.finish("acme", &begun.state, proof).await.unwrap();
    }
    let begun = process.vault.begin(stage.owner, begin("acme")).await.unwrap();
    let wrong = stage.world.agree_to("another challenge", "ada");
    let refused = process.finish("acme", &begun.state, code(&wrong)).await;
    assert!(matches!(refused, Err(ConnectError::Rejected(_))), "{refused:?}");
}

#[tokio::test]
async fn a_caller_that_hangs_up_during_finish_is_connected_all_the_same() {
    for polls in 1..40 {
        let mut stage = Stage::new();
        let process = stage.process().await;
        let (flow, proof) = stage.agree(&process, "acme", "ada", None).await.unwrap();
        let mut finish = Box::pin(process.finish("acme", &flow, proof));
        for _ in 0..polls {
            if poll!(&mut finish).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(finish);
        stage.settle().await;
        let all = stage.store.integrations(stage.owner, None, 10).await.unwrap();
        assert_eq!(all.len(), 1, "hung up after {polls} polls");
        stage.assert_healthy(&process, all[0].id).await;
    }
}

#[tokio::test]
async fn a_caller_that_hangs_up_during_disconnect_leaves_nothing_alive() {
    for polls in 1..20 {
        let (stage, process, id) = Stage::connected().await;
        let mut ended = Box::pin(process.vault.disconnect(stage.owner, id));
        for _ in 0..polls {
            if poll!(&mut ended).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(ended);
        stage.settle().await;
        let token = process.token(id).await;
        assert!(matches!(token, Err(TokenError::NotFound)), "{token:?}");
        assert!(stage.world.with(|ledger| ledger.families[0].ended), "after {polls} polls");
    }
}

#[tokio::test]
async fn a_denied_or_misshapen_proof_connects_nothing() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let (flow, _) = stage.agree(&process, "acme", "ada", None).await.unwrap();
    let denied = Proof::Denied {
        error: "access_denied".to_owned(),
        description: Some("no\nthanks".to_owned()),
        iss: None,
    };
    let refused = process.finish("acme", &flow, denied).await;
    let Err(ConnectError::Rejected(failure)) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.provider_code.as_deref(), Some("access_denied: no"));

    let (flow, _) = stage.agree(&process, "acme", "ada", None).await.unwrap();
    let refused = process.finish("acme", &flow, Proof::Form(BTreeMap::new())).await;
    assert!(matches!(refused, Err(ConnectError::WrongProof(..))), "{refused:?}");
    let form = process.vault.begin(stage.owner, begin("form")).await.unwrap();
    assert!(matches!(&form.next, Next::Form(fields) if fields[0].secret));
    let refused = process.finish("form", &form.state, code("c")).await;
    assert!(matches!(refused, Err(ConnectError::WrongProof(..))), "{refused:?}");
    let unknown = process.vault.begin(stage.owner, begin("nobody")).await;
    assert!(matches!(unknown, Err(ConnectError::UnknownProvider { .. })));
    assert_eq!(stage.world.with(|ledger| ledger.exchanges), 0);
}

#[tokio::test]
async fn a_grant_that_could_not_be_stored_is_revoked() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let (flow, proof) = stage.agree(&process, "acme", "ada", None).await.unwrap();
    process.line.cut(Some(Cut::Calls("connect")));
    let refused = stage.run(process.finish("acme", &flow, proof)).await;
    assert!(matches!(refused, Err(ConnectError::Storage(_))), "{refused:?}");
    assert!(stage.world.with(|ledger| ledger.families[0].ended));
}
