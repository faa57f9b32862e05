//! What callers get while the provider or the database is away.

use std::time::Duration;

use evergrant::TokenError;
use evergrant::grant::Warning;

use crate::support::{Cut, Fault, Stage};

#[tokio::test]
async fn ten_minutes_without_the_provider_are_not_felt_while_tokens_are_valid() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_mins(48)).await;
    stage.world.fail_always(Some(Fault::Down(1)));
    let mut calls = 0;
    while stage.clock_secs() < 58 * 60 {
        let began = stage.clock_secs();
        let token = stage.run(process.token(id)).await.unwrap();
        assert!(stage.world.alive(token.secret().expose()));
        assert_eq!(stage.clock_secs(), began, "a caller had to wait");
        stage.pass(Duration::from_secs(5)).await;
        calls += 1;
    }
    assert!(calls >= 120);
    let failed = stage.world.refreshes();
    assert!((3..12).contains(&failed), "{failed} attempts");

    stage.world.fail_always(None);
    while stage.clock_secs() < 70 * 60 {
        stage.run(process.token(id)).await.unwrap();
        stage.pass(Duration::from_secs(5)).await;
    }
    assert_eq!(stage.world.refreshes(), failed + 1);
}

#[tokio::test]
async fn a_provider_that_hangs_costs_a_caller_with_a_usable_token_two_seconds() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_mins(57)).await;
    stage.world.requests.close();
    let began = stage.clock_secs();
    stage.run(process.token(id)).await.unwrap();
    assert_eq!(stage.clock_secs() - began, 2);
}

#[tokio::test]
async fn no_token_dies_while_its_caller_waits_for_a_better_one() {
    for (left, want) in [(1_500, 0), (2_500, 0), (101_000, 100), (100_001, 100)] {
        let (stage, process, id) = Stage::connected().await;
        stage.pass(Duration::from_millis(3_600_000 - left)).await;
        stage.world.requests.close();
        let token = stage.run(process.token_for(id, want)).await.unwrap();
        let needed = Duration::from_secs(want.max(1));
        let now = evergrant::Clock::now(&stage.clock);
        let left = evergrant::clock::until(now, token.expires_at());
        assert!(left >= needed, "{left:?} left of {needed:?}");
    }
}

#[tokio::test]
async fn whoever_could_not_be_checked_is_told_so_even_while_the_provider_fails_too() {
    let (stage, process, id) = Stage::connected().await;
    process.token(id).await.unwrap();
    stage.pass(Duration::from_mins(57)).await;
    stage.world.fail_next(Fault::Down(600));
    let token = stage.run(process.token(id)).await.unwrap();
    assert_eq!(token.warning(), Some(Warning::RefreshFailing));
    stage.store.set_available(false);
    let token = stage.run(process.token(id)).await.unwrap();
    assert_eq!(token.warning(), Some(Warning::StorageUnavailable));
}

#[tokio::test]
async fn a_machine_that_stood_still_serves_no_token_that_died_meanwhile() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_mins(58)).await;
    stage.world.requests.close();
    let mut caller = Box::pin(process.token(id));
    stage.begin(&mut caller).await;
    stage.clock.advance(Duration::from_mins(5));
    stage.begin(&mut caller).await;
    stage.world.requests.open();
    let token = stage.run(caller).await.unwrap();
    assert!(stage.world.alive(token.secret().expose()));
}

#[tokio::test]
async fn without_the_database_no_refresh_token_is_spent_and_valid_tokens_are_served() {
    let (stage, process, id) = Stage::connected().await;
    process.token(id).await.unwrap();
    stage.pass(Duration::from_mins(57)).await;
    stage.store.set_available(false);
    let token = stage.run(process.token(id)).await.unwrap();
    assert_eq!(token.warning(), Some(Warning::StorageUnavailable));
    assert!(stage.world.alive(token.secret().expose()));

    stage.pass(Duration::from_mins(10)).await;
    let refused = stage.run(process.token(id)).await;
    assert!(matches!(refused, Err(TokenError::Storage(_))), "{refused:?}");
    assert_eq!(stage.world.refreshes(), 0);

    stage.store.set_available(true);
    stage.pass(Duration::from_mins(2)).await;
    stage.assert_healthy(&process, id).await;
}

