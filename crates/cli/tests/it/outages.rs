//! A provider that fails is not the callers' problem for as long as a token is good.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::{Answer, Bench, Server, until};

#[tokio::test]
async fn while_the_token_is_good_no_caller_notices_that_the_provider_is_down() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    bench.sandbox.token_lifetime(Some(8)).await;
    let id = server.connect(&bench, &key).await;
    bench.sandbox.token_lifetime(None).await;
    let down = json!({ "status": 503 });
    bench.sandbox.fault("microsoft.token", 10_000, down).await;
    // From three quarters of its life on every caller's token has a warning, until it is over.
    let (mut unaware, mut warned) = (0, 0);
    let end = until("the token is over", async || {
        let answer = server.token(&key, &id).await;
        if answer.status != 200 {
            return Some(answer);
        }
        match answer.expect(200).get("warning") {
            None => unaware += 1,
            Some(warning) => {
                assert_eq!(warning, "refresh_failing");
                warned += 1;
            }
        }
        None
    })
    .await;
    assert!(unaware > 0 && warned > 0, "{unaware} without and {warned} with a warning");
    let over = end.expect(503);
    assert_eq!(over["code"], "provider_unavailable");
    assert!(end.headers.contains_key("retry-after"), "{end:?}");
    // Nobody was asked to reconnect, and it goes on by itself.
    let list = server.get(&key, "/api/integrations/").await.expect(200);
    assert_eq!(list["results"][0]["status"], "active");
    bench.sandbox.forget_faults().await;
    let token = until("the provider is back", async || {
        let answer = server.token(&key, &id).await;
        (answer.status == 200).then(|| answer.expect(200))
    })
    .await;
    assert_eq!(token.get("warning"), None);
}

#[tokio::test]
async fn an_answer_lost_on_the_way_is_made_up_for_by_the_next_call() {
    let bench = Bench::new().await;
    let id = bench.expired(&[]).await;
    let fault = json!({ "drop_after_commit": true });
    bench.sandbox.fault("microsoft.token", 1, fault).await;
    let first = bench.run(&["token", &id]).await;
    assert_eq!((first.code, first.out.as_str()), (4, ""), "{first:?}");
    bench.ok(&["token", &id]).await;
    let list: Value = serde_json::from_str(&bench.ok(&["integrations", "--json"]).await).unwrap();
    assert_eq!(list[0]["status"], "active");
    assert_eq!(bench.sandbox.count("refreshes_refused").await, 0);
}

/// A server whose database went away between the provider's answer and the commit, at a provider that
/// takes the second use of a refresh token for theft.
struct Cut {
    bench: Bench,
    server: Server,
    /// Another server on the same database.
    replica: Option<Server>,
    key: String,
    id: String,
    /// The token that came with the answer: nothing but this process and its spool has it.
    token: String,
    since: Instant,
}

impl Cut {
    async fn new() -> Self {
        Self::on(false).await
    }

    async fn with_replica() -> Self {
        Self::on(true).await
    }

    async fn on(replicated: bool) -> Self {
        let bench = Bench::on_postgres().await;
        bench.declare("strict", "strict");
        let key = bench.user("adele").await;
        let server = bench.serve().await;
        bench.sandbox.token_lifetime(Some(4)).await;
        let id = server.connect_to(&bench, &key, "strict", "adele").await;
        bench.sandbox.token_lifetime(None).await;
        let old = server.token(&key, &id).await.expect(200)["access_token"].clone();
        // The answer is held back until nobody can store it.
        bench.sandbox.fault("oauth.token", 1, json!({ "delay_ms": 2_500 })).await;
        until("the refresh is under way", async || {
            let requests = bench.sandbox.requests("oauth.token").await;
            (requests.len() == 2 && requests[1]["status"].is_null()).then_some(())
        })
        .await;
        let replica = if replicated { Some(bench.serve().await) } else { None };
        if let Some(replica) = &replica {
            // It knows the key from now on.
            replica.get(&key, "/api/integrations/").await.expect(200);
        }
        bench.postgres().reachable(false).await;
        assert_eq!(bench.sandbox.count("refreshes").await, 0, "the answer came too early");
        let since = Instant::now();
        server.process.line_of_stderr("a refreshed grant waits for the database").await;
        let new = server.token(&key, &id).await.expect(200);
        assert_ne!(new["access_token"], old);
        let token = new["access_token"].as_str().unwrap().to_owned();
        Self { bench, server, replica, key, id, token, since }
    }

