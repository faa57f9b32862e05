//! Continuous access evaluation: an API that refuses a good token, and says what the next must claim.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use url::Url;

use crate::bench::{ADELE, Answer, Bench, PROVIDER, Server};

const CALLERS: usize = 50;

/// The answers of Graph so far.
async fn graph(bench: &Bench) -> Vec<u64> {
    bench.sandbox.statuses("graph").await
}

async fn refreshes(bench: &Bench) -> u64 {
    assert_eq!(bench.sandbox.count("refreshes_refused").await, 0);
    bench.sandbox.count("refreshes").await
}

/// What Graph demands of whoever calls with this token, as it stands in its answer.
async fn demanded(bench: &Bench, token: &str) -> String {
    let request = bench.http.get(format!("{}/v1.0/me", bench.sandbox.https)).bearer_auth(token);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    let (_, claims) = challenge.split_once("claims=\"").expect("claims in the challenge");
    claims.split('"').next().unwrap().to_owned()
}

fn decoded(claims: &str) -> String {
    String::from_utf8(STANDARD.decode(claims).unwrap()).unwrap()
}

#[tokio::test]
async fn a_challenge_at_a_terminal_costs_one_refresh_and_one_replay() {
    let bench = Bench::new().await;
    let id = bench.connect(&[]).await;
    bench.ok(&["call", &id, "GET", "/me"]).await;
    bench.sandbox.change_adele("claims-challenge").await;
    let me = bench.ok(&["call", &id, "GET", "/me"]).await;
    assert!(me.contains(ADELE), "{me}");
    assert_eq!(graph(&bench).await, [200, 401, 200]);
    assert_eq!(refreshes(&bench).await, 1);
    bench.ok(&["call", &id, "GET", "/me"]).await;
    assert_eq!(graph(&bench).await, [200, 401, 200, 200]);
    assert_eq!(refreshes(&bench).await, 1);
}

#[tokio::test]
async fn a_challenge_over_rest_costs_one_refresh_however_many_call() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    let id = server.connect(&bench, &key).await;
    let path = format!("/api/integrations/{id}/profile/");
    server.get(&key, &path).await.expect(200);
    bench.sandbox.change_adele("claims-challenge").await;
    assert_eq!(server.get(&key, &path).await.expect(200)["email"], ADELE);
    assert_eq!(graph(&bench).await, [200, 401, 200]);
    assert_eq!(refreshes(&bench).await, 1);

    bench.sandbox.change_adele("claims-challenge").await;
    // Held back until as many are on their way with the old token as may be at a time.
    bench.sandbox.fault("graph", 4, json!({ "delay_ms": 500 })).await;
    let mut calls = JoinSet::new();
    for _ in 0..CALLERS {
        let call = bench.http.get(format!("{}{path}", server.api)).bearer_auth(&key);
        calls.spawn(async move { Answer::of(call.send().await.unwrap()).await });
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.expect(200)["email"], ADELE);
    }
    let refused = graph(&bench).await.iter().filter(|status| **status == 401).count();
    println!("{} of {CALLERS} calls were challenged", refused - 1);
    assert!(refused - 1 > 1, "{refused}");
    assert_eq!(refreshes(&bench).await, 2);
}

