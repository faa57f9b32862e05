//! How much is allowed, to the exact call (contract, section 3, limits).

use evergrant_sandbox::Used;
use serde_json::{Value, json};

use super::{Desk, KEY, assert_refused};

const OF_THE_KEY: &str = "error.public-api.exceeded-api-key-allowance";
const OF_THE_ACCOUNT: &str = "error.public-api.exceeded-account-allowance";
const OF_TRADING: &str = "error.public-api.exceeded-account-trading-allowance";

fn used(desk: &Desk, name: &str) -> (u64, u64) {
    let Used { calls, refused } = desk.play.stage.ledger().used(name);
    (calls, refused)
}

#[tokio::test]
async fn a_key_has_as_many_calls_in_a_minute_as_it_is_told() {
    let desk = Desk::v3().await;
    desk.direct("allowances", json!({ "application": 5 })).await;
    // The login was the first of the five.
    for _ in 0..4 {
        assert_eq!(desk.get("/accounts").await.status, 200);
    }
    for _ in 0..3 {
        assert_refused(&desk.get("/accounts").await, 403, OF_THE_KEY);
    }
    assert_eq!(used(&desk, KEY), (8, 3));
    // What is refused takes no room: a minute after the first five there is room for five.
    desk.play.advance(30);
    assert_refused(&desk.get("/accounts").await, 403, OF_THE_KEY);
    desk.play.advance(30);
    let mut desk = desk;
    desk.log_in(3).await;
    for _ in 0..4 {
        assert_eq!(desk.get("/accounts").await.status, 200);
    }
    assert_refused(&desk.get("/accounts").await, 403, OF_THE_KEY);
}

#[tokio::test]
async fn the_window_slides() {
    let desk = Desk::v2().await;
    desk.direct("allowances", json!({ "account": 3 })).await;
    desk.play.advance(30);
    desk.get("/accounts").await.ok();
    desk.get("/accounts").await.ok();
    desk.play.advance(29);
    assert_refused(&desk.get("/accounts").await, 403, OF_THE_ACCOUNT);
    // The login leaves the window, the two calls stay.
    desk.play.advance(1);
    desk.get("/accounts").await.ok();
    assert_refused(&desk.get("/accounts").await, 403, OF_THE_ACCOUNT);
}

#[tokio::test]
async fn each_account_has_its_own_allowance_and_the_key_one_for_all() {
    let mut desk = Desk::v3().await;
    desk.direct("allowances", json!({ "account": 2, "application": 4 })).await;
    desk.get("/accounts").await.ok();
    assert_refused(&desk.get("/accounts").await, 403, OF_THE_ACCOUNT);
    desk.set("IG-ACCOUNT-ID", "XYZ987");
    desk.get("/accounts").await.ok();
    desk.get("/accounts").await.ok();
    assert_refused(&desk.get("/accounts").await, 403, OF_THE_KEY);
    assert_eq!(used(&desk, "ABC123"), (3, 1));
    // The other account had room; it is the key that had none.
    assert_eq!(used(&desk, "XYZ987"), (3, 0));
}

#[tokio::test]
async fn logins_and_refreshes_count_and_can_be_refused() {
    let mut desk = Desk::new();
    let login = desk.log_in(3).await;
    let token = login["oauthToken"]["refresh_token"].clone();
    desk.direct("allowances", json!({ "account": 2 })).await;
    let token = desk.refresh(&token).await.ok()["refresh_token"].clone();
    assert_refused(&desk.refresh(&token).await, 403, OF_THE_ACCOUNT);
    assert_refused(&desk.knock(3, "trader", "sandbox").await, 403, OF_THE_ACCOUNT);
    // The refresh token was not spent.
    desk.play.advance(60);
    assert_eq!(desk.refresh(&token).await.status, 200);
    assert_eq!(desk.counts().refreshes, 2);
    desk.direct("allowances", json!({ "application": 0 })).await;
    assert_refused(&desk.knock(3, "trader", "sandbox").await, 403, OF_THE_KEY);
    assert_refused(&desk.get("/session/encryptionKey").await, 403, OF_THE_KEY);
}

#[tokio::test]
async fn to_open_and_to_amend_is_trading_and_to_close_is_not() {
    let mut desk = Desk::v3().await;
    desk.direct("allowances", json!({ "trading": 4, "account": 3 })).await;
    for (method, path) in [
        ("POST", "/positions/otc"),
        ("PUT", "/positions/otc/D1"),
        ("POST", "/working-orders/otc"),
        ("PUT", "/workingorders/otc/D1"),
    ] {
        let answer = desk.send(method, path, 2, &json!({})).await;
        assert_ne!(answer.status, 403, "{}", answer.text);
    }
    for path in ["/positions/otc", "/workingorders/otc"] {
        assert_refused(&desk.send("POST", path, 2, &json!({})).await, 403, OF_TRADING);
    }
    assert_eq!(used(&desk, "ABC123 trading"), (6, 2));
    // Trading took nothing from the other allowance, and closing does.
    assert_eq!(used(&desk, "ABC123"), (1, 0));
    desk.delete("/positions/otc", 1, &json!({})).await;
    desk.delete("/workingorders/otc/D1", 2, &json!({})).await;
    assert_refused(&desk.get("/accounts").await, 403, OF_THE_ACCOUNT);
}

#[tokio::test]
async fn what_is_published_is_what_is_enforced() {
    let desk = Desk::v3().await;
    let set = json!({ "application": 60, "account": 30, "trading": 100, "historical": 10_000 });
    assert_eq!(desk.direct("allowances", set.clone()).await, set);
    let published = desk.get("/operations/application").await.ok();
    let [application] = published.as_array().unwrap().as_slice() else {
        panic!("{published}");
    };
    assert_eq!(application["apiKey"], KEY);
    assert_eq!(application["allowanceApplicationOverall"], 60);
    assert_eq!(application["allowanceAccountOverall"], 30);
    assert_eq!(application["allowanceAccountTrading"], 100);
    assert_eq!(application["allowanceAccountHistoricalData"], 10_000);
    for _ in 0..28 {
        assert_eq!(desk.get("/accounts").await.status, 200);
    }
    assert_refused(&desk.get("/accounts").await, 403, OF_THE_ACCOUNT);
    let summary = &desk.play.get("/_sandbox/ledger").await.ok()["summary"];
    assert_eq!(summary["allowances"]["ABC123"], json!({ "calls": 31, "refused": 1 }));
}

#[tokio::test]
async fn a_client_can_lower_its_allowances_and_not_raise_them() {
    let desk = Desk::v3().await;
    let change = |body: Value| {
        let desk = &desk;
        async move { desk.send("PUT", "/operations/application", 1, &body).await }
    };
    let lowered = json!({ "apiKey": KEY, "status": "ENABLED", "allowanceAccountOverall": 4 });
    assert_eq!(change(lowered).await.ok()["allowanceAccountOverall"], 4);
    let raised = json!({ "apiKey": KEY, "allowanceAccountOverall": 5 });
    assert_refused(&change(raised).await, 400, "invalid.input");
    assert_eq!(desk.get("/accounts").await.status, 200);
    assert_refused(&desk.get("/accounts").await, 403, OF_THE_ACCOUNT);
}

#[tokio::test]
async fn a_disabled_key_is_good_for_nothing() {
    let desk = Desk::v3().await;
    let disabled = desk.send("PUT", "/operations/application/disable", 1, &json!({})).await.ok();
    assert_eq!(disabled["status"], "DISABLED");
    assert_refused(&desk.get("/accounts").await, 403, "error.security.api-key-disabled");
}
