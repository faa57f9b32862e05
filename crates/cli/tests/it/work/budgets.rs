//! What a mailbox may be called for is never exceeded, and nobody is refused for it.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Desk;
use crate::bench::{ADELE, ALEX};

const CALLS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_at_once_are_at_most_four_and_none_is_refused() {
    let desk = Desk::of("microsoft_outlook").await;
    // The same mailbox through another key of the same registration.
    let calendar = desk.also("microsoft_calendar", ADELE).await;
    let alex = desk.also("microsoft_outlook", ALEX).await;
    desk.fault(json!({}), 10_000, json!({ "delay_ms": 20 })).await;
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let path = match number % 2 {
            0 => format!("{}/email-messages/?limit=1", desk.at),
            _ => format!("{calendar}/calendar-events/?start_date=2027-03-01&end_date=2027-03-02"),
        };
        let call = desk.bench.http.get(format!("{}{path}", desk.server.api)).bearer_auth(&desk.key);
        calls.spawn(async move { call.send().await.unwrap().status().as_u16() });
    }
    // The other mailbox is served while this one's calls wait for their turn.
    for _ in 0..4 {
        let path = format!("{alex}/email-messages/?limit=1");
        desk.server.get(&desk.key, &path).await.expect(200);
    }
    while calls.try_join_next().is_some() {}
    assert!(calls.len() > CALLS / 4, "{} were still waiting", calls.len());
    for status in calls.join_all().await {
        assert_eq!(status, 200);
    }
    let ledger = desk.bench.sandbox.ledger().await;
    let mailbox = |name: &str| mailbox(&ledger, name);
    let adele = mailbox(ADELE);
    assert_eq!(adele["peak"], 4, "{adele}");
    assert_eq!(adele["refused"], 0, "{adele}");
    assert!(adele["calls"].as_u64().unwrap() >= CALLS as u64, "{adele}");
    assert_eq!(mailbox(ALEX)["refused"], 0);
}

/// What the sandbox saw of a mailbox.
fn mailbox<'a>(ledger: &'a Value, name: &str) -> &'a Value {
    let found = &ledger["summary"]["mailboxes"][name];
    assert!(found.is_object(), "{name} in {}", ledger["summary"]);
    found
}

#[tokio::test]
async fn a_retry_after_is_waited_for_by_the_whole_mailbox() {
    let desk = Desk::of("microsoft_outlook").await;
    let calendar = desk.also("microsoft_calendar", ADELE).await;
    desk.fault(json!({}), 1, json!({ "status": 429, "retry_after": 2 })).await;
    let (one, other) = (
        format!("{}/email-messages/?limit=1", desk.at),
        format!("{calendar}/calendar-events/?start_date=2027-03-01&end_date=2027-03-02"),
    );
    let (one, other) =
        tokio::join!(desk.server.get(&desk.key, &one), desk.server.get(&desk.key, &other),);
    one.expect(200);
    other.expect(200);
    let statuses = desk.bench.sandbox.statuses("graph").await;
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 1, "{statuses:?}");
    let requests = desk.bench.sandbox.requests("graph").await;
    let at = |seen: &Value| seen["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let refused = requests.iter().position(|seen| seen["status"] == 429).unwrap();
    // Those already under way may still arrive; whatever comes after them waited.
    for later in requests.iter().skip(refused + 1).filter(|seen| at(seen) > at(&requests[refused]))
    {
        let waited = at(later).duration_since(at(&requests[refused])).as_millis();
        assert!(!(100..1_900).contains(&waited), "sent after {waited} ms: {later}");
    }
}
