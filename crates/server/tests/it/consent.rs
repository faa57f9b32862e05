//! An administrator's consent: the page to forward, its way back, and the problems that lead there.

use std::time::Duration;

use evergrant_server::problem::Code;
use serde_json::{Value, json};
use url::Url;

use crate::acme::{BANK, CALENDAR, LIFE, needs_administrator};
use crate::app::{CONSENT, TestApp, at};
use crate::browser::is_a_safe_page;
use crate::snapshot;

const BACK: &str = "/api/integrations/oauth/callback/acme_calendar/";

/// A parameter of the page for an administrator.
fn part(page: &Value, name: &str) -> String {
    let page = Url::parse(page.as_str().unwrap()).unwrap();
    assert_eq!(page.host_str(), Some("login.acme.test"));
    page.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned()
}

async fn consent_state(t: &TestApp) -> String {
    let answer = t.alice.post(CONSENT, json!({ "provider": CALENDAR })).await.expect(200);
    part(&answer.json()["consent_url"], "state")
}

#[tokio::test]
async fn the_page_comes_back_to_the_providers_own_callback_and_asks_for_every_permission() {
    let t = TestApp::new().await;
    let ask = json!({ "provider": CALENDAR, "tenant": "contoso.example" });
    let answer = t.alice.post(CONSENT, ask).await.expect(200).json();
    let page = &answer["consent_url"];
    assert_eq!(part(page, "redirect_uri"), format!("https://grants.example.com{BACK}"));
    assert_eq!(part(page, "scope"), "calendar.read offline");
    assert_eq!(part(page, "tenant"), "contoso.example");
    assert_eq!(answer["expires_in_days"], 30);
}

#[tokio::test]
async fn what_cannot_be_consented_to() {
    let t = TestApp::new().await;
    for tenant in ["", "../common", "a/b", "a?b", "a b", "contoso.example\u{0}", &"x".repeat(254)] {
        let ask = json!({ "provider": CALENDAR, "tenant": tenant });
        let problem = t.alice.post(CONSENT, ask).await.problem(Code::InvalidRequest);
        assert_eq!(problem["errors"][0]["pointer"], "/tenant");
    }
    t.alice.post(CONSENT, json!({ "provider": BANK })).await.problem(Code::NotOffered);
    t.alice.post(CONSENT, json!({ "provider": "acme" })).await.problem(Code::UnknownProvider);
}

#[tokio::test]
async fn a_consent_ends_on_a_page_and_connects_nothing() {
    let t = TestApp::new().await;
    let state = consent_state(&t).await;
    let back = format!("{BACK}?admin_consent=True&tenant=contoso.example&state={state}");
    let page = t.anon.ends_on(&back).await;
    is_a_safe_page(&page);
    snapshot!("page_consented", page);
    // Two administrators may have been asked.
    t.anon.ends_on(&back).await;
    let program = t.anon.with("accept", "application/json");
    let told = program.get(&back).await.expect(200).json();
    assert_eq!(told, json!({ "status": "consented", "provider": CALENDAR }));
    assert!(t.acme.seen().is_empty());
}

#[tokio::test]
async fn a_consent_that_was_not_given_says_so() {
    let t = TestApp::new().await;
    let state = consent_state(&t).await;
    let program = t.anon.with("accept", "application/json");
    let denied = "error=access_denied&error_description=no";
    for refusal in [
        format!("{BACK}?admin_consent=True&{denied}&state={state}"),
        format!("{BACK}?admin_consent=False&state={state}"),
    ] {
        let problem = program.get(&refusal).await.problem(Code::ConnectRefused);
        assert_eq!(
            (&problem["actor"], &problem["reason"]),
            (&json!("administrator"), &json!("consent_refused"))
        );
        let page = t.anon.ends_on(&refusal).await;
        assert!(page.text().contains("did not consent"), "{page}");
    }
}

#[tokio::test]
async fn a_consent_that_nobody_asked_for_is_none() {
    let t = TestApp::new().await;
    let state = consent_state(&t).await;
    let sign_in = t.alice.begin(json!({ "provider": CALENDAR })).await;
    let program = t.anon.with("accept", "application/json");
    let other = "/api/integrations/oauth/callback/acme_bank/";
    for url in [
        format!("{BACK}?admin_consent=True"),
        format!("{BACK}?admin_consent=True&state=made-up"),
        format!("{BACK}?admin_consent=True&state={sign_in}"),
        format!("{BACK}?code=code-adele&state={state}"),
        format!("{other}?admin_consent=True&state={state}"),
    ] {
        program.get(&url).await.problem(Code::InvalidState);
    }
    t.alice.finish(&sign_in, "adele").await.expect(201);
    t.pass(Duration::from_hours(30 * 24));
    program
        .get(&format!("{BACK}?admin_consent=True&state={state}"))
        .await
        .problem(Code::InvalidState);
}

#[tokio::test]
async fn a_user_who_needs_an_administrator_gets_the_page_to_forward() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.pass(LIFE);
    t.acme.refuse(needs_administrator());
    let problem = t.alice.get(&at(&id, "token/")).await.problem(Code::ConsentRequired);
    assert_eq!(
        problem["remedy"],
        "Have an administrator of your organisation agree, then connect again."
    );
    assert!(problem["reconnect_url"].is_string() && problem["since"].is_string());
    let state = part(&problem["admin_consent_url"], "state");
    let profile = t.alice.get(&at(&id, "profile/")).await.problem(Code::ConsentRequired);
    part(&profile["admin_consent_url"], "state");
    let shown = t.alice.get(&at(&id, "")).await.expect(200).json();
    assert_eq!(shown["reason"]["remedy"], problem["remedy"]);
    assert_eq!(shown["reason"]["provider_correlation_id"], "acme-correlation-1");
    t.anon.ends_on(&format!("{BACK}?admin_consent=True&state={state}")).await;
    // Who signs in too early reads the address to forward.
    let state = t.alice.begin(json!({ "provider": CALENDAR, "integration": id })).await;
    let page = t.anon.ends_on(&format!("{BACK}?state={state}&code=code-adele")).await;
    assert!(page.text().contains("https://login.acme.test/adminconsent?"), "{page}");
    t.acme.refuse(None);
    let state = t.alice.begin(json!({ "provider": CALENDAR, "integration": id })).await;
    t.alice.finish(&state, "adele").await.expect(201);
    t.alice.get(&at(&id, "token/")).await.expect(200);
}
