//! Credentials: which one is tried, what a refusal means, how they are replaced.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use evergrant::provider::{AuthError, Providers, RefreshAsk};
use evergrant::{Grant, Secret};
use evergrant_providers::microsoft::Settings as Microsoft;
use evergrant_providers::{ClientCredential, CredentialKind, Settings, all};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use crate::script::{Script, grant, now};

const TOKEN: &str = "/common/oauth2/v2.0/token";
const GOOD: &str = r#"{"access_token":"a2","refresh_token":"r2","expires_in":3600}"#;

fn refused(number: u64) -> String {
    format!(r#"{{"error":"invalid_client","error_codes":[{number}]}}"#)
}

fn settings() -> Microsoft {
    Microsoft {
        client_id: Some("app".to_owned()),
        client_secret: Some("one".into()),
        client_secret_2: Some("two".into()),
        ..Microsoft::default()
    }
}

async fn refresh(providers: &Providers, http: &Script) -> Result<Grant, AuthError> {
    let provider = providers.find(&"microsoft_outlook".into()).unwrap();
    let grant = grant();
    provider.refresh(http, now(), RefreshAsk { grant: &grant, claims: None }).await
}

#[tokio::test]
async fn the_second_credential_takes_over_in_the_same_call_and_is_kept() {
    let (providers, registrations) =
        all(&Settings { microsoft: settings(), ..Settings::default() }).unwrap();
    let http = Script::default().on(TOKEN, 401, &refused(7_000_222)).on(TOKEN, 200, GOOD);
    assert_eq!(refresh(&providers, &http).await.unwrap().access, "a2".into());
    refresh(&providers, &http).await.unwrap();
    let secrets: Vec<_> = http.forms().iter().map(|f| f["client_secret"].clone()).collect();
    assert_eq!(secrets, ["one", "two", "two"]);
    let known = registrations.credentials("microsoft");
    assert_eq!(known[0].refused.as_ref().unwrap().code, "client_secret_expired");
    assert_eq!((known[1].name.as_str(), &known[1].refused), ("client_secret_2", &None));
    let microsoft = providers.find(&"microsoft_calendar".into()).unwrap();
    assert_eq!(microsoft.credentials(), known);
}

#[tokio::test]
async fn only_a_refused_client_moves_on_and_only_the_last_refusal_is_the_registrations() {
    let settings = Settings { microsoft: settings(), ..Settings::default() };
    for (status, body, asked, class) in [
        (400, r#"{"error":"invalid_grant","error_codes":[50173]}"#.to_owned(), 1, "rejected"),
        (
            400,
            r#"{"error":"unauthorized_client","error_codes":[700016]}"#.to_owned(),
            1,
            "operator",
        ),
        (503, refused(7_000_222), 1, "outage"),
        (401, refused(7_000_215), 2, "operator"),
        (401, refused(700_027), 2, "operator"),
        (401, refused(1_000_502), 2, "operator"),
    ] {
        let (providers, _) = all(&settings).unwrap();
        let http = Script::default().on(TOKEN, status, &body);
        let found = match refresh(&providers, &http).await.unwrap_err() {
            AuthError::Rejected(_) => "rejected",
            AuthError::Misconfigured(_) => "operator",
            AuthError::Unavailable { .. } => "outage",
            AuthError::Pending { .. } => "pending",
        };
        assert_eq!((found, http.asked().len()), (class, asked), "{body}");
    }
}

#[tokio::test]
async fn a_new_secret_is_used_from_the_next_exchange_on() {
    let one = Microsoft { client_secret_2: None, ..settings() };
    let (providers, registrations) =
        all(&Settings { microsoft: one, ..Settings::default() }).unwrap();
    let http = Script::default().on(TOKEN, 401, &refused(7_000_222)).on(TOKEN, 200, GOOD);
    assert!(matches!(refresh(&providers, &http).await, Err(AuthError::Misconfigured(_))));
    let new = |text: &str| {
        vec![ClientCredential {
            name: "client_secret".to_owned(),
            kind: CredentialKind::Secret(text.into()),
            expires_at: None,
        }]
    };
    assert_eq!(registrations.names().collect::<Vec<_>>(), ["ig", "microsoft"]);
    assert!(registrations.replace("microsoft", new("")).is_err());
    assert!(registrations.replace("nobody", new("x")).is_err());
    registrations.replace("microsoft", new("new")).unwrap();
    assert_eq!(registrations.credentials("microsoft")[0].refused, None);
    refresh(&providers, &http).await.unwrap();
    assert_eq!(http.forms()[1]["client_secret"], "new");
}

#[tokio::test]
async fn an_expired_secret_is_tried_last() {
    let one = Microsoft { client_secret_expires_at: Some(now()), ..settings() };
    let (providers, _) = all(&Settings { microsoft: one, ..Settings::default() }).unwrap();
    let http = Script::default().on(TOKEN, 200, GOOD);
    refresh(&providers, &http).await.unwrap();
    assert_eq!(http.forms()[0]["client_secret"], "two");
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

#[tokio::test]
async fn a_certificate_signs_what_the_server_can_check() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let key = pem("PRIVATE KEY", pkcs8.as_ref());
    let signing = rcgen::KeyPair::from_pem(&key).unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["app.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2027, 3, 4);
    let certificate = params.self_signed(&signing).unwrap();
    let one = Microsoft {
        certificate: Some(certificate.pem()),
        certificate_key: Some(key.as_str().into()),
        client_secret: None,
        ..settings()
    };
    let (providers, registrations) =
        all(&Settings { microsoft: one.clone(), ..Settings::default() }).unwrap();
    let known = registrations.credentials("microsoft");
    let end = "2027-03-04T00:00:00Z".parse().unwrap();
    assert_eq!((known[0].name.as_str(), known[0].expires_at), ("certificate", Some(end)));

    let http = Script::default().on(TOKEN, 200, GOOD);
    refresh(&providers, &http).await.unwrap();
    refresh(&providers, &http).await.unwrap();
    let form = &http.forms()[0];
    assert!(!form.contains_key("client_secret"));
    assert_eq!(form["client_id"], "app");
    let header: Value = {
        let first = form["client_assertion"].split('.').next().unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(first).unwrap()).unwrap()
    };
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.der());
    assert_eq!((&header["alg"], &header["typ"]), (&"PS256".into(), &"JWT".into()));
    assert_eq!(header["x5t#S256"], URL_SAFE_NO_PAD.encode(digest));
    let mut rules = Validation::new(Algorithm::PS256);
    rules.set_audience(&["https://login.microsoftonline.com/common/oauth2/v2.0/token"]);
    rules.validate_exp = false;
    let public = signing.public_key_raw();
    let claims = jsonwebtoken::decode::<Value>(
        &form["client_assertion"],
        &DecodingKey::from_rsa_der(public),
        &rules,
    )
    .unwrap()
    .claims;
    assert_eq!((&claims["iss"], &claims["sub"]), (&"app".into(), &"app".into()));
    let seconds = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!(seconds("nbf"), now().as_second());
    assert!((300..=600).contains(&(seconds("exp") - seconds("nbf"))));

    // Half a certificate, and what is none, name the setting.
    let broken = [
        (Microsoft { certificate_key: None, ..one.clone() }, "microsoft.certificate_key"),
        (Microsoft { certificate: None, ..one.clone() }, "microsoft.certificate"),
        (Microsoft { certificate: Some("x".to_owned()), ..one.clone() }, "microsoft.certificate"),
        (Microsoft { certificate_key: Some(Secret::from("x")), ..one }, "microsoft.certificate"),
    ];
    for (microsoft, field) in broken {
        let error = all(&Settings { microsoft, ..Settings::default() }).unwrap_err();
        assert_eq!(error.field, field, "{error}");
    }
}
