//! Positions: opened, amended, netted off and closed, and what that does to the money.

use serde_json::{Value, json};

use super::{
    ALWAYS, assert_money, assert_number, assert_refused, at_1000, close, confirm, market, money,
    open, opened, pin, positions, with,
};

#[tokio::test]
async fn a_position_is_opened_amended_and_closed_in_parts_and_the_money_is_right() {
    let mut desk = at_1000().await;
    assert_money(money(&desk).await, [10_000.0, 0.0, 0.0, 10_000.0]);
    let done = open(&desk, market("BUY", 2.0)).await;
    assert_number(&done["level"], 1_001.0);
    assert_eq!(done["affectedDeals"], json!([{ "dealId": done["dealId"], "status": "OPENED" }]));
    let deal = done["dealId"].as_str().unwrap().to_owned();
    assert_money(money(&desk).await, [10_000.0, 400.4, -2.0, 9_597.6]);

    let path = format!("/positions/otc/{deal}");
    let levels = json!({ "limitLevel": 1_100.0, "stopLevel": 900.0 });
    let answer = desk.send("PUT", &path, 2, &levels).await;
    let amended = confirm(&desk, &answer).await;
    assert_eq!(amended["status"], "AMENDED");
    let one = desk.send("GET", &format!("/positions/{deal}"), 2, &Value::Null).await.ok();
    assert_eq!(one["position"]["stopLevel"], 900.0);
    assert_eq!(one["position"]["limitLevel"], 1_100.0);
    let answer = desk.send("PUT", &path, 2, &json!({ "limitLevel": 1_200.0 })).await;
    confirm(&desk, &answer).await;
    let one = desk.send("GET", &format!("/positions/{deal}"), 2, &Value::Null).await.ok();
    assert_eq!(one["position"]["stopLevel"], Value::Null, "what is left out is gone");

    pin(&desk, ALWAYS, 1_051.0, 1_052.0).await;
    assert_money(money(&desk).await, [10_000.0, 400.4, 100.0, 9_699.6]);
    let part = close(&mut desk, &deal, "SELL", 0.5).await;
    assert_eq!(
        (&part["status"], &part["dealStatus"]),
        (&json!("PARTIALLY_CLOSED"), &json!("ACCEPTED"))
    );
    assert_number(&part["profit"], 25.0);
    assert_number(&positions(&desk).await[0]["position"]["size"], 1.5);
    assert_money(money(&desk).await, [10_025.0, 300.3, 75.0, 9_799.7]);
    let rest = close(&mut desk, &deal, "SELL", 1.5).await;
    assert_eq!(rest["affectedDeals"], json!([{ "dealId": deal, "status": "FULLY_CLOSED" }]));
    assert!(positions(&desk).await.is_empty());
    assert_money(money(&desk).await, [10_100.0, 0.0, 0.0, 10_100.0]);
    let gone = desk.send("GET", &format!("/positions/{deal}"), 2, &Value::Null).await;
    assert_refused(&gone, 404, "error.position.notfound");
}

#[tokio::test]
async fn the_login_of_version_2_shows_the_same_money() {
    let desk = at_1000().await;
    opened(&desk, market("SELL", 1.0)).await;
    let login = desk.knock(2, "trader", "sandbox").await.ok();
    assert_number(&login["accountInfo"]["deposit"], 200.0);
    assert_number(&login["accountInfo"]["profitLoss"], -1.0);
}

#[tokio::test]
async fn a_deal_that_is_not_forced_open_closes_opposite_positions_first() {
    let desk = at_1000().await;
    let first = opened(&desk, market("BUY", 1.0)).await;
    let second = opened(&desk, market("BUY", 2.0)).await;
    let netting = with(market("SELL", 1.5), json!({ "forceOpen": false }));
    let done = open(&desk, netting).await;
    let expected = json!([
        { "dealId": first, "status": "FULLY_CLOSED" },
        { "dealId": second, "status": "PARTIALLY_CLOSED" },
    ]);
    assert_eq!(done["affectedDeals"], expected);
    let over = with(market("SELL", 2.0), json!({ "forceOpen": "false" }));
    let done = open(&desk, over).await;
    assert_eq!(done["status"], "OPEN", "what remains is a position of its own: {done}");
    let left = positions(&desk).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["position"]["direction"], "SELL");
    assert_number(&left[0]["position"]["size"], 0.5);
    opened(&desk, market("BUY", 1.0)).await;
    assert_eq!(positions(&desk).await.len(), 2, "a forced one leaves the others alone");
}

