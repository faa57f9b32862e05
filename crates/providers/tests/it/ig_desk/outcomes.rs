//! What comes of a deal, whatever becomes of its answer.

use evergrant::capability::{Deal, DealOutcome};
use evergrant::{CallError, Denial};
use serde_json::json;

use super::{Desk, Floor, example, given, once};

/// Whether an error is the one that is wanted.
type Check<'a> = &'a dyn Fn(&CallError) -> bool;

/// Opens a position at this IG.
async fn open(floor: &Floor) -> Result<Deal, CallError> {
    let desk = Desk::new(floor).await;
    let position = given(super::buy(json!({})));
    let opened = desk.run(desk.trading().open_position(&desk.api, once(), &position)).await;
    assert_eq!(floor.left(), 0);
    opened
}

fn refused(status: u16, code: &str) -> Floor {
    Floor::default().answer(status, &json!({ "errorCode": code }))
}

#[tokio::test]
async fn what_was_refused_is_an_error_and_was_sent_once() {
    let unsent = |error: &CallError| matches!(error, CallError::Unavailable { sent: false, .. });
    let throttled = |error: &CallError| matches!(error, CallError::Throttled { .. });
    let denied =
        |error: &CallError| matches!(error, CallError::Denied { denial: Denial::Input, .. });
    let cases: [(Floor, Check<'_>); 5] = [
        (refused(401, "error.security.oauth-token-invalid"), &unsent),
        (refused(403, "error.public-api.exceeded-account-trading-allowance"), &throttled),
        (refused(400, "invalid.request.size"), &denied),
        (Floor::default().page(404), &|error| matches!(error, CallError::Refused { .. })),
        (Floor::default().unsent().unsent().unsent().unsent(), &unsent),
    ];
    for (n, (floor, is_right)) in cases.into_iter().enumerate() {
        let tries = floor.left();
        let error = open(&floor).await.unwrap_err();
        assert!(is_right(&error), "{n}: {error:?}");
        // Only what never left is tried again.
        assert_eq!((floor.asked().len(), tries), if n == 4 { (4, 4) } else { (1, 1) });
    }
}

#[tokio::test]
async fn what_may_be_done_is_a_deal_of_unknown_outcome_and_was_sent_once() {
    for (n, floor) in [
        refused(500, "system.error"),
        // Whatever a code says elsewhere: with these statuses nobody knows what was done.
        refused(500, "error.security.client-token-invalid"),
        refused(500, "invalid.request.size"),
        refused(503, "error.public-api.exceeded-account-trading-allowance"),
        refused(408, "error.security.oauth-token-invalid"),
        refused(501, "endpoint.unavailable.for.api-key"),
        Floor::default().page(302),
        Floor::default().page(307),
        Floor::default().page(503),
        Floor::default().page(502),
        Floor::default().lost(),
        Floor::default().page(200),
        Floor::default().answer(200, &json!({})),
        Floor::default().answer(200, &json!([])),
    ]
    .into_iter()
    .enumerate()
    {
        let deal = open(&floor).await.unwrap();
        assert_eq!(deal.outcome, DealOutcome::Unknown, "{n}");
        assert_eq!(deal.reason.as_deref(), Some("answer_lost"), "{n}");
        let sent = floor.requests();
        assert_eq!(sent.len(), 1, "{n}");
        assert_eq!(super::body(&sent[0])["dealReference"], deal.reference, "{n}");
    }
}

#[tokio::test]
async fn a_confirmation_is_waited_for() {
    let taken = Floor::default().example("positions_otc_POST_v2_200");
    let missing = "error_confirms-deal-not-found_404";
    let late = (0..5).fold(taken, |floor, _| floor.example(missing));
    let late = late.example("confirms_GET_v1_200_accepted_open");
    assert_eq!(open(&late).await.unwrap().outcome, DealOutcome::Done);
    assert_eq!(late.dealt().len(), 1);
    assert_eq!(late.asked()[1], "GET /confirms/FAKEREF0001");
}

#[tokio::test]
async fn a_deal_that_is_not_confirmed_is_looked_for_where_it_stands() {
    let mut positions = example("positions_GET_v2_200");
    positions["positions"][1]["position"]["dealReference"] = "FAKEREF0001".into();
    let floor = Floor::default().example("positions_otc_POST_v2_200").unconfirmed();
    let deal = open(&floor.answer(200, &positions)).await.unwrap();
    assert_eq!(deal.outcome, DealOutcome::Done);
    assert_eq!(deal.deal_id.as_deref(), Some("ABCDE54321"));

    let floor = Floor::default().example("positions_otc_POST_v2_200").unconfirmed();
    let floor = floor.example("positions_GET_v2_200").example("workingorders_GET_v2_200");
    let deal = open(&floor).await.unwrap();
    assert_eq!(deal.outcome, DealOutcome::Unknown);
    assert_eq!(deal.reason.as_deref(), Some("unconfirmed"));
    assert_eq!(deal.reference, "FAKEREF0001");
    assert_eq!(floor.dealt().len(), 1);
}

#[tokio::test]
async fn no_error_after_a_deal_was_taken_hides_it() {
    let floor = Floor::default().example("positions_otc_POST_v2_200");
    let floor = floor.answer(400, &json!({ "errorCode": "invalid.input" }));
    let deal = open(&floor).await.unwrap();
    assert_eq!((deal.outcome, deal.reference.as_str()), (DealOutcome::Unknown, "FAKEREF0001"));
}

/// What stands in this line in the account's name for a minute.
fn flooded(floor: Floor) -> Floor {
    (0..28).fold(floor, |floor, _| floor.example("positions_GET_v2_200_empty"))
}

async fn flood(desk: &Desk) {
    for _ in 0..28 {
        desk.trading().positions(&desk.api).await.unwrap();
    }
}

#[tokio::test]
async fn no_reader_holds_up_a_deal() {
    let floor = flooded(Floor::default())
        .example("markets_epic_GET_v3_200")
        .example("positions_otc_POST_v2_200")
        .example("confirms_GET_v1_200_accepted_open")
        .example("positions_dealId_GET_v2_200")
        .example("positions_otc_DELETE_v1_200")
        .example("confirms_GET_v1_200_accepted_open")
        // Before a reading waits, IG is asked what it allows.
        .page(404);
    let desk = Desk::new(&floor).await;
    flood(&desk).await;
    let began = desk.api.now();
    let position = given(super::buy(json!({ "currency": null })));
    let opened = desk.run(desk.trading().open_position(&desk.api, once(), &position)).await;
    assert_eq!(opened.unwrap().outcome, DealOutcome::Done);
    let close = given(json!({}));
    let closed = desk.run(desk.trading().close_position(&desk.api, once(), "12345", &close)).await;
    assert_eq!(closed.unwrap().outcome, DealOutcome::Done);
    assert_eq!(desk.api.now(), began, "they waited for nobody");
    // Were it a reading, it would wait.
    let waits = desk.trading().positions(&desk.api);
    let waits = tokio::select! {
        biased;
        read = waits => Some(read),
        () = async { for _ in 0..64 { tokio::task::yield_now().await; } } => None,
    };
    assert!(waits.is_none(), "{waits:?}");
}

#[tokio::test]
async fn an_allowance_that_ig_shuts_ends_a_deal_before_it_is_sent_and_afterwards_gives_its_reference()
 {
    let shut = "error.public-api.exceeded-account-allowance";
    let floor = refused(403, shut);
    let desk = Desk::new(&floor).await;
    let began = desk.api.now();
    let position = given(super::buy(json!({ "currency": null })));
    let opened = desk.run(desk.trading().open_position(&desk.api, once(), &position)).await;
    assert!(matches!(opened, Err(CallError::Throttled { .. })), "{opened:?}");
    assert!(floor.dealt().is_empty());
    assert_eq!(desk.api.now(), began);

    let floor = Floor::default().example("positions_otc_POST_v2_200");
    let desk = Desk::new(&floor.clone().answer(403, &json!({ "errorCode": shut }))).await;
    let began = desk.api.now();
    let position = given(super::buy(json!({})));
    let opened = desk.run(desk.trading().open_position(&desk.api, once(), &position)).await;
    let opened = opened.unwrap();
    assert_eq!(opened.reason.as_deref(), Some("unconfirmed"));
    assert_eq!((opened.outcome, &*opened.reference), (DealOutcome::Unknown, "FAKEREF0001"));
    assert_eq!(desk.api.now(), began);
}

#[tokio::test]
async fn what_came_of_a_deal_is_looked_for_no_longer_than_20_seconds() {
    let floor = Floor::default().example("positions_otc_POST_v2_200").then_silence();
    let desk = Desk::new(&floor).await;
    let began = desk.api.now();
    let position = given(super::buy(json!({})));
    let opened = desk.run(desk.trading().open_position(&desk.api, once(), &position)).await;
    let opened = opened.unwrap();
    assert_eq!((opened.outcome, &*opened.reference), (DealOutcome::Unknown, "FAKEREF0001"));
    assert_eq!(desk.api.now().duration_since(began).as_secs(), 20);
    // Whoever asks later waits no longer than for one call.
    let began = desk.api.now();
    let found = desk.run(desk.trading().deal(&desk.api, &opened.reference)).await;
    assert!(matches!(found, Err(CallError::Unavailable { sent: false, .. })), "{found:?}");
    assert_eq!(desk.api.now().duration_since(began).as_secs(), 90);
}

#[tokio::test]
async fn a_history_that_leads_in_a_circle_is_not_followed() {
    let page = |next: &str| {
        let next = format!("/history/activity?from=a&to={next}");
        json!({ "activities": [], "metadata": { "paging": { "next": next } } })
    };
    let floor = Floor::default()
        .example("error_confirms-deal-not-found_404")
        .example("positions_GET_v2_200_empty")
        .answer(200, &json!({ "workingOrders": [] }));
    let floor = floor.answer(200, &page("a")).answer(200, &page("b")).answer(200, &page("a"));
    let desk = Desk::new(&floor).await;
    let found = desk.trading().deal(&desk.api, "mine").await;
    assert!(matches!(found, Err(CallError::Unreadable(_))), "{found:?}");
    assert_eq!(floor.left(), 0);
}

#[tokio::test]
async fn a_rejection_has_its_reason_and_a_sentence() {
    let floor = Floor::default()
        .example("positions_otc_POST_v2_200")
        .example("confirms_GET_v1_200_rejected");
    let deal = open(&floor).await.unwrap();
    assert_eq!(deal.outcome, DealOutcome::Rejected);
    assert_eq!(deal.reason.as_deref(), Some("MARKET_CLOSED"));
    assert_eq!(deal.message.as_deref(), Some("The market is closed."));
}

#[tokio::test]
async fn what_was_tried_before_is_only_looked_for() {
    let nowhere = Floor::default()
        .example("error_confirms-deal-not-found_404")
        .example("positions_GET_v2_200_empty")
        .answer(200, &json!({ "workingOrders": [] }))
        .example("history_activity_GET_v3_200_last");
    for (floor, outcome) in [
        (Floor::default().example("confirms_GET_v1_200_accepted_open"), DealOutcome::Done),
        (nowhere, DealOutcome::Unknown),
        // An error would say that nothing was done.
        (
            refused(403, "error.public-api.exceeded-account-historical-data-allowance"),
            DealOutcome::Unknown,
        ),
    ] {
        let desk = Desk::new(&floor).await;
        let position = given(super::buy(json!({})));
        let again = desk.trading().open_position(&desk.api, once().again(), &position);
        assert_eq!(desk.run(again).await.unwrap().outcome, outcome);
        assert!(floor.dealt().is_empty());
    }
}

#[tokio::test]
async fn a_deal_is_found_wherever_ig_keeps_it() {
    let missing = || Floor::default().example("error_confirms-deal-not-found_404");
    let mut positions = example("positions_GET_v2_200");
    positions["positions"][0]["position"]["dealReference"] = "mine".into();
    let mut orders = example("workingorders_GET_v2_200");
    orders["workingOrders"][0]["workingOrderData"]["dealReference"] = "mine".into();
    let past = |status: &str| {
        let mut past = example("history_activity_GET_v3_detailed_200");
        past["activities"][0]["details"]["dealReference"] = "mine".into();
        past["activities"][0]["status"] = status.into();
        missing()
            .example("positions_GET_v2_200")
            .example("workingorders_GET_v2_200")
            .answer(200, &past)
    };
    for (floor, outcome, id) in [
        (missing().answer(200, &positions), DealOutcome::Done, Some("ABCDE12345")),
        (
            missing().example("positions_GET_v2_200").answer(200, &orders),
            DealOutcome::Done,
            Some("ABCD1234"),
        ),
        (past("ACCEPTED"), DealOutcome::Done, Some("DIAAAAE39UG9VA6")),
        (past("REJECTED"), DealOutcome::Rejected, Some("DIAAAAE39UG9VA6")),
        (past("UNKNOWN"), DealOutcome::Unknown, Some("DIAAAAE39UG9VA6")),
        (past("SOMETHING_NEW"), DealOutcome::Unknown, Some("DIAAAAE39UG9VA6")),
    ] {
        let desk = Desk::new(&floor).await;
        let deal = desk.trading().deal(&desk.api, "mine").await.unwrap();
        assert_eq!((deal.outcome, deal.deal_id.as_deref()), (outcome, id));
        assert_eq!((deal.reference.as_str(), floor.left()), ("mine", 0));
    }
    let desk = Desk::new(&Floor::default()).await;
    for none in ["", "a.b", "a/b", &"a".repeat(31), "effect.x"] {
        assert_eq!(super::blamed(desk.trading().deal(&desk.api, none).await), "/reference");
    }
}
