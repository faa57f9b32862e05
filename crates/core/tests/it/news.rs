//! Changes made elsewhere: no token later than one second after, and no store call before.

use std::time::Duration;

use evergrant::store::Edit;
use evergrant::{Clock, IntegrationId, Renewer, TokenError};
use jiff::SignedDuration;

use crate::support::{Process, Stage};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ending {
    Disconnect,
    Pause,
}

impl Ending {
    async fn happen(self, stage: &Stage, process: &Process, id: IntegrationId) {
        match self {
            Self::Disconnect => process.vault.disconnect(stage.owner, id).await.unwrap(),
            Self::Pause => {
                let edit = Edit { paused: Some(true), ..Edit::default() };
                process.vault.edit(stage.owner, id, &edit).await.unwrap();
            }
        }
    }

    fn is_told(self, error: &TokenError) -> bool {
        match self {
            Self::Disconnect => matches!(error, TokenError::NotFound),
            Self::Pause => matches!(error, TokenError::Paused),
        }
    }
}

fn rename(label: &str) -> Edit {
    Edit { label: Some(label.to_owned()), ..Edit::default() }
}

#[tokio::test]
async fn a_valid_token_in_memory_is_served_without_a_store_call() {
    let (stage, process, id) = Stage::connected().await;
    process.token(id).await.unwrap();
    process.poll_news().await;
    process.token(id).await.unwrap();
    let before = stage.store.calls();
    for _ in 0..100 {
        process.token(id).await.unwrap();
    }
    assert_eq!(stage.store.calls(), before);
}

#[tokio::test]
async fn while_the_news_loop_runs_no_read_asks_the_store() {
    let (stage, process, id) = Stage::connected().await;
    process.tasks.spawn_loop(process.news.clone().run());
    // It sweeps memory now and then; what is good stays there.
    let renewer = Renewer::new(process.vault.clone());
    process.tasks.spawn_loop(renewer.run());
    stage.live(Duration::from_secs(1)).await;
    process.token(id).await.unwrap();
    for _ in 0..220 {
        stage.live(Duration::from_millis(90)).await;
        let before = stage.store.calls();
        process.token(id).await.unwrap();
        assert_eq!(stage.store.calls(), before);
    }
}

#[tokio::test]
async fn without_the_news_loop_every_read_asks_the_store() {
    for ending in [Ending::Pause, Ending::Disconnect] {
        let (mut stage, process, id) = Stage::connected().await;
        let other = stage.process().await;
        stage.pass(Duration::from_secs(1)).await;
        for _ in 0..3 {
            let before = stage.store.calls();
            process.token(id).await.unwrap();
            assert!(stage.store.calls() > before);
        }
        ending.happen(&stage, &other, id).await;
        let refused = process.token(id).await.unwrap_err();
        assert!(ending.is_told(&refused), "{refused:?}");
    }
}

#[tokio::test]
async fn what_ends_elsewhere_is_served_no_later_than_one_second_after() {
    for ending in [Ending::Disconnect, Ending::Pause] {
        let (mut stage, process, id) = Stage::connected().await;
        let other = stage.process().await;
        process.tasks.spawn_loop(process.news.clone().run());
        stage.live(Duration::from_secs(5)).await;
        process.token(id).await.unwrap();
        ending.happen(&stage, &other, id).await;
        stage.live(Duration::from_secs(1)).await;
        let refused = process.token(id).await.unwrap_err();
        assert!(ending.is_told(&refused), "{refused:?}");
    }
}

#[tokio::test]
async fn a_news_loop_that_hangs_is_relied_on_for_one_second() {
    let (mut stage, process, id) = Stage::connected().await;
    let other = stage.process().await;
    process.token(id).await.unwrap();
    process.poll_news().await;
    process.token(id).await.unwrap();
    Ending::Disconnect.happen(&stage, &other, id).await;
    stage.clock.advance(Duration::from_millis(999));
    process.token(id).await.unwrap();
    stage.clock.advance(Duration::from_millis(1));
    process.token(id).await.unwrap_err();
}

#[tokio::test]
async fn a_poll_counts_from_its_beginning() {
    let (mut stage, process, id) = Stage::connected().await;
    let other = stage.process().await;
    process.token(id).await.unwrap();
    let (_, answer) = process.line.hold("changes");
    answer.close();
    let mut poll = Box::pin(process.news.poll());
    stage.begin(&mut poll).await;
    Ending::Disconnect.happen(&stage, &other, id).await;
    stage.pass(Duration::from_secs(1)).await;
    answer.open();
    stage.run(poll).await.unwrap();
    process.token(id).await.unwrap_err();
}

