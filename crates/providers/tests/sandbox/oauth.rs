//! The plain providers: discovery, every grant, and what each does with a refresh token.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use evergrant_sandbox::{Counts, StageConfig};
use serde_json::{Value, json};
use std::time::Duration;

use crate::play::{
    Answer, BASE, CHALLENGE, Form, Play, REDIRECT, VERIFIER, claims, config, encode, merged,
};

const ADELE: &str = "adele@acme.example";
const SCOPE: &str = "openid read write";
const SECRET: Form<'static> = &[("client_id", "acme-client"), ("client_secret", "acme-secret")];

/// One of the providers of a play.
struct Acme<'a>(&'a Play, &'a str);

impl Acme<'_> {
    fn path(&self, end: &str) -> String {
        format!("/oauth/{}/{end}", self.1)
    }

    async fn authorize(&self, changes: Form<'_>) -> Answer {
        let query = merged(
            &[
                ("client_id", "acme-client"),
                ("response_type", "code"),
                ("redirect_uri", REDIRECT),
                ("scope", SCOPE),
                ("state", "S T=A&TE"),
                ("nonce", "N"),
                ("prompt", "none"),
                ("login_hint", "adele"),
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"),
            ],
            changes,
        );
        self.0.get(&format!("{}?{query}", self.path("authorize"))).await
    }

    async fn post(&self, end: &str, usual: Form<'_>, changes: Form<'_>) -> Answer {
        let usual: Vec<_> = usual.iter().chain(SECRET).copied().collect();
        let body = merged(&usual, changes);
        self.0.send(self.0.request("POST", &self.path(end), &[], body)).await.unwrap()
    }

    async fn redeem(&self, code: &str, changes: Form<'_>) -> Answer {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        self.post("token", &usual, changes).await
    }

    async fn sign_in(&self) -> Value {
        let code = self.authorize(&[]).await.returned()["code"].clone();
        self.redeem(&code, &[]).await.ok()
    }

    async fn refresh(&self, token: &Value, changes: Form<'_>) -> Answer {
        let token = token.as_str().unwrap();
        self.post("token", &[("grant_type", "refresh_token"), ("refresh_token", token)], changes)
            .await
    }

    async fn own(&self, changes: Form<'_>) -> Answer {
        self.post("token", &[("grant_type", "client_credentials")], changes).await
    }

    async fn me(&self, token: &Value) -> Answer {
        self.0.graph("GET", &self.path("api/me"), token.as_str().unwrap()).await
    }

    async fn direct(&self, end: &str, body: Value) -> Value {
        self.0.direct(&format!("oauth/{}/{end}", self.1), body).await
    }
}

fn refused(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.json["error"].as_str().expect("an OAuth error"))
}

fn counts(play: &Play) -> Counts {
    play.stage.ledger().account(ADELE)
}

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
async fn a_second_use_revokes_the_family_where_it_is_strict() {
    let play = Play::new();
    let acme = Acme(&play, "strict");
    let (first, other) = (acme.sign_in().await, acme.sign_in().await);
    let second = acme.refresh(&first["refresh_token"], &[]).await.ok();
    acme.me(&first["access_token"]).await.ok();
    let reused = acme.refresh(&first["refresh_token"], &[]).await;
    assert_eq!(refused(&reused), (400, "invalid_grant"));
    for token in [&first["access_token"], &second["access_token"]] {
        assert_eq!(refused(&acme.me(token).await), (401, "invalid_token"), "at once");
    }
    let newest = acme.refresh(&second["refresh_token"], &[]).await;
    assert_eq!(refused(&newest), (400, "invalid_grant"));
    acme.me(&other["access_token"]).await.ok();
    let counts = counts(&play);
    assert_eq!((counts.families_revoked, counts.grants_revoked), (1, 1));
    assert_eq!((counts.access_tokens_revoked, counts.refreshes_refused), (2, 2));
    let ledger = play.control("GET", "ledger", &Value::Null).await.ok();
    assert_eq!(ledger["summary"]["families_revoked"], 1);
    assert_eq!(ledger["summary"]["accounts"][ADELE]["families_revoked"], 1);
}

