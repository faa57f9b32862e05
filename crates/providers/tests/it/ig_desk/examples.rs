//! Every example of the contract of markets and trading is understood.

use evergrant::capability::HistoryQuery;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use super::{Desk, Floor, example, given, once};

/// A connected account whose next call is answered with this example.
async fn answering(name: &str) -> (Floor, Desk) {
    let floor = Floor::default().example(name);
    let desk = Desk::new(&floor).await;
    (floor, desk)
}

#[tokio::test]
async fn accounts_have_money_or_not() {
    for name in ["accounts_GET_v1_200", "accounts_GET_v1_200_b"] {
        let (floor, desk) = answering(name).await;
        assert_json_snapshot!(name, desk.trading().accounts(&desk.api).await.unwrap());
        assert_eq!(floor.asked(), ["GET /accounts"]);
    }
}

#[tokio::test]
async fn the_tree_has_nodes_or_markets() {
    let (floor, desk) = answering("marketnavigation_GET_v1_200_root").await;
    assert_json_snapshot!("root", desk.markets().navigate(&desk.api, None).await.unwrap());
    assert_eq!(floor.asked(), ["GET /marketnavigation"]);
    let (floor, desk) = answering("marketnavigation_nodeId_GET_v1_200_leaf").await;
    assert_json_snapshot!(
        "leaf",
        desk.markets().navigate(&desk.api, Some("404243")).await.unwrap()
    );
    assert_eq!(floor.asked(), ["GET /marketnavigation/404243"]);
}

#[tokio::test]
async fn categories_stand_in_for_the_tree() {
    let floor = Floor::default()
        .example("error_invalid-url_404")
        .example("categories_GET_v1_200")
        .example("categories_id_instruments_GET_v1_200")
        .answer(200, &json!({ "instruments": [], "metadata": {} }));
    let desk = Desk::new(&floor).await;
    let root = desk.markets().navigate(&desk.api, None).await.unwrap();
    assert_json_snapshot!("categories", root);
    let leaf = desk.markets().navigate(&desk.api, Some(&root.nodes[0].id)).await.unwrap();
    assert_json_snapshot!("category", leaf);
    assert_eq!(
        floor.asked()[2..],
        [
            "GET /categories/INDICES/instruments?pageNumber=0&pageSize=1000",
            "GET /categories/INDICES/instruments?pageNumber=1&pageSize=1000",
        ]
    );
}

#[tokio::test]
async fn markets_are_found_and_told() {
    for name in ["markets_searchTerm_GET_v1_200", "markets_searchTerm_GET_v1_200_empty"] {
        let (floor, desk) = answering(name).await;
        assert_json_snapshot!(name, desk.markets().search(&desk.api, " pf&e ").await.unwrap());
        assert_eq!(floor.asked(), ["GET /markets?searchTerm=pf&e"]);
        assert!(floor.requests()[0].uri().query().unwrap().ends_with("=pf%26e"));
    }
    for name in ["markets_epic_GET_v3_200", "markets_epic_GET_v3_200_ftse"] {
        let (floor, desk) = answering(name).await;
        let told = desk.markets().market(&desk.api, "IX.D.FTSE.CFD.IP").await.unwrap();
        assert_json_snapshot!(name, told);
        assert_eq!(floor.asked(), ["GET /markets/IX.D.FTSE.CFD.IP"]);
        assert_eq!(super::version(&floor.requests()[0]), "3");
    }
    // Several at once have the same form in a list.
    for name in ["markets_epics_GET_v2_200", "markets_epics_GET_v2_SNAPSHOT_ONLY_200"] {
        for (n, one) in example(name)["marketDetails"].as_array().unwrap().iter().enumerate() {
            let floor = Floor::default().answer(200, one);
            let desk = Desk::new(&floor).await;
            let told = desk.markets().market(&desk.api, "IX.D.FTSE.CFD.IP").await.unwrap();
            assert_json_snapshot!(format!("{name}_{n}"), told);
        }
    }
}

#[tokio::test]
async fn how_clients_stand_is_told() {
    let ids = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>();
    let (floor, desk) = answering("clientsentiment_marketId_GET_v1_200").await;
    let one = desk.markets().sentiment(&desk.api, &ids(&["FT100"])).await.unwrap();
    assert_json_snapshot!("sentiment_one", one);
    assert_eq!(floor.asked(), ["GET /clientsentiment/FT100"]);
    let (floor, desk) = answering("clientsentiment_marketIds_GET_v1_200").await;
    let many = desk.markets().sentiment(&desk.api, &ids(&["FT100", "EURUSD"])).await.unwrap();
    assert_json_snapshot!("sentiment_many", many);
    assert_eq!(floor.asked(), ["GET /clientsentiment?marketIds=FT100,EURUSD"]);
    let (floor, desk) = answering("clientsentiment_related_GET_v1_200").await;
    let related = desk.markets().related_sentiment(&desk.api, "FT100").await.unwrap();
    assert_json_snapshot!("sentiment_related", related);
    assert_eq!(floor.asked(), ["GET /clientsentiment/related/FT100"]);
}

