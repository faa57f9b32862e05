//! The gate of Graph and what is behind it.

use serde_json::{Value, json};

use crate::play::{ADELE, ALEX, BASE, Play, assert_like};

async fn token(play: &Play, scope: &str) -> String {
    let code = play.code(&[("scope", scope)]).await;
    play.redeem(&code, &[]).await.ok()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn me_is_the_account_by_every_name() {
    let play = Play::new();
    let token = token(&play, "User.Read").await;
    let request = crate::play::fixture("me.request")["request"].clone();
    let path = request["url"].as_str().unwrap().replace("https://graph.microsoft.com", "");
    let me = play.graph(request["method"].as_str().unwrap(), &path, &token).await;
    assert_like("me.response", &me);
    assert_eq!(me.json["@odata.context"], format!("{BASE}/v1.0/$metadata#users/$entity").as_str());
    let oid = me.json["id"].as_str().unwrap();
    for path in [
        "/beta/me".to_owned(),
        "/v1.0/ME".to_owned(),
        "/v1.0/users/me-token-to-replace".to_owned(),
        format!("/v1.0/users/{ADELE}"),
        format!("/v1.0/users/{oid}"),
        format!("/v1.0/users('{oid}')"),
    ] {
        assert_eq!(play.graph("GET", &path, &token).await.ok()["id"], oid, "{path}");
    }
}

#[tokio::test]
async fn a_selection_holds_what_was_selected() {
    let play = Play::new();
    let token = token(&play, "User.Read").await;
    for dollar in ["$", "%24"] {
        let path = format!("/v1.0/me?{dollar}select=displayName,mail");
        let body = play.graph("GET", &path, &token).await.ok();
        let context = format!("{BASE}/v1.0/$metadata#users(displayName,mail)/$entity");
        assert_eq!(
            body,
            json!({ "@odata.context": context, "displayName": "Adele Vance", "mail": ADELE })
        );
    }
    assert_eq!(play.graph("GET", "/v1.0/me?$select=shoeSize", &token).await.status, 400);
}

#[tokio::test]
async fn the_gate_refuses_as_the_real_one_does() {
    let play = Play::new();
    let good = token(&play, "User.Read").await;
    let (head, signature) = good.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    assert_like("error.401.empty_token", &play.get("/v1.0/me").await);
    assert_like("error.401.malformed_token", &play.graph("GET", "/v1.0/me", "rubbish").await);
    assert_eq!(play.graph("GET", "/v1.0/me", &forged).await.status, 401);

    play.advance(5400);
    let expired = play.graph("GET", "/v1.0/me", &good).await;
    assert_like("error.401.expired_token", &expired);
    assert_eq!(
        expired.json["error"]["message"],
        "Lifetime validation failed, the token is expired."
    );
    assert!(expired.header("www-authenticate").starts_with("Bearer realm=\"\""));
    assert_eq!(play.counts().access_tokens_refused, 1);
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused() {
    let play = Play::new();
    // The same key signs it, but it is for the application.
    let tokens = play.sign_in().await;
    let refused = play.graph("GET", "/v1.0/me", tokens["id_token"].as_str().unwrap()).await;
    assert_like("error.401.wrong_audience", &refused);
    let example = crate::play::fixture("error.401.wrong_audience")["response"]["body"].clone();
    for member in ["code", "message"] {
        assert_eq!(refused.json["error"][member], example["error"][member], "{member}");
    }
}

#[tokio::test]
async fn no_two_users_have_one_name() {
    let play = Play::new();
    let world = play.control("GET", "world", &Value::Null).await.ok();
    let users = world["acts"]["microsoft"]["users"].as_array().unwrap();
    let names: std::collections::BTreeSet<_> =
        users.iter().map(|user| user["display_name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), users.len(), "{names:?}");
}

#[tokio::test]
async fn a_token_can_be_void_before_its_time() {
    let play = Play::new();
    for (change, back) in [("revoke-access-tokens", "enable"), ("disable", "enable")] {
        let token = token(&play, "User.Read").await;
        play.change(ADELE, change).await;
        assert_eq!(play.graph("GET", "/v1.0/me", &token).await.status, 401, "{change}");
        play.change(ADELE, back).await;
    }
}

#[tokio::test]
async fn a_token_is_void_in_the_next_world() {
    let play = Play::new();
    let token = token(&play, "User.Read").await;
    play.stage.reset(1);
    assert_eq!(play.graph("GET", "/v1.0/me", &token).await.status, 401);
}

#[tokio::test]
async fn permissions_are_asked_for() {
    let play = Play::new();
    let mail_only = token(&play, "Mail.Read").await;
    assert_like(
        "error.403.insufficient_privileges",
        &play.graph("GET", "/v1.0/me", &mail_only).await,
    );
    let other = format!("/v1.0/users/{ALEX}");
    let own = token(&play, "User.Read").await;
    assert_eq!(play.graph("GET", &other, &own).await.status, 403);
    let all = token(&play, "User.ReadBasic.All").await;
    assert_eq!(play.graph("GET", &other, &all).await.ok()["userPrincipalName"], ALEX);
}

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let play = Play::new();
    let token = token(&play, "User.Read").await;
    let nobody = play.graph("GET", "/v1.0/users/nobody@contoso.example", &token).await;
    assert_like("error.404.user_not_found", &nobody);
    for path in ["/v1.0/me/evnts", "/v1.0/evnts"] {
        let unknown = play.graph("GET", path, &token).await;
        assert_like("error.400.unknown_segment", &unknown);
        assert_eq!(unknown.json["error"]["message"], "Resource not found for the segment 'evnts'.");
    }
    assert_eq!(play.graph("DELETE", "/v1.0/me", &token).await.status, 405);
}

#[tokio::test]
async fn the_clients_request_id_comes_back_twice() {
    let play = Play::new();
    let id = "99990000-aaaa-bbbb-cccc-ddddeeeeffff";
    let answer = play.get_with("/v1.0/me", &[("client-request-id", id)]).await;
    assert_eq!(answer.header("client-request-id"), id);
    assert_eq!(answer.json["error"]["innerError"]["client-request-id"], id);
    let seen = play.stage.ledger().requests().pop().unwrap();
    assert_eq!(seen.client_request_id.as_deref(), Some(id));
}

#[tokio::test]
async fn userinfo_needs_openid() {
    let play = Play::new();
    let without = token(&play, "User.Read").await;
    assert_eq!(play.graph("GET", "/oidc/userinfo", &without).await.status, 403);
    let with = token(&play, "openid User.Read").await;
    for method in ["GET", "POST"] {
        let answer = play.graph(method, "/oidc/userinfo", &with).await;
        let example = crate::play::fixture("userinfo.response")["response"]["body"].clone();
        crate::play::assert_same_shape("userinfo", &example, &answer.ok());
    }
}

#[tokio::test]
async fn a_user_can_end_all_sessions() {
    let play = Play::new();
    let tokens = play.sign_in().await;
    let text = |name: &str| tokens.get(name).and_then(Value::as_str).unwrap();
    let answer = play.graph("POST", "/v1.0/me/revokeSignInSessions", text("access_token")).await;
    assert_eq!(answer.ok()["value"], true);
    let refused = play.refresh(text("refresh_token"), &[]).await;
    assert_eq!(refused.refused(), (400, "invalid_grant", 50_173));
    assert_eq!(play.graph("GET", "/v1.0/me", text("access_token")).await.status, 200);
}
