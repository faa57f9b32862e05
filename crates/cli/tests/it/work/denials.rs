//! Each reason why a provider refuses a call is an error of its own, with a sentence for the user.

use reqwest::Method;
use serde_json::{Value, json};

use super::Desk;
use crate::bench::ADELE;

fn must_be(problem: &Value, code: &str, says: &str) {
    assert_eq!(problem["code"], code, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(says), "{code}: {detail}");
    assert!(!problem["remedy"].as_str().unwrap().is_empty(), "{problem}");
}

#[tokio::test]
async fn a_missing_permission_is_named_with_the_link_that_asks_for_it() {
    let desk = Desk::of("microsoft_calendar").await;
    let ask = json!({ "provider": "microsoft_outlook", "scopes": ["Mail.Read", "User.Read"] });
    let begun = desk
        .server
        .call(&desk.key, Method::POST, "/api/integrations/oauth/initiate/", Some(&ask))
        .await
        .expect(200);
    let back = desk.bench.sign_in(begun["authorization_url"].as_str().unwrap(), ADELE).await;
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let proof = json!({ "provider": "microsoft_outlook", "state": begun["state"], "code": code });
    let id = desk.server.callback(&desk.key, &proof).await.expect(201);
    let desk = Desk { at: format!("/api/integrations/{}", id["id"].as_str().unwrap()), ..desk };
    desk.get("/email-messages/?limit=1").await.expect(200);
    let message = json!({ "to": [{ "email": ADELE }], "subject": "x" });
    let refused = desk.post("/email-messages/", &message).await.expect(403);
    must_be(&refused, "missing_scope", "permission");
    assert!(
        refused["scopes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|s| s == "Mail.Send" || s == "Mail.ReadWrite"),
        "{refused}"
    );
    assert!(refused["reconnect_url"].as_str().unwrap().contains("/oauth/reconnect/"), "{refused}");
}

#[tokio::test]
async fn an_account_without_a_mailbox_is_told_so() {
    let desk = Desk::of_account("microsoft_outlook", "dana@contoso.example").await;
    let refused = desk.get("/email-messages/?limit=1").await.expect(403);
    must_be(&refused, "mailbox_missing", "mailbox");
}

#[tokio::test]
async fn what_is_gone_and_what_has_changed_are_told_apart() {
    let desk = Desk::of("microsoft_calendar").await;
    let event = json!({
        "subject": "Mine", "start_time": "2027-03-03T09:00:00Z", "end_time": "2027-03-03T10:00:00Z",
    });
    let made = desk.post("/calendar-events/", &event).await.expect(201);
    let id: String =
        url::form_urlencoded::byte_serialize(made["id"].as_str().unwrap().as_bytes()).collect();
    let path = format!("/calendar-events/{id}/");
    let old = made["version"].as_str().unwrap();
    desk.call(Method::PATCH, &path, &json!({ "subject": "Ours" }), &[]).await.expect(200);
    let stale = [("if-match", old)];
    let refused =
        desk.call(Method::PATCH, &path, &json!({ "subject": "Lost" }), &stale).await.expect(412);
    must_be(&refused, "item_changed", "changed");
    assert_eq!(desk.get(&path).await.expect(200)["subject"], "Ours");
    assert_eq!(desk.call(Method::DELETE, &path, &json!({}), &[]).await.status, 204);
    let refused = desk.get(&path).await.expect(404);
    assert_eq!(refused["code"], "item_not_found", "{refused}");
}

#[tokio::test]
async fn a_withdrawn_consent_and_a_policy_send_the_user_to_the_right_place() {
    for (number, code) in [
        (65_001, "reconnect_required"),
        (53_003, "reconnect_required"),
        (90_094, "consent_required"),
    ] {
        let desk = Desk::of("microsoft_outlook").await;
        desk.bench.sandbox.revoke_access_tokens().await;
        desk.bench.sandbox.fault("microsoft.token", 1, json!({ "aadsts": number })).await;
        let refused = desk.get("/email-messages/?limit=1").await.expect(409);
        assert_eq!(refused["code"], code, "{number}: {refused}");
        assert!(refused["reconnect_url"].is_string(), "{refused}");
        if number == 53_003 {
            assert_eq!(refused["reason"], "blocked_by_policy", "{refused}");
            assert_eq!(refused["actor"], "administrator", "{refused}");
            let remedy = refused["remedy"].as_str().unwrap();
            assert!(remedy.contains("connecting again does not help"), "{refused}");
        }
    }
}
