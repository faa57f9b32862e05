//! Microsoft 365: the identity platform v2.0 and the used part of Graph.
//!
//! One registration serves three provider keys that differ in the permissions they ask for.

mod application;
mod calendar;
mod claims;
mod denial;
mod graph;
mod identity;
mod mail;
mod meetings;
mod notifications;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod settings;
mod words;
mod zones;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evergrant::capability::{Calendars, Event, Mail, Meetings, Message, Profile, Profiles};
use evergrant::feed::Feed;
use evergrant::notification::Notifications;
use evergrant::provider::{
    AuthError, AuthorizeAsk, Connect, ConsentAsk, Credential, DeviceAsk, Evidence, Failure, Limits,
    Manifest, Provider, Redeemed, RefreshAsk, RefreshLife, Renewal, Replay, Revocable, Revocation,
    Verdict, Ways,
};
use evergrant::{AccessToken, Api, CallError, Grant, Request, Response, Transport};
use jiff::Timestamp;
use url::Url;

use application::Application;
use identity::Identity;
use notifications::Notifier;
pub use settings::{Cloud, Settings};

use crate::SettingsError;
use crate::authority;
use crate::dictionary::{INCOMPLETE, Numbered};
use crate::registrations::Registrations;

/// The name of the registration.
pub(crate) const REGISTRATION: &str = "microsoft";

/// What Microsoft's numbers mean.
pub(crate) fn numbers() -> &'static [Numbered] {
    words::NUMBERS
}

/// What calls are refused with, one capability's own refusals before those that all share.
pub(crate) fn refusals() -> impl Iterator<Item = &'static graph::words::Row> {
    mail::refusals().chain(calendar::refusals()).chain(graph::words::REFUSALS)
}

/// What a mailbox may be called for (contract, section 4.3).
const LIMITS: Limits = Limits {
    concurrent: 4,
    calls: 10_000,
    window: Duration::from_mins(10),
    upload_bytes: 150_000_000,
    upload_window: Duration::from_mins(5),
};

/// The key that reads and writes calendars.
const CALENDAR: &str = "microsoft_calendar";

/// The key that reads and writes mail.
const MAIL: &str = "microsoft_outlook";

/// Key, label and permissions of each thing that can be connected.
const KEYS: [(&str, &str, &[&str]); 3] = [
    (
        CALENDAR,
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
        MAIL,
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
    (
        "microsoft_teams",
        "Microsoft Teams",
        &["OnlineMeetings.ReadWrite", "Calendars.ReadWrite", "User.Read"],
    ),
];

/// The providers of this vendor; their registration is entered in `registrations`.
pub(crate) fn providers(
    settings: &Settings,
    registrations: &mut Registrations,
) -> Result<Vec<Arc<dyn Provider>>, SettingsError> {
    if settings.certificate.is_some() != settings.certificate_key.is_some() {
        let missing =
            if settings.certificate.is_some() { "certificate_key" } else { "certificate" };
        return Err(SettingsError::new(
            format!("microsoft.{missing}"),
            "is missing; a certificate and its key come together",
        ));
    }
    let identity = Identity::new(settings)
        .map_err(|_| SettingsError::new("microsoft.tenant", "does not make an address"))?;
    let identity = Arc::new(identity);
    let notifier = Arc::new(Notifier::new(Arc::clone(&identity), settings)?);
    registrations.add(REGISTRATION, identity.client(), settings.credentials())?;
    let base_url = graph::base_url(&settings.graph());
    let manifest = |key: &str, label: &str, connect| Manifest {
        key: key.into(),
        label: label.to_owned(),
        connect,
        hosts: vec![authority(&base_url)],
        base_url: base_url.clone(),
        // Spending a refresh token does not end it (contract, section 2.8).
        replay: Replay::NonRevoking,
        renewal: Renewal::Ahead,
        registration: REGISTRATION.to_owned(),
        ways: Ways {
            device_code: true,
            import: true,
            admin_consent: settings.tenant != "consumers",
        },
        revocable: Revocable::No,
        // Contract, section 2.8: 90 days since last issue, rolling.
        refresh_life: RefreshLife::Idle(Duration::from_hours(90 * 24)),
        manage_url: settings.cloud.manage(),
        // `127.0.0.1` can be registered only by editing the registration's manifest.
        loopback_host: "localhost",
        patience: Duration::ZERO,
        limits: LIMITS,
    };
    let mut providers: Vec<Arc<dyn Provider>> = Vec::new();
    for (key, label, scopes) in KEYS {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        let manifest = manifest(key, label, Connect::Redirect { scopes });
        providers.push(Arc::new(Microsoft {
            manifest,
            identity: Arc::clone(&identity),
            notifier: Arc::clone(&notifier),
        }));
    }
    // Its own access is to one particular organisation, so it is offered where one is named.
    if !identity.is_concrete() {
        return Ok(providers);
    }
    let own = manifest("microsoft_application", "Microsoft (application)", Connect::Application);
    let manifest = Manifest {
        replay: Replay::None,
        refresh_life: RefreshLife::Unknown,
        ways: Ways { admin_consent: true, ..Ways::default() },
        manage_url: None,
        ..own
    };
    providers.push(Arc::new(Application { manifest, identity }));
    Ok(providers)
}

/// Whether the registration is complete; which settings are missing otherwise.
fn complete(identity: &Identity, label: &str) -> Result<(), Failure> {
    let missing = identity.missing();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure {
        message: format!("{label} is not registered."),
        remedy: format!("The operator sets {}.", missing.join(" and ")),
        ..INCOMPLETE.failure()
    })
}

