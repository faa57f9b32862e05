//! Past prices, their pages and their allowance.

use std::time::Duration;

use evergrant::CallError;
use evergrant::capability::{Cursor, PriceQuery};
use serde_json::{Value, json};

use super::{Desk, Floor, blamed, example, given};

const EPIC: &str = "MT.D.GC.Month2.IP";

/// An answer that is one page of several.
fn page(pages: u32, remaining: u32) -> Value {
    let mut page = example("prices_epic_GET_v3_200_day_range");
    page["metadata"]["pageData"]["totalPages"] = pages.into();
    page["metadata"]["allowance"]["remainingAllowance"] = remaining.into();
    page
}

#[tokio::test]
async fn prices_are_asked_for_by_a_span_or_by_number() {
    let floor = Floor::default().answer(200, &page(0, 500)).answer(200, &page(0, 500));
    let desk = Desk::new(&floor).await;
    let span = json!({
        "resolution": "day", "from": "2020-09-01T02:00:00+02:00", "to": "2020-09-05T00:00:00Z",
        "max": 3,
    });
    for query in [span, json!({ "max": 3, "limit": 5 })] {
        let page = desk.markets().prices(&desk.api, EPIC, &given(query), None).await.unwrap();
        assert_eq!(page.next, None);
    }
    assert_eq!(
        floor.asked(),
        [
            "GET /prices/MT.D.GC.Month2.IP?resolution=DAY&from=2020-09-01T00:00:00&\
             to=2020-09-05T00:00:00&pageSize=20&pageNumber=1",
            "GET /prices/MT.D.GC.Month2.IP?resolution=MINUTE&max=3&pageSize=5&pageNumber=1",
        ]
    );
    assert_eq!(super::version(&floor.requests()[0]), "3");
}

#[tokio::test]
async fn pages_of_prices_go_on_by_number_and_end_when_they_began_to_be_read() {
    let floor = Floor::default().answer(200, &page(2, 500)).answer(200, &page(2, 496));
    let desk = Desk::new(&floor).await;
    let query: PriceQuery = given(json!({ "from": "2020-09-01T00:00:00Z", "limit": 4 }));
    let first = desk.markets().prices(&desk.api, EPIC, &query, None).await.unwrap();
    let next = first.next.unwrap();
    desk.clock.advance(Duration::from_hours(1));
    let last = desk.markets().prices(&desk.api, EPIC, &query, Some(&next)).await.unwrap();
    assert_eq!(last.next, None);
    let asked = floor.asked();
    assert_eq!(asked[1], asked[0].replace("pageNumber=1", "pageNumber=2"));

    // A cursor leads to its own list or nowhere.
    let other = PriceQuery { limit: Some(5), ..query.clone() };
    for (epic, query, cursor) in [
        ("CS.D.EURUSD.CFD.IP", &query, &next),
        (EPIC, &other, &next),
        (EPIC, &query, &Cursor("2".to_owned())),
        (EPIC, &query, &Cursor(next.0.replace("2.", "-2."))),
    ] {
        let refused = desk.markets().prices(&desk.api, epic, query, Some(cursor)).await;
        assert_eq!(blamed(refused), "/cursor");
    }
    let within = desk.api.clone().within("OTHER1");
    let refused = desk.markets().prices(&within, EPIC, &query, Some(&next)).await;
    assert_eq!(blamed(refused), "/cursor");
}

#[tokio::test]
async fn the_last_so_many_prices_stay_the_same_ones_from_page_to_page() {
    let floor = Floor::default().answer(200, &page(2, 500)).answer(200, &page(2, 496));
    let desk = Desk::new(&floor).await;
    let query: PriceQuery = given(json!({ "max": 8, "limit": 4, "resolution": "day" }));
    let first = desk.markets().prices(&desk.api, EPIC, &query, None).await.unwrap();
    let (from, to) = (first.results[0].time.unwrap(), desk.api.now());
    desk.clock.advance(Duration::from_hours(48));
    let next = first.next.unwrap();
    let last = desk.markets().prices(&desk.api, EPIC, &query, Some(&next)).await.unwrap();
    assert_eq!(last.next, None);
    let form = "%Y-%m-%dT%H:%M:%S";
    let span = format!("from={}&to={}", from.strftime(form), to.strftime(form));
    assert_eq!(
        floor.asked(),
        [
            format!("GET /prices/{EPIC}?resolution=DAY&max=8&pageSize=4&pageNumber=1"),
            format!("GET /prices/{EPIC}?resolution=DAY&{span}&pageSize=4&pageNumber=2"),
        ]
    );
}

#[tokio::test]
async fn an_allowance_is_renewed_within_a_week_whatever_is_said() {
    let mut page = page(1, 9);
    for expiry in [json!(10_000_000_000_u64), json!("9223372036854775807")] {
        page["metadata"]["allowance"]["allowanceExpiry"] = expiry;
        let desk = Desk::new(&Floor::default().answer(200, &page)).await;
        let query: PriceQuery = given(json!({ "max": 4 }));
        let told = desk.markets().prices(&desk.api, EPIC, &query, None).await.unwrap();
        let renewed = told.allowance.unwrap().renewed_at;
        assert_eq!(renewed, desk.api.now() + Duration::from_hours(7 * 24));
    }
}

#[tokio::test]
async fn what_is_left_of_the_allowance_holds_for_the_next_call() {
    // Before a call waits, IG is asked what it allows.
    let floor = Floor::default().answer(200, &page(1, 9)).page(404);
    let desk = Desk::new(&floor).await;
    let query: PriceQuery = given(json!({ "max": 10 }));
    let told = desk.markets().prices(&desk.api, EPIC, &query, None).await.unwrap();
    let allowance = told.allowance.unwrap();
    assert_eq!((allowance.remaining, allowance.total), (9, 10_000));
    assert_eq!(allowance.renewed_at, desk.api.now() + Duration::from_secs(50_000));
    // Ten more are not to be had, and nobody asks for them.
    let refused = desk.run(desk.markets().prices(&desk.api, EPIC, &query, None)).await;
    assert!(matches!(refused, Err(CallError::Throttled { retry_after: Some(_) })), "{refused:?}");
    let asked = floor.asked();
    let prices = asked.iter().filter(|asked| asked.contains("/prices/")).count();
    assert_eq!(prices, 1, "{asked:?}");
}

#[tokio::test]
async fn prices_that_cannot_be_asked_for_are_refused_before_they_are() {
    let desk = Desk::new(&Floor::default()).await;
    for (query, pointer) in [
        (json!({ "from": "2020-09-02T00:00:00Z", "to": "2020-09-01T00:00:00Z" }), "/to"),
        (json!({ "to": "2020-09-01T00:00:00Z" }), "/from"),
        (json!({ "resolution": "fortnight" }), "/resolution"),
        (json!({ "max": 0 }), "/max"),
        (json!({ "limit": 0 }), "/limit"),
    ] {
        let refused = desk.markets().prices(&desk.api, EPIC, &given(query.clone()), None).await;
        assert_eq!(blamed(refused), pointer, "{query}");
    }
    let refused = desk.markets().prices(&desk.api, "no", &given(json!({})), None).await;
    assert_eq!(blamed(refused), "/epic");
}
