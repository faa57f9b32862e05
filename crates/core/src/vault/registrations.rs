//! The operator's registrations: whether they work, since when not, and until when they will.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::suspension::Standing;
use super::{TokenError, Vault};
use crate::IntegrationId;
use crate::clock::until;
use crate::measure;
use crate::provider::{Credential, Failure, Provider, ProviderKey};
use crate::store::{Notice, Stored};

/// How many days ahead the end of a credential is announced.
const ANNOUNCED: [u64; 4] = [60, 30, 7, 1];
const DAY: Duration = Duration::from_hours(24);
/// The kinds of notices that take turns.
const SUSPENDED: &str = "registration_suspended";
const RESUMED: &str = "registration_resumed";
/// How many notices are read at once.
const NOTICES: u32 = 200;

/// One registration as `doctor` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Registration {
    /// Its name.
    pub name: String,
    /// The provider keys that use it.
    pub providers: Vec<ProviderKey>,
    /// What the operator has not configured yet, if so.
    pub incomplete: Option<Failure>,
    /// Why the provider refuses it, if it does.
    pub suspended: Option<Failure>,
    /// Since when.
    pub suspended_since: Option<Timestamp>,
    /// Its secrets and certificates.
    pub credentials: Vec<Credential>,
}

impl Registration {
    /// When the last of its credentials ends, where all of their ends are known.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let ends: Option<Vec<_>> = self.credentials.iter().map(|c| c.expires_at).collect();
        ends?.into_iter().max()
    }
}

impl Vault {
    /// Every registration there is, as far as this process knows.
    pub fn registrations(&self) -> Vec<Registration> {
        let mut all: Vec<Registration> = Vec::new();
        for provider in self.providers().iter() {
            let manifest = provider.manifest();
            if let Some(known) = all.iter_mut().find(|known| known.name == manifest.registration) {
                known.providers.push(manifest.key.clone());
                continue;
            }
            let suspended = self.0.suspensions.find(&manifest.registration);
            all.push(Registration {
                name: manifest.registration.clone(),
                providers: vec![manifest.key.clone()],
                incomplete: provider.ready().err(),
                suspended_since: suspended.as_ref().map(|suspended| suspended.since),
                suspended: suspended.map(|suspended| suspended.why),
                credentials: provider.credentials(),
            });
        }
        all
    }

    /// A registration has new credentials: whether they work is tried at once.
    pub fn credentials_changed(&self, registration: &str) {
        self.0.suspensions.try_again(registration, self.parts().clock.uptime());
    }

    /// Whether a call may be sent with the registration: not while calls are refused for its sake, but for
    /// a probe from time to time.
    pub(crate) fn admit_call(&self, provider: &dyn Provider) -> Result<(), TokenError> {
        let (name, uptime) = (&provider.manifest().registration, self.parts().clock.uptime());
        self.0.suspensions.admit_call(name, uptime).map_err(TokenError::Misconfigured)
    }

    /// The provider refused a call for the registration's sake.
    pub(crate) async fn call_refused(&self, provider: &dyn Provider, why: Failure) -> TokenError {
        self.suspend_for(provider, &why, true).await;
        TokenError::Misconfigured(why)
    }

    /// The provider answered a call.
    pub(crate) fn call_accepted(&self, provider: &dyn Provider) {
        let name = &provider.manifest().registration;
        if self.0.suspensions.call_accepted(name) {
            self.resumed(name);
        }
    }

    /// The provider refuses the registration: nobody refreshes with it for a while.
    pub(super) async fn suspend(&self, provider: &dyn Provider, why: &Failure) {
        self.suspend_for(provider, why, false).await;
    }

    async fn suspend_for(&self, provider: &dyn Provider, why: &Failure, by_call: bool) {
        let parts = self.parts();
        let name = &provider.manifest().registration;
        let (now, uptime) = (parts.clock.now(), parts.clock.uptime());
        if !self.0.suspensions.suspend(name, by_call, why, now, uptime) {
            return;
        }
        measure::suspended(name, true);
        tracing::error!(
            registration = name, code = %why.code, provider_code = why.provider_code,
            trace_id = why.trace_id, "the registration at the provider needs the operator"
        );
        let detail = json!({ "registration": name, "code": why.code, "message": why.message, "remedy": why.remedy });
        self.announce_turn(SUSPENDED, name, detail).await;
    }

    /// The provider takes the registration.
    pub(super) fn accepted(&self, provider: &dyn Provider, id: IntegrationId) {
        let name = &provider.manifest().registration;
        let uptime = self.parts().clock.uptime();
        match self.0.suspensions.accepted(name, id, uptime) {
            Standing::Resumed => self.resumed(name),
            // It may be mended since another process, or this one before its start, was refused.
            Standing::First => self.announce_resumed(name),
            Standing::Known => {}
        }
    }

