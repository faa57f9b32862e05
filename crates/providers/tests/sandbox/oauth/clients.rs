//! How clients prove who they are.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Acme, refused};
use crate::play::{BASE, Play, encode};

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
