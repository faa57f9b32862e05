//! The authorize endpoint, with and without a person.

use crate::play::{
    ADELE, AUTHORIZE, Answer, CHALLENGE, Play, REDIRECT, assert_same_shape, encode, fixture,
};

/// Asserts that the redirect carries the parameters of an example, except for a state of its own.
fn assert_returned_like(name: &str, answer: &Answer) {
    let expected = fixture(name)["redirectParameters"].clone();
    let returned = answer.returned();
    assert_same_shape(name, &expected, &serde_json::to_value(&returned).unwrap());
    assert_eq!(returned["error"], expected["error"].as_str().unwrap());
    assert_eq!(returned["state"], "S T=A&TE");
    assert!(returned["error_description"].contains("\r\nTrace ID: "));
}

#[tokio::test]
async fn a_hint_without_prompt_redirects_straight_back() {
    let play = Play::new();
    let answer = play.authorize(&[("client_info", "1")]).await;
    assert!(answer.header("location").starts_with(&format!("{REDIRECT}?code=1.")));
    assert!(answer.header("location").ends_with('#'));
    let mut returned: Vec<_> = answer.returned().into_keys().collect();
    returned.sort();
    assert_eq!(returned, ["client_info", "code", "session_state", "state"]);
}

#[tokio::test]
async fn the_answer_comes_in_the_mode_that_was_asked_for() {
    let play = Play::new();
    let fragment = play.authorize(&[("response_mode", "fragment")]).await;
    assert!(fragment.header("location").starts_with(&format!("{REDIRECT}#code=")));
    let form = play.authorize(&[("response_mode", "form_post")]).await;
    assert_eq!(form.status, 200);
    assert!(form.text.contains(&format!("<form method=\"post\" action=\"{REDIRECT}\">")));
    assert_eq!(form.hidden("state"), "S T=A&amp;TE");
    assert!(!form.hidden("code").is_empty());
    assert!(form.header("content-security-policy").contains("script-src 'sha256-"));
    let bare = play.authorize(&[("redirect_uri", "http://localhost:8400")]).await;
    assert!(bare.header("location").starts_with("http://localhost:8400/?code="));
    let refused = play.authorize(&[("response_mode", "smoke")]).await.returned();
    assert!(refused["error_description"].starts_with("AADSTS70007:"));
}

#[tokio::test]
async fn without_a_known_user_a_silent_request_needs_a_login() {
    let play = Play::new();
    for hint in ["", "nobody@contoso.example"] {
        let answer = play.authorize(&[("login_hint", hint)]).await;
        assert_returned_like("authorize.error.login_required.50058", &answer);
    }
}

#[tokio::test]
async fn errors_about_the_application_are_never_redirected() {
    let play = Play::new();
    for (change, number) in [
        (("client_id", "nobody"), "AADSTS700016"),
        (("redirect_uri", "https://evil.example/cb"), "AADSTS50011"),
        (("redirect_uri", ""), "AADSTS500113"),
        (("client_id", ""), "AADSTS900144"),
    ] {
        let answer = play.authorize(&[change]).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{change:?}");
        assert!(answer.text.contains(number), "{}", answer.text);
    }
    let query = encode(&[("client_id", "sandbox-client")]);
    let answer = play.get(&format!("/nosuch.example/oauth2/v2.0/authorize?{query}")).await;
    assert!(answer.status == 400 && answer.text.contains("AADSTS90002"));
}

#[tokio::test]
async fn other_errors_are_redirected_with_the_state() {
    let play = Play::new();
    let answer = play.authorize(&[("scope", "Nonsense.Read")]).await;
    assert_returned_like("authorize.error.invalid_scope.70011", &answer);
    for (change, error, number) in [
        (("response_type", "id_token"), "unsupported_response_type", "700054"),
        (("response_type", "token"), "unsupported_response_type", "700051"),
        (("response_type", ""), "invalid_request", "900144"),
        (("scope", ""), "invalid_request", "900144"),
        (("prompt", "maybe"), "invalid_request", "90023"),
        (("code_challenge", "short"), "invalid_request", "501491"),
        (("code_challenge_method", "S512"), "invalid_request", "50147"),
    ] {
        let returned = play.authorize(&[change]).await.returned();
        assert_eq!(returned["error"], error, "{change:?}");
        assert!(returned["error_description"].starts_with(&format!("AADSTS{number}:")));
    }
}

