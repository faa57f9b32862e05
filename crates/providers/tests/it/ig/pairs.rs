//! Sessions of version 2.

use std::time::Duration;

use evergrant::clock::later;
use evergrant::provider::{AuthError, Evidence, RefreshAsk, RefreshLife};
use evergrant::{Grant, TransportError};
use serde_json::json;

use super::with_pair;
use super::{SESSION, asked, body, error, fixture, form, header, json, provider, signed_in, state};
use crate::script::{Script, now};

const PAIR: &str = "CST-FAKE-CST-0001|XST-FAKE-XST-0001";

fn login() -> Script {
    with_pair(Script::default(), SESSION, &fixture("session_POST_v2_200_body"))
}

async fn grant(further: &[(&str, &str)]) -> Grant {
    let script = login().with(SESSION, 200, &[("X-SECURITY-TOKEN", "other")], b"{}");
    let further: Vec<_> = [("session_version", "2")].into_iter().chain(further.to_vec()).collect();
    signed_in(&script, &further).await.grant
}

async fn refreshed(script: &Script, grant: &Grant) -> Result<Grant, AuthError> {
    let at = later(now(), Duration::from_hours(5));
    provider().refresh(script, at, RefreshAsk { grant, claims: None }).await
}

#[tokio::test]
async fn a_login_of_version_2_is_sent_as_documented_and_makes_a_pair() {
    let script = login();
    let redeemed = signed_in(&script, &[("session_version", "2")]).await;
    let request = &script.asked()[0];
    assert_eq!(body(request), json("session_POST_v2_request"));
    assert_eq!(header(request, "version"), Some("2"));
    assert_eq!(redeemed.account.id, "demo:20007685858:ABC123");
    assert_eq!(redeemed.account.name, "ABC123");
    let grant = redeemed.grant;
    assert_eq!(grant.access.expose(), PAIR);
    assert_eq!(grant.expires_at, later(now(), Duration::from_hours(6)));
    assert_eq!(grant.scopes, ["profile", "account:ABC123", "session:v2"]);
    assert_eq!(provider().refresh_life(&grant), RefreshLife::Idle(Duration::from_hours(6)));
    assert_eq!(asked(&script).len(), 1, "the default account needs no switch");
}

#[tokio::test]
async fn another_account_is_switched_to_once_and_the_default_stays() {
    let switched = fixture("session_PUT_v1_200");
    let script =
        login().with(SESSION, 200, &[("X-SECURITY-TOKEN", "FAKE-XST-0002")], switched.as_bytes());
    let further = [("session_version", "2"), ("account_id", "XYZ987")];
    let redeemed = signed_in(&script, &further).await;
    assert_eq!(asked(&script), ["POST /session", "PUT /session"]);
    let put = &script.asked()[1];
    let mut documented = json("session_PUT_v1_request");
    documented["accountId"] = "XYZ987".into();
    assert_eq!(body(put), documented);
    assert_eq!(header(put, "cst"), Some("FAKE-CST-0001"));
    assert_eq!(header(put, "x-security-token"), Some("FAKE-XST-0001"));
    assert_eq!(redeemed.grant.access.expose(), "CST-FAKE-CST-0001|XST-FAKE-XST-0002");
    assert_eq!(redeemed.account.name, "XYZ987");
}

#[tokio::test]
async fn an_account_that_the_login_lacks_is_refused_without_a_switch() {
    let script = login().on(SESSION, 204, "");
    let filled = Evidence::Form {
        fields: form(&[("session_version", "2"), ("account_id", "ABC124")]),
        previous: None,
    };
    let refused = provider().redeem(&script, now(), filled).await;
    let Err(AuthError::Rejected(failure)) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.code, "account_unknown");
    assert_eq!(asked(&script), ["POST /session", "DELETE /session"]);
}

#[tokio::test]
async fn a_refresh_asks_for_the_tokens_with_those_it_has() {
    let grant = grant(&[("keep_login", "yes")]).await;
    let answer = fixture("session_GET_v1_fetchSessionTokens_200");
    let headers = [("CST", "FAKE-CST-0002"), ("X-SECURITY-TOKEN", "FAKE-XST-0002")];
    let script = Script::default().with(SESSION, 200, &headers, answer.as_bytes());
    let next = refreshed(&script, &grant).await.unwrap();
    let request = &script.asked()[0];
    assert_eq!(asked(&script), ["GET /session?fetchSessionTokens=true"]);
    assert_eq!(header(request, "cst"), Some("FAKE-CST-0001"));
    assert_eq!(next.access.expose(), "CST-FAKE-CST-0002|XST-FAKE-XST-0002");
    assert_eq!(next.expires_at, later(now(), Duration::from_hours(11)));
    assert_eq!(next.login, grant.login);
    // Where it gives no others, those it has are the ones.
    let script = Script::default().on(SESSION, 200, &fixture("session_GET_v1_200"));
    let next = refreshed(&script, &grant).await.unwrap();
    assert_eq!(next.access.expose(), PAIR);
}

