//! Continuous access evaluation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant_sandbox::StageConfig;
use serde_json::{Value, json};
use std::time::Duration;

use crate::play::{ADELE, Play, assert_like, claims, config, fixture};

const CAPABLE: &str = r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#;

async fn sign_in(play: &Play) -> Value {
    let code = play.code(&[("claims", CAPABLE)]).await;
    play.redeem(&code, &[("claims", CAPABLE)]).await.ok()
}

async fn challenge(play: &Play) {
    play.advance(5);
    play.change(ADELE, "claims-challenge").await;
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap()
}

#[tokio::test]
async fn a_capable_client_has_long_tokens_and_is_told_when_to_refresh() {
    let play = Play::new();
    let tokens = sign_in(&play).await;
    let life = tokens["expires_in"].as_u64().unwrap();
    assert!((72_000..=100_800).contains(&life), "{life}");
    assert_eq!(tokens["refresh_in"], life / 2);
    assert_eq!(claims(text(&tokens, "access_token"))["xms_cc"], json!(["CP1"]));
    let changes = [("claims", CAPABLE), ("client_info", "1")];
    let answer = play.refresh(text(&tokens, "refresh_token"), &changes).await;
    assert_like("token.refresh.cae.response", &answer);
    let plain = play.refresh(text(&tokens, "refresh_token"), &[]).await.ok();
    assert!(plain["expires_in"].as_u64().unwrap() <= 5_400, "it is said on every call");
    assert!(plain.get("refresh_in").is_none());
    assert!(claims(text(&plain, "access_token")).get("xms_cc").is_none());
    let app = play.app_token(&[("claims", CAPABLE)]).await.ok();
    assert!(app["expires_in"].as_u64().unwrap() >= 72_000);

    let nonsense = play.refresh(text(&tokens, "refresh_token"), &[("claims", "{")]).await;
    assert_eq!(nonsense.refused(), (400, "invalid_request", 90_013));
    let other = r#"{"id_token":{"login_hint":{"essential":false}}}"#;
    play.refresh(text(&tokens, "refresh_token"), &[("claims", other)]).await.ok();
}

#[tokio::test]
async fn a_lifetime_that_was_set_is_not_stretched() {
    let play = Play::with(StageConfig { access_ttl: Some(Duration::from_secs(7)), ..config() });
    let tokens = sign_in(&play).await;
    assert_eq!(tokens["expires_in"], 7);
    assert!(tokens.get("refresh_in").is_none());
}

#[tokio::test]
async fn a_challenge_is_met_by_a_refresh_with_its_claims() {
    let play = Play::new();
    let tokens = sign_in(&play).await;
    let refresh_token = text(&tokens, "refresh_token");
    challenge(&play).await;
    let refused = play.graph("GET", "/v1.0/me", text(&tokens, "access_token")).await;
    assert_like("error.401.cae_challenge", &refused);
    let example = fixture("error.401.cae_challenge")["response"].clone();
    assert_eq!(refused.json["error"]["message"], example["body"]["error"]["message"]);
    let header = refused.header("www-authenticate");
    let (before, rest) = header.split_once("claims=\"").unwrap();
    assert!(before.contains("error=\"insufficient_claims\""), "{header}");
    let asked = STANDARD.decode(rest.trim_end_matches('"')).unwrap();
    let mut asked: Value = serde_json::from_slice(&asked).unwrap();
    assert_eq!(asked["access_token"]["nbf"]["essential"], true);

    let blind = play.refresh(refresh_token, &[("claims", CAPABLE)]).await.ok();
    let again = play.graph("GET", "/v1.0/me", text(&blind, "access_token")).await;
    assert!(again.header("www-authenticate").contains("insufficient_claims"));

    asked["access_token"]["xms_cc"] = json!({ "values": ["cp1"] });
    let asked = asked.to_string();
    let met = play.refresh(refresh_token, &[("claims", &asked)]).await.ok();
    play.graph("GET", "/v1.0/me", text(&met, "access_token")).await.ok();
    let later = play.refresh(text(&met, "refresh_token"), &[("claims", CAPABLE)]).await.ok();
    play.graph("GET", "/v1.0/me", text(&later, "access_token")).await.ok();

    challenge(&play).await;
    let stale = play.refresh(text(&met, "refresh_token"), &[("claims", &asked)]).await.ok();
    let refused = play.graph("GET", "/v1.0/me", text(&stale, "access_token")).await;
    assert_eq!(refused.status, 401, "the claims of the challenge before are not enough");
    let new = sign_in(&play).await;
    play.graph("GET", "/v1.0/me", text(&new, "access_token")).await.ok();
}

#[tokio::test]
async fn a_client_that_cannot_be_challenged_sees_a_plain_401() {
    let play = Play::new();
    let tokens = play.sign_in().await;
    challenge(&play).await;
    let refused = play.graph("GET", "/v1.0/me", text(&tokens, "access_token")).await;
    assert_eq!(refused.status, 401);
    assert!(!refused.header("www-authenticate").contains("claims="));
}

#[tokio::test]
async fn claims_can_need_the_person() {
    let play = Play::new();
    let asked = r#"{"access_token":{"nbf":{"essential":true,"value":"9999999999"}}}"#;
    for (body, refused) in [
        (json!({}), (400, "invalid_grant", 50_076)),
        (
            json!({ "aadsts": 50_079, "error": "interaction_required" }),
            (400, "interaction_required", 50_079),
        ),
        (json!({ "aadsts": 50_072 }), (400, "interaction_required", 50_072)),
    ] {
        let tokens = sign_in(&play).await;
        let refresh_token = text(&tokens, "refresh_token");
        challenge(&play).await;
        play.direct(&format!("microsoft/users/{ADELE}/refuse-claims"), body).await;
        play.refresh(refresh_token, &[("claims", CAPABLE)]).await.ok();
        let answer = play.refresh(refresh_token, &[("claims", asked)]).await;
        assert_eq!(answer.refused(), refused);
        assert!(answer.json["claims"].as_str().unwrap().contains("access_token"));
        sign_in(&play).await;
        play.refresh(refresh_token, &[("claims", asked)]).await.ok();
    }
    for body in [json!({ "aadsts": 1 }), json!({ "error": "server_error" }), json!({ "x": 1 })] {
        let path = format!("world/microsoft/users/{ADELE}/refuse-claims");
        assert_eq!(play.control("POST", &path, &body).await.status, 422, "{body}");
    }
    play.direct(&format!("microsoft/users/{ADELE}/refuse-claims"), json!({})).await;
    let tokens = play.sign_in().await;
    play.direct(&format!("microsoft/users/{ADELE}/refuse-claims"), json!({})).await;
    play.change(ADELE, "accept-claims").await;
    play.refresh(text(&tokens, "refresh_token"), &[("claims", asked)]).await.ok();
}
