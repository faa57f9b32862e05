//! Declared providers: every declaration that comes along, and the flows they describe.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use evergrant::Secret;
use evergrant::provider::{
    AuthError, AuthorizeAsk, Evidence, Provider, RefreshAsk, RefreshLife, Replay, Revocable,
    Revocation,
};
use evergrant_providers::declared::{self, Declaration};
use evergrant_providers::{ClientCredential, CredentialKind, Settings, SettingsError, all};

use crate::script::{Script, grant, now};

fn registered() -> declared::Settings {
    declared::Settings {
        client_id: Some("app".to_owned()),
        credentials: vec![ClientCredential {
            name: "client_secret".to_owned(),
            kind: CredentialKind::Secret("s e".into()),
            expires_at: None,
        }],
        ..declared::Settings::default()
    }
}

fn open(name: &str, settings: declared::Settings) -> Result<Arc<dyn Provider>, SettingsError> {
    let declared = BTreeMap::from([(name.to_owned(), settings)]);
    let (providers, registrations) = all(&Settings { declared, ..Settings::default() })?;
    assert!(registrations.names().any(|registration| registration == name));
    Ok(Arc::clone(providers.find(&name.into()).unwrap()))
}

fn shipped(name: &str) -> Arc<dyn Provider> {
    let mut settings = registered();
    if name == "salesforce" {
        settings.variables.insert("domain".to_owned(), "acme.my.salesforce.com".to_owned());
    }
    open(name, settings).unwrap()
}

fn code(nonce: &str) -> Evidence {
    Evidence::Code {
        code: "code".into(),
        verifier: "verifier".into(),
        nonce: nonce.into(),
        redirect_uri: "https://us.example/callback".parse().unwrap(),
        scopes: vec!["wanted".to_owned()],
    }
}

fn sign_in_page(p: &dyn Provider) -> BTreeMap<String, String> {
    let redirect = "https://us.example/callback".parse().unwrap();
    let secret = Secret::from("s");
    let scopes = ["one".to_owned(), "two".to_owned()];
    let url = p
        .authorize_url(&AuthorizeAsk {
            redirect_uri: &redirect,
            state: &secret,
            nonce: &secret,
            challenge: "c",
            scopes: &scopes,
            login_hint: None,
            claims: None,
        })
        .unwrap();
    url.query_pairs().into_owned().collect()
}

#[test]
fn every_shipped_declaration_is_complete() {
    let names: Vec<_> = declared::shipped().collect();
    assert_eq!(
        names,
        ["atlassian", "dropbox", "github", "gitlab", "google", "salesforce", "slack", "zoom"]
    );
    for name in names {
        let p = shipped(name);
        let manifest = p.manifest();
        assert!(p.ready().is_ok(), "{name}");
        assert_eq!(manifest.base_url.scheme(), "https", "{name}");
        assert!(manifest.hosts.contains(&manifest.base_url.host_str().unwrap().to_owned()));
        let page = sign_in_page(&*p);
        assert_eq!((page["client_id"].as_str(), page["state"].as_str()), ("app", "s"), "{name}");
        let empty = open(name, declared::Settings { client_id: None, ..registered() });
        if name != "salesforce" {
            assert_eq!(empty.unwrap().ready().unwrap_err().code, "registration_incomplete");
        }
    }
    let class = |name: &str| shipped(name).manifest().replay;
    assert_eq!(class("google"), Replay::NonRevoking);
    assert_eq!(class("dropbox"), Replay::NonRevoking);
    assert_eq!(class("atlassian"), Replay::Grace(Duration::from_mins(10)));
    for strict in ["github", "gitlab", "salesforce", "slack", "zoom"] {
        assert_eq!(class(strict), Replay::Strict, "{strict}");
    }
    let days = |days: u64| RefreshLife::Idle(Duration::from_hours(24 * days));
    assert_eq!(shipped("atlassian").manifest().refresh_life, days(90));
    assert_eq!(shipped("google").manifest().revocable, Revocable::Account);
    assert_eq!(shipped("dropbox").manifest().revocable, Revocable::No);
    assert_eq!(shipped("salesforce").manifest().hosts, ["acme.my.salesforce.com"]);
}

