//! Repetitions: what is sent again, when, how often, and what the caller hears in the end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evergrant::gateway::{CallError, Patience};
use evergrant::provider::{Limits, Provider, Renewal};
use evergrant::{AccessToken, Api, Clock, Repeat, Repeated, Request};
use futures_util::poll;
use http::{Method, StatusCode};

use crate::support::{Adapter, Next, Process, Rotation, Stage};

const SECOND: Duration = Duration::from_secs(1);

async fn stage() -> (Stage, Process, Api) {
    let (stage, process, id) = Stage::connected().await;
    let api = process.gateway.open(stage.owner, id).await.unwrap();
    // A token that is in memory: what is measured here are the calls.
    process.token(id).await.unwrap();
    (stage, process, api)
}

fn request(method: &Method, repeat: Option<Repeat>) -> Request {
    let request = http::Request::builder().method(method).uri("https://api.test/v1/me");
    let mut request = request.body(Bytes::new()).unwrap();
    if let Some(repeat) = repeat {
        request.extensions_mut().insert(repeat);
    }
    request
}

fn get() -> Request {
    request(&Method::GET, None)
}

fn next(stage: &Stage, next: &[Next]) {
    stage.world.with(|ledger| {
        ledger.calls.clear();
        ledger.api_next = next.iter().copied().collect();
    });
}

fn calls(stage: &Stage) -> usize {
    stage.world.with(|ledger| ledger.calls.len())
}

#[tokio::test]
async fn a_call_is_sent_again_only_where_that_is_safe() {
    let (stage, _, api) = stage().await;
    let idempotent =
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE, Method::PATCH];
    for method in idempotent.iter().chain([&Method::POST]) {
        for outcome in [
            Next::Status(429, None),
            Next::Unsent,
            Next::Status(502, None),
            Next::Status(503, None),
            Next::Status(504, None),
            Next::Unanswered,
        ] {
            let harmless = matches!(outcome, Next::Unsent | Next::Status(429, _));
            for repeat in [None, Some(Repeat::Safe), Some(Repeat::Never)] {
                let again = match repeat {
                    _ if harmless => true,
                    None => *method != Method::POST,
                    Some(repeat) => repeat == Repeat::Safe,
                };
                let row = format!("{method} {outcome:?} {repeat:?}");
                next(&stage, &[outcome]);
                let answer = stage.run(api.send(request(method, repeat))).await;
                assert_eq!(calls(&stage), if again { 2 } else { 1 }, "{row}");
                let answer = match (again, outcome) {
                    (true, _) => answer.unwrap(),
                    (false, Next::Status(status, _)) => {
                        assert_eq!(answer.unwrap().status(), status, "{row}");
                        continue;
                    }
                    (false, _) => {
                        let lost = matches!(answer, Err(CallError::Unavailable { .. }));
                        assert!(lost, "{row}: {answer:?}");
                        continue;
                    }
                };
                assert_eq!(answer.status(), StatusCode::OK, "{row}");
                let marked = answer.extensions().get::<Repeated>().is_some();
                assert_eq!(marked, !harmless, "{row}");
            }
        }
    }
}

#[tokio::test]
async fn a_call_is_sent_four_times_at_most_and_its_last_answer_is_the_callers() {
    let (stage, _, api) = stage().await;
    for status in [429, 502, 503, 504] {
        next(&stage, &[Next::Status(status, None); 9]);
        let answer = stage.run(api.send(get())).await.unwrap();
        assert_eq!((answer.status().as_u16(), calls(&stage)), (status, 4));
        stage.pass(SECOND * 10).await;
    }
    next(&stage, &[Next::Unsent; 9]);
    let lost = stage.run(api.send(get())).await;
    assert!(matches!(lost, Err(CallError::Unavailable { sent: false, .. })), "{lost:?}");
    assert_eq!(calls(&stage), 4);
}

#[tokio::test]
async fn what_left_once_may_have_had_its_effect_although_the_last_sending_did_not_leave() {
    let (stage, _process, api) = stage().await;
    next(&stage, &[Next::Unanswered, Next::Unsent, Next::Unsent, Next::Unsent]);
    let lost = stage.run(api.send(get())).await;
    assert!(matches!(lost, Err(CallError::Unavailable { sent: true, .. })), "{lost:?}");
    assert_eq!(calls(&stage), 4);
}

