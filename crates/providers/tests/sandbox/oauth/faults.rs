//! Scripted faults.

use serde_json::json;

use super::{ADELE, Acme, refused};
use crate::play::Play;

#[tokio::test]
async fn every_oauth_error_can_be_scripted() {
    let play = Play::new();
    let acme = Acme(&play, "plain");
    let tokens = acme.sign_in().await;
    for (error, status) in [
        ("invalid_request", 400),
        ("invalid_client", 401),
        ("invalid_grant", 400),
        ("unauthorized_client", 400),
        ("unsupported_grant_type", 400),
        ("invalid_scope", 400),
        ("slow_down", 400),
        ("temporarily_unavailable", 503),
        ("server_error", 500),
        ("something_of_their_own", 400),
    ] {
        let matching = json!({ "account": ADELE, "grant_type": "refresh_token", "name": "plain" });
        let deed = json!({ "oauth_error": error, "description": "scripted" });
        play.fault(json!({ "where": "oauth.token", "match": matching, "do": deed })).await;
        acme.own(&[]).await.ok();
        let answer = acme.refresh(&tokens["refresh_token"], &[]).await;
        assert_eq!(refused(&answer), (status, error));
        assert_eq!(answer.json["error_description"], "scripted");
    }
    let deed = json!({ "oauth_error": "invalid_grant", "status": 403, "retry_after": 3 });
    play.fault(json!({ "where": "oauth.token", "do": deed })).await;
    let odd = acme.refresh(&tokens["refresh_token"], &[]).await;
    assert_eq!((refused(&odd), odd.header("retry-after")), ((403, "invalid_grant"), "3"));
    assert!(odd.json.get("error_description").is_none());

    let denied = json!({ "oauth_error": "access_denied" });
    let matching = json!({ "account": ADELE });
    play.fault(json!({ "where": "oauth.authorize", "match": matching, "do": denied })).await;
    let back = acme.authorize(&[]).await.returned();
    assert_eq!((back["error"].as_str(), back["state"].as_str()), ("access_denied", "S T=A&TE"));

    for site in ["oauth.api", "oauth.userinfo"] {
        let matching = json!({ "account": ADELE, "client_id": "acme-client" });
        let deed = json!({ "oauth_error": "invalid_token" });
        play.fault(json!({ "where": site, "match": matching, "do": deed })).await;
    }
    assert_eq!(refused(&acme.me(&tokens["access_token"]).await), (401, "invalid_token"));
    let token = tokens["access_token"].as_str().unwrap();
    let userinfo = play.graph("GET", &acme.path("userinfo"), token).await;
    assert!(userinfo.header("www-authenticate").contains("invalid_token"));
    play.fault(json!({ "where": "oauth.revoke", "do": { "status": 503 } })).await;
    assert_eq!(acme.post("revoke", &[("token", token)], &[]).await.status, 503);
    let html =
        json!({ "status": 200, "body": "<html>", "headers": { "content-type": "text/html" } });
    play.fault(json!({ "where": "oauth.discovery", "do": html })).await;
    let page = play.get(&acme.path(".well-known/openid-configuration")).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html"));

    for (fault, reason) in [
        (json!({ "where": "oauth.token", "do": { "aadsts": 50_173 } }), "aadsts"),
        (
            json!({ "where": "oauth.token", "do": { "description": "x", "status": 400 } }),
            "description",
        ),
        (json!({ "where": "oauth.token", "do": { "oauth_error": "x", "body": "y" } }), "body"),
        (json!({ "where": "oauth.discovery", "do": { "oauth_error": "x" } }), "no OAuth errors"),
        (
            json!({ "where": "oauth.device", "match": { "account": "x" }, "do": { "status": 500 } }),
            "account",
        ),
    ] {
        let answer = play.control("POST", "faults", &fault).await;
        assert_eq!(answer.status, 422, "{fault}");
        assert!(answer.json["detail"].as_str().unwrap().contains(reason), "{}", answer.text);
    }
}