#[tokio::test]
async fn a_database_that_fails_after_the_answer_is_told_once_it_is_back() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    process.line.cut(Some(Cut::Calls("commit")));
    let token = stage.run(process.token(id)).await.unwrap();
    assert!(stage.world.alive(token.secret().expose()));
    process.line.cut(Some(Cut::Calls("")));
    stage.live(Duration::from_mins(1)).await;
    assert_eq!(stage.run(process.token(id)).await.unwrap().secret(), token.secret());
    process.line.cut(None);
    stage.live(Duration::from_secs(2)).await;
    assert_eq!(stage.world.refreshes(), 1);
    stage.assert_healthy(&process, id).await;
}

#[tokio::test]
async fn after_an_outage_longer_than_an_intent_who_holds_a_token_stores_it_first() {
    for start in 0..20 {
        let (mut stage, holder, id) = Stage::connected().await;
        let other = stage.process().await;
        for process in [&holder, &other] {
            process.tasks.spawn_loop(process.news.clone().run());
        }
        stage.pass(Duration::from_hours(2)).await;
        stage.world.answers.close();
        let mut caller = Box::pin(holder.token(id));
        stage.begin(&mut caller).await;
        stage.store.set_available(false);
        stage.world.answers.open();
        stage.run(caller).await.unwrap();
        stage.live(Duration::from_millis(60_000 + 50 * start)).await;

        stage.store.set_available(true);
        let token = stage.run(other.token(id)).await.unwrap();
        assert!(stage.world.alive(token.secret().expose()));
        assert_eq!(stage.world.refreshes(), 1);
        stage.assert_healthy(&other, id).await;
    }
}

#[tokio::test]
async fn a_token_that_dies_waiting_for_the_database_is_an_error_of_the_database() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    process.line.cut(Some(Cut::Calls("commit")));
    let token = stage.run(process.token(id)).await.unwrap();
    stage.live(Duration::from_secs(2)).await;
    let refused = stage.run(process.vault.replace(&token, None)).await;
    assert!(matches!(refused, Err(TokenError::Storage(_))), "{refused:?}");
    stage.live(Duration::from_hours(1)).await;
    let refused = stage.run(process.token(id)).await;
    assert!(matches!(refused, Err(TokenError::Storage(_))), "{refused:?}");
    assert_eq!(stage.world.refreshes(), 1);

    process.line.cut(None);
    stage.live(Duration::from_secs(2)).await;
    stage.assert_healthy(&process, id).await;
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_made_again_without_another_refresh() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    process.line.cut(Some(Cut::Answer("commit")));
    stage.run(process.token(id)).await.unwrap();
    stage.live(Duration::from_secs(2)).await;
    assert_eq!(stage.world.refreshes(), 1);
    stage.assert_healthy(&process, id).await;
}

#[tokio::test]
async fn a_rejection_is_marked_once_and_the_provider_is_not_asked_again() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    stage.world.end_family(0);
    let before = stage.revision().await;
    for _ in 0..10 {
        let refused = stage.run(process.token(id)).await;
        assert!(matches!(refused, Err(TokenError::ReconnectRequired { .. })), "{refused:?}");
        stage.pass(Duration::from_mins(5)).await;
    }
    assert_eq!(stage.world.refreshes(), 1);
    assert_eq!(stage.revision().await, before + 1, "marked more than once");
}

#[tokio::test]
async fn an_answer_counts_though_the_database_cannot_tidy_up_after_it() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    stage.world.fail_next(Fault::Down(600));
    process.line.cut(Some(Cut::Calls("release")));
    let refused = stage.run(process.token(id)).await;
    let Err(TokenError::Unavailable { retry_after, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(retry_after, Duration::from_mins(10));
}
