//! Id tokens of declared providers: only the right one names an account.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use evergrant::provider::{AuthError, Evidence, Redeemed};
use evergrant_providers::declared::{self, Declaration};
use evergrant_providers::{ClientCredential, CredentialKind, Settings, all};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use crate::script::{Script, now};

const ISSUER: &str = "https://login.acme.example";

struct Acme {
    key: rcgen::KeyPair,
}

impl Acme {
    fn jwks(&self) -> String {
        let point = self.key.public_key_raw();
        let part = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let (x, y) = (part(&point[1..33]), part(&point[33..65]));
        json!({"keys": [{"kid": "k1", "kty": "EC", "crv": "P-256", "use": "sig", "x": x, "y": y}]})
            .to_string()
    }

    fn signed(&self, header: &Header, claims: &Value) -> String {
        let key = EncodingKey::from_ec_der(&self.key.serialize_der());
        jsonwebtoken::encode(header, claims, &key).unwrap()
    }

    fn header() -> Header {
        Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::ES256) }
    }

    fn http(&self, id_token: &str) -> Script {
        let answer = json!({"access_token": "a", "refresh_token": "r", "id_token": id_token});
        let described = json!({
            "issuer": ISSUER,
            "jwks_uri": "https://keys.acme.example/jwks",
            "authorization_response_iss_parameter_supported": true,
        });
        Script::default()
            .on("/token", 200, &answer.to_string())
            .on("/.well-known/openid-configuration", 200, &described.to_string())
            .on("/jwks", 200, &self.jwks())
    }

    /// A deployment that signs in with the same key, for the sake of brevity.
    fn provider(&self) -> std::sync::Arc<dyn evergrant::provider::Provider> {
        let declaration = format!(
            r#"
label = "Acme"
issuer = "{ISSUER}"
discovery_url = "{ISSUER}/.well-known/openid-configuration"
authorize_url = "{ISSUER}/authorize"
token_url = "{ISSUER}/token"
base_url = "https://api.acme.example"
scopes_always = ["openid"]
client_auth = "private_key_jwt"
replay = "non_revoking"
[identity]
source = "id_token"
id = "/sub"
name = "/name"
"#
        );
        let der = STANDARD.encode(self.key.serialize_der());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
        let settings = declared::Settings {
            client_id: Some("app".to_owned()),
            credentials: vec![ClientCredential {
                name: "key".to_owned(),
                kind: CredentialKind::Key {
                    key: pem.as_str().into(),
                    kid: Some("ours".to_owned()),
                    rs256: false,
                },
                expires_at: None,
            }],
            declaration: Some(Declaration::parse(&declaration).unwrap()),
            ..declared::Settings::default()
        };
        let declared = BTreeMap::from([("acme".to_owned(), settings)]);
        let (providers, _) = all(&Settings { declared, ..Settings::default() }).unwrap();
        std::sync::Arc::clone(providers.find(&"acme".into()).unwrap())
    }

    async fn sign_in(&self, http: &Script) -> Result<Redeemed, AuthError> {
        let evidence = Evidence::Code {
            code: "c".into(),
            verifier: "v".into(),
            nonce: "n".into(),
            redirect_uri: "https://us.example/cb".parse().unwrap(),
            scopes: vec![],
        };
        self.provider().redeem(http, now(), evidence).await
    }
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "u1", "aud": "app", "nonce": "n", "name": "Ada",
        "iat": now().as_second(), "exp": now().as_second() + 3600,
    })
}

#[tokio::test]
async fn the_right_id_token_names_the_account() {
    let acme = Acme { key: rcgen::KeyPair::generate().unwrap() };
    let http = acme.http(&acme.signed(&Acme::header(), &claims()));
    let done = acme.sign_in(&http).await.unwrap();
    assert_eq!((done.account.id.as_str(), done.account.name.as_str()), ("u1", "Ada"));
    // The client's own proof is for the issuer and for nobody else.
    let proof = &http.forms()[0]["client_assertion"];
    assert_eq!(jsonwebtoken::decode_header(proof).unwrap().kid.as_deref(), Some("ours"));
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_audience(&[ISSUER]);
    rules.validate_exp = false;
    let point = acme.key.public_key_raw();
    let part = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let key = DecodingKey::from_ec_components(&part(&point[1..33]), &part(&point[33..65])).unwrap();
    let proven = jsonwebtoken::decode::<Value>(proof, &key, &rules).unwrap().claims;
    assert_eq!(proven["sub"], "app");
    // Once the provider has said so, an answer without `iss` is none of its.
    let provider = acme.provider();
    assert!(provider.accepts_issuer(None));
    let again = Evidence::Device { code: "d".into(), scopes: vec![] };
    provider.redeem(&http, now(), again).await.unwrap();
    assert!(!provider.accepts_issuer(None) && provider.accepts_issuer(Some(ISSUER)));
}

#[tokio::test]
async fn every_other_id_token_names_nobody() {
    let acme = Acme { key: rcgen::KeyPair::generate().unwrap() };
    let stranger = Acme { key: rcgen::KeyPair::generate().unwrap() };
    let at = now().as_second();
    let mut bad = Vec::new();
    for (name, value) in [
        ("iss", json!("https://login.acme.example/")),
        ("iss", json!("https://LOGIN.acme.example")),
        ("iss", json!("https://honest.example")),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", json!(["other"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("nonce", json!("other")),
        ("nonce", json!("")),
        ("nonce", json!(["n"])),
        ("nonce", Value::Null),
        ("exp", json!(at - 301)),
        ("exp", json!(0)),
        ("exp", json!("soon")),
        ("exp", Value::Null),
        ("nbf", json!(at + 301)),
        ("sub", Value::Null),
    ] {
        let mut claims = claims();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        bad.push((format!("{name} {}", claims[name]), acme.signed(&Acme::header(), &claims)));
    }
    let good = acme.signed(&Acme::header(), &claims());
    let mut parts = good.split('.');
    let (_, body, signature) = (parts.next(), parts.next().unwrap(), parts.next().unwrap());
    let headed = |header: &Value| URL_SAFE_NO_PAD.encode(header.to_string());
    let unknown = Header { kid: Some("k2".to_owned()), ..Acme::header() };
    let shared = EncodingKey::from_secret(acme.jwks().as_bytes());
    let symmetric = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) };
    for (name, token) in [
        ("alg none", format!("{}.{body}.", headed(&json!({"alg": "none", "kid": "k1"})))),
        ("alg None", format!("{}.{body}.", headed(&json!({"alg": "None"})))),
        (
            "RS256 with an EC key",
            format!("{}.{body}.{signature}", headed(&json!({"alg": "RS256", "kid": "k1"}))),
        ),
        ("HS256", jsonwebtoken::encode(&symmetric, &claims(), &shared).unwrap()),
        ("unknown key", acme.signed(&unknown, &claims())),
        ("another's key", stranger.signed(&Acme::header(), &claims())),
        ("no signature", good.rsplit_once('.').unwrap().0.to_owned()),
        ("empty signature", format!("{}.", good.rsplit_once('.').unwrap().0)),
        ("changed body", good.replacen(body, &URL_SAFE_NO_PAD.encode("{}"), 1)),
        ("no token", String::new()),
        ("a word", "token".to_owned()),
    ] {
        bad.push((name.to_owned(), token));
    }
    assert!(bad.len() >= 25);
    for (name, token) in bad {
        match acme.sign_in(&acme.http(&token)).await {
            Err(AuthError::Rejected(failure)) => assert_eq!(failure.code, "id_token_invalid"),
            other => panic!("{name}: {other:?}"),
        }
    }
}
