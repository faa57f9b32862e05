//! What a browser sees on its way back from a provider, and on its way to one.

use std::time::Duration;

use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use serde_json::{Value, json};
use url::Url;

use crate::acme::{BANK, CALENDAR, LIFE, revoked};
use crate::app::{CALLBACK, TestApp, at};
use crate::caller::{Answer, Caller};
use crate::snapshot;

const BACK: &str = "/api/integrations/oauth/callback/acme_calendar/";

/// The path and query of an address of this server.
fn path(url: &Value) -> String {
    let url = Url::parse(url.as_str().unwrap()).unwrap();
    assert_eq!(url.host_str(), Some("grants.example.com"));
    url.path().to_owned()
}

/// The state in the address of the provider's sign-in page.
fn state_in(page: &str) -> String {
    let page = Url::parse(page).unwrap();
    let found = page.query_pairs().find(|(name, _)| name == "state");
    found.unwrap().1.into_owned()
}

impl Caller {
    /// The page that a browser ends on, which has nothing of the address it came from.
    pub(crate) async fn ends_on(&self, url: &str) -> Answer {
        let onward = self.get(url).await.expect(303);
        assert!(onward.body.is_empty(), "{onward}");
        let done = Url::parse(onward.header("location")).unwrap();
        assert_eq!(done.path(), "/api/integrations/oauth/done/");
        let names: Vec<_> = done.query_pairs().map(|(name, _)| name.into_owned()).collect();
        assert_eq!(names, ["note"]);
        self.get(&format!("{}?{}", done.path(), done.query().unwrap())).await.expect(200)
    }
}

pub(crate) fn is_a_safe_page(answer: &Answer) {
    assert!(answer.header("content-type").starts_with("text/html"), "{answer}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    let text = answer.text();
    for foreign in ["<script", "src=", "href=", "http:", "https:", "url("] {
        assert!(!text.contains(foreign), "{foreign} in {text}");
    }
}

#[tokio::test]
async fn the_way_back_ends_on_a_page() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    let back = format!("{BACK}?state={state}&code=code-adele&session_state=more");
    let answer = t.anon.ends_on(&back).await;
    is_a_safe_page(&answer);
    snapshot!("page_connected", answer);
    let again = t.anon.ends_on(&back).await;
    is_a_safe_page(&again);
    snapshot!("page_used_twice", again);
}

#[tokio::test]
async fn a_refusal_at_the_provider_ends_on_a_page_and_ends_the_state() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    let payload = "%3Cscript%3Ealert(1)%3C/script%3E";
    let back = format!("{BACK}?state={state}&error=access_denied&error_description={payload}");
    let answer = t.anon.ends_on(&back).await;
    is_a_safe_page(&answer);
    snapshot!("page_denied", answer);
    t.alice.finish(&state, "adele").await.problem(Code::InvalidState);
    assert!(t.acme.seen().is_empty());
}

#[tokio::test]
async fn an_account_with_a_hostile_name_is_text() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    let name = "%3Cimg+onerror%3D%22alert(1)%22%3E%26'";
    let answer = t.anon.ends_on(&format!("{BACK}?state={state}&code=code-{name}")).await;
    assert!(
        answer.text().contains("&lt;img onerror=&quot;alert(1)&quot;&gt;&amp;&#39;"),
        "{answer}"
    );
    assert!(!answer.text().contains("<img"));
}

#[tokio::test]
async fn every_mistake_on_the_way_back_is_a_page_for_people_and_a_problem_for_programs() {
    let t = TestApp::new().await;
    let program = t.anon.with("accept", "application/json");
    let mistakes = [
        (BACK.to_owned(), Code::InvalidRequest),
        (format!("{BACK}?state=x"), Code::InvalidRequest),
        (format!("{BACK}?state=x&code=a&error=b"), Code::InvalidRequest),
        (format!("{BACK}?state=x&state=y&code=a"), Code::InvalidRequest),
        (format!("{BACK}?state=x&code=a"), Code::InvalidState),
        (format!("{BACK}?code=a"), Code::InvalidState),
        (
            "/api/integrations/oauth/callback/%3Cb%3E/?state=x&code=a".to_owned(),
            Code::UnknownProvider,
        ),
        ("/api/integrations/oauth/reconnect/made-up/".to_owned(), Code::InvalidState),
    ];
    for (url, code) in mistakes {
        program.get(&url).await.problem(code);
        let page = if url.contains("/callback/") {
            t.anon.ends_on(&url).await
        } else {
            t.anon.get(&url).await.expect(code.status().as_u16())
        };
        is_a_safe_page(&page);
        assert!(page.text().contains(code.title()), "{page}");
    }
    // A path that is not text names nothing.
    t.anon.get("/api/integrations/oauth/callback/%FF/?state=x").await.problem(Code::NotFound);
    t.anon.get("/api/integrations/oauth/reconnect/%FF/").await.problem(Code::NotFound);
}

