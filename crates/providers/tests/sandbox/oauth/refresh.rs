//! What becomes of refresh tokens, and how tokens end.

use std::time::Duration;

use evergrant_sandbox::StageConfig;
use serde_json::{Value, json};

use super::{ADELE, Acme, SCOPE, counts, refused};
use crate::play::{Play, config};

#[tokio::test]
async fn a_second_use_revokes_the_family_where_it_is_strict() {
    let play = Play::new();
    let acme = Acme(&play, "strict");
    let (first, other) = (acme.sign_in().await, acme.sign_in().await);
    let second = acme.refresh(&first["refresh_token"], &[]).await.ok();
    acme.me(&first["access_token"]).await.ok();
    let reused = acme.refresh(&first["refresh_token"], &[]).await;
    assert_eq!(refused(&reused), (400, "invalid_grant"));
    for token in [&first["access_token"], &second["access_token"]] {
        assert_eq!(refused(&acme.me(token).await), (401, "invalid_token"), "at once");
    }
    let newest = acme.refresh(&second["refresh_token"], &[]).await;
    assert_eq!(refused(&newest), (400, "invalid_grant"));
    acme.me(&other["access_token"]).await.ok();
    let counts = counts(&play);
    assert_eq!((counts.families_revoked, counts.grants_revoked), (1, 1));
    assert_eq!((counts.access_tokens_revoked, counts.refreshes_refused), (2, 2));
    let ledger = play.control("GET", "ledger", &Value::Null).await.ok();
    assert_eq!(ledger["summary"]["families_revoked"], 1);
    assert_eq!(ledger["summary"]["accounts"][ADELE]["families_revoked"], 1);
}

#[tokio::test]
async fn a_repetition_gives_the_same_pair_within_the_grace() {
    let play = Play::new();
    let acme = Acme(&play, "grace");
    let first = acme.sign_in().await;
    let second = acme.refresh(&first["refresh_token"], &[]).await.ok();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    play.advance(20);
    assert_eq!(acme.refresh(&first["refresh_token"], &[]).await.ok(), second);
    let third = acme.refresh(&second["refresh_token"], &[]).await.ok();
    play.advance(10);
    assert_eq!(refused(&acme.refresh(&first["refresh_token"], &[]).await), (400, "invalid_grant"));
    assert_eq!(acme.me(&third["access_token"]).await.status, 401);
    assert_eq!(counts(&play).families_revoked, 1);
}

#[tokio::test]
async fn plain_refresh_tokens_stay_and_lasting_tokens_need_none() {
    let play = Play::new();
    let plain = Acme(&play, "plain");
    let first = plain.sign_in().await;
    for _ in 0..3 {
        let body = plain.refresh(&first["refresh_token"], &[]).await.ok();
        assert!(body.get("refresh_token").is_none(), "it stays what it is");
        plain.me(&body["access_token"]).await.ok();
    }
    assert_eq!((counts(&play).refreshes, counts(&play).refresh_tokens_issued), (3, 1));
    let lasting = Acme(&play, "lasting");
    let tokens = lasting.sign_in().await;
    assert!(tokens.get("refresh_token").is_none() && tokens.get("expires_in").is_none());
    play.advance(10 * 365 * 24 * 3600);
    lasting.me(&tokens["access_token"]).await.ok();
    assert_eq!(lasting.me(&first["access_token"]).await.status, 401, "of another provider");
}

#[tokio::test]
async fn the_lifetime_and_the_scope_of_a_refresh() {
    let play = Play::with(StageConfig { access_ttl: Some(Duration::from_secs(7)), ..config() });
    let acme = Acme(&play, "strict-2");
    let tokens = acme.sign_in().await;
    assert_eq!(tokens["expires_in"], 7);
    let more = acme.refresh(&tokens["refresh_token"], &[("scope", "read admin")]).await;
    assert_eq!(refused(&more), (400, "invalid_scope"));
    let narrow = acme.refresh(&tokens["refresh_token"], &[("scope", "read")]).await.ok();
    assert_eq!(narrow["scope"], "read");
    let whole = acme.refresh(&narrow["refresh_token"], &[]).await.ok();
    assert_eq!(whole["scope"], SCOPE, "the grant is as wide as before");
}

#[tokio::test]
async fn tokens_are_revoked_by_the_client_and_by_the_user() {
    let play = Play::new();
    let acme = Acme(&play, "strict");
    let revoke = async |token: &Value| {
        let token = token.as_str().unwrap();
        acme.post("revoke", &[("token", token)], &[]).await.status
    };
    let tokens = acme.sign_in().await;
    assert_eq!(revoke(&json!("unknown")).await, 200);
    assert_eq!(revoke(&tokens["access_token"]).await, 200);
    assert_eq!(acme.me(&tokens["access_token"]).await.status, 401);
    let tokens = acme.refresh(&tokens["refresh_token"], &[]).await.ok();
    assert_eq!(revoke(&tokens["refresh_token"]).await, 200);
    assert_eq!(acme.me(&tokens["access_token"]).await.status, 401, "with its family");
    assert_eq!(refused(&acme.refresh(&tokens["refresh_token"], &[]).await), (400, "invalid_grant"));
    let public = [("client_id", "nobody")];
    let stranger = acme.post("revoke", &[("token", "x")], &public).await;
    assert_eq!(refused(&stranger), (401, "invalid_client"));

    let tokens = acme.sign_in().await;
    acme.direct("users/adele/revoke-access-tokens", json!({})).await;
    assert_eq!(acme.me(&tokens["access_token"]).await.status, 401);
    let tokens = acme.refresh(&tokens["refresh_token"], &[]).await.ok();
    acme.direct("users/adele/revoke", json!({})).await;
    assert_eq!(acme.me(&tokens["access_token"]).await.status, 401);
    assert_eq!(refused(&acme.refresh(&tokens["refresh_token"], &[]).await), (400, "invalid_grant"));
    let counts = counts(&play);
    assert_eq!((counts.grants_revoked, counts.families_revoked), (2, 0));
    assert_eq!(counts.access_tokens_revoked, 4);
}

#[tokio::test]
async fn a_reset_forgets_the_providers_too() {
    let play = Play::new();
    let acme = Acme(&play, "strict");
    let tokens = acme.sign_in().await;
    acme.direct("secret", json!({ "secret": "second" })).await;
    play.control("POST", "reset", &json!({})).await.ok();
    assert_eq!(acme.me(&tokens["access_token"]).await.status, 401);
    assert_eq!(refused(&acme.refresh(&tokens["refresh_token"], &[]).await), (400, "invalid_grant"));
    let unknown =
        ["world/oauth/strict/x", "world/oauth/strict/users/x/revoke", "world/oauth/X/secret"];
    for path in unknown {
        assert_eq!(play.control("POST", path, &json!({})).await.status, 404, "{path}");
    }
}
