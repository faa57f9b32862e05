//! Every operation's answer when all is well, to the byte.

use evergrant_server::problem::Code;
use serde_json::json;

use crate::acme::{BANK, CALENDAR, DIRECTORY};
use crate::app::{APPLICATION, CALLBACK, CONSENT, IMPORT, INITIATE, LIST, TestApp, at};
use crate::snapshot;

#[tokio::test]
async fn initiate_gives_the_page_to_open() {
    let t = TestApp::new().await;
    let answer = t.alice.post(INITIATE, json!({ "provider": CALENDAR })).await;
    snapshot!("initiate", answer.expect(200));
}

#[tokio::test]
async fn initiate_gives_the_form_of_a_form_provider() {
    let t = TestApp::new().await;
    let answer = t.alice.post(INITIATE, json!({ "provider": BANK })).await;
    snapshot!("initiate_form", answer.expect(200));
}

#[tokio::test]
async fn initiate_gives_the_code_to_type_on_another_device() {
    let t = TestApp::new().await;
    let ask = json!({ "provider": CALENDAR, "way": "device_code" });
    snapshot!("initiate_device", t.alice.post(INITIATE, ask).await.expect(200));
}

#[tokio::test]
async fn consent_gives_the_page_for_an_administrator() {
    let t = TestApp::new().await;
    let ask = json!({ "provider": CALENDAR, "tenant": "contoso.example" });
    snapshot!("consent", t.alice.post(CONSENT, ask).await.expect(200));
}

#[tokio::test]
async fn import_gives_the_integration() {
    let t = TestApp::new().await;
    let ask = json!({ "provider": CALENDAR, "refresh_token": "refresh-adele" });
    snapshot!("import", t.alice.post(IMPORT, ask).await.expect(201));
}

#[tokio::test]
async fn application_gives_the_integration() {
    let t = TestApp::new().await;
    let answer = t.alice.post(APPLICATION, json!({ "provider": DIRECTORY })).await;
    snapshot!("application", answer.expect(201));
}

#[tokio::test]
async fn callback_gives_the_integration() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    snapshot!("callback", t.alice.finish(&state, "adele").await.expect(201));
}

#[tokio::test]
async fn callback_takes_the_fields_of_a_form() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": BANK })).await;
    let fields = json!({ "login": "adele", "password": "hunter2-of-adele" });
    let body = json!({ "provider": BANK, "state": state, "fields": fields });
    snapshot!("callback_form", t.alice.post(CALLBACK, body).await.expect(201));
}

#[tokio::test]
async fn list_is_a_page() {
    let t = TestApp::new().await;
    t.alice.connect("adele").await;
    t.bob.connect("boris").await;
    snapshot!("list", t.alice.get(LIST).await.expect(200));
}

#[tokio::test]
async fn show_edit_and_disconnect() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    snapshot!("show", t.alice.get(&at(&id, "")).await.expect(200));
    let change = json!({ "label": "  Work calendar ", "paused": true });
    snapshot!("edit", t.alice.patch(&at(&id, ""), change).await.expect(200));
    snapshot!("disconnect", t.alice.delete(&at(&id, "")).await.expect(204));
    t.alice.get(&at(&id, "")).await.problem(Code::IntegrationNotFound);
    t.settle().await;
    assert!(t.acme.seen().contains(&"revoke".to_owned()));
}

#[tokio::test]
async fn show_says_why_the_user_must_reconnect() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.pass(crate::acme::LIFE);
    t.acme.refuse(crate::acme::revoked());
    t.alice.get(&at(&id, "token/")).await.problem(Code::ReconnectRequired);
    snapshot!("show_needs_reconnect", t.alice.get(&at(&id, "")).await.expect(200));
}

#[tokio::test]
async fn token_works_now() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    snapshot!("token", t.alice.get(&at(&id, "token/")).await.expect(200));
}

#[tokio::test]
async fn profile_is_the_account_at_the_provider() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    snapshot!("profile", t.alice.get(&at(&id, "profile/")).await.expect(200));
}

#[tokio::test]
async fn health_needs_no_key_on_either_listener() {
    let t = TestApp::new().await;
    snapshot!("health_live", t.anon.get("/health/live").await.expect(200));
    snapshot!("health_ready", t.anon.get("/health/ready").await.expect(200));
    t.operator.get("/health/live").await.expect(200);
    t.operator.get("/health/ready/").await.expect(200);
    t.operator.get(LIST).await.problem(Code::NotFound);
}
