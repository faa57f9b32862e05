//! What the next session is made of: the refresh token of a grant, as the vault keeps it.

use std::time::Duration;

use evergrant::clock::{later, until};
use evergrant::{Grant, Secret};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ig::Environment;
use crate::ig::limits::Whose;

/// How long a sign-in counts: one a minute in the long run.
const A_LOGIN: Duration = Duration::from_mins(1);
/// What may count at once: four besides the next, since a session may end twice within a minute, by a
/// sign-in elsewhere or for maintenance.
const AT_ONCE: Duration = Duration::from_mins(4);

/// The two kinds of sessions, by the version of the operation that makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", from = "u8")]
pub(super) enum Version {
    /// The pair of tokens.
    V2,
    /// The bearer token.
    V3,
}

impl From<Version> for u8 {
    fn from(version: Version) -> Self {
        match version {
            Version::V2 => 2,
            Version::V3 => 3,
        }
    }
}

impl From<u8> for Version {
    fn from(number: u8) -> Self {
        if number == 2 { Self::V2 } else { Self::V3 }
    }
}

/// What is known of a session besides its access token.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Where it was made; `None` in what nobody of us has written.
    pub(super) environment: Option<Environment>,
    pub(super) version: Version,
    /// IG's id of who signed in.
    pub(super) client: Option<String>,
    /// The account that was chosen.
    pub(super) account: Option<String>,
    pub(super) refresh_token: Option<Secret>,
    /// Whether the password must come encrypted.
    pub(super) encrypted: bool,
    /// Until when the uses of the login that is kept count, in seconds since 1970. The user's own
    /// sign-in does not.
    pub(super) logins_until: i64,
}

/// [`State`], on its way into a secret and back.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Plain {
    environment: Option<Environment>,
    version: u8,
    client: Option<String>,
    account: Option<String>,
    refresh_token: Option<String>,
    encrypted: bool,
    logins_until: i64,
}

impl State {
    /// That of a session to be made.
    pub(super) fn new(environment: Environment, version: Version) -> Self {
        Self {
            environment: Some(environment),
            version,
            client: None,
            account: None,
            refresh_token: None,
            encrypted: false,
            logins_until: 0,
        }
    }

    /// That of a grant. One that cannot be read counts as a bare refresh token: whatever answers it can
    /// still be a session.
    pub(super) fn of(grant: &Grant) -> Self {
        let text = grant.refresh.as_ref().map(Secret::expose).unwrap_or_default();
        let Ok(plain) = serde_json::from_str::<Plain>(text) else {
            return Self {
                environment: None,
                version: Version::V3,
                client: None,
                account: None,
                refresh_token: grant.refresh.clone(),
                encrypted: false,
                logins_until: 0,
            };
        };
        Self {
            environment: plain.environment,
            version: plain.version.into(),
            client: plain.client,
            account: plain.account,
            refresh_token: plain.refresh_token.map(Secret::from),
            encrypted: plain.encrypted,
            logins_until: plain.logins_until,
        }
    }

    /// Whose allowances its requests draw on, as far as that is known.
    pub(super) fn whose(&self) -> Option<Whose> {
        Some(Whose { client: self.client.clone()?, account: self.account.clone()? })
    }

    /// The refresh token of the grant.
    pub(super) fn written(&self) -> Secret {
        let plain = Plain {
            environment: self.environment,
            version: self.version.into(),
            client: self.client.clone(),
            account: self.account.clone(),
            refresh_token: self.refresh_token.as_ref().map(|token| token.expose().to_owned()),
            encrypted: self.encrypted,
            logins_until: self.logins_until,
        };
        #[expect(clippy::expect_used, reason = "texts and numbers always serialise")]
        let text = serde_json::to_string(&plain).expect("a state serialises");
        text.into()
    }

    /// Takes note of a login.
    pub(super) fn logged_in(&mut self, now: Timestamp) {
        let taken = Timestamp::from_second(self.logins_until).unwrap_or(now).max(now);
        // No more than what keeps the next one out for as long as one counts: an answer that only
        // looked like a login's counts as well.
        let most = later(now, AT_ONCE + A_LOGIN);
        self.logins_until = later(taken, A_LOGIN).min(most).as_second();
    }

    /// How long it is too soon to sign in again.
    pub(super) fn too_soon(&self, now: Timestamp) -> Option<Duration> {
        let taken = Timestamp::from_second(self.logins_until).ok()?;
        let wait = until(now, taken).saturating_sub(AT_ONCE);
        // A clock that was set back must not keep anybody out.
        (!wait.is_zero() && wait <= A_LOGIN).then_some(wait)
    }
}
