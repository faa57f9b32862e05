//! Microsoft's adapter: what it sends, and what it makes of the answers.

use std::time::Duration;

use evergrant::Secret;
use evergrant::provider::{
    Actor, AuthError, AuthorizeAsk, Connect, ConsentAsk, Evidence, Provider, RefreshAsk, Replay,
};
use evergrant_providers::microsoft::{Cloud, Settings as Microsoft};
use evergrant_providers::{Settings, all};
use serde_json::Value;
use std::sync::Arc;

use crate::script::{Script, grant, now};

const CP1: &str = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
const GOOD: &str = r#"{"access_token":"a2","refresh_token":"r2","expires_in":3600}"#;

fn settings() -> Microsoft {
    Microsoft {
        client_id: Some("app".to_owned()),
        client_secret: Some("secret".into()),
        ..Microsoft::default()
    }
}

fn provider(key: &str, microsoft: Microsoft) -> Arc<dyn Provider> {
    let (providers, _) = all(&Settings { microsoft, ..Settings::default() }).unwrap();
    Arc::clone(providers.find(&key.into()).unwrap())
}

fn fixture(name: &str) -> (u16, String) {
    let path = format!("{}/src/microsoft/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let value: Value = serde_json::from_str(&text).unwrap();
    let status = value["response"]["status"].as_u64().unwrap();
    (u16::try_from(status).unwrap(), value["response"]["body"].to_string())
}

fn query(url: &url::Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
}

#[test]
fn the_sign_in_page_is_told_what_we_understand_and_what_was_demanded() {
    let p = provider("microsoft_outlook", settings());
    let redirect = "http://localhost:8400/callback".parse().unwrap();
    let secret = Secret::from("s");
    let scopes = ["Mail.Read".to_owned()];
    let mut ask = AuthorizeAsk {
        redirect_uri: &redirect,
        state: &secret,
        nonce: &secret,
        challenge: "c",
        scopes: &scopes,
        login_hint: Some("adele@contoso.example"),
        claims: None,
    };
    let url = p.authorize_url(&ask).unwrap();
    assert_eq!(url.path(), "/common/oauth2/v2.0/authorize");
    assert_eq!(query(&url, "claims").unwrap(), CP1);
    assert_eq!(query(&url, "scope").unwrap(), "Mail.Read openid profile offline_access User.Read");
    ask.claims = Some(r#"{"access_token":{"nbf":{"essential":true}}}"#);
    assert_eq!(
        query(&p.authorize_url(&ask).unwrap(), "claims").unwrap(),
        r#"{"access_token":{"nbf":{"essential":true},"xms_cc":{"values":["cp1"]}}}"#
    );
}

#[tokio::test]
async fn a_demand_goes_into_the_refresh_and_outlives_its_refusal() {
    let p = provider("microsoft_outlook", settings());
    let demand = r#"{"access_token":{"nbf":{"value":"1"}}}"#;
    let (status, body) = fixture("token.error.invalid_grant.700082");
    let http = Script::default().on("/common/oauth2/v2.0/token", 200, GOOD).on(
        "/common/oauth2/v2.0/token",
        status,
        &body,
    );
    let grant = grant();
    p.refresh(&http, now(), RefreshAsk { grant: &grant, claims: None }).await.unwrap();
    let refused = p.refresh(&http, now(), RefreshAsk { grant: &grant, claims: Some(demand) }).await;
    let Err(AuthError::Rejected(failure)) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.claims.as_deref(), Some(demand));
    assert_eq!(failure.code, "grant_expired");
    assert!(failure.trace_id.is_some() && failure.correlation_id.is_some());
    let forms = http.forms();
    assert_eq!(forms[0]["claims"], CP1);
    assert!(forms[1]["claims"].contains("nbf") && forms[1]["claims"].contains("cp1"));
}

#[tokio::test]
async fn every_recorded_refusal_has_its_class_its_words_and_its_actor() {
    let cases = [
        ("invalid_client.7000215", "operator", "client_secret_wrong", Actor::Operator),
        ("invalid_client.7000222", "operator", "client_secret_expired", Actor::Operator),
        ("invalid_client.7000218", "operator", "client_secret_missing", Actor::Operator),
        ("invalid_client.700027", "operator", "certificate_refused", Actor::Operator),
        ("invalid_grant.500133", "operator", "assertion_invalid", Actor::Operator),
        ("invalid_grant.50034", "rejected", "account_gone", Actor::User),
        ("invalid_grant.50057", "rejected", "account_disabled", Actor::Administrator),
        ("invalid_grant.50076", "rejected", "mfa_required", Actor::User),
        ("invalid_grant.50079", "rejected", "mfa_enrolment_required", Actor::User),
        ("invalid_grant.501481", "rejected", "verifier_wrong", Actor::User),
        ("invalid_grant.50173", "rejected", "grant_revoked", Actor::User),
        ("invalid_grant.50196", "outage", "too_many_identical_requests", Actor::Nobody),
        ("invalid_grant.53003", "rejected", "blocked_by_policy", Actor::Administrator),
        ("invalid_grant.54005", "rejected", "code_spent", Actor::User),
        ("invalid_grant.65001", "rejected", "consent_missing", Actor::User),
        ("invalid_grant.70000", "rejected", "grant_invalid", Actor::User),
        ("invalid_grant.70008", "rejected", "grant_expired", Actor::User),
        ("invalid_grant.700084", "rejected", "grant_expired_spa", Actor::User),
        ("invalid_grant.70043", "rejected", "sign_in_frequency", Actor::User),
        ("invalid_grant.9002313", "rejected", "token_unreadable", Actor::User),
        ("invalid_request.900144", "operator", "parameter_missing", Actor::Operator),
        ("invalid_request.28000", "operator", "scope_of_two_services", Actor::Operator),
        ("invalid_scope.70011", "operator", "scope_refused", Actor::Operator),
        ("invalid_tenant.90002", "operator", "tenant_unknown", Actor::Operator),
        ("temporarily_unavailable.90024", "outage", "provider_overloaded", Actor::Nobody),
        ("temporarily_unavailable.90033", "outage", "directory_unavailable", Actor::Nobody),
        ("unauthorized_client.700016", "operator", "client_unknown", Actor::Operator),
        ("429", "outage", "provider_throttled", Actor::Nobody),
    ];
    let p = provider("microsoft_outlook", settings());
    let grant = grant();
    for (name, class, code, actor) in cases {
        let (status, body) = fixture(&format!("token.error.{name}"));
        let http = Script::default().on("/common/oauth2/v2.0/token", status, &body);
        let answer = p.refresh(&http, now(), RefreshAsk { grant: &grant, claims: None }).await;
        let (found, failure) = match answer.unwrap_err() {
            AuthError::Rejected(failure) => ("rejected", failure),
            AuthError::Misconfigured(failure) => ("operator", failure),
            AuthError::Unavailable { failure, .. } => ("outage", failure),
            AuthError::Pending { .. } => panic!("{name}"),
        };
        assert_eq!((found, failure.code.as_str(), failure.actor), (class, code, actor), "{name}");
        assert!(!failure.remedy.is_empty() && failure.trace_id.is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_sign_in_on_another_device_is_begun_and_waited_for() {
    let p = provider("microsoft_outlook", settings());
    let token = "/common/oauth2/v2.0/token";
    let (_, pending) = fixture("token.error.authorization_pending.70016");
    let (_, expired) = fixture("token.error.expired_token.70020");
    let (_, declined) = fixture("token.error.authorization_declined");
    let http = Script::default()
        .on("/common/oauth2/v2.0/devicecode", 200, r#"{"user_code":"ABC","device_code":"DEV","verification_uri":"https://microsoft.com/devicelogin","expires_in":900,"interval":5}"#)
        .on(token, 400, &pending)
        .on(token, 400, r#"{"error":"slow_down"}"#)
        .on(token, 400, &expired)
        .on(token, 400, &declined);
    let scopes = vec!["Mail.Read".to_owned()];
    let ask = p.ask_device(&http, now(), &scopes).await.unwrap();
    assert_eq!((ask.user_code.as_str(), ask.interval), ("ABC", Duration::from_secs(5)));
    assert!(http.forms()[0]["scope"].contains("openid"));
    let poll = || {
        let code = ask.device_code.clone();
        p.redeem(&http, now(), Evidence::Device { code, scopes: scopes.clone() })
    };
    let slower = |seconds| AuthError::Pending { slower: Duration::from_secs(seconds) };
    assert_eq!(poll().await.unwrap_err(), slower(0));
    assert_eq!(poll().await.unwrap_err(), slower(5));
    for code in ["device_code_expired", "consent_declined"] {
        let Err(AuthError::Rejected(failure)) = poll().await else { panic!("{code}") };
        assert_eq!(failure.code, code);
    }
    assert_eq!(http.forms()[1]["device_code"], "DEV");
}

#[test]
fn an_administrator_has_a_page_of_their_own() {
    let redirect = "http://localhost:8400/callback".parse().unwrap();
    let state = Secret::from("s");
    let scopes = ["Mail.Read".to_owned()];
    let ask =
        |tenant| ConsentAsk { redirect_uri: &redirect, state: &state, scopes: &scopes, tenant };
    let p = provider("microsoft_outlook", settings());
    let url = p.consent_url(&ask(None)).unwrap();
    assert_eq!(url.path(), "/organizations/v2.0/adminconsent");
    assert!(query(&url, "scope").unwrap().contains("Mail.Read"));
    assert_eq!(
        p.consent_url(&ask(Some("contoso.example"))).unwrap().path(),
        "/contoso.example/v2.0/adminconsent"
    );
    for path in ["../evil", "..", ".", "", "a/b", "a?b", "consumers"] {
        assert!(p.consent_url(&ask(Some(path))).is_none(), "{path}");
    }
    assert!(p.manifest().ways.admin_consent);
    let personal = Microsoft { tenant: "consumers".to_owned(), ..settings() };
    let personal = provider("microsoft_outlook", personal);
    assert!(personal.consent_url(&ask(None)).is_none() && !personal.manifest().ways.admin_consent);
}

#[test]
fn a_national_cloud_has_its_own_hosts_and_names_its_permissions_in_full() {
    for (cloud, login, graph) in [
        (Cloud::Global, "login.microsoftonline.com", "graph.microsoft.com"),
        (Cloud::UsGov, "login.microsoftonline.us", "graph.microsoft.us"),
        (Cloud::UsDod, "login.microsoftonline.us", "dod-graph.microsoft.us"),
        (Cloud::China, "login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn"),
    ] {
        let p = provider("microsoft_outlook", Microsoft { cloud, ..settings() });
        assert_eq!(p.manifest().hosts, [graph]);
        let redirect = "http://localhost/cb".parse().unwrap();
        let (s, scopes) = (Secret::from("s"), ["Mail.Read".to_owned()]);
        let url = p
            .authorize_url(&AuthorizeAsk {
                redirect_uri: &redirect,
                state: &s,
                nonce: &s,
                challenge: "c",
                scopes: &scopes,
                login_hint: None,
                claims: None,
            })
            .unwrap();
        assert_eq!(url.host_str(), Some(login));
        let scope = query(&url, "scope").unwrap();
        if cloud == Cloud::Global {
            assert!(scope.starts_with("Mail.Read openid"));
        } else {
            assert_eq!(
                scope,
                format!(
                    "https://{graph}/Mail.Read openid profile offline_access https://{graph}/User.Read"
                )
            );
        }
    }
}

#[tokio::test]
async fn permissions_come_back_in_the_spelling_they_were_asked_for_in() {
    let p = provider("microsoft_outlook", settings());
    let body = r#"{"access_token":"a","scope":"https://graph.microsoft.com/mail.read Calendars.Read openid"}"#;
    let http = Script::default().on("/common/oauth2/v2.0/token", 200, body);
    let grant = grant();
    let new = p.refresh(&http, now(), RefreshAsk { grant: &grant, claims: None }).await.unwrap();
    assert_eq!(new.scopes, ["Mail.Read", "Calendars.Read", "openid"]);
    assert_eq!(new.refresh, Some("old-refresh".into()));
}

#[tokio::test]
async fn a_registration_is_granted_access_to_one_organisation() {
    let (many, _) = all(&Settings { microsoft: settings(), ..Settings::default() }).unwrap();
    assert!(many.find(&"microsoft_application".into()).is_none(), "of which organisation?");
    let one = Microsoft { tenant: "t-1".to_owned(), ..settings() };
    let p = provider("microsoft_application", one);
    assert!(p.ready().is_ok());
    assert!(matches!(p.manifest().connect, Connect::Application));
    assert_eq!(p.manifest().replay, Replay::None);
    let http = Script::default().on(
        "/t-1/oauth2/v2.0/token",
        200,
        r#"{"token_type":"Bearer","access_token":"app","expires_in":3599}"#,
    );
    let done = p.redeem(&http, now(), Evidence::Application).await.unwrap();
    assert_eq!(done.account.id, "t-1.app");
    assert_eq!((done.grant.refresh.clone(), done.grant.scopes.len()), (None, 1));
    let again = p.refresh(&http, now(), RefreshAsk { grant: &done.grant, claims: None }).await;
    assert_eq!(again.unwrap().access, "app".into());
    for form in http.forms() {
        assert_eq!(form["grant_type"], "client_credentials");
        assert_eq!(form["scope"], "https://graph.microsoft.com/.default");
        assert_eq!(form["claims"], CP1);
    }
}

/// An id token as Microsoft signs them, and the keys it is checked with.
pub(crate) fn signed(tenant: &str) -> (String, String) {
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let claims = serde_json::json!({
        "aud": "app", "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        "sub": "s", "tid": tenant, "oid": "o-1", "name": "Adele",
        "preferred_username": "adele@contoso.example", "exp": now().as_second() + 3600,
    });
    let head = part(br#"{"alg":"RS256","kid":"k1"}"#);
    let message = format!("{head}.{}", part(claims.to_string().as_bytes()));
    let mut signature = vec![0; key.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
    let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
    let keys = serde_json::json!({"keys": [{
        "kid": "k1", "kty": "RSA",
        "n": part(n.big_endian_without_leading_zero()),
        "e": part(e.big_endian_without_leading_zero()),
        "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
    }]});
    (format!("{message}.{}", part(&signature)), keys.to_string())
}

#[tokio::test]
async fn an_import_says_whose_it_is_without_a_sign_in() {
    let tenant = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
    let (id_token, keys) = signed(tenant);
    let answer = serde_json::json!({
        "access_token": "a", "refresh_token": "r2", "expires_in": 3600, "id_token": id_token,
    });
    let described = r#"{"issuer":"https://login.microsoftonline.com/{tenantid}/v2.0","jwks_uri":"https://login.microsoftonline.com/common/discovery/v2.0/keys"}"#;
    let p = provider("microsoft_outlook", settings());
    let http = |described: &str| {
        Script::default()
            .on("/common/oauth2/v2.0/token", 200, &answer.to_string())
            .on("/common/v2.0/.well-known/openid-configuration", 200, described)
            .on("/common/discovery/v2.0/keys", 200, &keys)
    };
    let import =
        || Evidence::Import { refresh: "theirs".into(), scopes: vec!["Mail.Read".to_owned()] };
    let script = http(described);
    let done = p.redeem(&script, now(), import()).await.unwrap();
    assert_eq!(done.account.id, format!("{tenant}.o-1"));
    assert_eq!(done.grant.refresh, Some("r2".into()));
    let form = &script.forms()[0];
    assert_eq!(form["refresh_token"], "theirs");
    assert_eq!(form["scope"], "Mail.Read openid profile offline_access User.Read");
    // Keys that another host publishes prove nothing.
    let elsewhere = described
        .replace("https://login.microsoftonline.com/common/d", "https://evil.example/common/d");
    let p = provider("microsoft_outlook", settings());
    assert!(matches!(
        p.redeem(&http(&elsewhere), now(), import()).await,
        Err(AuthError::Rejected(_))
    ));
    // Nor does a form prove anything here.
    let form = Evidence::Form { fields: std::collections::BTreeMap::new(), previous: None };
    assert!(matches!(p.redeem(&http(described), now(), form).await, Err(AuthError::Rejected(_))));
}

#[test]
fn a_refused_token_says_what_the_next_one_must_claim() {
    use evergrant::provider::Verdict;
    let p = provider("microsoft_outlook", settings());
    let judge = |status: u16, challenge: &str| {
        let response = http::Response::builder()
            .status(status)
            .header("www-authenticate", challenge)
            .body(bytes::Bytes::new())
            .unwrap();
        p.judge(&response)
    };
    let challenge =
        "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnt9fQ==\"";
    let claims = Some(r#"{"access_token":{}}"#.to_owned());
    for status in [401, 403] {
        assert_eq!(judge(status, challenge), Verdict::TokenRejected { claims: claims.clone() });
    }
    assert_eq!(judge(401, "Bearer"), Verdict::TokenRejected { claims: None });
    assert_eq!(judge(403, "Bearer"), Verdict::Accepted);
    assert_eq!(judge(200, challenge), Verdict::Accepted);
}
