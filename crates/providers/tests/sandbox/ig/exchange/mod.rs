//! Markets, prices, dealing and history, as a client of IG sees them.

mod browse;
mod control;
mod dealing;
mod examples;
mod history;
mod prices;
mod rejects;
mod triggers;
mod watchlists;
mod wire;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Desk, assert_refused, example, text};
use crate::play::Answer;

/// A market that never closes.
pub(crate) const ALWAYS: &str = "TM.D.ALWAYS.CFD.IP";
/// A month, so that tokens live as long as a test needs.
const MONTH: u64 = 31 * 24 * 3_600;

/// Somebody with a CFD account in the middle of a week, when all markets but those of Asia are open.
pub(crate) async fn trader() -> Desk {
    let mut desk = Desk::with_ttl(MONTH);
    let now = desk.play.stage.now().as_second();
    // Day 0 was a Thursday: the next Wednesday, at noon.
    let day = now.div_euclid(86_400);
    let wednesday = day + 1 + (5 - day).rem_euclid(7);
    let wait = wednesday * 86_400 + 43_200 - now;
    advance(&desk, wait.unsigned_abs());
    desk.log_in(3).await;
    desk
}

pub(crate) fn advance(desk: &Desk, seconds: u64) {
    desk.play.stage.advance(Duration::from_secs(seconds));
}

/// Sets a price.
pub(crate) async fn pin(desk: &Desk, epic: &str, bid: f64, offer: f64) {
    desk.direct("price", json!({ "epic": epic, "bid": bid, "offer": offer })).await;
}

/// A trader, and the market that never closes at 1000 to 1001.
pub(crate) async fn at_1000() -> Desk {
    let desk = trader().await;
    pin(&desk, ALWAYS, 1_000.0, 1_001.0).await;
    desk
}

/// A market order without anything else.
pub(crate) fn market(direction: &str, size: f64) -> Value {
    json!({
        "epic": ALWAYS, "expiry": "-", "direction": direction, "size": size, "currencyCode": "GBP",
        "orderType": "MARKET", "forceOpen": true, "guaranteedStop": false,
    })
}

/// `body` with some members changed.
pub(crate) fn with(mut body: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("{changes}") };
    body.as_object_mut().unwrap().extend(changes);
    body
}

/// What became of a deal.
pub(crate) async fn confirm(desk: &Desk, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let reference = answer.json["dealReference"].as_str().unwrap();
    let confirm = desk.get(&format!("/confirms/{reference}")).await;
    assert_eq!(confirm.status, 200, "{}", confirm.text);
    assert_eq!(confirm.json["dealReference"], *reference);
    confirm.json
}

/// Opens a position, and what became of it.
pub(crate) async fn open(desk: &Desk, ticket: Value) -> Value {
    let answer = desk.send("POST", "/positions/otc", 2, &ticket).await;
    confirm(desk, &answer).await
}

/// Opens a position that is accepted; its deal.
pub(crate) async fn opened(desk: &Desk, ticket: Value) -> String {
    let confirm = open(desk, ticket).await;
    assert_eq!((&confirm["dealStatus"], &confirm["status"]), (&json!("ACCEPTED"), &json!("OPEN")));
    confirm["dealId"].as_str().unwrap().to_owned()
}

/// Closes so much of a deal, and what became of it.
pub(crate) async fn close(desk: &mut Desk, deal: &str, direction: &str, size: f64) -> Value {
    let body =
        json!({ "dealId": deal, "direction": direction, "size": size, "orderType": "MARKET" });
    let answer = desk.delete("/positions/otc", 1, &body).await;
    confirm(desk, &answer).await
}

/// Makes a working order, and what became of it.
pub(crate) async fn order(desk: &Desk, kind: &str, direction: &str, level: f64) -> Value {
    let body = json!({
        "epic": ALWAYS, "expiry": "-", "direction": direction, "size": 1, "currencyCode": "GBP",
        "type": kind, "level": level, "guaranteedStop": false, "forceOpen": true,
        "timeInForce": "GOOD_TILL_CANCELLED",
    });
    let answer = desk.send("POST", "/workingorders/otc", 2, &body).await;
    confirm(desk, &answer).await
}

/// All open positions.
pub(crate) async fn positions(desk: &Desk) -> Vec<Value> {
    desk.send("GET", "/positions", 2, &Value::Null).await.json["positions"]
        .as_array()
        .unwrap()
        .clone()
}

/// All waiting orders.
pub(crate) async fn orders(desk: &Desk) -> Vec<Value> {
    desk.send("GET", "/workingorders", 2, &Value::Null).await.json["workingOrders"]
        .as_array()
        .unwrap()
        .clone()
}

/// Balance, deposit, profit and loss, and what is available of the CFD account.
pub(crate) async fn money(desk: &Desk) -> [f64; 4] {
    let accounts = desk.get("/accounts").await.json;
    let balance = &accounts["accounts"][0]["balance"];
    ["balance", "deposit", "profitLoss", "available"].map(|name| balance[name].as_f64().unwrap())
}

/// Asserts amounts, to the penny.
pub(crate) fn assert_money(actual: [f64; 4], expected: [f64; 4]) {
    let same = |(one, other): (&f64, &f64)| (one - other).abs() < 0.005;
    assert!(actual.iter().zip(&expected).all(same), "{actual:?} instead of {expected:?}");
}

/// Asserts a number.
pub(crate) fn assert_number(actual: &Value, expected: f64) {
    let number = actual.as_f64().unwrap_or_else(|| panic!("{actual} is no number"));
    assert!((number - expected).abs() < 1e-6, "{number} instead of {expected}");
}
