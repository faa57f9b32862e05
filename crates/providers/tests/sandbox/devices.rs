//! The device flow.

use serde_json::{Value, json};

use crate::play::{ADELE, Answer, Play, SCOPE, assert_like, encode};

const DEVICE_CODE: &str = "/common/oauth2/v2.0/devicecode";
const TOKEN: &str = crate::play::TOKEN;

async fn start(play: &Play) -> Value {
    let form = [("client_id", "sandbox-public"), ("scope", SCOPE)];
    play.post(DEVICE_CODE, &form).await.ok()
}

async fn poll(play: &Play, started: &Value, grant_type: &str) -> Answer {
    let form = [
        ("grant_type", grant_type),
        ("client_id", "sandbox-public"),
        ("device_code", started["device_code"].as_str().unwrap()),
        ("client_info", "1"),
    ];
    play.post(TOKEN, &form).await
}

fn code(started: &Value) -> &str {
    started["user_code"].as_str().unwrap()
}

#[tokio::test]
async fn a_device_polls_until_somebody_has_typed_its_code() {
    let play = Play::new();
    let form = [("client_id", "sandbox-public"), ("scope", SCOPE)];
    let answer = play.post(DEVICE_CODE, &form).await;
    assert_like("devicecode.response", &answer);
    let started = answer.ok();
    assert_eq!((&started["expires_in"], &started["interval"]), (&json!(900), &json!(5)));
    assert!(started["message"].as_str().unwrap().contains(code(&started)));

    let pending = poll(&play, &started, "device_code").await;
    assert_like("token.error.authorization_pending.70016", &pending);
    assert_eq!(play.stage.ledger().summary().total.device_codes_refused, 0, "it only waits");

    let query = [("otc", code(&started)), ("login_hint", ADELE), ("prompt", "none")];
    let done = play.get(&format!("/devicelogin?{}", encode(&query))).await;
    assert!(done.status == 200 && done.text.contains("You have signed in"), "{}", done.text);
    let tokens = poll(&play, &started, "urn:ietf:params:oauth:grant-type:device_code").await;
    assert_like("token.device_code.response", &tokens);
    assert_eq!(tokens.json["scope"], "Mail.Read User.Read profile openid email");
    let again = poll(&play, &started, "device_code").await;
    assert_eq!(again.refused(), (400, "invalid_grant", 54_005));

    let refresh = [("client_id", "sandbox-public"), ("client_secret", "")];
    play.refresh(tokens.json["refresh_token"].as_str().unwrap(), &refresh).await.ok();
    let counts = play.stage.ledger().summary().total;
    let device =
        (counts.device_codes_issued, counts.device_redemptions, counts.device_codes_refused);
    assert_eq!(device, (1, 1, 1));
    assert_eq!(play.counts().refreshes, 1);
}

#[tokio::test]
async fn a_person_types_the_code_and_the_password() {
    let play = Play::new();
    let started = start(&play).await;
    for page in ["/devicelogin", "/common/oauth2/deviceauth"] {
        assert!(play.get(page).await.text.contains("name=\"otc\""), "{page}");
    }
    let answer = |code: &str, password: &str| {
        [
            ("otc".to_owned(), code.to_owned()),
            ("login".to_owned(), ADELE.to_owned()),
            ("passwd".to_owned(), password.to_owned()),
            ("choice".to_owned(), "yes".to_owned()),
        ]
    };
    for (code, password, wrong) in [
        (code(&started), "guess", "AADSTS50126"),
        ("NONSENSE", "sandbox", "AADSTS70018"),
        ("", "sandbox", "AADSTS70018"),
    ] {
        let form = answer(code, password);
        let form = form.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
        let page = play.post("/devicelogin", &form).await;
        assert!(page.text.contains(wrong), "{}", page.text);
    }
    // People type in their own way.
    let typed = code(&started).to_lowercase();
    let (start, end) = typed.split_at(4);
    let form = answer(&format!(" {start}-{end}"), "sandbox");
    let form = form.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
    assert!(play.post("/devicelogin", &form).await.text.contains("You have signed in"));
    poll(&play, &started, "device_code").await.ok();
}

#[tokio::test]
async fn a_device_code_ends_in_its_own_words() {
    let play = Play::new();
    let declined = start(&play).await;
    play.direct(&format!("microsoft/device-codes/{}/decline", code(&declined)), json!({})).await;
    let answer = poll(&play, &declined, "device_code").await;
    assert_like("token.error.authorization_declined", &answer);
    assert_eq!(answer.refused(), (400, "authorization_declined", 65_004));

    let old = start(&play).await;
    play.advance(900);
    let answer = poll(&play, &old, "device_code").await;
    assert_like("token.error.expired_token.70020", &answer);
    assert_eq!(answer.refused(), (400, "expired_token", 70_020));

    let answer = poll(&play, &json!({ "device_code": "nonsense" }), "device_code").await;
    assert_like("token.error.bad_verification_code.70018", &answer);
    assert_eq!(play.stage.ledger().summary().total.device_codes_refused, 3);
}

#[tokio::test]
async fn a_device_code_belongs_to_its_client() {
    let play = Play::new();
    let started = start(&play).await;
    play.direct(
        &format!("microsoft/device-codes/{}/approve", code(&started)),
        json!({ "account": ADELE }),
    )
    .await;
    let form = [
        ("grant_type", "device_code"),
        ("client_id", "sandbox-client"),
        ("client_secret", "sandbox-secret"),
        ("device_code", started["device_code"].as_str().unwrap()),
    ];
    assert_eq!(play.post(TOKEN, &form).await.refused(), (400, "bad_verification_code", 70_018));
    poll(&play, &started, "device_code").await.ok();
}

#[tokio::test]
async fn answers_to_device_codes_are_checked() {
    let play = Play::new();
    let started = start(&play).await;
    let path = format!("world/microsoft/device-codes/{}", code(&started));
    for (end, body, status) in [
        ("approve", json!({}), 422),
        ("approve", json!({ "account": "nobody@contoso.example" }), 422),
        ("decline", json!({ "account": ADELE }), 422),
        ("ignore", json!({}), 404),
    ] {
        let answer = play.control("POST", &format!("{path}/{end}"), &body).await;
        assert_eq!(answer.status, status, "{end} {body}");
    }
    let nobody = play.control("POST", "world/microsoft/device-codes/X/decline", &json!({})).await;
    assert_eq!(nobody.status, 404);
    for (form, refused) in [
        (vec![("scope", SCOPE)], (400, "invalid_request", 900_144)),
        (vec![("client_id", "sandbox-public")], (400, "invalid_request", 900_144)),
        (vec![("client_id", "nobody"), ("scope", SCOPE)], (400, "unauthorized_client", 700_016)),
    ] {
        assert_eq!(play.post(DEVICE_CODE, &form).await.refused(), refused, "{form:?}");
    }
}
