//! Access and refresh tokens of v3 (contract, 2.1, 2.7 and 2.8).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::clock::later;
use evergrant_sandbox::{Event, Kind, Rotation};
use jiff::Timestamp;

use super::{Session, Sessions};

/// How long an access token lives (contract, 2.8).
const ACCESS: Duration = Duration::from_mins(1);
/// How much longer its refresh token lives.
const AFTERWARDS: Duration = Duration::from_mins(10);
const OAUTH_INVALID: &str = "error.security.oauth-token-invalid";

/// An access token.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) session: usize,
    ends: Timestamp,
}

/// A refresh token.
#[derive(Debug)]
pub(super) struct Refresh {
    session: usize,
    generation: u64,
    ends: Timestamp,
    spent: Option<Timestamp>,
    successor: Option<Tokens>,
}

/// The tokens of a v3 session.
#[derive(Debug, Clone)]
pub(in super::super) struct Tokens {
    pub(in super::super) access: String,
    pub(in super::super) refresh: String,
    /// The lifetime of the access token in seconds, as it is told.
    pub(in super::super) expires_in: u64,
}

impl Sessions {
    /// The tokens of a v3 login.
    pub(in super::super) fn log_in(&mut self, identifier: &str, key: &str) -> Tokens {
        let session = self.open(identifier, key);
        self.issue(session)
    }

    /// The session of an access token that is good.
    pub(in super::super) fn of_access(&self, token: &str, now: Timestamp) -> Option<&Session> {
        let access = self.access.get(token).filter(|access| now < access.ends)?;
        self.opened.get(access.session).filter(|session| !session.is_over)
    }

    /// Spends a refresh token.
    pub(in super::super) fn renew(
        &mut self,
        token: &str,
        key: &str,
    ) -> Result<Tokens, &'static str> {
        let now = self.backstage.now();
        let refused = |shelf: &Self, found: Option<(usize, u64)>, why: &str| {
            shelf.record(Event::Refused, Kind::Refresh, found, Some(why));
            Err(OAUTH_INVALID)
        };
        let Some(found) = self.refresh.get(token) else {
            return refused(self, None, "unknown");
        };
        let (session, generation) = (found.session, found.generation);
        let (ends, spent, successor) = (found.ends, found.spent, found.successor.clone());
        let named = Some((session, generation));
        let Some(held) = self.opened.get(session) else {
            return refused(self, None, "unknown");
        };
        if held.key != key {
            return refused(self, named, "another key's");
        }
        if held.is_over {
            return refused(self, named, "its session is over");
        }
        if now >= ends {
            return refused(self, named, "expired");
        }
        if let Some(spent) = spent {
            let age = now.duration_since(spent).unsigned_abs();
            match (self.rotation, successor) {
                (Rotation::Grace(grace), Some(successor)) if age < grace => {
                    let why = "again, within the grace";
                    self.record(Event::Spent, Kind::Refresh, named, Some(why));
                    return Ok(successor);
                }
                (Rotation::Once | Rotation::Grace(_), _) => {
                    self.record(Event::Reused, Kind::Refresh, named, None);
                    if self.reuse_ends {
                        self.end_one(session, "a spent refresh token was presented again");
                    }
                    return Err(OAUTH_INVALID);
                }
                (Rotation::Lenient | Rotation::Never, _) => {}
            }
        }
        self.record(Event::Spent, Kind::Refresh, named, None);
        let tokens = self.issue(session);
        if let Some(refresh) = self.refresh.get_mut(token) {
            refresh.spent = Some(now);
            refresh.successor = Some(tokens.clone());
        }
        Ok(tokens)
    }

    /// Ends the access tokens of a client, or of all; their refresh tokens stay good.
    pub(in super::super) fn expire(&mut self, identifier: Option<&str>) {
        let now = self.backstage.now();
        for access in self.access.values_mut() {
            let session = self.opened.get(access.session);
            let is_meant = session
                .is_some_and(|session| identifier.is_none_or(|meant| session.identifier == meant));
            if is_meant {
                access.ends = access.ends.min(now);
            }
        }
    }

    /// Ends the access tokens of a session; its refresh token stays good.
    pub(super) fn end_access(&mut self, session: usize) {
        let now = self.backstage.now();
        for access in self.access.values_mut().filter(|access| access.session == session) {
            access.ends = access.ends.min(now);
        }
    }

    /// The login behind a refresh token, good or not.
    pub(in super::super) fn identifier_of_refresh(&self, token: &str) -> Option<&str> {
        let session = self.refresh.get(token)?.session;
        self.opened.get(session).map(|session| session.identifier.as_str())
    }

    fn issue(&mut self, session: usize) -> Tokens {
        let now = self.backstage.now();
        let lifetime = self.backstage.access_ttl().unwrap_or(ACCESS);
        let ends = later(now, lifetime);
        let generation = self.opened.get_mut(session).map_or(1, |session| {
            session.generation += 1;
            session.generation
        });
        let tokens = Tokens {
            access: self.token(),
            refresh: self.token(),
            expires_in: self.claimed.unwrap_or(lifetime.as_secs()),
        };
        self.access.insert(tokens.access.clone(), Access { session, ends });
        let ends = later(ends, AFTERWARDS);
        let refresh = Refresh { session, generation, ends, spent: None, successor: None };
        self.refresh.insert(tokens.refresh.clone(), refresh);
        self.record(Event::Issued, Kind::Access, Some((session, generation)), None);
        self.record(Event::Issued, Kind::Refresh, Some((session, generation)), None);
        tokens
    }

    /// A token shaped like a UUID (contract, 2.1) that nobody can guess.
    fn token(&self) -> String {
        let secret = URL_SAFE_NO_PAD.decode(self.backstage.secret()).unwrap_or_default();
        let mut bytes = [0; 16];
        for (byte, secret) in bytes.iter_mut().zip(secret) {
            *byte = secret;
        }
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}
