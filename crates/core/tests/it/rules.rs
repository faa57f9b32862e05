//! The vault's ten rules, as `vault/mod.rs` lists them.

use std::time::Duration;

use evergrant::clock::later;
use evergrant::grant::Warning;
use evergrant::integration::Status;
use evergrant::store::{GrantStore, Intent, Reserved};
use evergrant::testing::SeededEntropy;
use evergrant::{AttemptId, Clock, HolderId, TokenError};

use crate::support::{Cut, Fault, Rotation, Stage};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn rule_1_the_margin_is_a_quarter_of_a_life_and_at_most_five_minutes() {
    let lives = [(60, 15), (600, 150), (3_600, 300), (86_400, 300)];
    for ((lifetime, margin), fresh) in lives.into_iter().flat_map(|l| [(l, false), (l, true)]) {
        let mut stage = Stage::new();
        let process = stage.process().await;
        let lifetime = Duration::from_secs(lifetime);
        let margin = Duration::from_secs(margin);
        stage.world.with(|ledger| ledger.lifetime = lifetime);
        let id = stage.connect(&process, "ada").await;

        process.token(id).await.unwrap();
        stage.pass(lifetime.saturating_sub(margin)).await;
        if fresh {
            process.poll_news().await;
        }
        stage.run(process.token(id)).await.unwrap();
        assert_eq!(stage.world.refreshes(), 0, "{lifetime:?}");
        stage.pass(Duration::from_millis(1)).await;
        stage.run(process.token(id)).await.unwrap();
        assert_eq!(stage.world.refreshes(), 1, "{lifetime:?}");
    }
}

#[tokio::test]
async fn rule_2_callers_join_one_flight_which_is_a_task_of_its_own() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    stage.world.requests.close();
    let mut first = Box::pin(process.token(id));
    let mut second = Box::pin(process.token(id));
    stage.begin(&mut first).await;
    stage.begin(&mut second).await;
    drop((first, second));
    stage.world.requests.open();
    stage.settle().await;

    assert_eq!(stage.world.refreshes(), 1);
    stage.assert_healthy(&process, id).await;
}

#[tokio::test]
async fn rule_3_a_durable_intent_decides_who_spends_the_refresh_token() {
    let (mut stage, one, id) = Stage::connected().await;
    let two = stage.process().await;
    stage.pass(Duration::from_hours(2)).await;
    stage.world.requests.close();
    let mut first = Box::pin(one.token(id));
    let mut second = Box::pin(two.token(id));
    stage.begin(&mut first).await;
    stage.begin(&mut second).await;
    stage.world.requests.open();

    let first = stage.run(first).await.unwrap();
    let second = stage.run(second).await.unwrap();
    assert_eq!(first.secret(), second.secret());
    assert_eq!(stage.world.refreshes(), 1);
}

#[tokio::test]
async fn rule_3_without_an_intent_no_refresh_token_is_spent() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    process.line.cut(Some(Cut::Calls("reserve")));
    let refused = stage.run(process.token(id)).await;
    assert!(matches!(refused, Err(TokenError::Storage(_))), "{refused:?}");
    assert_eq!(stage.world.refreshes(), 0);
}

#[tokio::test]
async fn rule_4_a_commit_succeeds_by_lineage_and_a_late_winner_holds_the_only_live_token() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    stage.world.answers.close();
    let mut caller = Box::pin(process.token(id));
    stage.begin(&mut caller).await;

    // Its intent lapses, and somebody else takes over before the answer is here.
    stage.clock.advance(Duration::from_mins(1));
    let seen = stage.store.grant(id).await.unwrap().unwrap().version;
    let now = stage.clock.now();
    let other = Intent {
        id,
        seen,
        attempt: AttemptId::new(&stage.clock, &SeededEntropy::new(99)),
        holder: HolderId::new(&stage.clock, &SeededEntropy::new(99)),
        started_at: now,
        deadline: later(now, Duration::from_secs(45)),
    };
    let reserved = stage.store.reserve(&other).await.unwrap();
    assert!(matches!(reserved, Reserved::Granted { .. }), "{reserved:?}");

    stage.world.answers.open();
    let token = stage.run(caller).await.unwrap();
    assert!(stage.world.alive(token.secret().expose()));
    stage.assert_healthy(&process, id).await;
}

#[tokio::test]
async fn rule_5_a_provider_talks_through_the_transport_it_is_handed() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    stage.run(process.token(id)).await.unwrap();
    stage.run(process.vault.disconnect(stage.owner, id)).await.unwrap();
    stage.settle().await;
    let seen =
        stage.world.with(|ledger| (ledger.exchanges, ledger.refreshes, ledger.revoked.len()));
    assert_eq!(seen, (1, 1, 1));
}

#[tokio::test]
async fn rule_6_a_rejected_token_is_replaced_only_if_it_is_still_the_current_one() {
    let (stage, process, id) = Stage::connected().await;
    let old = process.token(id).await.unwrap();
    stage.world.end_access_tokens();
    let new = stage.run(process.vault.replace(&old, None)).await.unwrap();
    assert_ne!(old.secret(), new.secret());
    for _ in 0..3 {
        let again = stage.run(process.vault.replace(&old, None)).await.unwrap();
        assert_eq!(again.secret(), new.secret());
    }
    assert_eq!(stage.world.refreshes(), 1);
}

