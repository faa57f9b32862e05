//! Failures must not hammer a provider, and must not outlast their cause.

use std::time::Duration;

use evergrant::TokenError;

use crate::support::{Fault, Stage};

#[tokio::test]
async fn failures_do_not_hammer_the_provider() {
    for fault in [Fault::Down(0), Fault::Misconfigure] {
        let (stage, process, id) = Stage::connected().await;
        stage.pass(Duration::from_hours(2)).await;
        stage.world.fail_always(Some(fault));
        for _ in 0..600 {
            stage.run(process.token(id)).await.unwrap_err();
            stage.pass(Duration::from_secs(1)).await;
        }
        let attempts = stage.world.refreshes();
        assert!((12..=24).contains(&attempts), "{attempts} in ten minutes");
    }
}

#[tokio::test]
async fn those_that_failed_together_do_not_come_back_together() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let mut ids = Vec::new();
    for account in ["ada", "bob", "cyd", "dan", "eve"] {
        ids.push(stage.connect(&process, account).await);
    }
    stage.pass(Duration::from_hours(2)).await;
    stage.world.fail_always(Some(Fault::Down(60)));
    let mut rests = Vec::new();
    for id in ids {
        stage.run(process.token(id)).await.unwrap_err();
        let refused = stage.run(process.token(id)).await;
        let Err(TokenError::Unavailable { retry_after, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert!((60..=72).contains(&retry_after.as_secs()));
        rests.push(retry_after);
    }
    rests.sort_unstable();
    rests.dedup();
    assert_eq!(rests.len(), 5, "{rests:?}");
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_a_quarter_of_an_hour() {
    for (asked, kept) in [(600, 600), (1_000_000, 900)] {
        let (stage, process, id) = Stage::connected().await;
        stage.pass(Duration::from_hours(2)).await;
        stage.world.fail_always(Some(Fault::Down(asked)));
        for waited in (0..kept).step_by(10) {
            let refused = stage.run(process.token(id)).await;
            let Err(TokenError::Unavailable { retry_after, .. }) = refused else {
                panic!("{refused:?}")
            };
            assert!(retry_after >= Duration::from_secs(kept - waited));
            assert_eq!(stage.world.refreshes(), 1, "after {waited} seconds");
            stage.pass(Duration::from_secs(10)).await;
        }
        stage.pass(Duration::from_secs(kept / 5)).await;
        stage.run(process.token(id)).await.unwrap_err();
        assert_eq!(stage.world.refreshes(), 2);
    }
}

#[tokio::test]
async fn a_success_makes_the_next_rest_short_again() {
    let (stage, process, id) = Stage::connected().await;
    for _ in 0..3 {
        stage.pass(Duration::from_hours(2)).await;
        for failed in 0..4 {
            stage.world.fail_next(Fault::Unsent);
            stage.run(process.token(id)).await.unwrap_err();
            stage.run(process.token(id)).await.unwrap_err();
            // Twice as long each time, and at most a fifth longer.
            stage.pass(Duration::from_millis(1_250 << failed)).await;
        }
        stage.run(process.token(id)).await.unwrap();
    }
}

#[tokio::test]
async fn a_reconnect_anywhere_ends_the_rest() {
    for elsewhere in [false, true] {
        let (mut stage, process, id) = Stage::connected().await;
        let other = stage.process().await;
        stage.pass(Duration::from_hours(2)).await;
        stage.world.fail_next(Fault::Down(900));
        stage.run(process.token(id)).await.unwrap_err();
        stage.world.with(|ledger| ledger.lifetime = Duration::from_mins(1));
        let at = if elsewhere { &other } else { &process };
        stage.sign_in(at, "acme", "ada", Some(id)).await.unwrap();
        if elsewhere {
            process.poll_news().await;
        }
        // The new grant is young enough for the provider's wish to be in force still.
        stage.pass(Duration::from_mins(2)).await;
        stage.run(process.token(id)).await.unwrap();
    }
}

#[tokio::test]
async fn another_processs_newer_grant_is_adopted_while_this_one_rests() {
    let (mut stage, process, id) = Stage::connected().await;
    let other = stage.process().await;
    process.poll_news().await;
    process.token(id).await.unwrap();
    stage.pass(Duration::from_hours(2)).await;
    stage.world.fail_next(Fault::Down(900));
    stage.run(process.token(id)).await.unwrap_err();
    let theirs = stage.run(other.token(id)).await.unwrap();

    process.poll_news().await;
    let ours = stage.run(process.token(id)).await.unwrap();
    assert_eq!(ours.secret(), theirs.secret());
    assert_eq!(stage.world.refreshes(), 2);
}

#[tokio::test]
async fn what_is_adopted_during_a_rest_is_alive_and_long_enough() {
    let (mut stage, process, id) = Stage::connected().await;
    let other = stage.process().await;
    process.poll_news().await;
    process.token(id).await.unwrap();
    stage.pass(Duration::from_hours(2)).await;
    stage.world.fail_next(Fault::Down(900));
    stage.run(process.token(id)).await.unwrap_err();
    stage.world.with(|ledger| ledger.lifetime = Duration::from_mins(1));
    stage.run(other.token(id)).await.unwrap();

    for (passed, want) in [(0, 61), (0, 120), (90, 0)] {
        stage.pass(Duration::from_secs(passed)).await;
        process.poll_news().await;
        let refused = stage.run(process.token_for(id, want)).await;
        assert!(refused.is_err(), "{refused:?} after {passed} for {want} seconds");
    }
}
