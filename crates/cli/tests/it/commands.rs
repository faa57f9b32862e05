//! What the commands print where all goes well.

use serde_json::Value;

use crate::bench::{Bench, PROVIDER, until};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

#[tokio::test]
async fn token_prints_the_token_and_a_line_feed_and_nothing_else() {
    let bench = Bench::new().await;
    let id = bench.connect(&[]).await;
    let done = bench.run(&["token", &id]).await;
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let token = done.out.strip_suffix('\n').expect("a line");
    assert_eq!(token.split('.').count(), 3, "{token}");
    assert!(
        token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)),
        "{token:?}"
    );
    let me = bench.http.get(format!("{}/v1.0/me", bench.sandbox.https)).bearer_auth(token);
    assert_eq!(me.send().await.unwrap().status(), 200);
    let body = json(&bench.ok(&["token", &id, "--json"]).await);
    assert_eq!(body["access_token"], token);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["warning"], Value::Null);
    assert!(body["expires_at"].is_string() && body["scopes"].is_array(), "{body}");
}

#[tokio::test]
async fn every_command_does_its_job() {
    let bench = Bench::new().await;
    let user = bench.ok(&["users", "add", "adele"]).await;
    assert!(user.starts_with("usr_"), "{user}");
    let users = json(&bench.ok(&["users", "--json"]).await);
    assert_eq!(users[0]["id"], user.as_str());
    let id = bench.connect(&["--user", "adele"]).await;
    assert!(id.starts_with("int_"), "{id}");

    let table = bench.ok(&["integrations"]).await;
    assert!(table.starts_with("ID ") && table.contains(&id), "{table}");
    let list = json(&bench.ok(&["integrations", "--user", "adele", "--json"]).await);
    assert_eq!(list[0]["id"], id.as_str());
    assert_eq!(list[0]["provider"], PROVIDER);
    assert_eq!(list[0]["status"], "active");
    let me = json(&bench.ok(&["call", &id, "GET", "/me"]).await);
    assert_eq!(me["displayName"], "Adele Vance");

    assert!(!bench.ok(&["doctor"]).await.contains("FAIL"));
    let doctor = json(&bench.ok(&["doctor", &id, "--json"]).await);
    let checks = doctor["checks"].as_array().unwrap();
    assert!(checks.len() >= 5 && checks.iter().all(|check| check["ok"] == true), "{doctor}");
    let known = &doctor["integration"];
    assert_eq!(known["attempts"][0]["outcome"], "refreshed");
    assert_eq!(known["forecast"]["actor"], "nobody");
    assert_eq!(known["token"]["claims"]["appid"], "sandbox-client");
    assert!(!known.to_string().contains("contoso"), "a person is named: {known}");
    let doctor = json(&bench.ok(&["doctor", "--json"]).await);
    let deployment = &doctor["deployment"];
    assert_eq!(deployment["spool"]["answers_waiting"], 0, "{doctor}");
    let mut registrations = deployment["registrations"].as_array().unwrap().iter();
    assert!(registrations.any(|found| found["name"] == "microsoft"), "{doctor}");
    assert_eq!(deployment["encryption_keys"][0]["role"], "encrypts", "{doctor}");
    let migrated = json(&bench.ok(&["migrate", "--json"]).await);
    assert_eq!(migrated["before"], migrated["after"]);

    let gone = json(&bench.ok(&["disconnect", &id, "--json"]).await);
    assert_eq!(gone["disconnected"], true);
    assert!(gone["manage_url"].is_string(), "{gone}");
    assert_eq!(bench.run(&["token", &id]).await.code, 1);
    assert_eq!(json(&bench.ok(&["integrations", "--json"]).await), Value::Array(vec![]));
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_within_a_second() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    server.get(&key, "/api/integrations/").await.expect(200);
    let keys = json(&bench.ok(&["keys", "--json"]).await);
    let id = keys[0]["id"].as_str().unwrap();
    assert!(!bench.ok(&["keys"]).await.contains(&key), "a list shows a key");
    bench.ok(&["keys", "revoke", id]).await;
    until("the key is refused", async || {
        (server.get(&key, "/api/integrations/").await.status == 401).then_some(())
    })
    .await;
    assert_eq!(bench.run(&["keys", "revoke", id]).await.code, 1);
    assert!(bench.ok(&["keys"]).await.contains("revoked"));
}