#[tokio::test]
async fn retry_after_pauses_everybody_in_the_mailbox() {
    let (stage, process, api) = stage().await;
    let other = stage.connect(&process, "ben").await;
    let other = process.gateway.open(stage.owner, other).await.unwrap();
    for status in [429, 503] {
        next(&stage, &[Next::Status(status, Some(20))]);
        let began = stage.clock.uptime();
        let mut first = Box::pin(api.send(get()));
        stage.begin(&mut first).await;
        // A call of its own, one with a client of its own, and one that needs no token.
        let (signed, unsigned) = (api.clone(), api.clone().background());
        let mut signed = Box::pin(signed.send(get()));
        let mut own = Box::pin(api.with_token(async |_: &AccessToken| Ok(())));
        let mut unsigned = Box::pin(unsigned.send_unsigned(get()));
        stage.begin(&mut signed).await;
        stage.begin(&mut own).await;
        stage.begin(&mut unsigned).await;
        assert_eq!(calls(&stage), 1);
        other.send(get()).await.unwrap();
        stage.clock.advance(Duration::from_millis(19_999));
        stage.begin(&mut first).await;
        assert_eq!(calls(&stage), 2);
        assert!(poll!(own.as_mut()).is_pending());
        assert_eq!(stage.run(first).await.unwrap().status(), StatusCode::OK);
        assert_eq!(stage.clock.uptime(), began + SECOND * 20);
        let (signed, own, unsigned) =
            stage.run(async { (signed.await.unwrap(), own.await, unsigned.await.unwrap()) }).await;
        own.unwrap();
        assert_eq!(signed.status(), StatusCode::OK);
        // It has no token, and the provider says so.
        assert_eq!(unsigned.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn all_keys_that_share_a_registration_share_the_budget_of_the_narrowest() {
    let mut stage = Stage::new();
    let adapter = |key| Adapter::new(key, Rotation::Strict, Renewal::Ahead);
    let providers: [Arc<dyn Provider>; 2] = [
        Arc::new(adapter("acme")),
        Arc::new(adapter("lazy").limited(Limits { concurrent: 1, ..Limits::NONE })),
    ];
    let process = stage.process_with(providers.into_iter().collect()).await;
    let mut apis = Vec::new();
    for (provider, account) in [("acme", "ada"), ("lazy", "ada"), ("lazy", "ben")] {
        let integration = stage.sign_in(&process, provider, account, None).await.unwrap();
        apis.push(process.gateway.open(stage.owner, integration.id).await.unwrap());
    }
    let mut held = Box::pin(apis[1].with_token(async |_| {
        std::future::pending::<()>().await;
        Ok(())
    }));
    stage.begin(&mut held).await;
    let mut waiting = Box::pin(apis[0].send(get()));
    stage.begin(&mut waiting).await;
    assert_eq!(calls(&stage), 0);
    apis[2].send(get()).await.unwrap();
    drop(held);
    waiting.await.unwrap();
    assert_eq!(calls(&stage), 2);
}

#[tokio::test]
async fn a_wait_longer_than_the_callers_patience_gives_the_answer_as_it_is() {
    let (stage, _, api) = stage().await;
    next(&stage, &[Next::Status(429, Some(31))]);
    let answer = api.send(get()).await.unwrap();
    assert_eq!((answer.status().as_u16(), calls(&stage)), (429, 1));
    // Whoever comes meanwhile hears it at once, and has patience in the background.
    let refused = api.send(get()).await;
    let Err(CallError::Throttled { retry_after }) = refused else { panic!("{refused:?}") };
    assert_eq!(retry_after, Some(SECOND * 31));
    let own = api.with_token(async |_| Ok(())).await;
    assert!(matches!(own, Err(CallError::Throttled { .. })), "{own:?}");
    let answer = stage.run(api.clone().background().send(get())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_operation_with_a_client_of_its_own_pauses_the_mailbox_too() {
    let (stage, _, api) = stage().await;
    let throttled = api
        .with_token(async |_| Err::<(), _>(CallError::Throttled { retry_after: Some(SECOND * 5) }))
        .await;
    assert!(matches!(throttled, Err(CallError::Throttled { .. })));
    let began = stage.clock.uptime();
    stage.run(api.send(get())).await.unwrap();
    assert_eq!(stage.clock.uptime(), began + SECOND * 5);
}

#[tokio::test]
async fn without_patience_nothing_waits_and_nothing_is_repeated() {
    let (stage, process, id) = Stage::connected().await;
    let gateway = process.gateway.clone().with_patience(Patience::NONE);
    let api = gateway.open(stage.owner, id).await.unwrap();
    next(&stage, &[Next::Status(503, None)]);
    assert_eq!(api.send(get()).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(calls(&stage), 1);
}

#[tokio::test]
async fn a_call_that_waited_longer_than_its_token_lives_gets_another() {
    let (stage, _, api) = stage().await;
    stage.world.with(|ledger| ledger.api_next = [Next::Status(429, Some(600))].into());
    // The token is good for an hour, the pause begins four minutes before its margin.
    stage.clock.advance(SECOND * (3600 - 540));
    let api = api.background();
    let answer = stage.run(api.send(get())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!((calls(&stage), stage.world.refreshes()), (2, 1));
}
