//! What is not dealt: calls that break a rule are refused at once, and deals that cannot be done are
//! rejected by their confirm.

use serde_json::{Value, json};

use super::{
    ALWAYS, Desk, assert_refused, at_1000, close, confirm, market, open, opened, positions, trader,
    with,
};

#[tokio::test]
async fn a_ticket_that_breaks_a_rule_is_refused_by_the_name_of_the_field() {
    let desk = at_1000().await;
    let rules: &[(Value, &str)] = &[
        (json!({ "level": 1_000.0 }), "invalid.request.level"),
        (json!({ "quoteId": "Q1" }), "invalid.request.quoteId"),
        (json!({ "orderType": "LIMIT" }), "invalid.request.level"),
        (json!({ "orderType": "LIMIT", "level": 1.0, "quoteId": "Q" }), "invalid.request.quoteId"),
        (json!({ "orderType": "QUOTE", "level": 1.0 }), "invalid.request.quoteId"),
        (json!({ "orderType": "SPOT" }), "invalid.request.orderType"),
        (json!({ "stopLevel": 900.0, "forceOpen": false }), "invalid.request.forceOpen"),
        (json!({ "limitDistance": 90.0, "forceOpen": "false" }), "invalid.request.forceOpen"),
        (json!({ "stopLevel": 900.0, "stopDistance": 10.0 }), "invalid.request.stopLevel"),
        (json!({ "limitLevel": 1_900.0, "limitDistance": 10.0 }), "invalid.request.limitLevel"),
        (json!({ "guaranteedStop": true }), "invalid.request.guaranteedStop"),
        (
            json!({ "trailingStop": true, "trailingStopIncrement": 1 }),
            "invalid.request.stopDistance",
        ),
        (
            json!({ "trailingStop": true, "stopDistance": 9 }),
            "invalid.request.trailingStopIncrement",
        ),
        (
            json!({ "trailingStop": true, "stopDistance": 9, "trailingStopIncrement": 1, "guaranteedStop": true }),
            "invalid.request.trailingStop",
        ),
        (json!({ "timeInForce": "GOOD_TILL_DATE" }), "invalid.request.timeInForce"),
        (json!({ "direction": "LONG" }), "invalid.request.direction"),
        (json!({ "size": -1 }), "invalid.request.size"),
        (json!({ "size": "much" }), "invalid.request.size"),
        (json!({ "forceOpen": "yes" }), "invalid.request.forceOpen"),
        (json!({ "forceOpen": null }), "validation.null-not-allowed.request.forceOpen"),
        (json!({ "currencyCode": null }), "validation.null-not-allowed.request.currencyCode"),
        (json!({ "currencyCode": "pounds" }), "validation.pattern.invalid.request.currencyCode"),
        (json!({ "epic": "IX" }), "validation.pattern.invalid.request.epic"),
        (json!({ "expiry": "soon" }), "validation.pattern.invalid.request.expiry"),
        (
            json!({ "dealReference": "not allowed" }),
            "validation.pattern.invalid.request.dealReference",
        ),
    ];
    for (changes, code) in rules {
        let ticket = with(market("BUY", 1.0), changes.clone());
        let answer = desk.send("POST", "/positions/otc", 2, &ticket).await;
        assert_eq!(answer.json["errorCode"], *code, "{changes}");
        assert_refused(&answer, 400, code);
    }
    let empty = desk.send("POST", "/positions/otc", 2, &Value::Null).await;
    assert_refused(&empty, 400, "validation.null-not-allowed.request");
    assert!(positions(&desk).await.is_empty());
}

#[tokio::test]
async fn a_real_delete_loses_its_body() {
    let desk = at_1000().await;
    let deal = opened(&desk, market("BUY", 1.0)).await;
    let body = json!({ "dealId": deal, "direction": "SELL", "size": 1, "orderType": "MARKET" });
    let answer = desk.send("DELETE", "/positions/otc", 1, &body).await;
    assert_refused(&answer, 400, "validation.null-not-allowed.request");
    assert_eq!(positions(&desk).await.len(), 1);
}

/// Asserts that a deal is rejected for this reason, and that nothing was dealt.
async fn rejected(desk: &Desk, changes: Value, reason: &str) {
    let before = positions(desk).await.len();
    let done = open(desk, with(market("BUY", 1.0), changes)).await;
    assert_eq!((&done["dealStatus"], &done["reason"]), (&json!("REJECTED"), &json!(reason)));
    assert_eq!((&done["status"], &done["affectedDeals"]), (&Value::Null, &json!([])));
    assert_eq!(positions(desk).await.len(), before, "{reason}");
}

