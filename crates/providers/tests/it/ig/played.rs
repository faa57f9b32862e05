//! Sessions against the sandbox, which was written from the contract by somebody else.

use std::sync::Arc;
use std::time::Duration;

use evergrant::testing::{SeededEntropy, TestClock};
use evergrant::{
    AccessToken, Api, CallError, Integration, MinLife, Secret, TokenError, Transport as _,
};
use evergrant_providers::ig::Settings as Ig;
use evergrant_sandbox::{Courier, InProcess, Seen, Stage, StageConfig};
use serde_json::{Value, json};

use super::office::House;
use crate::script::now;

const BASE: &str = "https://cloud.test";

struct Play {
    stage: Stage,
    house: House,
}

impl Play {
    async fn new() -> Self {
        let clock = TestClock::at(now());
        let stage = evergrant_providers::sandbox::stage(StageConfig {
            seed: 1,
            strict_rotation: true,
            access_ttl: None,
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::default()),
            courier: Courier::default(),
        });
        let ig = Ig {
            api_key: Some("sandbox-key".into()),
            url: Some(format!("{BASE}/gateway/deal").parse().unwrap()),
            ..Ig::default()
        };
        let house = House::new(ig, Arc::new(InProcess::new(&stage)), &clock).await;
        Self { stage, house }
    }

    async fn connect(&self, further: &[(&str, &str)]) -> (Integration, Api) {
        let login = [("identifier", "trader"), ("password", "sandbox")];
        let fields = login.iter().chain(further);
        let filled = fields.map(|&(n, v)| (n.to_owned(), Secret::from(v))).collect();
        let integration = self.house.connect(filled).await.unwrap();
        let api = self.house.open(&integration).await;
        (integration, api)
    }

    async fn accounts(&self, api: &Api) -> Result<usize, CallError> {
        let provider = Arc::clone(api.provider());
        let trading = provider.trading().unwrap();
        Ok(self.house.run(trading.accounts(api)).await?.len())
    }

    async fn direct(&self, path: &str, body: Value) {
        let url = format!("{BASE}/_sandbox/world/ig/{path}");
        let request = http::Request::post(url).header("content-type", "application/json");
        let request = request.body(body.to_string().into()).unwrap();
        let answer = InProcess::new(&self.stage).send(request).await.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
    }

    fn pass(&self, seconds: u64) {
        self.house.clock.advance(Duration::from_secs(seconds));
    }

    /// How many requests of this kind were answered with a success, and how many not.
    fn seen(&self, method: &str, path: &str) -> (usize, usize) {
        let requests = self.stage.ledger().requests();
        let path = format!("/gateway/deal{path}");
        let asked = requests.iter().filter(|s: &&Seen| s.method == method && s.path == path);
        let (good, bad): (Vec<_>, Vec<_>) =
            asked.partition(|seen| seen.status.is_some_and(|status| status < 300));
        (good.len(), bad.len())
    }

    fn logins(&self) -> (usize, usize) {
        self.seen("POST", "/session")
    }

    fn refreshes(&self) -> (usize, usize) {
        self.seen("POST", "/session/refresh-token")
    }

    /// What a token gets without the vault.
    async fn knock(&self, token: &AccessToken) -> u16 {
        let url = format!("{BASE}/gateway/deal/accounts");
        let mut request = http::Request::get(url).body(bytes::Bytes::new()).unwrap();
        let providers = self.house.vault.providers();
        providers.find(&"ig".into()).unwrap().sign(&mut request, token);
        InProcess::new(&self.stage).send(request).await.unwrap().status().as_u16()
    }
}

#[tokio::test]
async fn a_minute_costs_one_refresh_and_no_login() {
    let play = Play::new().await;
    let (integration, api) = play.connect(&[]).await;
    assert!(integration.account.id.starts_with("demo:"));
    assert_eq!(integration.account.name, "ABC123");
    for _ in 0..20 {
        assert_eq!(play.accounts(&api).await.unwrap(), 2);
        play.pass(61);
    }
    assert_eq!((play.logins(), play.refreshes()), ((1, 0), (19, 0)));
}