#[tokio::test]
async fn github_answers_in_its_own_way() {
    let p = shipped("github");
    assert!(sign_in_page(&*p).contains_key("code_challenge"));
    let http = Script::default()
        .on("/login/oauth/access_token", 200, r#"{"error":"bad_verification_code"}"#)
        .on(
            "/login/oauth/access_token",
            200,
            "access_token=gho_1&scope=read%3Auser%2Cgist&token_type=bearer",
        )
        .on("/login/oauth/access_token", 200, r#"{"error":"incorrect_client_credentials"}"#)
        .on("/user", 200, r#"{"id":583231,"login":"octocat","name":null}"#);
    assert!(matches!(p.redeem(&http, now(), code("n")).await, Err(AuthError::Rejected(_))));
    let done = p.redeem(&http, now(), code("n")).await.unwrap();
    assert_eq!((done.account.id.as_str(), done.account.name.as_str()), ("583231", "octocat"));
    assert_eq!(done.grant.scopes, ["read:user", "gist"]);
    assert_eq!(done.grant.lifetime(), Duration::from_hours(8), "where nothing is said");
    assert!(matches!(p.redeem(&http, now(), code("n")).await, Err(AuthError::Misconfigured(_))));
    let asked = http.asked();
    assert!(asked.iter().all(|r| r.headers()["accept"] == "application/json"));
}

#[tokio::test]
async fn slacks_tokens_stand_inside_and_are_revoked_one_by_one() {
    let p = shipped("slack");
    let page = sign_in_page(&*p);
    assert_eq!(page["user_scope"], "one,two");
    assert!(!page.contains_key("code_challenge"));
    let body = r#"{"ok":true,"team":{"id":"T1"},"authed_user":{"id":"U1","scope":"one,two","access_token":"xoxe.xoxp-1","token_type":"user","refresh_token":"xoxe-1","expires_in":43200}}"#;
    let flat = r#"{"ok":true,"access_token":"xoxe.xoxp-2","refresh_token":"xoxe-2","expires_in":43200,"token_type":"user"}"#;
    let http = Script::default()
        .on("/api/oauth.v2.access", 200, body)
        .on("/api/oauth.v2.access", 200, flat)
        .on("/api/oauth.v2.access", 200, r#"{"ok":false,"error":"invalid_refresh_token"}"#)
        .on("/api/auth.revoke", 200, r#"{"ok":true,"revoked":true}"#);
    let done = p.redeem(&http, now(), code("n")).await.unwrap();
    assert_eq!(done.account.id, "T1.U1");
    assert_eq!(done.grant.scopes, ["one", "two"]);
    let ask = RefreshAsk { grant: &done.grant, claims: None };
    assert_eq!(p.refresh(&http, now(), ask).await.unwrap().refresh, Some("xoxe-2".into()));
    assert!(matches!(p.refresh(&http, now(), ask).await, Err(AuthError::Rejected(_))));
    assert_eq!(p.revoke(&http, &done.grant).await.unwrap(), Revocation::Revoked);
    assert_eq!(http.forms().last().unwrap()["token"], "xoxe.xoxp-1");
    let ended =
        Script::default().on("/api/auth.revoke", 200, r#"{"ok":false,"error":"invalid_auth"}"#);
    assert_eq!(p.revoke(&ended, &done.grant).await.unwrap(), Revocation::Revoked);
    assert!(!p.manifest().ways.import);
}

#[tokio::test]
async fn zoom_wants_the_secret_in_the_header() {
    let p = shipped("zoom");
    let http = Script::default().on("/oauth/token", 200, r#"{"access_token":"a"}"#);
    let held = grant();
    p.refresh(&http, now(), RefreshAsk { grant: &held, claims: None }).await.unwrap();
    // `app:s+e`: encoded as a form before it is joined.
    assert_eq!(http.asked()[0].headers()["authorization"], "Basic YXBwOnMrZQ==");
    assert!(!http.forms()[0].contains_key("client_secret"));
    assert!(!http.forms()[0].contains_key("client_id"));
}

#[tokio::test]
async fn revocation_begins_with_the_refresh_token_and_knows_what_it_is_told() {
    let p = shipped("gitlab");
    let cases = [
        (200, "{}", Ok(Revocation::Revoked)),
        (400, r#"{"error":"unsupported_token_type"}"#, Ok(Revocation::NotOffered)),
        (400, r#"{"error":"invalid_token"}"#, Ok(Revocation::Revoked)),
        (503, "", Err("outage")),
        (401, r#"{"error":"invalid_client"}"#, Err("operator")),
    ];
    for (status, body, expected) in cases {
        let http = Script::default().on("/oauth/revoke", status, body);
        let found = p.revoke(&http, &grant()).await.map_err(|error| match error {
            AuthError::Unavailable { .. } => "outage",
            AuthError::Misconfigured(_) => "operator",
            _ => "other",
        });
        assert_eq!(found, expected, "{status} {body}");
        assert_eq!(http.forms()[0]["token"], "old-refresh");
        assert_eq!(http.forms()[0]["token_type_hint"], "refresh_token");
    }
}

#[tokio::test]
async fn an_import_is_verified_by_spending_it() {
    let p = shipped("gitlab");
    let http = Script::default()
        .on("/oauth/token", 200, r#"{"access_token":"a","refresh_token":"r2","expires_in":7200}"#)
        .on("/api/v4/user", 200, r#"{"id":7,"username":"ada","name":"Ada"}"#);
    let evidence = Evidence::Import { refresh: "theirs".into(), scopes: vec![] };
    let done = p.redeem(&http, now(), evidence).await.unwrap();
    assert_eq!((done.account.id.as_str(), done.grant.refresh), ("7", Some("r2".into())));
    assert_eq!(http.forms()[0]["refresh_token"], "theirs");
}

/// What a declaration needs at least.
fn own(more: &str) -> String {
    format!(
        r#"
label = "Acme"
authorize_url = "https://login.acme.example/authorize"
token_url = "https://login.acme.example/token"
base_url = "https://api.acme.example/v1"
replay = "strict"
{more}
[identity]
source = "token_answer"
id = "/user/id"
"#
    )
}

#[test]
fn a_wrong_declaration_names_the_field() {
    assert_eq!(
        open("nobody", registered()).map(|_| ()).unwrap_err().field,
        "declared.nobody.declaration"
    );
    assert_eq!(open("Bad Name", registered()).map(|_| ()).unwrap_err().field, "declared.Bad Name");
    assert_eq!(
        open("microsoft_outlook", acme(&own(""))).map(|_| ()).unwrap_err().field,
        "declared.microsoft_outlook"
    );
    assert_eq!(
        open("salesforce", registered()).map(|_| ()).unwrap_err().field,
        "declared.salesforce.variables.domain"
    );
    assert!(open("acme", acme(&own(""))).is_ok());
    for (more, field) in [
        (r#"device_url = "http://acme.example/d""#, "device_url"),
        (r#"device_url = "nowhere""#, "device_url"),
        (r#"device_url = "https://a:b@acme.example/""#, "device_url"),
        (r#"device_url = "https://{host}/""#, "device_url"),
        (r#"discovery_url = "https://acme.example/d""#, "issuer"),
        ("iss_required = true", "issuer"),
        ("grace_seconds = 3", "grace_seconds"),
        ("refresh_life_seconds = 3", "refresh_life"),
        (r#"refresh_life = "idle""#, "refresh_life_seconds"),
        (r#"hosts = ["*.acme.example"]"#, "hosts"),
        ("answers = { token_at = \"user\" }", "answers.token_at"),
        ("answers = { errors = { boom = \"nothing\" } }", "answers.errors.boom"),
    ] {
        let error = open("acme", acme(&own(more))).map(|_| ()).unwrap_err();
        assert_eq!(error.field, format!("declared.acme.{field}"), "{more}: {error}");
    }
    for text in ["", "label = 3", &own("colour = \"red\""), &own("replay = \"strict\"")] {
        assert_eq!(Declaration::parse(text).map(|_| ()).unwrap_err().field, "declaration");
    }
    let missing = Declaration::parse("label = \"x\"").map(|_| ()).unwrap_err();
    assert!(missing.problem.contains("base_url"), "{missing}");
    for field in ["authorize_url", "token_url"] {
        let of = |text: &str| {
            let kept = text.lines().filter(|line| !line.starts_with(field));
            open("acme", acme(&kept.fold(String::new(), |text, line| text + line + "\n")))
        };
        let error = of(&own("")).map(|_| ()).unwrap_err();
        assert_eq!(error.field, format!("declared.acme.{field}"), "{error}");
        let told = "discovery_url = \"https://acme.example/d\"\nissuer = \"https://acme.example\"";
        let said = of(&own(&format!("{told}\nrevokes = \"grant\"\ndevice = true"))).unwrap();
        let manifest = said.manifest();
        assert_eq!((manifest.revocable, manifest.ways.device_code), (Revocable::Grant, true));
        assert_eq!(of(&own(told)).unwrap().manifest().revocable, Revocable::No);
    }
}

fn acme(text: &str) -> declared::Settings {
    declared::Settings { declaration: Some(Declaration::parse(text).unwrap()), ..registered() }
}

#[test]
fn an_answers_issuer_is_compared_letter_by_letter() {
    let issuer = "issuer = \"https://login.acme.example\"\n";
    let lax = open("acme", acme(&own(issuer))).unwrap();
    let strict = open("acme", acme(&own(&format!("{issuer}iss_required = true")))).unwrap();
    for (sent, passes) in [
        (Some("https://login.acme.example"), (true, true)),
        (Some("https://login.acme.example/"), (false, false)),
        (Some("https://LOGIN.acme.example"), (false, false)),
        (Some("https://honest.example"), (false, false)),
        (Some(""), (false, false)),
        (None, (true, false)),
    ] {
        assert_eq!((lax.accepts_issuer(sent), strict.accepts_issuer(sent)), passes, "{sent:?}");
    }
}