#[tokio::test]
async fn a_repetition_gives_the_same_pair_within_the_grace() {
    let play = Play::new();
    let acme = Acme(&play, "grace");
    let first = acme.sign_in().await;
    let second = acme.refresh(&first["refresh_token"], &[]).await.ok();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    play.advance(20);
    assert_eq!(acme.refresh(&first["refresh_token"], &[]).await.ok(), second);
    let third = acme.refresh(&second["refresh_token"], &[]).await.ok();
    play.advance(10);
    assert_eq!(refused(&acme.refresh(&first["refresh_token"], &[]).await), (400, "invalid_grant"));
    assert_eq!(acme.me(&third["access_token"]).await.status, 401);
    assert_eq!(counts(&play).families_revoked, 1);
}

#[tokio::test]
async fn plain_refresh_tokens_stay_and_lasting_tokens_need_none() {
    let play = Play::new();
    let plain = Acme(&play, "plain");
    let first = plain.sign_in().await;
    for _ in 0..3 {
        let body = plain.refresh(&first["refresh_token"], &[]).await.ok();
        assert!(body.get("refresh_token").is_none(), "it stays what it is");
        plain.me(&body["access_token"]).await.ok();
    }
    assert_eq!((counts(&play).refreshes, counts(&play).refresh_tokens_issued), (3, 1));
    let lasting = Acme(&play, "lasting");
    let tokens = lasting.sign_in().await;
    assert!(tokens.get("refresh_token").is_none() && tokens.get("expires_in").is_none());
    play.advance(10 * 365 * 24 * 3600);
    lasting.me(&tokens["access_token"]).await.ok();
    assert_eq!(lasting.me(&first["access_token"]).await.status, 401, "of another provider");
}

#[tokio::test]
async fn the_lifetime_and_the_scope_of_a_refresh() {
    let play = Play::with(StageConfig { access_ttl: Some(Duration::from_secs(7)), ..config() });
    let acme = Acme(&play, "strict-2");
    let tokens = acme.sign_in().await;
    assert_eq!(tokens["expires_in"], 7);
    let more = acme.refresh(&tokens["refresh_token"], &[("scope", "read admin")]).await;
    assert_eq!(refused(&more), (400, "invalid_scope"));
    let narrow = acme.refresh(&tokens["refresh_token"], &[("scope", "read")]).await.ok();
    assert_eq!(narrow["scope"], "read");
    let whole = acme.refresh(&narrow["refresh_token"], &[]).await.ok();
    assert_eq!(whole["scope"], SCOPE, "the grant is as wide as before");
}

#[tokio::test]
async fn a_client_proves_itself_as_it_is_registered() {
    let play = Play::new();
    let acme = Acme(&play, "plain");
    let body = encode(&[("grant_type", "client_credentials")]);
    let with_basic = async |secret: &str| {
        let basic = format!("Basic {}", STANDARD.encode(format!("acme%2Dclient:{secret}")));
        let headers = [("authorization", basic.as_str())];
        play.send(play.request("POST", &acme.path("token"), &headers, body.clone())).await.unwrap()
    };
    acme.own(&[]).await.ok();
    with_basic("acme-secret").await.ok();
    let wrong = with_basic("guess").await;
    assert_eq!(refused(&wrong), (401, "invalid_client"));
    assert!(wrong.header("www-authenticate").starts_with("Basic "));
    assert_eq!(refused(&acme.own(&[("client_secret", "")]).await), (401, "invalid_client"));

    acme.direct("auth-method", json!({ "method": "client_secret_basic" })).await;
    assert_eq!(refused(&acme.own(&[]).await), (401, "invalid_client"));
    with_basic("acme-secret").await.ok();
    acme.direct("auth-method", json!({ "method": null })).await;

    acme.direct("secret", json!({ "secret": "second" })).await;
    assert_eq!(refused(&acme.own(&[]).await), (401, "invalid_client"));
    acme.own(&[("client_secret", "second")]).await.ok();

    let public = [("client_id", "acme-public"), ("client_secret", "")];
    assert_eq!(refused(&acme.own(&public).await), (400, "unauthorized_client"));
    let code = acme.authorize(&[("client_id", "acme-public")]).await.returned()["code"].clone();
    acme.redeem(&code, &public).await.ok();
    assert_eq!(play.stage.ledger().summary().total.access_tokens_issued, 5);
}

