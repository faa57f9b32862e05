//! Applications: without a user, with several secrets, and with certificates.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::play::{ADELE, BASE, Play, assert_like, assert_same_shape, claims, fixture, part};

const REGISTRATION: &str = "microsoft/registrations/sandbox-client";

#[tokio::test]
async fn an_application_has_a_token_of_its_own() {
    let play = Play::new();
    let answer = play.app_token(&[]).await;
    assert_like("token.client_credentials.response", &answer);
    let token = answer.json["access_token"].as_str().unwrap();
    let example = fixture("access_token.graph.app_only.decoded");
    assert_same_shape("payload", &example["payload"], &claims(token));
    assert_eq!(part(token, 0)["alg"], "RS256");

    let me = play.graph("GET", "/v1.0/me", token).await;
    assert_eq!((me.status, &me.json["error"]["code"]), (400, &json!("BadRequest")));
    let user = play.graph("GET", &format!("/v1.0/users/{ADELE}"), token).await.ok();
    assert_eq!(user["userPrincipalName"], ADELE);
    let tenant = play.graph("GET", "/v1.0/organization", token).await.ok();
    assert_eq!(tenant["value"][0]["id"], claims(token)["tid"]);
    let id = tenant["value"][0]["id"].as_str().unwrap().to_owned();
    play.graph("GET", &format!("/v1.0/organization/{id}"), token).await.ok();
    assert_eq!(play.graph("GET", "/oidc/userinfo", token).await.status, 403);

    let ledger = play.stage.ledger();
    assert_eq!(ledger.summary().total.access_tokens_issued, 1);
    assert_eq!(ledger.tokens()[0].account, None);
    assert_eq!(ledger.tokens()[0].client.as_deref(), Some("sandbox-client"));
}

#[tokio::test]
async fn an_application_names_one_resource_in_one_tenant() {
    let play = Play::new();
    for (change, refused) in [
        (("scope", ""), (400, "invalid_request", 900_144)),
        (("scope", "User.Read"), (400, "invalid_scope", 1_002_012)),
        (("scope", "https://graph.microsoft.com/Mail.Send"), (400, "invalid_scope", 1_002_012)),
        (
            ("scope", "https://graph.microsoft.com/.default openid"),
            (400, "invalid_scope", 1_002_012),
        ),
        (("scope", "Nonsense"), (400, "invalid_scope", 70_011)),
        (("scope", "https://vault.example/.default"), (400, "invalid_resource", 500_011)),
        (
            ("scope", "https://graph.microsoft.com/.default https://vault.example/.default"),
            (400, "invalid_request", 700_022),
        ),
        (("client_secret", "guess"), (401, "invalid_client", 7_000_215)),
    ] {
        assert_eq!(play.app_token(&[change]).await.refused(), refused, "{change:?}");
    }
    let public = [("client_id", "sandbox-public"), ("client_secret", "")];
    assert_eq!(play.app_token(&public).await.refused(), (401, "invalid_client", 7_000_218));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "sandbox-client"),
        ("client_secret", "sandbox-secret"),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    for tenant in ["common", "organizations", "consumers"] {
        let answer = play.post(&format!("/{tenant}/oauth2/v2.0/token"), &form).await;
        assert_eq!(answer.refused(), (400, "invalid_request", 9_001_023), "{tenant}");
    }
}

