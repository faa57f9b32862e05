//! Allowances that all processes share: each rule of `quota`, judged by the provider's ledger.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evergrant::gateway::Opens;
use evergrant::provider::{Limits, Provider, Renewal};
use evergrant::quota::{Draw, Left, Rule};
use evergrant::{AccessToken, Api, CallError, Clock, ConnectError, Repeat, Request, TokenError};
use futures_util::future::join_all;
use http::{Method, StatusCode};

use crate::support::{Adapter, Cut, Next, Process, Rotation, Stage};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// Every call and every sign-in draws on `calls`; a trade draws on `trading` as well.
pub(crate) fn draws(request: &Request, most: u32) -> Vec<Draw> {
    let draw = |kind, most| Draw {
        kind,
        of: String::new(),
        amount: 1,
        rule: Rule::Window { most, length: MINUTE },
    };
    let mut draws = vec![draw("calls", most)];
    if request.uri().path() == "/v1/trade" {
        draws.push(draw("trading", 4));
    }
    draws
}

/// The same, but that only what reaches the API draws.
fn calls_alone(request: &Request, most: u32) -> Vec<Draw> {
    if request.uri().host() == Some("api.test") { draws(request, most) } else { Vec::new() }
}

pub(crate) fn acme() -> Adapter {
    Adapter::new("acme", Rotation::Strict, Renewal::OnDemand)
}

pub(crate) async fn process_of(stage: &mut Stage, adapter: Adapter) -> Process {
    let adapter: Arc<dyn Provider> = Arc::new(adapter);
    stage.process_with([adapter].into_iter().collect()).await
}

/// An account of this process, with a token in memory.
pub(crate) async fn api_of(stage: &Stage, process: &Process, account: &str) -> Api {
    let id = stage.connect(process, account).await;
    process.token(id).await.unwrap();
    process.gateway.open(stage.owner, id).await.unwrap()
}

async fn stage_of(adapter: Adapter) -> (Stage, Process, Api) {
    let mut stage = Stage::new();
    let process = process_of(&mut stage, adapter).await;
    let api = api_of(&stage, &process, "ada").await;
    forget(&stage);
    (stage, process, api)
}

pub(crate) fn forget(stage: &Stage) {
    stage.world.with(|ledger| ledger.arrivals.clear());
}

pub(crate) fn to(path: &str) -> Request {
    let request = http::Request::builder().method(Method::GET);
    request.uri(format!("https://api.test/v1/{path}")).body(Bytes::new()).unwrap()
}

fn once(path: &str) -> Request {
    let mut request = to(path);
    *request.method_mut() = Method::POST;
    request.extensions_mut().insert(Repeat::Once);
    request
}

pub(crate) fn next(stage: &Stage, next: &[Next]) {
    stage.world.with(|ledger| ledger.api_next = next.iter().copied().collect());
}

/// When what arrived of this kind.
pub(crate) fn arrivals(stage: &Stage, path: &str) -> Vec<Duration> {
    let named = |(at, what): &(Duration, String)| (what == path).then_some(*at);
    stage.world.with(|ledger| ledger.arrivals.iter().filter_map(named).collect())
}

#[tokio::test]
async fn of_all_processes_together_never_more_is_drawn_than_a_window_holds() {
    let mut stage = Stage::new();
    let mut apis = Vec::new();
    for process in 0..2 {
        let adapter = acme().drawing(calls_alone, 10);
        let process_of = process_of(&mut stage, adapter).await;
        for account in 0..32 {
            apis.push(api_of(&stage, &process_of, &format!("{process} {account}")).await);
        }
    }
    // Calls take so long that a window is full of those that are under way.
    stage.world.with(|ledger| ledger.distance = SECOND * 3);
    let calls = apis.into_iter().map(|api| async move { api.background().send(to("me")).await });
    let answers = stage.run(join_all(calls)).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(answer) if answer.status() == 200)));
    let arrivals = arrivals(&stage, "/v1/me");
    assert_eq!(arrivals.len(), 64);
    for (first, eleventh) in arrivals.iter().zip(&arrivals[10..]) {
        assert!(*eleventh >= *first + MINUTE, "{first:?} {eleventh:?}");
    }
    // Nor is much of it wasted: each window was full.
    assert!(arrivals[63] < MINUTE * 7, "{:?}", arrivals[63]);
}

