//! `CST` and `X-SECURITY-TOKEN`: v1 and v2 logins, tokens for streams, another account.

use serde_json::json;

use super::{Desk, assert_refused};

const CLIENT: &str = "error.security.client-token-invalid";
const ACCOUNT: &str = "error.security.account-token-invalid";

#[tokio::test]
async fn v1_and_v2_logins_answer_with_a_pair_in_headers() {
    for version in [1, 2] {
        let mut desk = Desk::new();
        let answer = desk.knock(version, "trader", "sandbox").await;
        assert!(!answer.header("cst").is_empty() && !answer.header("x-security-token").is_empty());
        assert_eq!(answer.json["currentAccountId"], "ABC123");
        assert_eq!(answer.json["accounts"][0]["preferred"], true);
        assert_eq!(answer.json["accounts"][1]["accountType"], "SPREADBET");
        desk.carry(&answer);
        assert_eq!(desk.get("/accounts").await.status, 200);
        assert_eq!(desk.counts().access_tokens_issued, 1);
    }
}

#[tokio::test]
async fn a_pair_lives_six_hours_from_its_last_use_and_three_days_at_most() {
    let hour = 60 * 60;
    let desk = Desk::v2().await;
    desk.play.advance(6 * hour);
    assert_refused(&desk.get("/accounts").await, 401, CLIENT);

    let desk = Desk::v2().await;
    for _ in 0..14 {
        desk.play.advance(5 * hour);
        assert_eq!(desk.get("/accounts").await.status, 200);
    }
    desk.play.advance(2 * hour);
    assert_refused(&desk.get("/accounts").await, 401, CLIENT);
}

#[tokio::test]
async fn a_pair_that_a_pair_fetched_ends_with_the_three_days_of_the_first() {
    let hour = 60 * 60;
    let mut desk = Desk::v2().await;
    for _ in 0..14 {
        desk.play.advance(5 * hour);
        let answer = desk.get("/session?fetchSessionTokens=true").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        desk.carry(&answer);
    }
    desk.play.advance(2 * hour);
    assert_refused(&desk.get("/accounts").await, 401, CLIENT);
}

#[tokio::test]
async fn a_second_v2_login_ends_the_pairs_but_no_v3_session() {
    let first = Desk::v2().await;
    let mut second = Desk { play: first.play, head: first.head.clone() };
    second.set("CST", "");
    second.set("X-SECURITY-TOKEN", "");
    second.log_in(3).await;
    let bearer = second.head.clone();
    second.log_in(2).await;
    assert_eq!(second.counts().access_tokens_revoked, 1);
    second.set("Authorization", "");
    assert_eq!(second.get("/accounts").await.status, 200);
    second.head = first.head;
    assert_refused(&second.get("/accounts").await, 401, CLIENT);
    second.head = bearer;
    assert_eq!(second.get("/accounts").await.status, 200);
}

#[tokio::test]
async fn a_second_login_kills_every_session_once_it_is_told_to() {
    for version in [2, 3] {
        let mut desk = Desk::v3().await;
        desk.direct("second_login", json!({ "kills": true })).await;
        assert_eq!(desk.get("/accounts").await.status, 200);
        let before = desk.head.clone();
        desk.log_in(version).await;
        desk.head = before;
        let answer = desk.get("/accounts").await;
        assert_refused(&answer, 401, "error.security.oauth-token-invalid");
    }
}

#[tokio::test]
async fn a_v3_session_fetches_a_pair_for_the_account_it_names() {
    let mut desk = Desk::v3().await;
    let plain = desk.get("/session").await;
    assert!(!plain.head.contains_key("cst"));
    desk.set("IG-ACCOUNT-ID", "XYZ987");
    let answer = desk.get("/session?fetchSessionTokens=true").await;
    assert_eq!(answer.json["accountId"], "XYZ987");
    desk.carry(&answer);
    desk.set("Authorization", "");
    desk.set("IG-ACCOUNT-ID", "");
    assert_eq!(desk.get("/session").await.ok()["accountId"], "XYZ987");
    // The pair outlives the access token.
    desk.play.advance(3600);
    assert_eq!(desk.get("/session").await.status, 200);
}

#[tokio::test]
async fn a_pair_fetches_another_one_and_lives_on() {
    let mut desk = Desk::v2().await;
    let first = desk.head.clone();
    let answer = desk.get("/session?fetchSessionTokens=true").await;
    desk.carry(&answer);
    assert_ne!(first, desk.head);
    assert_eq!(desk.get("/accounts").await.status, 200);
    desk.head = first;
    assert_eq!(desk.get("/accounts").await.status, 200);
}

#[tokio::test]
async fn a_switch_gives_a_new_account_token_and_the_old_one_dies() {
    let mut desk = Desk::v2().await;
    let before = desk.head.clone();
    let body = json!({ "accountId": "XYZ987", "defaultAccount": "false" });
    let answer = desk.send("PUT", "/session", 1, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["dealingEnabled"], true);
    assert_refused(&desk.get("/session").await, 401, ACCOUNT);
    desk.carry(&answer);
    assert_eq!(desk.get("/session").await.ok()["accountId"], "XYZ987");
    assert_ne!(before, desk.head);
    // The default is what it was.
    assert_eq!(desk.log_in(2).await["currentAccountId"], "ABC123");
}

#[tokio::test]
async fn a_switch_can_change_the_default_account() {
    let mut desk = Desk::v2().await;
    let body = json!({ "accountId": "XYZ987", "defaultAccount": true });
    desk.send("PUT", "/session", 1, &body).await.ok();
    let login = desk.log_in(2).await;
    assert_eq!(login["currentAccountId"], "XYZ987");
    assert_eq!(login["accounts"][1]["preferred"], true);
    assert_eq!(desk.log_in(3).await["accountId"], "XYZ987");
}

#[tokio::test]
async fn a_switch_that_cannot_be_is_refused() {
    let desk = Desk::v2().await;
    for (account, code) in [
        (json!("ABC123"), "error.switch.accountId-must-be-different"),
        (json!("DEF456"), "error.switch.invalid-accountId"),
        (json!("NONE"), "error.switch.invalid-accountId"),
        (json!(null), "validation.null-not-allowed.request"),
    ] {
        let answer = desk.send("PUT", "/session", 1, &json!({ "accountId": account })).await;
        assert_refused(&answer, 400, code);
    }
    assert_eq!(desk.get("/session").await.ok()["accountId"], "ABC123");
}

#[tokio::test]
async fn a_bearer_token_alone_cannot_switch() {
    let mut desk = Desk::v3().await;
    let body = json!({ "accountId": "XYZ987" });
    let answer = desk.send("PUT", "/session", 1, &body).await;
    assert_refused(&answer, 401, "error.security.client-token-missing");
    let pair = desk.get("/session?fetchSessionTokens=true").await;
    desk.carry(&pair);
    let answer = desk.send("PUT", "/session", 1, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}
