//! Finding markets.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Desk, assert_refused, trader};

/// All nodes below the root, and all markets on leaves.
async fn walk(desk: &Desk) -> (Vec<String>, Vec<Value>) {
    let (mut ids, mut markets) = (Vec::new(), Vec::new());
    let root = desk.get("/marketnavigation").await.json;
    assert!(root["markets"].is_null());
    let mut open = root["nodes"].as_array().unwrap().clone();
    while let Some(node) = open.pop() {
        let id = node["id"].as_str().unwrap().to_owned();
        assert!(id.chars().all(|c| c.is_ascii_digit()), "{id}");
        let answer = desk.get(&format!("/marketnavigation/{id}")).await.json;
        match (answer["nodes"].as_array(), answer["markets"].as_array()) {
            (Some(nodes), None) => open.extend(nodes.iter().cloned()),
            (None, Some(found)) => markets.extend(found.iter().cloned()),
            other => panic!("{id} is neither a leaf nor a branch: {other:?}"),
        }
        ids.push(id);
    }
    (ids, markets)
}

#[tokio::test]
async fn the_tree_ends_and_each_of_its_markets_is_found_by_search_and_by_epic() {
    let desk = trader().await;
    let (ids, markets) = walk(&desk).await;
    assert!(ids.len() >= 500, "{} nodes", ids.len());
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "ids are unique");
    assert!(markets.len() >= 500, "{} markets", markets.len());
    let epics: Vec<_> = markets.iter().map(|market| market["epic"].as_str().unwrap()).collect();
    for epics in epics.chunks(50) {
        let path = format!("/markets?epics={}", epics.join(","));
        let answer = desk.send("GET", &path, 2, &Value::Null).await.ok();
        assert_eq!(answer["marketDetails"].as_array().unwrap().len(), epics.len());
    }
    for market in markets.iter().step_by(7) {
        let name: String = url::form_urlencoded::byte_serialize(
            market["instrumentName"].as_str().unwrap().as_bytes(),
        )
        .collect();
        let found = desk.get(&format!("/markets?searchTerm={name}")).await.ok();
        let found = found["markets"].as_array().unwrap();
        assert!(found.iter().any(|one| one["epic"] == market["epic"]), "{market}");
    }
}

#[tokio::test]
async fn a_category_ends_with_an_empty_page_and_has_every_market_once() {
    let desk = trader().await;
    let (_, leaves) = walk(&desk).await;
    let mut epics = BTreeSet::new();
    let categories = desk.get("/categories").await.ok();
    for category in categories["categories"].as_array().unwrap() {
        let code = category["code"].as_str().unwrap();
        for page in 0.. {
            let path = format!("/categories/{code}/instruments?pageNumber={page}&pageSize=37");
            let answer = desk.get(&path).await.ok();
            let found = answer["instruments"].as_array().unwrap();
            if found.is_empty() {
                break;
            }
            for one in found {
                assert!(epics.insert(one["epic"].as_str().unwrap().to_owned()), "{one} twice");
            }
        }
    }
    assert_eq!(epics.len(), leaves.len());
    for size in ["0", "1001", "many"] {
        let path = format!("/categories/INDICES/instruments?pageSize={size}");
        assert_refused(&desk.get(&path).await, 400, "error.request.invalid.page-size");
    }
    let all = desk.get("/categories/SHARES/instruments?pageSize=1000").await.ok();
    assert!(all["instruments"].as_array().unwrap().len() > 400);
}

#[tokio::test]
async fn what_does_not_exist_is_refused_with_the_code_of_the_contract() {
    let desk = trader().await;
    assert_refused(&desk.get("/marketnavigation/1").await, 404, "invalid.url");
    let none = desk.send("GET", "/markets/IX.D.NONE.CFD.IP", 3, &Value::Null).await;
    assert_refused(&none, 404, "error.public-api.epic-not-found");
    let one = "IX.D.FTSE.CFD.IP,";
    let path = format!("/markets?epics={}", one.repeat(51).trim_end_matches(','));
    let many = desk.send("GET", &path, 2, &Value::Null).await;
    assert_refused(&many, 400, "error.public-api.too-many-epics");
    let filter = desk.get("/markets?epics=IX.D.FTSE.CFD.IP&filter=SNAPSHOT_ONLY").await;
    assert_refused(&filter, 400, "invalid.input");
    let nothing = desk.get("/markets?searchTerm=nothing-of-that-name").await.ok();
    assert_eq!(nothing["markets"], serde_json::json!([]));
    let version = desk.send("GET", "/markets/IX.D.FTSE.CFD.IP", 5, &Value::Null).await;
    assert_refused(&version, 404, "invalid.url");
}

