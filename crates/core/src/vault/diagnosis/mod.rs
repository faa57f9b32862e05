//! What is known of one integration, without asking anybody: read from its rows and from memory.
//!
//! Nothing here calls a provider or changes anything, so it may be asked of a copied database, of a
//! suspended registration, and in the middle of an outage.

mod forecast;
mod token;

use jiff::Timestamp;
use serde::Serialize;

use super::{Registration, TokenError, Vault, can_be_renewed};
use crate::integration::{Integration, Status};
use crate::provider::{Connect, Failure, Manifest, ProviderKey, RefreshLife, Replay};
use crate::store::Attempt;
use crate::{Grant, IntegrationId, UserId};

pub use forecast::Forecast;
use forecast::Prospect;
pub use token::Decoded;

/// From this far apart on, two clocks are a fault of somebody's, in milliseconds.
const SKEW_ALLOWED_MS: i64 = 2 * 60 * 1_000;

/// Everything that is known of an integration; holds no secret, no name and no e-mail address.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnosis {
    /// The integration.
    pub id: IntegrationId,
    /// Its provider.
    pub provider: ProviderKey,
    /// `active`, `needs_reconnect` or `paused`.
    pub status: &'static str,
    /// Why its user must reconnect, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Failure>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Whether the database is a copy that nobody has adopted.
    pub database_copied: bool,
    /// The access token it holds; `None` if the stored grant does not open.
    pub token: Option<HeldToken>,
    /// Why the stored grant does not open, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// What was granted, against what its provider key asks for.
    pub permissions: Permissions,
    /// The last attempts to refresh it, the latest first.
    pub attempts: Vec<Attempt>,
    /// How the provider's clock goes.
    pub clock: Skew,
    /// The health of the registration that it is refreshed with; `None` if its provider is not
    /// configured any more.
    pub registration: Option<Registration>,
    /// When it will need a person.
    pub forecast: Forecast,
}

/// An access token, without the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldToken {
    /// What it says of itself.
    #[serde(flatten)]
    pub decoded: Decoded,
    /// When it was obtained.
    pub obtained_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// Whether there is a refresh token beside it.
    pub refreshable: bool,
    /// Whether the user agreed to keep what signs in again once the session has ended.
    pub login_kept: bool,
}

/// Permissions by how they compare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Permissions {
    /// What was granted.
    pub granted: Vec<String>,
    /// What the provider key asks for.
    pub needed: Vec<String>,
    /// Needed and not granted.
    pub missing: Vec<String>,
    /// Granted and not needed.
    pub extra: Vec<String>,
}

/// How far the provider's clock is ahead of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Skew {
    /// The median of the last attempts, in milliseconds; `None` where no answer had a date.
    pub median_ms: Option<i64>,
    /// Whether it is so much that tokens are taken for too young or too old.
    pub too_much: bool,
}

impl Vault {
    /// Looks at an integration without asking its provider and without refreshing it.
    pub async fn diagnose(
        &self,
        owner: UserId,
        id: IntegrationId,
    ) -> Result<Diagnosis, TokenError> {
        let store = &self.parts().store;
        let integration = self.integration(owner, id).await?;
        let row = store.grant(id).await?.filter(|row| row.owner == owner);
        let row = row.ok_or(TokenError::NotFound)?;
        let attempts = store.attempts(owner, id).await?;
        let database_copied = self.is_copy().await?;
        let opened = self.open(&row);
        let grant = opened.as_ref().ok();
        let registration = self.registrations().into_iter();
        let registration =
            registration.map(shown).find(|known| known.providers.contains(&row.provider));
        let provider = self.providers().find(&row.provider);
        let manifest = provider.map(|provider| provider.manifest());
        let unreadable = opened.as_ref().err().map(ToString::to_string);
        let forecast = forecast::of(&Prospect {
            now: self.parts().clock.now(),
            copied: database_copied,
            status: &integration.status,
            unreadable: unreadable.as_deref(),
            registration: registration.as_ref(),
            connected_at: integration.created_at,
            reconnected: integration.epoch > 1,
            obtained_at: grant.map(|grant| grant.obtained_at),
            expires_at: row.grant.expires_at,
            renewal: manifest.filter(|m| renewable(m, grant)).map(|m| m.renewal),
            login_kept: grant.is_some_and(|grant| grant.login.is_some()),
            life: provider.map_or(RefreshLife::Unknown, |provider| {
                grant.map_or(provider.manifest().refresh_life, |grant| provider.refresh_life(grant))
            }),
        });
        let (status, reason, since) = match &integration.status {
            Status::Active => ("active", None, None),
            Status::Paused => ("paused", None, None),
            Status::NeedsReconnect { why, since } => {
                ("needs_reconnect", Some(why.shown()), Some(*since))
            }
        };
        Ok(Diagnosis {
            id,
            provider: row.provider,
            status,
            reason,
            since,
            database_copied,
            token: grant.map(held),
            unreadable,
            permissions: permissions(&integration, grant, manifest),
            clock: skew(&attempts),
            attempts,
            registration,
            forecast,
        })
    }
}