    /// Says that a registration is suspended no more.
    pub(super) fn resumed(&self, registration: &str) {
        measure::suspended(registration, false);
        tracing::info!(registration, "the registration works again");
        self.announce_resumed(registration);
    }

    fn announce_resumed(&self, registration: &str) {
        let (vault, name) = (self.clone(), registration.to_owned());
        self.parts().tasks.spawn(async move {
            let detail = json!({ "registration": name });
            vault.announce_turn(RESUMED, &name, detail).await;
        });
    }

    /// Says that a registration is suspended, or works again, unless the last notice of this kind
    /// says so already: every process finds it out for itself.
    async fn announce_turn(&self, kind: &str, registration: &str, detail: serde_json::Value) {
        let (place, last) = match self.last_turn(registration).await {
            Ok(Some((place, last))) => (place, last),
            Ok(None) => (0, RESUMED.to_owned()),
            Err(error) => {
                tracing::warn!(kind, registration, %error, "a notice could not be kept");
                return;
            }
        };
        if last != kind {
            // Two that find the same last one say the same, which is kept once.
            self.announce(kind, registration, &place.to_string(), detail).await;
        }
    }

    /// The place and the kind of the last notice that a registration is suspended or works again.
    async fn last_turn(&self, registration: &str) -> Stored<Option<(i64, String)>> {
        let (mut found, mut after) = (None, 0);
        loop {
            let page = self.parts().store.notices(after, NOTICES).await?;
            let Some((last, _)) = page.last() else { return Ok(found) };
            after = *last;
            let mut turns = page.into_iter().filter(|(_, notice)| {
                [SUSPENDED, RESUMED].contains(&notice.kind.as_str())
                    && notice.detail["registration"] == registration
            });
            found = turns.next_back().map(|(place, notice)| (place, notice.kind)).or(found);
        }
    }

    /// Says, once for all replicas, which credentials end soon.
    pub(crate) async fn announce_ends(&self) {
        let now = self.parts().clock.now();
        for registration in self.registrations() {
            for credential in &registration.credentials {
                let Some(end) = credential.expires_at else { continue };
                let left = until(now, end);
                measure::days_left(&registration.name, &credential.name, days(now, end));
                let Some(days) = announced(left) else { continue };
                let which = format!("{}:{end}:{days}", credential.name);
                let detail = json!({
                    "registration": registration.name,
                    "credential": credential.name,
                    "expires_at": end.to_string(),
                    "days_left": left.as_secs() / DAY.as_secs(),
                });
                if self.announce("credential_expires", &registration.name, &which, detail).await {
                    tracing::warn!(
                        registration = registration.name, credential = credential.name,
                        expires_at = %end, days_left = left.as_secs() / DAY.as_secs(),
                        "a credential of a registration ends: add a second one before that"
                    );
                }
            }
        }
    }

    /// Keeps a notice; `true` if no replica has said it before.
    async fn announce(
        &self,
        kind: &str,
        about: &str,
        which: &str,
        detail: serde_json::Value,
    ) -> bool {
        let key = format!("{kind}:{about}:{which}");
        let at = self.parts().clock.now();
        let notice = Notice { key, kind: kind.to_owned(), at, detail };
        match self.parts().store.announce(&notice).await {
            Ok(new) => new,
            Err(error) => {
                tracing::warn!(kind, about, %error, "a notice could not be kept");
                true
            }
        }
    }
}

/// The days until `end`; negative once it has passed.
fn days(now: Timestamp, end: Timestamp) -> f64 {
    end.duration_since(now).as_secs_f64() / DAY.as_secs_f64()
}

/// The announcement that is due with so much time left: the last threshold that was passed.
fn announced(left: Duration) -> Option<u64> {
    if left.is_zero() {
        return Some(0);
    }
    ANNOUNCED.into_iter().rev().find(|days| left <= DAY * u32::try_from(*days).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_announced_60_30_7_and_1_days_ahead_and_when_it_has_come() {
        let at = |days: u32, hours: u64| announced(DAY * days + Duration::from_hours(hours));
        assert_eq!(at(61, 0), None);
        assert_eq!(at(60, 0), Some(60));
        assert_eq!(at(31, 0), Some(60));
        assert_eq!(at(29, 23), Some(30));
        assert_eq!(at(7, 0), Some(7));
        assert_eq!(at(1, 1), Some(7));
        assert_eq!(at(0, 23), Some(1));
        assert_eq!(at(0, 0), Some(0));
    }
}
