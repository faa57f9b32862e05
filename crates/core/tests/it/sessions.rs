//! Providers that give sessions: kept alive while they are used, opened again with a kept login.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use evergrant::clock::later;
use evergrant::integration::Status;
use evergrant::provider::{Provider, Renewal};
use evergrant::seal::{Field, Place};
use evergrant::store::{GrantStore as _, Outcome};
use evergrant::vault::{Begin, Proof};
use evergrant::{IntegrationId, TokenError};

use crate::quota::process_of;
use crate::support::{Adapter, Fault, Process, Rotation, Stage, begin};

const MINUTE: Duration = Duration::from_mins(1);

async fn sign_in(stage: &Stage, process: &Process, account: &str) -> IntegrationId {
    let begun = process.vault.begin(stage.owner, begin("form")).await.unwrap();
    let fields = [("name", account), ("password", "hunter2")];
    let fields: BTreeMap<_, _> =
        fields.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect();
    process.finish("form", &begun.state, Proof::Form(fields)).await.unwrap().id
}

/// The grant as it lies in the database, opened.
async fn stored(stage: &Stage, process: &Process, id: IntegrationId) -> serde_json::Value {
    let row = stage.row(id).await.unwrap();
    assert!(!format!("{row:?}").contains("hunter2"));
    let (subject, epoch) = (id.to_string(), row.version.epoch);
    let place = Place { tenant: "test", subject: &subject, field: Field::Grant, epoch };
    serde_json::from_slice(&process.seal.open(place, &row.grant.sealed).unwrap()).unwrap()
}

#[tokio::test]
async fn a_login_is_sealed_with_its_grant_and_survives_refreshes() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let id = sign_in(&stage, &process, "ada").await;
    assert_eq!(stored(&stage, &process, id).await["login"], "hunter2");
    process.vault.refresh_now(stage.owner, id).await.unwrap();
    assert_eq!(stage.world.refreshes(), 1);
    assert_eq!(stored(&stage, &process, id).await["login"], "hunter2");
    let diagnosis = process.vault.diagnose(stage.owner, id).await.unwrap();
    assert!(diagnosis.token.as_ref().unwrap().login_kept);
    assert_eq!(diagnosis.forecast.cause, "login_kept");
    assert!(!format!("{diagnosis:?}").contains("hunter2"));
}

#[tokio::test]
async fn what_a_form_leaves_empty_stays_as_it_was_when_an_account_is_connected_again() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let id = sign_in(&stage, &process, "ada").await;
    let again = Begin { integration: Some(id), ..begin("form") };
    let begun = process.vault.begin(stage.owner, again).await.unwrap();
    let fields = [("password".to_owned(), "hunter3".into())].into_iter().collect();
    let again = process.finish("form", &begun.state, Proof::Form(fields)).await.unwrap();
    assert_eq!((again.id, again.account.name.as_str()), (id, "ada"));
    assert_eq!(again.epoch, 2);
}

#[tokio::test]
async fn a_session_that_nothing_prolongs_is_connected_all_the_same() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    stage.world.with(|ledger| ledger.offline = false);
    let id = sign_in(&stage, &process, "ada").await;
    process.token(id).await.unwrap();
    assert!(stage.sign_in(&process, "acme", "ada", None).await.is_err());
}

#[tokio::test]
async fn however_many_sessions_end_at_once_each_is_its_users() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let mut ids = Vec::new();
    for account in 0..8 {
        ids.push(sign_in(&stage, &process, &account.to_string()).await);
        stage.world.end_family(account);
    }
    stage.pass(Duration::from_hours(2)).await;
    for id in ids {
        let refused = stage.run(process.token(id)).await;
        assert!(matches!(refused, Err(TokenError::ReconnectRequired { .. })), "{refused:?}");
        assert!(matches!(stage.status(id).await, Status::NeedsReconnect { .. }));
    }
}

