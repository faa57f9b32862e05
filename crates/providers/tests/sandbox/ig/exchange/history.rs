//! What was done, and what it cost.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ALWAYS, Desk, assert_refused, at_1000, close, market, opened, pin, trader};

async fn activity(desk: &Desk, query: &str) -> Value {
    desk.send("GET", &format!("/history/activity/?{query}"), 3, &Value::Null).await.ok()
}

/// All activities along `next`, which each page has but the last.
async fn walk(desk: &Desk, query: &str) -> Vec<Value> {
    let (mut all, mut path) = (Vec::new(), format!("/history/activity?{query}"));
    loop {
        let page = desk.send("GET", &path, 3, &Value::Null).await.ok();
        let found = page["activities"].as_array().unwrap();
        assert_eq!(page["metadata"]["paging"]["size"], found.len());
        all.extend(found.iter().cloned());
        let Some(next) = page["metadata"]["paging"]["next"].as_str() else { return all };
        for part in ["/history/activity?version=3", "from=", "to=", "pageSize="] {
            assert!(next.contains(part), "{next} has {part}");
        }
        assert!(!found.is_empty());
        next.clone_into(&mut path);
    }
}

#[tokio::test]
async fn pages_lead_to_every_activity_once() {
    let desk = at_1000().await;
    // Many within one second, so that a page ends among them.
    for _ in 0..27 {
        opened(&desk, market("BUY", 0.1)).await;
    }
    let all = walk(&desk, "from=2000-01-01T00:00:00&pageSize=500&detailed=true").await;
    assert!(all.len() > 100, "{} with the past", all.len());
    let paged = walk(&desk, "from=2000-01-01T00:00:00&pageSize=10&detailed=true").await;
    assert_eq!(paged, all);
    let dates: Vec<_> = all.iter().map(|one| one["date"].as_str().unwrap()).collect();
    assert!(dates.is_sorted_by(|one, next| one >= next), "the newest first");
    let web = walk(&desk, "from=2000-01-01&pageSize=10&filter=channel%3D%3DWEB").await;
    assert!(!web.is_empty() && web.iter().all(|one| one["channel"] == "WEB"));
    assert!(web.len() < all.len());
}

#[tokio::test]
async fn a_deal_is_found_by_its_id_and_has_details_only_when_asked() {
    let mut desk = at_1000().await;
    let deal = opened(&desk, market("BUY", 1.0)).await;
    close(&mut desk, &deal, "SELL", 1.0).await;
    let found = activity(&desk, &format!("dealId={deal}&detailed=true")).await;
    let kinds: BTreeSet<_> = found["activities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["details"]["actions"][0]["actionType"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, BTreeSet::from(["POSITION_OPENED", "POSITION_CLOSED"]));
    let brief = activity(&desk, &format!("dealId={deal}")).await;
    assert_eq!(brief["activities"][0]["details"], Value::Null);
    let rejected = "filter=status%3D%3DREJECTED%3Btype%3D%3DPOSITION";
    assert_eq!(activity(&desk, rejected).await["activities"], json!([]));
    let get = async |query: &str| {
        desk.send("GET", &format!("/history/activity?{query}"), 3, &Value::Null).await
    };
    assert_refused(&get("pageSize=9").await, 400, "error.request.invalid.page-size");
    assert_refused(&get("pageSize=501").await, 400, "error.request.invalid.page-size");
    assert_refused(&get("filter=colour%3D%3Dred").await, 400, "invalid.input");
    assert_refused(&get("from=yesterday").await, 400, "error.malformed.date");
    assert_refused(
        &get("from=2021-02-01&to=2021-01-01").await,
        400,
        "error.request.invalid.date-range",
    );
}

#[tokio::test]
async fn a_closed_position_is_a_transaction_and_its_numbers_are_texts() {
    let mut desk = at_1000().await;
    let deal = opened(&desk, market("SELL", 1.5)).await;
    pin(&desk, ALWAYS, 1_009.0, 1_010.0).await;
    close(&mut desk, &deal, "BUY", 1.5).await;
    let all = desk.send("GET", "/history/transactions?type=ALL", 2, &Value::Null).await.ok();
    let one = &all["transactions"][0];
    assert_eq!(all["metadata"]["size"], 1, "the last ten minutes, unless it is asked for more");
    let expected = json!({ "profitAndLoss": "£-15.00", "openLevel": "1000", "closeLevel": "1010", "size": "-1.50", "currency": "£" });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(one[name], *value, "{name}");
    }
}

#[tokio::test]
async fn transactions_come_in_pages_and_by_kind() {
    let desk = trader().await;
    let get = async |query: &str| {
        let path = format!("/history/transactions?from=2000-01-01&{query}");
        desk.send("GET", &path, 2, &Value::Null).await.ok()
    };
    let all = get("pageSize=0").await;
    let all = all["transactions"].as_array().unwrap();
    assert_eq!(all.len(), 41, "the past of an account");
    let mut paged = Vec::new();
    for page in 1..=5 {
        let answer = get(&format!("pageSize=9&pageNumber={page}")).await;
        assert_eq!(answer["metadata"]["pageData"]["totalPages"], 5);
        paged.extend(answer["transactions"].as_array().unwrap().clone());
    }
    assert_eq!(paged, *all);
    let kinds = [("ALL_DEAL", 40), ("DEPOSIT", 1), ("WITHDRAWAL", 0)];
    for (kind, count) in kinds {
        let found = get(&format!("type={kind}&pageSize=0")).await;
        assert_eq!(found["transactions"].as_array().unwrap().len(), count, "{kind}");
    }
}

#[tokio::test]
async fn older_versions_tell_the_same() {
    let mut desk = at_1000().await;
    let deal = opened(&desk, market("BUY", 1.0)).await;
    close(&mut desk, &deal, "SELL", 1.0).await;
    let v1 = desk.get("/history/activity/600000").await.ok();
    assert_eq!(v1["activities"].as_array().unwrap().len(), 2);
    let v2 = desk.send("GET", "/history/activity?maxSpanSeconds=600", 2, &Value::Null).await.ok();
    assert_eq!(v2["activities"], v1["activities"]);
    let today = desk.play.stage.now().strftime("%d-%m-%Y").to_string();
    let days = desk.get(&format!("/history/activity/{today}/{today}")).await.ok();
    let first = days["activities"].as_array().unwrap().first().cloned();
    assert_eq!(first.as_ref(), v1["activities"].as_array().unwrap().first());
    let money = desk.get("/history/transactions/ALL/600000").await.ok();
    assert_eq!(money["transactions"].as_array().unwrap().len(), 1);
}
