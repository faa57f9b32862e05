//! Markets over REST and from the terminal, against the sandbox: sessions, trades, programs.

mod sessions;
mod trades;

use reqwest::Method;
use serde_json::{Value, json};

use crate::bench::{Answer, Bench, Server};

/// A market that is always open.
const EPIC: &str = "CS.D.BITCOIN.CFD.IP";

/// A bench with the trader's account connected.
struct Floor {
    bench: Bench,
    server: Server,
    key: String,
    /// `/api/integrations/int_…`
    at: String,
}

/// A bench whose processes know the sandbox's registration.
async fn bench() -> Bench {
    known(Bench::new().await)
}

fn known(mut bench: Bench) -> Bench {
    bench.set("IG_API_KEY", "sandbox-key");
    let at = format!("{}/gateway/deal", bench.sandbox.https);
    bench.set("EVERGRANT_IG_URL", &at);
    bench
}

/// A user with a key that may trade.
async fn trader(bench: &Bench) -> String {
    bench.ok(&["users", "add", "trader"]).await;
    let mut ask = vec!["keys", "create", "--user", "trader"];
    for permission in ["integrations:read", "integrations:write", "markets:read", "markets:trade"] {
        ask.extend(["--allow", permission]);
    }
    bench.ok(&ask).await
}

/// Connects by the form; gives the answer.
async fn connect(server: &Server, key: &str, fields: &Value) -> Answer {
    let ask = json!({ "provider": "ig" });
    let path = "/api/integrations/oauth/initiate/";
    let begun = server.call(key, Method::POST, path, Some(&ask)).await.expect(200);
    let names = begun["form"]["fields"].as_array().unwrap().iter().map(|field| &field["name"]);
    assert!(names.clone().any(|name| name == "password"), "{begun}");
    let body = json!({ "provider": "ig", "state": begun["state"], "fields": fields });
    server.callback(key, &body).await
}

impl Floor {
    async fn new() -> Self {
        Self::of(bench().await).await
    }

    async fn of(bench: Bench) -> Self {
        let key = trader(&bench).await;
        let server = bench.serve().await;
        let fields = json!({ "identifier": "trader", "password": "sandbox", "keep_login": "yes" });
        let connected = connect(&server, &key, &fields).await.expect(201);
        let id = connected["id"].as_str().unwrap();
        Self { at: format!("/api/integrations/{id}"), bench, server, key }
    }

    async fn get(&self, path: &str) -> Answer {
        self.server.get(&self.key, &format!("{}{path}", self.at)).await
    }

    async fn call(&self, method: Method, path: &str, body: &Value, key: Option<&str>) -> Answer {
        let url = format!("{}{}{path}", self.server.api, self.at);
        let mut request = self.bench.http.request(method, url).bearer_auth(&self.key).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// The statuses of the provider's answers to requests of this method and path.
    async fn seen(&self, method: &str, path: &str) -> Vec<u64> {
        let ledger = self.bench.sandbox.ledger().await;
        let requests = ledger["requests"].as_array().unwrap();
        let path = format!("/gateway/deal{path}");
        requests
            .iter()
            .filter(|seen| seen["method"] == method && seen["path"] == path.as_str())
            .filter_map(|seen| seen["status"].as_u64())
            .collect()
    }
}
