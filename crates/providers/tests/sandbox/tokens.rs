//! The token endpoint: what comes out, what does not, and how long it lives.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant_sandbox::{Counts, StageConfig};
use serde_json::{Value, json};

use crate::play::{
    ADELE, ALEX, BASE, Play, TOKEN, VERIFIER, assert_like, assert_same_shape, claims, config,
    fixture, part,
};

const DAY: u64 = 24 * 60 * 60;

#[tokio::test]
async fn a_code_becomes_tokens_like_the_real_ones() {
    let play = Play::new();
    let code = play.code(&[("client_info", "1")]).await;
    let answer = play.redeem(&code, &[]).await;
    assert_like("token.authorization_code.response", &answer);
    assert_eq!(answer.header("x-ms-clitelem"), "1,0,0,,");
    let body = answer.ok();
    assert_eq!(body["scope"], "Mail.Read User.Read profile openid email");
    assert!((3600..=5400).contains(&body["expires_in"].as_u64().unwrap()));

    let access_token = body["access_token"].as_str().unwrap();
    let mut example = fixture("access_token.graph.decoded");
    example["payload"].as_object_mut().unwrap().remove("xms_cc");
    assert_same_shape("header", &example["header"], &part(access_token, 0));
    assert_same_shape("payload", &example["payload"], &claims(access_token));
    assert_eq!(claims(access_token)["scp"], "email Mail.Read openid profile User.Read");

    let id_token = claims(body["id_token"].as_str().unwrap());
    let mut example = fixture("id_token.decoded")["payload"].clone();
    example.as_object_mut().unwrap().remove("email");
    assert_same_shape("id_token", &example, &id_token);
    let tenant = id_token["tid"].as_str().unwrap();
    assert_eq!(id_token["iss"], format!("{BASE}/{tenant}/v2.0").as_str());
    assert_eq!(id_token["nonce"], "N");
    assert_eq!(id_token["aud"], "sandbox-client");

    let info = format!("x.{}", body["client_info"].as_str().unwrap());
    assert_eq!(part(&info, 1), json!({ "uid": id_token["oid"], "utid": tenant }));
    let expected = Counts {
        codes_issued: 1,
        code_redemptions: 1,
        access_tokens_issued: 1,
        refresh_tokens_issued: 1,
        ..Counts::default()
    };
    assert_eq!(play.counts(), expected);
}

#[tokio::test]
async fn a_refresh_answers_like_the_real_one() {
    let play = Play::new();
    let first = play.sign_in().await;
    let token = first["refresh_token"].as_str().unwrap();
    let answer = play.refresh(token, &[("client_info", "1")]).await;
    assert_like("token.refresh.response", &answer);
    assert_ne!(answer.json["refresh_token"], first["refresh_token"]);
    assert_ne!(answer.json["access_token"], first["access_token"]);
    assert_eq!(claims(answer.json["id_token"].as_str().unwrap())["nonce"], Value::Null);
}

#[tokio::test]
async fn scopes_decide_what_comes_along() {
    let play = Play::new();
    let code = play.code(&[("scope", "User.Read")]).await;
    let body = play.redeem(&code, &[("client_info", "")]).await.ok();
    let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["access_token", "expires_in", "ext_expires_in", "scope", "token_type"]);
}

#[tokio::test]
async fn the_sign_in_decides_on_identity_and_offline_access_not_the_redemption() {
    let play = Play::new();
    let code = play.code(&[]).await;
    let body = play.redeem(&code, &[("scope", "User.Read")]).await.ok();
    assert!(body["refresh_token"].is_string() && body["id_token"].is_string());
    let code = play.code(&[("scope", "User.Read")]).await;
    let body = play.redeem(&code, &[("scope", "User.Read offline_access")]).await.ok();
    assert_eq!(body["refresh_token"], Value::Null);
}

#[tokio::test]
async fn a_code_must_be_proved_and_is_good_once() {
    let play = Play::new();
    let code = play.code(&[]).await;
    let wrong = VERIFIER.to_uppercase();
    for (change, refused) in [
        (("code_verifier", wrong.as_str()), (400, "invalid_grant", 501_481)),
        (("code_verifier", ""), (400, "invalid_grant", 501_481)),
        (("redirect_uri", "http://localhost:8400/other"), (400, "invalid_grant", 500_112)),
        (("client_secret", "guess"), (401, "invalid_client", 7_000_215)),
        (("client_secret", ""), (401, "invalid_client", 7_000_218)),
        (("client_assertion", "a.b.c"), (401, "invalid_client", 700_027)),
        (("client_id", "nobody"), (400, "unauthorized_client", 700_016)),
        (("code", "rubbish"), (400, "invalid_grant", 9_002_313)),
        (("code", "1.rubbish"), (400, "invalid_grant", 70_000)),
        (("code", ""), (400, "invalid_request", 900_144)),
        (("redirect_uri", ""), (400, "invalid_request", 900_144)),
        (("grant_type", ""), (400, "invalid_request", 900_144)),
        (("grant_type", "password"), (400, "unsupported_grant_type", 70_003)),
    ] {
        assert_eq!(play.redeem(&code, &[change]).await.refused(), refused, "{change:?}");
    }
    let public = [("client_id", "sandbox-public")];
    assert_eq!(play.redeem(&code, &public).await.refused(), (401, "invalid_client", 700_025));
    let public = [("client_id", "sandbox-public"), ("client_secret", "")];
    assert_eq!(play.redeem(&code, &public).await.refused(), (400, "invalid_grant", 70_000));

    play.redeem(&code, &[]).await.ok();
    assert_eq!(play.redeem(&code, &[]).await.refused(), (400, "invalid_grant", 54_005));
    assert_eq!(play.counts().code_redemptions, 1);
}

