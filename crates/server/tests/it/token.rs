//! The token endpoint through good days and bad ones.

use std::time::Duration;

use evergrant::provider::AuthError;
use evergrant_server::problem::Code;
use serde_json::json;

use crate::acme::{BANK, LIFE, outage, revoked, secret_expired};
use crate::app::{CALLBACK, TestApp, at};
use crate::snapshot;

/// Into the last quarter of a token's margin: it works, and a newer one is wanted.
const NEARLY: Duration = Duration::from_mins(58);

#[tokio::test]
async fn no_cache_may_keep_a_token() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let answer = t.alice.get(&at(&id, "token/")).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_token_says_how_it_is_presented() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let token = t.alice.get(&at(&id, "token/")).await.expect(200).json();
    assert_eq!(token["token_type"], "Bearer");
    let state = t.alice.begin(json!({ "provider": BANK })).await;
    let fields = json!({ "login": "adele", "password": "hunter2-of-adele" });
    let body = json!({ "provider": BANK, "state": state, "fields": fields });
    let bank = t.alice.post(CALLBACK, body).await.expect(201).json();
    let url = at(bank["id"].as_str().unwrap(), "token/");
    let token = t.alice.get(&url).await.expect(200).json();
    assert_eq!(token["token_type"], "Acme-Vault");
    let report = json!({ "refused": token["access_token"] });
    let token = t.alice.post(&url, report).await.expect(200).json();
    assert_eq!(token["token_type"], "Acme-Vault");
}

#[tokio::test]
async fn min_seconds_asks_for_more_life() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let token = |seconds: u64| at(&id, &format!("token/?min_seconds={seconds}"));
    let first = t.alice.get(&token(3000)).await.expect(200).json();
    t.pass(Duration::from_mins(20));
    let same = t.alice.get(&token(2400)).await.expect(200).json();
    assert_eq!(first["access_token"], same["access_token"]);
    let newer = t.alice.get(&token(2401)).await.expect(200).json();
    assert_ne!(first["access_token"], newer["access_token"]);
    let problem = t.alice.get(&token(3601)).await.problem(Code::LifeUnattainable);
    assert_eq!(problem["longest_seconds"], LIFE.as_secs());
    t.alice.get(&token(u64::MAX)).await.problem(Code::LifeUnattainable);
    let wrong =
        t.alice.get(&at(&id, "token/?min_seconds=soon")).await.problem(Code::InvalidRequest);
    assert_eq!(wrong["errors"][0]["pointer"], "min_seconds");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_however_many_report_it() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, "token/");
    let first = t.alice.get(&url).await.expect(200).json();
    let report = json!({ "refused": first["access_token"] });
    let second = t.alice.post(&url, report.clone()).await.expect(200).json();
    assert_ne!(first["access_token"], second["access_token"]);
    for _ in 0..3 {
        let again = t.alice.post(&url, report.clone()).await.expect(200).json();
        assert_eq!(again["access_token"], second["access_token"]);
    }
    let made_up = json!({ "refused": "never issued" });
    let same = t.alice.post(&url, made_up).await.expect(200).json();
    assert_eq!(same["access_token"], second["access_token"]);
}

#[tokio::test]
async fn a_token_in_its_last_minutes_is_renewed_once() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.pass(NEARLY);
    t.acme.seen();
    let url = at(&id, "token/");
    let service = t.service.as_user("alice");
    let (one, two) = tokio::join!(t.alice.get(&url), service.get(&url));
    assert_eq!(one.expect(200).json(), two.expect(200).json());
    assert_eq!(t.acme.seen(), ["refresh"]);
}

#[tokio::test]
async fn an_outage_serves_the_good_token_with_a_warning() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.pass(NEARLY);
    t.acme.refuse(outage());
    snapshot!("token_refresh_failing", t.alice.get(&at(&id, "token/")).await.expect(200));
}