    /// Everybody gets the new token for as long as `time` after the cut.
    async fn is_served_for(&self, time: Duration) {
        let mut served = 0;
        while self.since.elapsed() < time {
            let answer = self.server.token(&self.key, &self.id).await.expect(200);
            assert_eq!(answer["access_token"], self.token, "{answer}");
            assert_eq!(answer["warning"], "storage_unavailable", "{answer}");
            served += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("{served} callers served without a database");
        assert!(served > 0);
    }

    /// The only refresh there was is what a server has that knows nothing but the database.
    async fn is_stored(bench: &Bench, key: &str, id: &str, token: &str) {
        let server = bench.serve().await;
        let stored = server.token(key, id).await.expect(200);
        assert_eq!(stored["access_token"], token);
        assert_eq!(stored.get("warning"), None, "{stored}");
        assert_eq!(bench.sandbox.call_api("oauth/strict/api/me", token).await, 200);
        for (what, times) in [("refreshes", 1), ("refreshes_refused", 0), ("families_revoked", 0)] {
            assert_eq!(bench.sandbox.count(what).await, times, "{what}");
        }
        let doctor: Value = serde_json::from_str(&bench.ok(&["doctor", "--json"]).await).unwrap();
        assert_eq!(doctor["deployment"]["spool"]["answers_waiting"], 0, "{doctor}");
        // The refresh token beside it is the live one.
        bench.ok(&["doctor", id]).await;
        assert_eq!(bench.sandbox.count("refreshes").await, 2);
        assert_eq!(bench.sandbox.count("families_revoked").await, 0);
    }
}

#[tokio::test]
async fn a_grant_outlives_a_minute_without_a_database() {
    let cut = Cut::new().await;
    cut.is_served_for(Duration::from_mins(1)).await;
    let Cut { bench, server, key, id, token, .. } = cut;
    bench.postgres().reachable(true).await;
    let back = Instant::now();
    server.process.line_of_stderr("Token refreshed successfully").await;
    println!("stored {:?} after the database was back", back.elapsed());
    server.stop().await;
    Cut::is_stored(&bench, &key, &id, &token).await;
}

#[tokio::test]
async fn a_grant_outlives_its_process_and_a_minute_without_a_database() {
    let cut = Cut::new().await;
    cut.is_served_for(Duration::from_secs(3)).await;
    let Cut { bench, server, key, id, token, since, .. } = cut;
    assert!(server.into_process().kill().await, "it ended by itself");
    // Longer than its intent is in force.
    until("the outage has lasted", async || {
        (since.elapsed() > Duration::from_secs(50)).then_some(())
    })
    .await;
    bench.postgres().reachable(true).await;
    Cut::is_stored(&bench, &key, &id, &token).await;
}

#[tokio::test]
async fn a_grant_outlives_its_process_and_a_moment_without_a_database() {
    let Cut { bench, server, key, id, token, .. } = Cut::new().await;
    assert!(server.into_process().kill().await, "it ended by itself");
    bench.postgres().reachable(true).await;
    Cut::is_stored(&bench, &key, &id, &token).await;
}

/// A replica that is asked for the token all the time: it has none while the database is away, and it
/// is back as early as anybody. Gives the first token it hands out once `back` is true.
async fn insisted(api: String, key: String, id: String, back: Arc<AtomicBool>) -> Value {
    let url = format!("{api}/api/integrations/{id}/token/");
    let http = reqwest::Client::new();
    until("the replica has a token", async || {
        let is_back = back.load(Ordering::SeqCst);
        let answer = Answer::of(http.get(&url).bearer_auth(&key).send().await.unwrap()).await;
        if answer.status == 200 {
            let token = answer.expect(200);
            // While the database was away it may have served the old one to its end.
            return is_back.then_some(token);
        }
        assert_eq!(answer.expect(503)["code"], "storage_unavailable");
        None
    })
    .await
}

async fn replica_waits_for_what_another_holds(killed: bool) {
    let cut = Cut::with_replica().await;
    let Cut { bench, server, replica, key, id, token, since } = cut;
    let replica = replica.unwrap();
    let back = Arc::new(AtomicBool::new(false));
    let asking = insisted(replica.api.clone(), key.clone(), id.clone(), Arc::clone(&back));
    let mut server = Some(server);
    let returning = async {
        if killed {
            assert!(server.take().unwrap().into_process().kill().await, "it ended by itself");
        }
        // Longer than the intent is in force: nobody can tell the holder from a dead process.
        until("the outage has lasted", async || {
            (since.elapsed() > Duration::from_secs(50)).then_some(())
        })
        .await;
        bench.postgres().reachable(true).await;
        back.store(true, Ordering::SeqCst);
    };
    let (given, ()) = tokio::join!(asking, returning);
    assert_eq!(given["access_token"], token, "{given}");
    drop((server, replica));
    Cut::is_stored(&bench, &key, &id, &token).await;
}

#[tokio::test]
async fn a_replica_waits_for_the_grant_that_another_holds() {
    replica_waits_for_what_another_holds(false).await;
}

#[tokio::test]
async fn a_replica_waits_for_the_grant_that_a_dead_process_left() {
    replica_waits_for_what_another_holds(true).await;
}
