//! A state works once, in time, for who began, at the provider it was begun for.

use std::time::Duration;

use evergrant_server::problem::Code;
use serde_json::{Value, json};
use url::Url;

use crate::acme::{BANK, CALENDAR, url};
use crate::app::{CALLBACK, INITIATE, LIST, TestApp, at};

#[tokio::test]
async fn a_state_works_once() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    t.alice.finish(&state, "adele").await.expect(201);
    t.acme.seen();
    t.alice.finish(&state, "adele").await.problem(Code::InvalidState);
    assert!(t.acme.seen().is_empty(), "a used state must not reach the provider");
}

#[tokio::test]
async fn of_two_who_come_with_one_state_one_reaches_the_provider() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    let (one, two) = tokio::join!(t.alice.finish(&state, "adele"), t.alice.finish(&state, "adele"));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400]);
    assert_eq!(t.acme.seen().len(), 1);
}

#[tokio::test]
async fn a_foreign_attempt_is_refused_and_leaves_the_owners_state_alone() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    t.bob.finish(&state, "boris").await.problem(Code::InvalidState);
    t.service.as_user("bob").finish(&state, "boris").await.problem(Code::InvalidState);
    assert!(t.acme.seen().is_empty());
    t.alice.finish(&state, "adele").await.expect(201);
}

#[tokio::test]
async fn a_state_is_good_for_its_own_provider_alone() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    let fields = json!({ "login": "adele", "password": "hunter2-of-adele" });
    let body = json!({ "provider": BANK, "state": state, "fields": fields });
    t.alice.post(CALLBACK, body).await.problem(Code::InvalidState);
    assert!(t.acme.seen().is_empty());
    t.alice.finish(&state, "adele").await.expect(201);
}

#[tokio::test]
async fn a_state_ends_after_ten_minutes() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    t.pass(Duration::from_mins(10));
    t.alice.finish(&state, "adele").await.problem(Code::InvalidState);
    assert!(t.acme.seen().is_empty());
}

#[tokio::test]
async fn a_tampered_state_is_refused() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    for tampered in [&state[1..], &format!("{state}="), &state.to_lowercase(), "", " "] {
        t.alice.finish(tampered, "adele").await.problem(Code::InvalidState);
    }
    assert!(t.acme.seen().is_empty());
}

#[tokio::test]
async fn a_callback_brings_exactly_one_proof() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    let none = json!({ "provider": CALENDAR, "state": state });
    t.alice.post(CALLBACK, none).await.problem(Code::InvalidRequest);
    let both =
        json!({ "provider": CALENDAR, "state": state, "code": "code-x", "error": "access_denied" });
    t.alice.post(CALLBACK, both).await.problem(Code::InvalidRequest);
    t.alice.finish(&state, "adele").await.expect(201);
    let state = t.alice.begin(json!({ "provider": BANK })).await;
    let code = json!({ "provider": BANK, "state": state, "code": "code-adele" });
    let problem = t.alice.post(CALLBACK, code).await.problem(Code::InvalidRequest);
    assert_eq!(problem["detail"], "The provider acme_bank expects `fields`.");
}