#[tokio::test]
async fn a_call_counts_until_a_window_after_its_answer_and_a_minute_longer_without_one() {
    for (outcome, wait) in
        [(None, 60), (Some(Next::Status(400, None)), 60), (Some(Next::Unanswered), 120)]
    {
        let (stage, _process, api) = stage_of(acme().drawing(calls_alone, 1)).await;
        next(&stage, &outcome.into_iter().collect::<Vec<_>>());
        let _ = api.send(once("first")).await;
        stage.settle().await;
        let began = stage.clock.uptime();
        stage.run(api.clone().background().send(to("me"))).await.unwrap();
        assert_eq!(arrivals(&stage, "/v1/me"), [began + SECOND * wait], "{outcome:?}");
    }
}

#[tokio::test]
async fn what_was_never_sent_is_given_back() {
    let (stage, process, api) = stage_of(acme().drawing(calls_alone, 1)).await;
    next(&stage, &[Next::Unsent]);
    let began = stage.clock.uptime();
    stage.run(api.send(to("me"))).await.unwrap();
    assert!(stage.clock.uptime() < began + SECOND);
    stage.settle().await;
    stage.pass(MINUTE).await;
    // Its caller hangs up when it is drawn and not sent.
    let (_, after) = process.line.hold("draw");
    after.close();
    let mut left = Box::pin(api.send(to("left")));
    stage.begin(&mut left).await;
    drop(left);
    process.line.hold("nothing");
    stage.settle().await;
    api.send(to("me")).await.unwrap();
    assert_eq!(arrivals(&stage, "/v1/left"), []);
}

#[tokio::test]
async fn what_is_shut_is_not_sent_and_what_draws_on_others_goes_on() {
    // One call at a time: who waits for an allowance holds up nobody else of its account.
    let limits = Limits { concurrent: 1, ..Limits::NONE };
    let (stage, _process, api) = stage_of(acme().drawing(calls_alone, 60).limited(limits)).await;
    next(&stage, &[Next::Stop("trading", Some(20))]);
    let began = stage.clock.uptime();
    let mut trades = Vec::new();
    for _ in 0..3 {
        let api = api.clone();
        let mut trade = Box::pin(async move { api.send(to("trade")).await });
        stage.begin(&mut trade).await;
        trades.push(trade);
    }
    assert_eq!(arrivals(&stage, "/v1/trade"), [began]);
    assert_eq!(api.send(to("me")).await.unwrap().status(), StatusCode::OK);
    let answers = stage.run(join_all(trades)).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status() == 200));
    let later = began + SECOND * 20;
    assert_eq!(arrivals(&stage, "/v1/trade"), [began, later, later, later]);
    assert_eq!(arrivals(&stage, "/v1/me"), [began]);
}