#[tokio::test]
async fn a_session_is_handed_out_only_in_the_account_that_was_chosen() {
    let grant = grant(&[("account_id", "XYZ987")]).await;
    assert_eq!(state(&grant)["account"], "XYZ987");
    // Somebody switched it back, elsewhere.
    let answer = fixture("session_GET_v1_fetchSessionTokens_200");
    let pair = || with_pair(Script::default(), SESSION, &answer);
    let script = pair().with(SESSION, 200, &[("X-SECURITY-TOKEN", "third")], b"{}");
    let next = refreshed(&script, &grant).await.unwrap();
    assert_eq!(asked(&script)[1], "PUT /session");
    assert_eq!(next.access.expose(), "CST-FAKE-CST-0001|XST-third");
    // After a crash nobody can be asked to switch: there is no session rather than the wrong one.
    let nobody = TransportError::Unsent { host: "x".to_owned(), detail: "recovering".to_owned() };
    let refused = refreshed(&pair().then(SESSION, Err(nobody)), &grant).await;
    assert!(matches!(refused, Err(AuthError::Unavailable { .. })), "{refused:?}");
    // Nor where IG does not say which account it is in.
    let script = with_pair(Script::default(), SESSION, "{}");
    assert!(refreshed(&script, &grant).await.is_err());
    // Nor where the session ends between the two; that shows the next time, and the login is good still.
    let script = pair().on(SESSION, 401, &error("error.security.client-token-invalid"));
    let refused = refreshed(&script, &grant).await;
    assert!(matches!(refused, Err(AuthError::Unavailable { .. })), "{refused:?}");
    // Nor where it refuses the switch.
    for name in
        ["error_switch-invalid-accountId_400", "error_switch-accountId-must-be-different_400"]
    {
        let refused = refreshed(&pair().on(SESSION, 400, &fixture(name)), &grant).await;
        assert!(matches!(refused, Err(AuthError::Rejected(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_pair_that_is_dead_signs_in_again_where_the_login_is_kept() {
    for example in [
        "error_security-client-token-invalid_401",
        "error_security-account-token-invalid_401",
        "error_security-client-token-missing_401",
    ] {
        let script = Script::default().on(SESSION, 401, &fixture(example));
        let refused = refreshed(&script, &grant(&[]).await).await;
        let Err(AuthError::Rejected(failure)) = refused else { panic!("{refused:?}") };
        assert_eq!(failure.code, "session_ended");
        let fresh = Script::default().on(SESSION, 401, &fixture(example));
        let fresh = with_pair(fresh, SESSION, &fixture("session_POST_v2_200_body"));
        let next = refreshed(&fresh, &grant(&[("keep_login", "yes")]).await).await.unwrap();
        assert_eq!(next.access.expose(), PAIR);
        assert_eq!(asked(&fresh), ["GET /session?fetchSessionTokens=true", "POST /session"]);
        assert_eq!(body(&fresh.asked()[1])["encryptedPassword"], json!(false));
    }
}

#[tokio::test]
async fn whatever_ig_refuses_to_go_on_with_ends_a_pair_as_well() {
    let code = |code| error(code);
    for (status, said) in [
        (401, String::new()),
        (401, code("error.security.brand-new")),
        (400, code("invalid.input")),
        (401, code("error.security.generic")),
        (403, code("error.security.account-suspended")),
    ] {
        let ended = || Script::default().on(SESSION, status, &said);
        let refused = refreshed(&ended(), &grant(&[]).await).await;
        let Err(AuthError::Rejected(failure)) = refused else { panic!("{said}: {refused:?}") };
        assert_eq!(failure.code, "session_ended", "{said}");
        let fresh = with_pair(ended(), SESSION, &fixture("session_POST_v2_200_body"));
        let next = refreshed(&fresh, &grant(&[("keep_login", "yes")]).await).await;
        assert_eq!(next.unwrap().access.expose(), PAIR, "{said}");
    }
    // A login that IG has locked is not used.
    let locked = error("error.security.too-many-failed-attempts");
    let script = Script::default().on(SESSION, 401, &locked);
    let refused = refreshed(&script, &grant(&[("keep_login", "yes")]).await).await;
    assert!(matches!(refused, Err(AuthError::Rejected(_))), "{refused:?}");
    assert_eq!(script.asked().len(), 1);
}