/// Without what goes back to the provider alone.
fn shown(mut registration: Registration) -> Registration {
    let clean = |failure: &mut Option<Failure>| {
        *failure = failure.take().map(|failure| failure.shown());
    };
    clean(&mut registration.incomplete);
    clean(&mut registration.suspended);
    registration.credentials.iter_mut().for_each(|credential| clean(&mut credential.refused));
    registration
}

fn renewable(manifest: &Manifest, grant: Option<&Grant>) -> bool {
    grant.map_or(manifest.replay == Replay::None, |grant| can_be_renewed(manifest, grant))
}

fn held(grant: &Grant) -> HeldToken {
    HeldToken {
        decoded: token::decode(grant.access.expose()),
        obtained_at: grant.obtained_at,
        expires_at: grant.expires_at,
        refreshable: grant.refresh.is_some(),
        login_kept: grant.login.is_some(),
    }
}

fn permissions(
    integration: &Integration,
    grant: Option<&Grant>,
    manifest: Option<&Manifest>,
) -> Permissions {
    let granted = grant.map_or(&integration.scopes, |grant| &grant.scopes);
    let needed = match manifest.map(|manifest| &manifest.connect) {
        Some(Connect::Redirect { scopes }) => scopes.as_slice(),
        _ => &[],
    };
    compare(granted, needed, grant.is_some_and(|grant| grant.refresh.is_some()))
}

/// Compares by the last segment and whatever the case: providers answer `https://api/Read` where
/// `read` was asked for. What asks for a refresh token is seldom among what is granted; the refresh
/// token says that it was (OpenID Connect Core, section 11).
fn compare(granted: &[String], needed: &[String], refreshable: bool) -> Permissions {
    let name = |scope: &str| {
        let last = scope.trim_end_matches('/').rsplit('/').next();
        last.unwrap_or_default().to_lowercase()
    };
    let lacks = |list: &[String], scope: &String| !list.iter().any(|s| name(s) == name(scope));
    let kept = |scope: &String| refreshable && name(scope) == "offline_access";
    let missing = needed.iter().filter(|scope| lacks(granted, scope) && !kept(scope));
    Permissions {
        missing: missing.cloned().collect(),
        extra: granted.iter().filter(|scope| lacks(needed, scope)).cloned().collect(),
        granted: granted.to_vec(),
        needed: needed.to_vec(),
    }
}

fn skew(attempts: &[Attempt]) -> Skew {
    let mut seen: Vec<_> = attempts.iter().filter_map(|attempt| attempt.skew_ms).collect();
    seen.sort_unstable();
    let median_ms = (!seen.is_empty()).then(|| {
        let (low, high) = (seen[(seen.len() - 1) / 2], seen[seen.len() / 2]);
        low.midpoint(high)
    });
    let too_much = median_ms.is_some_and(|ms| ms.saturating_abs() > SKEW_ALLOWED_MS);
    Skew { median_ms, too_much }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Outcome;
    use crate::{AttemptId, Clock, SystemClock};

    fn list(scopes: &str) -> Vec<String> {
        scopes.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn permissions_compare_by_their_last_segment_whatever_the_case() {
        let granted = list("https://api.test/Read openid Send");
        let compared = compare(&granted, &list("read https://api.test/WRITE send"), true);
        assert_eq!(compared.missing, list("https://api.test/WRITE"));
        assert_eq!(compared.extra, list("openid"));
        assert_eq!(compared.granted, granted);
    }

    #[test]
    fn a_refresh_token_is_what_offline_access_grants() {
        let needed = list("read offline_access");
        assert_eq!(compare(&list("read"), &needed, true).missing, list(""));
        assert_eq!(compare(&list("read"), &needed, false).missing, list("offline_access"));
    }

    #[test]
    fn the_clock_is_judged_by_the_median_and_two_minutes() {
        let attempt = |skew_ms| Attempt {
            id: IntegrationId::from_u128(1),
            attempt: AttemptId::from_u128(1),
            at: SystemClock::default().now(),
            took_ms: 1,
            outcome: Outcome::Refreshed,
            code: None,
            provider_code: None,
            trace_id: None,
            correlation_id: None,
            skew_ms,
        };
        let of = |seen: &[Option<i64>]| {
            let Skew { median_ms, too_much } =
                skew(&seen.iter().map(|ms| attempt(*ms)).collect::<Vec<_>>());
            (median_ms, too_much)
        };
        assert_eq!(of(&[]), (None, false));
        assert_eq!(of(&[None, Some(7)]), (Some(7), false));
        assert_eq!(of(&[Some(900_000), Some(-5), Some(1)]), (Some(1), false));
        assert_eq!(of(&[Some(120_001), None]), (Some(120_001), true));
        assert_eq!(of(&[Some(-130_000), Some(-120_000)]), (Some(-125_000), true));
    }
}
