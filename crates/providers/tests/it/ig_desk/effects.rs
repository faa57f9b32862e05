//! Deals that cannot carry a reference, and are recognised by their effect.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use evergrant::capability::{Deal, DealOutcome};
use serde_json::{Value, json};

use super::{Desk, Floor, blamed, example, given, once};

const ID: &str = "12345";

/// The position of the example, of this size.
fn position(size: f64) -> Value {
    let mut position = example("positions_dealId_GET_v2_200");
    position["position"]["size"] = size.into();
    position
}

fn gone(floor: Floor) -> Floor {
    floor.example("error_position-notfound_404")
}

/// What a deal whose answer was lost is found to be afterwards.
async fn afterwards(desk: &Desk, lost: &Deal) -> (DealOutcome, Option<String>) {
    assert_eq!(lost.outcome, DealOutcome::Unknown);
    assert_eq!(lost.reason.as_deref(), Some("answer_lost"));
    let found = desk.trading().deal(&desk.api, &lost.reference).await.unwrap();
    assert_eq!(found.reference, lost.reference);
    (found.outcome, found.status.or(found.reason))
}

#[tokio::test]
async fn a_close_whose_answer_is_lost_is_told_by_what_is_left_of_the_position() {
    for (close, after, outcome, status) in [
        (json!({}), None, DealOutcome::Done, "CLOSED"),
        (json!({}), Some(10.0), DealOutcome::Unknown, "still_open"),
        (json!({ "size": 4.0 }), Some(6.0), DealOutcome::Done, "PARTIALLY_CLOSED"),
        (json!({ "size": 4.0 }), Some(10.0), DealOutcome::Unknown, "still_open"),
        (json!({ "size": 4.0 }), None, DealOutcome::Unknown, "position_gone"),
    ] {
        let floor = Floor::default().answer(200, &position(10.0)).lost();
        let floor = match after {
            Some(size) => floor.answer(200, &position(size)),
            None => gone(floor),
        };
        let desk = Desk::new(&floor).await;
        let given = given(close.clone());
        let lost = desk.trading().close_position(&desk.api, once(), ID, &given).await.unwrap();
        let found = afterwards(&desk, &lost).await;
        assert_eq!(found, (outcome, Some(status.to_owned())), "{close} {after:?}");
        assert_eq!(floor.dealt().len(), 1);
    }
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_told_by_the_levels_there_are() {
    for (limit, outcome, status) in [
        (json!(39000), DealOutcome::Done, "AMENDED"),
        (json!("39000.0"), DealOutcome::Done, "AMENDED"),
        (json!(38522), DealOutcome::Unknown, "not_amended"),
    ] {
        let mut after = position(10.0);
        after["position"]["limitLevel"] = limit;
        let floor = Floor::default().answer(200, &position(10.0)).lost().answer(200, &after);
        let desk = Desk::new(&floor).await;
        let changes = given(json!({ "limit_level": 39000.0 }));
        let lost = desk.trading().amend_position(&desk.api, once(), ID, &changes).await.unwrap();
        let found = afterwards(&desk, &lost).await;
        assert_eq!(found, (outcome, Some(status.to_owned())));
        assert_eq!(floor.dealt().len(), 1);
    }
}

#[tokio::test]
async fn an_orders_change_whose_answer_is_lost_is_told_by_the_order() {
    let orders = example("workingorders_GET_v2_200");
    for (level, until, outcome) in [
        (2001.0, json!("2099-01-02T03:04:05"), DealOutcome::Done),
        (2000.0, json!("2099-01-02T03:04:05"), DealOutcome::Unknown),
        (2001.0, json!(null), DealOutcome::Unknown),
    ] {
        let mut after = orders.clone();
        after["workingOrders"][0]["workingOrderData"]["orderLevel"] = level.into();
        after["workingOrders"][0]["workingOrderData"]["goodTillDateISO"] = until;
        let floor = Floor::default().answer(200, &orders).lost().answer(200, &after);
        let desk = Desk::new(&floor).await;
        let changes = given(json!({ "level": 2001.0, "good_till": "2099-01-02T03:04:05.6Z" }));
        let lost = desk.trading().amend_order(&desk.api, once(), "ABCD1234", &changes).await;
        assert_eq!(afterwards(&desk, &lost.unwrap()).await.0, outcome);
    }
}

/// The history of an order, with what was done to it.
fn past(action: &str, id: &str) -> Value {
    let mut past = example("history_activity_GET_v3_detailed_200");
    past["activities"][0]["details"]["actions"][0] =
        json!({ "actionType": action, "affectedDealId": id });
    past
}

#[tokio::test]
async fn a_cancellation_whose_answer_is_lost_is_told_by_the_order_and_its_history() {
    let orders = example("workingorders_GET_v2_200");
    let none = json!({ "workingOrders": [] });
    for (orders, past, outcome, status) in [
        (&orders, None, DealOutcome::Unknown, "still_waiting"),
        (&none, Some(past("LIMIT_ORDER_DELETED", "ABCD1234")), DealOutcome::Done, "DELETED"),
        (&none, Some(past("LIMIT_ORDER_DELETED", "OTHER")), DealOutcome::Unknown, "order_gone"),
        (&none, Some(past("LIMIT_ORDER_FILLED", "ABCD1234")), DealOutcome::Unknown, "order_gone"),
    ] {
        let floor = Floor::default().lost().answer(200, orders);
        let floor = past.iter().fold(floor, |floor, past| floor.answer(200, past));
        let desk = Desk::new(&floor).await;
        let lost = desk.trading().cancel_order(&desk.api, once(), "ABCD1234").await.unwrap();
        let found = afterwards(&desk, &lost).await;
        assert_eq!(found, (outcome, Some(status.to_owned())));
        assert_eq!((floor.dealt().len(), floor.left()), (1, 0));
    }
}

#[tokio::test]
async fn what_was_not_confirmed_is_told_by_its_effect() {
    let floor =
        Floor::default().answer(200, &position(10.0)).example("positions_otc_DELETE_v1_200");
    let floor = gone(floor.unconfirmed());
    let desk = Desk::new(&floor).await;
    let close = given(json!({}));
    let closing = desk.trading().close_position(&desk.api, once(), ID, &close);
    let deal = desk.run(closing).await.unwrap();
    assert_eq!(deal.outcome, DealOutcome::Done);
    assert!(!deal.reference.contains('.'), "IG's own reference, since it said one");
}

#[tokio::test]
async fn what_cannot_be_named_and_was_tried_before_is_only_looked_for() {
    let orders = example("workingorders_GET_v2_200");
    let again = once().again();
    for (floor, outcome) in [
        (gone(Floor::default()), DealOutcome::Done),
        (Floor::default().answer(200, &position(10.0)), DealOutcome::Unknown),
    ] {
        let desk = Desk::new(&floor).await;
        let close = given(json!({}));
        let deal = desk.trading().close_position(&desk.api, again, ID, &close).await.unwrap();
        assert_eq!(deal.outcome, outcome);
        assert!(floor.dealt().is_empty());
    }
    // How much there was before the first attempt nobody knows.
    for floor in [gone(Floor::default()), Floor::default().answer(200, &position(6.0))] {
        let desk = Desk::new(&floor).await;
        let close = given(json!({ "size": 4.0 }));
        let deal = desk.trading().close_position(&desk.api, again, ID, &close).await.unwrap();
        assert_eq!(deal.outcome, DealOutcome::Unknown);
    }
    let floor =
        Floor::default().answer(200, &position(10.0)).answer(200, &orders).answer(200, &orders);
    let desk = Desk::new(&floor).await;
    let levels = given(json!({ "limit_level": 38522.0 }));
    let deal = desk.trading().amend_position(&desk.api, again, ID, &levels).await.unwrap();
    assert_eq!(deal.outcome, DealOutcome::Done);
    let changes = given(json!({ "level": 2000.0 }));
    let deal = desk.trading().amend_order(&desk.api, again, "ABCD1234", &changes).await.unwrap();
    assert_eq!(deal.outcome, DealOutcome::Done);
    let deal = desk.trading().cancel_order(&desk.api, again, "ABCD1234").await.unwrap();
    assert_eq!(deal.outcome, DealOutcome::Unknown);
    assert!(floor.dealt().is_empty());
}

#[tokio::test]
async fn an_effect_is_looked_for_in_its_own_account_and_by_its_own_login() {
    let floor = Floor::default().answer(200, &position(10.0)).lost().answer(200, &position(10.0));
    let desk = Desk::new(&floor).await;
    let other = desk.api.clone().within("XYZ987");
    let close = given(json!({}));
    let lost = desk.trading().close_position(&other, once(), ID, &close).await.unwrap();
    // Whoever asks names no account, or another: there the position never was.
    let found = afterwards(&desk, &lost).await;
    assert_eq!(found, (DealOutcome::Unknown, Some("still_open".to_owned())));
    let accounts: Vec<_> =
        floor.requests().iter().map(|seen| seen.headers()["ig-account-id"].clone()).collect();
    assert_eq!(accounts, ["XYZ987"; 3]);

    let told = lost.reference.strip_prefix("effect.").unwrap();
    let mut told: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(told).unwrap()).unwrap();
    told["client"] = "somebody".into();
    let theirs = format!("effect.{}", BASE64_URL_SAFE_NO_PAD.encode(told.to_string()));
    assert_eq!(blamed(desk.trading().deal(&desk.api, &theirs).await), "/reference");
}

