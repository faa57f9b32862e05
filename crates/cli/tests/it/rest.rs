//! The way of the README: from nothing to a token over REST.

use reqwest::Method;
use serde_json::json;

use crate::bench::{ADELE, ALEX, Answer, Bench, PROVIDER};

#[tokio::test]
async fn from_an_empty_database_to_a_token_and_back() {
    let bench = Bench::new().await;
    bench.ok(&["users", "add", "adele"]).await;
    let created = bench.run(&["keys", "create", "--user", "adele"]).await;
    let key = created.out.strip_suffix('\n').unwrap();
    assert!(key.starts_with("evg_") && !key.contains(char::is_whitespace), "{created:?}");

    let server = bench.serve().await;
    let (address, _) = server.initiate(key).await;
    let back = bench.sign_in(&address, ADELE).await;
    let port = server.api.rsplit_once(':').unwrap().1;
    assert_eq!(back.port().map(|port| port.to_string()).as_deref(), Some(port), "{back}");
    // The browser is sent on, so that the code does not stay in its address.
    let onward = bench.http.get(back.clone()).send().await.unwrap();
    assert_eq!(onward.status(), 303);
    let done = onward.headers()["location"].to_str().unwrap();
    let (_, code) = back.query_pairs().find(|(name, _)| name == "code").unwrap();
    assert!(!done.contains(&*code) && !done.contains("state="), "{done}");
    let page = Answer::of(bench.http.get(done).send().await.unwrap()).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.text.contains(ADELE), "{page:?}");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    // The same address again: a state works once.
    let again = bench.http.get(back).header("accept", "application/json");
    assert_eq!(again.send().await.unwrap().status(), 400);

    let list = server.get(key, "/api/integrations/").await.expect(200);
    let integration = &list["results"][0];
    assert_eq!(integration["provider"], PROVIDER);
    assert_eq!(integration["status"], "active");
    let id = integration["id"].as_str().unwrap();
    let token = server.token(key, id).await;
    assert_eq!(token.headers["cache-control"], "no-store");
    let token = token.expect(200);
    assert_eq!(token["token_type"], "Bearer");
    let profile = server.get(key, &format!("/api/integrations/{id}/profile/")).await;
    assert_eq!(profile.expect(200)["email"], ADELE);

    let path = format!("/api/integrations/{id}/");
    let rename = json!({ "label": "Work" });
    let renamed = server.call(key, Method::PATCH, &path, Some(&rename)).await;
    assert_eq!(renamed.expect(200)["label"], "Work");
    let pause = json!({ "paused": true });
    server.call(key, Method::PATCH, &path, Some(&pause)).await.expect(200);
    assert_eq!(server.token(key, id).await.expect(409)["code"], "integration_paused");
    let resume = json!({ "paused": false });
    server.call(key, Method::PATCH, &path, Some(&resume)).await.expect(200);
    server.token(key, id).await.expect(200);
    server.call(key, Method::DELETE, &path, None).await.expect(204);
    assert_eq!(server.token(key, id).await.expect(404)["code"], "integration_not_found");
    assert_eq!(server.get(key, &path).await.status, 404);
}

#[tokio::test]
async fn an_application_can_post_the_code_itself() {
    let bench = Bench::new().await;
    let key = bench.user("alex").await;
    let server = bench.serve().await;
    let (address, state) = server.initiate(&key).await;
    let back = bench.sign_in(&address, ALEX).await;
    let (_, code) = back.query_pairs().find(|(name, _)| name == "code").unwrap();
    let body = json!({ "provider": PROVIDER, "state": state, "code": code });
    let path = "/api/integrations/oauth/callback/";
    let connected = server.call(&key, Method::POST, path, Some(&body)).await.expect(201);
    assert_eq!(connected["account"]["username"], ALEX);
    let again = server.call(&key, Method::POST, path, Some(&body)).await.expect(400);
    assert_eq!(again["code"], "invalid_state");
    assert_eq!(bench.sandbox.count("code_redemptions").await, 1);
}

#[tokio::test]
async fn a_lost_grant_is_reconnected_by_its_link_and_keeps_its_id() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    let id = server.connect(&bench, &key).await;
    bench.sandbox.revoke_sessions().await;
    bench.sandbox.revoke_access_tokens().await;
    let path = format!("/api/integrations/{id}/profile/");
    let refused = server.get(&key, &path).await.expect(409);
    assert_eq!(refused["code"], "reconnect_required");
    let link = refused["reconnect_url"].as_str().unwrap();
    let onward = bench.http.get(link).send().await.unwrap();
    assert_eq!(onward.status(), 303);
    let address = onward.headers()["location"].to_str().unwrap();
    let back = bench.sign_in(address, ADELE).await;
    assert_eq!(bench.http.get(back).send().await.unwrap().status(), 303);
    assert_eq!(server.get(&key, &path).await.expect(200)["email"], ADELE);
}
