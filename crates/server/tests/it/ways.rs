//! The further ways to an integration: a code typed on another device, a token from elsewhere, the
//! registration itself.

use std::time::Duration;

use evergrant::provider::{Actor, AuthError, Failure};
use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use serde_json::{Value, json};

use crate::acme::{BANK, CALENDAR, DIRECTORY, outage};
use crate::app::{APPLICATION, CALLBACK, IMPORT, INITIATE, LIST, TestApp, at};
use crate::caller::{Answer, Caller};
use crate::snapshot;

fn device() -> Value {
    json!({ "provider": CALENDAR, "way": "device_code" })
}

fn not_yet(slower: u64) -> AuthError {
    AuthError::Pending { slower: Duration::from_secs(slower) }
}

/// The provider does not take what it was shown.
fn wrong() -> AuthError {
    let text = "Acme does not know this token.";
    AuthError::Rejected(Failure::new("grant_ended", Actor::User, text))
}

impl Caller {
    /// Asks whether the user has signed in on the other device.
    async fn poll(&self, state: &str) -> Answer {
        self.post(CALLBACK, json!({ "provider": CALENDAR, "state": state })).await
    }
}

#[tokio::test]
async fn a_device_code_is_asked_about_until_the_user_has_signed_in() {
    let t = TestApp::new().await;
    let state = t.alice.begin(device()).await;
    t.acme.refuse(not_yet(0));
    let pending = t.alice.poll(&state).await.expect(202);
    assert_eq!(pending.header("retry-after"), "5");
    snapshot!("callback_pending", pending);
    t.acme.refuse(not_yet(5));
    let slower = t.alice.poll(&state).await.expect(202);
    assert_eq!(slower.json(), json!({ "status": "pending", "retry_after": 10 }));
    assert_eq!(slower.header("retry-after"), "10");
    t.acme.refuse(None);
    let connected = t.alice.poll(&state).await.expect(201).json();
    assert_eq!(connected["account"]["id"], "acct-adele");
    t.alice.get(&at(connected["id"].as_str().unwrap(), "token/")).await.expect(200);
    t.alice.poll(&state).await.problem(Code::InvalidState);
    assert_eq!(t.acme.seen().iter().filter(|asked| *asked == "poll").count(), 3);
}

#[tokio::test]
async fn a_device_code_belongs_to_who_began_it_and_ends_in_time() {
    let t = TestApp::new().await;
    let state = t.alice.begin(device()).await;
    t.acme.seen();
    t.bob.poll(&state).await.problem(Code::InvalidState);
    t.anon.poll(&state).await.problem(Code::Unauthenticated);
    t.pass(Duration::from_mins(15));
    t.alice.poll(&state).await.problem(Code::InvalidState);
    assert!(t.acme.seen().is_empty());
}

#[tokio::test]
async fn an_outage_leaves_a_device_code_to_be_asked_about_again() {
    let t = TestApp::new().await;
    let state = t.alice.begin(device()).await;
    t.acme.refuse(outage());
    let answer = t.alice.poll(&state).await;
    answer.problem(Code::ProviderUnavailable);
    assert_eq!(answer.header("retry-after"), "7");
    t.acme.refuse(None);
    t.alice.poll(&state).await.expect(201);
}

#[tokio::test]
async fn a_refusal_on_the_other_device_ends_the_state() {
    let t = TestApp::new().await;
    let state = t.alice.begin(device()).await;
    t.acme.refuse(wrong());
    t.alice.poll(&state).await.problem(Code::ConnectRefused);
    t.acme.refuse(None);
    t.alice.poll(&state).await.problem(Code::InvalidState);
}

#[tokio::test]
async fn each_state_takes_the_proof_of_its_own_way() {
    let t = TestApp::new().await;
    let page = t.alice.begin(json!({ "provider": CALENDAR, "way": "redirect" })).await;
    let problem = t.alice.poll(&page).await.problem(Code::InvalidRequest);
    assert_eq!(problem["detail"], "The provider acme_calendar expects a `code`.");
    // It was a mistake, not a proof: the state still works.
    t.alice.finish(&page, "adele").await.expect(201);
    let state = t.alice.begin(device()).await;
    let problem = t.alice.finish(&state, "adele").await.problem(Code::InvalidRequest);
    assert_eq!(problem["detail"], "The provider acme_calendar expects the state alone.");
}

