//! One refresh at a time, whatever its callers do.

use std::task::Poll;
use std::time::Duration;

use evergrant::integration::Status;
use evergrant::{CallError, TokenError};
use futures_util::future::join_all;
use futures_util::poll;
use http::Method;

use crate::support::{Fault, Rotation, Stage};

#[tokio::test]
async fn a_thousand_callers_of_an_expired_token_cost_one_refresh() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    let callers = join_all((0..1_000).map(|_| process.token(id)));
    let tokens = stage.run(callers).await;
    assert_eq!(stage.world.refreshes(), 1);
    for token in tokens {
        assert!(stage.world.alive(token.unwrap().secret().expose()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_on_several_threads_cost_one_refresh() {
    let (stage, process, id) = Stage::connected().await;
    stage.clock.advance(Duration::from_hours(2));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let process = process.clone();
        callers.spawn(async move { process.token(id).await.is_ok() });
    }
    assert!(callers.join_all().await.into_iter().all(|served| served));
    assert_eq!(stage.world.refreshes(), 1);
}

#[tokio::test]
async fn a_thousand_callers_in_two_processes_cost_one_refresh() {
    let (mut stage, one, id) = Stage::connected().await;
    let two = stage.process().await;
    stage.pass(Duration::from_hours(2)).await;
    let callers = (0..500).flat_map(|_| [one.token(id), two.token(id)]);
    let tokens = stage.run(join_all(callers)).await;
    assert_eq!(stage.world.refreshes(), 1);
    for token in tokens {
        assert!(stage.world.alive(token.unwrap().secret().expose()));
    }
}

#[tokio::test]
async fn a_thousand_calls_that_meet_a_401_cost_one_refresh_and_one_replay_each() {
    let (stage, process, id) = Stage::connected().await;
    stage.world.end_access_tokens();
    let api = process.gateway.open(stage.owner, id).await.unwrap();
    let call = || async {
        let request = api.request(Method::GET, "/me")?;
        let request = request.body(bytes::Bytes::new()).expect("a request");
        Ok::<_, CallError>(api.send(request).await?.status())
    };
    let answers = stage.run(join_all((0..1_000).map(|_| call()))).await;
    assert!(answers.into_iter().all(|status| status.unwrap() == 200));
    assert_eq!(stage.world.refreshes(), 1);
    assert_eq!(stage.world.with(|ledger| ledger.calls.len()), 2_000);
}

#[tokio::test]
async fn a_caller_that_hangs_up_at_any_moment_loses_no_token() {
    for polls in 0.. {
        let (stage, process, id) = Stage::connected().await;
        stage.pass(Duration::from_hours(2)).await;
        let mut caller = Box::pin(process.token(id));
        let mut served = false;
        for _ in 0..polls {
            served = matches!(poll!(&mut caller), Poll::Ready(_));
            if served {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(caller);
        stage.settle().await;
        stage.assert_healthy(&process, id).await;
        if served {
            assert!(polls > 10, "only {polls} moments were tried");
            break;
        }
    }
}

#[tokio::test]
async fn the_intent_of_a_dead_process_blocks_until_its_deadline_and_is_then_taken_over() {
    let (mut stage, dying, id) = Stage::connected().await;
    let heir = stage.process().await;
    stage.pass(Duration::from_hours(2)).await;
    stage.world.requests.close();
    let mut first = Box::pin(dying.token(id));
    stage.begin(&mut first).await;
    dying.die();
    stage.world.requests.open();

    let mut second = Box::pin(heir.token(id));
    stage.begin(&mut second).await;
    stage.live(Duration::from_secs(44)).await;
    stage.begin(&mut second).await;
    assert_eq!(stage.world.refreshes(), 0);
    stage.live(Duration::from_secs(2)).await;
    stage.run(second).await.unwrap();
    assert_eq!(stage.world.refreshes(), 1);
    stage.assert_healthy(&heir, id).await;
}

#[tokio::test]
async fn a_process_that_dies_before_the_answer_costs_a_grant_only_where_replays_are_theft() {
    for rotation in [Rotation::Strict, Rotation::NonRevoking, Rotation::Fixed] {
        let mut stage = Stage::with(rotation, 1);
        let (dying, heir) = (stage.process().await, stage.process().await);
        let id = stage.connect(&dying, "ada").await;
        stage.pass(Duration::from_hours(2)).await;
        stage.world.answers.close();
        let mut first = Box::pin(dying.token(id));
        stage.begin(&mut first).await;
        dying.die();
        stage.world.answers.open();

        let second = stage.run(heir.token(id)).await;
        assert_eq!(stage.world.refreshes(), 2);
        if rotation == Rotation::Strict {
            assert!(matches!(second, Err(TokenError::ReconnectRequired { .. })));
        } else {
            assert!(stage.world.alive(second.unwrap().secret().expose()));
            assert_eq!(stage.status(id).await, Status::Active);
        }
    }
}

#[tokio::test]
async fn a_lost_answer_keeps_a_strict_provider_from_seeing_the_token_again_soon() {
    for (rotation, soonest) in [(Rotation::Strict, 45), (Rotation::NonRevoking, 1)] {
        let mut stage = Stage::with(rotation, 1);
        let process = stage.process().await;
        let id = stage.connect(&process, "ada").await;
        stage.pass(Duration::from_hours(2)).await;
        stage.world.fail_next(Fault::RequestLost);
        let began = stage.clock_secs();
        let refused = stage.run(process.token(id)).await;
        assert!(matches!(refused, Err(TokenError::Unavailable { .. })));
        while stage.run(process.token(id)).await.is_err() {
            stage.pass(Duration::from_secs(1)).await;
        }
        let waited = stage.clock_secs() - began;
        assert!((soonest..soonest + 5).contains(&waited), "{rotation:?} {waited}");
        stage.assert_healthy(&process, id).await;
    }
}

#[tokio::test]
async fn a_panic_in_a_provider_gives_its_waiters_an_error_and_the_next_call_works() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    stage.world.fail_next(Fault::Panic);
    let waiters = join_all((0..3).map(|_| process.token(id)));
    for outcome in stage.run(waiters).await {
        assert!(matches!(outcome, Err(TokenError::Unavailable { .. })), "{outcome:?}");
    }
    stage.run(process.token(id)).await.unwrap();
    stage.assert_healthy(&process, id).await;
}

#[tokio::test]
async fn a_caller_without_a_token_waits_90_seconds_and_the_refresh_goes_on() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    stage.world.requests.close();
    let began = stage.clock_secs();
    let refused = stage.run(process.token(id)).await;
    assert!(matches!(refused, Err(TokenError::Unavailable { .. })), "{refused:?}");
    assert_eq!(stage.clock_secs() - began, 90);
    stage.world.requests.open();
    stage.settle().await;
    stage.run(process.token(id)).await.unwrap();
    assert_eq!(stage.world.refreshes(), 1);
}

#[tokio::test]
async fn a_loser_of_the_same_epoch_does_not_revoke_the_grant_it_shares_with_the_winner() {
    let mut stage = Stage::with(Rotation::NonRevoking, 1);
    let (slow, quick) = (stage.process().await, stage.process().await);
    let id = stage.connect(&slow, "ada").await;
    stage.pass(Duration::from_hours(2)).await;
    let (commit, _) = slow.line.hold("commit");
    commit.close();
    let mut loser = Box::pin(slow.token(id));
    stage.begin(&mut loser).await;
    stage.pass(Duration::from_secs(46)).await;
    let winner = stage.run(quick.token(id)).await.unwrap();
    commit.open();
    let loser = stage.run(loser).await.unwrap();
    assert_eq!(loser.secret(), winner.secret());
    assert!(stage.world.with(|ledger| ledger.revoked.is_empty()));
    stage.pass(Duration::from_hours(2)).await;
    stage.run(quick.token(id)).await.unwrap();
}

#[tokio::test]
async fn a_grant_that_cannot_be_opened_or_has_no_provider_leaves_no_intent_behind() {
    let (mut stage, process, id) = Stage::connected().await;
    process.token(id).await.unwrap();
    let bare = stage.process_with(std::iter::empty().collect()).await;
    stage.pass(Duration::from_hours(2)).await;
    let refused = stage.run(bare.token(id)).await;
    assert!(matches!(refused, Err(TokenError::Misconfigured(_))), "{refused:?}");
    let began = stage.clock_secs();
    stage.run(process.token(id)).await.unwrap();
    assert_eq!(stage.clock_secs(), began, "it had to wait");
}

#[tokio::test]
async fn a_lineage_lasts_as_long_as_its_refresh_token() {
    for rotation in [Rotation::Strict, Rotation::NonRevoking, Rotation::Fixed] {
        let mut stage = Stage::with(rotation, 1);
        let process = stage.process().await;
        let id = stage.connect(&process, "ada").await;
        let before = stage.row(id).await.unwrap();
        stage.pass(Duration::from_hours(2)).await;
        stage.run(process.token(id)).await.unwrap();
        let after = stage.row(id).await.unwrap();
        assert_eq!(after.version.generation, before.version.generation + 1);
        let same = after.grant.lineage == before.grant.lineage;
        assert_eq!(same, rotation == Rotation::Fixed, "{rotation:?}");
    }
}

#[tokio::test]
async fn a_slow_reader_does_not_put_an_older_token_back() {
    let (stage, process, id) = Stage::connected().await;
    let old = process.token(id).await.unwrap();
    stage.pass(Duration::from_secs(1)).await;
    let (_, answer) = process.line.hold("grant");
    answer.close();
    let mut reader = Box::pin(process.token(id));
    stage.begin(&mut reader).await;
    process.line.hold("nothing more");
    let new = stage.run(process.vault.replace(&old, None)).await.unwrap();
    answer.open();
    stage.run(reader).await.unwrap();

    process.poll_news().await;
    let token = process.token(id).await.unwrap();
    assert_eq!(token.secret(), new.secret());
}

#[tokio::test]
async fn a_refresh_at_once_is_made_however_young_the_token_is() {
    let (mut stage, process, id) = Stage::connected().await;
    let old = process.token(id).await.unwrap();
    let new = process.vault.refresh_now(stage.owner, id);
    assert_ne!(stage.run(new).await.unwrap().secret(), old.secret());
    let other = stage.process().await;
    let other = other.vault.refresh_now(stage.owner, id);
    stage.run(other).await.unwrap();
    assert_eq!(stage.world.refreshes(), 2);

    // Not even if another process has just made one.
    process.poll_news().await;
    let again = process.vault.refresh_now(stage.owner, id);
    stage.run(again).await.unwrap();
    assert_eq!(stage.world.refreshes(), 3);
    let stranger = stage.stranger();
    let theirs = process.vault.refresh_now(stranger, id).await;
    assert!(matches!(theirs, Err(TokenError::NotFound)), "{theirs:?}");
    stage.assert_healthy(&process, id).await;
}
