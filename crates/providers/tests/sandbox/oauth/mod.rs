//! The plain providers, by the standards.

mod clients;
mod faults;
mod refresh;
mod sign_in;

use evergrant_sandbox::Counts;
use serde_json::Value;

use crate::play::{Answer, CHALLENGE, Form, Play, REDIRECT, VERIFIER, merged};

const ADELE: &str = "adele@acme.example";
const SCOPE: &str = "openid read write";
const SECRET: Form<'static> = &[("client_id", "acme-client"), ("client_secret", "acme-secret")];

/// One of the providers of a play.
struct Acme<'a>(&'a Play, &'a str);

impl Acme<'_> {
    fn path(&self, end: &str) -> String {
        format!("/oauth/{}/{end}", self.1)
    }

    async fn authorize(&self, changes: Form<'_>) -> Answer {
        let query = merged(
            &[
                ("client_id", "acme-client"),
                ("response_type", "code"),
                ("redirect_uri", REDIRECT),
                ("scope", SCOPE),
                ("state", "S T=A&TE"),
                ("nonce", "N"),
                ("prompt", "none"),
                ("login_hint", "adele"),
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"),
            ],
            changes,
        );
        self.0.get(&format!("{}?{query}", self.path("authorize"))).await
    }

    async fn post(&self, end: &str, usual: Form<'_>, changes: Form<'_>) -> Answer {
        let usual: Vec<_> = usual.iter().chain(SECRET).copied().collect();
        let body = merged(&usual, changes);
        self.0.send(self.0.request("POST", &self.path(end), &[], body)).await.unwrap()
    }

    async fn redeem(&self, code: &str, changes: Form<'_>) -> Answer {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        self.post("token", &usual, changes).await
    }

    async fn sign_in(&self) -> Value {
        let code = self.authorize(&[]).await.returned()["code"].clone();
        self.redeem(&code, &[]).await.ok()
    }

    async fn refresh(&self, token: &Value, changes: Form<'_>) -> Answer {
        let token = token.as_str().unwrap();
        self.post("token", &[("grant_type", "refresh_token"), ("refresh_token", token)], changes)
            .await
    }

    async fn own(&self, changes: Form<'_>) -> Answer {
        self.post("token", &[("grant_type", "client_credentials")], changes).await
    }

    async fn me(&self, token: &Value) -> Answer {
        self.0.graph("GET", &self.path("api/me"), token.as_str().unwrap()).await
    }

    async fn direct(&self, end: &str, body: Value) -> Value {
        self.0.direct(&format!("oauth/{}/{end}", self.1), body).await
    }
}

fn refused(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.json["error"].as_str().expect("an OAuth error"))
}

fn counts(play: &Play) -> Counts {
    play.stage.ledger().account(ADELE)
}