#[tokio::test]
async fn rule_7_an_outage_while_the_old_token_is_good_serves_the_old_token() {
    let (stage, process, id) = Stage::connected().await;
    let old = process.token(id).await.unwrap();
    stage.pass(Duration::from_mins(57)).await;
    stage.world.fail_always(Some(Fault::Down(1)));
    let token = stage.run(process.token(id)).await.unwrap();
    assert_eq!(token.secret(), old.secret());
    assert_eq!(token.warning(), Some(Warning::RefreshFailing));
    assert_eq!(stage.status(id).await, Status::Active);
}

#[tokio::test]
async fn rule_7_only_a_rejection_of_the_current_lineage_asks_the_user_to_reconnect() {
    let (mut stage, slow, id) = Stage::connected().await;
    let quick = stage.process().await;
    stage.pass(Duration::from_hours(2)).await;

    // The slow one is refused, but before it hears of it, its intent lapses and another wins.
    stage.world.fail_next(Fault::Reject);
    stage.world.answers.close();
    let mut loser = Box::pin(slow.token(id));
    stage.begin(&mut loser).await;
    let mut winner = Box::pin(quick.token(id));
    stage.begin(&mut winner).await;
    stage.pass(Duration::from_secs(46)).await;
    assert_eq!(stage.world.refreshes(), 2);
    let (before, _) = slow.line.hold("release");
    before.close();
    stage.world.answers.open();
    let winner = stage.run(winner).await.unwrap();
    before.open();

    let loser = stage.run(loser).await.unwrap();
    assert_eq!(loser.secret(), winner.secret());
    assert_eq!(stage.status(id).await, Status::Active);
}

#[tokio::test]
async fn rule_8_a_registration_that_needs_the_operator_never_marks_an_integration() {
    let (stage, process, id) = Stage::connected().await;
    stage.world.fail_always(Some(Fault::Misconfigure));
    stage.pass(Duration::from_mins(57)).await;
    let token = stage.run(process.token(id)).await.unwrap();
    assert_eq!(token.warning(), Some(Warning::RegistrationMisconfigured));
    stage.pass(Duration::from_hours(1)).await;
    let refused = stage.run(process.token(id)).await;
    assert!(matches!(refused, Err(TokenError::Misconfigured(_))), "{refused:?}");
    assert_eq!(stage.status(id).await, Status::Active);

    // The operator mends it; nobody has to tell the vault.
    stage.world.fail_always(None);
    stage.pass(Duration::from_mins(2)).await;
    assert!(stage.run(process.token(id)).await.unwrap().warning().is_none());
}

#[tokio::test]
async fn rule_9_a_result_of_an_older_epoch_is_discarded_and_revoked() {
    for reconnected in [true, false] {
        let (mut stage, slow, id) = Stage::connected().await;
        let other = stage.process().await;
        stage.pass(Duration::from_hours(2)).await;
        let (commit, _) = slow.line.hold("commit");
        commit.close();
        let mut caller = Box::pin(slow.token(id));
        stage.begin(&mut caller).await;
        let late = stage.world.unspent();
        assert_eq!(late.len(), 1);

        if reconnected {
            let again = stage.sign_in(&other, "acme", "ada", Some(id)).await;
            assert_eq!(again.unwrap().epoch, 2);
            commit.open();
            let token = stage.run(caller).await.unwrap();
            assert_eq!(token.version().epoch, 2);
            stage.assert_healthy(&slow, id).await;
        } else {
            other.vault.disconnect(stage.owner, id).await.unwrap();
            commit.open();
            let refused = stage.run(caller).await;
            assert!(matches!(refused, Err(TokenError::NotFound)), "{refused:?}");
        }
        stage.settle().await;
        assert!(stage.world.with(|ledger| ledger.revoked.contains(&late[0])));
    }
}

#[tokio::test]
async fn rule_10_nothing_deletes_a_refresh_token_because_of_an_error() {
    let faults = [
        Fault::Reject,
        Fault::Misconfigure,
        Fault::Down(1),
        Fault::Unsent,
        Fault::RequestLost,
        Fault::AnswerLost,
        Fault::Panic,
    ];
    let calls = ["grant", "now", "reserve", "release", "mark"];
    let cuts = calls.map(|call| Some(Cut::Calls(call)));
    let answers = calls.map(|call| Some(Cut::Answer(call)));
    for rotation in [Rotation::Strict, Rotation::NonRevoking, Rotation::Fixed] {
        for fault in faults {
            for cut in cuts.into_iter().chain(answers).chain([None]) {
                let mut stage = Stage::with(rotation, 1);
                let process = stage.process().await;
                let id = stage.connect(&process, "ada").await;
                let before = stage.stored_refresh(&process, id).await;
                stage.pass(Duration::from_hours(2)).await;
                stage.world.fail_always(Some(fault));
                process.line.cut(cut);
                let outcome = stage.run(process.token(id)).await;
                stage.pass(SECOND).await;
                assert!(outcome.is_err(), "{fault:?} {cut:?}");
                assert_eq!(stage.stored_refresh(&process, id).await, before, "{fault:?} {cut:?}");
            }
        }
    }
}
