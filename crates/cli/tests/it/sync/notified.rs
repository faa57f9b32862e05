//! The provider sends word of changes over the network, and what it tells of is read at once: no schedule
//! and nobody else asks for it here.

use serde_json::{Value, json};

use super::{Follower, MAIL, copied, copying, elsewhere, feed};
use crate::bench::{ADELE, Bench, Server, until};

#[tokio::test]
async fn what_others_change_is_read_when_the_provider_says_so() {
    follow(copying(false).await).await;
}

#[tokio::test]
async fn so_it_is_on_postgres_with_notifications_that_carry_what_changed() {
    let mut bench = copying(true).await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let params = rcgen::CertificateParams::new(vec!["grants.example".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    bench.set("EVERGRANT_MICROSOFT_NOTIFICATION_CERTIFICATE", &certificate);
    bench.set("EVERGRANT_MICROSOFT_NOTIFICATION_CERTIFICATE_KEY", &key.serialize_pem());
    follow(bench).await;
}

/// The provider's subscriptions.
async fn subscriptions(bench: &Bench) -> Vec<Value> {
    let all = bench.sandbox.change("microsoft/subscriptions", &json!({})).await;
    all["subscriptions"].as_array().unwrap().clone()
}

/// The provider's only subscription, once it is another than this.
async fn subscription(bench: &Bench, server: &Server, key: &str, id: &str, but: &str) -> Value {
    let found = until("there is a subscription", async || {
        subscriptions(bench).await.into_iter().find(|it| it["id"] != but)
    })
    .await;
    assert_eq!(subscriptions(bench).await.len(), 1);
    // It is known here, too.
    until("the feed is notified", async || {
        let feed = feed(server, key, id).await?;
        feed["notified_until"].is_string().then_some(())
    })
    .await;
    found
}

/// Somebody else's message arrives; it is told once, and nothing else is.
async fn arrives(bench: &Bench, server: &Server, follower: &mut Follower<'_>, subject: &str) {
    elsewhere(bench, "messages", &json!({ "subject": subject })).await;
    bench.sandbox.change("microsoft/notifications/flush", &json!({})).await;
    is_told(server, follower, subject).await;
}

async fn is_told(server: &Server, follower: &mut Follower<'_>, subject: &str) {
    until("it is told", async || {
        follower.follow(server).await;
        let told = follower.told.iter().filter(|told| told["item"]["subject"] == subject);
        let told: Vec<_> = told.collect();
        assert!(told.len() <= 1, "{told:?}");
        (!told.is_empty()).then_some(())
    })
    .await;
}

async fn follow(mut bench: Bench) {
    bench.set("EVERGRANT_SYNC_NOTIFICATIONS", "on");
    let rich = bench.environment.contains_key("EVERGRANT_MICROSOFT_NOTIFICATION_CERTIFICATE");
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    let mail = server.connect_to(&bench, &key, MAIL, ADELE).await;
    copied(&server, &key, &mail).await;
    let first = subscription(&bench, &server, &key, &mail, "").await;
    assert_eq!((&first["immutable_ids"], &first["with_data"]), (&true.into(), &rich.into()));
    let mut follower = Follower::new(&key);
    follower.follow(&server).await;

    arrives(&bench, &server, &mut follower, "The first word").await;
    bench.sandbox.change("microsoft/notifications/double", &json!({ "count": 1 })).await;
    arrives(&bench, &server, &mut follower, "Told twice").await;

    // What is lost is found once the provider says that something was.
    bench.sandbox.change("microsoft/notifications/lose", &json!({ "count": 1 })).await;
    elsewhere(&bench, "messages", &json!({ "subject": "Lost" })).await;
    bench.sandbox.change("microsoft/notifications/flush", &json!({})).await;
    let lifecycle = async |id: &Value, event: &str| {
        let path = format!("microsoft/subscriptions/{}/lifecycle", id.as_str().unwrap());
        bench.sandbox.change(&path, &json!({ "event": event })).await;
        bench.sandbox.change("microsoft/notifications/flush", &json!({})).await;
    };
    lifecycle(&first["id"], "missed").await;
    is_told(&server, &mut follower, "Lost").await;

    // One that the provider removed is made anew, and what happened meanwhile is found.
    elsewhere(&bench, "messages", &json!({ "subject": "Meanwhile" })).await;
    lifecycle(&first["id"], "subscriptionRemoved").await;
    let old = first["id"].as_str().unwrap();
    let second = subscription(&bench, &server, &key, &mail, old).await;
    is_told(&server, &mut follower, "Meanwhile").await;
    assert_ne!(second["to"], first["to"]);
    arrives(&bench, &server, &mut follower, "At the new address").await;

    // One that the provider wants renewed is.
    lifecycle(&second["id"], "reauthorizationRequired").await;
    until("it is renewed", async || {
        let now = subscriptions(&bench).await;
        (now[0]["expires"] != second["expires"]).then_some(())
    })
    .await;
    arrives(&bench, &server, &mut follower, "After the renewal").await;

    // What is disconnected is told of no more.
    server
        .call(&key, reqwest::Method::DELETE, &format!("/api/integrations/{mail}/"), None)
        .await
        .expect(204);
    assert_eq!(subscriptions(&bench).await, [Value::Null; 0]);
    server.stop().await;
}
