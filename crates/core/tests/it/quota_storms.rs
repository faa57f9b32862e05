//! Storms on an allowance that is shut: all wait, nothing is sent meanwhile, and all succeed after.

use std::time::Duration;

use evergrant::{Api, Clock};
use futures_util::future::{join, join_all, join3};

use crate::quota::{SECOND, acme, api_of, arrivals, draws, forget, next, process_of, to};
use crate::support::{Next, Process, Stage};

const ACCOUNTS: usize = 8;

/// Two processes with accounts of their own.
async fn two_processes(stage: &mut Stage) -> (Vec<Process>, Vec<Api>) {
    let (mut processes, mut apis) = (Vec::new(), Vec::new());
    for number in 0..2 {
        let process = process_of(stage, acme().drawing(draws, 1_000)).await;
        for account in 0..ACCOUNTS {
            apis.push(api_of(stage, &process, &format!("{number} {account}")).await);
        }
        processes.push(process);
    }
    forget(stage);
    (processes, apis)
}

#[tokio::test]
async fn a_stop_holds_for_all_processes_and_all_succeed_after_it() {
    let mut stage = Stage::new();
    let (_processes, apis) = two_processes(&mut stage).await;
    next(&stage, &[Next::Stop("calls", Some(20))]);
    let began = stage.clock.uptime();
    let mut first = Box::pin(apis[0].send(to("first")));
    stage.begin(&mut first).await;
    let storm = apis.iter().flat_map(|api| [api, api, api, api]);
    let storm = storm.map(|api| async move { api.send(to("me")).await });
    let (first, answers) = stage.run(join(first, join_all(storm))).await;
    assert_eq!(first.unwrap().status(), 200);
    assert_eq!(answers.len(), 8 * ACCOUNTS);
    assert!(answers.iter().all(|answer| matches!(answer, Ok(answer) if answer.status() == 200)));
    let opened = began + SECOND * 20;
    assert_eq!(arrivals(&stage, "/v1/first"), [began, opened]);
    assert!(arrivals(&stage, "/v1/me").iter().all(|at| *at >= opened));
}

#[tokio::test]
async fn who_has_drawn_and_not_sent_when_the_stop_comes_waits_too() {
    let mut stage = Stage::new();
    let (processes, apis) = two_processes(&mut stage).await;
    let (_, after) = processes[0].line.hold("draw");
    after.close();
    let mut drawn = Box::pin(apis[0].send(to("drawn")));
    stage.begin(&mut drawn).await;
    processes[0].line.hold("nothing");
    next(&stage, &[Next::Stop("calls", Some(25))]);
    let began = stage.clock.uptime();
    let mut stopped = Box::pin(apis[1].send(to("stopped")));
    stage.begin(&mut stopped).await;
    assert_eq!(arrivals(&stage, "/v1/stopped"), [began]);
    after.open();
    stage.begin(&mut drawn).await;
    let (drawn, stopped) = stage.run(join(drawn, stopped)).await;
    stopped.unwrap();
    drawn.unwrap();
    assert_eq!(arrivals(&stage, "/v1/drawn"), [began + SECOND * 25]);
}

#[tokio::test]
async fn a_token_that_dies_during_the_stop_is_refreshed_once_after_it() {
    let mut stage = Stage::new();
    stage.world.with(|ledger| ledger.lifetime = Duration::from_mins(1));
    let (_processes, apis) = two_processes(&mut stage).await;
    stage.pass(SECOND * 40).await;
    next(&stage, &[Next::Stop("calls", Some(28))]);
    let began = stage.clock.uptime();
    let mut first = Box::pin(apis[0].send(to("first")));
    stage.begin(&mut first).await;
    // The tokens die 20 seconds from now, and some come to know of it only then.
    let early = apis.iter().map(|api| async move { api.send(to("me")).await });
    let late = apis.iter().map(|api| {
        let (clock, stage) = (stage.clock.clone(), &stage);
        async move {
            clock.sleep(SECOND * 22).await;
            assert_eq!(stage.world.refreshes(), 0);
            api.send(to("me")).await
        }
    });
    let (first, early, late) = stage.run(join3(first, join_all(early), join_all(late))).await;
    first.unwrap();
    assert!(early.iter().chain(&late).all(|answer| answer.as_ref().unwrap().status() == 200));
    let opened = began + SECOND * 28;
    assert!(arrivals(&stage, "login").iter().all(|at| *at >= opened));
    assert_eq!(stage.world.refreshes(), apis.len());
    // Those whose refresh was stopped rest for a little longer, each as long as chance has it.
    assert!(stage.clock.uptime() < opened + SECOND * 8, "{:?}", stage.clock.uptime());
    stage.world.with(|ledger| assert_eq!(ledger.spent_in_vain, Vec::<String>::new()));
}
