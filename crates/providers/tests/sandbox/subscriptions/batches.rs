//! Subscriptions within a `$batch` (contract, 4.4).

use serde_json::json;

use super::{Bench, Manner};

#[tokio::test]
async fn a_batch_shakes_hands_for_each_of_its_creations() {
    let bench = Bench::new().await;
    let create = |id: &str, resource: &str| {
        json!({
            "id": id,
            "method": "POST",
            "url": "/subscriptions",
            "headers": { "Content-Type": "application/json" },
            "body": bench.body(json!({ "resource": resource })),
        })
    };
    let batch = json!({ "requests": [create("1", "me/messages"), create("2", "me/events")] });
    bench.receiver.behaves(Manner::Other);
    let refused = bench.desk.post("/$batch", batch.clone()).await.ok();
    let statuses = |answer: &serde_json::Value| {
        let all = answer["responses"].as_array().unwrap().iter();
        all.map(|one| one["status"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(statuses(&refused), [400, 400]);
    bench.receiver.behaves(Manner::Right);
    bench.receiver.got();
    let made = bench.desk.post("/$batch", batch).await.ok();
    assert_eq!(statuses(&made), [201, 201]);
    assert_eq!(bench.receiver.got().len(), 4);
}
