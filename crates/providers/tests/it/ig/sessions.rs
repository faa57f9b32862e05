//! Sessions of version 3, and logins that are kept.

use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeySize, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant::clock::later;
use evergrant::provider::{Actor, AuthError, Evidence, RefreshAsk, Revocation};
use evergrant::{Account, Grant, Response, TransportError};
use evergrant_providers::ig::Environment;
use jiff::Timestamp;
use serde_json::json;

use super::{
    REFRESH, SESSION, asked, body, error, fixture, form, header, json, provider, provider_in,
    signed_in, state, with_pair,
};
use crate::script::{Script, now};

const KEPT: &[(&str, &str)] = &[("keep_login", "yes")];
const ENDED: &str = "error.security.oauth-token-invalid";

fn login() -> Script {
    Script::default().on(SESSION, 200, &fixture("session_POST_v3_200"))
}

/// So long after the sign-in.
fn after(seconds: u64) -> Timestamp {
    later(now(), Duration::from_secs(seconds))
}

async fn refreshed(script: &Script, at: Timestamp, grant: &Grant) -> Result<Grant, AuthError> {
    provider().refresh(script, at, RefreshAsk { grant, claims: None }).await
}

/// A grant of version 3 whose login is kept, or not.
async fn grant(kept: bool) -> Grant {
    signed_in(&login(), if kept { KEPT } else { &[] }).await.grant
}

#[tokio::test]
async fn a_login_of_version_3_is_sent_as_documented_and_makes_a_grant() {
    let script = login();
    let redeemed = signed_in(&script, &[]).await;
    let request = &script.asked()[0];
    assert_eq!(asked(&script), ["POST /session"]);
    assert_eq!(body(request), json("session_POST_v3_request"));
    assert_eq!(header(request, "version"), Some("3"));
    assert_eq!(header(request, "x-ig-api-key"), Some(super::KEY));
    assert_eq!(header(request, "authorization"), None);
    assert_eq!(redeemed.account.id, "demo:133721337:ABC123");
    assert_eq!(redeemed.account.name, "ABC123");
    let grant = redeemed.grant;
    assert_eq!(grant.access.expose(), "FAKE-ACCESS-TOKEN-0001");
    assert_eq!(grant.expires_at, after(60), "`expires_in` is a text, and counts from the sending");
    assert_eq!(grant.scopes, ["profile", "account:ABC123"]);
    assert_eq!(grant.login, None, "nothing is kept unless the user agrees");
    assert_eq!(state(&grant)["refresh_token"], "FAKE-REFRESH-TOKEN-0001");
    assert_eq!(state(&grant)["environment"], "demo");
}

#[tokio::test]
async fn a_lifetime_is_a_text_or_a_number_or_a_minute() {
    for (said, seconds) in [(json!("30"), 30), (json!(45), 45), (json!(null), 60), (json!("x"), 60)]
    {
        let mut answer = json("session_POST_v3_200");
        answer["oauthToken"]["expires_in"] = said;
        let script = Script::default().on(SESSION, 200, &answer.to_string());
        let grant = signed_in(&script, &[]).await.grant;
        assert_eq!(grant.expires_at, after(seconds));
    }
}

#[tokio::test]
async fn a_login_is_kept_only_where_the_user_agrees() {
    let kept = grant(true).await.login.unwrap();
    let kept: serde_json::Value = serde_json::from_str(kept.expose()).unwrap();
    assert_eq!(kept, json!({ "identifier": "demo-user", "password": "not-a-real-password" }));
    let no = signed_in(&login(), &[("keep_login", "no")]).await.grant;
    assert_eq!(no.login, None);
}

#[tokio::test]
async fn the_name_is_kept_with_the_password_or_not_at_all() {
    for further in [KEPT, &[]] {
        let redeemed = signed_in(&login(), further).await;
        assert!(!format!("{:?}", redeemed.account).contains("demo-user"));
        assert!(!redeemed.grant.refresh.unwrap().expose().contains("demo-user"));
        assert_eq!(redeemed.grant.login.is_some(), !further.is_empty());
    }
}

