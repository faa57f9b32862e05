//! Sessions and their tokens: access and refresh tokens of v3, `CST` and `X-SECURITY-TOKEN` of v1
//! and v2 (contract, section 2).

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::clock::later;
use evergrant_sandbox::{Backstage, Event, Kind, Rotation, TokenEntry};
use jiff::Timestamp;

use super::call::Call;

/// How long an access token lives (contract, 2.8).
const ACCESS: Duration = Duration::from_mins(1);
/// How much longer its refresh token lives.
const AFTERWARDS: Duration = Duration::from_mins(10);
/// How long a pair lives without being used.
const IDLE: Duration = Duration::from_hours(6);
/// How long it lives at most.
const LONGEST: Duration = Duration::from_hours(72);

const OAUTH_INVALID: &str = "error.security.oauth-token-invalid";

/// All sessions of a world.
#[derive(Debug)]
pub(super) struct Sessions {
    backstage: Backstage,
    /// What becomes of a refresh token that was used.
    pub(super) rotation: Rotation,
    /// Whether a login ends all the sessions that its client had, those of v3 too.
    pub(super) second_login_kills: bool,
    /// What `expires_in` says instead of the truth.
    pub(super) claimed: Option<u64>,
    sessions: Vec<Session>,
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

#[derive(Debug)]
struct Access {
    session: usize,
    ends: Timestamp,
}

#[derive(Debug)]
struct Refresh {
    session: usize,
    generation: u64,
    ends: Timestamp,
    spent: Option<Timestamp>,
    successor: Option<Tokens>,
}

#[derive(Debug)]
struct Pair {
    session: usize,
    xst: String,
    account: String,
    began: Timestamp,
    used: Timestamp,
    is_dead: bool,
}

/// The tokens of a v3 session.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
    /// The lifetime of the access token in seconds, as it is told.
    pub(super) expires_in: u64,
}

/// The tokens of a v2 session.
#[derive(Debug, Clone)]
pub(super) struct Security {
    pub(super) cst: String,
    pub(super) xst: String,
}

impl Sessions {
    /// Nobody has logged in yet.
    pub(super) fn new(backstage: &Backstage) -> Self {
        Self {
            backstage: backstage.clone(),
            rotation: Rotation::Once,
            second_login_kills: false,
            claimed: None,
            sessions: Vec::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            pairs: HashMap::new(),
        }
    }

    /// The tokens of a v3 login.
    pub(super) fn log_in(&mut self, identifier: &str, key: &str) -> Tokens {
        if self.second_login_kills {
            self.end(Some(identifier), "the client logged in again");
        }
        let session = self.open(identifier, key);
        self.issue(session)
    }

    /// The tokens of a v1 or v2 login, which ends all older ones of their kind (contract, 2.7).
    pub(super) fn log_in_v2(&mut self, identifier: &str, key: &str, account: &str) -> Security {
        if self.second_login_kills {
            self.end(Some(identifier), "the client logged in again");
        }
        let sessions = &self.sessions;
        let is_theirs = |pair: &&mut Pair| {
            let session = sessions.get(pair.session).filter(|session| !session.is_over);
            !pair.is_dead && session.is_some_and(|session| session.identifier == identifier)
        };
        let mut ended = Vec::new();
        for pair in self.pairs.values_mut().filter(is_theirs) {
            pair.is_dead = true;
            ended.push(pair.session);
        }
        for session in ended {
            let why = "the client logged in again";
            self.record(Event::Revoked, Kind::Access, Some((session, 0)), Some(why));
        }
        let session = self.open(identifier, key);
        self.pair(session, account)
    }

    /// A further pair for the session of a call (contract, 2.4).
    pub(super) fn fetch_pair(&mut self, call: &Call, account: &str) -> Option<Security> {
        let session = match call.bearer() {
            Some(token) => self.access.get(token)?.session,
            None => self.pairs.get(call.header("cst")?)?.session,
        };
        Some(self.pair(session, account))
    }

    /// The session of an access token that is good.
    pub(super) fn of_access(&self, token: &str, now: Timestamp) -> Option<&Session> {
        let access = self.access.get(token).filter(|access| now < access.ends)?;
        self.sessions.get(access.session).filter(|session| !session.is_over)
    }

