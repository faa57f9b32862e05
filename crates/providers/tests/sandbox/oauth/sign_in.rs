//! Discovery, sign-in and devices.

use evergrant_sandbox::Counts;
use serde_json::{Value, json};

use super::{ADELE, Acme, SCOPE, counts, refused};
use crate::play::{BASE, Play, claims};

#[tokio::test]
async fn a_sign_in_gives_tokens_that_open_the_api() {
    let play = Play::new();
    let acme = Acme(&play, "plain");
    let back = acme.authorize(&[]).await.returned();
    let issuer = format!("{BASE}/oauth/plain");
    assert_eq!((back["state"].as_str(), back["iss"].as_str()), ("S T=A&TE", issuer.as_str()));
    let tokens = acme.redeem(&back["code"], &[]).await.ok();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let id = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(
        (&id["iss"], &id["aud"], &id["nonce"]),
        (&json!(issuer), &json!("acme-client"), &json!("N"))
    );
    let me = acme.me(&tokens["access_token"]).await.ok();
    assert_eq!((&me["email"], &me["id"]), (&json!(ADELE), &id["sub"]));
    let token = tokens["access_token"].as_str().unwrap();
    let userinfo = play.graph("GET", &acme.path("userinfo"), token).await.ok();
    assert_eq!(userinfo["sub"], id["sub"]);
    let again = acme.redeem(&back["code"], &[]).await;
    assert_eq!(refused(&again), (400, "invalid_grant"));
    play.advance(3600);
    let late = acme.me(&tokens["access_token"]).await;
    assert_eq!(refused(&late), (401, "invalid_token"));
    assert!(late.header("www-authenticate").contains("error=\"invalid_token\""));
    let expected = Counts {
        codes_issued: 1,
        code_redemptions: 1,
        codes_refused: 1,
        access_tokens_issued: 1,
        access_tokens_refused: 1,
        refresh_tokens_issued: 1,
        ..Counts::default()
    };
    assert_eq!(counts(&play), expected);
}

#[tokio::test]
async fn the_metadata_is_at_both_addresses() {
    let play = Play::new();
    let name = "some-name-nobody-thought-of";
    let acme = Acme(&play, name);
    let metadata = play.get(&acme.path(".well-known/openid-configuration")).await.ok();
    let same = format!("/.well-known/oauth-authorization-server/oauth/{name}");
    assert_eq!(play.get(&same).await.ok(), metadata);
    assert_eq!(metadata["issuer"], format!("{BASE}/oauth/{name}"));
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    let keys = play.get(&acme.path("jwks")).await.ok();
    assert_eq!(keys["keys"][0]["kty"], "RSA");
    acme.sign_in().await;
    assert_eq!(play.get("/oauth/Not_A_Name/jwks").await.status, 404);
    let world = play.control("GET", "world", &Value::Null).await.ok();
    let providers = world["acts"]["oauth"]["providers"].as_object().unwrap();
    for name in ["strict", "grace", "plain", "lasting", name] {
        assert!(providers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn an_authorize_request_must_be_right() {
    let play = Play::new();
    let acme = Acme(&play, "strict");
    for (change, error) in [
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("login_hint", "nobody"), "login_required"),
    ] {
        let back = acme.authorize(&[change]).await.returned();
        assert_eq!(back["error"], error, "{change:?}");
        assert!(back.contains_key("iss") && back.contains_key("state"));
    }
    for change in [("client_id", "nobody"), ("redirect_uri", "https://evil.example/")] {
        let page = acme.authorize(&[change]).await;
        assert_eq!((page.status, page.header("location")), (400, ""), "{change:?}");
    }
    let code = acme.authorize(&[]).await.returned()["code"].clone();
    for (change, error) in [
        (("code_verifier", ""), (400, "invalid_grant")),
        (("redirect_uri", "http://localhost:1/"), (400, "invalid_grant")),
        (("client_secret", "guess"), (401, "invalid_client")),
        (("grant_type", "password"), (400, "unsupported_grant_type")),
        (("code", ""), (400, "invalid_request")),
    ] {
        assert_eq!(refused(&acme.redeem(&code, &[change]).await), error, "{change:?}");
    }
    acme.redeem(&code, &[]).await.ok();
}

#[tokio::test]
async fn a_person_answers_a_page() {
    let play = Play::new();
    let acme = Acme(&play, "plain");
    let page = acme.authorize(&[("prompt", "")]).await;
    let request = page.hidden("request").replace("&amp;", "&");
    let answer = |password: &'static str, choice: &'static str| {
        [("request", request.as_str()), ("login", "alex"), ("passwd", password), ("choice", choice)]
    };
    let path = acme.path("sign-in");
    assert_eq!(play.post(&path, &answer("guess", "yes")).await.status, 200);
    let declined = play.post(&path, &answer("", "no")).await.returned();
    assert_eq!(declined["error"], "access_denied");
    let code = play.post(&path, &answer("sandbox", "yes")).await.returned()["code"].clone();
    let tokens = acme.redeem(&code, &[]).await.ok();
    assert_eq!(acme.me(&tokens["access_token"]).await.ok()["email"], "alex@acme.example");
}

#[tokio::test]
async fn a_device_polls_until_somebody_has_answered() {
    let play = Play::new();
    let acme = Acme(&play, "grace");
    let start = async || acme.post("device", &[("scope", SCOPE)], &[]).await.ok();
    let poll = async |started: &Value| {
        let usual = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", started["device_code"].as_str().unwrap()),
        ];
        acme.post("token", &usual, &[]).await
    };
    let started = start().await;
    assert_eq!(refused(&poll(&started).await), (400, "authorization_pending"));
    let complete = started["verification_uri_complete"].as_str().unwrap();
    let page = play.get(complete.trim_start_matches(BASE)).await;
    assert!(page.text.contains(started["user_code"].as_str().unwrap()));
    let straight = format!("{}&login_hint=adele&prompt=none", complete.trim_start_matches(BASE));
    assert!(play.get(&straight).await.text.contains("signed in"));
    let tokens = poll(&started).await.ok();
    acme.refresh(&tokens["refresh_token"], &[]).await.ok();
    assert_eq!(refused(&poll(&started).await), (400, "invalid_grant"));

    let code = |started: &Value| started["user_code"].as_str().unwrap().to_owned();
    let declined = start().await;
    acme.direct(&format!("device-codes/{}/decline", code(&declined)), json!({})).await;
    assert_eq!(refused(&poll(&declined).await), (400, "access_denied"));
    let approved = start().await;
    let body = json!({ "account": "alex" });
    acme.direct(&format!("device-codes/{}/approve", code(&approved)), body).await;
    poll(&approved).await.ok();
    let old = start().await;
    play.advance(900);
    assert_eq!(refused(&poll(&old).await), (400, "expired_token"));
}