#[tokio::test]
async fn one_secret_can_follow_another() {
    let play = Play::new();
    let with = async |secret: &str| play.app_token(&[("client_secret", secret)]).await;
    let body = json!({ "secret": "second", "expires_in_seconds": 3600 });
    let shown = play.direct(&format!("{REGISTRATION}/secrets"), body).await;
    assert_eq!(shown["secrets"].as_array().unwrap().len(), 2);
    for secret in ["sandbox-secret", "second"] {
        with(secret).await.ok();
    }
    let first = json!({ "secret": "sandbox-secret" });
    play.direct(&format!("{REGISTRATION}/secrets/expire"), first.clone()).await;
    let expired = with("sandbox-secret").await;
    assert_like("token.error.invalid_client.7000222", &expired);
    assert_eq!(expired.refused(), (401, "invalid_client", 7_000_222));
    with("second").await.ok();
    play.advance(3600);
    assert_eq!(with("second").await.refused(), (401, "invalid_client", 7_000_222));
    play.direct(&format!("{REGISTRATION}/secrets/remove"), first.clone()).await;
    assert_eq!(with("sandbox-secret").await.refused(), (401, "invalid_client", 7_000_215));
    let body = json!({ "secret": "second", "expires_in_seconds": null });
    play.direct(&format!("{REGISTRATION}/secrets"), body).await;
    with("second").await.ok();

    let gone = play.control("POST", &format!("world/{REGISTRATION}/secrets/remove"), &first).await;
    assert_eq!(gone.status, 404);
    let public = "world/microsoft/registrations/sandbox-public/secrets";
    assert_eq!(play.control("POST", public, &first).await.status, 422);
    play.control("POST", "reset", &json!({})).await.ok();
    with("sandbox-secret").await.ok();
}

/// A certificate that is not registered anywhere yet, with its key.
struct Certificate {
    pair: KeyPair,
    der: Vec<u8>,
}

impl Certificate {
    fn new(subject: &str) -> Self {
        Self::valid(subject, None)
    }

    fn valid(subject: &str, until: Option<i32>) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, subject);
        if let Some(year) = until {
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
        }
        let der = params.self_signed(&pair).unwrap().der().to_vec();
        let pair = KeyPair::from_pkcs8(pair.serialized_der()).unwrap();
        assert!(pair.public_modulus_len() >= KeySize::Rsa2048.len());
        Self { pair, der }
    }

    fn pem(&self) -> String {
        let body = STANDARD.encode(&self.der);
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }

    fn sha256(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.der))
    }

    fn sha1(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.der))
    }

    fn sign(&self, header: &Value, claims: &Value, padded: bool) -> String {
        let encode = |part: &[u8]| {
            if padded { URL_SAFE.encode(part) } else { URL_SAFE_NO_PAD.encode(part) }
        };
        let signed = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let algorithm: &'static dyn RsaEncoding =
            if header["alg"] == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair.sign(algorithm, &random, signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", encode(&signature))
    }

    async fn register(&self, play: &Play) {
        let body = json!({ "pem": self.pem() });
        let shown = play.direct(&format!("{REGISTRATION}/certificates"), body).await;
        assert_eq!(shown["certificates"][0]["x5t"].as_str().unwrap().len(), 27);
    }
}

async fn present(play: &Play, assertion: &str) -> crate::play::Answer {
    let changes = [
        ("client_secret", ""),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
    ];
    play.app_token(&changes).await
}

fn statement(play: &Play) -> Value {
    let now = play.stage.now().as_second();
    json!({
        "aud": format!("{BASE}/contoso.example/oauth2/v2.0/token"),
        "iss": "sandbox-client",
        "sub": "sandbox-client",
        "jti": "22223333-cccc-4444-dddd-5555eeee6666",
        "nbf": now,
        "iat": now,
        "exp": now + 600,
    })
}

