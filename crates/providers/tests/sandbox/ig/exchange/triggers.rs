//! What happens by itself: stops, limits, trailing stops and working orders.

use serde_json::{Value, json};

use super::{
    ALWAYS, assert_money, assert_number, at_1000, confirm, market, money, open, opened, order,
    orders, pin, positions, trader, with,
};

#[tokio::test]
async fn a_stop_closes_a_position_at_the_price_it_meets() {
    let desk = at_1000().await;
    let done = open(&desk, with(market("BUY", 2.0), json!({ "stopDistance": 20 }))).await;
    assert_number(&done["stopLevel"], 981.0);
    assert_number(&done["stopDistance"], 20.0);
    pin(&desk, ALWAYS, 982.0, 983.0).await;
    assert_eq!(positions(&desk).await.len(), 1);
    pin(&desk, ALWAYS, 970.0, 971.0).await;
    assert!(positions(&desk).await.is_empty());
    assert_money(money(&desk).await, [9_938.0, 0.0, 0.0, 9_938.0]);
    let path = "/history/activity?pageSize=10&detailed=true";
    let log = desk.send("GET", path, 3, &Value::Null).await.ok();
    assert_eq!(log["activities"][0]["channel"], "SYSTEM");
    assert_eq!(log["activities"][0]["details"]["actions"][0]["actionType"], "POSITION_CLOSED");
}

#[tokio::test]
async fn a_guaranteed_stop_closes_where_it_stands() {
    let desk = at_1000().await;
    let stop = json!({ "stopLevel": 980.0, "guaranteedStop": true });
    opened(&desk, with(market("BUY", 1.0), stop)).await;
    pin(&desk, ALWAYS, 900.0, 901.0).await;
    assert_money(money(&desk).await, [9_979.0, 0.0, 0.0, 9_979.0]);
}

#[tokio::test]
async fn a_limit_takes_the_profit() {
    let desk = at_1000().await;
    opened(&desk, with(market("SELL", 1.0), json!({ "limitLevel": 950.0 }))).await;
    pin(&desk, ALWAYS, 948.0, 949.0).await;
    assert!(positions(&desk).await.is_empty());
    assert_money(money(&desk).await, [10_051.0, 0.0, 0.0, 10_051.0]);
}

#[tokio::test]
async fn a_trailing_stop_follows_by_whole_steps_and_never_back() {
    let desk = at_1000().await;
    let stop = json!({ "trailingStop": true, "stopDistance": 20, "trailingStopIncrement": 5 });
    opened(&desk, with(market("BUY", 1.0), stop)).await;
    let stop = async || positions(&desk).await[0]["position"]["stopLevel"].clone();
    assert_number(&stop().await, 981.0);
    pin(&desk, ALWAYS, 1_013.0, 1_014.0).await;
    assert_number(&stop().await, 991.0);
    pin(&desk, ALWAYS, 1_000.0, 1_001.0).await;
    assert_number(&stop().await, 991.0);
    pin(&desk, ALWAYS, 990.0, 991.0).await;
    assert!(positions(&desk).await.is_empty());
    assert_money(money(&desk).await, [9_989.0, 0.0, 0.0, 9_989.0]);
}

#[tokio::test]
async fn a_stop_is_met_by_a_price_between_two_calls() {
    let desk = trader().await;
    let details = desk.send("GET", &format!("/markets/{ALWAYS}"), 3, &Value::Null).await.ok();
    let bid = details["snapshot"]["bid"].as_f64().unwrap();
    // One of them is met within weeks, whichever way the price goes.
    for stop in [bid - 3.0, bid + 4.0] {
        let direction = if stop < bid { "BUY" } else { "SELL" };
        opened(&desk, with(market(direction, 1.0), json!({ "stopLevel": stop }))).await;
    }
    super::advance(&desk, 20 * 86_400);
    assert!(positions(&desk).await.len() < 2);
    let log = desk.send("GET", "/history/activity?pageSize=10&from=2000-01-01", 3, &Value::Null);
    let log = log.await.ok();
    let now = desk.play.stage.now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    assert!(log["activities"][0]["date"].as_str().unwrap() < now.as_str(), "when it was met");
}

