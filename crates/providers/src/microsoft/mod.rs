//! Microsoft 365: the identity platform v2.0 and the used part of Graph.
//!
//! One registration serves three provider keys that differ in the permissions they ask for.

mod graph;
mod id_token;
mod identity;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod words;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evergrant::capability::{Profile, Profiles};
use evergrant::provider::{
    Actor, AuthError, AuthorizeAsk, Connect, Evidence, Failure, Manifest, Provider, Redeemed,
    RefreshAsk, RefreshLife, Renewal, Replay, Revocable, Revocation, Verdict, Ways,
};
use evergrant::{AccessToken, Api, CallError, Grant, Request, Response, Secret, Transport};
use jiff::Timestamp;
use url::Url;

use identity::Identity;

/// Key, label and permissions of each thing that can be connected.
const KEYS: [(&str, &str, &[&str]); 3] = [
    (
        "microsoft_calendar",
        "Microsoft Calendar",
        &[
            "Calendars.Read",
            "Calendars.ReadWrite",
            "Calendars.Read.Shared",
            "Calendars.ReadWrite.Shared",
            "User.Read",
        ],
    ),
    (
        "microsoft_outlook",
        "Microsoft Outlook",
        &[
            "Mail.Read",
            "Mail.ReadWrite",
            "Mail.Send",
            "MailboxSettings.Read",
            "MailboxSettings.ReadWrite",
            "User.Read",
        ],
    ),
    ("microsoft_teams", "Microsoft Teams", &["OnlineMeetings.ReadWrite", "User.Read"]),
];

/// The operator's registration, and where Microsoft is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The application (client) id.
    pub client_id: Option<String>,
    /// The client secret's value.
    pub client_secret: Option<Secret>,
    /// `common`, `organizations`, `consumers`, a tenant's id or a verified domain.
    pub tenant: String,
    /// Where the identity platform is.
    pub login_url: Url,
    /// Where Graph is, without the version.
    pub graph_url: Url,
}

impl Default for Settings {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "constants")]
        let url = |text| Url::parse(text).expect("a valid address");
        Self {
            client_id: None,
            client_secret: None,
            tenant: "common".to_owned(),
            login_url: url("https://login.microsoftonline.com"),
            graph_url: url("https://graph.microsoft.com"),
        }
    }
}

/// The providers of this vendor.
pub(crate) fn providers(settings: &Settings) -> impl Iterator<Item = Arc<dyn Provider>> {
    let identity = Arc::new(Identity::new(settings));
    let base_url = graph::base_url(&settings.graph_url);
    KEYS.into_iter().map(move |(key, label, scopes)| {
        let manifest = Manifest {
            key: key.into(),
            label: label.to_owned(),
            connect: Connect::Redirect { scopes: scopes.iter().map(|&s| s.to_owned()).collect() },
            hosts: vec![authority(&base_url)],
            base_url: base_url.clone(),
            // Spending a refresh token does not end it (contract, section 2.8).
            replay: Replay::NonRevoking,
            renewal: Renewal::Ahead,
            registration: "microsoft".to_owned(),
            ways: Ways::default(),
            revocable: Revocable::No,
            // Contract, section 2.8: 90 days since last issue, rolling.
            refresh_life: RefreshLife::Idle(Duration::from_hours(90 * 24)),
            manage_url: Url::parse("https://myapps.microsoft.com").ok(),
            // `127.0.0.1` can be registered only by editing the registration's manifest.
            loopback_host: "localhost",
        };
        Arc::new(Microsoft { manifest, identity: Arc::clone(&identity) }) as Arc<dyn Provider>
    })
}

/// One provider key.
struct Microsoft {
    manifest: Manifest,
    identity: Arc<Identity>,
}

#[async_trait]
impl Provider for Microsoft {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn ready(&self) -> Result<(), Failure> {
        let missing = self.identity.missing();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            "registration_incomplete",
            Actor::Operator,
            format!(
                "{} is not registered: the operator must set {}.",
                self.manifest.label,
                missing.join(" and ")
            ),
        ))
    }

    fn authorize_url(&self, ask: &AuthorizeAsk<'_>) -> Option<Url> {
        Some(self.identity.authorize_url(ask))
    }

    async fn redeem(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        evidence: Evidence,
    ) -> Result<Redeemed, AuthError> {
        self.identity.redeem(http, now, evidence).await
    }

    async fn refresh(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        ask: RefreshAsk<'_>,
    ) -> Result<Grant, AuthError> {
        self.identity.refresh(http, now, ask.grant).await
    }

    /// Microsoft has no revocation endpoint. The only call that ends a refresh token,
    /// `revokeSignInSessions`, signs the user out of everything, so it is not used here.
    async fn revoke(&self, _: &dyn Transport, _: &Grant) -> Result<Revocation, AuthError> {
        Ok(Revocation::NotOffered)
    }

    fn sign(&self, request: &mut Request, token: &AccessToken) {
        graph::sign(request, token);
    }

    fn judge(&self, response: &Response) -> Verdict {
        graph::judge(response)
    }

    fn profiles(&self) -> Option<&dyn Profiles> {
        Some(self)
    }
}

#[async_trait]
impl Profiles for Microsoft {
    async fn profile(&self, api: &Api) -> Result<Profile, CallError> {
        graph::profile(api).await
    }
}

/// `host`, with the port if it is not the scheme's own.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