/// One provider key.
struct Microsoft {
    manifest: Manifest,
    identity: Arc<Identity>,
    notifier: Arc<Notifier>,
}

#[async_trait]
impl Provider for Microsoft {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn ready(&self) -> Result<(), Failure> {
        complete(&self.identity, &self.manifest.label)
    }

    fn credentials(&self) -> Vec<Credential> {
        self.identity.credentials()
    }

    fn authorize_url(&self, ask: &AuthorizeAsk<'_>) -> Option<Url> {
        Some(self.identity.authorize_url(ask))
    }

    fn consent_url(&self, ask: &ConsentAsk<'_>) -> Option<Url> {
        self.identity.consent_url(ask, None)
    }

    fn explain_denial(&self, error: &str, description: Option<&str>) -> Option<Failure> {
        denial::explain(error, description)
    }

    async fn ask_device(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        scopes: &[String],
    ) -> Result<DeviceAsk, AuthError> {
        self.identity.ask_device(http, now, scopes).await
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
        self.identity.refresh(http, now, ask).await
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

    fn calendars(&self) -> Option<&dyn Calendars> {
        let key = self.manifest.key.as_str();
        matches!(key, CALENDAR | "microsoft_teams").then_some(self as &dyn Calendars)
    }

    fn meetings(&self) -> Option<&dyn Meetings> {
        (self.manifest.key.as_str() == "microsoft_teams").then_some(self as &dyn Meetings)
    }

    fn notifications(&self) -> Option<&dyn Notifications> {
        Some(&*self.notifier)
    }

    fn mail(&self) -> Option<&dyn Mail> {
        (self.manifest.key.as_str() == MAIL).then_some(&mail::Mailbox)
    }

    fn calendar_feed(&self) -> Option<&dyn Feed<Event>> {
        (self.manifest.key.as_str() == CALENDAR).then_some(self as &dyn Feed<Event>)
    }

    fn email_feed(&self) -> Option<&dyn Feed<Message>> {
        (self.manifest.key.as_str() == MAIL).then_some(&mail::Mailbox)
    }
}

#[async_trait]
impl Profiles for Microsoft {
    async fn profile(&self, api: &Api) -> Result<Profile, CallError> {
        graph::profile(api).await
    }
}