#[tokio::test]
async fn a_person_signs_in_and_consents_once() {
    let play = Play::new();
    let page = play.authorize(&[("prompt", "")]).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(page.text.contains(&format!("value=\"{ADELE}\"")), "the hint is filled in");

    let flow = page.hidden("flow");
    let wrong = play.post("/common/login", &answer(&flow, "guess")).await;
    assert!(wrong.text.contains("AADSTS50126"));
    let flow = wrong.hidden("flow");
    let consent = play.post("/common/login", &answer(&flow, "sandbox")).await;
    assert!(consent.text.contains("Mail.Read") && consent.text.contains("Sandbox App"));
    let flow = consent.hidden("flow");
    let back = play.post("/common/consent", &[("flow", &flow), ("choice", "yes")]).await;
    play.redeem(&back.returned()["code"], &[]).await.ok();

    let replayed = play.post("/common/consent", &[("flow", &flow), ("choice", "yes")]).await;
    assert!(replayed.text.contains("AADSTS165000"), "each page is good for one answer");

    let page = play.authorize(&[("prompt", "")]).await;
    let back = play.post("/common/login", &answer(&page.hidden("flow"), "sandbox")).await;
    assert!(back.returned().contains_key("code"), "no second consent for the same scopes");
    let page = play.authorize(&[("prompt", "consent")]).await;
    let page = play.post("/common/login", &answer(&page.hidden("flow"), "sandbox")).await;
    assert!(page.text.contains("Permissions requested"));
}

#[tokio::test]
async fn an_authorize_request_can_be_posted() {
    let play = Play::new();
    let form = [
        ("client_id", "sandbox-client"),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", "User.Read"),
        ("prompt", "none"),
        ("login_hint", ADELE),
        ("code_challenge", CHALLENGE),
    ];
    assert!(play.post(AUTHORIZE, &form).await.returned().contains_key("code"));
}

#[tokio::test]
async fn cancelling_is_access_denied() {
    let play = Play::new();
    let page = play.authorize(&[("prompt", "")]).await;
    let flow = page.hidden("flow");
    let back = play.post("/common/login", &[("flow", &flow), ("choice", "no")]).await;
    assert_returned_like("authorize.error.access_denied.65004", &back);

    let page = play.authorize(&[("prompt", "")]).await;
    let page = play.post("/common/login", &answer(&page.hidden("flow"), "sandbox")).await;
    let flow = page.hidden("flow");
    let back = play.post("/common/consent", &[("flow", &flow), ("choice", "no")]).await;
    assert_returned_like("authorize.error.access_denied.65004", &back);
}

#[tokio::test]
async fn a_tenant_can_demand_an_administrator() {
    let play = Play::new();
    play.change(ADELE, "require-admin-consent").await;
    let silent = play.authorize(&[]).await;
    assert_returned_like("authorize.error.admin_consent.90094", &silent);
    let page = play.authorize(&[("prompt", "")]).await;
    let page = play.post("/common/login", &answer(&page.hidden("flow"), "sandbox")).await;
    assert!(page.text.contains("Need admin approval"));
    let flow = page.hidden("flow");
    let back = play.post("/common/consent", &[("flow", &flow), ("choice", "yes")]).await;
    assert_returned_like("authorize.error.admin_consent.90094", &back);
    play.change(ADELE, "waive-admin-consent").await;
    assert!(play.authorize(&[]).await.returned().contains_key("code"));
}

#[tokio::test]
async fn what_the_client_sends_cannot_leave_its_attribute() {
    let play = Play::new();
    let page =
        play.authorize(&[("prompt", ""), ("login_hint", "\"><script>alert(1)</script>")]).await;
    assert!(!page.text.contains("<script>"));
}

#[tokio::test]
async fn signing_out_leads_back_to_the_application_alone() {
    let play = Play::new();
    let logout = |to: &str| {
        format!("/common/oauth2/v2.0/logout?{}", encode(&[("post_logout_redirect_uri", to)]))
    };
    let back = play.get(&logout("http://localhost:8400/bye")).await;
    assert_eq!(back.header("location"), "http://localhost:8400/bye");
    let stays = play.get(&logout("https://evil.example/")).await;
    assert_eq!((stays.status, stays.header("location")), (200, ""));
}

fn answer<'a>(flow: &'a str, password: &'a str) -> [(&'static str, &'a str); 4] {
    [("flow", flow), ("login", ADELE), ("passwd", password), ("choice", "yes")]
}
