//! What the provider allows is never exceeded, by all processes together.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::{Floor, ROOT, Sent};

const MINUTE: Duration = Duration::from_mins(1);

/// The most that was sent within any minute.
fn most_a_minute(sent: &[Sent]) -> usize {
    let within = |first: &Sent| {
        sent.iter().filter(|sent| sent.at >= first.at && sent.at < first.at + MINUTE).count()
    };
    sent.iter().map(within).max().unwrap_or(0)
}

#[tokio::test]
async fn an_allowance_that_is_used_up_is_waited_out_and_nobody_is_refused() {
    let floor = Floor::new();
    floor.change("allowances", &json!({ "application": 60, "account": 30 }));
    let processes = [floor.process().await, floor.process().await];
    let id = floor.kept(&processes[0]).await;
    // More than two minutes' worth, in four waves: who waits has 90 seconds of patience.
    for _ in 0..4 {
        let calls = (0..24).map(|number| processes[number % 2].navigate(id));
        for answer in floor.run(join_all(calls)).await {
            answer.unwrap();
        }
    }
    let sent = floor.sent();
    assert!(sent.iter().all(|sent| sent.status != Some(403)), "{sent:?}");
    assert!(most_a_minute(&sent) <= 30, "{} in a minute", most_a_minute(&sent));
    assert_eq!(floor.count(ROOT), 4 * 24);
}

#[tokio::test]
async fn nothing_is_sent_while_the_applications_allowance_lasts_to_be_exceeded() {
    let floor = Floor::new();
    let processes = [floor.process().await, floor.process().await];
    let id = floor.kept(&processes[0]).await;
    for process in &processes {
        floor.run(process.navigate(id)).await.unwrap();
    }
    let before = floor.sent().len();
    let code = "error.public-api.exceeded-api-key-allowance";
    floor.fault("ig", &json!({}), 1, &json!({ "ig_error": code }));
    // 64 at once, and more of them in both processes while it lasts.
    let storm = async {
        let calls = (0..64).map(|number| processes[number % 2].navigate(id));
        let later = async {
            floor_sleep(&floor, Duration::from_secs(20)).await;
            join_all((0..64).map(|number| processes[number % 2].navigate(id))).await
        };
        let (first, later) = futures_util::join!(join_all(calls), later);
        first.into_iter().chain(later)
    };
    for answer in floor.run(storm).await {
        answer.unwrap();
    }
    let sent = floor.sent().split_off(before);
    let refused: Vec<_> = sent.iter().filter(|sent| sent.status == Some(403)).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    let stopped = refused[0].at;
    let meanwhile = sent.iter().filter(|sent| sent.at > stopped && sent.at < stopped + MINUTE);
    assert_eq!(meanwhile.count(), 0, "nothing is sent while it lasts");
    assert!(sent.iter().filter(|sent| sent.at >= stopped + MINUTE).count() >= 64);
}

/// Lets time pass beside others who wait for it.
async fn floor_sleep(floor: &Floor, time: Duration) {
    evergrant::Clock::sleep(&floor.clock, time).await;
}

#[tokio::test]
async fn a_stop_of_trading_leaves_reading_alone() {
    let floor = Floor::new();
    let process = floor.process().await;
    let id = floor.kept(&process).await;
    let code = "error.public-api.exceeded-account-trading-allowance";
    floor.fault(
        "ig",
        &json!({ "path": "/gateway/deal/positions/otc" }),
        1,
        &json!({ "ig_error": code }),
    );
    let refused = floor.run(super::trades::open(&process, id, 1)).await;
    let Err(evergrant::CallError::Throttled { retry_after: Some(wait) }) = refused else {
        panic!("{refused:?}")
    };
    assert!(wait >= MINUTE, "{wait:?}");
    let before = floor.clock.next_wakeup();
    floor.run(process.navigate(id)).await.unwrap();
    assert_eq!(floor.clock.next_wakeup(), before, "it waited for nothing");
}
