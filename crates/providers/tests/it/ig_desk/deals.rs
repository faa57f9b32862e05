//! What is refused before anything is sent, and what is asked of the market.

use evergrant::CallError;
use evergrant::capability::{NewOrder, NewPosition};
use serde_json::{Value, json};

use super::{Desk, Floor, blamed, example, given, once, with};

#[tokio::test]
async fn what_cannot_be_opened_is_refused_before_it_is_sent() {
    let desk = Desk::new(&Floor::default()).await;
    for (changes, pointer) in [
        (json!({ "epic": "short" }), "/epic"),
        (json!({ "epic": "CS.D.GBPUSD/TODAY.IP" }), "/epic"),
        (json!({ "direction": "hold" }), "/direction"),
        (json!({ "size": 0.0 }), "/size"),
        (json!({ "size": -1.0 }), "/size"),
        (json!({ "size": 0.000_000_000_000_1 }), "/size"),
        (json!({ "expiry": "soon" }), "/expiry"),
        (json!({ "currency": "pound" }), "/currency"),
        (json!({ "type": "stop" }), "/type"),
        (json!({ "level": 1.0 }), "/level"),
        (json!({ "type": "limit" }), "/level"),
        (json!({ "type": "limit", "level": 1.0, "quote_id": "q" }), "/quote_id"),
        (json!({ "type": "quote", "level": 1.0 }), "/quote_id"),
        (json!({ "type": "quote", "quote_id": "q" }), "/level"),
        (json!({ "stop_level": 1.0, "stop_distance": 2.0 }), "/stop_distance"),
        (json!({ "limit_level": 1.0, "limit_distance": 2.0 }), "/limit_distance"),
        (json!({ "stop_distance": 0.0 }), "/stop_distance"),
        (json!({ "limit_distance": -3.0 }), "/limit_distance"),
        (json!({ "guaranteed_stop": true }), "/guaranteed_stop"),
        (json!({ "guaranteed_stop": true, "limit_level": 2.0 }), "/guaranteed_stop"),
        (json!({ "trailing_step": 1.0 }), "/trailing_step"),
        (json!({ "trailing_step": 1.0, "stop_level": 1.0 }), "/trailing_step"),
        (json!({ "trailing_step": 0.0, "stop_distance": 1.0 }), "/trailing_step"),
        (
            json!({ "trailing_step": 1.0, "stop_distance": 1.0, "guaranteed_stop": true }),
            "/trailing_step",
        ),
        (json!({ "time_in_force": "good_till_cancelled" }), "/time_in_force"),
    ] {
        let position: NewPosition = given(super::buy(changes.clone()));
        let refused = desk.trading().open_position(&desk.api, once(), &position).await;
        assert_eq!(blamed(refused), pointer, "{changes}");
    }
}

fn order(changes: Value) -> NewOrder {
    let order = json!({
        "epic": "CS.D.EURUSD.CFD.IP", "direction": "sell", "type": "stop", "size": 1.0,
        "level": 1.1, "expiry": "-", "currency": "USD",
    });
    given(with(order, changes))
}

#[tokio::test]
async fn what_cannot_wait_is_refused_before_it_is_sent() {
    let desk = Desk::new(&Floor::default()).await;
    for (changes, pointer) in [
        (json!({ "epic": "short" }), "/epic"),
        (json!({ "direction": "hold" }), "/direction"),
        (json!({ "type": "market" }), "/type"),
        (json!({ "size": 0.0 }), "/size"),
        (json!({ "expiry": "soon" }), "/expiry"),
        (json!({ "currency": "pound" }), "/currency"),
        (json!({ "good_till": "2020-01-01T00:00:00Z" }), "/good_till"),
        (json!({ "stop_level": 1.0, "stop_distance": 2.0 }), "/stop_distance"),
        (json!({ "limit_level": 1.0, "limit_distance": 2.0 }), "/limit_distance"),
        (json!({ "guaranteed_stop": true }), "/guaranteed_stop"),
    ] {
        let refused = desk.trading().place_order(&desk.api, once(), &order(changes.clone())).await;
        assert_eq!(blamed(refused), pointer, "{changes}");
    }
    for (changes, pointer) in [
        (json!({}), ""),
        (json!({ "type": "market" }), "/type"),
        (json!({ "good_till": "2020-01-01T00:00:00Z" }), "/good_till"),
        (json!({ "stop_distance": 0.0 }), "/stop_distance"),
        (json!({ "limit_distance": -1.0 }), "/limit_distance"),
    ] {
        let given = given(changes.clone());
        let refused = desk.trading().amend_order(&desk.api, once(), "D", &given).await;
        assert_eq!(blamed(refused), pointer, "{changes}");
    }
}

