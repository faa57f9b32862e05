//! Logins with an access token, and what every call needs.

use serde_json::{Value, json};

use super::{Desk, KEY, assert_refused};
use crate::play::Play;

#[tokio::test]
async fn a_v3_login_answers_with_tokens_in_the_body_and_none_in_headers() {
    let desk = Desk::new();
    let answer = desk.knock(3, "trader", "sandbox").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["accountId"], "ABC123");
    assert_eq!(answer.json["oauthToken"]["expires_in"], "60");
    assert_eq!(answer.json["oauthToken"]["scope"], "profile");
    assert!(answer.json["clientId"].as_str().unwrap().parse::<u64>().is_ok());
    for name in ["access_token", "refresh_token"] {
        let token = answer.json["oauthToken"][name].as_str().unwrap();
        assert_eq!(token.len(), 36, "{token}");
        assert!(uuid::Uuid::parse_str(token).is_ok(), "{token}");
    }
    assert!(!answer.head.contains_key("cst") && !answer.head.contains_key("x-security-token"));
    assert!(!answer.header("x-request-id").is_empty());
    assert_eq!(desk.seen("POST", "/session", 200), 1);
    let counts = desk.counts();
    assert_eq!((counts.access_tokens_issued, counts.refresh_tokens_issued), (1, 1));
}

#[tokio::test]
async fn tokens_never_repeat_with_the_seed() {
    let mut tokens = Vec::new();
    for _ in 0..2 {
        tokens.push(Desk::new().log_in(3).await["oauthToken"]["access_token"].clone());
    }
    assert_ne!(tokens[0], tokens[1]);
}

#[tokio::test]
async fn an_access_token_lives_as_long_as_it_says() {
    for (desk, seconds) in [(Desk::new(), 60), (Desk::with_ttl(5), 5)] {
        let mut desk = desk;
        let login = desk.log_in(3).await;
        assert_eq!(login["oauthToken"]["expires_in"], seconds.to_string());
        desk.play.advance(seconds - 1);
        assert_eq!(desk.get("/accounts").await.status, 200);
        desk.play.advance(1);
        assert_refused(&desk.get("/accounts").await, 401, "error.security.oauth-token-invalid");
        assert_eq!(desk.counts().access_tokens_refused, 1);
    }
}

#[tokio::test]
async fn an_account_is_chosen_by_call_and_the_default_one_needs_no_header() {
    let mut desk = Desk::v3().await;
    assert_eq!(desk.get("/session").await.ok()["accountId"], "ABC123");
    desk.set("ig-account-id", "XYZ987");
    assert_eq!(desk.get("/session").await.ok()["accountId"], "XYZ987");
    // Another client's account is nobody's business, and another login would not help.
    for foreign in ["DEF456", "NONE"] {
        desk.set("IG-ACCOUNT-ID", foreign);
        let answer = desk.get("/session").await;
        assert_refused(&answer, 401, "error.security.account-access-denied");
    }
}

#[tokio::test]
async fn header_names_count_in_any_case_and_the_version_is_1_without_one() {
    let mut desk = Desk::v3().await;
    let bearer = desk.head.iter().find(|(name, _)| name == "Authorization").unwrap().1.clone();
    for (key, version, authorization) in [
        ("x-ig-api-key", "version", "authorization"),
        ("X-IG-API-KEY", "VERSION", "Authorization"),
        ("X-Ig-Api-Key", "Version", "AUTHORIZATION"),
    ] {
        let head = [(key, KEY), (version, "1"), (authorization, bearer.as_str())];
        let answer = desk.play.get_with("/gateway/deal/accounts", &head).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let head = [("X-IG-API-KEY", KEY), ("authorization", bearer.as_str())];
    let answer = desk.play.get_with("/gateway/deal/accounts", &head).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    // A login without a version is a v1 login.
    desk.set("Authorization", "");
    let body = json!({ "identifier": "trader", "password": "sandbox" }).to_string();
    let request =
        desk.play.request("POST", "/gateway/deal/session", &[("X-IG-API-KEY", KEY)], body);
    let answer = desk.play.send(request).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.head.contains_key("cst"));
}