#[tokio::test]
async fn a_connection_that_is_connected_again_stays_in_its_account() {
    let accounts = fixture("accounts_GET_v1_200");
    let again = async |previous: &str, further: &[(&str, &str)]| {
        let script = login().on("/gateway/deal/accounts", 200, &accounts);
        let name = previous.rsplit(':').next().unwrap().to_owned();
        let previous = Some(Account { id: previous.to_owned(), name, username: None });
        let evidence = Evidence::Form { fields: form(further), previous };
        let redeemed = provider().redeem(&script, now(), evidence).await;
        (redeemed.map(|redeemed| redeemed.account.id), asked(&script))
    };
    let (stays, asked) = again("demo:133721337:XYZ987", &[]).await;
    assert_eq!(stays.unwrap(), "demo:133721337:XYZ987");
    assert_eq!(asked, ["POST /session", "GET /accounts"], "it is one of the login's still");
    // Another one that is named is another account, which the vault does not take for the same.
    let (other, _) = again("demo:133721337:XYZ987", &[("account_id", "ABC123")]).await;
    assert_eq!(other.unwrap(), "demo:133721337:ABC123");
    // What somebody else, or the other world, was in says nothing.
    for stranger in ["demo:1:XYZ987", "live:133721337:XYZ987"] {
        assert_eq!(again(stranger, &[]).await.0.unwrap(), "demo:133721337:ABC123");
    }
    let (gone, asked) = again("demo:133721337:GONE1", &[]).await;
    let Err(AuthError::Rejected(failure)) = gone else { panic!("{gone:?}") };
    assert_eq!(failure.code, "account_unknown");
    assert!(failure.remedy.contains("of its own"), "{}", failure.remedy);
    assert_eq!(asked[2], "DELETE /session");
}

#[tokio::test]
async fn an_account_is_one_of_the_logins_own() {
    let accounts = fixture("accounts_GET_v1_200");
    let script = login().on("/gateway/deal/accounts", 200, &accounts);
    let redeemed = signed_in(&script, &[("account_id", "XYZ987")]).await;
    assert_eq!(redeemed.account.name, "XYZ987");
    assert_eq!(redeemed.grant.scopes, ["profile", "account:XYZ987"]);
    // Nobody is asked about the default account.
    let script = login();
    signed_in(&script, &[("account_id", "ABC123")]).await;
    assert_eq!(asked(&script).len(), 1);
    let script = login().on("/gateway/deal/accounts", 200, &accounts);
    let filled = Evidence::Form { fields: form(&[("account_id", "ABC124")]), previous: None };
    let refused = provider().redeem(&script, now(), filled).await;
    let Err(AuthError::Rejected(failure)) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.code, "account_unknown");
    assert!(failure.message.contains("XYZ987"), "{}", failure.message);
    assert_eq!(asked(&script), ["POST /session", "GET /accounts", "DELETE /session"]);
}

#[tokio::test]
async fn a_password_that_is_refused_is_sent_once() {
    for (example, code) in [
        ("error_security-invalid-details_401", "wrong_password"),
        ("error_security-too-many-failed-attempts_401", "login_locked"),
    ] {
        let script = Script::default().on(SESSION, 401, &fixture(example));
        let refused = provider()
            .redeem(&script, now(), Evidence::Form { fields: form(&[]), previous: None })
            .await;
        let Err(AuthError::Rejected(failure)) = refused else { panic!("{refused:?}") };
        assert_eq!((failure.code.as_str(), failure.actor), (code, Actor::User));
        assert!(failure.provider_code.unwrap().starts_with("error.security."));
        assert_eq!(script.asked().len(), 1);
        // Nor is it when it is the one that was kept.
        let grant = grant(true).await;
        let script = script.on(REFRESH, 401, &error(ENDED));
        let refused = refreshed(&script, after(700), &grant).await;
        let Err(AuthError::Rejected(failure)) = refused else { panic!("{refused:?}") };
        assert_eq!(failure.code, code);
        assert_eq!(asked(&script)[1..], ["POST /session/refresh-token", "POST /session"]);
    }
}

#[tokio::test]
async fn a_refusal_without_a_reason_is_asked_once_more() {
    let script = Script::default().on(SESSION, 401, &error("error.security.generic")).on(
        SESSION,
        200,
        &fixture("session_POST_v3_200"),
    );
    signed_in(&script, &[]).await;
    let script = Script::default().on(SESSION, 401, &error("error.security.generic"));
    let refused = provider()
        .redeem(&script, now(), Evidence::Form { fields: form(&[]), previous: None })
        .await;
    let Err(AuthError::Rejected(failure)) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.code, "login_refused");
    assert_eq!(script.asked().len(), 2);
}