#[tokio::test]
async fn the_page_at_the_end_says_what_this_server_wrote_and_only_for_an_hour() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    let sent = t.anon.get(&format!("{BACK}?state={state}&code=code-adele")).await.expect(303);
    let done = Url::parse(sent.header("location")).unwrap();
    let note = done.query().unwrap();
    let ask = async |query: &str| t.anon.get(&format!("{}?{query}", done.path())).await;
    ask(note).await.expect(200);
    // A state and a link are sealed by the same key, and are no notes all the same.
    let id = t.alice.connect("adele").await;
    t.pass(Duration::from_mins(59));
    ask(note).await.expect(200);
    t.acme.refuse(revoked());
    t.pass(Duration::from_mins(1));
    let problem = t.alice.get(&at(&id, "token/")).await.problem(Code::ReconnectRequired);
    let link = path(&problem["reconnect_url"]);
    let link = format!("note={}", link.trim_end_matches('/').rsplit('/').next().unwrap());
    for wrong in [note, "", "note=", "note=Connected", &link, &note[..note.len() - 4]] {
        let page = ask(wrong).await.expect(400);
        is_a_safe_page(&page);
        assert!(page.text().contains(Code::InvalidState.title()), "{wrong}");
    }
}

#[tokio::test]
async fn a_program_gets_the_integration() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    let program = t.anon.with("accept", "application/json");
    let answer = program.get(&format!("{BACK}?state={state}&code=code-adele")).await.expect(201);
    assert_eq!(answer.json()["account"]["id"], "acct-adele");
}

#[tokio::test]
async fn a_key_on_the_way_back_is_held_to_what_it_may() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": CALENDAR })).await;
    let back = format!("{BACK}?state={state}&code=code-adele");
    let program = |caller: &crate::caller::Caller| caller.with("accept", "application/json");
    program(&t.bob).get(&back).await.problem(Code::InvalidState);
    program(&t.anon.with_key("evg_wrong")).get(&back).await.problem(Code::Unauthenticated);
    let others = Permission::ALL.into_iter().filter(|p| *p != Permission::IntegrationsWrite);
    let others: Vec<_> = others.collect();
    let (reader, _) = t.key(t.user("alice").await, &others).await;
    program(&reader).get(&back).await.problem(Code::Forbidden);
    assert!(t.acme.seen().is_empty());
    program(&t.alice).get(&back).await.expect(201);
}

#[tokio::test]
async fn the_reconnect_url_leads_to_the_sign_in_and_back_to_the_same_integration() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.pass(LIFE);
    t.acme.refuse(revoked());
    let problem = t.alice.get(&at(&id, "token/")).await.problem(Code::ReconnectRequired);
    t.acme.refuse(None);
    let link = path(&problem["reconnect_url"]);

    let sent = t.anon.get(&link).await.expect(303);
    assert!(sent.header("location").contains("login_hint=adele%40acme.test"));
    let state = state_in(sent.header("location"));
    let other = t.anon.ends_on(&format!("{BACK}?state={state}&code=code-boris")).await;
    assert!(other.text().contains(Code::AccountMismatch.title()));
    is_a_safe_page(&other);
    t.alice.get(&at(&id, "token/")).await.problem(Code::ReconnectRequired);

    let sent = t.anon.get(link.trim_end_matches('/')).await.expect(303);
    let state = state_in(sent.header("location"));
    t.anon.ends_on(&format!("{BACK}?state={state}&code=code-adele")).await;
    t.alice.get(&at(&id, "token/")).await.expect(200);
}

#[tokio::test]
async fn a_reconnect_url_ends_after_a_day_and_with_its_integration() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.pass(LIFE);
    t.acme.refuse(revoked());
    let problem = t.alice.get(&at(&id, "token/")).await.problem(Code::ReconnectRequired);
    let link = path(&problem["reconnect_url"]);
    let program = t.anon.with("accept", "application/json");
    let cut = &link[..link.len() - 3];
    program.get(cut).await.problem(Code::InvalidState);
    t.pass(Duration::from_hours(23));
    program.get(&link).await.expect(303);
    t.pass(Duration::from_hours(1));
    program.get(&link).await.problem(Code::InvalidState);
    let problem = t.alice.get(&at(&id, "token/")).await.problem(Code::ReconnectRequired);
    t.alice.delete(&at(&id, "")).await.expect(204);
    program.get(&path(&problem["reconnect_url"])).await.problem(Code::IntegrationNotFound);
}

#[tokio::test]
async fn a_form_provider_has_no_page_to_reconnect_on_and_no_reconnect_url() {
    let t = TestApp::new().await;
    let state = t.alice.begin(json!({ "provider": BANK })).await;
    let fields = json!({ "login": "adele", "password": "hunter2-of-adele" });
    let body = json!({ "provider": BANK, "state": state, "fields": fields });
    let bank = t.alice.post(CALLBACK, body).await.expect(201).json();
    t.pass(LIFE);
    t.acme.refuse(revoked());
    let token = at(bank["id"].as_str().unwrap(), "token/");
    let problem = t.alice.get(&token).await.problem(Code::ReconnectRequired);
    assert!(problem["reconnect_url"].is_null(), "{problem}");
    assert!(problem["remedy"].as_str().unwrap().contains("initiate"), "{problem}");
}
