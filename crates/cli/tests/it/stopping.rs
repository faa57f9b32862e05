//! Callers that hang up and processes that are stopped lose no rotated token.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::bench::{ADELE, Bench, until};

/// The provider saw one refresh and no misuse, and the command line finds a token that works.
async fn nothing_lost(bench: &Bench, id: &str) {
    let me = bench.ok(&["call", id, "GET", "/me"]).await;
    assert!(me.contains(ADELE), "{me}");
    let summary = &bench.sandbox.ledger().await["summary"];
    assert_eq!(summary["refreshes"], 1, "{summary}");
    assert_eq!(summary["refreshes_refused"], 0, "{summary}");
    assert_eq!(summary["grants_revoked"], 0, "{summary}");
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_cut_the_refresh() {
    let bench = Bench::strict().await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    bench.sandbox.token_lifetime(Some(20)).await;
    let id = server.connect(&bench, &key).await;
    bench.sandbox.token_lifetime(None).await;
    let slow = json!({ "delay_ms": 1_000 });
    bench.sandbox.fault("microsoft.token", 1, slow).await;
    // Nothing is due yet: the refresh is this caller's own. No token is refreshed for the sake of
    // a longer life before a tenth of its own is over.
    let connected = Instant::now();
    until("a tenth of the life is over", async || {
        (connected.elapsed() > Duration::from_millis(2_100)).then_some(())
    })
    .await;
    let path = format!("/api/integrations/{id}/token/?min_seconds=19");
    let caller = server.get(&key, &path);
    // Whoever loses is dropped, and the caller's connection with it.
    tokio::select! {
        () = bench.sandbox.refresh_under_way() => {}
        answer = caller => panic!("it was not held back: {answer:?}"),
    }
    assert_eq!(bench.sandbox.count("refreshes").await, 0, "it was too late to hang up");
    let hung_up = Instant::now();
    until("the refresh is done", async || {
        (bench.sandbox.count("refreshes").await == 1).then_some(())
    })
    .await;
    // Later the renewer would have tried again, when the cut one counts as lost.
    let passed = hung_up.elapsed();
    assert!(passed < Duration::from_secs(10), "done after {passed:?}");
    let path = format!("/api/integrations/{id}/token/?min_seconds=600");
    server.get(&key, &path).await.expect(200);
    nothing_lost(&bench, &id).await;
}

#[tokio::test]
async fn a_process_told_to_stop_finishes_its_refresh_first() {
    let bench = Bench::strict().await;
    let key = bench.user("adele").await;
    let id = bench.expired(&[]).await;
    let slow = json!({ "delay_ms": 4_000 });
    bench.sandbox.fault("microsoft.token", 1, slow).await;
    let server = bench.serve().await;
    bench.sandbox.refresh_under_way().await;
    let caller = server.token(&key, &id);
    let stop = async {
        // The caller's request has to be there before the listener closes: whoever asks so often
        // after it has been answered, came after it.
        for _ in 0..30 {
            server.get(&key, "/api/integrations/").await.expect(200);
        }
        server.process.terminate().await;
    };
    let (answer, ()) = tokio::join!(caller, stop);
    answer.expect(200);
    let done = server.process.done().await;
    assert_eq!(done.code, 0, "{}", done.err);
    nothing_lost(&bench, &id).await;
}

#[tokio::test]
async fn an_idle_process_stops_at_once() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    // A connection that is kept alive is no work under way.
    server.get(&key, "/api/integrations/").await.expect(200);
    let asked = Instant::now();
    let done = server.process.stop().await;
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}