#[tokio::test]
async fn a_password_is_encrypted_where_ig_wants_it_and_ever_after() {
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let public = key.public_key();
    let public = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(&public).unwrap();
    let mut given = json("session_encryptionKey_GET_v1_200");
    given["encryptionKey"] = STANDARD.encode(public.as_ref()).into();
    let key = Pkcs1PrivateDecryptingKey::new(key).unwrap();
    let decrypted = |request: &evergrant::Request| {
        let body = body(request);
        assert_eq!(body["encryptedPassword"], true);
        let members = json("session_POST_v2_encrypted_request");
        let names =
            |v: &serde_json::Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&body), names(&members));
        let cipher = STANDARD.decode(body["password"].as_str().unwrap()).unwrap();
        let mut room = vec![0; key.min_output_size()];
        let inner = STANDARD.decode(key.decrypt(&cipher, &mut room).unwrap()).unwrap();
        String::from_utf8(inner).unwrap()
    };
    let encryption = "/gateway/deal/session/encryptionKey";
    for time in [json!(1_601_218_928_621_i64), json!("1601218928621")] {
        given["timeStamp"] = time;
        let required = error("error.public-api.failure.encryption.required");
        let script = Script::default()
            .on(SESSION, 400, &required)
            .on(SESSION, 200, &fixture("session_POST_v3_200"))
            .on(encryption, 200, &given.to_string())
            .on(REFRESH, 401, &error(ENDED));
        let grant = signed_in(&script, KEPT).await.grant;
        assert_eq!(decrypted(&script.asked()[2]), "not-a-real-password|1601218928621");
        assert_eq!(state(&grant)["encrypted"], true);
        refreshed(&script, after(700), &grant).await.unwrap();
        let paths = asked(&script);
        let again = ["POST /session/refresh-token", "GET /session/encryptionKey", "POST /session"];
        assert_eq!(paths[3..], again, "it is known that it must be");
        assert_eq!(decrypted(&script.asked()[5]), "not-a-real-password|1601218928621");
    }
    // What it does not take encrypted either is not tried for ever.
    let required = error("error.public-api.failure.encryption.required");
    let script =
        Script::default().on(SESSION, 400, &required).on(encryption, 200, &given.to_string());
    let refused = provider()
        .redeem(&script, now(), Evidence::Form { fields: form(&[]), previous: None })
        .await;
    assert!(matches!(refused, Err(AuthError::Rejected(_))), "{refused:?}");
    assert_eq!(script.asked().len(), 3);
}

#[tokio::test]
async fn a_refresh_is_sent_as_documented_and_makes_a_grant_of_the_bare_answer() {
    let grant = grant(true).await;
    let answer = fixture("session_refresh-token_POST_v1_200");
    let script = Script::default().on(REFRESH, 200, &answer);
    let next = refreshed(&script, after(50), &grant).await.unwrap();
    let request = &script.asked()[0];
    assert_eq!(body(request), json("session_refresh-token_POST_v1_request"));
    assert_eq!(header(request, "authorization"), None, "no stale token goes along");
    assert_eq!(header(request, "ig-account-id"), Some("ABC123"), "it counts for the account");
    assert_eq!(header(request, "version"), Some("1"));
    assert_eq!(next.access.expose(), "FAKE-ACCESS-TOKEN-0002");
    assert_eq!(state(&next)["refresh_token"], "FAKE-REFRESH-TOKEN-0002");
    assert_eq!(next.expires_at, after(110));
    assert_eq!((&next.scopes, &next.login), (&grant.scopes, &grant.login));
}

#[tokio::test]
async fn a_session_that_has_ended_wants_the_user_unless_the_login_is_kept() {
    for (status, code) in [
        (401, ENDED),
        (400, "invalid.input"),
        (403, "error.security.account-suspended"),
        (401, "error.security.generic"),
    ] {
        let script = login().on(REFRESH, status, &error(code));
        let refused = refreshed(&script, after(700), &grant(false).await).await;
        let Err(AuthError::Rejected(failure)) = refused else { panic!("{code}: {refused:?}") };
        assert_eq!((failure.code.as_str(), failure.actor), ("session_ended", Actor::User));
        assert_eq!(failure.provider_code.as_deref(), Some(code));
        assert!(failure.remedy.contains("kept"), "{}", failure.remedy);
        let next = refreshed(&script, after(700), &grant(true).await).await.unwrap();
        assert_eq!(next.access.expose(), "FAKE-ACCESS-TOKEN-0001", "{code}");
        assert!(next.login.is_some(), "it is kept on");
        assert_eq!(state(&next)["logins_until"], after(760).as_second());
    }
}

