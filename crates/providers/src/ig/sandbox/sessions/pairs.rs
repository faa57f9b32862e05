//! `CST` and `X-SECURITY-TOKEN` of v1 and v2, and of streams (contract, 2.2, 2.4, 2.5 and 2.8).

use std::time::Duration;

use evergrant::clock::later;
use evergrant_sandbox::{Event, Kind};
use jiff::Timestamp;

use super::super::call::Call;
use super::{AGAIN, Session, Sessions};

/// How long a pair lives without being used.
const IDLE: Duration = Duration::from_hours(6);
/// How long it lives at most.
const LONGEST: Duration = Duration::from_hours(72);

/// A `CST` and its `X-SECURITY-TOKEN`.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) session: usize,
    xst: String,
    account: String,
    began: Timestamp,
    used: Timestamp,
    is_dead: bool,
}

/// The tokens of a v2 session.
#[derive(Debug, Clone)]
pub(in super::super) struct Security {
    pub(in super::super) cst: String,
    pub(in super::super) xst: String,
}

impl Sessions {
    /// The tokens of a v1 or v2 login, which ends all older ones of their kind (contract, 2.7).
    pub(in super::super) fn log_in_v2(
        &mut self,
        identifier: &str,
        key: &str,
        account: &str,
    ) -> Security {
        let sessions = &self.opened;
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
            self.record(Event::Revoked, Kind::Access, Some((session, 0)), Some(AGAIN));
        }
        let session = self.open(identifier, key);
        self.pair(session, account, self.backstage.now())
    }

    /// A further pair for the session of a call (contract, 2.4). One that was fetched with another
    /// pair lives no longer than that: else a session of v2 would never meet its end.
    pub(in super::super) fn fetch_pair(&mut self, call: &Call, account: &str) -> Option<Security> {
        let session = self.of_call(call)?;
        let other = call.header("cst").filter(|_| call.bearer().is_none());
        let began = other.and_then(|cst| self.pairs.get(cst)).map(|pair| pair.began);
        Some(self.pair(session, account, began.unwrap_or_else(|| self.backstage.now())))
    }

    /// The session and the account of a pair that is good.
    pub(in super::super) fn of_pair(
        &self,
        call: &Call,
        now: Timestamp,
    ) -> Result<(&Session, &str), &'static str> {
        let cst = call.header("cst").ok_or("error.security.client-token-missing")?;
        let xst = call.header("x-security-token").ok_or("error.security.account-token-missing")?;
        let dead = "error.security.client-token-invalid";
        let pair = self.pairs.get(cst).ok_or(dead)?;
        let session = self.opened.get(pair.session).ok_or(dead)?;
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
    pub(in super::super) fn touch(&mut self, call: &Call) {
        let now = self.backstage.now();
        let pair = call.header("cst").and_then(|cst| self.pairs.get_mut(cst));
        if let (None, Some(pair)) = (call.bearer(), pair) {
            pair.used = now;
        }
    }

    /// The account of a pair becomes another one; its old `X-SECURITY-TOKEN` dies.
    pub(in super::super) fn switch(&mut self, cst: &str, account: &str) -> Option<String> {
        let xst = self.backstage.secret();
        let pair = self.pairs.get_mut(cst)?;
        account.clone_into(&mut pair.account);
        pair.xst.clone_from(&xst);
        Some(xst)
    }

    /// Ends the pairs of a session.
    pub(super) fn end_pairs(&mut self, session: usize) {
        for pair in self.pairs.values_mut().filter(|pair| pair.session == session) {
            pair.is_dead = true;
        }
    }

    fn pair(&mut self, session: usize, account: &str, began: Timestamp) -> Security {
        let used = self.backstage.now();
        let security = Security { cst: self.backstage.secret(), xst: self.backstage.secret() };
        let (xst, account) = (security.xst.clone(), account.to_owned());
        self.pairs.insert(
            security.cst.clone(),
            Pair { session, xst, account, began, used, is_dead: false },
        );
        self.record(Event::Issued, Kind::Access, Some((session, 0)), Some("CST"));
        security
    }
}
