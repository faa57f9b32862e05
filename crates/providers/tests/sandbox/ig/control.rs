//! What can be changed behind everybody's back.

use serde_json::json;

use super::{Desk, assert_refused};

const INVALID: &str = "error.security.oauth-token-invalid";

#[tokio::test]
async fn a_weekend_ends_every_token_there_is() {
    let mut v3 = Desk::new();
    let login = v3.log_in(3).await;
    let bearer = v3.head.clone();
    v3.set("Authorization", "");
    v3.log_in(2).await;
    v3.direct("weekend", json!({})).await;
    assert_refused(&v3.get("/accounts").await, 401, "error.security.client-token-invalid");
    v3.head = bearer;
    assert_refused(&v3.get("/accounts").await, 401, INVALID);
    assert_refused(&v3.refresh(&login["oauthToken"]["refresh_token"]).await, 401, INVALID);
    v3.log_in(3).await;
    assert_eq!(v3.get("/accounts").await.status, 200);
}

#[tokio::test]
async fn access_tokens_can_expire_now_while_their_refresh_tokens_stay_good() {
    let mut desk = Desk::new();
    let login = desk.log_in(3).await;
    desk.direct("expire", json!({ "identifier": "investor" })).await;
    assert_eq!(desk.get("/accounts").await.status, 200);
    desk.direct("expire", json!({})).await;
    assert_refused(&desk.get("/accounts").await, 401, INVALID);
    let answer = desk.refresh(&login["oauthToken"]["refresh_token"]).await;
    desk.carry(&answer);
    assert_eq!(desk.get("/accounts").await.status, 200);
}

#[tokio::test]
async fn a_clients_sessions_can_be_revoked() {
    let mut desk = Desk::new();
    let login = desk.log_in(3).await;
    desk.direct("revoke", json!({ "identifier": "investor" })).await;
    assert_eq!(desk.get("/accounts").await.status, 200);
    desk.direct("revoke", json!({ "identifier": "trader" })).await;
    assert_refused(&desk.get("/accounts").await, 401, INVALID);
    assert_refused(&desk.refresh(&login["oauthToken"]["refresh_token"]).await, 401, INVALID);
    assert_eq!(desk.counts().grants_revoked, 1);
}

#[tokio::test]
async fn a_lifetime_can_be_a_lie() {
    let mut desk = Desk::with_ttl(3);
    desk.direct("lifetime", json!({ "claimed": 60 })).await;
    assert_eq!(desk.log_in(3).await["oauthToken"]["expires_in"], "60");
    desk.play.advance(3);
    assert_refused(&desk.get("/accounts").await, 401, INVALID);
    desk.direct("lifetime", json!({ "claimed": null })).await;
    assert_eq!(desk.log_in(3).await["oauthToken"]["expires_in"], "3");
}

#[tokio::test]
async fn a_password_can_change() {
    let desk = Desk::new();
    let changed = json!({ "identifier": "trader", "password": "another" });
    desk.direct("password", changed).await;
    let answer = desk.knock(3, "trader", "sandbox").await;
    assert_refused(&answer, 401, "error.security.invalid-details");
    assert_eq!(desk.knock(3, "trader", "another").await.status, 200);
}

#[tokio::test]
async fn balances_can_be_set_and_missing_for_other_accounts() {
    let desk = Desk::v3().await;
    desk.direct("balance", json!({ "account": "XYZ987", "balance": 12.5 })).await;
    let accounts = desk.get("/accounts").await.ok();
    assert_eq!(accounts["accounts"][1]["balance"]["balance"], 12.5);
    desk.direct("faithful_nulls", json!({ "on": true })).await;
    let accounts = desk.get("/accounts").await.ok();
    assert!(accounts["accounts"][0]["balance"].is_object());
    assert!(accounts["accounts"][1]["balance"].is_null());
}

#[tokio::test]
async fn navigation_can_be_gone() {
    let desk = Desk::v3().await;
    desk.direct("navigation", json!({ "gone": true })).await;
    for path in ["/marketnavigation", "/marketnavigation/1"] {
        assert_refused(&desk.get(path).await, 404, "invalid.url");
    }
}

#[tokio::test]
async fn preferences_are_kept_by_account_and_may_be_texts() {
    let mut desk = Desk::v3().await;
    for (wanted, is) in [(json!("false"), false), (json!(true), true), (json!(false), false)] {
        let body = json!({ "trailingStopsEnabled": wanted });
        let answer = desk.send("PUT", "/accounts/preferences", 1, &body).await;
        assert_eq!(answer.ok(), json!({ "status": "SUCCESS" }));
        let kept = desk.get("/accounts/preferences").await.ok();
        assert_eq!(kept, json!({ "trailingStopsEnabled": is }));
    }
    desk.set("IG-ACCOUNT-ID", "XYZ987");
    let kept = desk.get("/accounts/preferences").await.ok();
    assert_eq!(kept, json!({ "trailingStopsEnabled": true }));
}

#[tokio::test]
async fn a_reset_makes_the_world_new() {
    let desk = Desk::v3().await;
    desk.direct("password", json!({ "identifier": "trader", "password": "x" })).await;
    desk.play.control("POST", "reset", &json!({})).await.ok();
    assert_refused(&desk.get("/accounts").await, 401, INVALID);
    assert_eq!(desk.knock(3, "trader", "sandbox").await.status, 200);
}

#[tokio::test]
async fn a_change_that_cannot_be_says_what_can() {
    let desk = Desk::new();
    for (path, body, status) in [
        ("nothing", json!({}), 404),
        ("weekend", json!({ "now": true }), 422),
        ("rotation", json!({ "kind": "never" }), 422),
        ("rotation", json!({ "kind": "strict", "seconds": 3 }), 422),
        ("revoke", json!({ "identifier": "nobody" }), 404),
        ("password", json!({ "identifier": "nobody", "password": "x" }), 404),
        ("key", json!({ "key": "nothing", "status": "ENABLED" }), 404),
        ("key", json!({ "key": "sandbox-key", "status": "GOOD" }), 422),
        ("balance", json!({ "account": "NONE", "balance": 1 }), 404),
        ("allowances", json!({ "calls": 1 }), 422),
    ] {
        let answer = desk.play.control("POST", &format!("world/ig/{path}"), &body).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
    }
}
