//! The control interface: clock, reset, world, ledger.

use serde_json::{Value, json};

use crate::play::{ADELE, BASE, Play};

#[tokio::test]
async fn the_world_says_everything_a_person_needs() {
    let play = Play::new();
    let world = play.control("GET", "world", &Value::Null).await.ok();
    let act = &world["acts"]["microsoft"];
    assert_eq!(act["users"][0]["upn"], ADELE);
    assert_eq!(act["users"][0]["password"], "sandbox");
    assert_eq!(act["registrations"][0]["client_id"], "sandbox-client");
    assert_eq!(act["registrations"][0]["client_secret"], "sandbox-secret");
    assert_eq!(act["endpoints"]["authority"], format!("{BASE}/common").as_str());
    let page = play.get("/").await;
    for text in ["sandbox-client / sandbox-secret", ADELE, "/_sandbox/ledger"] {
        assert!(page.text.contains(text), "{text}");
    }
    let printed: Vec<_> =
        play.stage.credentials().into_iter().map(|(_, credential)| credential.value).collect();
    assert!(printed.contains(&format!("{ADELE} / sandbox")), "{printed:?}");
}

#[tokio::test]
async fn the_ledger_shows_requests_and_tokens_but_no_secret() {
    let play = Play::new();
    let tokens = play.sign_in().await;
    let answer = play.control("GET", "ledger", &Value::Null).await;
    for token in ["access_token", "refresh_token", "id_token"] {
        assert!(!answer.text.contains(tokens[token].as_str().unwrap()), "{token}");
    }
    assert!(!answer.text.contains("sandbox-secret") && !answer.text.contains("?code"));
    let ledger = answer.ok();
    let requests: Vec<_> =
        ledger["requests"].as_array().unwrap().iter().map(|seen| &seen["where"]).collect();
    assert_eq!(requests, ["microsoft.authorize", "microsoft.token"]);
    assert_eq!(ledger["requests"][1]["status"], 200);
    let events: Vec<_> = ledger["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            format!("{} {}", entry["event"].as_str().unwrap(), entry["kind"].as_str().unwrap())
        })
        .collect();
    assert_eq!(events, ["issued code", "spent code", "issued refresh", "issued access"]);
    assert_eq!(ledger["summary"]["accounts"][ADELE]["code_redemptions"], 1);
    assert_eq!(ledger["summary"]["requests"], 2);
}

#[tokio::test]
async fn the_clock_moves_forward_when_told() {
    let play = Play::new();
    let now = |answer: Value| answer["now"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let before = now(play.control("GET", "clock", &Value::Null).await.ok());
    let after = now(play.control("POST", "clock", &json!({ "advance_seconds": 3600 })).await.ok());
    assert!(after.as_second() - before.as_second() >= 3600);
    for nonsense in [json!({}), json!({ "advance_seconds": -1 }), json!({ "seconds": 1 })] {
        assert_eq!(play.control("POST", "clock", &nonsense).await.status, 422, "{nonsense}");
    }
}

#[tokio::test]
async fn a_reset_makes_everything_new() {
    let play = Play::new();
    let tokens = play.sign_in().await;
    play.advance(3600);
    play.change(ADELE, "disable").await;
    play.fault(json!({ "where": "graph", "do": { "status": 500 } })).await;
    play.control("POST", "reset", &json!({ "seed": 7 })).await.ok();
    assert_eq!(play.stage.seed(), 7);
    assert!(play.stage.faults().is_empty() && play.stage.ledger().requests().is_empty());
    let refused = play.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await;
    assert_eq!(refused.refused(), (400, "invalid_grant", 70_000));
    play.sign_in().await;
}

#[tokio::test]
async fn ids_and_lifetimes_repeat_with_the_seed_but_tokens_do_not() {
    let (one, two) = (Play::new(), Play::new());
    let session = |answer: crate::play::Answer| answer.returned()["session_state"].clone();
    assert_eq!(session(one.authorize(&[]).await), session(two.authorize(&[]).await));
    let (one, two) = (one.sign_in().await, two.sign_in().await);
    assert_eq!(one["expires_in"], two["expires_in"]);
    assert_ne!(one["refresh_token"], two["refresh_token"]);
}

#[tokio::test]
async fn what_nobody_plays_is_said_so() {
    let play = Play::new();
    assert_eq!(play.get("/nothing/here").await.status, 404);
    for path in ["world/nobody/x", "world/microsoft/x", "world/microsoft/users/nobody/disable"] {
        let answer = play.control("POST", path, &json!({})).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    let path = format!("world/microsoft/users/{ADELE}/disable");
    let answer = play.control("POST", &path, &json!({ "until": "monday" })).await;
    assert_eq!(answer.status, 422, "nothing is silently ignored");
}