#[tokio::test]
async fn each_version_tells_of_a_market_what_belongs_to_it() {
    let desk = trader().await;
    let mut details = Vec::new();
    for version in 1..=4 {
        let path = "/markets/IX.D.FTSE.CFD.IP";
        details.push(desk.send("GET", path, version, &Value::Null).await.ok());
    }
    let has =
        |version: usize, part: &str, name: &str| details[version - 1][part].get(name).is_some();
    assert!(!has(2, "dealingRules", "controlledRiskSpacing"));
    assert!(has(3, "dealingRules", "controlledRiskSpacing"));
    assert!(has(3, "instrument", "marginDepositBands") && !has(4, "instrument", "marginFactor"));
    assert!(has(4, "instrument", "limitAllowed") && !has(3, "instrument", "limitAllowed"));
    assert!(!has(4, "dealingRules", "marketOrderPreference"));
}

#[tokio::test]
async fn shares_have_no_prices_where_nulls_are_faithful() {
    let desk = trader().await;
    let path = "/markets/UD.D.TSLA.CASH.IP";
    let kind = desk.send("GET", path, 3, &Value::Null).await.ok();
    assert!(kind["snapshot"]["bid"].is_number() && kind["instrument"]["contractSize"].is_string());
    desk.direct("faithful_nulls", serde_json::json!({ "on": true })).await;
    let faithful = desk.send("GET", path, 3, &Value::Null).await.ok();
    assert!(
        faithful["snapshot"]["bid"].is_null() && faithful["instrument"]["contractSize"].is_null()
    );
    let index = desk.send("GET", "/markets/IX.D.FTSE.CFD.IP", 3, &Value::Null).await.ok();
    assert!(index["snapshot"]["bid"].is_number());
}

#[tokio::test]
async fn opinions_add_up_and_are_known_of_related_markets() {
    let desk = trader().await;
    let both = desk.get("/client-sentiment/?marketIds=FT100,EURUSD").await.ok();
    let related = desk.get("/clientsentiment/related/FT100").await.ok();
    let all = [&both["clientSentiments"], &related["clientSentiments"]];
    assert_eq!(all.map(|list| list.as_array().unwrap().len()), [2, 5]);
    for one in all.into_iter().flat_map(|list| list.as_array().unwrap()) {
        let part = |name: &str| one[name].as_f64().unwrap();
        let sum = part("longPositionPercentage") + part("shortPositionPercentage");
        assert!((sum - 100.0).abs() < 1e-6, "{one}");
    }
    let one = desk.get("/clientsentiment/FT100").await.ok();
    assert_eq!(one, both["clientSentiments"][0]);
}

#[tokio::test]
async fn markets_are_closed_at_the_weekend_but_for_those_that_never_are() {
    let desk = trader().await;
    let status = async |epic: &str| {
        let path = format!("/markets/{epic}");
        let details = desk.send("GET", &path, 3, &Value::Null).await.ok();
        details["snapshot"]["marketStatus"].as_str().unwrap().to_owned()
    };
    assert_eq!(status("CS.D.EURUSD.CFD.IP").await, "TRADEABLE");
    super::advance(&desk, 12 * 3_600);
    assert_eq!(status("KA.D.VOD.CASH.IP").await, "EDITS_ONLY");
    super::advance(&desk, 60 * 3_600);
    assert_eq!(status("CS.D.EURUSD.CFD.IP").await, "CLOSED");
    assert_eq!(status("KA.D.VOD.CASH.IP").await, "CLOSED");
    assert_eq!(status(super::ALWAYS).await, "TRADEABLE");
    assert_eq!(status("CS.D.BITCOIN.CFD.IP").await, "TRADEABLE");
}
