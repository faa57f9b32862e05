//! What survives a crash, an outage of the database, and both.

use std::sync::Arc;
use std::time::Duration;

use evergrant::clock::later;
use evergrant::integration::Status;
use evergrant::provider::{Provider, Renewal};
use evergrant::store::{GrantStore as _, Outcome};
use evergrant::{Clock as _, TokenError};

use crate::support::{Adapter, Cut, Fault, Process, Rotation, Stage};

/// A process dies with the answer to a refresh, kept where `cut` lets it be kept.
async fn dies_with_the_answer(cut: &'static str) -> (Stage, Process, evergrant::IntegrationId) {
    let (mut stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    stage.world.answers.close();
    let mut caller = Box::pin(process.token(id));
    stage.begin(&mut caller).await;
    process.line.cut(Some(Cut::Calls(cut)));
    stage.world.answers.open();
    stage.settle().await;
    process.die();
    drop(caller);
    let next = stage.process().await;
    (stage, next, id)
}

#[tokio::test]
async fn an_answer_in_the_spool_becomes_a_grant_without_asking_the_provider() {
    let (stage, next, id) = dies_with_the_answer("").await;
    assert_eq!(stage.disk.len(), 1);
    next.vault.recover_dead().await.unwrap();
    assert!(stage.disk.is_empty());
    let token = stage.run(next.token(id)).await.unwrap();
    assert!(stage.world.alive(token.secret().expose()));
    assert_eq!(stage.world.refreshes(), 1);
    let attempts = stage.store.attempts(stage.owner, id).await.unwrap();
    assert_eq!(attempts[0].outcome, Outcome::Recovered);
    stage.assert_healthy(&next, id).await;
}

#[tokio::test]
async fn an_answer_in_the_database_becomes_a_grant_without_asking_the_provider() {
    let (stage, next, id) = dies_with_the_answer("commit").await;
    assert!(stage.disk.is_empty());
    next.vault.recover_dead().await.unwrap();
    let token = stage.run(next.token(id)).await.unwrap();
    assert!(stage.world.alive(token.secret().expose()));
    assert_eq!(stage.world.refreshes(), 1);
    stage.assert_healthy(&next, id).await;
}

#[tokio::test]
async fn another_machine_commits_an_answer_whose_writer_is_gone() {
    let (stage, next, id) = dies_with_the_answer("commit").await;
    // It does not know that the other is dead, and waits for as long as an answer may take to settle.
    let began = stage.clock.uptime();
    let token = stage.run(next.token(id)).await.unwrap();
    assert!(stage.clock.uptime().saturating_sub(began) <= Duration::from_secs(3));
    assert!(stage.world.alive(token.secret().expose()));
    assert_eq!(stage.world.refreshes(), 1);
}

#[tokio::test]
async fn an_answer_that_was_committed_before_the_crash_is_forgotten() {
    let (mut stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    // The database takes the commit; that it did gets lost, and so does the process.
    process.line.cut(Some(Cut::Calls("answer")));
    let (before, after) = process.line.hold("commit");
    after.close();
    let mut caller = Box::pin(process.token(id));
    stage.begin(&mut caller).await;
    process.die();
    before.open();
    drop(caller);
    assert_eq!(stage.disk.len(), 1);
    let generation = stage.row(id).await.unwrap().version.generation;
    let next = stage.process().await;
    next.vault.recover_dead().await.unwrap();
    assert!(stage.disk.is_empty());
    assert_eq!(stage.row(id).await.unwrap().version.generation, generation);
    stage.assert_healthy(&next, id).await;
}

#[tokio::test]
async fn callers_get_the_new_token_while_the_database_is_away_for_a_minute() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    stage.world.answers.close();
    let mut caller = Box::pin(process.token(id));
    stage.begin(&mut caller).await;
    process.line.cut(Some(Cut::Calls("")));
    stage.world.answers.open();
    let token = stage.run(caller).await.unwrap();
    assert!(stage.world.alive(token.secret().expose()));
    for _ in 0..60 {
        let again = stage.run(process.token(id)).await.unwrap();
        assert_eq!(again.secret(), token.secret());
        stage.live(Duration::from_secs(1)).await;
    }
    assert_eq!(stage.disk.len(), 1, "the answer is nowhere but in memory");
    process.line.cut(None);
    stage.live(Duration::from_secs(3)).await;
    assert!(stage.disk.is_empty());
    assert_eq!(stage.world.refreshes(), 1);
    stage.assert_healthy(&process, id).await;
}

#[tokio::test]
async fn a_strict_provider_sees_a_token_of_unknown_fate_once_more_and_late() {
    let (stage, process, id) = Stage::connected().await;
    // Well before its end, so that the old token is good still.
    stage.pass(Duration::from_mins(50)).await;
    stage.world.fail_next(Fault::AnswerLost);
    stage.run(process.vault.refresh_now(stage.owner, id)).await.unwrap_err();
    stage.live(Duration::from_mins(2)).await;
    for _ in 0..3 {
        let token = stage.run(process.token(id)).await.unwrap();
        assert!(stage.world.alive(token.secret().expose()));
        stage.live(Duration::from_secs(30)).await;
    }
    assert_eq!(stage.world.refreshes(), 1, "asked again while the old token was good");
    stage.live(Duration::from_mins(10)).await;
    let lost = stage.run(process.token(id)).await;
    let Err(TokenError::ReconnectRequired { why, .. }) = lost else { panic!("{lost:?}") };
    assert_eq!(why.code, "lost_response");
    assert_eq!(stage.world.refreshes(), 2);
}

#[tokio::test]
async fn a_strict_provider_that_never_got_the_request_gives_a_grant_after_all() {
    let (stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_mins(50)).await;
    stage.world.fail_next(Fault::RequestLost);
    stage.run(process.vault.refresh_now(stage.owner, id)).await.unwrap_err();
    stage.live(Duration::from_mins(12)).await;
    let token = stage.run(process.token(id)).await.unwrap();
    assert!(stage.world.alive(token.secret().expose()));
    assert_eq!(stage.status(id).await, Status::Active);
    // What was unknown is known: a later rejection is what it says.
    stage.world.end_family(0);
    stage.pass(Duration::from_hours(2)).await;
    let ended = stage.run(process.token(id)).await;
    let Err(TokenError::ReconnectRequired { why, .. }) = ended else { panic!("{ended:?}") };
    assert_eq!(why.code, "grant_revoked");
}

#[tokio::test]
async fn a_provider_with_a_time_of_grace_is_asked_again_within_it() {
    let mut stage = Stage::with(Rotation::Grace(30), 1);
    let process = stage.process().await;
    let id = stage.connect(&process, "ada").await;
    stage.pass(Duration::from_hours(2)).await;
    stage.world.fail_next(Fault::AnswerLost);
    stage.run(process.token(id)).await.unwrap_err();
    stage.live(Duration::from_secs(5)).await;
    let token = stage.run(process.token(id)).await.unwrap();
    assert!(stage.world.alive(token.secret().expose()));
    stage.assert_healthy(&process, id).await;
}

#[tokio::test]
async fn a_copied_database_calls_nobody_until_it_is_adopted() {
    let (mut stage, process, id) = Stage::connected().await;
    stage.pass(Duration::from_hours(2)).await;
    stage.store.set_copied();
    let exchanges = stage.world.with(|ledger| ledger.exchanges);
    drop(process);
    let copy = stage.process().await;
    copy.vault.recover_dead().await.unwrap();
    let refused = [
        stage.run(copy.token(id)).await.map(drop),
        stage.run(copy.vault.refresh_now(stage.owner, id)).await.map(drop),
        stage.run(copy.vault.disconnect(stage.owner, id)).await,
    ];
    for refused in refused {
        assert!(matches!(refused, Err(TokenError::Copied)), "{refused:?}");
    }
    stage.sign_in(&copy, "acme", "bob", None).await.unwrap_err();
    let calls = stage.world.with(|l| (l.refreshes, l.exchanges, l.revoked.len(), l.calls.len()));
    assert_eq!(calls, (0, exchanges, 0, 0));
    stage.store.adopt().await.unwrap();
    let token = stage.run(copy.token(id)).await.unwrap();
    assert!(stage.world.alive(token.secret().expose()));
}

#[tokio::test]
async fn a_revocation_that_fails_is_tried_again_for_a_week() {
    let (stage, process, id) = Stage::connected().await;
    process.tasks.spawn_loop(evergrant::Upkeep::new(process.vault.clone()).run());
    stage.world.fail_always(Some(Fault::Unsent));
    process.vault.disconnect(stage.owner, id).await.unwrap();
    stage.live(Duration::from_mins(30)).await;
    assert_eq!(stage.store.debts().await.unwrap(), 1);
    stage.world.fail_always(None);
    stage.live(Duration::from_mins(40)).await;
    assert_eq!(stage.store.debts().await.unwrap(), 0);
    assert!(stage.world.with(|ledger| ledger.families[0].ended));

    let id = stage.connect(&process, "bob").await;
    stage.world.fail_always(Some(Fault::Unsent));
    process.vault.disconnect(stage.owner, id).await.unwrap();
    stage.clock.advance(Duration::from_hours(8 * 24));
    stage.live(Duration::from_mins(3)).await;
    assert_eq!(stage.store.debts().await.unwrap(), 0, "it is tried for ever");
}

#[tokio::test]
async fn a_suspended_registration_marks_nobody_serves_what_is_good_and_resumes_by_itself() {
    let mut stage = Stage::with(Rotation::Strict, 1);
    let process = stage.process().await;
    let replica = stage.process().await;
    let mut ids = Vec::new();
    for account in ["ada", "bob", "cyd"] {
        ids.push(stage.connect(&process, account).await);
    }
    stage.pass(Duration::from_mins(56)).await;
    stage.world.fail_always(Some(Fault::Misconfigure));
    for id in &ids {
        let token = stage.run(process.token(*id)).await.unwrap();
        let warning = evergrant::grant::Warning::RegistrationMisconfigured;
        assert_eq!(token.warning(), Some(warning));
    }
    assert_eq!(stage.world.refreshes(), 1, "each asked for itself");
    stage.pass(Duration::from_mins(10)).await;
    for id in &ids {
        let refused = stage.run(process.token(*id)).await;
        assert!(matches!(refused, Err(TokenError::Misconfigured(_))), "{refused:?}");
        assert_eq!(stage.status(*id).await, Status::Active);
        // It is refused itself, and tells the operator nothing new.
        let refused = stage.run(replica.token(*id)).await;
        assert!(matches!(refused, Err(TokenError::Misconfigured(_))), "{refused:?}");
    }
    let kinds = |notices: Vec<(i64, evergrant::store::Notice)>| {
        notices.into_iter().map(|(_, notice)| notice.kind).collect::<Vec<_>>()
    };
    let notices = stage.store.notices(0, 10).await.unwrap();
    assert_eq!(kinds(notices), ["registration_suspended"]);
    stage.world.fail_always(None);
    stage.pass(Duration::from_secs(31)).await;
    for id in &ids {
        let token = stage.run(process.token(*id)).await.unwrap();
        assert!(stage.world.alive(token.secret().expose()));
    }
    stage.settle().await;
    let notices = stage.store.notices(0, 10).await.unwrap();
    assert_eq!(kinds(notices), ["registration_suspended", "registration_resumed"]);
}

#[tokio::test]
async fn most_grants_refused_at_once_are_the_registrations_fault() {
    let mut stage = Stage::with(Rotation::Strict, 1);
    let process = stage.process().await;
    let mut ids = Vec::new();
    for account in 0..20 {
        ids.push(stage.connect(&process, &format!("user{account}")).await);
    }
    stage.pass(Duration::from_hours(2)).await;
    stage.world.fail_always(Some(Fault::Reject));
    for id in &ids {
        let _ = stage.run(process.token(*id)).await;
    }
    let mut marked = 0;
    for id in &ids {
        marked += usize::from(stage.status(*id).await != Status::Active);
    }
    assert_eq!(marked, 4, "marked before it was seen what this is");
}

#[tokio::test]
async fn a_credentials_end_is_announced_60_30_7_and_1_days_ahead_once_for_all_processes() {
    let mut stage = Stage::with(Rotation::Strict, 1);
    let end = later(stage.clock.now(), Duration::from_hours(70 * 24));
    let mut processes = Vec::new();
    for _ in 0..2 {
        let acme = Adapter::new("acme", Rotation::Strict, Renewal::Ahead).ending(end);
        let acme: Arc<dyn Provider> = Arc::new(acme);
        let process = stage.process_with([acme].into_iter().collect()).await;
        process.tasks.spawn_loop(evergrant::Upkeep::new(process.vault.clone()).run());
        processes.push(process);
    }
    let mut seen = Vec::new();
    for day in 0..72 {
        stage.clock.advance(Duration::from_hours(24));
        stage.settle().await;
        let notices = stage.store.notices(0, 100).await.unwrap();
        if notices.len() > seen.len() {
            assert_eq!(notices[seen.len()].1.kind, "credential_expires");
            seen.push(70 - (day + 1));
        }
        assert_eq!(notices.len(), seen.len(), "said twice");
    }
    assert_eq!(seen, [60, 30, 7, 1, 0]);
    let registration = &processes[0].vault.registrations()[0];
    assert_eq!(registration.ends_at(), Some(end));
}