#[tokio::test]
async fn a_stop_without_a_time_takes_a_minute_and_one_of_another_kind_pauses_the_account() {
    let (stage, _process, api) = stage_of(acme().drawing(calls_alone, 60)).await;
    next(&stage, &[Next::Stop("trading", None)]);
    let answer = api.send(to("trade")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let refused = api.send(to("trade")).await;
    let Err(CallError::Throttled { retry_after }) = refused else { panic!("{refused:?}") };
    assert_eq!(retry_after, Some(MINUTE));
    // Nothing that is drawn on is named: then it is the account's pause.
    next(&stage, &[Next::Stop("other", Some(40))]);
    assert_eq!(api.send(to("me")).await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    let refused = api.send(to("me")).await;
    let Err(CallError::Throttled { retry_after }) = refused else { panic!("{refused:?}") };
    assert_eq!(retry_after, Some(SECOND * 40));
}

#[tokio::test]
async fn refreshes_are_counted_and_wait_for_nobody_but_are_not_sent_while_it_is_shut() {
    let (stage, process, api) = stage_of(acme().drawing(draws, 2)).await;
    let id = api.integration();
    // The connect has taken one of two, and a call the other.
    stage.pass(MINUTE).await;
    let began = stage.clock.uptime();
    for path in ["one", "two"] {
        api.send(to(path)).await.unwrap();
    }
    process.vault.refresh_now(stage.owner, id).await.unwrap();
    assert_eq!(arrivals(&stage, "login"), [began]);
    // It counts: a call waits until only one of the three does.
    stage.clock.advance(SECOND * 59);
    stage.run(api.send(to("me"))).await.unwrap();
    assert_eq!(arrivals(&stage, "/v1/me"), [began + MINUTE]);

    stage.pass(MINUTE * 2).await;
    forget(&stage);
    next(&stage, &[Next::Stop("calls", Some(50))]);
    let answer = api.send(to("me")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let refused = process.vault.refresh_now(stage.owner, id).await;
    let Err(TokenError::Unavailable { failure, retry_after }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((failure.code.as_str(), retry_after), ("allowance_used_up", SECOND * 50));
    assert_eq!(arrivals(&stage, "login"), []);
    stage.pass(SECOND * 50).await;
    process.vault.refresh_now(stage.owner, id).await.unwrap();
}

#[tokio::test]
async fn who_comes_first_is_served_first_and_who_hangs_up_leaves_nothing_behind() {
    let (stage, _process, api) = stage_of(acme().drawing(calls_alone, 1)).await;
    let mut calls = Vec::new();
    for name in 0..6 {
        let api = api.clone().background();
        let mut call = Box::pin(async move { api.send(to(&name.to_string())).await });
        if name == 0 {
            stage.run(&mut call).await.unwrap();
        } else {
            stage.begin(&mut call).await;
        }
        calls.push(call);
    }
    // The head of the queue, and one in its middle; the first is done.
    drop(calls.remove(3));
    drop(calls.remove(1));
    drop(calls.remove(0));
    let answers = stage.run(join_all(calls)).await;
    assert!(answers.iter().all(Result::is_ok));
    let order = stage.world.with(|ledger| {
        let minute = |at: Duration| at.as_secs() / 60;
        let arrived = ledger.arrivals.iter().map(|(at, path)| format!("{} {path}", minute(*at)));
        arrived.collect::<Vec<_>>()
    });
    assert_eq!(order, ["0 /v1/0", "1 /v1/2", "2 /v1/4", "3 /v1/5"]);
}

#[tokio::test]
async fn who_would_wait_for_longer_than_its_patience_hears_so_at_once() {
    let (stage, _process, api) = stage_of(acme().drawing(calls_alone, 1)).await;
    api.send(to("me")).await.unwrap();
    stage.settle().await;
    // At the head of the queue, and behind somebody with more patience.
    for _ in 0..2 {
        let refused = api.send(to("me")).await;
        let Err(CallError::Throttled { retry_after }) = refused else { panic!("{refused:?}") };
        assert_eq!(retry_after, Some(MINUTE));
        let patient = api.clone().background();
        let mut patient = Box::pin(patient.send(to("patient")));
        stage.begin(&mut patient).await;
        let refused = api.send(to("me")).await;
        assert!(matches!(refused, Err(CallError::Throttled { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn without_the_database_calls_go_on_uncounted_until_the_provider_says_stop() {
    let (stage, process, api) = stage_of(acme().drawing(calls_alone, 1)).await;
    process.line.cut(Some(Cut::Calls("draw")));
    for _ in 0..3 {
        api.send(to("me")).await.unwrap();
    }
    next(&stage, &[Next::Stop("calls", Some(20))]);
    let began = stage.clock.uptime();
    stage.run(api.send(to("me"))).await.unwrap();
    assert_eq!(stage.clock.uptime(), began + SECOND * 20);
    // One that hangs is as good as away.
    let (before, _) = process.line.hold("draw");
    before.close();
    let began = stage.clock.uptime();
    stage.run(api.send(to("slow"))).await.unwrap();
    assert_eq!(arrivals(&stage, "/v1/slow"), [began + SECOND * 2]);
}

#[tokio::test]
async fn what_the_provider_allows_is_learned_once_when_a_call_would_wait() {
    let (stage, _process, api) = stage_of(acme().drawing(calls_alone, 1).saying(5)).await;
    for _ in 0..4 {
        api.send(to("me")).await.unwrap();
    }
    assert_eq!(arrivals(&stage, "/v1/allowances").len(), 1);
    // That question was counted as well.
    let refused = api.send(to("me")).await;
    assert!(matches!(refused, Err(CallError::Throttled { .. })), "{refused:?}");
    assert_eq!(arrivals(&stage, "/v1/allowances").len(), 1);
}

#[tokio::test]
async fn what_is_allowed_is_learned_anew_after_a_stop_where_room_was_counted() {
    let (stage, _process, api) = stage_of(acme().drawing(calls_alone, 10).saying(3)).await;
    next(&stage, &[Next::Stop("calls", Some(20))]);
    let began = stage.clock.uptime();
    stage.run(api.send(to("me"))).await.unwrap();
    let opened = began + SECOND * 20;
    assert_eq!(arrivals(&stage, "/v1/allowances"), [opened]);
    assert_eq!(arrivals(&stage, "/v1/me"), [began, opened]);
    // The refused one, the question and the answered one are the three of this minute.
    let refused = api.send(to("me")).await;
    assert!(matches!(refused, Err(CallError::Throttled { .. })), "{refused:?}");
    assert_eq!(arrivals(&stage, "/v1/allowances").len(), 1);
}

#[tokio::test]
async fn a_stop_lasts_as_long_as_the_provider_said_it_takes_until_it_is_renewed() {
    fn points(_: &Request, _: u32) -> Vec<Draw> {
        vec![Draw { kind: "points", of: String::new(), amount: 1, rule: Rule::Left }]
    }
    let (stage, _process, api) = stage_of(acme().drawing(points, 1)).await;
    api.left("points", "", Left { amount: 5, renewed_in: MINUTE * 90 }).await;
    next(&stage, &[Next::Stop("points", Some(20))]);
    // It is told at once, and with the time that is true.
    let answer = api.send(to("me")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.extensions().get(), Some(&Opens(MINUTE * 90)));
    assert_eq!(arrivals(&stage, "/v1/me").len(), 1);
}

#[tokio::test]
async fn only_success_takes_of_what_the_provider_counts() {
    fn points(_: &Request, _: u32) -> Vec<Draw> {
        vec![Draw { kind: "points", of: String::new(), amount: 8, rule: Rule::Left }]
    }
    let (stage, _process, api) = stage_of(acme().drawing(points, 1)).await;
    api.left("points", "", Left { amount: 10, renewed_in: MINUTE * 90 }).await;
    next(&stage, &[Next::Status(404, None), Next::Status(500, None), Next::Unanswered]);
    for _ in 0..3 {
        let _ = api.send(once("prices")).await;
        stage.settle().await;
    }
    stage.pass(MINUTE).await;
    assert_eq!(api.send(once("prices")).await.unwrap().status(), StatusCode::OK);
    stage.settle().await;
    let refused = api.send(once("prices")).await;
    assert!(matches!(refused, Err(CallError::Throttled { .. })), "{refused:?}");
}

#[tokio::test]
async fn whoever_signs_in_again_and_again_waits_as_a_call_does() {
    let mut stage = Stage::new();
    let process = process_of(&mut stage, acme().drawing(draws, 2)).await;
    for account in ["ada", "bob"] {
        stage.sign_in(&process, "acme", account, None).await.unwrap();
    }
    let refused = stage.sign_in(&process, "acme", "eve", None).await;
    let Err(ConnectError::Unavailable { failure, retry_after }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((failure.code.as_str(), retry_after), ("allowance_used_up", MINUTE));
    assert_eq!(arrivals(&stage, "login").len(), 2);
    // Who is patient enough gets on.
    stage.clock.advance(SECOND * 45);
    stage.run(stage.sign_in(&process, "acme", "eve", None)).await.unwrap();
    assert_eq!(arrivals(&stage, "login").len(), 3);
}

#[tokio::test]
async fn an_operation_with_a_client_of_its_own_draws_what_a_read_takes() {
    let (_stage, _process, api) = stage_of(acme().drawing(calls_alone, 1)).await;
    api.with_token(async |_: &AccessToken| Ok(())).await.unwrap();
    let refused = api.with_token(async |_: &AccessToken| Ok(())).await;
    assert!(matches!(refused, Err(CallError::Throttled { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_is_sent_once_is_not_sent_again_with_a_new_token() {
    let (stage, _process, api) = stage_of(acme()).await;
    stage.world.end_access_tokens();
    let refused = stage.run(api.send(once("trade"))).await;
    let Err(CallError::Unavailable { sent, detail, .. }) = &refused else { panic!("{refused:?}") };
    assert!(!sent && detail.contains("not sent again"), "{detail}");
    assert_eq!((arrivals(&stage, "/v1/trade").len(), stage.world.refreshes()), (1, 1));
    // The caller may, and has a token now.
    assert_eq!(api.send(once("trade")).await.unwrap().status(), StatusCode::OK);
    assert_eq!(stage.world.refreshes(), 1);
    // Neither is it where the provider knows it for such a request.
    stage.world.end_access_tokens();
    let mut deal = to("deal");
    *deal.method_mut() = Method::PUT;
    let refused = stage.run(api.send(deal)).await;
    assert!(matches!(refused, Err(CallError::Unavailable { sent: false, .. })), "{refused:?}");
    assert_eq!(arrivals(&stage, "/v1/deal").len(), 1);
    for (outcome, sendings) in [
        (Next::Status(429, None), 1),
        (Next::Status(503, Some(1)), 1),
        (Next::Unanswered, 1),
        (Next::Unsent, 2),
    ] {
        forget(&stage);
        next(&stage, &[outcome]);
        stage.pass(MINUTE).await;
        let _ = stage.run(api.send(once("trade"))).await;
        assert_eq!(arrivals(&stage, "/v1/trade").len(), sendings, "{outcome:?}");
    }
}