#[tokio::test]
async fn every_call_needs_a_good_key() {
    let mut desk = Desk::v3().await;
    let calls = [("POST", "/session"), ("GET", "/session/encryptionKey"), ("GET", "/accounts")];
    for (value, status, code) in [
        ("", 400, "error.security.api-key-missing"),
        ("nobody's", 403, "error.security.api-key-invalid"),
    ] {
        desk.set("X-IG-API-KEY", value);
        for (method, path) in calls {
            assert_refused(&desk.send(method, path, 1, &Value::Null).await, status, code);
        }
    }
    desk.set("X-IG-API-KEY", KEY);
    for (wanted, code) in [
        ("DISABLED", "error.security.api-key-disabled"),
        ("REVOKED", "error.security.api-key-revoked"),
    ] {
        desk.direct("key", json!({ "key": KEY, "status": wanted })).await;
        for (method, path) in calls {
            assert_refused(&desk.send(method, path, 1, &Value::Null).await, 403, code);
        }
    }
    desk.direct("key", json!({ "key": KEY, "status": "ENABLED" })).await;
    assert_eq!(desk.get("/accounts").await.status, 200);
}

#[tokio::test]
async fn a_key_is_good_for_its_own_client_only() {
    let mut desk = Desk::v3().await;
    let mismatch = "unauthorised.clientId.api-key.mismatch";
    assert_refused(&desk.knock(3, "investor", "sandbox").await, 403, mismatch);
    desk.set("X-IG-API-KEY", "investor-key");
    assert_refused(&desk.get("/accounts").await, 403, mismatch);
    let answer = desk.knock(3, "investor", "sandbox").await;
    assert_eq!(answer.json["accountId"], "DEF456");
}

#[tokio::test]
async fn a_call_without_tokens_says_which_one_is_missing() {
    let mut desk = Desk::new();
    assert_refused(&desk.get("/accounts").await, 401, "error.security.client-token-missing");
    desk.set("CST", "x");
    assert_refused(&desk.get("/accounts").await, 401, "error.security.account-token-missing");
    desk.set("X-SECURITY-TOKEN", "y");
    assert_refused(&desk.get("/accounts").await, 401, "error.security.client-token-invalid");
    desk.set("Authorization", "Bearer nothing");
    assert_refused(&desk.get("/accounts").await, 401, "error.security.oauth-token-invalid");
}

#[tokio::test]
async fn a_bearer_token_counts_before_a_pair() {
    let mut desk = Desk::v3().await;
    desk.set("CST", "stale");
    desk.set("X-SECURITY-TOKEN", "stale");
    assert_eq!(desk.get("/accounts").await.status, 200);
    desk.play.advance(60);
    assert_refused(&desk.get("/accounts").await, 401, "error.security.oauth-token-invalid");
}

#[tokio::test]
async fn what_is_wrong_with_a_login_is_said_by_field() {
    let desk = Desk::new();
    for (body, code) in [
        (Value::Null, "validation.null-not-allowed.request"),
        (
            json!({ "password": "p" }),
            "validation.null-not-allowed.authenticationRequest.identifier",
        ),
        (
            json!({ "identifier": "trader", "password": null }),
            "validation.null-not-allowed.authenticationRequest.password",
        ),
        (
            json!({ "identifier": "trader@trader.example", "password": "sandbox" }),
            "validation.pattern.invalid.authenticationRequest.identifier",
        ),
        (
            json!({ "identifier": "trader", "password": "sandbox", "encryptedPassword": "maybe" }),
            "invalid.request.encryptedPassword",
        ),
    ] {
        for version in 1..=3 {
            assert_refused(&desk.send("POST", "/session", version, &body).await, 400, code);
        }
    }
    let head = [("X-IG-API-KEY", KEY)];
    let request = desk.play.request("POST", "/gateway/deal/session", &head, "{".to_owned());
    assert_refused(&desk.play.send(request).await.unwrap(), 400, "invalid.input");
}