#[tokio::test]
async fn the_same_account_keeps_its_integration() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    assert_eq!(t.alice.connect("adele").await, id);
    assert_ne!(t.bob.connect("adele").await, id, "another user's integration is another one");
    let list = t.alice.get(LIST).await.json();
    assert_eq!(list["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn reconnecting_takes_the_same_account_alone() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let before = t.alice.get(&at(&id, "token/")).await.json();
    let ask = json!({ "provider": CALENDAR, "integration": id });
    let state = t.alice.begin(ask.clone()).await;
    t.alice.finish(&state, "boris").await.problem(Code::AccountMismatch);
    assert_eq!(t.alice.get(&at(&id, "token/")).await.json(), before, "the old grant stays");
    let state = t.alice.begin(ask.clone()).await;
    assert_eq!(t.alice.finish(&state, "adele").await.expect(201).json()["id"], id);
    t.bob.post(INITIATE, ask).await.problem(Code::IntegrationNotFound);
    let other = json!({ "provider": BANK, "integration": id });
    t.alice.post(INITIATE, other).await.problem(Code::IntegrationNotFound);
    let malformed = json!({ "provider": CALENDAR, "integration": "../" });
    t.alice.post(INITIATE, malformed).await.problem(Code::IntegrationNotFound);
}

#[tokio::test]
async fn further_permissions_come_on_top_of_those_there_are_and_the_id_stays() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR, "scopes": ["offline"] })).await;
    let first = t.alice.finish(&state, "adele").await.expect(201).json();
    assert_eq!(first["scopes"], json!(["offline"]));
    let more =
        json!({ "provider": CALENDAR, "integration": first["id"], "scopes": ["calendar.read"] });
    let begun = t.alice.post(INITIATE, more).await.expect(200).json();
    let page = url(begun["authorization_url"].as_str().unwrap());
    let asked = page.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned();
    assert_eq!(asked, "offline calendar.read");
    let state = begun["state"].as_str().unwrap();
    let second = t.alice.finish(state, "adele").await.expect(201).json();
    assert_eq!(second["id"], first["id"]);
    assert_eq!(second["scopes"], json!(["offline", "calendar.read"]));
    assert_eq!(t.alice.get(LIST).await.json()["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_of_somebody_else_than_the_provider_is_refused() {
    let t = TestApp::new().await;
    let wrong = "https://evil.example";
    for proof in [json!({ "code": "code-adele" }), json!({ "error": "access_denied" })] {
        let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
        let mut body = json!({ "provider": CALENDAR, "state": state, "iss": wrong });
        body.as_object_mut().unwrap().extend(proof.as_object().unwrap().clone());
        t.alice.post(CALLBACK, body).await.problem(Code::InvalidState);
    }
    assert!(t.acme.seen().is_empty(), "the code of a stranger must not reach the provider");
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    let body = json!({ "provider": CALENDAR, "state": state, "code": "code-adele", "iss": "https://login.acme.test" });
    t.alice.post(CALLBACK, body).await.expect(201);
}

#[tokio::test]
async fn the_redirect_uri_is_an_allowed_one_to_the_letter() {
    let t = TestApp::new().await;
    let ask = |uri: &str| t.alice.clone().ask(json!({ "provider": CALENDAR, "redirect_uri": uri }));
    for allowed in [
        "https://app.example.com/connected",
        "https://grants.example.com/api/integrations/oauth/callback/acme_calendar/",
    ] {
        let page: Value = ask(allowed).await.expect(200).json();
        let page = Url::parse(page["authorization_url"].as_str().unwrap()).unwrap();
        let sent = page.query_pairs().find(|(name, _)| name == "redirect_uri");
        assert_eq!(sent.unwrap().1, allowed);
    }
    let tricks = [
        "http://app.example.com/connected",
        "https://app.example.com/connected/",
        "https://app.example.com/connected?next=https://evil.example",
        "https://app.example.com/connected#x",
        "https://app.example.com/Connected",
        "https://app.example.com/connected/../../evil",
        "https://app.example.com/connected%2f..",
        "https://app.example.com/connecte%64",
        "https://app.example.com:8443/connected",
        "https://app.example.com.evil.example/connected",
        "https://app.example.com@evil.example/connected",
        "https://evil.example/https://app.example.com/connected",
        "https://evil@app.example.com/connected",
        "https://app.example.com%00.evil.example/connected",
        "https://аpp.example.com/connected",
        "https://app.example.com./connected",
        "https://app。example.com/connected/x",
        "//app.example.com/connected",
        "/connected",
        "javascript:alert(1)//https://app.example.com/connected",
        "data:text/html,<script>alert(1)</script>",
        "https://grants.example.com/api/integrations/oauth/callback/acme_bank/",
        "https://grants.example.com/api/integrations/oauth/callback/acme_calendar",
        "https://grants.example.com/",
    ];
    for trick in tricks {
        let answer = ask(trick).await.expect(422);
        let code = answer.json()["code"].as_str().unwrap().to_owned();
        assert!(["redirect_not_allowed", "invalid_request"].contains(&code.as_str()), "{trick}");
    }
    // What a parser makes of these is the allowed address itself, and that is what is used.
    for spelling in ["HTTPS://APP.example.com:443/connected", "https://app.example.com/\tconnected"]
    {
        let page = ask(spelling).await.expect(200).json();
        let page = url(page["authorization_url"].as_str().unwrap());
        let sent = page.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1;
        assert_eq!(sent, "https://app.example.com/connected");
    }
}

#[tokio::test]
async fn an_outage_while_connecting_says_when_to_try_again() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    t.acme.refuse(crate::acme::outage());
    let answer = t.alice.finish(&state, "adele").await;
    answer.problem(Code::ProviderUnavailable);
    assert_eq!(answer.header("retry-after"), "7");
    assert_eq!(t.alice.get(LIST).await.json()["results"], json!([]));
}

impl crate::caller::Caller {
    async fn ask(self, body: Value) -> crate::caller::Answer {
        self.post(INITIATE, body).await
    }
}