    /// The session and the account of a pair that is good.
    pub(super) fn of_pair(
        &self,
        call: &Call,
        now: Timestamp,
    ) -> Result<(&Session, &str), &'static str> {
        let cst = call.header("cst").ok_or("error.security.client-token-missing")?;
        let xst = call.header("x-security-token").ok_or("error.security.account-token-missing")?;
        let dead = "error.security.client-token-invalid";
        let pair = self.pairs.get(cst).ok_or(dead)?;
        let session = self.sessions.get(pair.session).ok_or(dead)?;
        let ends = later(pair.used, IDLE).min(later(pair.began, LONGEST));
        if session.is_over || pair.is_dead || now >= ends {
            return Err(dead);
        }
        if pair.xst != xst {
            return Err("error.security.account-token-invalid");
        }
        Ok((session, &pair.account))
    }

    /// Notes that a pair was used, which lengthens its life.
    pub(super) fn touch(&mut self, call: &Call) {
        let now = self.backstage.now();
        let pair = call.header("cst").and_then(|cst| self.pairs.get_mut(cst));
        if let (None, Some(pair)) = (call.bearer(), pair) {
            pair.used = now;
        }
    }

    /// The account of a pair becomes another one; its old `X-SECURITY-TOKEN` dies.
    pub(super) fn switch(&mut self, cst: &str, account: &str) -> Option<String> {
        let xst = self.backstage.secret();
        let pair = self.pairs.get_mut(cst)?;
        account.clone_into(&mut pair.account);
        pair.xst.clone_from(&xst);
        Some(xst)
    }

    /// Spends a refresh token.
    pub(super) fn renew(&mut self, token: &str, key: &str) -> Result<Tokens, &'static str> {
        let now = self.backstage.now();
        let refused = |sessions: &Self, found: Option<(usize, u64)>, why: &str| {
            sessions.record(Event::Refused, Kind::Refresh, found, Some(why));
            Err(OAUTH_INVALID)
        };
        let Some(found) = self.refresh.get(token) else {
            return refused(self, None, "unknown");
        };
        let (session, generation) = (found.session, found.generation);
        let (ends, spent, successor) = (found.ends, found.spent, found.successor.clone());
        let named = Some((session, generation));
        let Some(held) = self.sessions.get(session) else {
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
                    self.end_one(session, "a spent refresh token was presented again");
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

    /// Ends the session of a call.
    pub(super) fn log_out(&mut self, call: &Call) {
        let by_access = call.bearer().and_then(|token| self.access.get(token));
        let by_pair = || self.pairs.get(call.header("cst")?).map(|pair| pair.session);
        let session = by_access.map(|access| access.session).or_else(by_pair);
        if let Some(session) = session {
            self.end_one(session, "logged out");
        }
    }

    /// Ends the sessions of a client, or of all.
    pub(super) fn end(&mut self, identifier: Option<&str>, why: &str) {
        let is_meant = |session: &Session| {
            !session.is_over && identifier.is_none_or(|meant| session.identifier == meant)
        };
        let sessions = self.sessions.iter().enumerate();
        let meant: Vec<_> =
            sessions.filter(|(_, session)| is_meant(session)).map(|(index, _)| index).collect();
        for session in meant {
            self.end_one(session, why);
        }
    }

    /// Ends the access tokens of a client, or of all; their refresh tokens stay good.
    pub(super) fn expire(&mut self, identifier: Option<&str>) {
        let now = self.backstage.now();
        for access in self.access.values_mut() {
            let session = self.sessions.get(access.session);
            let is_meant = session
                .is_some_and(|session| identifier.is_none_or(|meant| session.identifier == meant));
            if is_meant {
                access.ends = access.ends.min(now);
            }
        }
    }

    /// The login behind the tokens of a call, good or not.
    pub(super) fn identifier_of(&self, call: &Call) -> Option<&str> {
        let by_access = call.bearer().and_then(|token| self.access.get(token));
        let by_pair = || self.pairs.get(call.header("cst")?).map(|pair| pair.session);
        let session = by_access.map(|access| access.session).or_else(by_pair)?;
        self.sessions.get(session).map(|session| session.identifier.as_str())
    }

    /// The login behind a refresh token, good or not.
    pub(super) fn identifier_of_refresh(&self, token: &str) -> Option<&str> {
        let session = self.refresh.get(token)?.session;
        self.sessions.get(session).map(|session| session.identifier.as_str())
    }

    /// Writes down that the tokens of a call were not accepted.
    pub(super) fn refused(&self, call: &Call, why: &str) {
        let by_access = call.bearer().and_then(|token| self.access.get(token));
        let by_pair = || self.pairs.get(call.header("cst")?).map(|pair| pair.session);
        let session = by_access.map(|access| access.session).or_else(by_pair);
        let found = session.map(|session| (session, 0));
        self.record(Event::Refused, Kind::Access, found, Some(why));
    }

    fn open(&mut self, identifier: &str, key: &str) -> usize {
        self.sessions.push(Session {
            grant: format!("ig-grant-{}", self.sessions.len() + 1),
            identifier: identifier.to_owned(),
            key: key.to_owned(),
            generation: 0,
            is_over: false,
        });
        self.sessions.len() - 1
    }

    fn issue(&mut self, session: usize) -> Tokens {
        let now = self.backstage.now();
        let lifetime = self.backstage.access_ttl().unwrap_or(ACCESS);
        let ends = later(now, lifetime);
        let generation = self.sessions.get_mut(session).map_or(1, |session| {
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

    fn pair(&mut self, session: usize, account: &str) -> Security {
        let (began, used) = (self.backstage.now(), self.backstage.now());
        let security = Security { cst: self.backstage.secret(), xst: self.backstage.secret() };
        let (xst, account) = (security.xst.clone(), account.to_owned());
        self.pairs.insert(
            security.cst.clone(),
            Pair { session, xst, account, began, used, is_dead: false },
        );
        self.record(Event::Issued, Kind::Access, Some((session, 0)), Some("CST"));
        security
    }

    fn end_one(&mut self, session: usize, why: &str) {
        if let Some(held) = self.sessions.get_mut(session) {
            held.is_over = true;
            let kind = if held.generation == 0 { Kind::Access } else { Kind::Refresh };
            self.record(Event::Revoked, kind, Some((session, 0)), Some(why));
        }
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

    /// Writes down what happened to a token of a session; generation 0 is none.
    fn record(&self, event: Event, kind: Kind, of: Option<(usize, u64)>, why: Option<&str>) {
        let session = of.and_then(|(session, _)| self.sessions.get(session));
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