#[tokio::test]
async fn five_wrong_passwords_lock_a_login_for_a_quarter_of_an_hour() {
    let desk = Desk::new();
    for _ in 0..5 {
        let answer = desk.knock(3, "trader", "wrong").await;
        assert_refused(&answer, 401, "error.security.invalid-details");
    }
    let locked = "error.security.too-many-failed-attempts";
    assert_refused(&desk.knock(3, "trader", "sandbox").await, 401, locked);
    assert_refused(&desk.knock(2, "trader", "sandbox").await, 401, locked);
    desk.play.advance(15 * 60 - 1);
    assert_refused(&desk.knock(3, "trader", "sandbox").await, 401, locked);
    desk.play.advance(1);
    assert_eq!(desk.knock(3, "trader", "sandbox").await.status, 200);
    // A success forgets, and so does a control call.
    for _ in 0..4 {
        desk.knock(3, "trader", "wrong").await;
    }
    desk.knock(3, "trader", "sandbox").await;
    for _ in 0..5 {
        let answer = desk.knock(3, "trader", "wrong").await;
        assert_refused(&answer, 401, "error.security.invalid-details");
    }
    assert_refused(&desk.knock(3, "trader", "sandbox").await, 401, locked);
    desk.direct("unlock", json!({ "identifier": "trader" })).await;
    assert_eq!(desk.knock(3, "trader", "sandbox").await.status, 200);
}

#[tokio::test]
async fn a_logout_ends_the_session_in_both_spellings() {
    for tunnelled in [true, false] {
        for version in [2, 3] {
            let mut desk = Desk::new();
            let login = desk.log_in(version).await;
            let answer = if tunnelled {
                desk.delete("/session", 1, &json!({})).await
            } else {
                desk.send("DELETE", "/session", 1, &Value::Null).await
            };
            assert_eq!((answer.status, answer.text.as_str()), (204, ""));
            assert_eq!(desk.get("/accounts").await.status, 401);
            if version == 3 {
                let answer = desk.refresh(&login["oauthToken"]["refresh_token"]).await;
                assert_refused(&answer, 401, "error.security.oauth-token-invalid");
            }
        }
    }
}

#[tokio::test]
async fn paths_may_end_with_a_slash_and_unknown_ones_are_named() {
    let desk = Desk::v3().await;
    assert_eq!(desk.get("/accounts/").await.status, 200);
    assert_eq!(desk.get("/session/?fetchSessionTokens=true").await.status, 200);
    for (method, path, version) in [
        ("GET", "/nothing", 1),
        ("GET", "/accounts/preferences/nothing", 1),
        ("PUT", "/accounts", 1),
        ("GET", "/accounts", 7),
        ("GET", "", 1),
        ("GET", "/", 1),
    ] {
        let answer = desk.send(method, path, version, &Value::Null).await;
        assert_refused(&answer, 404, "invalid.url");
    }
}

#[tokio::test]
async fn the_credentials_are_listed() {
    let play = Play::new();
    let world = play.get("/_sandbox/world").await.ok();
    let ig = &world["acts"]["ig"];
    assert_eq!(ig["keys"][0]["key"], "sandbox-key");
    assert_eq!(ig["clients"][0]["identifier"], "trader");
    assert_eq!(ig["clients"][0]["accounts"][1]["id"], "XYZ987");
    let rest = ig["endpoints"]["rest"].as_str().unwrap();
    assert!(rest.ends_with("/gateway/deal"), "{rest}");
    let printed = play.stage.credentials();
    assert!(printed.iter().any(|(act, one)| *act == "ig" && one.value.contains("sandbox-key")));
}