#[tokio::test]
async fn a_working_order_becomes_a_position_when_the_price_is_there() {
    let desk = at_1000().await;
    let limit = order(&desk, "LIMIT", "BUY", 990.0).await;
    assert_eq!((&limit["status"], &limit["dealStatus"]), (&json!("OPEN"), &json!("ACCEPTED")));
    order(&desk, "STOP", "BUY", 1_020.0).await;
    assert_eq!(orders(&desk).await.len(), 2);
    pin(&desk, ALWAYS, 989.5, 990.5).await;
    assert_eq!(orders(&desk).await.len(), 2, "not yet");
    pin(&desk, ALWAYS, 988.0, 989.0).await;
    assert_eq!(orders(&desk).await.len(), 1);
    let position = positions(&desk).await[0]["position"].clone();
    assert_number(&position["level"], 989.0);
    pin(&desk, ALWAYS, 1_024.0, 1_025.0).await;
    assert!(orders(&desk).await.is_empty());
    assert_number(&positions(&desk).await[1]["position"]["level"], 1_025.0);
}

#[tokio::test]
async fn a_working_order_is_amended_and_taken_back() {
    let mut desk = at_1000().await;
    let made = order(&desk, "LIMIT", "SELL", 1_050.0).await;
    let deal = made["dealId"].as_str().unwrap();
    let path = format!("/workingorders/otc/{deal}");
    let change = json!({ "level": 1_060, "type": "LIMIT", "timeInForce": "GOOD_TILL_CANCELLED", "stopDistance": 30 });
    let answer = desk.send("PUT", &path, 2, &change).await;
    assert_eq!(confirm(&desk, &answer).await["status"], "AMENDED");
    let data = orders(&desk).await[0]["workingOrderData"].clone();
    assert_number(&data["orderLevel"], 1_060.0);
    assert_number(&data["stopDistance"], 30.0);
    let answer = desk.delete(&path, 2, &json!({})).await;
    let gone = confirm(&desk, &answer).await;
    assert_eq!((&gone["status"], &gone["dealId"]), (&json!("DELETED"), &json!(deal)));
    assert!(orders(&desk).await.is_empty());
    let again = desk.send("DELETE", &path, 2, &Value::Null).await;
    assert_eq!(confirm(&desk, &again).await["dealStatus"], "REJECTED");
}

#[tokio::test]
async fn an_order_ends_with_its_date() {
    let desk = at_1000().await;
    let end = desk.play.stage.now() + jiff::SignedDuration::from_hours(2);
    let body = json!({
        "epic": ALWAYS, "expiry": "-", "direction": "BUY", "size": 1, "currencyCode": "GBP",
        "type": "LIMIT", "level": 500, "guaranteedStop": false,
        "timeInForce": "GOOD_TILL_DATE", "goodTillDate": end.strftime("%Y/%m/%d %H:%M:%S").to_string(),
    });
    let answer = desk.send("POST", "/workingorders/otc", 2, &body).await;
    assert_eq!(confirm(&desk, &answer).await["dealStatus"], "ACCEPTED");
    let iso = orders(&desk).await[0]["workingOrderData"]["goodTillDateISO"].clone();
    assert_eq!(iso, end.strftime("%Y-%m-%dT%H:%M:%S").to_string());
    super::advance(&desk, 7_260);
    assert!(orders(&desk).await.is_empty());
    assert!(positions(&desk).await.is_empty());
}

#[tokio::test]
async fn an_order_whose_price_is_there_already_is_not_taken() {
    let desk = at_1000().await;
    assert_eq!(order(&desk, "LIMIT", "BUY", 1_010.0).await["reason"], "LEVEL_TOLERANCE_ERROR");
    assert_eq!(order(&desk, "STOP", "BUY", 990.0).await["reason"], "LEVEL_TOLERANCE_ERROR");
    assert!(orders(&desk).await.is_empty());
}