#[tokio::test]
async fn a_session_is_kept_alive_for_as_long_as_its_guard_lives() {
    let mut stage = Stage::new();
    stage.world.with(|ledger| ledger.lifetime = MINUTE);
    let process = stage.process().await;
    let id = stage.sign_in(&process, "lazy", "ada", None).await.unwrap().id;
    stage.live(MINUTE * 10).await;
    assert_eq!(stage.world.refreshes(), 0);
    let kept = process.vault.keep_alive(stage.owner, id);
    let kept_too = process.vault.keep_alive(stage.owner, id);
    for minute in 1..=10 {
        stage.live(MINUTE).await;
        let token = stage.stored_access(&process, id).await;
        assert!(stage.world.alive(&token), "minute {minute}");
    }
    // Each token lives for 45 seconds of its minute; nobody fetches one twice.
    let refreshes = stage.world.refreshes();
    assert!((13..=15).contains(&refreshes), "{refreshes}");
    drop((kept, kept_too));
    stage.live(MINUTE * 10).await;
    assert_eq!(stage.world.refreshes(), refreshes);
}

#[tokio::test]
async fn nothing_is_kept_alive_that_needs_its_user() {
    let mut stage = Stage::new();
    stage.world.with(|ledger| ledger.lifetime = MINUTE);
    let process = stage.process().await;
    let id = stage.sign_in(&process, "lazy", "ada", None).await.unwrap().id;
    let _kept = process.vault.keep_alive(stage.owner, id);
    stage.live(MINUTE * 2).await;
    stage.world.end_family(0);
    stage.live(MINUTE * 10).await;
    let refreshes = stage.world.refreshes();
    assert!(matches!(stage.status(id).await, Status::NeedsReconnect { .. }));
    stage.live(MINUTE * 10).await;
    assert_eq!(stage.world.refreshes(), refreshes);
}

#[tokio::test]
async fn a_kept_login_that_is_refused_is_not_told_as_a_lost_answer() {
    let mut stage = Stage::new();
    let form = Adapter::new("form", Rotation::Strict, Renewal::OnDemand).by_form();
    let process = process_of(&mut stage, form).await;
    let id = sign_in(&stage, &process, "ada").await;
    stage.pass(Duration::from_hours(2)).await;
    stage.world.with(|ledger| ledger.faults.extend([Fault::AnswerLost, Fault::Reject]));
    assert!(matches!(process.token(id).await, Err(TokenError::Unavailable { .. })));
    stage.pass(Duration::from_hours(2)).await;
    let refused = stage.run(process.token(id)).await;
    let Err(TokenError::ReconnectRequired { why, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(why.code, "grant_revoked");
}

#[tokio::test]
async fn a_login_is_forgotten_with_its_integration_however_long_its_revocation_takes() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let id = sign_in(&stage, &process, "ada").await;
    let epoch = stage.row(id).await.unwrap().version.epoch;
    stage.world.with(|ledger| ledger.standing = Some(Fault::Down(5)));
    process.vault.disconnect(stage.owner, id).await.unwrap();
    stage.settle().await;
    let now = stage.store.now().await.unwrap();
    let later = later(now, Duration::from_hours(1));
    let debts = stage.store.claim_debts(later, later, 10).await.unwrap();
    let [debt] = &debts[..] else { panic!("{}", debts.len()) };
    let subject = id.to_string();
    let place = Place { tenant: "test", subject: &subject, field: Field::Grant, epoch };
    let plain = process.seal.open(place, &debt.sealed).unwrap();
    let grant: serde_json::Value = serde_json::from_slice(&plain).unwrap();
    assert!(grant["refresh_token"].is_string() && grant["login"].is_null());
}

#[tokio::test]
async fn what_is_asked_aside_is_neither_kept_as_the_answer_nor_answered_with_it() {
    let adapter = || Adapter::new("acme", Rotation::Strict, Renewal::Ahead).asking_aside();
    let mut stage = Stage::new();
    let process = process_of(&mut stage, adapter()).await;
    let id = stage.connect(&process, "ada").await;
    stage.pass(Duration::from_hours(2)).await;
    let (commit, _) = process.line.hold("commit");
    commit.close();
    let mut caller = Box::pin(process.token(id));
    stage.begin(&mut caller).await;
    process.die();
    drop(caller);
    let next: Arc<dyn Provider> = Arc::new(adapter());
    let next = stage.process_with([next].into_iter().collect()).await;
    next.vault.recover_dead().await.unwrap();
    let token = stage.run(next.token(id)).await.unwrap();
    assert!(stage.world.alive(token.secret().expose()));
    assert_eq!(stage.world.refreshes(), 1);
    let attempts = stage.store.attempts(stage.owner, id).await.unwrap();
    assert_eq!(attempts[0].outcome, Outcome::Recovered);
    stage.assert_healthy(&next, id).await;
}
