//! The secret part of an integration, and the arithmetic of its lifetimes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::clock::{later, until};
use crate::measure::Handouts;
use crate::provider::ProviderKey;
use crate::{IntegrationId, Secret, UserId};

/// What a provider granted: an immutable value, replaced as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The token that signs calls.
    pub access: Secret,
    /// The token that obtains the next grant; `None` where the provider has none.
    pub refresh: Option<Secret>,
    /// What signs in again once the refresh token has died; only where the user agreed that it is
    /// kept. In the provider's own form.
    pub login: Option<Secret>,
    /// The permissions the provider says it granted.
    pub scopes: Vec<String>,
    /// When the request that obtained it was sent; lifetimes count from here, so that a slow
    /// answer never makes a token look younger than it is.
    pub obtained_at: Timestamp,
    /// When the access token stops working.
    pub expires_at: Timestamp,
}

/// The sealed form of a grant: JSON inside the encrypted frame. Times are microseconds since 1970.
#[derive(Serialize)]
struct Plain<'a> {
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<&'a str>,
    scopes: &'a [String],
    obtained_at: i64,
    expires_at: i64,
}

/// [`Plain`], read back.
#[derive(Deserialize)]
struct PlainOwned {
    access_token: String,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    login: Option<String>,
    scopes: Vec<String>,
    obtained_at: i64,
    expires_at: i64,
}

/// A decrypted grant that this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error("the stored grant is not in a form this version reads")]
pub struct UnreadableGrant;

impl Grant {
    /// How long the access token lives in all.
    pub fn lifetime(&self) -> Duration {
        until(self.obtained_at, self.expires_at)
    }

    /// The bytes to seal.
    pub(crate) fn to_plain(&self) -> Zeroizing<Vec<u8>> {
        let plain = Plain {
            access_token: self.access.expose(),
            refresh_token: self.refresh.as_ref().map(Secret::expose),
            login: self.login.as_ref().map(Secret::expose),
            scopes: &self.scopes,
            obtained_at: self.obtained_at.as_microsecond(),
            expires_at: self.expires_at.as_microsecond(),
        };
        #[expect(clippy::expect_used, reason = "strings and integers always serialise")]
        Zeroizing::new(serde_json::to_vec(&plain).expect("a grant serialises"))
    }

    /// Reads what [`Grant::to_plain`] wrote.
    pub(crate) fn from_plain(bytes: &[u8]) -> Result<Self, UnreadableGrant> {
        // The JSON error is dropped on purpose: its text may quote a token.
        let plain: PlainOwned = serde_json::from_slice(bytes).map_err(|_| UnreadableGrant)?;
        let time = |micros| Timestamp::from_microsecond(micros).map_err(|_| UnreadableGrant);
        Ok(Self {
            access: plain.access_token.into(),
            refresh: plain.refresh_token.map(Secret::from),
            login: plain.login.map(Secret::from),
            scopes: plain.scopes,
            obtained_at: time(plain.obtained_at)?,
            expires_at: time(plain.expires_at)?,
        })
    }
}

/// How much life a caller needs a token to have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct MinLife(pub Duration);

impl MinLife {
    /// At least `seconds` more.
    pub fn secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

/// Which grant of an integration a token belongs to; later is larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Grows with every connect, reconnect and disconnect.
    pub epoch: i64,
    /// Grows with every refresh.
    pub generation: i64,
}

/// What a caller should know about a token that works all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// Refreshing fails at the moment; this token is good until it expires.
    RefreshFailing,
    /// The operator's registration at the provider needs repair before the next refresh.
    RegistrationMisconfigured,
    /// The database cannot be reached; whether the integration still exists could not be checked.
    StorageUnavailable,
}

/// An access token that works now.
#[derive(Debug, Clone)]
pub struct AccessToken {
    token: Arc<LiveToken>,
    warning: Option<Warning>,
}

/// One decrypted token in memory, shared by all who use it.
#[derive(Debug)]
pub(crate) struct LiveToken {
    pub(crate) id: IntegrationId,
    pub(crate) owner: UserId,
    pub(crate) provider: ProviderKey,
    /// Where it is counted when it is handed out.
    pub(crate) handouts: Handouts,
    pub(crate) version: Version,
    /// The integration's revision when this token was read; older than the last change, it is dead.
    pub(crate) revision: i64,
    pub(crate) secret: Secret,
    /// What [`Provider::token_type`](crate::provider::Provider::token_type) says of it.
    pub(crate) kind: &'static str,
    pub(crate) scopes: Vec<String>,
    pub(crate) obtained_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// `expires_at` on the monotonic clock: a wall clock set back must not lengthen a life.
    pub(crate) expires_uptime: Duration,
    /// How many tokens in a row, this one's forerunners, the provider issued and refused.
    pub(crate) refused: u8,
    /// Whether the provider's API has ever taken it.
    pub(crate) accepted: AtomicBool,
}

