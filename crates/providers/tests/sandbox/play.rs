//! A client of the sandbox that knows the protocol and nothing of the code under test.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use evergrant::{Clock, Request, Response, SystemClock, SystemEntropy, Transport, TransportError};
use evergrant_sandbox::{Counts, Courier, InProcess, Stage, StageConfig};
use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded::{Serializer, parse};

pub(crate) const BASE: &str = "https://login.test";
pub(crate) const ADELE: &str = "adele@contoso.example";
pub(crate) const ALEX: &str = "alex@contoso.example";
pub(crate) const REDIRECT: &str = "http://localhost:8400/callback";
pub(crate) const TOKEN: &str = "/common/oauth2/v2.0/token";
pub(crate) const AUTHORIZE: &str = "/common/oauth2/v2.0/authorize";
/// The pair of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const SCOPE: &str = "openid profile offline_access User.Read Mail.Read";

pub(crate) type Form<'a> = &'a [(&'a str, &'a str)];

/// A stage and a way to it.
pub(crate) struct Play {
    pub(crate) stage: Stage,
    pub(crate) http: Box<dyn Transport>,
    pub(crate) base: String,
}

/// An answer, parsed as far as it can be.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: http::HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Play {
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: StageConfig) -> Self {
        let stage = evergrant_providers::sandbox::stage(config);
        let http = Box::new(InProcess::new(&stage));
        Self { stage, http, base: BASE.to_owned() }
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        self.http.send(request).await.map(Answer::from)
    }

    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: Form<'_>,
        body: String,
    ) -> Request {
        let uri = format!("{}{path}", self.base);
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Bytes::from(body)).unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: Form<'_>) -> Answer {
        self.send(self.request("GET", path, headers, String::new())).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, form: Form<'_>) -> Answer {
        self.try_post(path, form).await.unwrap()
    }

    pub(crate) async fn try_post(
        &self,
        path: &str,
        form: Form<'_>,
    ) -> Result<Answer, TransportError> {
        let headers = &[("content-type", "application/x-www-form-urlencoded")];
        self.send(self.request("POST", path, headers, encode(form))).await
    }

    /// A control request.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Answer {
        let path = format!("/_sandbox/{path}");
        self.send(self.request(method, &path, &[], body.to_string())).await.unwrap()
    }

    pub(crate) async fn fault(&self, fault: Value) {
        let answer = self.control("POST", "faults", &fault).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }

    pub(crate) async fn change(&self, upn: &str, change: &str) {
        let path = format!("world/microsoft/users/{upn}/{change}");
        let answer = self.control("POST", &path, &json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// An authorize request with these parameters instead of the usual ones.
    pub(crate) async fn authorize(&self, changes: Form<'_>) -> Answer {
        let query = merged(
            &[
                ("client_id", "sandbox-client"),
                ("response_type", "code"),
                ("redirect_uri", REDIRECT),
                ("scope", SCOPE),
                ("state", "S T=A&TE"),
                ("nonce", "N"),
                ("prompt", "none"),
                ("login_hint", ADELE),
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"),
            ],
            changes,
        );
        self.get(&format!("{AUTHORIZE}?{query}")).await
    }

    /// A code, without anybody being asked.
    pub(crate) async fn code(&self, changes: Form<'_>) -> String {
        self.authorize(changes).await.returned()["code"].clone()
    }

    /// A token request for `code` with these parameters instead of the usual ones.
    pub(crate) async fn redeem(&self, code: &str, changes: Form<'_>) -> Answer {
        let form = merged(
            &[
                ("grant_type", "authorization_code"),
                ("client_id", "sandbox-client"),
                ("client_secret", "sandbox-secret"),
                ("code", code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
                ("client_info", "1"),
            ],
            changes,
        );
        self.post_raw(TOKEN, form).await
    }

    /// A token request for `refresh_token` with these parameters instead of the usual ones.
    pub(crate) async fn refresh(&self, refresh_token: &str, changes: Form<'_>) -> Answer {
        let form = merged(
            &[
                ("grant_type", "refresh_token"),
                ("client_id", "sandbox-client"),
                ("client_secret", "sandbox-secret"),
                ("refresh_token", refresh_token),
            ],
            changes,
        );
        self.post_raw(TOKEN, form).await
    }

    /// A token request of an application on its own behalf, with these parameters instead.
    pub(crate) async fn app_token(&self, changes: Form<'_>) -> Answer {
        let form = merged(
            &[
                ("grant_type", "client_credentials"),
                ("client_id", "sandbox-client"),
                ("client_secret", "sandbox-secret"),
                ("scope", "https://graph.microsoft.com/.default"),
            ],
            changes,
        );
        self.post_raw("/contoso.example/oauth2/v2.0/token", form).await
    }

    /// A change of the world at this path behind `world/`, which must succeed.
    pub(crate) async fn direct(&self, path: &str, body: Value) -> Value {
        self.control("POST", &format!("world/{path}"), &body).await.ok()
    }

    async fn post_raw(&self, path: &str, body: String) -> Answer {
        self.send(self.request("POST", path, &[], body)).await.unwrap()
    }

    /// The token response of a whole sign-in.
    pub(crate) async fn sign_in(&self) -> Value {
        let code = self.code(&[]).await;
        self.redeem(&code, &[]).await.ok()
    }

    pub(crate) async fn graph(&self, method: &str, path: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = &[("authorization", bearer.as_str())];
        self.send(self.request(method, path, headers, String::new())).await.unwrap()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.stage.ledger().account(ADELE)
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.stage.advance(Duration::from_secs(seconds));
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Self {
            status: head.status.as_u16(),
            head: head.headers,
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.head.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body of a success.
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json
    }

    /// `error` and number of a refusal by the identity platform.
    pub(crate) fn refused(&self) -> (u16, &str, u64) {
        let code = self.json["error_codes"][0].as_u64().expect("an error of the platform");
        (self.status, self.json["error"].as_str().unwrap(), code)
    }

    /// The parameters of a redirect in its query or its fragment.
    pub(crate) fn returned(&self) -> HashMap<String, String> {
        assert_eq!(self.status, 302, "{}", self.text);
        let (_, parameters) = self.header("location").split_once(['?', '#']).unwrap();
        parse(parameters.trim_end_matches('#').as_bytes()).into_owned().collect()
    }

    /// The value of a hidden field of a page.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let marker = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&marker).unwrap_or_else(|| panic!("{}", self.text));
        rest.split_once('"').unwrap().0.to_owned()
    }
}

pub(crate) fn config() -> StageConfig {
    StageConfig {
        seed: 1,
        strict_rotation: false,
        access_ttl: None,
        clock: Arc::new(SystemClock::default()),
        entropy: Arc::new(SystemEntropy::default()),
        courier: Courier::default(),
    }
}

/// A clock that notes how long somebody wanted to sleep, and does not.
#[derive(Default)]
pub(crate) struct Impatient(pub(crate) Mutex<Vec<Duration>>);

#[async_trait]
impl Clock for Impatient {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn uptime(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.0.lock().unwrap().push(evergrant::clock::until(self.now(), at));
    }
}

pub(crate) fn encode(form: Form<'_>) -> String {
    Serializer::new(String::new()).extend_pairs(form).finish()
}

/// The usual parameters with some replaced; an empty value removes one.
pub(crate) fn merged(usual: Form<'_>, changes: Form<'_>) -> String {
    let kept = usual.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let added = changes.iter().filter(|(_, value)| !value.is_empty());
    Serializer::new(String::new()).extend_pairs(kept.chain(added)).finish()
}

/// The claims of a token.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// A part of a token: 0 is the header.
pub(crate) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// An example payload of the contract.
pub(crate) fn fixture(name: &str) -> Value {
    let path = format!("{}/src/microsoft/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).expect(&path)).unwrap()
}

/// Asserts that two payloads have the same members of the same types, whatever their values.
/// Lists are compared by their first items.
pub(crate) fn assert_same_shape(what: &str, expected: &Value, actual: &Value) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            let names = |object: &serde_json::Map<String, Value>| {
                object.keys().cloned().collect::<Vec<_>>()
            };
            assert_eq!(names(expected), names(actual), "members of {what}");
            for (name, expected) in expected {
                assert_same_shape(&format!("{what}.{name}"), expected, &actual[name]);
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            if let (Some(expected), Some(actual)) = (expected.first(), actual.first()) {
                assert_same_shape(&format!("{what}[]"), expected, actual);
            }
        }
        (expected, actual) => {
            let kind = |value: &Value| std::mem::discriminant(value);
            assert_eq!(kind(expected), kind(actual), "type of {what}: {expected} and {actual}");
        }
    }
}

/// Asserts that an answer has the status, the headers and the shape of an example.
pub(crate) fn assert_like(name: &str, answer: &Answer) {
    let expected = &fixture(name)["response"];
    assert_eq!(expected["status"], answer.status, "status of {name}: {}", answer.text);
    for header in expected["headers"].as_object().unwrap().keys() {
        assert!(answer.head.contains_key(header.as_str()), "{name} has the header {header}");
    }
    let kind = expected["headers"]["Content-Type"].as_str().unwrap();
    assert_eq!(answer.header("content-type"), kind, "content type of {name}");
    assert_same_shape(name, &expected["body"], &answer.json);
}
