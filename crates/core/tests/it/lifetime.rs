//! How long a token lives, by clocks that lie, and how long callers want it to.

use std::time::Duration;

use evergrant::clock::until;
use evergrant::{Clock, TokenError};
use jiff::SignedDuration;

use crate::support::Stage;

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_token_lives_at_least_as_long_as_its_caller_wants() {
    let (stage, process, id) = Stage::connected().await;
    for want in [0, 60, 600, 1_800, 3_000, 3_239] {
        stage.pass(Duration::from_mins(17)).await;
        let token = stage.run(process.token_for(id, want)).await.unwrap();
        let left = until(stage.clock.now(), token.expires_at());
        assert!(left >= Duration::from_secs(want), "{left:?} for {want}");
        assert!(stage.world.alive(token.secret().expose()));
    }
}

#[tokio::test]
async fn a_life_longer_than_the_provider_gives_is_unattainable_and_no_storm() {
    let (stage, process, id) = Stage::connected().await;
    for _ in 0..360 {
        let refused = stage.run(process.token_for(id, 7_200)).await;
        let Err(TokenError::Unattainable { longest }) = refused else { panic!("{refused:?}") };
        assert_eq!(longest, HOUR);
        stage.pass(Duration::from_secs(10)).await;
    }
    assert!(stage.world.refreshes() <= 10, "{}", stage.world.refreshes());
}

#[tokio::test]
async fn tokens_that_are_dead_on_arrival_are_no_storm() {
    let (stage, process, id) = Stage::connected().await;
    stage.world.with(|ledger| ledger.lifetime = Duration::ZERO);
    stage.pass(2 * HOUR).await;
    for _ in 0..100 {
        stage.run(process.token(id)).await.unwrap_err();
        stage.pass(Duration::from_millis(100)).await;
    }
    assert!(stage.world.refreshes() <= 11, "{}", stage.world.refreshes());
}

#[tokio::test]
async fn tokens_of_two_seconds_work() {
    let (stage, process, id) = Stage::connected().await;
    stage.world.with(|ledger| ledger.lifetime = Duration::from_secs(2));
    stage.pass(2 * HOUR).await;
    for _ in 0..100 {
        let token = stage.run(process.token(id)).await.unwrap();
        assert!(stage.world.alive(token.secret().expose()));
        stage.pass(Duration::from_millis(70)).await;
    }
}

#[tokio::test]
async fn a_wall_clock_set_back_lengthens_no_life_and_makes_nothing_unreadable() {
    for restarted in [false, true] {
        let (mut stage, mut process, id) = Stage::connected().await;
        process.token(id).await.unwrap();
        let hour_ago = stage.clock.now() - SignedDuration::from_hours(1);
        stage.clock.set(hour_ago);
        if restarted {
            // It reads rows that were written in its future.
            process = stage.process().await;
        }
        for _ in 0..180 {
            for want in [0, 900] {
                let token = stage.run(process.token_for(id, want)).await.unwrap();
                assert!(stage.world.alive(token.secret().expose()), "it is dead");
            }
            stage.pass(Duration::from_mins(1)).await;
        }
        assert!(stage.world.refreshes() <= 5, "{}", stage.world.refreshes());
        stage.assert_healthy(&process, id).await;
    }
}

#[tokio::test]
async fn a_wall_clock_set_back_does_not_lengthen_the_pause_after_refusals() {
    let (stage, process, id) = Stage::connected().await;
    let mut last = process.token(id).await.unwrap();
    while let Ok(token) = stage.run(process.vault.replace(&last, None)).await {
        last = token;
    }
    stage.clock.set(stage.clock.now() - SignedDuration::from_hours(1));
    stage.pass(Duration::from_secs(61)).await;
    stage.run(process.vault.replace(&last, None)).await.unwrap();
}

#[tokio::test]
async fn a_wall_clock_set_forward_costs_one_refresh() {
    let (stage, process, id) = Stage::connected().await;
    process.token(id).await.unwrap();
    stage.clock.set(stage.clock.now() + SignedDuration::from_hours(10));
    for _ in 0..10 {
        let token = stage.run(process.token(id)).await.unwrap();
        assert!(stage.world.alive(token.secret().expose()));
        stage.pass(Duration::from_mins(1)).await;
    }
    assert_eq!(stage.world.refreshes(), 1);
    stage.assert_healthy(&process, id).await;
}
