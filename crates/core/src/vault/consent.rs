//! An administrator's consent for their whole organisation: a page to forward, and its way back.

use std::time::Duration;

use url::Url;

use super::{ConnectError, Vault};
use crate::Secret;
use crate::clock::later;
use crate::provider::{Connect, ConsentAsk, Failure, ProviderKey};
use crate::seal::{Field, Sealed};

/// How long the page for an administrator works: it is forwarded, and administrators are busy.
pub const CONSENT_LIFE: Duration = Duration::from_hours(30 * 24);

/// What an administrator's consent page sent the browser back with.
#[derive(Debug)]
pub struct Consent {
    /// The organisation, as the provider names it.
    pub tenant: Option<String>,
    /// The OAuth error, if the consent was not given.
    pub error: Option<String>,
    /// The provider's text with the error.
    pub description: Option<String>,
}

impl Vault {
    /// The page where an administrator agrees for their organisation, so that its users can connect.
    ///
    /// It can be sent to whoever that is, and works for a month. Nothing is connected by it.
    pub fn consent_page(
        &self,
        provider: &ProviderKey,
        redirect_uri: &Url,
        tenant: Option<&str>,
    ) -> Result<Url, ConnectError> {
        let adapter = self.provider(provider)?;
        adapter.ready().map_err(ConnectError::Misconfigured)?;
        let scopes = match &adapter.manifest().connect {
            Connect::Redirect { scopes } => scopes.as_slice(),
            Connect::Form { .. } | Connect::Application => &[],
        };
        let until = later(self.parts().clock.now(), CONSENT_LIFE).as_second();
        let plain = format!("{provider} {until}");
        let place = self.place("consent", Field::Consent, 0);
        let state = self.parts().seal.seal(place, plain.as_bytes()).into_text();
        let ask = ConsentAsk { redirect_uri, state: &state, scopes, tenant };
        adapter.consent_url(&ask).ok_or_else(|| ConnectError::WayNotOffered {
            label: adapter.manifest().label.clone(),
            way: "an administrator's consent",
        })
    }

    /// Takes note of an administrator's consent; whether it was one, and not made up by somebody.
    pub fn consented(
        &self,
        provider: &ProviderKey,
        state: &Secret,
        consent: Consent,
    ) -> Result<(), ConnectError> {
        let adapter = self.provider(provider)?;
        let sealed = Sealed::from_text(state.expose()).ok_or(ConnectError::InvalidState)?;
        let place = self.place("consent", Field::Consent, 0);
        let plain =
            self.parts().seal.open(place, &sealed).map_err(|_| ConnectError::InvalidState)?;
        let valid = std::str::from_utf8(&plain).ok().and_then(|plain| plain.split_once(' '));
        let valid = valid.is_some_and(|(of, until)| {
            let now = self.parts().clock.now().as_second();
            of == provider.as_str() && until.parse::<i64>().is_ok_and(|until| until > now)
        });
        if !valid {
            return Err(ConnectError::InvalidState);
        }
        let Consent { tenant, error, description } = consent;
        let Some(error) = error else {
            tracing::info!(%provider, tenant, "an administrator has consented");
            return Ok(());
        };
        let known = adapter.explain_denial(&error, description.as_deref());
        Err(ConnectError::Rejected(known.unwrap_or_else(|| {
            let actor = crate::provider::Actor::Administrator;
            Failure {
                provider_code: Some(error),
                ..Failure::new("consent_refused", actor, "The administrator did not consent.")
                    .remedied_by("Ask for it again; nothing was changed.")
            }
        })))
    }
}
