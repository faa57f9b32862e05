//! A running `evergrant serve`, and its REST API.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{ADELE, Bench, PROVIDER, Process};

/// A server that answers.
pub(crate) struct Server {
    pub(crate) process: Process,
    /// The address of the API.
    pub(crate) api: String,
    /// The address for operators.
    pub(crate) admin: String,
    http: reqwest::Client,
}

/// An answer, read completely.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    /// The body of an answer that must have this status.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Server {
    pub(crate) async fn start(process: Process, http: &reqwest::Client) -> Self {
        let line = process.line_of_stdout("{").await;
        let told: Value = serde_json::from_str(&line).unwrap();
        let address = |name: &str| told[name].as_str().unwrap().to_owned();
        Self { api: address("api"), admin: address("admin"), http: http.clone(), process }
    }

    /// One call of the API with an access key.
    pub(crate) async fn call(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.api));
        request = request.bearer_auth(key);
        if let Some(body) = body {
            request = request.json(body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Answer {
        self.call(key, Method::GET, path, None).await
    }

    pub(crate) async fn token(&self, key: &str, id: &str) -> Answer {
        self.get(key, &format!("/api/integrations/{id}/token/")).await
    }

    /// Begins to connect; gives the address to sign in at, and the state.
    pub(crate) async fn initiate(&self, key: &str) -> (String, String) {
        let ask = json!({ "provider": PROVIDER });
        let path = "/api/integrations/oauth/initiate/";
        let begun = self.call(key, Method::POST, path, Some(&ask)).await.expect(200);
        let text = |name: &str| begun[name].as_str().unwrap().to_owned();
        (text("authorization_url"), text("state"))
    }

    /// Connects Adele's account through the browser's way; gives the integration's id.
    pub(crate) async fn connect(&self, bench: &Bench, key: &str) -> String {
        let (address, _) = self.initiate(key).await;
        let back = bench.sign_in(&address, ADELE).await;
        let request = self.http.get(back).header("accept", "application/json");
        let answer = Answer::of(request.send().await.unwrap()).await;
        let connected = answer.expect(201);
        connected["id"].as_str().unwrap().to_owned()
    }

    /// Asks it to stop and waits for its end.
    pub(crate) async fn stop(self) {
        self.process.stop().await;
    }

    /// Begins to connect `provider` and agrees as `login`; gives the state and the code.
    pub(crate) async fn agree(
        &self,
        bench: &Bench,
        key: &str,
        provider: &str,
        login: &str,
    ) -> (String, String) {
        let ask = json!({ "provider": provider });
        let path = "/api/integrations/oauth/initiate/";
        let begun = self.call(key, Method::POST, path, Some(&ask)).await.expect(200);
        let back = bench.sign_in(begun["authorization_url"].as_str().unwrap(), login).await;
        let code = back.query_pairs().find(|(name, _)| name == "code").expect("a code");
        (begun["state"].as_str().unwrap().to_owned(), code.1.into_owned())
    }

    /// Connects `login`'s account at `provider`; gives the integration's id.
    pub(crate) async fn connect_to(
        &self,
        bench: &Bench,
        key: &str,
        provider: &str,
        login: &str,
    ) -> String {
        let (state, code) = self.agree(bench, key, provider, login).await;
        let body = json!({ "provider": provider, "state": state, "code": code });
        let connected = self.callback(key, &body).await.expect(201);
        connected["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn callback(&self, key: &str, body: &Value) -> Answer {
        self.call(key, Method::POST, "/api/integrations/oauth/callback/", Some(body)).await
    }

    /// A call whose answer nobody may live to hear.
    pub(crate) fn later(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> JoinHandle<()> {
        let mut request = self.http.request(method, format!("{}{path}", self.api)).bearer_auth(key);
        if let Some(body) = body {
            request = request.json(body);
        }
        tokio::spawn(async move {
            let _ = request.send().await;
        })
    }

    pub(crate) fn into_process(self) -> Process {
        self.process
    }
}