#[tokio::test]
async fn a_certificate_proves_an_application_in_every_librarys_way() {
    let play = Play::new();
    let certificate = Certificate::new("client");
    certificate.register(&play).await;
    let chain = STANDARD.encode(&certificate.der);
    let plain = statement(&play);
    let changed = |changes: Value| {
        let mut claims = statement(&play);
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    };
    let now = plain["nbf"].as_i64().unwrap();
    let float = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let (begins, ends) = (float(format!("{now}.25")), float(format!("{}.5", now + 600)));
    let floats = changed(json!({ "exp": ends, "iat": begins }));
    let texts = changed(json!({
        "exp": (now + 600).to_string(), "nbf": now.to_string(), "iat": now.to_string(),
        "aud": "https://login.microsoftonline.com/common/oauth2/v2.0/token",
    }));
    let modern = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": certificate.sha256() });
    let legacy = json!({ "alg": "RS256", "typ": "JWT", "x5t": certificate.sha1() });
    let both = json!({ "alg": "PS256", "x5t#S256": certificate.sha256(), "x5c": [chain] });
    let joined =
        json!({ "alg": "RS256", "x5t": certificate.sha1(), "x5c": format!("{chain},{chain}") });
    let chain_only = json!({ "alg": "RS256", "x5c": [chain] });
    for (header, claims, padded) in [
        (&modern, &plain, false),
        (&modern, &plain, true),
        (&modern, &floats, false),
        (&legacy, &plain, false),
        (&legacy, &texts, false),
        (&both, &plain, false),
        (&joined, &texts, true),
        (&chain_only, &plain, false),
    ] {
        let answer = present(&play, &certificate.sign(header, claims, padded)).await;
        assert_eq!(answer.status, 200, "{header} {claims}: {}", answer.text);
        let token = answer.json["access_token"].as_str().unwrap().to_owned();
        assert_eq!(crate::play::claims(&token)["appidacr"], "2");
    }
    for (change, number) in [
        (json!({ "aud": "https://evil.example/common/oauth2/v2.0/token" }), 700_023),
        (json!({ "aud": null }), 700_023),
        (json!({ "exp": now - 301, "nbf": now - 900 }), 700_024),
        (json!({ "exp": null }), 700_024),
        (json!({ "nbf": now + 400 }), 700_024),
        (json!({ "iss": "sandbox-public" }), 50_012),
    ] {
        let assertion = certificate.sign(&modern, &changed(change.clone()), false);
        let refused = present(&play, &assertion).await;
        assert_eq!(refused.refused(), (401, "invalid_client", number), "{change}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_found_out() {
    let play = Play::new();
    let (certificate, stranger) = (Certificate::new("client"), Certificate::new("stranger"));
    let header = json!({ "alg": "PS256", "x5t#S256": certificate.sha256() });
    let good = certificate.sign(&header, &statement(&play), false);
    assert_eq!(present(&play, &good).await.refused(), (401, "invalid_client", 700_027));
    certificate.register(&play).await;
    present(&play, &good).await.ok();
    let forged = stranger.sign(&header, &statement(&play), false);
    assert_like("token.error.invalid_client.700027", &present(&play, &forged).await);
    let own = json!({ "alg": "PS256", "x5t#S256": stranger.sha256() });
    let unknown = stranger.sign(&own, &statement(&play), false);
    assert_eq!(present(&play, &unknown).await.refused(), (401, "invalid_client", 700_027));
    let unsigned = json!({ "alg": "none", "x5t#S256": certificate.sha256() });
    let unsigned = certificate.sign(&unsigned, &statement(&play), false);
    assert_eq!(present(&play, &unsigned).await.refused(), (401, "invalid_client", 700_027));

    let path = format!("{REGISTRATION}/certificates/remove");
    play.direct(&path, json!({ "x5t#S256": certificate.sha256() })).await;
    assert_eq!(present(&play, &good).await.refused(), (401, "invalid_client", 700_027));
    let body = json!({ "pem": "nonsense" });
    let refused = play.control("POST", &format!("world/{REGISTRATION}/certificates"), &body).await;
    assert_eq!(refused.status, 422);
}

#[tokio::test]
async fn an_old_certificate_is_refused() {
    let play = Play::new();
    let certificate = Certificate::valid("client", Some(2020));
    certificate.register(&play).await;
    let header = json!({ "alg": "PS256", "x5t#S256": certificate.sha256() });
    let assertion = certificate.sign(&header, &statement(&play), false);
    assert_eq!(present(&play, &assertion).await.refused(), (401, "invalid_client", 1_000_502));
}

#[tokio::test]
async fn a_certificate_redeems_codes_and_refreshes_too() {
    let play = Play::new();
    let certificate = Certificate::new("client");
    certificate.register(&play).await;
    let header = json!({ "alg": "RS256", "x5t": certificate.sha1() });
    let assertion = certificate.sign(&header, &statement(&play), false);
    let by_key = [("client_secret", ""), ("client_assertion", assertion.as_str())];
    let code = play.code(&[]).await;
    let tokens = play.redeem(&code, &by_key).await.ok();
    play.refresh(tokens["refresh_token"].as_str().unwrap(), &by_key).await.ok();
    let public = [("client_id", "sandbox-public"), by_key[0], by_key[1]];
    assert_eq!(play.app_token(&public).await.refused(), (401, "invalid_client", 700_025));
}
