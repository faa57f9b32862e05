//! What integrations are good for, over REST and against the sandbox: calendar, mail, meetings.

mod budgets;
mod calendar;
mod denials;
mod mail;
mod meetings;

use reqwest::Method;
use serde_json::{Value, json};

use crate::bench::{ADELE, Answer, Bench, Server};

/// A bench, a running server and one connected account.
struct Desk {
    bench: Bench,
    server: Server,
    key: String,
    /// `/api/integrations/int_…`
    at: String,
}

impl Desk {
    /// Adele's account, connected as this provider.
    async fn of(provider: &str) -> Self {
        Self::of_account(provider, ADELE).await
    }

    async fn of_account(provider: &str, account: &str) -> Self {
        let bench = Bench::new().await;
        let key = bench.user("adele").await;
        let server = bench.serve().await;
        let id = server.connect_to(&bench, &key, provider, account).await;
        Self { at: format!("/api/integrations/{id}"), bench, server, key }
    }

    /// Another integration of the same user.
    async fn also(&self, provider: &str, account: &str) -> String {
        let id = self.server.connect_to(&self.bench, &self.key, provider, account).await;
        format!("/api/integrations/{id}")
    }

    async fn get(&self, path: &str) -> Answer {
        self.server.get(&self.key, &format!("{}{path}", self.at)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, body, &[]).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let url = format!("{}{}{path}", self.server.api, self.at);
        let mut request = self.bench.http.request(method, url).bearer_auth(&self.key).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// Scripts a fault at Graph for the requests that match.
    async fn fault(&self, matching: Value, times: u32, deed: Value) {
        let fault = json!({ "where": "graph", "match": matching, "times": times, "do": deed });
        self.bench.sandbox.script(&fault).await;
    }

    /// The requests of this method that Graph has seen whose path ends so.
    async fn seen(&self, method: &str, ending: &str) -> usize {
        let requests = self.bench.sandbox.requests("graph").await;
        let path = |seen: &Value| seen["path"].as_str().unwrap().to_lowercase();
        let ending = ending.to_lowercase();
        requests.iter().filter(|s| s["method"] == method && path(s).ends_with(&ending)).count()
    }
}

/// Every result of a list, page by page.
async fn whole(desk: &Desk, path: &str) -> Vec<Value> {
    let mut results = Vec::new();
    let mut next = format!("{}{path}", desk.at);
    loop {
        let page = desk.server.get(&desk.key, &next).await.expect(200);
        results.extend(page["results"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            // It is the address in full, by the server's public name.
            Some(url) => url[url.find("/api/").unwrap()..].clone_into(&mut next),
            None => return results,
        }
    }
}
