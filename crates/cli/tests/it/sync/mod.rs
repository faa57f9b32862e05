//! The local copy, by the real binary: the command, the schedule, and what a kill leaves of it.

mod command;
mod kill;
mod notified;
mod schedule;

use reqwest::Method;
use serde_json::{Value, json};

use crate::bench::{ADELE, Bench, Server, until};

const CALENDAR: &str = "microsoft_calendar";
const MAIL: &str = "microsoft_outlook";

/// A deployment whose server copies.
async fn copying(postgres: bool) -> Bench {
    let mut bench = if postgres { Bench::on_postgres().await } else { Bench::new().await };
    bench.set("EVERGRANT_SYNC_ENABLED", "true");
    bench
}

/// Somebody else changes what Adele has.
async fn elsewhere(bench: &Bench, change: &str, body: &Value) -> Value {
    bench.sandbox.change(&format!("microsoft/users/{ADELE}/{change}"), body).await
}

/// A consumer of changes, who never forgets where it has got to.
struct Follower<'a> {
    key: &'a str,
    cursor: Option<String>,
    told: Vec<Value>,
}

impl<'a> Follower<'a> {
    fn new(key: &'a str) -> Self {
        Self { key, cursor: None, told: Vec::new() }
    }

    /// Hears what there is to hear now; gives it.
    async fn follow(&mut self, server: &Server) -> Vec<Value> {
        let before = self.told.len();
        loop {
            let cursor = self.cursor.iter().map(|cursor| format!("&cursor={cursor}"));
            let path =
                format!("/api/integrations/changes/?limit=200{}", cursor.collect::<String>());
            let page = server.get(self.key, &path).await.expect(200);
            self.told.extend(page["results"].as_array().unwrap().iter().cloned());
            self.cursor = page["cursor"].as_str().map(str::to_owned);
            if page["more"] == false {
                return self.told[before..].to_vec();
            }
        }
    }
}

/// What is told, in short.
fn short(change: &Value) -> (&str, &str, &str) {
    let text = |name: &str| change[name].as_str().unwrap_or_default();
    (text("kind"), text("change"), text("reason"))
}

/// Syncs now and waits; gives where the only feed of the integration stands.
async fn sync(server: &Server, key: &str, id: &str) -> Value {
    let path = format!("/api/integrations/{id}/sync/?wait=true");
    let ask = json!({ "sync_type": "full" });
    let mut sync = server.call(key, Method::POST, &path, Some(&ask)).await.expect(200);
    assert_eq!(sync["state"], "done", "{sync}");
    sync["feeds"][0].take()
}

/// Where the only feed of the integration stands.
async fn feed(server: &Server, key: &str, id: &str) -> Option<Value> {
    let body = server.get(key, &format!("/api/integrations/{id}/sync/")).await.expect(200);
    body["feeds"].get(0).cloned()
}

/// Waits until a first copy is there.
async fn copied(server: &Server, key: &str, id: &str) -> Value {
    until("the first copy is there", async || {
        feed(server, key, id).await.filter(|feed| feed["done_run"] != 0)
    })
    .await
}