#[tokio::test]
async fn positions_are_closed_by_market_the_oldest_first() {
    let mut desk = at_1000().await;
    let first = opened(&desk, market("BUY", 1.0)).await;
    let second = opened(&desk, market("BUY", 1.0)).await;
    let body = json!({
        "epic": ALWAYS, "expiry": "-", "direction": "SELL", "size": 1.5, "orderType": "MARKET",
        "dealId": null, "timeInForce": "FILL_OR_KILL",
    });
    let answer = desk.delete("/positions/otc", 1, &body).await;
    let done = confirm(&desk, &answer).await;
    assert_eq!(done["affectedDeals"][0]["dealId"], json!(first));
    let left = positions(&desk).await;
    assert_eq!(left[0]["position"]["dealId"], json!(second));
    assert_number(&left[0]["position"]["size"], 0.5);
}

#[tokio::test]
async fn a_limit_order_is_done_at_the_price_of_the_moment_or_not_at_all() {
    let desk = at_1000().await;
    let limit =
        |level: f64| with(market("BUY", 1.0), json!({ "orderType": "LIMIT", "level": level }));
    let done = open(&desk, limit(1_005.0)).await;
    assert_number(&done["level"], 1_001.0);
    let refused = open(&desk, limit(1_000.5)).await;
    assert_eq!(refused["reason"], "LEVEL_TOLERANCE_ERROR");
    let quote = with(
        market("SELL", 1.0),
        json!({ "orderType": "QUOTE", "level": 1_000.5, "quoteId": "Q1" }),
    );
    assert_eq!(open(&desk, quote).await["dealStatus"], "ACCEPTED", "within the spread");
}

#[tokio::test]
async fn the_reference_is_ones_own_and_counts_once_in_a_day() {
    let desk = at_1000().await;
    let ticket = with(market("BUY", 1.0), json!({ "dealReference": "my-order_1" }));
    let answer = desk.send("POST", "/positions/otc", 2, &ticket).await.ok();
    assert_eq!(answer, json!({ "dealReference": "my-order_1" }));
    assert_eq!(positions(&desk).await[0]["position"]["dealReference"], "my-order_1");
    let again = open(&desk, ticket.clone()).await;
    assert_eq!(
        (&again["dealStatus"], &again["reason"]),
        (&json!("REJECTED"), &json!("DUPLICATE_ORDER_ERROR"))
    );
    assert_eq!(positions(&desk).await.len(), 1);
    super::advance(&desk, 86_400);
    assert_eq!(open(&desk, ticket).await["dealStatus"], "ACCEPTED");
}

#[tokio::test]
async fn a_confirm_is_there_for_a_minute() {
    let desk = at_1000().await;
    let answer = desk.send("POST", "/positions/otc", 2, &market("BUY", 1.0)).await;
    super::advance(&desk, 59);
    let path = format!("/confirms/{}", answer.json["dealReference"].as_str().unwrap());
    assert_eq!(desk.get(&path).await.status, 200);
    super::advance(&desk, 1);
    assert_refused(&desk.get(&path).await, 404, "error.confirms.deal-not-found");
}

#[tokio::test]
async fn a_late_confirm_must_be_asked_for_again() {
    let desk = at_1000().await;
    desk.direct("confirms", json!({ "asks": 2, "delay_ms": 1_500 })).await;
    let answer = desk.send("POST", "/positions/otc", 2, &market("BUY", 1.0)).await;
    let path = format!("/confirms/{}", answer.json["dealReference"].as_str().unwrap());
    super::advance(&desk, 2);
    for _ in 0..2 {
        assert_refused(&desk.get(&path).await, 404, "error.confirms.deal-not-found");
    }
    assert_eq!(desk.get(&path).await.json["dealStatus"], "ACCEPTED");
    let early = desk.send("POST", "/positions/otc", 2, &market("BUY", 1.0)).await;
    let path = format!("/confirms/{}", early.json["dealReference"].as_str().unwrap());
    for _ in 0..3 {
        assert_refused(&desk.get(&path).await, 404, "error.confirms.deal-not-found");
    }
    assert_eq!(positions(&desk).await.len(), 2, "the deal is done all the same");
}

#[tokio::test]
async fn a_wish_to_deal_the_same_again_has_a_window() {
    let desk = at_1000().await;
    opened(&desk, market("BUY", 1.0)).await;
    let all = desk.get("/repeat-dealing-window").await.ok();
    assert_eq!(all["repeatDealingWindows"][0]["epic"], ALWAYS);
    let one = desk.get("/repeat-dealing-window?epic=IX.D.FTSE.CFD.IP").await.ok();
    assert_eq!(one["repeatDealingWindows"].as_array().unwrap().len(), 1);
}
