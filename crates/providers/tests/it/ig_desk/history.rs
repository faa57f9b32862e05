//! The past, page by page.

use evergrant::CallError;
use evergrant::capability::{Cursor, HistoryQuery};
use serde_json::json;

use super::{Desk, Floor, blamed, example, given};

fn january() -> HistoryQuery {
    given(json!({ "from": "2021-01-01T00:00:00Z", "to": "2021-02-01T00:00:00Z", "limit": 10 }))
}

#[tokio::test]
async fn activity_goes_on_where_ig_says() {
    let floor = Floor::default()
        .example("history_activity_GET_v3_200_page1")
        .example("history_activity_GET_v3_200_last");
    let desk = Desk::new(&floor).await;
    let first = desk.trading().activity(&desk.api, &january(), None).await.unwrap();
    let next = first.next.unwrap();
    let last = desk.trading().activity(&desk.api, &january(), Some(&next)).await.unwrap();
    assert_eq!(last.next, None);
    assert_eq!(
        floor.asked(),
        [
            "GET /history/activity?from=2021-01-01T00:00:00&to=2021-02-01T00:00:00&detailed=true&\
             pageSize=10",
            "GET /history/activity?version=3&from=2016-05-27T00:00:00&to=2016-05-27T09:04:49&\
             detailed=true&pageSize=10",
        ]
    );
    assert!(floor.requests().iter().all(|request| super::version(request) == "3"));
}

#[tokio::test]
async fn a_cursor_of_activity_leads_there_or_nowhere() {
    let floor = Floor::default().example("history_activity_GET_v3_200_page1");
    let desk = Desk::new(&floor).await;
    let read = desk.trading().activity(&desk.api, &january(), None).await.unwrap();
    let next = read.next.unwrap();
    // Another list, or the same in another account.
    let other = HistoryQuery { deal_id: Some("D".to_owned()), ..january() };
    let refused = desk.trading().activity(&desk.api, &other, Some(&next)).await;
    assert_eq!(blamed(refused.map(|page| page.results)), "/cursor");
    let within = desk.api.clone().within("OTHER1");
    let refused = desk.trading().activity(&within, &january(), Some(&next)).await;
    assert_eq!(blamed(refused.map(|page| page.results)), "/cursor");
    let (list, path) = next.0.split_once(".0.").unwrap();
    for elsewhere in [
        "",
        "2",
        list,
        &format!("-1.{path}"),
        &format!("{list}.x.{path}"),
        "/history/activity",
        "/history/transactions?from=a&to=b",
        "/history/activity/../transactions?from=a",
        "https://other.example/history/activity?from=a",
        "//other.example/history/activity?from=a",
        "/history/activity?from=a b",
        "/history/activity?from=a#b",
    ] {
        for cursor in [elsewhere.to_owned(), format!("{list}.0.{elsewhere}")] {
            let cursor = Cursor(cursor);
            let refused = desk.trading().activity(&desk.api, &january(), Some(&cursor)).await;
            let refused = refused.map(|page| page.results);
            assert_eq!(blamed(refused), "/cursor", "{elsewhere}");
        }
    }
}

