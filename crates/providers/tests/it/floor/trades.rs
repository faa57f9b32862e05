//! A trade is sent once, and what came of it is known in the end.

use std::time::Duration;

use evergrant::capability::{Deal, DealOutcome, Direction, NewPosition, Once};
use evergrant::{CallError, IntegrationId};
use serde_json::json;

use super::{Floor, OPEN, Process};

/// A market that is always open.
pub(crate) const EPIC: &str = "CS.D.BITCOIN.CFD.IP";

fn position() -> NewPosition {
    serde_json::from_value(json!({ "epic": EPIC, "direction": "buy", "size": 0.1 })).unwrap()
}

fn once(id: IntegrationId, number: u32) -> Once {
    Once::from_key(id, "open position", &number.to_string())
}

pub(crate) async fn open(
    process: &Process,
    id: IntegrationId,
    number: u32,
) -> Result<Deal, CallError> {
    let api = process.api(id).await;
    let trading = api.provider().trading().unwrap();
    trading.open_position(&api, once(id, number), &position()).await
}

async fn positions(floor: &Floor, process: &Process, id: IntegrationId) -> usize {
    let api = process.api(id).await;
    let found = floor.run(api.provider().trading().unwrap().positions(&api)).await.unwrap();
    found.iter().filter(|position| position.direction == Direction::Buy).count()
}

#[tokio::test]
async fn a_trade_whose_answer_is_lost_is_unknown_then_done_and_there_is_one_position() {
    let floor = Floor::new();
    let process = floor.process().await;
    let id = floor.kept(&process).await;
    let before = positions(&floor, &process, id).await;
    let lost = json!({ "drop_after_commit": true });
    floor.fault("ig", &json!({ "path": "/gateway/deal/positions/otc" }), 1, &lost);
    let deal = floor.run(open(&process, id, 1)).await.unwrap();
    assert_eq!(deal.outcome, DealOutcome::Unknown, "{deal:?}");
    let api = process.api(id).await;
    let trading = api.provider().trading().unwrap();
    let found = floor.run(trading.deal(&api, &deal.reference)).await.unwrap();
    assert_eq!(found.outcome, DealOutcome::Done, "{found:?}");
    // Asked for again by the same name, nothing is sent.
    let ask = position();
    let again = trading.open_position(&api, once(id, 1).again(), &ask);
    let again = floor.run(again).await.unwrap();
    assert_eq!((again.outcome, &again.deal_id), (DealOutcome::Done, &found.deal_id));
    assert_eq!(floor.count(OPEN), 1);
    assert_eq!(positions(&floor, &process, id).await, before + 1);
    // An hour later the confirm is gone, and it is known all the same.
    floor.clock.advance(Duration::from_hours(1));
    let later = floor.run(trading.deal(&api, &deal.reference)).await.unwrap();
    assert_eq!(later.outcome, DealOutcome::Done, "{later:?}");
}

#[tokio::test]
async fn a_trade_is_not_replayed_with_another_token_and_did_nothing() {
    let floor = Floor::new();
    let process = floor.process().await;
    let id = floor.kept(&process).await;
    let before = positions(&floor, &process, id).await;
    // The market is known by then, so that the trade is the first to meet the refusal.
    floor.run(open(&process, id, 1)).await.unwrap();
    floor.change("expire", &json!({}));
    let invalid = json!({ "ig_error": "error.security.oauth-token-invalid" });
    floor.fault("ig", &json!({ "path": "/gateway/deal/positions/otc" }), 1, &invalid);
    let sent = floor.count(OPEN);
    let refused = floor.run(open(&process, id, 2)).await;
    let Err(CallError::Unavailable { sent: false, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(floor.count(OPEN), sent + 1, "it was sent once");
    assert_eq!(positions(&floor, &process, id).await, before + 1, "the first alone is there");
    // The token is another one now: the next attempt succeeds.
    let deal = floor.run(open(&process, id, 3)).await.unwrap();
    assert_eq!(deal.outcome, DealOutcome::Done, "{deal:?}");
}
