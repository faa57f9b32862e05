//! An administrator's consent, and a tenant that insists on it.

use serde_json::json;

use crate::play::{ADELE, Answer, Form, Play, REDIRECT, assert_same_shape, fixture, merged};

const ADMIN: &str = "admin@contoso.example";
const SCOPE: &str = "https://graph.microsoft.com/.default";

async fn ask(play: &Play, path: &str, changes: Form<'_>) -> Answer {
    let query = merged(
        &[
            ("client_id", "sandbox-client"),
            ("scope", SCOPE),
            ("redirect_uri", REDIRECT),
            ("state", "S"),
            ("prompt", "none"),
            ("login_hint", ADMIN),
        ],
        changes,
    );
    play.get(&format!("{path}?{query}")).await
}

/// Asserts that the redirect has the parameters of an example, in their order.
fn assert_returned_like(name: &str, answer: &Answer) {
    let names = |location: &str| {
        let (_, query) = location.split_once('?').unwrap();
        url::form_urlencoded::parse(query.as_bytes())
            .map(|(name, _)| name.into_owned())
            .collect::<Vec<_>>()
    };
    let expected = fixture(name)["response"].clone();
    assert_eq!(expected["status"], answer.status, "{}", answer.text);
    let location = expected["headers"]["Location"].as_str().unwrap();
    assert_eq!(names(location), names(answer.header("location")), "{name}");
}

#[tokio::test]
async fn an_administrator_consents_for_everybody() {
    let play = Play::new();
    play.direct("microsoft/consent", json!({ "users_may_consent": false })).await;
    let walled = play.authorize(&[]).await.returned();
    let example = fixture("authorize.error.admin_consent.90094")["redirectParameters"].clone();
    assert_same_shape("walled", &example, &serde_json::to_value(&walled).unwrap());
    assert_eq!(walled["error"], "access_denied");

    let back = ask(&play, "/organizations/v2.0/adminconsent", &[]).await;
    assert_returned_like("adminconsent.success.redirect", &back);
    let back = back.returned();
    assert_eq!((back["admin_consent"].as_str(), back["scope"].as_str()), ("True", SCOPE));

    let covered = "openid offline_access User.Read Mail.Send";
    let code = play.code(&[("scope", covered)]).await;
    let tokens = play.redeem(&code, &[]).await.ok();
    let token = tokens["refresh_token"].as_str().unwrap();
    play.refresh(token, &[]).await.ok();
    let more = play.authorize(&[("scope", "User.Read Presence.Read")]).await.returned();
    assert!(more["error_description"].starts_with("AADSTS90094:"), "not everything is covered");

    play.direct("microsoft/registrations/sandbox-client/remove-admin-consent", json!({})).await;
    assert_eq!(play.authorize(&[("scope", covered)]).await.returned()["error"], "access_denied");
    play.direct("microsoft/consent", json!({ "users_may_consent": true })).await;
    play.code(&[("scope", covered)]).await;
}

#[tokio::test]
async fn a_device_meets_the_same_wall() {
    let play = Play::new();
    play.direct("microsoft/consent", json!({ "users_may_consent": false })).await;
    let form = [("client_id", "sandbox-public"), ("scope", "User.Read")];
    let started = play.post("/common/oauth2/v2.0/devicecode", &form).await.ok();
    let path =
        format!("world/microsoft/device-codes/{}/approve", started["user_code"].as_str().unwrap());
    let answer = play.control("POST", &path, &json!({ "account": ADELE })).await;
    assert!(answer.status == 422 && answer.text.contains("90094"), "{}", answer.text);
    play.control("POST", &path, &json!({ "account": ADMIN })).await.ok();
}

#[tokio::test]
async fn a_refusal_says_that_it_is_one_in_spite_of_the_flag() {
    let play = Play::new();
    let v2 = "/organizations/v2.0/adminconsent";
    let declined = ask(&play, v2, &[("choice", "no")]).await;
    assert_returned_like("adminconsent.error.redirect", &declined);
    for (path, change, error, number) in [
        (v2, ("choice", "no"), "consent_required", "65004"),
        (v2, ("login_hint", ADELE), "access_denied", "90093"),
        (v2, ("login_hint", ""), "login_required", "50058"),
        ("/common/adminconsent", ("choice", "no"), "permission_denied", "65004"),
    ] {
        let back = ask(&play, path, &[change]).await.returned();
        assert_eq!((back["admin_consent"].as_str(), back["error"].as_str()), ("True", error));
        assert!(back["error_description"].starts_with(&format!("AADSTS{number}: ")), "{change:?}");
        assert_eq!(back["state"], "S");
    }
    let legacy = ask(&play, "/contoso.example/adminconsent", &[("scope", "")]).await.returned();
    assert!(legacy.contains_key("tenant") && !legacy.contains_key("scope"), "{legacy:?}");
    for (path, change, number) in [
        ("/common/v2.0/adminconsent", ("state", "S"), "AADSTS50059"),
        (v2, ("client_id", "nobody"), "AADSTS700016"),
        (v2, ("redirect_uri", "https://evil.example/"), "AADSTS50011"),
        (v2, ("scope", ""), "AADSTS900144"),
    ] {
        let page = ask(&play, path, &[change]).await;
        assert!(page.status == 400 && page.text.contains(number), "{}", page.text);
    }
    play.fault(json!({ "where": "microsoft.adminconsent", "do": { "aadsts": 65_004 } })).await;
    assert_eq!(ask(&play, v2, &[]).await.returned()["error"], "consent_required");
}

#[tokio::test]
async fn an_administrator_answers_a_page() {
    let play = Play::new();
    let path = "/organizations/v2.0/adminconsent";
    let page = ask(&play, path, &[("prompt", ""), ("login_hint", "")]).await;
    assert!(page.text.contains("Mail.Send") && page.text.contains("Sandbox App"), "{}", page.text);
    let answer = |login: &'static str, password: &'static str| {
        [
            ("client_id", "sandbox-client"),
            ("redirect_uri", REDIRECT),
            ("state", "S"),
            ("scope", SCOPE),
            ("login", login),
            ("passwd", password),
            ("choice", "yes"),
        ]
    };
    assert_eq!(page.hidden("redirect_uri"), REDIRECT);
    let wrong = play.post(path, &answer(ADMIN, "guess")).await;
    assert!(wrong.text.contains("AADSTS50126"));
    let back = play.post(path, &answer(ADELE, "sandbox")).await.returned();
    assert_eq!(back["error"], "access_denied");
    let back = play.post(path, &answer(ADMIN, "sandbox")).await.returned();
    assert_eq!(back["admin_consent"], "True");
    assert!(!back.contains_key("error"));
}