#[tokio::test]
async fn a_client_proves_itself_by_a_key() {
    let play = Play::new();
    let acme = Acme(&play, "strict");
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": "k1",
        "x": number(&point[1..33]), "y": number(&point[33..]),
    });
    let sign = |claims: &Value| {
        let header = json!({ "alg": "ES256", "kid": "k1" });
        let signed = format!(
            "{}.{}",
            number(header.to_string().as_bytes()),
            number(claims.to_string().as_bytes())
        );
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", number(signature.as_ref()))
    };
    let now = play.stage.now().as_second();
    let good = json!({
        "iss": "acme-client", "sub": "acme-client", "aud": format!("{BASE}/oauth/strict/token"),
        "exp": now + 60, "jti": "1",
    });
    let present = async |assertion: &str| {
        let changes = [
            ("client_id", ""),
            ("client_secret", ""),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        acme.own(&changes).await
    };
    assert_eq!(refused(&present(&sign(&good)).await), (401, "invalid_client"));
    acme.direct("keys", json!({ "jwk": jwk })).await;
    present(&sign(&good)).await.ok();
    for (name, value) in [
        ("aud", json!("https://evil.example")),
        ("exp", json!(now - 61)),
        ("nbf", json!(now + 120)),
        ("iss", json!("acme-public")),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert_eq!(refused(&present(&sign(&bad)).await), (401, "invalid_client"), "{name}");
    }
    acme.direct("auth-method", json!({ "method": "private_key_jwt" })).await;
    assert_eq!(refused(&acme.own(&[]).await), (401, "invalid_client"));

    acme.direct("keys/remove", json!({})).await;
    assert_eq!(refused(&present(&sign(&good)).await), (401, "invalid_client"));
    let der = pair.public_key().as_der().unwrap();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    acme.direct("keys", json!({ "pem": pem })).await;
    present(&sign(&good)).await.ok();
    for body in [json!({}), json!({ "pem": "x" }), json!({ "jwk": {} }), json!({ "key": 1 })] {
        let answer = play.control("POST", "world/oauth/strict/keys", &body).await;
        assert_eq!(answer.status, 422, "{body}");
    }
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

#[tokio::test]
async fn tokens_are_revoked_by_the_client_and_by_the_user() {
    let play = Play::new();
    let acme = Acme(&play, "strict");
    let revoke = async |token: &Value| {
        let token = token.as_str().unwrap();
        acme.post("revoke", &[("token", token)], &[]).await.status
    };
    let tokens = acme.sign_in().await;
    assert_eq!(revoke(&json!("unknown")).await, 200);
    assert_eq!(revoke(&tokens["access_token"]).await, 200);
    assert_eq!(acme.me(&tokens["access_token"]).await.status, 401);
    let tokens = acme.refresh(&tokens["refresh_token"], &[]).await.ok();
    assert_eq!(revoke(&tokens["refresh_token"]).await, 200);
    assert_eq!(acme.me(&tokens["access_token"]).await.status, 401, "with its family");
    assert_eq!(refused(&acme.refresh(&tokens["refresh_token"], &[]).await), (400, "invalid_grant"));
    let public = [("client_id", "nobody")];
    let stranger = acme.post("revoke", &[("token", "x")], &public).await;
    assert_eq!(refused(&stranger), (401, "invalid_client"));

    let tokens = acme.sign_in().await;
    acme.direct("users/adele/revoke-access-tokens", json!({})).await;
    assert_eq!(acme.me(&tokens["access_token"]).await.status, 401);
    let tokens = acme.refresh(&tokens["refresh_token"], &[]).await.ok();
    acme.direct("users/adele/revoke", json!({})).await;
    assert_eq!(acme.me(&tokens["access_token"]).await.status, 401);
    assert_eq!(refused(&acme.refresh(&tokens["refresh_token"], &[]).await), (400, "invalid_grant"));
    let counts = counts(&play);
    assert_eq!((counts.grants_revoked, counts.families_revoked), (2, 0));
    assert_eq!(counts.access_tokens_revoked, 4);
}

#[tokio::test]
async fn every_oauth_error_can_be_scripted() {
    let play = Play::new();
    let acme = Acme(&play, "plain");
    let tokens = acme.sign_in().await;
    for (error, status) in [
        ("invalid_request", 400),
        ("invalid_client", 401),
        ("invalid_grant", 400),
        ("unauthorized_client", 400),
        ("unsupported_grant_type", 400),
        ("invalid_scope", 400),
        ("slow_down", 400),
        ("temporarily_unavailable", 503),
        ("server_error", 500),
        ("something_of_their_own", 400),
    ] {
        let matching = json!({ "account": ADELE, "grant_type": "refresh_token", "name": "plain" });
        let deed = json!({ "oauth_error": error, "description": "scripted" });
        play.fault(json!({ "where": "oauth.token", "match": matching, "do": deed })).await;
        acme.own(&[]).await.ok();
        let answer = acme.refresh(&tokens["refresh_token"], &[]).await;
        assert_eq!(refused(&answer), (status, error));
        assert_eq!(answer.json["error_description"], "scripted");
    }
    let deed = json!({ "oauth_error": "invalid_grant", "status": 403, "retry_after": 3 });
    play.fault(json!({ "where": "oauth.token", "do": deed })).await;
    let odd = acme.refresh(&tokens["refresh_token"], &[]).await;
    assert_eq!((refused(&odd), odd.header("retry-after")), ((403, "invalid_grant"), "3"));
    assert!(odd.json.get("error_description").is_none());

    let denied = json!({ "oauth_error": "access_denied" });
    let matching = json!({ "account": ADELE });
    play.fault(json!({ "where": "oauth.authorize", "match": matching, "do": denied })).await;
    let back = acme.authorize(&[]).await.returned();
    assert_eq!((back["error"].as_str(), back["state"].as_str()), ("access_denied", "S T=A&TE"));

    for site in ["oauth.api", "oauth.userinfo"] {
        let matching = json!({ "account": ADELE, "client_id": "acme-client" });
        let deed = json!({ "oauth_error": "invalid_token" });
        play.fault(json!({ "where": site, "match": matching, "do": deed })).await;
    }
    assert_eq!(refused(&acme.me(&tokens["access_token"]).await), (401, "invalid_token"));
    let token = tokens["access_token"].as_str().unwrap();
    let userinfo = play.graph("GET", &acme.path("userinfo"), token).await;
    assert!(userinfo.header("www-authenticate").contains("invalid_token"));
    play.fault(json!({ "where": "oauth.revoke", "do": { "status": 503 } })).await;
    assert_eq!(acme.post("revoke", &[("token", token)], &[]).await.status, 503);
    let html =
        json!({ "status": 200, "body": "<html>", "headers": { "content-type": "text/html" } });
    play.fault(json!({ "where": "oauth.discovery", "do": html })).await;
    let page = play.get(&acme.path(".well-known/openid-configuration")).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html"));

    for (fault, reason) in [
        (json!({ "where": "oauth.token", "do": { "aadsts": 50_173 } }), "aadsts"),
        (
            json!({ "where": "oauth.token", "do": { "description": "x", "status": 400 } }),
            "description",
        ),
        (json!({ "where": "oauth.token", "do": { "oauth_error": "x", "body": "y" } }), "body"),
        (json!({ "where": "oauth.discovery", "do": { "oauth_error": "x" } }), "no OAuth errors"),
        (
            json!({ "where": "oauth.device", "match": { "account": "x" }, "do": { "status": 500 } }),
            "account",
        ),
    ] {
        let answer = play.control("POST", "faults", &fault).await;
        assert_eq!(answer.status, 422, "{fault}");
        assert!(answer.json["detail"].as_str().unwrap().contains(reason), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_reset_forgets_the_providers_too() {
    let play = Play::new();
    let acme = Acme(&play, "strict");
    let tokens = acme.sign_in().await;
    acme.direct("secret", json!({ "secret": "second" })).await;
    play.control("POST", "reset", &json!({})).await.ok();
    assert_eq!(acme.me(&tokens["access_token"]).await.status, 401);
    assert_eq!(refused(&acme.refresh(&tokens["refresh_token"], &[]).await), (400, "invalid_grant"));
    let unknown =
        ["world/oauth/strict/x", "world/oauth/strict/users/x/revoke", "world/oauth/X/secret"];
    for path in unknown {
        assert_eq!(play.control("POST", path, &json!({})).await.status, 404, "{path}");
    }
}