#[tokio::test]
async fn lists_of_markets_are_kept() {
    let (_, desk) = answering("watchlists_GET_v1_200").await;
    assert_json_snapshot!("watchlists", desk.markets().watchlists(&desk.api).await.unwrap());
    let (floor, desk) = answering("watchlists_id_GET_v1_200").await;
    assert_json_snapshot!("watchlist", desk.markets().watchlist(&desk.api, "1").await.unwrap());
    assert_eq!(floor.asked(), ["GET /watchlists/1"]);
    for (name, complete) in
        [("watchlists_POST_v1_200", true), ("watchlists_POST_v1_200_partial", false)]
    {
        let (floor, desk) = answering(name).await;
        let list = given(example("watchlists_POST_v1_request"));
        let made = desk.markets().create_watchlist(&desk.api, &list).await.unwrap();
        assert_eq!(made.complete, complete);
        assert_eq!(super::body(&floor.requests()[0]), example("watchlists_POST_v1_request"));
    }
    let name = "watchlists_id_PUT_v1_200";
    let floor = Floor::default().example(name).example(name).example(name);
    let desk = Desk::new(&floor).await;
    let (markets, epic) = (desk.markets(), "CS.D.EURUSD.CFD.IP");
    markets.add_to_watchlist(&desk.api, "1", epic).await.unwrap();
    markets.remove_from_watchlist(&desk.api, "1", epic).await.unwrap();
    markets.delete_watchlist(&desk.api, "1").await.unwrap();
    assert_eq!(
        floor.asked(),
        ["PUT /watchlists/1", "DELETE /watchlists/1/CS.D.EURUSD.CFD.IP", "DELETE /watchlists/1"]
    );
    assert_eq!(super::body(&floor.requests()[0]), json!({ "epic": epic }));
}

#[tokio::test]
async fn positions_are_told_in_both_versions() {
    for name in ["positions_GET_v2_200", "positions_GET_v2_200_empty", "positions_GET_v1_200"] {
        let (floor, desk) = answering(name).await;
        assert_json_snapshot!(name, desk.trading().positions(&desk.api).await.unwrap());
        assert_eq!(floor.asked(), ["GET /positions"]);
        assert_eq!(super::version(&floor.requests()[0]), "2");
    }
    let (floor, desk) = answering("positions_dealId_GET_v2_200").await;
    assert_json_snapshot!("position", desk.trading().position(&desk.api, "12345").await.unwrap());
    assert_eq!(floor.asked(), ["GET /positions/12345"]);
}

#[tokio::test]
async fn orders_are_told_in_both_versions() {
    for name in ["workingorders_GET_v2_200", "workingorders_GET_v1_200"] {
        let (_, desk) = answering(name).await;
        assert_json_snapshot!(name, desk.trading().orders(&desk.api).await.unwrap());
    }
}

#[tokio::test]
async fn confirmations_are_told() {
    for name in [
        "confirms_GET_v1_200_accepted_open",
        "confirms_GET_v1_200_accepted_close",
        "confirms_GET_v1_200_rejected",
    ] {
        let (floor, desk) = answering(name).await;
        assert_json_snapshot!(name, desk.trading().deal(&desk.api, "FAKEREF").await.unwrap());
        assert_eq!(floor.asked(), ["GET /confirms/FAKEREF"]);
    }
}

#[tokio::test]
async fn the_past_is_told() {
    let query = HistoryQuery::default();
    for name in [
        "history_activity_GET_v3_detailed_200",
        "history_activity_GET_v3_200_page1",
        "history_activity_GET_v3_200_last",
        "history_activity_GET_v1_200",
    ] {
        let (_, desk) = answering(name).await;
        let page = desk.trading().activity(&desk.api, &query, None).await.unwrap();
        assert_json_snapshot!(name, json!({ "results": page.results, "next": page.next }));
    }
    let (_, desk) = answering("history_transactions_GET_v2_200").await;
    let page = desk.trading().transactions(&desk.api, &query, None).await.unwrap();
    assert_json_snapshot!("transactions", page.results);
    assert_eq!(page.next, None);
}

#[tokio::test]
async fn past_prices_are_told_in_every_version() {
    for name in [
        "prices_epic_GET_v3_200_minute",
        "prices_epic_GET_v3_200_day_range",
        "prices_epic_GET_v3_200_week_max",
        "prices_epic_resolution_GET_v1_200",
        "prices_epic_resolution_numpoints_GET_v2_200",
    ] {
        let (_, desk) = answering(name).await;
        let query = given(json!({}));
        let page = desk.markets().prices(&desk.api, "MT.D.GC.Month2.IP", &query, None).await;
        let mut page = page.unwrap();
        page.results.truncate(2);
        assert_json_snapshot!(name, page);
    }
}

/// A request of an example without what says nothing, and with flags that are flags.
fn plain(request: &Value) -> Value {
    let members = request.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    let flag = |value: &Value| match value.as_str() {
        Some("true") => true.into(),
        Some("false") => false.into(),
        _ => value.clone(),
    };
    Value::Object(members.map(|(name, value)| (name.clone(), flag(value))).collect())
}