#[tokio::test]
async fn a_token_that_dies_early_is_replaced_and_the_call_succeeds() {
    let play = Play::new().await;
    let (_, api) = play.connect(&[]).await;
    play.accounts(&api).await.unwrap();
    play.direct("expire", json!({})).await;
    play.accounts(&api).await.unwrap();
    assert_eq!((play.logins(), play.refreshes()), ((1, 0), (1, 0)));
    assert_eq!(play.seen("GET", "/accounts"), (2, 1));
}

#[tokio::test]
async fn callers_at_once_share_one_refresh() {
    let play = Play::new().await;
    let (_, api) = play.connect(&[]).await;
    play.pass(61);
    let provider = Arc::clone(api.provider());
    let trading = provider.trading().unwrap();
    let all = futures_util::future::join_all((0..8).map(|_| trading.accounts(&api)));
    assert!(play.house.run(all).await.iter().all(Result::is_ok));
    assert_eq!((play.logins(), play.refreshes()), ((1, 0), (1, 0)));
}

#[tokio::test]
async fn a_session_that_was_silent_for_eleven_minutes_signs_in_once_where_that_was_agreed() {
    let play = Play::new().await;
    let (_, api) = play.connect(&[("keep_login", "yes"), ("account_id", "XYZ987")]).await;
    play.pass(11 * 60 + 1);
    play.accounts(&api).await.unwrap();
    assert_eq!((play.logins(), play.refreshes()), ((2, 0), (0, 1)));
    let last = play.stage.ledger().requests();
    assert_eq!(last.iter().filter(|seen| seen.status == Some(401)).count(), 1);
}