#[tokio::test]
async fn a_refusal_without_a_code_ends_the_session_unless_it_is_a_page_and_nothing_could_replace_it()
 {
    let page = "<html>a proxy</html>";
    for (status, said, ends) in [(401, "", true), (400, "{}", true), (401, page, false)] {
        let script = login().on(REFRESH, status, said);
        let next = refreshed(&script, after(700), &grant(true).await).await;
        assert!(next.is_ok(), "{status} {said}: {next:?}");
        let refused = refreshed(&script, after(700), &grant(false).await).await;
        match refused {
            Err(AuthError::Rejected(failure)) if ends => {
                assert_eq!(failure.code, "session_ended");
                assert_eq!(failure.provider_code, Some(status.to_string()));
            }
            Err(AuthError::Unavailable { sent: true, .. }) if !ends => {}
            other => panic!("{status} {said}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_login_that_is_kept_signs_in_five_times_at_once_and_then_once_a_minute() {
    let mut grant = grant(true).await;
    let ended = || login().on(REFRESH, 401, &error(ENDED));
    for _ in 0..5 {
        grant = refreshed(&ended(), after(0), &grant).await.unwrap();
    }
    let script = ended();
    let refused = refreshed(&script, after(40), &grant).await;
    let Err(AuthError::Unavailable { retry_after, sent, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((retry_after, sent), (Some(Duration::from_secs(20)), false));
    assert_eq!(asked(&script), ["POST /session/refresh-token"]);
    refreshed(&ended(), after(60), &grant).await.unwrap();
    // A clock that was set back keeps nobody out.
    refreshed(&ended(), "2020-01-01T00:00:00Z".parse().unwrap(), &grant).await.unwrap();
}

#[tokio::test]
async fn what_only_looks_like_a_login_lifts_no_limit() {
    // Refreshes that are answered as a sign-in is count as logins.
    let looks = fixture("session_POST_v3_200");
    let mut grant = grant(true).await;
    for _ in 0..9 {
        let script = Script::default().on(REFRESH, 200, &looks);
        grant = refreshed(&script, after(0), &grant).await.unwrap();
    }
    let script = login().on(REFRESH, 401, &error(ENDED));
    let refused = refreshed(&script, after(0), &grant).await;
    let Err(AuthError::Unavailable { retry_after, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(retry_after, Some(Duration::from_mins(1)));
    assert_eq!(asked(&script), ["POST /session/refresh-token"]);
}

#[tokio::test]
async fn three_wrong_passwords_of_one_name_end_its_sign_ins_for_a_quarter_of_an_hour() {
    let wrong = fixture("error_security-invalid-details_401");
    let provider = provider();
    let tried = async |script: &Script, at: Timestamp, further: &[(&str, &str)]| {
        let evidence = Evidence::Form { fields: form(further), previous: None };
        match provider.redeem(script, at, evidence).await {
            Ok(_) => "done".to_owned(),
            Err(AuthError::Rejected(failure)) => {
                format!("{} {}", failure.code, failure.message)
            }
            Err(other) => panic!("{other:?}"),
        }
    };
    let script = Script::default().on(SESSION, 401, &wrong);
    for at in [0, 60, 120] {
        assert!(tried(&script, after(at), &[]).await.starts_with("wrong_password"));
    }
    let refused = tried(&script, after(121), &[("identifier", "Demo-User")]).await;
    assert!(refused.starts_with("too_many_attempts"), "{refused}");
    assert!(refused.contains("2026-11-21T12:15:01Z"), "{refused}");
    assert_eq!(script.asked().len(), 3, "nothing is sent");
    // Another name is another login, and later there are others.
    assert!(tried(&script, after(122), &[("identifier", "other")]).await.starts_with("wrong"));
    assert!(tried(&script, after(960), &[]).await.starts_with("wrong_password"));
    assert!(tried(&script, after(961), &[]).await.starts_with("wrong_password"));
    assert!(tried(&script, after(962), &[]).await.starts_with("too_many_attempts"));
    // A password that is right forgets the wrong ones, and an outage counts for none.
    assert_eq!(tried(&login(), after(2000), &[]).await, "done");
    for at in [2000, 2001] {
        tried(&script, after(at), &[]).await;
    }
    assert_eq!(tried(&login(), after(2002), &[]).await, "done");
    assert!(tried(&script, after(2003), &[]).await.starts_with("wrong_password"));
    let down = Script::default().on(SESSION, 503, "");
    for _ in 0..5 {
        let evidence = Evidence::Form { fields: form(&[]), previous: None };
        let failed = provider.redeem(&down, after(2004), evidence).await;
        assert!(matches!(failed, Err(AuthError::Unavailable { .. })), "{failed:?}");
    }
    assert!(tried(&script, after(2005), &[]).await.starts_with("wrong_password"));
}

#[tokio::test]
async fn an_outage_ends_no_session_and_signs_nobody_in() {
    let allowance = fixture("error_public-api-exceeded-api-key-allowance_403");
    let lost = TransportError::Unanswered { host: "x".to_owned(), detail: "y".to_owned() };
    for (script, unknown, wait) in [
        (Script::default().on(REFRESH, 403, &allowance), false, Some(60)),
        (Script::default().on(REFRESH, 500, &fixture("error_system-error_500")), true, None),
        (Script::default().on(REFRESH, 503, "<html>down</html>"), true, None),
        (Script::default().on(REFRESH, 403, "<html>a proxy</html>"), true, None),
        (Script::default().on(REFRESH, 200, "<html>hello</html>"), true, None),
        (Script::default().then(REFRESH, Err(lost)), true, None),
    ] {
        let refused = refreshed(&script, after(700), &grant(true).await).await;
        let Err(AuthError::Unavailable { retry_after, sent, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((sent, retry_after.map(|wait| wait.as_secs())), (unknown, wait));
        assert_eq!(script.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_login_that_is_locked_is_not_used() {
    let code = "error.security.too-many-failed-attempts";
    let script = login().on(REFRESH, 401, &error(code));
    let refused = refreshed(&script, after(700), &grant(true).await).await;
    let Err(AuthError::Rejected(failure)) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.code, "login_locked");
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn a_login_that_is_somebody_elses_by_now_is_not_taken() {
    let mut other = json("session_POST_v3_200");
    other["clientId"] = "1".into();
    let script =
        Script::default().on(REFRESH, 401, &error(ENDED)).on(SESSION, 200, &other.to_string());
    let refused = refreshed(&script, after(700), &grant(true).await).await;
    let Err(AuthError::Rejected(failure)) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.code, "login_of_another");
    let once = ["POST /session/refresh-token", "POST /session", "DELETE /session"];
    assert_eq!(asked(&script), once, "and their session is not left open");
    // Nor one of which IG does not say whose it is.
    other.as_object_mut().unwrap().remove("clientId");
    let script =
        Script::default().on(REFRESH, 401, &error(ENDED)).on(SESSION, 200, &other.to_string());
    let refused = refreshed(&script, after(700), &grant(true).await).await;
    assert!(matches!(refused, Err(AuthError::Unavailable { .. })), "{refused:?}");
    assert_eq!(asked(&script), once);
}

/// A transport after a crash: an answer that was kept, once, and then nobody.
fn kept(path: &str, answer: Response) -> Script {
    let nobody = TransportError::Unsent { host: "x".to_owned(), detail: "recovering".to_owned() };
    let script = Script::default().then(path, Ok(answer)).then(path, Err(nobody.clone()));
    [SESSION, REFRESH, "/gateway/deal/session/encryptionKey"]
        .into_iter()
        .filter(|other| *other != path)
        .fold(script, |script, other| script.then(other, Err(nobody.clone())))
}

fn answer(name: &str, pair: bool, client: &str) -> Response {
    let mut response = http::Response::builder().status(200);
    for (name, value) in super::pair_headers().into_iter().filter(|_| pair) {
        response = response.header(name, value);
    }
    let mut body = json(name);
    if body.get("clientId").is_some() {
        body["clientId"] = client.into();
    }
    response.body(body.to_string().into()).unwrap()
}

#[tokio::test]
async fn whatever_answer_was_kept_makes_its_session_wherever_it_comes_back() {
    let v3 = grant(true).await;
    let pair = with_pair(Script::default(), SESSION, &fixture("session_POST_v2_200_body"));
    let v2 = signed_in(&pair, &[("session_version", "2"), KEPT[0]]).await.grant;
    // What the vault shows of a grant that is gone.
    let ghost = Grant { access: "gone".into(), refresh: Some("gone".into()), ..v3.clone() };
    let clients = ["133721337", "20007685858", "133721337"];
    let spent = [(&v3, REFRESH), (&v2, SESSION), (&ghost, REFRESH)];
    for ((spent, path), client) in spent.into_iter().zip(clients) {
        for (name, with, version) in [
            ("session_refresh-token_POST_v1_200", false, 3),
            ("session_POST_v3_200", false, 3),
            ("session_POST_v2_200_body", true, 2),
            ("session_GET_v1_fetchSessionTokens_200", true, 2),
        ] {
            let script = kept(path, answer(name, with, client));
            let next = refreshed(&script, after(120), spent).await;
            // A bare refresh does not say which account it is in, and a ghost never knew.
            if name.contains("refresh-token") && spent.access.expose() == "gone" {
                assert!(next.is_err());
                continue;
            }
            let next = next.unwrap_or_else(|error| panic!("{name} to {path}: {error}"));
            assert_eq!(state(&next)["version"], version, "{name}");
            assert_ne!(next.refresh, ghost.refresh);
            let logged_in = name.contains("POST_v").then(|| after(180).as_second());
            if let Some(at) = logged_in.filter(|_| !name.contains("refresh")) {
                assert_eq!(state(&next)["logins_until"], at, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_session_is_ended_with_its_own_tokens() {
    let grant = grant(false).await;
    for (status, said) in [(204, String::new()), (200, "{}".to_owned())] {
        let script = Script::default().on(SESSION, status, &said);
        let ended = provider().revoke(&script, &grant).await.unwrap();
        assert_eq!(ended, Revocation::Revoked);
        let request = &script.asked()[0];
        assert_eq!(asked(&script), ["DELETE /session"]);
        assert_eq!(header(request, "authorization"), Some("Bearer FAKE-ACCESS-TOKEN-0001"));
        assert_eq!(header(request, "x-ig-api-key"), Some(super::KEY));
        assert_eq!(header(request, "_method"), None);
    }
    let script = Script::default().on(SESSION, 503, "");
    let failed = provider().revoke(&script, &grant).await;
    assert!(matches!(failed, Err(AuthError::Unavailable { .. })), "{failed:?}");
}

#[tokio::test]
async fn a_session_whose_access_token_is_dead_is_ended_by_its_refresh_token_and_never_by_the_login()
{
    let grant = grant(true).await;
    let (dead, next) = (error(ENDED), fixture("session_refresh-token_POST_v1_200"));
    let first = || Script::default().on(SESSION, 401, &dead);
    let script = first().on(SESSION, 204, "").on(REFRESH, 200, &next);
    assert_eq!(provider().revoke(&script, &grant).await.unwrap(), Revocation::Revoked);
    let thrice = ["DELETE /session", "POST /session/refresh-token", "DELETE /session"];
    assert_eq!(asked(&script), thrice);
    let last = &script.asked()[2];
    assert_eq!(header(last, "authorization"), Some("Bearer FAKE-ACCESS-TOKEN-0002"));
    // The refresh token is dead as well.
    let script = first().on(REFRESH, 401, &dead);
    assert_eq!(provider().revoke(&script, &grant).await.unwrap(), Revocation::Revoked);
    assert_eq!(asked(&script), thrice[..2]);
    // As long as nobody knows, it is not said to be over.
    for script in [
        first().on(REFRESH, 503, ""),
        first().on(SESSION, 503, "").on(REFRESH, 200, &next),
        first().on(REFRESH, 200, &next),
        first().on(REFRESH, 401, "<html>a proxy</html>"),
    ] {
        let failed = provider().revoke(&script, &grant).await;
        assert!(matches!(failed, Err(AuthError::Unavailable { .. })), "{failed:?}");
    }
}

#[tokio::test]
async fn a_session_of_the_other_environment_goes_nowhere() {
    let (grant, script) = (grant(true).await, Script::default());
    let live = provider_in(Environment::Live);
    assert_eq!(live.manifest().label, "IG Markets");
    let ask = RefreshAsk { grant: &grant, claims: None };
    let refused = live.refresh(&script, after(50), ask).await;
    let Err(AuthError::Unavailable { failure, sent, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((failure.code.as_str(), sent), ("environment_mismatch", false));
    assert_eq!(live.revoke(&script, &grant).await.unwrap(), Revocation::NotOffered);
    assert!(script.asked().is_empty());
}

#[tokio::test]
async fn no_secret_is_shown() {
    let redeemed = signed_in(&login(), KEPT).await;
    let text = format!("{redeemed:?} {:?}", provider().credentials());
    for secret in ["FAKE-ACCESS", "FAKE-REFRESH", "not-a-real", super::KEY] {
        assert!(!text.contains(secret), "{text}");
    }
    let headers = login();
    signed_in(&headers, &[]).await;
    let shown = format!("{:?}", headers.asked()[0].headers());
    assert!(!shown.contains(super::KEY), "{shown}");
}