#[tokio::test]
async fn an_orders_end_that_has_passed_since_says_nothing_of_the_first_attempt() {
    let passed = json!("2020-01-01T00:00:00Z");
    let orders = example("workingorders_GET_v2_200");
    let floor = Floor::default().example("confirms_GET_v1_200_accepted_open").answer(200, &orders);
    let desk = Desk::new(&floor).await;
    let order = given(json!({
        "epic": "CS.D.GBPUSD.TODAY.IP", "direction": "buy", "type": "limit", "size": 1.0,
        "level": 1.0, "good_till": passed,
    }));
    let placed = desk.trading().place_order(&desk.api, once().again(), &order).await.unwrap();
    assert_eq!(placed.outcome, DealOutcome::Done);
    let changes = given(json!({ "good_till": passed }));
    let again = once().again();
    let amended = desk.trading().amend_order(&desk.api, again, "ABCD1234", &changes).await;
    assert_eq!(amended.unwrap().outcome, DealOutcome::Unknown);
    assert!(floor.dealt().is_empty());
}

/// A position whose stop and limit are these.
fn levels(stop: f64, limit: f64) -> Value {
    let mut position = position(10.0);
    position["position"]["stopLevel"] = stop.into();
    position["position"]["limitLevel"] = limit.into();
    position
}