#[tokio::test]
async fn a_machine_that_slept_does_not_rely_on_what_it_remembers() {
    let (mut stage, process, id) = Stage::connected().await;
    let other = stage.process().await;
    process.token(id).await.unwrap();
    process.poll_news().await;
    process.token(id).await.unwrap();
    Ending::Disconnect.happen(&stage, &other, id).await;
    // The monotonic clock stands still meanwhile.
    stage.clock.set(stage.clock.now() + SignedDuration::from_mins(10));
    process.token(id).await.unwrap_err();
}

#[tokio::test]
async fn an_end_during_a_refresh_is_final_wherever_the_refresh_stands() {
    for ending in [Ending::Disconnect, Ending::Pause] {
        for here in [true, false] {
            for (call, late) in [
                ("grant", false),
                ("grant", true),
                ("now", false),
                ("now", true),
                ("reserve", false),
                ("reserve", true),
                ("request", false),
                ("answer", false),
                ("commit", false),
                ("commit", true),
            ] {
                let (mut stage, process, id) = Stage::connected().await;
                let other = stage.process().await;
                let at = if here { &process } else { &other };
                process.poll_news().await;
                process.token(id).await.unwrap();
                stage.clock.advance(Duration::from_hours(2));
                process.poll_news().await;
                let gates = process.line.hold(call);
                let gate = match call {
                    "request" => stage.world.requests.clone(),
                    "answer" => stage.world.answers.clone(),
                    _ if late => gates.1,
                    _ => gates.0,
                };
                gate.close();
                let mut caller = Box::pin(process.token(id));
                stage.begin(&mut caller).await;
                ending.happen(&stage, at, id).await;
                gate.open();
                let outcome = stage.run(caller).await;
                let place = format!("{ending:?} here: {here}, at {call}, after: {late}");
                assert!(!here || outcome.is_err(), "{place}: {outcome:?}");
                process.poll_news().await;
                let refused = stage.run(process.token(id)).await.unwrap_err();
                assert!(ending.is_told(&refused), "{place}: {refused:?}");
                stage.settle().await;
                if ending == Ending::Disconnect {
                    let revoked = stage.world.with(|ledger| ledger.families[0].ended);
                    assert!(revoked, "{place}: the grant is alive at the provider");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_edit_that_changes_nothing_harms_nothing() {
    let (stage, process, id) = Stage::connected().await;
    process.poll_news().await;
    process.token(id).await.unwrap();
    for edit in [rename("ada@acme.test"), Edit::default()] {
        process.vault.edit(stage.owner, id, &edit).await.unwrap();
        process.token(id).await.unwrap();
    }
    stage.assert_healthy(&process, id).await;
}

#[tokio::test]
async fn a_strangers_edit_or_disconnect_harms_nothing() {
    let (mut stage, process, id) = Stage::connected().await;
    process.poll_news().await;
    let token = process.token(id).await.unwrap();
    let stranger = stage.stranger();
    let edited = process.vault.edit(stranger, id, &rename("x")).await;
    assert!(matches!(edited, Err(TokenError::NotFound)), "{edited:?}");
    let ended = process.vault.disconnect(stranger, id).await;
    assert!(matches!(ended, Err(TokenError::NotFound)), "{ended:?}");
    let want = evergrant::MinLife::default();
    let theirs = process.vault.token(stranger, id, want).await;
    assert!(matches!(theirs, Err(TokenError::NotFound)), "{theirs:?}");
    assert_eq!(process.token(id).await.unwrap().secret(), token.secret());
}

#[tokio::test]
async fn a_rename_at_any_moment_disturbs_no_caller() {
    for expired in [false, true] {
        for (call, late) in
            [("grant", true), ("reserve", true), ("commit", false), ("commit", true)]
        {
            if !expired && call != "grant" {
                continue;
            }
            let (mut stage, process, id) = Stage::connected().await;
            let other = stage.process().await;
            if expired {
                stage.clock.advance(Duration::from_hours(2));
            }
            let (before, after) = process.line.hold(call);
            let gate = if late { after } else { before };
            gate.close();
            let mut caller = Box::pin(process.token(id));
            stage.begin(&mut caller).await;
            let edit = rename("work");
            other.vault.edit(stage.owner, id, &edit).await.unwrap();
            process.poll_news().await;
            gate.open();
            stage.run(caller).await.unwrap();
            stage.assert_healthy(&process, id).await;
        }
    }
}

#[tokio::test]
async fn a_resumed_integration_works_at_once() {
    let (stage, process, id) = Stage::connected().await;
    Ending::Pause.happen(&stage, &process, id).await;
    process.token(id).await.unwrap_err();
    let resume = Edit { paused: Some(false), ..Edit::default() };
    process.vault.edit(stage.owner, id, &resume).await.unwrap();
    process.token(id).await.unwrap();
    stage.assert_healthy(&process, id).await;
}
