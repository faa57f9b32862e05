//! Watchlists.

use serde_json::{Value, json};

use super::{Desk, assert_refused, trader};

async fn epics(desk: &Desk, id: &str) -> Vec<String> {
    let list = desk.get(&format!("/watchlists/{id}")).await.ok();
    let markets = list["markets"].as_array().unwrap().iter();
    markets.map(|market| market["epic"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_list_is_made_filled_emptied_and_deleted() {
    let mut desk = trader().await;
    let body = json!({ "name": "Mine", "epics": ["CS.D.EURUSD.CFD.IP", "NO.D.SUCH.ONE.IP"] });
    let made = desk.send("POST", "/watchlists", 1, &body).await.ok();
    assert_eq!(made["status"], "SUCCESS_NOT_ALL_INSTRUMENTS_ADDED");
    let id = made["watchlistId"].as_str().unwrap().to_owned();
    let path = format!("/watchlists/{id}");
    let add =
        async |desk: &Desk, epic: &str| desk.send("PUT", &path, 1, &json!({ "epic": epic })).await;
    assert_eq!(add(&desk, "IX.D.FTSE.CFD.IP").await.ok(), json!({ "status": "SUCCESS" }));
    let unknown = add(&desk, "NO.D.SUCH.ONE.IP").await;
    assert_refused(&unknown, 400, "error.service.watchlists.add-instrument.invalid-epic");
    assert_eq!(epics(&desk, &id).await, ["CS.D.EURUSD.CFD.IP", "IX.D.FTSE.CFD.IP"]);
    desk.delete(&format!("{path}/CS.D.EURUSD.CFD.IP"), 1, &json!({})).await.ok();
    assert_eq!(epics(&desk, &id).await, ["IX.D.FTSE.CFD.IP"]);
    let twice = desk.send("POST", "/watchlists", 1, &json!({ "name": "Mine" })).await;
    assert_refused(&twice, 400, "error.watchlists.management.duplicate-name");
    desk.delete(&path, 1, &json!({})).await.ok();
    assert_refused(&desk.get(&path).await, 404, "error.invalid.watchlist");
}

#[tokio::test]
async fn the_lists_of_the_system_stay_as_they_are() {
    let desk = trader().await;
    let lists = desk.get("/watchlists").await.ok();
    let lists = lists["watchlists"].as_array().unwrap();
    let system = lists.iter().find(|list| list["defaultSystemWatchlist"] == true).unwrap();
    let id = &system["id"].as_str().unwrap().replace(' ', "%20");
    let gone = desk.send("DELETE", &format!("/watchlists/{id}"), 1, &Value::Null).await;
    assert_refused(&gone, 400, "error.watchlists.management.cannot-delete-watchlist");
    assert_eq!(epics(&desk, id).await.len(), 3);
}
