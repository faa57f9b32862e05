//! What clients read first.

use serde_json::json;

use crate::play::{BASE, Play, assert_like, fixture};

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

#[tokio::test]
async fn discovery_has_the_members_and_the_issuer_quirk_of_the_real_one() {
    let play = Play::new();
    for (segment, example) in [
        ("common", "common"),
        ("organizations", "common"),
        ("consumers", "consumers"),
        (TENANT, "tenant"),
        ("contoso.example", "tenant"),
    ] {
        let answer = play.get(&format!("/{segment}/v2.0/.well-known/openid-configuration")).await;
        let name = format!("openid-configuration.{example}.response");
        assert_like(&name, &answer);
        let expected = fixture(&name)["response"]["body"].clone();
        let real = expected["issuer"].as_str().unwrap();
        let issuer = real.replace("https://login.microsoftonline.com", BASE);
        assert_eq!(answer.json["issuer"], issuer.as_str(), "{segment}");
        // A domain is answered with the GUID in all URLs.
        let named = if example == "tenant" { TENANT } else { segment };
        let token = format!("{BASE}/{named}/oauth2/v2.0/token");
        assert_eq!(answer.json["token_endpoint"], token.as_str());
    }
}

#[tokio::test]
async fn an_unknown_tenant_is_named() {
    let answer =
        Play::new().get("/nosuchtenant.example/v2.0/.well-known/openid-configuration").await;
    assert_like("openid-configuration.unknown-tenant.response", &answer);
    assert_eq!(answer.refused(), (400, "invalid_tenant", 90_002));
    assert!(answer.text.contains("Tenant 'nosuchtenant.example' not found."));
}

#[tokio::test]
async fn instance_discovery_knows_its_own_host_alone() {
    let play = Play::new();
    let ask = |host: &str| {
        format!(
            "/common/discovery/instance?api-version=1.1&authorization_endpoint=https%3A%2F%2F{host}%2Fcommon%2Foauth2%2Fv2.0%2Fauthorize"
        )
    };
    let answer = play.get(&ask("login.test")).await;
    assert_like("instance-discovery.response", &answer);
    assert_eq!(answer.json["metadata"][0]["aliases"], json!(["login.test"]));
    let answer = play.get(&ask("login.elsewhere.example")).await;
    assert_like("instance-discovery.invalid_instance.response", &answer);
}

#[tokio::test]
async fn tokens_are_signed_by_the_newest_key_of_the_set() {
    let play = Play::new();
    let keys = play.get("/common/discovery/v2.0/keys").await;
    assert_like("jwks.common.response", &keys);
    let before = play.sign_in().await;
    let rotated = play.control("POST", "world/microsoft/rotate-keys", &json!({})).await.ok();
    let after = play.sign_in().await;
    let keys = play.get("/common/discovery/v2.0/keys").await.ok();
    let published: Vec<_> =
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
    assert_eq!(published.len(), 2);
    assert_eq!(published[0], rotated["kid"]);
    for (response, kid) in [(&after, &published[0]), (&before, &published[1])] {
        for token in ["id_token", "access_token"] {
            let token = response[token].as_str().unwrap();
            assert_eq!(crate::play::part(token, 0)["kid"], *kid);
            verify(token, &keys);
        }
    }
    // A retired key does not void what it signed.
    let token = before["access_token"].as_str().unwrap();
    assert_eq!(play.graph("GET", "/v1.0/me", token).await.status, 200);
}

/// Checks a signature with a library that the sandbox does not use.
fn verify(token: &str, keys: &serde_json::Value) {
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(keys.clone()).unwrap();
    let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&kid).unwrap()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    rules.validate_aud = false;
    jsonwebtoken::decode::<serde_json::Value>(token, &key, &rules).unwrap();
}