#[tokio::test]
async fn what_cannot_be_changed_or_closed_is_refused_before_it_is_sent() {
    let mut guaranteed = example("positions_dealId_GET_v2_200");
    guaranteed["position"]["controlledRisk"] = true.into();
    for (position, changes, pointer) in [
        (None, json!({}), ""),
        (None, json!({ "trailing_stop_distance": 0.0 }), "/trailing_stop_distance"),
        (None, json!({ "trailing_step": -1.0 }), "/trailing_step"),
        (Some(None), json!({ "trailing_stop_distance": 5.0 }), "/trailing_step"),
        (Some(None), json!({ "trailing_step": 5.0 }), "/trailing_stop_distance"),
        (
            Some(Some(&guaranteed)),
            json!({ "trailing_stop_distance": 5.0, "trailing_step": 1.0 }),
            "/trailing_stop_distance",
        ),
    ] {
        let plain = example("positions_dealId_GET_v2_200");
        let floor = match position {
            None => Floor::default(),
            Some(position) => Floor::default().answer(200, position.unwrap_or(&plain)),
        };
        let desk = Desk::new(&floor).await;
        let given = given(changes.clone());
        let refused = desk.trading().amend_position(&desk.api, once(), "12345", &given).await;
        assert_eq!(blamed(refused), pointer, "{changes}");
        assert!(floor.dealt().is_empty());
    }
    for (read, close, pointer) in [
        (false, json!({ "size": 0.0 }), "/size"),
        (true, json!({ "size": 11.0 }), "/size"),
        (false, json!({ "type": "limit" }), "/level"),
        (false, json!({ "level": 5.0 }), "/level"),
        (false, json!({ "time_in_force": "good_till_date" }), "/time_in_force"),
    ] {
        let floor = Floor::default();
        let floor = if read { floor.example("positions_dealId_GET_v2_200") } else { floor };
        let desk = Desk::new(&floor).await;
        let given = given(close.clone());
        let refused = desk.trading().close_position(&desk.api, once(), "12345", &given).await;
        assert_eq!(blamed(refused), pointer, "{close}");
        assert!(floor.dealt().is_empty());
    }
}

/// What is sent to open a position, or place an order, at a market that is asked first.
async fn sent(floor: &Floor, position: Value) -> Value {
    let desk = Desk::new(floor).await;
    let position: NewPosition = given(position);
    desk.trading().open_position(&desk.api, once(), &position).await.unwrap();
    super::body(&floor.dealt()[0])
}

fn answered(floor: Floor) -> Floor {
    floor.example("positions_otc_POST_v2_200").example("confirms_GET_v1_200_accepted_open")
}

#[tokio::test]
async fn expiry_and_currency_are_asked_of_the_market_where_they_are_not_given() {
    let floor = answered(Floor::default().example("markets_epic_GET_v3_200"));
    let short = json!({ "epic": "CO.D.CFI.Month2.IP", "direction": "sell", "size": 2.5 });
    let body = sent(&floor, short).await;
    assert_eq!((&body["expiry"], &body["currencyCode"]), (&json!("DEC-24"), &json!("GBP")));
    assert_eq!(floor.asked()[0], "GET /markets/CO.D.CFI.Month2.IP");

    let floor = answered(Floor::default().example("markets_epic_GET_v3_200"));
    let body = sent(&floor, super::buy(json!({ "currency": null }))).await;
    assert_eq!((&body["expiry"], &body["currencyCode"]), (&json!("DFB"), &json!("GBP")));
}

#[tokio::test]
async fn a_market_that_cannot_be_asked_leaves_the_deal_unsent() {
    // Lost as often as a reading is repeated.
    let floor = Floor::default().lost().lost().lost().lost();
    let desk = Desk::new(&floor).await;
    let position: NewPosition = given(super::buy(json!({ "currency": null })));
    let opened = desk.run(desk.trading().open_position(&desk.api, once(), &position)).await;
    assert!(matches!(opened, Err(CallError::Unavailable { sent: false, .. })), "{opened:?}");
    assert!(floor.dealt().is_empty());
}

#[tokio::test]
async fn what_has_a_stop_or_a_limit_stands_beside_an_opposite_position() {
    for (changes, beside) in [
        (json!({}), false),
        (json!({ "force_open": true }), true),
        (json!({ "stop_level": 1.0 }), true),
        (json!({ "limit_distance": 10.0 }), true),
    ] {
        let body = sent(&answered(Floor::default()), super::buy(changes.clone())).await;
        assert_eq!(body["forceOpen"], beside, "{changes}");
    }
    let trailing = json!({ "stop_distance": 20.0, "trailing_step": 5.0 });
    let body = sent(&answered(Floor::default()), super::buy(trailing)).await;
    assert_eq!(body["trailingStop"], true);
    assert_eq!(body["trailingStopIncrement"], 5.0);
    assert_eq!(body["stopDistance"], 20.0);
    let limit = json!({ "type": "limit", "level": 1.25, "time_in_force": "fill_or_kill" });
    let body = sent(&answered(Floor::default()), super::buy(limit)).await;
    assert_eq!(body["orderType"], "LIMIT");
    assert_eq!(body["timeInForce"], "FILL_OR_KILL");
}

