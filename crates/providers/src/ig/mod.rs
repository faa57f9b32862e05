//! IG: its sessions, its markets, and dealing in them.

mod call;
mod key;
mod limits;
mod markets;
mod refusal;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod session;
mod settings;
mod trading;
mod wire;
mod words;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evergrant::capability::{Markets, Trading};
use evergrant::provider::{
    AuthError, AuthorizeAsk, Connect, Credential, Evidence, Failure, Limits, Manifest, Provider,
    Redeemed, RefreshAsk, RefreshLife, Renewal, Replay, Revocable, Revocation, Verdict, Ways,
};
use evergrant::quota::Draw;
use evergrant::{AccessToken, Account, Api, Grant, Repeat, Request, Response, Transport};
use jiff::Timestamp;
use url::Url;

use key::Key;
use limits::Allowances;
use session::{Attempts, Sessions};
pub use settings::{Environment, Settings};

use crate::SettingsError;
use crate::dictionary::INCOMPLETE;
use crate::registrations::{Registrations, Replaceable as _};

/// The name of the registration, and of what can be connected.
pub(crate) const REGISTRATION: &str = "ig";

/// What IG's error codes mean.
pub(crate) fn codes() -> impl Iterator<Item = &'static words::Row> {
    words::ROWS.iter()
}

/// How long a call waits at most where somebody waits for it: the allowances are by the minute.
const PATIENCE: Duration = Duration::from_secs(90);

/// The provider; its registration is entered in `registrations`.
pub(crate) fn provider(
    settings: &Settings,
    registrations: &mut Registrations,
) -> Result<Arc<dyn Provider>, SettingsError> {
    let key = Arc::new(Key::default());
    registrations.add(REGISTRATION, &key, settings.credentials())?;
    let base_url = settings.base_url();
    let manifest = Manifest {
        key: REGISTRATION.into(),
        label: settings.environment.label().to_owned(),
        connect: Connect::Form { fields: session::fields() },
        hosts: vec![crate::authority(&base_url)],
        base_url: base_url.clone(),
        // Every refresh gives a new refresh token, and the old one is taken to be spent (contract,
        // section 2.7).
        replay: Replay::Strict,
        // Refreshes count against the allowance of 30 calls a minute.
        renewal: Renewal::OnDemand,
        registration: REGISTRATION.to_owned(),
        ways: Ways::default(),
        revocable: Revocable::Grant,
        // Contract, section 2.7: about ten minutes after the access token, which lives for one.
        refresh_life: RefreshLife::Idle(Duration::from_mins(11)),
        manage_url: None,
        loopback_host: "127.0.0.1",
        // What IG allows is counted for all processes together.
        limits: Limits::NONE,
        patience: PATIENCE,
    };
    let environment = settings.environment;
    let attempts = Attempts::default();
    let sessions = Sessions { base_url, environment, key: Arc::clone(&key), attempts };
    let allowances = Allowances::default();
    let (tree, changes) = (markets::Tree::default(), trading::Queues::default());
    Ok(Arc::new(Ig { manifest, environment, key, sessions, allowances, tree, changes }))
}

/// IG, as one registration may use it.
struct Ig {
    manifest: Manifest,
    environment: Environment,
    key: Arc<Key>,
    sessions: Sessions,
    allowances: Allowances,
    tree: markets::Tree,
    changes: trading::Queues,
}

#[async_trait]
impl Provider for Ig {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn ready(&self) -> Result<(), Failure> {
        if self.key.get().is_some() {
            return Ok(());
        }
        Err(Failure {
            message: format!("{} is not registered.", self.manifest.label),
            remedy: "The operator sets IG_API_KEY.".to_owned(),
            ..INCOMPLETE.failure()
        })
    }

    fn credentials(&self) -> Vec<Credential> {
        self.key.credentials()
    }

    fn refresh_life(&self, grant: &Grant) -> RefreshLife {
        session::life(grant).unwrap_or(self.manifest.refresh_life)
    }

    fn authorize_url(&self, _: &AuthorizeAsk<'_>) -> Option<Url> {
        None
    }

    async fn redeem(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        evidence: Evidence,
    ) -> Result<Redeemed, AuthError> {
        self.sessions.redeem(http, now, evidence).await
    }

    async fn refresh(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        ask: RefreshAsk<'_>,
    ) -> Result<Grant, AuthError> {
        self.sessions.refresh(http, now, ask.grant).await
    }

    async fn revoke(&self, http: &dyn Transport, grant: &Grant) -> Result<Revocation, AuthError> {
        self.sessions.revoke(http, grant).await
    }

    fn sign(&self, request: &mut Request, token: &AccessToken) {
        self.sessions.sign(request, token);
    }

    fn judge(&self, response: &Response) -> Verdict {
        refusal::judge(response)
    }

    fn draws(&self, request: &Request, account: Option<&Account>) -> Vec<Draw> {
        self.drawn(request, account)
    }

    /// What was meant for one of IG's two worlds would happen in the other.
    fn serves(&self, account: &Account) -> Result<(), Failure> {
        let theirs = account.id.split_once(':').map_or("", |(environment, _)| environment);
        if theirs == self.environment.as_str() {
            return Ok(());
        }
        Err(words::wrong_environment(theirs, self.environment))
    }

    fn repeat(&self, request: &Request) -> Option<Repeat> {
        self.repeated(request)
    }

    async fn learn(&self, api: &Api, doubt: bool) {
        self.learned(api, doubt).await;
    }

    fn markets(&self) -> Option<&dyn Markets> {
        Some(self)
    }

    fn trading(&self) -> Option<&dyn Trading> {
        Some(self)
    }
}
