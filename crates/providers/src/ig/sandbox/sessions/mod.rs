//! Sessions: everything that came out of one login, and how it ends (contract, section 2).

mod oauth;
mod pairs;

use std::collections::HashMap;

use evergrant_sandbox::{Backstage, Event, Kind, Rotation, TokenEntry};

pub(super) use self::oauth::Tokens;
use self::oauth::{Access, Refresh};
use self::pairs::Pair;
use super::call::Call;

const AGAIN: &str = "the client logged in again";

/// All sessions of a world.
#[derive(Debug)]
pub(super) struct Sessions {
    backstage: Backstage,
    /// What becomes of a refresh token that was used.
    pub(super) rotation: Rotation,
    /// Whether a second use of a refresh token ends its whole session.
    pub(super) reuse_ends: bool,
    /// Whether a refresh token is good after the logout of its session (contract, 2.6: unknown).
    pub(super) outlives_logout: bool,
    /// Whether a login ends all the sessions that its client had, those of v3 too.
    pub(super) second_login_kills: bool,
    /// What `expires_in` says instead of the truth.
    pub(super) claimed: Option<u64>,
    opened: Vec<Session>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    pairs: HashMap<String, Pair>,
}

/// Everything that came out of one login.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Its id in the ledger.
    grant: String,
    pub(super) identifier: String,
    pub(super) key: String,
    generation: u64,
    is_over: bool,
}

impl Sessions {
    /// Nobody has logged in yet.
    pub(super) fn new(backstage: &Backstage) -> Self {
        Self {
            backstage: backstage.clone(),
            rotation: Rotation::Once,
            reuse_ends: false,
            outlives_logout: false,
            second_login_kills: false,
            claimed: None,
            opened: Vec::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            pairs: HashMap::new(),
        }
    }

    /// Ends the session of a call.
    pub(super) fn log_out(&mut self, call: &Call) {
        let Some(session) = self.of_call(call) else { return };
        if self.outlives_logout {
            self.end_access(session);
            self.end_pairs(session);
            self.record(Event::Revoked, Kind::Access, Some((session, 0)), Some("logged out"));
        } else {
            self.end_one(session, "logged out");
        }
    }

    /// Ends the sessions of a client, or of all.
    pub(super) fn end(&mut self, identifier: Option<&str>, why: &str) {
        let is_meant = |session: &Session| {
            !session.is_over && identifier.is_none_or(|meant| session.identifier == meant)
        };
        let sessions = self.opened.iter().enumerate();
        let meant: Vec<_> =
            sessions.filter(|(_, session)| is_meant(session)).map(|(index, _)| index).collect();
        for session in meant {
            self.end_one(session, why);
        }
    }

    /// The login behind the tokens of a call, good or not.
    pub(super) fn identifier_of(&self, call: &Call) -> Option<&str> {
        self.opened.get(self.of_call(call)?).map(|session| session.identifier.as_str())
    }

    /// Writes down that the tokens of a call were not accepted.
    pub(super) fn refused(&self, call: &Call, why: &str) {
        let session = self.of_call(call).map(|session| (session, 0));
        self.record(Event::Refused, Kind::Access, session, Some(why));
    }

    /// The session behind the tokens of a call, good or not.
    fn of_call(&self, call: &Call) -> Option<usize> {
        match call.bearer() {
            Some(token) => self.access.get(token).map(|access| access.session),
            None => self.pairs.get(call.header("cst")?).map(|pair| pair.session),
        }
    }

    /// Opens a session for somebody who has logged in.
    fn open(&mut self, identifier: &str, key: &str) -> usize {
        if self.second_login_kills {
            self.end(Some(identifier), AGAIN);
        }
        self.opened.push(Session {
            grant: format!("ig-grant-{}", self.opened.len() + 1),
            identifier: identifier.to_owned(),
            key: key.to_owned(),
            generation: 0,
            is_over: false,
        });
        self.opened.len() - 1
    }

    fn end_one(&mut self, session: usize, why: &str) {
        if let Some(held) = self.opened.get_mut(session) {
            held.is_over = true;
            let kind = if held.generation == 0 { Kind::Access } else { Kind::Refresh };
            self.record(Event::Revoked, kind, Some((session, 0)), Some(why));
        }
    }

    /// Writes down what happened to a token of a session; generation 0 is none.
    fn record(&self, event: Event, kind: Kind, of: Option<(usize, u64)>, why: Option<&str>) {
        let session = of.and_then(|(session, _)| self.opened.get(session));
        let generation = of.map(|(_, generation)| generation).filter(|number| *number > 0);
        let what = if kind == Kind::Refresh { "refresh" } else { "access" };
        let token = |session: &Session| Some(format!("{}.{what}-{}", session.grant, generation?));
        self.backstage.ledger().record(TokenEntry {
            at: self.backstage.now(),
            event,
            kind,
            token: session.and_then(token),
            client: session.map(|session| session.key.clone()),
            account: session.map(|session| session.identifier.clone()),
            grant: session.map(|session| session.grant.clone()),
            generation,
            why: why.map(str::to_owned),
        });
    }
}