#[tokio::test]
async fn a_session_that_was_silent_for_eleven_minutes_wants_its_user_otherwise() {
    let play = Play::new().await;
    let (integration, api) = play.connect(&[]).await;
    play.pass(11 * 60 + 1);
    let refused = play.accounts(&api).await;
    let Err(CallError::Token(TokenError::ReconnectRequired { why, .. })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(why.code, "session_ended");
    // Nobody is asked again until the user comes.
    play.accounts(&api).await.unwrap_err();
    assert_eq!((play.logins(), play.refreshes()), ((1, 0), (0, 1)));
    let (again, api) = play.connect(&[]).await;
    assert_eq!(again.id, integration.id, "it is the same connection");
    play.accounts(&api).await.unwrap();
}

#[tokio::test]
async fn a_weekend_ends_everything_and_costs_one_login() {
    for version in ["3", "2"] {
        let play = Play::new().await;
        let (_, api) = play.connect(&[("keep_login", "yes"), ("session_version", version)]).await;
        play.pass(2 * 60);
        play.accounts(&api).await.unwrap();
        play.direct("weekend", json!({})).await;
        play.accounts(&api).await.unwrap();
        assert_eq!(play.logins(), (2, 0), "version {version}");
    }
}

#[tokio::test]
async fn a_pair_lasts_for_hours_and_is_asked_for_anew_without_the_password() {
    let play = Play::new().await;
    let (_, api) = play.connect(&[("session_version", "2"), ("account_id", "XYZ987")]).await;
    assert_eq!(play.seen("PUT", "/session"), (1, 0));
    for _ in 0..5 {
        play.accounts(&api).await.unwrap();
        play.pass(5 * 3600 + 58 * 60);
    }
    assert_eq!(play.logins(), (1, 0));
    assert!(play.seen("GET", "/session").0 >= 4);
    let answer = play.house.run(api.get("/session")).await.unwrap();
    let session: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(session["accountId"], "XYZ987", "it is in the account that was chosen");
}

#[tokio::test]
async fn a_login_whose_password_must_be_encrypted_is() {
    for version in ["3", "2"] {
        let play = Play::new().await;
        play.direct("encryption", json!({ "identifier": "trader", "required": true })).await;
        let (_, api) = play.connect(&[("keep_login", "yes"), ("session_version", version)]).await;
        play.accounts(&api).await.unwrap();
        assert_eq!(play.logins(), (1, 1));
        play.pass(2 * 60);
        play.direct("weekend", json!({})).await;
        play.accounts(&api).await.unwrap();
        assert_eq!(play.logins(), (2, 1), "the second time it is known");
    }
}

#[tokio::test]
async fn a_password_that_was_changed_is_tried_once_and_locks_nobody_out() {
    let play = Play::new().await;
    let (_, api) = play.connect(&[("keep_login", "yes")]).await;
    play.direct("password", json!({ "identifier": "trader", "password": "another" })).await;
    play.pass(12 * 60);
    for _ in 0..10 {
        let refused = play.accounts(&api).await;
        let Err(CallError::Token(TokenError::ReconnectRequired { why, .. })) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(why.code, "wrong_password");
        play.pass(60);
    }
    assert_eq!(play.logins(), (1, 1));
}

#[tokio::test]
async fn two_accounts_of_one_login_are_two_connections() {
    let play = Play::new().await;
    let (first, own) = play.connect(&[]).await;
    let (second, other) = play.connect(&[("account_id", "XYZ987")]).await;
    assert_ne!(first.id, second.id);
    assert_eq!((own.account().name.as_str(), other.account().name.as_str()), ("ABC123", "XYZ987"));
    assert_eq!((first.label.as_str(), second.label.as_str()), ("ABC123", "XYZ987"));
}

#[tokio::test]
async fn what_cancels_is_not_sent_while_the_accounts_calls_are_used_up() {
    let play = Play::new().await;
    // No refresh waits for the same: its token lives for hours.
    let (_, api) = play.connect(&[("session_version", "2")]).await;
    play.direct("allowances", json!({ "account": 0 })).await;
    play.accounts(&api).await.unwrap_err();
    play.direct("allowances", json!({ "account": 30 })).await;
    let cancel = api.request(http::Method::DELETE, "/workingorders/otc/DIAAAA").unwrap();
    let cancel = cancel.header("version", "2").body(bytes::Bytes::new()).unwrap();
    play.house.run(api.send(cancel)).await.unwrap();
    let requests = play.stage.ledger().requests();
    let stopped = requests.iter().rfind(|seen| seen.status == Some(403)).unwrap().at;
    let sent = requests.iter().find(|seen| seen.method == "DELETE").unwrap().at;
    assert!(sent.duration_since(stopped).as_secs() >= 60, "{requests:?}");
}

#[tokio::test]
async fn a_disconnect_ends_the_session_though_its_token_is_dead() {
    let play = Play::new().await;
    let (integration, api) = play.connect(&[("keep_login", "yes")]).await;
    play.accounts(&api).await.unwrap();
    play.pass(2 * 60);
    let vault = &play.house.vault;
    play.house.run(vault.disconnect(play.house.owner, integration.id)).await.unwrap();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(play.seen("DELETE", "/session"), (1, 1));
    assert_eq!((play.logins(), play.refreshes()), ((1, 0), (1, 0)), "the login is not used");
}

#[tokio::test]
async fn a_disconnect_ends_the_session() {
    for version in ["3", "2"] {
        let play = Play::new().await;
        let (integration, api) = play.connect(&[("session_version", version)]).await;
        play.accounts(&api).await.unwrap();
        let vault = &play.house.vault;
        let token = vault.token(play.house.owner, integration.id, MinLife::default());
        let token = play.house.run(token).await.unwrap();
        assert_eq!(play.knock(&token).await, 200);
        play.house.run(vault.disconnect(play.house.owner, integration.id)).await.unwrap();
        // It is ended in the background.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(play.seen("DELETE", "/session"), (1, 0), "version {version}");
        assert_eq!(play.knock(&token).await, 401, "the session is over at IG, too");
    }
}