#[tokio::test]
async fn a_way_that_is_not_offered_says_so() {
    let t = TestApp::new().await;
    for (ask, detail) in [
        (
            json!({ "provider": BANK, "way": "device_code" }),
            "Acme Bank cannot be connected by a device code.",
        ),
        (json!({ "provider": DIRECTORY }), "Acme Directory cannot be connected by a user."),
    ] {
        let problem = t.alice.post(INITIATE, ask).await.problem(Code::NotOffered);
        assert_eq!(problem["detail"], detail);
    }
    let ask = json!({ "provider": CALENDAR, "way": "pigeon" });
    let problem = t.alice.post(INITIATE, ask).await.problem(Code::InvalidRequest);
    assert_eq!(problem["errors"][0]["pointer"], "/way");
    assert!(!problem.to_string().contains("pigeon"), "what stands there is not quoted");
    let problem = t.alice.post(APPLICATION, json!({ "provider": CALENDAR })).await;
    problem.problem(Code::NotOffered);
    assert!(t.acme.seen().is_empty());
}

#[tokio::test]
async fn no_device_code_is_given_while_the_provider_is_away() {
    let t = TestApp::new().await;
    t.acme.refuse(outage());
    let answer = t.alice.post(INITIATE, device()).await;
    answer.problem(Code::ProviderUnavailable);
    assert_eq!(answer.header("retry-after"), "7");
}

#[tokio::test]
async fn an_imported_token_is_spent_before_it_counts_and_is_never_told() {
    let t = TestApp::new().await;
    let import = |token: &str| t.alice.clone().import(token.to_owned());
    t.acme.refuse(wrong());
    import("canary-imported-0001").await.problem(Code::ConnectRefused);
    t.acme.refuse(outage());
    import("canary-imported-0002").await.problem(Code::ProviderUnavailable);
    assert_eq!(t.alice.get(LIST).await.json()["results"], json!([]));
    t.acme.refuse(None);
    // TestApp looks for what Acme was shown in every answer and in the log.
    let connected = import("refresh-adele").await.expect(201).json();
    assert_eq!(t.acme.seen(), ["import", "import", "import"]);
    t.alice.get(&at(connected["id"].as_str().unwrap(), "token/")).await.expect(200);
    let again = import("refresh-adele").await.expect(201).json();
    assert_eq!(again["id"], connected["id"], "the same account is the same integration");
}

#[tokio::test]
async fn a_token_that_never_reaches_the_provider_is_not_told_either() {
    let t = TestApp::new().await;
    let token = "canary-imported-0003";
    let mistakes = [
        (json!({ "provider": BANK, "refresh_token": token }), Code::NotOffered),
        (json!({ "provider": "acme_mail", "refresh_token": token }), Code::UnknownProvider),
        (
            json!({ "provider": CALENDAR, "refresh_token": token, "scopes": ["x"] }),
            Code::UnknownScopes,
        ),
        (json!({ "provider": CALENDAR, "refresh_token": [token] }), Code::InvalidRequest),
        (json!({ "provider": CALENDAR, "refresh_token": { token: 1 } }), Code::InvalidRequest),
        (json!({ "provider": CALENDAR, "refresh_token": " " }), Code::InvalidRequest),
        (json!({ "provider": CALENDAR }), Code::InvalidRequest),
        (json!({ "provider": [token], "refresh_token": token }), Code::InvalidRequest),
    ];
    for (body, code) in mistakes {
        let answer = t.alice.post(IMPORT, body).await;
        answer.problem(code);
        assert!(!answer.text().contains(token), "{answer}");
    }
    let (reader, _) = t.key(t.user("alice").await, &[Permission::IntegrationsRead]).await;
    reader.import(token.to_owned()).await.problem(Code::Forbidden);
    assert!(!t.logged().contains(token));
    assert!(t.acme.seen().is_empty());
}

#[tokio::test]
async fn the_registration_is_connected_by_a_key_that_asked_for_it_by_name() {
    let t = TestApp::new().await;
    let (usual, _) = t.key(t.user("alice").await, &Permission::USUAL).await;
    let ask = json!({ "provider": DIRECTORY });
    let problem = usual.post(APPLICATION, ask.clone()).await.problem(Code::Forbidden);
    assert_eq!(problem["permission"], "applications:connect");
    assert!(t.acme.seen().is_empty());
    let by_name = [Permission::ApplicationsConnect];
    let (operator, _) = t.key(t.user("alice").await, &by_name).await;
    let connected = operator.post(APPLICATION, ask.clone()).await.expect(201).json();
    usual.get(&at(connected["id"].as_str().unwrap(), "token/")).await.expect(200);
    t.bob.get(&at(connected["id"].as_str().unwrap(), "")).await.problem(Code::IntegrationNotFound);
    assert_eq!(operator.post(APPLICATION, ask).await.expect(201).json()["id"], connected["id"]);
}

impl Caller {
    async fn import(self, token: String) -> Answer {
        self.post(IMPORT, json!({ "provider": CALENDAR, "refresh_token": token })).await
    }
}