#[tokio::test]
async fn a_plain_challenge_is_the_verifier_itself() {
    let play = Play::new();
    let code = play.code(&[("code_challenge", VERIFIER), ("code_challenge_method", "")]).await;
    play.redeem(&code, &[]).await.ok();
}

#[tokio::test]
async fn a_code_is_for_its_tenant_and_for_ten_minutes() {
    let play = Play::new();
    let code = play.code(&[]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "sandbox-client"),
        ("client_secret", "sandbox-secret"),
        ("code", &code),
        ("redirect_uri", crate::play::REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let elsewhere = play.post("/consumers/oauth2/v2.0/token", &form).await;
    assert_eq!(elsewhere.refused(), (400, "invalid_grant", 700_005));
    play.advance(600);
    assert_eq!(play.redeem(&code, &[]).await.refused(), (400, "invalid_grant", 70_008));
}

#[tokio::test]
async fn basic_authentication_is_url_decoded() {
    let play = Play::new();
    let code = play.code(&[]).await;
    let basic = format!("Basic {}", STANDARD.encode("sandbox%2Dclient:sandbox-secret"));
    let body = crate::play::encode(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", crate::play::REDIRECT),
        ("code_verifier", VERIFIER),
    ]);
    let request = play.request("POST", TOKEN, &[("authorization", &basic)], body);
    play.send(request).await.unwrap().ok();
}

#[tokio::test]
async fn only_post_is_answered_and_the_clients_id_comes_back() {
    let play = Play::new();
    let id = "99990000-aaaa-bbbb-cccc-ddddeeeeffff";
    let answer = play.get_with(TOKEN, &[("client-request-id", id)]).await;
    assert_eq!(answer.refused(), (400, "invalid_request", 900_561));
    assert_eq!(answer.json["correlation_id"], id);
    let answer = play.post(TOKEN, &[("client-request-id", id)]).await;
    assert_eq!(answer.json["correlation_id"], id);
    let answer = play.get_with(TOKEN, &[("client-request-id", "not a guid")]).await;
    assert_ne!(answer.json["correlation_id"], "not a guid");
}

#[tokio::test]
async fn older_refresh_tokens_stay_valid() {
    let play = Play::new();
    let first = play.sign_in().await;
    let old = first["refresh_token"].as_str().unwrap();
    for _ in 0..2 {
        play.refresh(old, &[]).await.ok();
    }
    assert_eq!(play.counts().refreshes, 2);
    assert_eq!(play.counts().refresh_tokens_issued, 3);
    let spent: Vec<_> =
        play.stage.ledger().tokens().into_iter().filter_map(|entry| entry.generation).collect();
    assert_eq!(spent, [1, 1, 2, 1, 3], "issued 1, spent 1, issued 2, spent 1, issued 3");
}

#[tokio::test]
async fn strict_rotation_revokes_the_grant_on_reuse() {
    let play = Play::with(StageConfig { strict_rotation: true, ..config() });
    let first = play.sign_in().await["refresh_token"].as_str().unwrap().to_owned();
    let second = play.refresh(&first, &[]).await.ok()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(play.refresh(&first, &[]).await.refused(), (400, "invalid_grant", 70_000));
    assert_eq!(play.refresh(&second, &[]).await.refused(), (400, "invalid_grant", 70_000));
    assert_eq!(play.counts().grants_revoked, 1);
    assert_eq!(play.counts().refreshes_refused, 2);
}

#[tokio::test]
async fn a_refresh_token_lives_ninety_days_from_its_issue() {
    let play = Play::new();
    let first = play.sign_in().await["refresh_token"].as_str().unwrap().to_owned();
    play.advance(89 * DAY);
    let second = play.refresh(&first, &[]).await.ok()["refresh_token"].as_str().unwrap().to_owned();
    play.advance(2 * DAY);
    assert_eq!(play.refresh(&first, &[]).await.refused(), (400, "invalid_grant", 700_082));
    play.refresh(&second, &[]).await.ok();
}

#[tokio::test]
async fn a_refresh_token_belongs_to_its_client() {
    let play = Play::new();
    let token = play.sign_in().await["refresh_token"].as_str().unwrap().to_owned();
    let public = [("client_id", "sandbox-public"), ("client_secret", "")];
    assert_eq!(play.refresh(&token, &public).await.refused(), (400, "invalid_grant", 70_000));
    assert_eq!(play.refresh("rubbish", &[]).await.refused(), (400, "invalid_grant", 9_002_313));
}

