//! `kill -9` in the middle of a large mailbox: the next process goes on there.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Follower, MAIL, copied, copying, elsewhere, feed};
use crate::bench::{ADELE, until};

/// How many messages come to the mailbox besides its own.
const MANY: u64 = 20_000;

#[tokio::test]
async fn a_sync_that_is_killed_goes_on_where_it_was_and_tells_each_message_once() {
    killed(false).await;
}

#[tokio::test]
async fn a_sync_that_is_killed_goes_on_where_it_was_and_tells_each_message_once_on_postgres() {
    killed(true).await;
}

async fn killed(postgres: bool) {
    let mut bench = copying(postgres).await;
    bench.set("EVERGRANT_SYNC_UNLIMITED", "true");
    let key = bench.user("adele").await;
    elsewhere(&bench, "messages/fill", &json!({ "count": MANY, "size": 2_048 })).await;
    // Slow enough to be met in the middle.
    let slow = json!({
        "where": "graph",
        "match": { "path": "*/messages/delta" },
        "times": 100_000,
        "do": { "delay_ms": 150 },
    });
    bench.sandbox.script(&slow).await;
    let server = bench.serve().await;
    let id = server.connect_to(&bench, &key, MAIL, ADELE).await;
    let mut follower = Follower::new(&key);
    let seen = until("it is in the middle", async || {
        let seen = feed(&server, &key, &id).await?["seen"].as_u64()?;
        (seen > MANY / 4).then_some(seen)
    })
    .await;
    follower.follow(&server).await;
    let half = feed(&server, &key, &id).await.unwrap();
    assert!(half["as_of"].is_null() && half["run"] == 1, "it was over too soon: {half}");
    assert!(server.into_process().kill().await);

    let server = bench.serve().await;
    let after = feed(&server, &key, &id).await.unwrap();
    assert!(after["seen"].as_u64().unwrap() >= seen, "{seen} were seen, and now {after}");
    assert_eq!(after["run"], 1, "another run: {after}");
    bench.sandbox.forget_faults().await;
    let done = copied(&server, &key, &id).await;
    assert_eq!((&done["done_run"], &done["truncated"]), (&1.into(), &false.into()), "{done}");
    let folders = server.get(&key, &format!("/api/integrations/{id}/folders/")).await.expect(200);
    let folders = folders["results"].as_array().unwrap();
    let total: u64 = folders.iter().map(|folder| folder["total"].as_u64().unwrap()).sum();
    assert!(total > MANY);
    assert_eq!(done["items"], total);

    follower.follow(&server).await;
    let mut told: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for change in &follower.told {
        let id = change["id"].as_str().unwrap();
        told.entry(id).or_default().push(change["change"].as_str().unwrap());
    }
    assert_eq!(told.len() as u64, total);
    let odd: Vec<_> = told.iter().filter(|(_, words)| **words != ["added"]).collect();
    assert!(odd.is_empty(), "{odd:?}");
    server.stop().await;
}