#[tokio::test]
async fn raw_callers_hand_in_the_challenge_and_get_the_token_that_meets_it() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    let id = server.connect(&bench, &key).await;
    let path = format!("/api/integrations/{id}/token/");
    let mut token = server.token(&key, &id).await.expect(200)["access_token"].clone();
    // As it stands in the header, decoded, and the way URLs have it.
    let forms: [fn(String) -> String; 3] = [
        |claims| claims,
        |claims| decoded(&claims),
        |claims| URL_SAFE_NO_PAD.encode(decoded(&claims)),
    ];
    for (n, form) in (1..).zip(forms) {
        bench.sandbox.change_adele("claims-challenge").await;
        let claims = form(demanded(&bench, token.as_str().unwrap()).await);
        let body = json!({ "refused": token, "claims": claims });
        let next = server.call(&key, Method::POST, &path, Some(&body)).await.expect(200);
        let next = next["access_token"].clone();
        assert_eq!(
            bench.sandbox.call_api("v1.0/me", next.as_str().unwrap()).await,
            200,
            "{claims}"
        );
        assert_eq!(refreshes(&bench).await, n);
        // Whoever comes late with the same gets the same.
        let late = server.call(&key, Method::POST, &path, Some(&body)).await.expect(200);
        assert_eq!(late["access_token"], next);
        assert_eq!(refreshes(&bench).await, n);
        // Raw callers do not say that a token works; without any that does, three refused ones in a row
        // would be taken for a provider that refuses what it issues.
        server.get(&key, &format!("/api/integrations/{id}/profile/")).await.expect(200);
        token = next;
    }
    let nonsense = json!({ "refused": token, "claims": "%%%" });
    server.call(&key, Method::POST, &path, Some(&nonsense)).await.expect(422);
}

/// The claims that the page at this address asks for.
fn asked(page: &str) -> Value {
    let page = Url::parse(page).unwrap();
    let claims = page.query_pairs().find(|(name, _)| name == "claims").expect("claims").1;
    serde_json::from_str(&claims).unwrap()
}

/// Begins to reconnect; gives the page's address.
async fn reconnect(server: &Server, key: &str, id: &str) -> String {
    let ask = json!({ "provider": PROVIDER, "integration": id });
    let path = "/api/integrations/oauth/initiate/";
    let begun = server.call(key, Method::POST, path, Some(&ask)).await.expect(200);
    begun["authorization_url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_challenge_that_only_the_user_can_meet_is_put_to_the_user() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    let id = server.connect(&bench, &key).await;
    let path = format!("/api/integrations/{id}/profile/");
    server.get(&key, &path).await.expect(200);
    let token = server.token(&key, &id).await.expect(200)["access_token"].clone();
    bench.sandbox.change_adele("claims-challenge").await;
    bench.sandbox.change_adele("refuse-claims").await;
    let claims: Value =
        serde_json::from_str(&decoded(&demanded(&bench, token.as_str().unwrap()).await)).unwrap();
    let not_before = claims["access_token"]["nbf"].clone();
    assert!(not_before.is_object(), "{claims}");

    let refused = server.get(&key, &path).await.expect(409);
    assert_eq!(refused["code"], "reconnect_required", "{refused}");
    assert_eq!(refused["reason"], "mfa_required", "{refused}");
    let list = server.get(&key, "/api/integrations/").await.expect(200);
    assert_eq!(list["results"][0]["status"], "needs_reconnect", "{list}");
    assert_eq!(list["results"][0]["reason"]["code"], "mfa_required", "{list}");
    let done = bench.run(&["call", &id, "GET", "/me"]).await;
    assert_eq!((done.code, done.out.as_str()), (3, ""), "{done:?}");

    // Either way to reconnect asks for what was demanded, and for what a client can do, as ever.
    let page = reconnect(&server, &key, &id).await;
    let onward = bench.http.get(refused["reconnect_url"].as_str().unwrap()).send().await.unwrap();
    let link = onward.headers()["location"].to_str().unwrap().to_owned();
    for page in [&page, &link] {
        let asked = asked(page);
        println!("{asked}");
        assert!(asked["access_token"]["xms_cc"].is_object(), "{asked}");
        let members = asked["access_token"].as_object().unwrap();
        assert!(members.len() > 1, "nothing was demanded: {asked}");
    }
    let back = bench.sign_in(&page, ADELE).await;
    let request = bench.http.get(back).header("accept", "application/json");
    let connected = Answer::of(request.send().await.unwrap()).await.expect(201);
    assert_eq!(connected["id"], id);
    assert_eq!(server.get(&key, &path).await.expect(200)["email"], ADELE);
}
