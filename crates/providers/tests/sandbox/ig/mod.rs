//! IG's part of the sandbox against its wire contract.

mod allowances;
mod control;
mod encryption;
mod errors;
mod examples;
mod exchange;
mod pairs;
mod refresh;
mod sessions;
mod wire;

use serde_json::{Value, json};

use crate::play::{Answer, Play, config};

pub(crate) const PREFIX: &str = "/gateway/deal";
pub(crate) const KEY: &str = "sandbox-key";

/// A client that knows the paths, and the headers it sends with every call.
pub(crate) struct Desk {
    pub(crate) play: Play,
    pub(crate) head: Vec<(String, String)>,
}

impl Desk {
    /// With a key, and not logged in.
    pub(crate) fn new() -> Self {
        Self::of(Play::new())
    }

    /// The same, whose access tokens live so many seconds.
    pub(crate) fn with_ttl(seconds: u64) -> Self {
        let access_ttl = Some(std::time::Duration::from_secs(seconds));
        Self::of(Play::with(evergrant_sandbox::StageConfig { access_ttl, ..config() }))
    }

    fn of(play: Play) -> Self {
        Self { play, head: vec![("X-IG-API-KEY".to_owned(), KEY.to_owned())] }
    }

    /// Logged in with an access token.
    pub(crate) async fn v3() -> Self {
        let mut desk = Self::new();
        desk.log_in(3).await;
        desk
    }

    /// Logged in with `CST` and `X-SECURITY-TOKEN`.
    pub(crate) async fn v2() -> Self {
        let mut desk = Self::new();
        desk.log_in(2).await;
        desk
    }

    /// Logs in and carries the tokens from now on; the answer is that of the login.
    pub(crate) async fn log_in(&mut self, version: u32) -> Value {
        let answer = self.knock(version, "trader", "sandbox").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.carry(&answer);
        answer.json
    }

    /// A login, without its tokens being carried.
    pub(crate) async fn knock(&self, version: u32, identifier: &str, password: &str) -> Answer {
        let body = json!({ "identifier": identifier, "password": password });
        self.send("POST", "/session", version, &body).await
    }

    /// Carries the tokens of an answer: of a login, a refresh, or those in headers.
    pub(crate) fn carry(&mut self, answer: &Answer) {
        let body = &answer.json;
        let token = body["oauthToken"]["access_token"].as_str().or(body["access_token"].as_str());
        if let Some(token) = token {
            self.set("Authorization", &format!("Bearer {token}"));
        }
        for name in ["CST", "X-SECURITY-TOKEN"] {
            if answer.head.contains_key(name) {
                self.set(name, answer.header(name));
            }
        }
    }

    /// Sends a header with every call from now on; an empty one is not sent.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.head.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        if !value.is_empty() {
            self.head.push((name.to_owned(), value.to_owned()));
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, 1, &Value::Null).await
    }

    /// A call; a body of null is none.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        version: u32,
        body: &Value,
    ) -> Answer {
        let version = version.to_string();
        let mut head: Vec<_> =
            self.head.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        head.extend([("Version", version.as_str()), ("Content-Type", "application/json")]);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let path = format!("{PREFIX}{path}");
        let request = self.play.request(method, &path, &head, body);
        self.play.send(request).await.unwrap()
    }

    /// `POST` with the header `_method: DELETE`.
    pub(crate) async fn delete(&mut self, path: &str, version: u32, body: &Value) -> Answer {
        self.set("_method", "DELETE");
        let answer = self.send("POST", path, version, body).await;
        self.set("_method", "");
        answer
    }

    pub(crate) async fn refresh(&self, token: &Value) -> Answer {
        self.send("POST", "/session/refresh-token", 1, &json!({ "refresh_token": token })).await
    }

    /// A change of the world, which must succeed.
    pub(crate) async fn direct(&self, path: &str, body: Value) -> Value {
        self.play.direct(&format!("ig/{path}"), body).await
    }

    /// How many requests to a path were answered with a status.
    pub(crate) fn seen(&self, method: &str, path: &str, status: u16) -> usize {
        let path = format!("{PREFIX}{path}");
        let requests = self.play.stage.ledger().requests();
        let is_it = |seen: &&evergrant_sandbox::Seen| {
            seen.method == method && seen.path == path && seen.status == Some(status)
        };
        requests.iter().filter(is_it).count()
    }

    pub(crate) fn counts(&self) -> evergrant_sandbox::Counts {
        self.play.stage.ledger().account("trader")
    }
}

/// Asserts an error: the status and nothing but the code.
pub(crate) fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.json), (status, &json!({ "errorCode": code })));
    assert!(!answer.header("x-request-id").is_empty(), "{code} names its request");
}

/// A file of the contract's examples.
pub(crate) fn example(name: &str) -> Value {
    serde_json::from_str(&text(name)).expect(name)
}

/// Its text.
pub(crate) fn text(name: &str) -> String {
    let path = format!("{}/src/ig/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).expect(&path)
}
