//! A provider that fails is not the callers' problem for as long as a token is good.

use serde_json::{Value, json};

use crate::bench::{Bench, until};

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
