//! `POST /session/refresh-token` (contract, 2.7).

use serde_json::{Value, json};

use super::{Desk, assert_refused};

const INVALID: &str = "error.security.oauth-token-invalid";

/// The refresh token of a login.
fn refresh_token(login: &Value) -> Value {
    login["oauthToken"]["refresh_token"].clone()
}

#[tokio::test]
async fn a_refresh_is_a_bare_token_object_before_and_after_the_access_token_ended() {
    for wait in [0, 59, 60, 659] {
        let mut desk = Desk::new();
        let login = desk.log_in(3).await;
        desk.play.advance(wait);
        // The stale `Authorization` goes along, as clients send it.
        let answer = desk.refresh(&refresh_token(&login)).await;
        assert_eq!(answer.status, 200, "after {wait} s: {}", answer.text);
        let members: Vec<_> = answer.json.as_object().unwrap().keys().cloned().collect();
        let bare = ["access_token", "expires_in", "refresh_token", "scope", "token_type"];
        assert_eq!(members, bare);
        assert_ne!(answer.json["refresh_token"], refresh_token(&login));
        desk.carry(&answer);
        assert_eq!(desk.get("/accounts").await.status, 200);
        assert_eq!(desk.counts().refreshes, 1);
        assert_eq!(desk.seen("POST", "/session/refresh-token", 200), 1);
    }
}

#[tokio::test]
async fn a_refresh_token_dies_ten_minutes_after_its_access_token() {
    for (mut desk, seconds) in [(Desk::new(), 60), (Desk::with_ttl(5), 5)] {
        let login = desk.log_in(3).await;
        desk.play.advance(seconds + 600);
        assert_refused(&desk.refresh(&refresh_token(&login)).await, 401, INVALID);
        assert_eq!(desk.counts().refreshes_refused, 1);
    }
}

#[tokio::test]
async fn an_old_access_token_lives_on_beside_its_successor() {
    let mut desk = Desk::new();
    let login = desk.log_in(3).await;
    desk.refresh(&refresh_token(&login)).await.ok();
    assert_eq!(desk.get("/accounts").await.status, 200);
}

#[tokio::test]
async fn a_spent_refresh_token_is_refused_and_its_session_lives_on() {
    let mut desk = Desk::new();
    let login = desk.log_in(3).await;
    let answer = desk.refresh(&refresh_token(&login)).await;
    let successor = answer.json["refresh_token"].clone();
    desk.carry(&answer);
    assert_refused(&desk.refresh(&refresh_token(&login)).await, 401, INVALID);
    assert_eq!(desk.get("/accounts").await.status, 200);
    assert_eq!(desk.refresh(&successor).await.status, 200);
    assert_eq!(desk.counts().grants_revoked, 0);
}

