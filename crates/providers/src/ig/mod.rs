//! IG: its sessions, its markets, and dealing in them.

mod call;
mod key;
mod refusal;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod session;
mod settings;
mod wire;
mod words;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evergrant::provider::{
    AuthError, AuthorizeAsk, Connect, Credential, Evidence, Failure, Limits, Manifest, Provider,
    Redeemed, RefreshAsk, RefreshLife, Renewal, Replay, Revocable, Revocation, Verdict, Ways,
};
use evergrant::{AccessToken, Grant, Request, Response, Transport};
use jiff::Timestamp;
use url::Url;

use key::Key;
pub use settings::{Environment, Settings};

use crate::SettingsError;
use crate::dictionary::INCOMPLETE;
use crate::registrations::Registrations;

/// The name of the registration, and of what can be connected.
pub(crate) const REGISTRATION: &str = "ig";

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
        connect: Connect::Form { fields: Vec::new() },
        hosts: vec![crate::authority(&base_url)],
        base_url,
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
    Ok(Arc::new(Ig { manifest, environment: settings.environment, key }))
}

/// IG, as one registration may use it.
struct Ig {
    manifest: Manifest,
    environment: Environment,
    key: Arc<Key>,
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
        crate::registrations::Replaceable::credentials(&*self.key)
    }

    fn authorize_url(&self, _: &AuthorizeAsk<'_>) -> Option<Url> {
        None
    }

    async fn redeem(
        &self,
        _http: &dyn Transport,
        _now: Timestamp,
        _evidence: Evidence,
    ) -> Result<Redeemed, AuthError> {
        Err(AuthError::Rejected(crate::dictionary::WRONG_EVIDENCE.failure()))
    }

    async fn refresh(
        &self,
        _http: &dyn Transport,
        _now: Timestamp,
        _ask: RefreshAsk<'_>,
    ) -> Result<Grant, AuthError> {
        Err(AuthError::Rejected(crate::dictionary::NO_REFRESH.failure()))
    }

    async fn revoke(&self, _: &dyn Transport, _: &Grant) -> Result<Revocation, AuthError> {
        Ok(Revocation::NotOffered)
    }

    fn sign(&self, _request: &mut Request, _token: &AccessToken) {}

    fn judge(&self, _response: &Response) -> Verdict {
        Verdict::Accepted
    }
}
