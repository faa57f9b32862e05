//! Refreshes ahead of need: early enough, once each, and never as a herd.

use std::time::Duration;

use evergrant::{IntegrationId, Renewer};
use futures_util::future::join_all;

use crate::support::{Fault, Process, Stage};

const MINUTE: Duration = Duration::from_mins(1);

fn start(process: &Process) {
    process.tasks.spawn_loop(Renewer::new(process.vault.clone()).run());
}

async fn connect_many(stage: &Stage, process: &Process, count: usize) -> Vec<IntegrationId> {
    let accounts: Vec<_> = (0..count).map(|n| format!("user-{n}")).collect();
    join_all(accounts.iter().map(|account| stage.connect(process, account))).await
}

#[tokio::test]
async fn callers_never_wait_because_tokens_are_refreshed_ahead_of_need() {
    let (stage, process, id) = Stage::connected().await;
    start(&process);
    for _ in 0..360 {
        stage.live(MINUTE).await;
        let before = stage.world.refreshes();
        let token = process.token(id).await.unwrap();
        assert_eq!(stage.world.refreshes(), before, "a caller had to refresh");
        assert_eq!(token.warning(), None);
        assert!(stage.world.alive(token.secret().expose()));
    }
    let refreshes = stage.world.refreshes();
    assert!((7..=8).contains(&refreshes), "{refreshes} in six hours");
}

#[tokio::test]
async fn two_renewers_refresh_each_due_grant_once() {
    let mut stage = Stage::new();
    let (one, two) = (stage.process().await, stage.process().await);
    connect_many(&stage, &one, 50).await;
    start(&one);
    start(&two);
    stage.live(50 * MINUTE).await;
    assert_eq!(stage.world.refreshes(), 50);
}

#[tokio::test]
async fn a_claim_that_lapsed_in_the_queue_is_not_refreshed_twice() {
    let mut stage = Stage::new();
    let (one, two) = (stage.process().await, stage.process().await);
    connect_many(&stage, &one, 200).await;
    stage.world.with(|ledger| ledger.latency = Duration::from_secs(25));
    stage.pass(50 * MINUTE).await;
    start(&one);
    start(&two);
    stage.live(15 * MINUTE).await;
    assert_eq!(stage.world.refreshes(), 200);
}

#[tokio::test]
async fn idle_grants_of_on_demand_providers_are_left_alone() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let connected = stage.sign_in(&process, "lazy", "ada", None).await.unwrap();
    start(&process);
    stage.live(120 * MINUTE).await;
    assert_eq!(stage.world.refreshes(), 0);
    stage.run(process.token(connected.id)).await.unwrap();
    assert_eq!(stage.world.refreshes(), 1);
}

#[tokio::test]
async fn a_herd_of_two_thousand_is_refreshed_twenty_at_a_time_and_keeps_no_caller_waiting() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let ids = connect_many(&stage, &process, 2_000).await;
    stage.world.with(|ledger| {
        ledger.latency = Duration::from_secs(1);
        ledger.most_under_way = 0;
    });
    stage.pass(180 * MINUTE).await;
    start(&process);
    stage.settle().await;
    assert_eq!(stage.world.with(|ledger| ledger.most_under_way), 20);

    let began = stage.clock_secs();
    stage.run(process.token(ids[1_999])).await.unwrap();
    assert!(stage.clock_secs() - began <= 1, "a caller waits behind the herd");
    stage.live(105 * Duration::from_secs(1)).await;
    assert_eq!(stage.world.refreshes(), 2_000);
    assert!(stage.world.with(|ledger| ledger.most_under_way) <= 21);
}

#[tokio::test]
async fn the_renewer_honours_retry_after() {
    let (stage, process, _) = Stage::connected().await;
    stage.world.fail_always(Some(Fault::Down(600)));
    start(&process);
    while stage.world.refreshes() == 0 {
        stage.live(Duration::from_secs(15)).await;
    }
    stage.live(9 * MINUTE).await;
    assert_eq!(stage.world.refreshes(), 1);
    stage.live(5 * MINUTE).await;
    assert_eq!(stage.world.refreshes(), 2);
}

#[tokio::test]
async fn the_renewer_asks_a_failing_provider_once_a_minute() {
    let (stage, process, _) = Stage::connected().await;
    stage.world.fail_always(Some(Fault::Down(0)));
    start(&process);
    stage.live(48 * MINUTE).await;
    let before = stage.world.refreshes();
    stage.live(20 * MINUTE).await;
    let attempts = stage.world.refreshes() - before;
    assert!((9..=20).contains(&attempts), "{attempts} in twenty minutes");
}

#[tokio::test]
async fn a_new_grant_wakes_the_renewer_early_enough() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    start(&process);
    stage.live(Duration::from_secs(1)).await;
    stage.world.with(|ledger| ledger.lifetime = Duration::from_secs(8));
    stage.connect(&process, "ada").await;
    stage.live(Duration::from_secs(7)).await;
    assert_eq!(stage.world.refreshes(), 1);
    stage.live(MINUTE).await;
    assert!(stage.world.refreshes() >= 9, "{}", stage.world.refreshes());
}

#[tokio::test]
async fn a_database_that_was_away_does_not_end_the_renewer() {
    let (stage, process, id) = Stage::connected().await;
    start(&process);
    stage.store.set_available(false);
    stage.live(50 * MINUTE).await;
    stage.store.set_available(true);
    stage.live(MINUTE).await;
    assert_eq!(stage.world.refreshes(), 1);
    stage.assert_healthy(&process, id).await;
}

#[tokio::test]
async fn a_paused_or_ended_grant_is_not_renewed() {
    let (stage, process, id) = Stage::connected().await;
    let edit = evergrant::store::Edit { paused: Some(true), ..Default::default() };
    process.vault.edit(stage.owner, id, &edit).await.unwrap();
    let other = stage.connect(&process, "bob").await;
    process.vault.disconnect(stage.owner, other).await.unwrap();
    start(&process);
    stage.live(120 * MINUTE).await;
    assert_eq!(stage.world.refreshes(), 0);
}