#[tokio::test]
async fn what_cannot_be_dealt_is_rejected_by_its_confirm() {
    let desk = at_1000().await;
    rejected(&desk, json!({ "epic": "IX.D.NONE.CFD.IP" }), "INSTRUMENT_NOT_FOUND").await;
    rejected(&desk, json!({ "expiry": "DEC-30" }), "INSTRUMENT_NOT_FOUND").await;
    rejected(&desk, json!({ "size": 0.01 }), "MINIMUM_ORDER_SIZE_ERROR").await;
    rejected(&desk, json!({ "size": 500 }), "INSUFFICIENT_FUNDS").await;
    rejected(&desk, json!({ "stopLevel": 1_000.5 }), "ATTACHED_ORDER_LEVEL_ERROR").await;
    rejected(&desk, json!({ "limitLevel": 990.0 }), "ATTACHED_ORDER_LEVEL_ERROR").await;
    let guaranteed = json!({ "stopDistance": 3.0, "guaranteedStop": true });
    rejected(&desk, guaranteed, "ATTACHED_ORDER_LEVEL_ERROR").await;
    let bet = json!({ "epic": "TM.D.ALWAYS.DAILY.IP", "expiry": "DFB" });
    rejected(&desk, bet, "REJECT_SPREADBET_ORDER_ON_CFD_ACCOUNT").await;
    desk.direct("market", json!({ "epic": ALWAYS, "status": "CLOSED" })).await;
    rejected(&desk, json!({}), "MARKET_CLOSED").await;
    desk.direct("market", json!({ "epic": ALWAYS, "status": "OFFLINE" })).await;
    rejected(&desk, json!({}), "MARKET_OFFLINE").await;
    desk.direct("market", json!({ "epic": ALWAYS, "status": null })).await;
    opened(&desk, market("BUY", 1.0)).await;
}

#[tokio::test]
async fn an_account_for_bets_takes_no_contracts() {
    let mut desk = at_1000().await;
    desk.set("IG-ACCOUNT-ID", "XYZ987");
    rejected(&desk, json!({}), "REJECT_CFD_ORDER_ON_SPREADBET_ACCOUNT").await;
    let bet = json!({ "epic": "TM.D.ALWAYS.DAILY.IP", "expiry": "DFB" });
    opened(&desk, with(market("BUY", 1.0), bet)).await;
    assert_eq!(positions(&desk).await.len(), 1);
    desk.set("IG-ACCOUNT-ID", "");
    assert!(positions(&desk).await.is_empty(), "the other account has none");
}

#[tokio::test]
async fn what_is_not_there_or_not_enough_cannot_be_closed() {
    let mut desk = at_1000().await;
    assert_eq!(close(&mut desk, "DIAAAANONE", "SELL", 1.0).await["reason"], "POSITION_NOT_FOUND");
    let deal = opened(&desk, market("BUY", 1.0)).await;
    let more = close(&mut desk, &deal, "SELL", 1.5).await;
    assert_eq!(more["reason"], "POSITION_NOT_AVAILABLE_TO_CLOSE");
    let same = close(&mut desk, &deal, "BUY", 1.0).await;
    assert_eq!(same["reason"], "POSITION_NOT_AVAILABLE_TO_CLOSE");
    desk.direct("market", json!({ "epic": "*", "status": "SUSPENDED" })).await;
    assert_eq!(close(&mut desk, &deal, "SELL", 1.0).await["reason"], "MARKET_CLOSED");
    assert_eq!(positions(&desk).await.len(), 1);
    let both = json!({ "dealId": deal, "epic": ALWAYS, "direction": "SELL", "size": 1, "orderType": "MARKET" });
    let answer = desk.delete("/positions/otc", 1, &both).await;
    assert_refused(&answer, 400, "invalid.request.dealId");
}

#[tokio::test]
async fn stops_that_are_on_the_wrong_side_are_not_taken() {
    let desk = at_1000().await;
    let deal = opened(&desk, market("SELL", 1.0)).await;
    let path = format!("/positions/otc/{deal}");
    let answer = desk.send("PUT", &path, 2, &json!({ "stopLevel": 900.0 })).await;
    let done = confirm(&desk, &answer).await;
    assert_eq!(done["reason"], "ATTACHED_ORDER_LEVEL_ERROR");
    let trailing = json!({ "trailingStop": true, "trailingStopIncrement": 5 });
    let answer = desk.send("PUT", &path, 2, &trailing).await;
    assert_refused(&answer, 400, "invalid.request.trailingStopDistance");
    let none = desk.send("PUT", "/positions/otc/NONE", 2, &json!({ "limitLevel": 1.0 })).await;
    assert_eq!(confirm(&desk, &none).await["reason"], "POSITION_NOT_FOUND");
}

#[tokio::test]
async fn markets_that_sleep_take_no_deals() {
    let desk = trader().await;
    super::advance(&desk, 3 * 86_400);
    let ticket = with(market("BUY", 1.0), json!({ "epic": "IX.D.FTSE.IFD.IP" }));
    assert_eq!(open(&desk, ticket).await["reason"], "MARKET_CLOSED");
    opened(&desk, market("BUY", 1.0)).await;
}