impl LiveToken {
    /// What is left of its life by the stricter of the two clocks.
    pub(crate) fn remaining(&self, now: Timestamp, uptime: Duration) -> Duration {
        until(now, self.expires_at).min(self.expires_uptime.saturating_sub(uptime))
    }

    /// How old it is by the stricter of the two clocks.
    pub(crate) fn age(&self, now: Timestamp, uptime: Duration) -> Duration {
        let by_uptime = (uptime + self.lifetime()).saturating_sub(self.expires_uptime);
        until(self.obtained_at, now).max(by_uptime)
    }

    /// From this much life on, a caller waits for the next token rather than take this one.
    pub(crate) fn margin(&self) -> Duration {
        margin(self.lifetime())
    }

    pub(crate) fn lifetime(&self) -> Duration {
        until(self.obtained_at, self.expires_at)
    }
}

impl AccessToken {
    pub(crate) fn new(token: Arc<LiveToken>, warning: Option<Warning>) -> Self {
        Self { token, warning }
    }

    pub(crate) fn live(&self) -> &LiveToken {
        &self.token
    }

    /// Notes that the provider's API took it; a later refusal is then news and not a pattern.
    pub fn accept(&self) {
        self.token.accepted.store(true, Ordering::Relaxed);
    }

    /// How many tokens in a row the provider has issued and refused, now that it refuses this one.
    pub(crate) fn refused(&self) -> u8 {
        if self.token.accepted.load(Ordering::Relaxed) {
            0
        } else {
            self.token.refused.saturating_add(1)
        }
    }

    /// The token itself, for an `Authorization` header unless [`token_type`](Self::token_type) says
    /// otherwise.
    pub fn secret(&self) -> &Secret {
        &self.token.secret
    }

    /// How it is presented: `Bearer`, or a name of the provider's own (RFC 6749, section 7.1).
    pub fn token_type(&self) -> &'static str {
        self.token.kind
    }

    /// The integration it belongs to.
    pub fn integration(&self) -> IntegrationId {
        self.token.id
    }

    /// When it stops working.
    pub fn expires_at(&self) -> Timestamp {
        self.token.expires_at
    }

    /// The permissions it carries.
    pub fn scopes(&self) -> &[String] {
        &self.token.scopes
    }

    /// Which grant it belongs to.
    pub fn version(&self) -> Version {
        self.token.version
    }

    /// What the caller should know, if anything.
    pub fn warning(&self) -> Option<Warning> {
        self.warning
    }
}

/// The longest margin, however long a token lives.
const LONGEST_MARGIN: Duration = Duration::from_mins(5);

/// How long before its end a token of this lifetime is no longer handed out if a newer one can be had.
///
/// A quarter of the lifetime, at most five minutes: a 60-second token gets 15 seconds.
pub fn margin(lifetime: Duration) -> Duration {
    (lifetime / 4).min(LONGEST_MARGIN)
}

/// When the renewer should refresh a token, so that no caller ever waits for it.
///
/// With a quarter of its life left, less a spread of up to a twentieth so that grants made in the
/// same minute do not all come due in the same minute. `spread` is random.
pub fn renewal_due(obtained_at: Timestamp, expires_at: Timestamp, spread: u16) -> Timestamp {
    let lifetime = until(obtained_at, expires_at);
    let spread = lifetime / 20 * u32::from(spread) / u32::from(u16::MAX);
    let wait = lifetime / 4 * 3 + spread;
    later(obtained_at, wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_of_before_there_were_logins_still_opens_and_none_shows_its_login() {
        let old = br#"{"access_token":"a","scopes":[],"obtained_at":1,"expires_at":2}"#;
        let grant = Grant::from_plain(old).unwrap();
        assert_eq!((&grant.refresh, &grant.login), (&None, &None));
        assert!(!String::from_utf8_lossy(&grant.to_plain()).contains("login"));
        let kept = Grant { login: Some("hunter2".into()), ..grant };
        assert_eq!(Grant::from_plain(&kept.to_plain()).unwrap(), kept);
        assert!(!format!("{kept:?}").contains("hunter2"));
    }

    #[test]
    fn the_margin_is_a_quarter_of_the_life_and_at_most_five_minutes() {
        let seconds = |s| margin(Duration::from_secs(s)).as_secs();
        assert_eq!(seconds(60), 15);
        assert_eq!(seconds(3600), 300);
        assert_eq!(seconds(86_400), 300);
        assert_eq!(seconds(0), 0);
    }

    #[test]
    fn a_renewal_comes_before_the_margin_and_never_in_the_first_three_quarters() {
        for lifetime in [1_u64, 60, 3600, 5400, 86_400] {
            for spread in [0, 1, u16::MAX / 2, u16::MAX] {
                let start = Timestamp::UNIX_EPOCH;
                let end = later(start, Duration::from_secs(lifetime));
                let due = renewal_due(start, end, spread);
                assert!(until(start, due) >= Duration::from_secs(lifetime) * 3 / 4);
                assert!(
                    until(due, end) + Duration::from_millis(1) >= Duration::from_secs(lifetime) / 5
                );
            }
        }
    }
}
