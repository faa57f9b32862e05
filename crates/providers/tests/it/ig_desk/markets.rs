//! The tree and what stands in for it; answers that nobody foresaw.

use std::time::Duration;

use evergrant::capability::MarketStatus;
use evergrant::{CallError, Denial};
use serde_json::{Value, json};

use super::{Desk, Floor, blamed, example, given};

const TREE: &str = "GET /marketnavigation";

#[tokio::test]
async fn a_tree_that_is_gone_is_not_asked_for_again_within_an_hour() {
    for gone in [Floor::default().example("error_invalid-url_404"), Floor::default().page(404)] {
        let floor = gone
            .example("categories_GET_v1_200")
            .example("categories_GET_v1_200")
            .example("marketnavigation_GET_v1_200_root");
        let desk = Desk::new(&floor).await;
        let markets = desk.markets();
        markets.navigate(&desk.api, None).await.unwrap();
        // A node of the tree is gone with it, and nobody is asked.
        let node = markets.navigate(&desk.api, Some("404243")).await;
        let Err(CallError::Denied { denial: Denial::ItemNotFound, failure }) = node else {
            panic!("{node:?}");
        };
        assert!(failure.message.contains("tree"), "{}", failure.message);
        desk.clock.advance(Duration::from_mins(59));
        markets.navigate(&desk.api, None).await.unwrap();
        desk.clock.advance(Duration::from_mins(1));
        let root = markets.navigate(&desk.api, None).await.unwrap();
        assert_eq!(root.nodes[0].id, "404243");
        assert_eq!(floor.asked(), [TREE, "GET /categories", "GET /categories", TREE]);
    }
}

#[tokio::test]
async fn a_node_that_is_not_there_does_not_take_the_tree_away() {
    let floor = Floor::default()
        .example("error_invalid-url_404")
        .example("marketnavigation_GET_v1_200_root");
    let desk = Desk::new(&floor).await;
    let node = desk.markets().navigate(&desk.api, Some("1")).await;
    assert!(matches!(node, Err(CallError::Denied { denial: Denial::ItemNotFound, .. })));
    desk.markets().navigate(&desk.api, None).await.unwrap();
    for bad in ["", "..", "a/b", "category:", "category:../x"] {
        assert_eq!(blamed(desk.markets().navigate(&desk.api, Some(bad)).await), "/node", "{bad}");
    }
}

#[tokio::test]
async fn a_category_is_read_to_its_first_empty_page_and_no_further() {
    let page = |epics: &[&str]| {
        let one = |epic: &&str| json!({ "epic": epic, "instrumentName": epic });
        json!({ "instruments": epics.iter().map(one).collect::<Vec<_>>() })
    };
    let floor = Floor::default()
        .answer(200, &page(&["A", "B"]))
        .answer(200, &page(&["C"]))
        .answer(200, &page(&[]));
    let desk = Desk::new(&floor).await;
    let leaf = desk.markets().navigate(&desk.api, Some("category:INDICES")).await.unwrap();
    let epics: Vec<String> = leaf.markets.into_iter().map(|market| market.epic).collect();
    assert_eq!(epics, ["A", "B", "C"]);
    // One whose pages come again has no end.
    for pages in [&["A", "A"][..], &["A", "B", "A"]] {
        let pages = pages.iter().map(|epic| page(&[epic]));
        let floor = pages.fold(Floor::default(), |floor, page| floor.answer(200, &page));
        let desk = Desk::new(&floor).await;
        let leaf = desk.markets().navigate(&desk.api, Some("category:INDICES")).await;
        assert!(matches!(leaf, Err(CallError::Unreadable(_))), "{leaf:?}");
        assert_eq!(floor.left(), 0);
    }
}

#[tokio::test]
async fn what_is_new_missing_or_otherwise_written_costs_no_answer() {
    let odd = json!({ "markets": [
        {
            "epic": "CS.D.EURUSD.CFD.IP", "bid": "1.075", "offer": null, "high": "-",
            "marketStatus": "HALF_OPEN", "delayTime": "15", "streamingPricesAvailable": "true",
            "mood": { "good": true },
        },
        {},
        null,
    ] });
    let floor = Floor::default().answer(200, &odd);
    let desk = Desk::new(&floor).await;
    let found = desk.markets().search(&desk.api, "x").await.unwrap();
    let one = &found[0];
    assert_eq!((one.bid, one.offer, one.high), (Some(1.075), None, None));
    assert_eq!(one.status, Some(MarketStatus::Other("HALF_OPEN".to_owned())));
    assert_eq!((one.delay_minutes, one.streaming), (Some(15), Some(true)));
    assert_eq!(Value::Object(one.extra.clone()), json!({ "high": "-", "mood": { "good": true } }));
    assert_eq!(found.len(), 3);
}

#[tokio::test]
async fn a_page_of_html_is_unreadable_and_a_missing_market_is_not_found() {
    let floor = Floor::default()
        .page(200)
        .answer(404, &json!({ "errorCode": "error.public-api.epic-not-found" }));
    let desk = Desk::new(&floor).await;
    let found = desk.markets().search(&desk.api, "gold").await;
    assert!(matches!(found, Err(CallError::Unreadable(_))), "{found:?}");
    let told = desk.markets().market(&desk.api, "CS.D.NOBODY.CFD.IP").await;
    assert!(matches!(told, Err(CallError::Denied { denial: Denial::ItemNotFound, .. })));
}

#[tokio::test]
async fn a_position_without_what_makes_it_one_is_unreadable() {
    for member in ["dealId", "direction", "size"] {
        let mut positions = example("positions_GET_v2_200");
        positions["positions"][0]["position"].as_object_mut().unwrap().remove(member);
        let desk = Desk::new(&Floor::default().answer(200, &positions)).await;
        let read = desk.trading().positions(&desk.api).await;
        assert!(matches!(read, Err(CallError::Unreadable(_))), "{member}: {read:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_looked_for_is_refused_before_anybody_is_asked() {
    let desk = Desk::new(&Floor::default()).await;
    let (markets, api) = (desk.markets(), &desk.api);
    assert_eq!(blamed(markets.search(api, " ").await), "/search");
    assert_eq!(blamed(markets.market(api, "a/b").await), "/epic");
    assert_eq!(blamed(markets.sentiment(api, &[]).await), "/markets");
    assert_eq!(blamed(markets.sentiment(api, &["a/b".to_owned()]).await), "/markets");
    assert_eq!(blamed(markets.related_sentiment(api, "").await), "/markets");
    assert_eq!(blamed(markets.watchlist(api, "..").await), "/id");
    let list = given(json!({ "name": " " }));
    assert_eq!(blamed(markets.create_watchlist(api, &list).await), "/name");
    let list = given(json!({ "name": "a", "epics": ["CS.D.EURUSD.CFD.IP", "x"] }));
    assert_eq!(blamed(markets.create_watchlist(api, &list).await), "/epics/1");
    assert_eq!(blamed(markets.add_to_watchlist(api, "1", "x").await), "/epic");
}

#[tokio::test]
async fn a_call_acts_in_the_chosen_account() {
    let floor = Floor::default()
        .example("positions_GET_v2_200_empty")
        .example("positions_GET_v2_200_empty");
    let desk = Desk::new(&floor).await;
    desk.trading().positions(&desk.api).await.unwrap();
    desk.trading().positions(&desk.api.clone().within("XYZ987")).await.unwrap();
    let accounts: Vec<String> = floor
        .requests()
        .iter()
        .map(|request| request.headers()["ig-account-id"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(accounts, ["ABC123", "XYZ987"]);
}
