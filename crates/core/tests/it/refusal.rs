//! An API that refuses what its own provider issued must not burn refresh tokens.

use std::time::Duration;

use evergrant::{AccessToken, CallError, TokenError};
use http::Method;

use crate::support::{Process, Stage};

async fn call(
    stage: &Stage,
    process: &Process,
    id: evergrant::IntegrationId,
) -> Result<(), CallError> {
    let api = process.gateway.open(stage.owner, id).await?;
    let request = api.request(Method::GET, "/me")?;
    let request = request.body(bytes::Bytes::new()).expect("a request");
    stage.run(api.send(request)).await.map(|_| ())
}

#[tokio::test]
async fn an_api_that_refuses_every_token_costs_three_refreshes_and_then_one_a_minute() {
    for accepted_before in [false, true] {
        let (stage, process, id) = Stage::connected().await;
        if accepted_before {
            call(&stage, &process, id).await.unwrap();
        }
        stage.world.with(|ledger| ledger.api_refuses = true);
        let mut refused = 0;
        for _ in 0..50 {
            match call(&stage, &process, id).await {
                Err(CallError::TokenRefused) => {}
                Err(CallError::Token(TokenError::Refused { retry_after })) => {
                    assert!(retry_after <= Duration::from_mins(1));
                    refused += 1;
                }
                other => panic!("{other:?}"),
            }
            stage.pass(Duration::from_millis(100)).await;
        }
        assert!(stage.world.refreshes() <= 3, "{}", stage.world.refreshes());
        assert!(refused >= 47);

        for _ in 0..60 {
            call(&stage, &process, id).await.unwrap_err();
            stage.pass(Duration::from_secs(10)).await;
        }
        assert!(stage.world.refreshes() <= 13, "{}", stage.world.refreshes());

        stage.world.with(|ledger| ledger.api_refuses = false);
        call(&stage, &process, id).await.unwrap();
    }
}

#[tokio::test]
async fn processes_that_take_turns_do_not_forget_what_was_refused() {
    let (mut stage, one, id) = Stage::connected().await;
    let two = stage.process().await;
    stage.world.with(|ledger| ledger.api_refuses = true);
    for _ in 0..30 {
        for process in [&one, &two] {
            process.poll_news().await;
            call(&stage, process, id).await.unwrap_err();
        }
    }
    assert!(stage.world.refreshes() <= 3, "{}", stage.world.refreshes());
}

#[tokio::test]
async fn a_day_of_refusals_does_not_wear_out_the_count() {
    let (stage, process, id) = Stage::connected().await;
    stage.world.with(|ledger| ledger.api_refuses = true);
    for _ in 0..300 {
        for _ in 0..4 {
            call(&stage, &process, id).await.unwrap_err();
        }
        stage.pass(Duration::from_secs(61)).await;
    }
    // Two at first, and one a minute from then on.
    assert_eq!(stage.world.refreshes(), 2 + 299);
}

#[tokio::test]
async fn who_was_refused_gets_the_newer_token_there_is() {
    let (stage, process, id) = Stage::connected().await;
    stage.world.with(|ledger| ledger.api_refuses = true);
    let mut last: AccessToken = process.token(id).await.unwrap();
    while let Ok(token) = stage.run(process.vault.replace(&last, None)).await {
        last = token;
    }
    stage.world.with(|ledger| ledger.lifetime = Duration::from_mins(1));
    stage.sign_in(&process, "acme", "ada", Some(id)).await.unwrap();
    // Young, and near its end all the same.
    for waited in [0, 50] {
        stage.pass(Duration::from_secs(waited)).await;
        let token = stage.run(process.vault.replace(&last, None)).await.unwrap();
        assert_eq!(token.version().epoch, 2);
    }
}