#[tokio::test]
async fn a_page_has_no_more_than_was_asked_for_and_nothing_gets_lost() {
    let of = |ids: std::ops::Range<u32>, next: Option<&str>| {
        let activities: Vec<_> = ids.map(|id| json!({ "dealId": id.to_string() })).collect();
        json!({ "activities": activities, "metadata": { "paging": { "next": next } } })
    };
    let first = of(0..10, Some("/history/activity?from=a&to=b&pageSize=10"));
    let floor = (0..3).fold(Floor::default(), |floor, _| floor.answer(200, &first));
    let floor = floor.answer(200, &of(10..12, None));
    let desk = Desk::new(&floor).await;
    let query = HistoryQuery { limit: Some(4), ..january() };
    let (mut seen, mut sizes, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let page = desk.trading().activity(&desk.api, &query, cursor.as_ref()).await.unwrap();
        sizes.push(page.results.len());
        seen.extend(page.results.into_iter().filter_map(|one| one.deal_id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [4, 4, 2, 2]);
    assert_eq!(seen, (0..12).map(|id| id.to_string()).collect::<Vec<_>>());
    let asked = floor.asked();
    assert!(asked[0].ends_with("&pageSize=10"), "{}", asked[0]);
    assert_eq!((&asked[1], &asked[2]), (&asked[0], &asked[0]));
}

#[tokio::test]
async fn activity_that_leads_elsewhere_or_back_is_unreadable() {
    let page = |next: &str| json!({ "activities": [], "metadata": { "paging": { "next": next } } });
    let floor = Floor::default().answer(200, &page("/positions?x=1"));
    let desk = Desk::new(&floor).await;
    let led = desk.trading().activity(&desk.api, &january(), None).await;
    assert!(matches!(led, Err(CallError::Unreadable(_))), "{led:?}");

    let here = "/history/activity?from=a&to=b";
    let floor = Floor::default().answer(200, &page(here)).answer(200, &page(here));
    let desk = Desk::new(&floor).await;
    let first = desk.trading().activity(&desk.api, &january(), None).await.unwrap();
    let led = desk.trading().activity(&desk.api, &january(), first.next.as_ref()).await;
    assert!(matches!(led, Err(CallError::Unreadable(_))), "{led:?}");
}

#[tokio::test]
async fn transactions_go_on_by_number_and_end_when_they_began_to_be_read() {
    let mut page = example("history_transactions_GET_v2_200");
    page["metadata"]["pageData"]["totalPages"] = "2".into();
    let floor = Floor::default().answer(200, &page).answer(200, &page);
    let desk = Desk::new(&floor).await;
    let query: HistoryQuery = given(json!({ "type": "deposit", "limit": 2 }));
    let first = desk.trading().transactions(&desk.api, &query, None).await.unwrap();
    let next = first.next.unwrap();
    desk.clock.advance(std::time::Duration::from_hours(1));
    let last = desk.trading().transactions(&desk.api, &query, Some(&next)).await.unwrap();
    assert_eq!(last.next, None);
    let asked = floor.asked();
    assert!(asked[0].starts_with("GET /history/transactions?type=DEPOSIT&from="), "{}", asked[0]);
    assert!(asked[0].ends_with("&pageSize=2&pageNumber=1"), "{}", asked[0]);
    assert_eq!(asked[1], asked[0].replace("pageNumber=1", "pageNumber=2"));

    let another = HistoryQuery { kind: None, ..query };
    for (query, cursor) in [
        (&another, &next),
        (&another, &Cursor("2".to_owned())),
        (&another, &Cursor("x.y.z".to_owned())),
    ] {
        let refused = desk.trading().transactions(&desk.api, query, Some(cursor)).await;
        assert_eq!(blamed(refused.map(|page| page.results)), "/cursor");
    }
}

#[tokio::test]
async fn a_past_that_cannot_be_asked_for_is_refused_before_it_is() {
    let desk = Desk::new(&Floor::default()).await;
    let backwards = json!({ "from": "2021-02-01T00:00:00Z", "to": "2021-01-01T00:00:00Z" });
    for (query, pointer) in [
        (backwards.clone(), "/to"),
        (json!({ "type": "ALL" }), "/type"),
        (json!({ "limit": 0 }), "/limit"),
        (json!({ "limit": 501 }), "/limit"),
    ] {
        let refused = desk.trading().activity(&desk.api, &given(query.clone()), None).await;
        assert_eq!(blamed(refused.map(|page| page.results)), pointer, "{query}");
    }
    for (query, pointer) in [
        (backwards, "/to"),
        (json!({ "type": "GIFT" }), "/type"),
        (json!({ "deal_id": "D" }), "/deal_id"),
        (json!({ "limit": 0 }), "/limit"),
    ] {
        let refused = desk.trading().transactions(&desk.api, &given(query.clone()), None).await;
        assert_eq!(blamed(refused.map(|page| page.results)), pointer, "{query}");
    }
}