fn amended(floor: Floor) -> Floor {
    floor.example("positions_otc_dealId_PUT_v2_200").example("confirms_GET_v1_200_accepted_open")
}

#[tokio::test]
async fn two_changes_of_one_position_at_once_take_nothing_from_each_other() {
    let floor = amended(Floor::default().answer(200, &levels(1.0, 9.0)));
    let floor = floor.answer(200, &levels(2.0, 9.0)).answer(200, &levels(2.0, 9.0));
    let floor = amended(floor).answer(200, &levels(2.0, 8.0)).slow();
    let desk = Desk::new(&floor).await;
    let (one, other) = (given(json!({ "stop_level": 2.0 })), given(json!({ "limit_level": 8.0 })));
    let one = desk.trading().amend_position(&desk.api, once(), ID, &one);
    let other = desk.trading().amend_position(&desk.api, once(), ID, &other);
    let (one, other) = tokio::join!(one, other);
    for deal in [one.unwrap(), other.unwrap()] {
        assert_eq!((deal.outcome, deal.message), (DealOutcome::Done, None));
    }
    let bodies: Vec<Value> = floor.dealt().iter().map(super::body).collect();
    let levels = |body: &Value| (body["stopLevel"].as_f64(), body["limitLevel"].as_f64());
    assert_eq!(levels(&bodies[0]), (Some(2.0), Some(9.0)));
    assert_eq!(levels(&bodies[1]), (Some(2.0), Some(8.0)));
}

#[tokio::test]
async fn a_change_says_what_else_somebody_changed_meanwhile() {
    let floor = amended(Floor::default().answer(200, &levels(1.0, 9.0)));
    let floor = floor.answer(200, &levels(2.0, 7.0));
    let desk = Desk::new(&floor).await;
    let stop = given(json!({ "stop_level": 2.0 }));
    let deal = desk.trading().amend_position(&desk.api, once(), ID, &stop).await.unwrap();
    assert_eq!(deal.outcome, DealOutcome::Done);
    assert_eq!(deal.reason.as_deref(), Some("changed_meanwhile"));
    assert!(deal.message.unwrap().contains("limit_level"));

    let orders = example("workingorders_GET_v2_200");
    let mut after = orders.clone();
    after["workingOrders"][0]["workingOrderData"]["orderLevel"] = 1999.0.into();
    let floor = amended(Floor::default().answer(200, &orders)).answer(200, &after);
    let desk = Desk::new(&floor).await;
    let stop = given(json!({ "stop_distance": 5.0 }));
    let deal = desk.trading().amend_order(&desk.api, once(), "ABCD1234", &stop).await.unwrap();
    assert!(deal.message.unwrap().contains("level"));
}