#[tokio::test]
async fn what_happens_to_an_account_shows_at_the_next_refresh() {
    let play = Play::new();
    for (change, refused) in [
        ("revoke-sessions", (400, "invalid_grant", 50_173)),
        ("disable", (400, "invalid_grant", 50_057)),
        ("remove-consent", (400, "invalid_grant", 65_001)),
    ] {
        let token = play.sign_in().await["refresh_token"].as_str().unwrap().to_owned();
        play.change(ADELE, change).await;
        let answer = play.refresh(&token, &[]).await;
        assert_eq!(answer.refused(), refused, "{change}");
        assert_like(&format!("token.error.invalid_grant.{}", refused.2), &answer);
        play.change(ADELE, "enable").await;
    }
}

#[tokio::test]
async fn scopes_of_a_refresh_must_be_consented_to_and_of_one_resource() {
    let play = Play::new();
    let token = play.sign_in().await["refresh_token"].as_str().unwrap().to_owned();
    for (scope, refused) in [
        ("Mail.Send", (400, "invalid_grant", 65_001)),
        ("Nonsense.Read", (400, "invalid_scope", 70_011)),
        ("User.Read .default", (400, "invalid_scope", 70_011)),
        (
            "User.Read https://outlook.office.com/IMAP.AccessAsUser.All",
            (400, "invalid_request", 28_000),
        ),
        ("https://outlook.office.com/IMAP.AccessAsUser.All", (400, "invalid_resource", 500_011)),
    ] {
        assert_eq!(play.refresh(&token, &[("scope", scope)]).await.refused(), refused, "{scope}");
    }
    for (scope, granted) in [
        ("user.read", "Mail.Read User.Read profile openid email"),
        (
            "https://graph.microsoft.com/User.Read",
            "https://graph.microsoft.com/Mail.Read https://graph.microsoft.com/User.Read profile openid email",
        ),
        (
            "https://login.test/Mail.Read",
            "https://login.test/Mail.Read https://login.test/User.Read profile openid email",
        ),
    ] {
        let body = play.refresh(&token, &[("scope", scope)]).await.ok();
        assert_eq!(body["scope"], granted, "{scope}");
    }
}

#[tokio::test]
async fn default_asks_for_what_the_registration_lists() {
    let play = Play::new();
    let scope = "https://login.test//.default offline_access";
    let code = play.code(&[("scope", scope)]).await;
    let body = play.redeem(&code, &[("scope", scope)]).await.ok();
    let granted = body["scope"].as_str().unwrap();
    let has = |name: &str| {
        let whole = format!("https://login.test/{name}");
        granted.split(' ').any(|scope| scope == whole)
    };
    for name in [
        "Calendars.Read",
        "Calendars.Read.Shared",
        "Calendars.ReadWrite",
        "Calendars.ReadWrite.Shared",
        "Mail.Read",
        "Mail.ReadWrite",
        "Mail.Send",
        "MailboxSettings.Read",
        "MailboxSettings.ReadWrite",
        "OnlineMeetings.ReadWrite",
        "User.Read",
    ] {
        assert!(has(name), "{name} in {granted}");
    }
    assert!(!has("Presence.Read"), "{granted}");
    assert!(granted.ends_with("https://login.test/.default"), "{granted}");
}

#[tokio::test]
async fn a_lifetime_can_be_set() {
    let play = Play::with(StageConfig { access_ttl: Some(Duration::from_secs(7)), ..config() });
    let body = play.sign_in().await;
    assert_eq!(body["expires_in"], 7);
    let claims = claims(body["access_token"].as_str().unwrap());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 7);
}

#[tokio::test]
async fn a_lifetime_can_be_changed_meanwhile_until_a_reset() {
    let play = Play::new();
    let set = async |seconds: Value| {
        let lifetime = json!({ "access_ttl_seconds": seconds });
        play.control("POST", "clock", &lifetime).await.ok()
    };
    assert_eq!(set(json!(7)).await["access_ttl_seconds"], 7);
    assert_eq!(play.sign_in().await["expires_in"], 7);
    assert_eq!(set(Value::Null).await["access_ttl_seconds"], Value::Null);
    assert!(play.sign_in().await["expires_in"].as_u64().unwrap() >= 3_600);
    set(json!(7)).await;
    play.control("POST", "reset", &json!({})).await.ok();
    assert!(play.sign_in().await["expires_in"].as_u64().unwrap() >= 3_600);
}

#[tokio::test]
async fn accounts_are_kept_apart() {
    let play = Play::new();
    play.sign_in().await;
    let code = play.code(&[("login_hint", ALEX)]).await;
    let alex = play.redeem(&code, &[]).await.ok();
    play.change(ADELE, "revoke-sessions").await;
    play.refresh(alex["refresh_token"].as_str().unwrap(), &[]).await.ok();
    assert_eq!(play.stage.ledger().account(ALEX).refreshes, 1);
    assert_eq!(play.counts().refreshes, 0);
}