#[tokio::test]
async fn a_logout_leaves_the_refresh_token_where_that_is_switched_so() {
    for ends in [true, false] {
        let mut desk = Desk::new();
        desk.direct("logout", json!({ "ends_refresh": ends })).await;
        let login = desk.log_in(3).await;
        assert_eq!(desk.delete("/session", 1, &json!({})).await.status, 204);
        assert_refused(&desk.get("/accounts").await, 401, INVALID);
        let answer = desk.refresh(&refresh_token(&login)).await;
        assert_eq!(answer.status, if ends { 401 } else { 200 }, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_spent_refresh_token_ends_its_session_where_that_is_switched_on() {
    let mut desk = Desk::new();
    desk.direct("reuse", json!({ "ends_session": true })).await;
    let login = desk.log_in(3).await;
    let answer = desk.refresh(&refresh_token(&login)).await;
    let successor = answer.json["refresh_token"].clone();
    desk.carry(&answer);
    assert_refused(&desk.refresh(&refresh_token(&login)).await, 401, INVALID);
    assert_refused(&desk.refresh(&successor).await, 401, INVALID);
    assert_refused(&desk.get("/accounts").await, 401, INVALID);
    let counts = desk.counts();
    assert_eq!((counts.families_revoked, counts.grants_revoked), (1, 1));
    // The password still helps.
    desk.log_in(3).await;
    assert_eq!(desk.get("/accounts").await.status, 200);
}

#[tokio::test]
async fn within_its_grace_a_spent_refresh_token_gives_the_same_pair() {
    let mut desk = Desk::new();
    desk.direct("rotation", json!({ "kind": "grace", "seconds": 10 })).await;
    let login = desk.log_in(3).await;
    let first = desk.refresh(&refresh_token(&login)).await.ok();
    desk.play.advance(9);
    assert_eq!(desk.refresh(&refresh_token(&login)).await.ok(), first);
    desk.play.advance(1);
    assert_refused(&desk.refresh(&refresh_token(&login)).await, 401, INVALID);
}

#[tokio::test]
async fn a_reusable_refresh_token_is_good_until_it_ends() {
    let mut desk = Desk::new();
    desk.direct("rotation", json!({ "kind": "reusable" })).await;
    let login = desk.log_in(3).await;
    let first = desk.refresh(&refresh_token(&login)).await.ok();
    let second = desk.refresh(&refresh_token(&login)).await.ok();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    desk.play.advance(660);
    assert_refused(&desk.refresh(&refresh_token(&login)).await, 401, INVALID);
}

#[tokio::test]
async fn a_refresh_needs_the_member_by_its_name_and_the_key_of_its_login() {
    let mut desk = Desk::new();
    let login = desk.log_in(3).await;
    let token = refresh_token(&login);
    let missing = "validation.null-not-allowed.refreshTokenRequest.refresh_token";
    for body in [json!({ "refreshToken": token }), json!({}), json!({ "refresh_token": null })] {
        let answer = desk.send("POST", "/session/refresh-token", 1, &body).await;
        assert_refused(&answer, 400, missing);
    }
    assert_refused(&desk.refresh(&json!("nothing")).await, 401, INVALID);
    desk.set("X-IG-API-KEY", "investor-key");
    assert_refused(&desk.refresh(&token).await, 401, INVALID);
    desk.set("X-IG-API-KEY", "");
    assert_refused(&desk.refresh(&token).await, 400, "error.security.api-key-missing");
    desk.set("X-IG-API-KEY", super::KEY);
    assert_eq!(desk.refresh(&token).await.status, 200);
}

#[tokio::test]
async fn refreshes_count_by_generation() {
    let mut desk = Desk::new();
    let mut token = refresh_token(&desk.log_in(3).await);
    for _ in 0..3 {
        token = desk.refresh(&token).await.ok()["refresh_token"].clone();
    }
    let last = desk.play.stage.ledger().tokens().pop().unwrap();
    assert_eq!((last.generation, last.grant.as_deref()), (Some(4), Some("ig-grant-1")));
    assert_eq!(last.client.as_deref(), Some(super::KEY));
    assert_eq!(desk.counts().refreshes, 3);
}

#[tokio::test]
async fn of_refreshes_at_the_same_time_one_is_answered() {
    let mut desk = Desk::new();
    let token = refresh_token(&desk.log_in(3).await);
    let answers = futures_util::future::join_all((0..8).map(|_| desk.refresh(&token))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(desk.counts().refreshes, 1);
}

#[tokio::test]
async fn the_ledger_tells_logins_refreshes_and_logouts_apart() {
    let mut desk = Desk::new();
    let token = refresh_token(&desk.log_in(3).await);
    desk.refresh(&token).await.ok();
    desk.delete("/session", 1, &json!({})).await;
    let seen = desk.play.stage.ledger().requests();
    let sites: Vec<_> = seen.iter().map(|seen| (seen.site, seen.status)).collect();
    let expected = [("ig.session", 200), ("ig.refresh", 200), ("ig", 204)];
    assert_eq!(sites, expected.map(|(site, status)| (Some(site), Some(status))));
}