#[tokio::test]
async fn a_broken_registration_serves_the_good_token_with_a_warning() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.pass(NEARLY);
    t.acme.refuse(AuthError::Misconfigured(secret_expired()));
    let body = t.alice.get(&at(&id, "token/")).await.expect(200).json();
    assert_eq!(body["warning"], "registration_misconfigured");
    t.pass(Duration::from_mins(2));
    let problem = t.alice.get(&at(&id, "token/")).await.problem(Code::RegistrationMisconfigured);
    assert_eq!(problem["reason"], "client_secret_expired");
    assert_eq!(problem["actor"], "operator");
    let shown = t.alice.get(&at(&id, "")).await.expect(200).json();
    assert_eq!(shown["status"], "active", "the user can do nothing about it");
}

#[tokio::test]
async fn an_outage_past_the_tokens_end_says_when_to_ask_again() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.pass(LIFE);
    t.acme.refuse(outage());
    let answer = t.alice.get(&at(&id, "token/")).await;
    let problem = answer.problem(Code::ProviderUnavailable);
    assert_eq!(answer.header("retry-after"), "7");
    assert_eq!(problem["retry_after"], 7);
    t.acme.refuse(None);
    t.pass(Duration::from_secs(9));
    t.alice.get(&at(&id, "token/")).await.expect(200);
}

#[tokio::test]
async fn a_revoked_grant_asks_the_provider_once_and_then_the_user() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.pass(LIFE);
    t.acme.seen();
    t.acme.refuse(revoked());
    for _ in 0..3 {
        let problem = t.alice.get(&at(&id, "token/")).await.problem(Code::ReconnectRequired);
        assert!(
            problem["reconnect_url"].as_str().unwrap().starts_with("https://grants.example.com/")
        );
    }
    let profile = t.alice.get(&at(&id, "profile/")).await.problem(Code::ReconnectRequired);
    assert!(profile["reconnect_url"].is_string());
    assert_eq!(t.acme.seen(), ["refresh"]);
}

#[tokio::test]
async fn a_paused_integration_hands_out_nothing_until_it_is_resumed() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.poll().await;
    t.alice.get(&at(&id, "token/")).await.expect(200);
    t.alice.patch(&at(&id, ""), json!({ "paused": true })).await.expect(200);
    t.alice.get(&at(&id, "token/")).await.problem(Code::IntegrationPaused);
    t.alice.get(&at(&id, "profile/")).await.problem(Code::IntegrationPaused);
    t.alice.patch(&at(&id, ""), json!({ "paused": false })).await.expect(200);
    t.alice.get(&at(&id, "token/")).await.expect(200);
}

#[tokio::test]
async fn without_the_database_a_known_token_is_served_and_an_unknown_one_is_not() {
    let t = TestApp::new().await;
    let known = t.alice.connect("adele").await;
    let unknown = t.alice.connect("boris").await;
    t.poll().await;
    t.alice.get(&at(&known, "token/")).await.expect(200);
    t.store.close().await;
    let fresh = t.alice.get(&at(&known, "token/")).await.expect(200).json();
    assert_eq!(fresh["warning"], serde_json::Value::Null);
    t.pass(Duration::from_secs(2));
    let stale = t.alice.get(&at(&known, "token/")).await.expect(200).json();
    assert_eq!(stale["warning"], "storage_unavailable");
    let answer = t.alice.get(&at(&unknown, "token/")).await;
    answer.problem(Code::StorageUnavailable);
    assert_eq!(answer.header("retry-after"), "2");
    t.bob.get(&at(&known, "token/")).await.problem(Code::StorageUnavailable);
    t.anon.get("/health/ready").await.problem(Code::StorageUnavailable);
    t.anon.get("/health/live").await.expect(200);
}

#[tokio::test]
async fn a_disconnect_elsewhere_ends_the_token_here_with_the_next_news() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.poll().await;
    t.alice.get(&at(&id, "token/")).await.expect(200);
    let other = t.replica().await;
    other.alice.delete(&at(&id, "")).await.expect(204);
    t.poll().await;
    t.alice.get(&at(&id, "token/")).await.problem(Code::IntegrationNotFound);
}
