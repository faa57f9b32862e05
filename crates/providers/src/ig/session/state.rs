//! What the next session is made of: the refresh token of a grant, as the vault keeps it.

use std::time::Duration;

use evergrant::clock::{later, until};
use evergrant::{Grant, Secret};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ig::Environment;

/// How long there is between two sign-ins with a login that was kept.
const BETWEEN_LOGINS: Duration = Duration::from_mins(1);

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
    /// When the login that is kept was used last, in seconds since 1970. The user's own sign-in does
    /// not count: a session that ends right after it is replaced at once.
    pub(super) logged_in: i64,
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
    logged_in: i64,
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
            logged_in: 0,
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
                logged_in: 0,
            };
        };
        Self {
            environment: plain.environment,
            version: plain.version.into(),
            client: plain.client,
            account: plain.account,
            refresh_token: plain.refresh_token.map(Secret::from),
            encrypted: plain.encrypted,
            logged_in: plain.logged_in,
        }
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
            logged_in: self.logged_in,
        };
        #[expect(clippy::expect_used, reason = "texts and numbers always serialise")]
        let text = serde_json::to_string(&plain).expect("a state serialises");
        text.into()
    }

    /// How long it is too soon to sign in again.
    pub(super) fn too_soon(&self, now: Timestamp) -> Option<Duration> {
        let last = Timestamp::from_second(self.logged_in).ok()?;
        // A clock that was set back must not keep anybody out.
        let wait = until(now, later(last, BETWEEN_LOGINS));
        (!wait.is_zero() && wait <= BETWEEN_LOGINS).then_some(wait)
    }
}
