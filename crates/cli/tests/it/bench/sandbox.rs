//! The sandbox as a process of its own, and its control interface.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::{ADELE, Process, binary, until};

/// A running `evergrant sandbox`.
pub(crate) struct Sandbox {
    /// Where it is, over TLS.
    pub(crate) https: String,
    /// Where it is in the clear.
    pub(crate) plain: String,
    /// A client that trusts its certificate and follows no redirect.
    pub(crate) http: reqwest::Client,
    #[expect(dead_code, reason = "kept for its end")]
    process: Process,
}

impl Sandbox {
    pub(crate) async fn start(folder: &Path, more: &[&str]) -> Self {
        let listen = "sandbox --json --http 127.0.0.1:0 --https 127.0.0.1:0 --ca ca.pem";
        let arguments: Vec<_> = listen.split(' ').chain(more.iter().copied()).collect();
        let process = Process::start(&mut binary(folder, &arguments));
        let line = process.line_of_stdout("{").await;
        let told: Value = serde_json::from_str(&line).unwrap();
        let address = |name: &str| told[name].as_str().unwrap().to_owned();
        let ca = std::fs::read(folder.join("ca.pem")).unwrap();
        let roots = reqwest::Certificate::from_pem_bundle(&ca).unwrap();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_merge(roots)
            .build()
            .unwrap();
        Self { https: address("https"), plain: address("http"), http, process }
    }

    /// A call to `/_sandbox/…`, which must go well.
    async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = self.http.request(method, format!("{}/_sandbox/{path}", self.https));
        let answer = request.body(body.to_string()).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Changes the world behind everybody's back: `POST /_sandbox/world/…`.
    pub(crate) async fn change(&self, path: &str, body: &Value) -> Value {
        self.control(Method::POST, &format!("world/{path}"), body).await
    }

    /// Scripts a fault at `place`.
    pub(crate) async fn fault(&self, place: &str, times: u32, deed: Value) {
        let fault = json!({ "where": place, "times": times, "do": deed });
        self.control(Method::POST, "faults", &fault).await;
    }

    /// Scripts a fault in its own words.
    pub(crate) async fn script(&self, fault: &Value) {
        self.control(Method::POST, "faults", fault).await;
    }

    pub(crate) async fn forget_faults(&self) {
        self.control(Method::DELETE, "faults", &json!({})).await;
    }

    /// Makes every token older, for the provider alone.
    pub(crate) async fn advance(&self, seconds: u64) {
        let ahead = json!({ "advance_seconds": seconds });
        self.control(Method::POST, "clock", &ahead).await;
    }

    /// How long new access tokens live; `None` is the provider's own lifetime.
    pub(crate) async fn token_lifetime(&self, seconds: Option<u64>) {
        let lifetime = json!({ "access_ttl_seconds": seconds });
        self.control(Method::POST, "clock", &lifetime).await;
    }

    /// Ends every session of Adele, as a new password does.
    pub(crate) async fn revoke_sessions(&self) {
        self.change_adele("revoke-sessions").await;
    }

    /// Has Graph refuse the access tokens that Adele's applications hold.
    pub(crate) async fn revoke_access_tokens(&self) {
        self.change_adele("revoke-access-tokens").await;
    }

    /// Changes what the provider knows of Adele.
    pub(crate) async fn change_adele(&self, change: &str) {
        self.change(&format!("microsoft/users/{ADELE}/{change}"), &json!({})).await;
    }

    /// The status of a call of a provider's API with this token.
    pub(crate) async fn call_api(&self, path: &str, token: &str) -> u16 {
        let request = self.http.get(format!("{}/{path}", self.https)).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    }

    pub(crate) async fn ledger(&self) -> Value {
        self.control(Method::GET, "ledger", &json!({})).await
    }

    /// How often something happened since the start.
    pub(crate) async fn count(&self, what: &str) -> u64 {
        let ledger = self.ledger().await;
        ledger["summary"][what].as_u64().expect(what)
    }

    /// The requests at `place` so far, oldest first.
    pub(crate) async fn requests(&self, place: &str) -> Vec<Value> {
        let ledger = self.ledger().await;
        let requests = ledger["requests"].as_array().unwrap();
        requests.iter().filter(|seen| seen["where"] == place).cloned().collect()
    }

    /// What was answered at `place` so far, oldest first.
    pub(crate) async fn statuses(&self, place: &str) -> Vec<u64> {
        let requests = self.requests(place).await;
        requests.iter().filter_map(|seen| seen["status"].as_u64()).collect()
    }

    /// Waits until a refresh has arrived that is not answered yet.
    pub(crate) async fn refresh_under_way(&self) {
        until("a refresh is under way", async || {
            let requests = self.requests("microsoft.token").await;
            requests.last()?["status"].is_null().then_some(())
        })
        .await;
    }
}