#[tokio::test]
async fn an_order_waits_until_a_time_in_the_second_versions_form() {
    let floor = answered(Floor::default());
    let desk = Desk::new(&floor).await;
    let order = order(json!({ "good_till": "2099-01-02T03:04:05+01:00", "stop_distance": 5.0 }));
    desk.trading().place_order(&desk.api, once(), &order).await.unwrap();
    let body = super::body(&floor.dealt()[0]);
    assert_eq!(body["timeInForce"], "GOOD_TILL_DATE");
    assert_eq!(body["goodTillDate"], "2099/01/02 02:04:05");
    assert_eq!((&body["forceOpen"], &body["type"]), (&json!(true), &json!("STOP")));
}

#[tokio::test]
async fn what_is_left_out_of_a_change_stays() {
    let mut trailing = example("positions_dealId_GET_v2_200");
    trailing["position"]["trailingStep"] = 2.into();
    trailing["position"]["trailingStopDistance"] = 100.into();
    let levels = |stop: Value, limit: Value, distance: Value, step: Value| {
        json!({
            "stopLevel": stop, "limitLevel": limit, "guaranteedStop": false,
            "trailingStop": !distance.is_null(), "trailingStopDistance": distance,
            "trailingStopIncrement": step,
        })
    };
    let (n, all) = (Value::Null, |n: f64| Value::from(n));
    for (changes, sent) in [
        (
            json!({ "limit_level": 39000.0 }),
            levels(all(38322.0), all(39000.0), all(100.0), all(2.0)),
        ),
        (json!({ "stop_level": null }), levels(n.clone(), all(38522.0), n.clone(), n.clone())),
        (
            json!({ "trailing_stop_distance": null }),
            levels(all(38322.0), all(38522.0), n.clone(), n.clone()),
        ),
        (
            json!({ "trailing_step": 3.0, "limit_level": null }),
            levels(all(38322.0), n.clone(), all(100.0), all(3.0)),
        ),
    ] {
        let floor = Floor::default().answer(200, &trailing);
        let floor = floor.example("positions_otc_dealId_PUT_v2_200");
        let floor = floor.example("confirms_GET_v1_200_accepted_open").answer(200, &trailing);
        let desk = Desk::new(&floor).await;
        let given = given(changes.clone());
        desk.trading().amend_position(&desk.api, once(), "12345", &given).await.unwrap();
        assert_eq!(super::body(&floor.dealt()[0]), sent, "{changes}");
    }
    let mut orders = example("workingorders_GET_v2_200");
    let order = &mut orders["workingOrders"][0]["workingOrderData"];
    order["timeInForce"] = "GOOD_TILL_DATE".into();
    order["goodTillDate"] = "2099/01/02 03:04".into();
    let floor = Floor::default().answer(200, &orders);
    let floor = floor.example("workingorders_otc_dealId_PUT_v2_200");
    let floor = floor.example("confirms_GET_v1_200_accepted_open").answer(200, &orders);
    let desk = Desk::new(&floor).await;
    let changes = given(json!({ "type": "limit" }));
    desk.trading().amend_order(&desk.api, once(), "ABCD1234", &changes).await.unwrap();
    let body = super::body(&floor.dealt()[0]);
    assert_eq!(
        body["goodTillDate"], "2099/01/02 03:04",
        "a date without a zone goes back as it came"
    );
    assert_eq!((&body["level"], &body["type"]), (&json!(2000.0), &json!("LIMIT")));
}

#[tokio::test]
async fn what_is_not_there_is_not_changed() {
    let floor = Floor::default()
        .answer(404, &example("error_position-notfound_404"))
        .answer(200, &json!({ "workingOrders": null }));
    let desk = Desk::new(&floor).await;
    let close = given(json!({}));
    let closed = desk.trading().close_position(&desk.api, once(), "gone", &close).await;
    assert!(matches!(
        closed,
        Err(CallError::Denied { denial: evergrant::Denial::ItemNotFound, .. })
    ));
    let changes = given(json!({ "level": 1.0 }));
    let amended = desk.trading().amend_order(&desk.api, once(), "gone", &changes).await;
    assert!(matches!(
        amended,
        Err(CallError::Denied { denial: evergrant::Denial::ItemNotFound, .. })
    ));
    assert!(floor.dealt().is_empty());
}