#[tokio::test]
async fn deals_are_asked_for_as_in_the_examples() {
    // Opened, with a reference of ours.
    for (name, size) in [
        ("positions_otc_POST_v2_request_market", 1.0),
        ("positions_otc_POST_v2_request_trading-ig", 0.5),
    ] {
        let floor = Floor::default()
            .example("positions_otc_POST_v2_200")
            .example("confirms_GET_v1_200_accepted_open");
        let desk = Desk::new(&floor).await;
        let position = given(super::buy(json!({ "size": size })));
        let deal = desk.trading().open_position(&desk.api, once(), &position).await.unwrap();
        assert_json_snapshot!("opened", deal);
        let mut sent = super::body(&floor.requests()[0]);
        let mut theirs = plain(&example(name));
        let reference = sent.as_object_mut().unwrap().remove("dealReference").unwrap();
        assert_eq!(reference.as_str().unwrap().len(), 22);
        theirs.as_object_mut().unwrap().remove("dealReference");
        assert_eq!(sent, theirs, "{name}");
    }
    // Placed.
    let floor = Floor::default()
        .example("workingorders_otc_POST_v2_200")
        .example("confirms_GET_v1_200_accepted_open");
    let desk = Desk::new(&floor).await;
    let order = given(json!({
        "epic": "UD.D.TSLA.CASH.IP", "direction": "buy", "type": "limit", "size": 1.0,
        "level": 811.4, "expiry": "-", "currency": "USD", "force_open": true,
    }));
    desk.trading().place_order(&desk.api, once(), &order).await.unwrap();
    let mut sent = super::body(&floor.requests()[0]);
    sent.as_object_mut().unwrap().remove("dealReference").unwrap();
    let mut theirs = example("workingorders_otc_POST_v2_request");
    theirs["size"] = 1.0.into();
    assert_eq!(sent, theirs);
}

#[tokio::test]
async fn changes_and_closes_are_asked_for_as_in_the_examples() {
    let mut long = example("positions_dealId_GET_v2_200");
    long["position"]["dealId"] = "DIAAAABBBCCC01".into();
    long["position"]["size"] = 1.into();
    let floor = Floor::default()
        .answer(200, &long)
        .example("positions_otc_dealId_PUT_v2_200")
        .example("confirms_GET_v1_200_accepted_open")
        .answer(200, &long)
        .example("positions_otc_DELETE_v1_200")
        .example("confirms_GET_v1_200_accepted_close");
    let desk = Desk::new(&floor).await;
    let changes = given(json!({ "limit_level": 950.4, "stop_level": null }));
    let id = "DIAAAABBBCCC01";
    desk.trading().amend_position(&desk.api, once(), id, &changes).await.unwrap();
    let close = given(json!({}));
    let deal = desk.trading().close_position(&desk.api, once(), id, &close).await.unwrap();
    assert_json_snapshot!("closed", deal);
    let dealt = floor.dealt();
    assert_eq!(super::body(&dealt[0]), example("positions_otc_dealId_PUT_v2_request"));
    assert_eq!((dealt[0].method().as_str(), super::version(&dealt[0])), ("PUT", "2"));
    assert_eq!(super::body(&dealt[1]), example("positions_otc_DELETE_v1_request"));
    let theirs = plain(&example("positions_otc_DELETE_v1_request_trading-ig"));
    assert_eq!(super::body(&dealt[1]), theirs);
    assert_eq!((dealt[1].method().as_str(), super::version(&dealt[1])), ("POST", "1"));
    assert_eq!(dealt[1].headers()["_method"], "DELETE");
}

#[tokio::test]
async fn orders_are_changed_and_cancelled_as_in_the_examples() {
    let floor = Floor::default()
        .example("workingorders_GET_v2_200")
        .example("workingorders_otc_dealId_PUT_v2_200")
        .example("confirms_GET_v1_200_accepted_open")
        .example("workingorders_GET_v2_200")
        .example("workingorders_otc_dealId_DELETE_v2_200")
        .example("confirms_GET_v1_200_accepted_open");
    let desk = Desk::new(&floor).await;
    let changes = given(json!({ "level": 2001.0, "limit_distance": null }));
    desk.trading().amend_order(&desk.api, once(), "ABCD1234", &changes).await.unwrap();
    desk.trading().cancel_order(&desk.api, once(), "ABCD1234").await.unwrap();
    let dealt = floor.dealt();
    assert_eq!(
        super::body(&dealt[0]),
        json!({
            "type": "STOP", "level": 2001.0, "timeInForce": "GOOD_TILL_CANCELLED",
            "stopDistance": 5.0, "limitDistance": null, "guaranteedStop": false,
        })
    );
    assert_eq!(super::told(&dealt[1]), "DELETE /workingorders/otc/ABCD1234");
    assert_eq!(super::version(&dealt[1]), "2");
}
