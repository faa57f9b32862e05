//! One provider: its clients, its grants, and the access tokens it has handed out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evergrant::clock::later;
use evergrant_sandbox::{
    Backstage, DeviceCodes, Event, Grant, Grants, Kind, Origin, Rotation, TokenEntry,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::Clients;

const CODE_TTL: Duration = Duration::from_mins(1);
const REFRESH_INACTIVITY: Duration = Duration::from_hours(90 * 24);
const ACCESS_TTL: Duration = Duration::from_hours(1);
/// For how long a spent refresh token may come again where that is allowed.
const GRACE: Duration = Duration::from_secs(30);

/// What happens to refresh tokens here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Each is good once; a second use revokes the family, access tokens included, at once.
    Strict,
    /// Each is good once, but may come again for a moment and gives the same pair.
    Grace,
    /// They stay what they are.
    Plain,
    /// There are none, since access tokens last.
    Lasting,
}

/// What is remembered of a sign-in.
#[derive(Debug, Clone)]
pub(super) struct Memo {
    pub(super) scope: String,
    pub(super) nonce: Option<String>,
}

/// An access token that was handed out.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) id: String,
    pub(super) client: String,
    /// None for a client on its own behalf.
    pub(super) account: Option<String>,
    pub(super) grant: Option<String>,
    pub(super) scope: String,
    expires: Option<Timestamp>,
    revoked: bool,
}

/// A provider.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) behaviour: Behaviour,
    pub(super) backstage: Backstage,
    pub(super) grants: Grants<Memo>,
    pub(super) devices: DeviceCodes<Memo>,
    clients: Mutex<Clients>,
    access: Mutex<HashMap<String, Access>>,
    /// The answers to refreshes by the refresh token in them, for those who ask again.
    answers: Mutex<HashMap<String, Value>>,
}

impl Behaviour {
    fn of(name: &str) -> Self {
        match name.split('-').next() {
            Some("strict") => Self::Strict,
            Some("grace") => Self::Grace,
            Some("lasting") => Self::Lasting,
            _ => Self::Plain,
        }
    }

    fn rotation(self) -> Rotation {
        match self {
            Self::Strict => Rotation::Once,
            Self::Grace => Rotation::Grace(GRACE),
            Self::Plain | Self::Lasting => Rotation::Never,
        }
    }

    /// What a person is told.
    fn words(self) -> &'static str {
        match self {
            Self::Strict => "a refresh token is good once; its reuse revokes the whole family",
            Self::Grace => "a refresh token is good once, and again for 30 s with the same answer",
            Self::Plain => "a refresh token is not rotated",
            Self::Lasting => "no refresh tokens; access tokens do not expire",
        }
    }
}

impl Provider {
    pub(super) fn new(name: &str, backstage: &Backstage) -> Self {
        let behaviour = Behaviour::of(name);
        let grants = Grants::new(backstage.clone(), CODE_TTL, REFRESH_INACTIVITY);
        Self {
            name: name.to_owned(),
            behaviour,
            backstage: backstage.clone(),
            grants: grants.rotating(behaviour.rotation()).named(name),
            devices: DeviceCodes::new(backstage.clone()),
            clients: Mutex::default(),
            access: Mutex::default(),
            answers: Mutex::default(),
        }
    }

    pub(super) fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answers to refreshes; held while one is made, so that a repetition finds it.
    pub(super) fn answers(&self) -> MutexGuard<'_, HashMap<String, Value>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn issuer(&self, origin: &Origin) -> String {
        format!("{origin}/oauth/{}", self.name)
    }

    /// A new access token and its lifetime, of a grant or of a client on its own behalf.
    pub(super) fn issue_access(
        &self,
        client: &str,
        grant: Option<&Grant<Memo>>,
        scope: &str,
    ) -> (String, Option<Duration>) {
        let token = self.backstage.secret();
        let life = match self.behaviour {
            Behaviour::Lasting => None,
            _ => Some(self.backstage.access_ttl().unwrap_or(ACCESS_TTL)),
        };
        let mut issued = self.access();
        let owner =
            grant.map_or_else(|| format!("{}-{client}", self.name), |grant| grant.id.clone());
        let access = Access {
            id: format!("{owner}.access-{}", issued.len() + 1),
            client: client.to_owned(),
            account: grant.map(|grant| grant.account.clone()),
            grant: grant.map(|grant| grant.id.clone()),
            scope: scope.to_owned(),
            expires: life.map(|life| later(self.backstage.now(), life)),
            revoked: false,
        };
        self.record(Event::Issued, &access, None);
        issued.insert(token.clone(), access);
        (token, life)
    }

    /// The access token, if it is good; else why not.
    pub(super) fn admit(&self, token: &str) -> Result<Access, &'static str> {
        let access = self.access().get(token).cloned().ok_or("the access token is unknown")?;
        let is_over = access.expires.is_some_and(|end| self.backstage.now() >= end);
        let grant_is_live = || access.grant.as_ref().is_none_or(|grant| self.grants.is_live(grant));
        let why = if access.revoked || !grant_is_live() {
            "the access token was revoked"
        } else if is_over {
            "the access token has expired"
        } else {
            return Ok(access);
        };
        self.record(Event::Refused, &access, Some(why));
        Err(why)
    }

    /// Whose access token this is, good or not.
    pub(super) fn holder(&self, token: &str) -> Option<Access> {
        self.access().get(token).cloned()
    }

    /// Revokes the access tokens that `which` picks.
    pub(super) fn revoke_access(&self, why: &str, which: impl Fn(&str, &Access) -> bool) {
        let mut issued = self.access();
        for (token, access) in issued.iter_mut() {
            if !access.revoked && which(token, access) {
                access.revoked = true;
                self.record(Event::Revoked, access, Some(why));
            }
        }
    }

    /// Revokes a grant with all its tokens.
    pub(super) fn revoke_family(&self, grant: &str, why: &str) {
        self.grants.revoke_grant(grant, why);
        self.revoke_access(why, |_, access| access.grant.as_deref() == Some(grant));
    }

    /// All of it, for a person.
    pub(super) fn shown(&self, origin: &Origin) -> Value {
        let issuer = self.issuer(origin);
        json!({
            "issuer": issuer,
            "behaviour": self.behaviour.words(),
            "authorize": format!("{issuer}/authorize"),
            "token": format!("{issuer}/token"),
            "device": format!("{issuer}/device"),
            "userinfo": format!("{issuer}/userinfo"),
            "revoke": format!("{issuer}/revoke"),
            "api": format!("{issuer}/api/me"),
            "clients": self.clients().shown(),
        })
    }

    fn record(&self, event: Event, access: &Access, why: Option<&str>) {
        self.backstage.ledger().record(TokenEntry {
            at: self.backstage.now(),
            event,
            kind: Kind::Access,
            token: Some(access.id.clone()),
            client: Some(access.client.clone()),
            account: access.account.clone(),
            grant: access.grant.clone(),
            generation: None,
            why: why.map(str::to_owned),
        });
    }

    fn access(&self) -> MutexGuard<'_, HashMap<String, Access>> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
