//! What somebody else does to markets and accounts.

use serde_json::{Value, json};

use super::{ALWAYS, Desk, at_1000, market, money, opened, positions};

#[tokio::test]
async fn a_position_opened_and_closed_elsewhere_is_seen() {
    let desk = at_1000().await;
    let given = json!({
        "account": "ABC123", "epic": ALWAYS, "direction": "BUY", "size": 2, "deal_id": "D1",
        "reference": "FAKEREF0001",
    });
    let made = desk.direct("position", given).await;
    assert_eq!((&made["dealId"], &made["dealReference"]), (&json!("D1"), &json!("FAKEREF0001")));
    assert_eq!(positions(&desk).await[0]["position"]["dealId"], "D1");
    assert_eq!(desk.get("/confirms/FAKEREF0001").await.json["dealStatus"], "ACCEPTED");
    desk.direct("close", json!({ "account": "ABC123", "deal_id": "D1", "size": 0.5 })).await;
    super::assert_number(&positions(&desk).await[0]["position"]["size"], 1.5);
    desk.direct("close", json!({ "account": "ABC123", "deal_id": "D1" })).await;
    assert!(positions(&desk).await.is_empty());
    let log = desk.send("GET", "/history/activity?filter=channel==WEB", 3, &Value::Null).await.ok();
    assert_eq!(log["activities"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_price_that_is_let_go_moves_again() {
    let desk = at_1000().await;
    let bid = async || {
        let details = desk.send("GET", &format!("/markets/{ALWAYS}"), 3, &Value::Null).await.ok();
        details["snapshot"]["bid"].as_f64().unwrap()
    };
    super::advance(&desk, 3_600);
    super::assert_number(&json!(bid().await), 1_000.0);
    desk.direct("price", json!({ "epic": ALWAYS, "bid": null, "offer": null })).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..24 {
        seen.insert(bid().await.to_string());
        super::advance(&desk, 3_600);
    }
    assert!(seen.len() > 3, "{seen:?}");
}

#[tokio::test]
async fn a_change_that_cannot_be_says_why() {
    let desk = Desk::new();
    let cases = [
        ("price", json!({ "epic": ALWAYS, "bid": 2, "offer": 1 }), 422),
        ("price", json!({ "epic": "NONE", "bid": 1, "offer": 2 }), 404),
        ("market", json!({ "epic": ALWAYS, "status": "ASLEEP" }), 422),
        (
            "position",
            json!({ "account": "NONE", "epic": ALWAYS, "direction": "BUY", "size": 1 }),
            404,
        ),
        (
            "position",
            json!({ "account": "ABC123", "epic": ALWAYS, "direction": "UP", "size": 1 }),
            422,
        ),
        ("close", json!({ "account": "ABC123", "deal_id": "NONE" }), 404),
        ("nothing", json!({}), 404),
    ];
    for (path, body, status) in cases {
        let answer = desk.play.control("POST", &format!("world/ig/{path}"), &body).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
    }
}

#[tokio::test]
async fn cash_that_is_set_is_there_to_deal_with() {
    let desk = at_1000().await;
    desk.direct("balance", json!({ "account": "ABC123", "balance": 200_000 })).await;
    opened(&desk, market("BUY", 500.0)).await;
    super::assert_money(money(&desk).await, [200_000.0, 100_100.0, -500.0, 99_400.0]);
}
