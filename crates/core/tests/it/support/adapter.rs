//! The adapter of the fake provider: everything it learns, it learns over the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use evergrant::capability::{Event, Message};
use evergrant::clock::later;
use evergrant::feed::Feed;
use evergrant::notification::Notifications;
use evergrant::provider::{
    Actor, AuthError, AuthorizeAsk, Connect, Credential, Evidence, Failure, FormField, Limits,
    Manifest, Provider, Redeemed, RefreshAsk, RefreshLife, Renewal, Replay, Revocable, Revocation,
    Verdict, Ways,
};
use evergrant::quota::Draw;
use evergrant::transport::Aside;
use evergrant::{
    AccessToken, Account, Api, Grant, Repeat, Request, Response, Secret, Transport, TransportError,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::ledger::Rotation;

/// What a request draws on, where the provider allows so much.
pub(crate) type Draws = fn(&Request, u32) -> Vec<Draw>;

/// The adapter.
pub(crate) struct Adapter {
    manifest: Manifest,
    /// When its one credential ends.
    ends: Option<Timestamp>,
    draws: Draws,
    /// How much is allowed, as far as is known.
    known: Arc<AtomicU32>,
    /// How much the provider says is allowed, if it is asked.
    says: Option<u32>,
    /// Whether a refresh asks for something else first.
    aside: bool,
    /// Its mailbox as it changes.
    feed: Option<Arc<dyn Feed<Message>>>,
    /// Its calendar as it changes.
    schedule: Option<Arc<dyn Feed<Event>>>,
    /// Its word of changes.
    word: Option<Arc<dyn Notifications>>,
}

impl Adapter {
    pub(crate) fn new(key: &str, rotation: Rotation, renewal: Renewal) -> Self {
        let manifest = Manifest {
            key: key.into(),
            label: "Acme".to_owned(),
            connect: Connect::Redirect {
                scopes: vec!["Read".to_owned(), "write".to_owned(), "send".to_owned()],
            },
            hosts: vec!["api.test".to_owned()],
            base_url: Url::parse("https://api.test/v1").expect("a URL"),
            replay: match rotation {
                Rotation::Strict => Replay::Strict,
                Rotation::Grace(seconds) => Replay::Grace(Duration::from_secs(seconds)),
                Rotation::NonRevoking | Rotation::Fixed => Replay::NonRevoking,
            },
            renewal,
            registration: "acme".to_owned(),
            ways: Ways::default(),
            revocable: Revocable::Grant,
            refresh_life: RefreshLife::Unknown,
            manage_url: None,
            limits: Limits::NONE,
            loopback_host: "localhost",
            patience: Duration::ZERO,
        };
        let known = Arc::new(AtomicU32::new(0));
        let draws: Draws = |_, _| Vec::new();
        Self {
            manifest,
            ends: None,
            draws,
            known,
            says: None,
            aside: false,
            feed: None,
            schedule: None,
            word: None,
        }
    }

    /// The same provider, whose client secret ends.
    pub(crate) fn ending(mut self, at: Timestamp) -> Self {
        self.ends = Some(at);
        self
    }

    /// The same provider, which does not allow everything.
    pub(crate) fn limited(mut self, limits: Limits) -> Self {
        self.manifest.limits = limits;
        self
    }

    /// The same provider, which counts what all processes do, and has said so.
    pub(crate) fn drawing(mut self, draws: Draws, known: u32) -> Self {
        (self.draws, self.known) = (draws, Arc::new(AtomicU32::new(known)));
        self
    }

    /// The same provider, of which it can be learned how much it allows.
    pub(crate) fn saying(mut self, most: u32) -> Self {
        self.says = Some(most);
        self
    }

    /// The same provider, where something is asked before each refresh.
    pub(crate) fn asking_aside(mut self) -> Self {
        self.aside = true;
        self
    }

    /// The same provider, with a mailbox that can be followed.
    pub(crate) fn fed(mut self, feed: Arc<dyn Feed<Message>>) -> Self {
        self.feed = Some(feed);
        self
    }

    /// The same provider, with a calendar that can be followed.
    pub(crate) fn scheduled(mut self, feed: Arc<dyn Feed<Event>>) -> Self {
        self.schedule = Some(feed);
        self
    }

    /// The same provider, which sends word of changes.
    pub(crate) fn told(mut self, word: Arc<dyn Notifications>) -> Self {
        self.word = Some(word);
        self
    }

    /// The same provider, connected by a form.
    pub(crate) fn form(key: &str) -> Self {
        Self::new(key, Rotation::Fixed, Renewal::OnDemand).by_form()
    }

    /// The same.
    pub(crate) fn by_form(self) -> Self {
        let mut adapter = self;
        adapter.manifest.connect = Connect::Form {
            fields: vec![FormField {
                name: "password".to_owned(),
                label: "Password".to_owned(),
                secret: true,
                ..FormField::default()
            }],
        };
        adapter
    }
}

async fn ask(http: &dyn Transport, ask: Value) -> Result<Value, AuthError> {
    let request = http::Request::post("https://login.test/token")
        .body(Bytes::from(ask.to_string()))
        .expect("a request");
    let failure = |code: &str| Failure::new(code, Actor::Nobody, format!("Acme: {code}."));
    let answer = http.send(request).await.map_err(|error| AuthError::Unavailable {
        failure: failure("unreachable"),
        retry_after: None,
        sent: TransportError::sent(&error),
    })?;
    let body: Value = serde_json::from_slice(answer.body()).expect("JSON");
    match answer.status().as_u16() {
        200 => Ok(body),
        400 => Err(AuthError::Rejected(failure("grant_revoked"))),
        401 => Err(AuthError::Misconfigured(failure("client_rejected"))),
        503 => Err(AuthError::Unavailable {
            failure: failure("down"),
            retry_after: body["wait"].as_u64().map(Duration::from_secs),
            sent: false,
        }),
        status => panic!("the script asks for this panic: {status}"),
    }
}

async fn ask_aside(http: &dyn Transport) {
    let request = http::Request::post("https://login.test/token");
    let mut request =
        request.body(Bytes::from(json!({"ask": "key"}).to_string())).expect("a request");
    request.extensions_mut().insert(Aside);
    let _ = http.send(request).await;
}

fn grant(body: &Value, now: Timestamp) -> Grant {
    let lifetime = Duration::from_millis(body["lifetime"].as_u64().expect("a lifetime"));
    Grant {
        access: body["access"].as_str().expect("a token").into(),
        refresh: body["refresh"].as_str().map(Secret::from),
        login: None,
        scopes: vec!["Read".to_owned()],
        obtained_at: now,
        expires_at: later(now, lifetime),
    }
}

#[async_trait]
impl Provider for Adapter {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn ready(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn credentials(&self) -> Vec<Credential> {
        let secret = |at| Credential {
            name: "client_secret".to_owned(),
            expires_at: Some(at),
            refused: None,
        };
        self.ends.map(secret).into_iter().collect()
    }

    fn authorize_url(&self, ask: &AuthorizeAsk<'_>) -> Option<Url> {
        let mut url = Url::parse("https://login.test/authorize").expect("a URL");
        url.query_pairs_mut()
            .append_pair("state", ask.state.expose())
            .append_pair("nonce", ask.nonce.expose())
            .append_pair("challenge", ask.challenge)
            .append_pair("scope", &ask.scopes.join(" "))
            .append_pair("hint", ask.login_hint.unwrap_or_default());
        Some(url)
    }

    async fn redeem(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        evidence: Evidence,
    ) -> Result<Redeemed, AuthError> {
        let (proof, login) = match evidence {
            Evidence::Code { code, verifier, .. } => {
                let (code, verifier) = (code.expose(), verifier.expose());
                (json!({"ask": "redeem", "code": code, "verifier": verifier}), None)
            }
            Evidence::Form { mut fields, previous } => {
                // Whoever leaves the name empty means the one that was connected before.
                let name = fields.get("name").map(Secret::expose);
                let name = name.map_or_else(|| previous.expect("a name").name, str::to_owned);
                (json!({"ask": "form", "account": name}), fields.remove("password"))
            }
            _ => panic!("no test connects in this way"),
        };
        let body = ask(http, proof).await?;
        let account = body["account"].as_str().expect("an account").to_owned();
        Ok(Redeemed {
            grant: Grant { login, ..grant(&body, now) },
            account: Account {
                id: account.clone(),
                name: account.clone(),
                username: Some(format!("{account}@acme.test")),
            },
        })
    }

    async fn refresh(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        RefreshAsk { grant: old, .. }: RefreshAsk<'_>,
    ) -> Result<Grant, AuthError> {
        if self.aside {
            ask_aside(http).await;
        }
        let token = old.refresh.as_ref().map(Secret::expose);
        let body = ask(http, json!({"ask": "refresh", "token": token})).await?;
        Ok(Grant { login: old.login.clone(), ..grant(&body, now) })
    }

    async fn revoke(&self, http: &dyn Transport, old: &Grant) -> Result<Revocation, AuthError> {
        let token = old.refresh.as_ref().map(Secret::expose);
        ask(http, json!({"ask": "revoke", "token": token})).await?;
        Ok(Revocation::Revoked)
    }

    fn sign(&self, request: &mut Request, token: &AccessToken) {
        let bearer = format!("Bearer {}", token.secret().expose());
        let bearer = bearer.parse().expect("a header");
        request.headers_mut().insert("authorization", bearer);
    }

    fn judge(&self, response: &Response) -> Verdict {
        match response.status().as_u16() {
            401 => Verdict::TokenRejected { claims: None },
            402 => {
                let message = "Acme: the registration.";
                Verdict::Misconfigured(Box::new(Failure::new(
                    "key_refused",
                    Actor::Operator,
                    message,
                )))
            }
            429 => {
                let named = response.headers().get("allowance").and_then(|name| name.to_str().ok());
                let kinds = ["calls", "trading", "points", "other"];
                let allowance = kinds.into_iter().find(|kind| Some(*kind) == named);
                Verdict::Throttled { retry_after: None, allowance }
            }
            503 => Verdict::Unavailable,
            _ => Verdict::Accepted,
        }
    }

    fn draws(&self, request: &Request, _: Option<&Account>) -> Vec<Draw> {
        (self.draws)(request, self.known.load(Ordering::Relaxed))
    }

    fn repeat(&self, request: &Request) -> Option<Repeat> {
        (request.uri().path() == "/v1/deal").then_some(Repeat::Once)
    }

    fn serves(&self, account: &Account) -> Result<(), Failure> {
        if account.name != "elsewhere" {
            return Ok(());
        }
        Err(Failure::new("another_world", Actor::Operator, "Acme is not where it was."))
    }

    fn calendar_feed(&self) -> Option<&dyn Feed<Event>> {
        self.schedule.as_deref()
    }

    fn email_feed(&self) -> Option<&dyn Feed<Message>> {
        self.feed.as_deref()
    }

    fn notifications(&self) -> Option<&dyn Notifications> {
        self.word.as_deref()
    }

    async fn learn(&self, api: &Api, _: bool) {
        let says = self.says.filter(|says| *says != self.known.load(Ordering::Relaxed));
        if let Some(says) = says
            && api.get("/allowances").await.is_ok()
        {
            self.known.store(says, Ordering::Relaxed);
        }
    }
}
