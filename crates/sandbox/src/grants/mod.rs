//! Authorization codes and refresh tokens, with the rules of a strict server.
//!
//! A grant is everything that came out of one sign-in. Its refresh tokens are numbered; by default
//! a newer generation leaves the older ones valid, as large providers do. With
//! [`strict_rotation`](crate::StageConfig::strict_rotation) each is good once, and presenting a
//! spent one revokes the grant, since either the client or a thief holds a copy.

mod challenge;
mod refusal;
mod rotation;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

pub use self::challenge::{Challenge, ChallengeError};
pub use self::refusal::{CodeRefusal, RefreshRefusal};
pub use self::rotation::{Rotation, Successor};
use crate::{Backstage, Event, Kind, TokenEntry};

/// The codes and refresh tokens of one act; `T` is what the vendor remembers of a sign-in.
#[derive(Debug)]
pub struct Grants<T> {
    backstage: Backstage,
    terms: Terms,
    prefix: String,
    shelf: Mutex<Shelf<T>>,
}

/// How long things live at this vendor.
#[derive(Debug, Clone, Copy)]
struct Terms {
    code_ttl: Duration,
    refresh_inactivity: Duration,
    /// None is what the stage was set up with.
    rotation: Option<Rotation>,
}

#[derive(Debug)]
struct Shelf<T> {
    grants: HashMap<String, Held<T>>,
    codes: HashMap<String, Code>,
    refresh_tokens: HashMap<String, Refresh>,
    opened: u64,
}

/// What a client asked for when it sent the user to sign in.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The registration.
    pub client: String,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// What the redemption must prove.
    pub challenge: Option<Challenge>,
}

/// One sign-in of one account at one registration.
#[derive(Debug, Clone)]
pub struct Grant<T> {
    /// Its id in the ledger.
    pub id: String,
    /// The registration.
    pub client: String,
    /// The account.
    pub account: String,
    /// When the account signed in.
    pub opened: Timestamp,
    /// What the vendor remembers of it.
    pub memo: T,
}

#[derive(Debug)]
struct Held<T> {
    grant: Grant<T>,
    generation: u64,
    revoked: bool,
}

#[derive(Debug)]
struct Code {
    grant: String,
    asked: Asked,
    issued: Timestamp,
    spent: bool,
}

#[derive(Debug)]
struct Refresh {
    grant: String,
    generation: u64,
    issued: Timestamp,
    spent: Option<Timestamp>,
    successor: Option<String>,
}

impl<T: Clone> Grants<T> {
    /// No grants yet. A code lives for `code_ttl`, a refresh token for `refresh_inactivity`.
    pub fn new(backstage: Backstage, code_ttl: Duration, refresh_inactivity: Duration) -> Self {
        let terms = Terms { code_ttl, refresh_inactivity, rotation: None };
        Self { backstage, terms, prefix: String::new(), shelf: Mutex::new(Shelf::default()) }
    }

    /// With ids that begin with this, where several share a ledger.
    #[must_use]
    pub fn named(mut self, prefix: &str) -> Self {
        self.prefix = format!("{prefix}-");
        self
    }

    /// Opens a grant for an account that has signed in, and returns the code for it.
    pub fn open(&self, asked: Asked, account: &str, memo: T) -> String {
        let code = format!("1.{}", self.backstage.secret());
        let grant = self.begin(&asked.client, account, memo);
        self.shelf(|shelf| {
            self.record(Event::Issued, Kind::Code, &grant, None, None);
            let entry = Code { grant: grant.id, asked, issued: grant.opened, spent: false };
            shelf.codes.insert(code.clone(), entry);
        });
        code
    }

    /// Opens a grant that needs no code, since its account was asked on another way.
    pub fn begin(&self, client: &str, account: &str, memo: T) -> Grant<T> {
        let opened = self.backstage.now();
        self.shelf(|shelf| {
            shelf.opened += 1;
            let grant = Grant {
                id: format!("{}grant-{}", self.prefix, shelf.opened),
                client: client.to_owned(),
                account: account.to_owned(),
                opened,
                memo,
            };
            let held = Held { grant: grant.clone(), generation: 0, revoked: false };
            shelf.grants.insert(grant.id.clone(), held);
            grant
        })
    }

    /// Takes a code and returns its grant. Only success spends it; a refusal is left to
    /// [`refused`](Self::refused), since the vendor knows more reasons.
    pub fn redeem(
        &self,
        code: &str,
        client: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
    ) -> Result<Grant<T>, CodeRefusal> {
        let now = self.backstage.now();
        self.shelf(|shelf| {
            let code = shelf.codes.get_mut(code).ok_or(CodeRefusal::Unknown)?;
            let held = shelf.grants.get(&code.grant).ok_or(CodeRefusal::Unknown)?;
            let age = now.duration_since(code.issued).unsigned_abs();
            if code.asked.client != client {
                return Err(CodeRefusal::OtherClient);
            }
            if code.spent {
                return Err(CodeRefusal::Spent);
            }
            if age >= self.terms.code_ttl {
                return Err(CodeRefusal::Expired);
            }
            if held.revoked {
                return Err(CodeRefusal::Revoked);
            }
            if code.asked.redirect_uri != redirect_uri {
                return Err(CodeRefusal::OtherRedirect);
            }
            if !code.asked.is_proved_by(verifier) {
                return Err(CodeRefusal::Verifier);
            }
            code.spent = true;
            self.record(Event::Spent, Kind::Code, &held.grant, None, None);
            Ok(held.grant.clone())
        })
    }

    /// The grant of a refresh token that `client` could spend now. It is not spent, and a refusal
    /// is not written down: the vendor has checks of its own to make in between.
    pub fn grant_of(&self, refresh_token: &str, client: &str) -> Result<Grant<T>, RefreshRefusal> {
        let now = self.backstage.now();
        self.shelf(|shelf| {
            let token = shelf.refresh_tokens.get(refresh_token).ok_or(RefreshRefusal::Unknown)?;
            let held = shelf.grants.get(&token.grant).ok_or(RefreshRefusal::Unknown)?;
            let idle = now.duration_since(token.issued).unsigned_abs();
            if held.grant.client != client {
                return Err(RefreshRefusal::OtherClient);
            }
            if held.revoked {
                return Err(RefreshRefusal::Revoked { issued: token.issued });
            }
            if idle >= self.terms.refresh_inactivity {
                return Err(RefreshRefusal::Inactive { issued: token.issued });
            }
            Ok(held.grant.clone())
        })
    }

    /// Writes down that `client` presented a code or a refresh token which was not accepted.
    pub fn refused(&self, kind: Kind, presented: &str, client: &str, why: &str) {
        let why = Some(why.to_owned());
        self.shelf(|shelf| {
            let code = shelf.codes.get(presented).map(|code| (&code.grant, None));
            let token = shelf.refresh_tokens.get(presented);
            let token = token.map(|token| (&token.grant, Some(token.generation)));
            let known = code.or(token);
            match known.and_then(|(grant, generation)| Some((shelf.grants.get(grant)?, generation)))
            {
                Some((held, generation)) => {
                    self.record(Event::Refused, kind, &held.grant, generation, why);
                }
                None => self.backstage.ledger().record(TokenEntry {
                    at: self.backstage.now(),
                    event: Event::Refused,
                    kind,
                    token: None,
                    client: Some(client.to_owned()),
                    account: None,
                    grant: None,
                    generation: None,
                    why,
                }),
            }
        });
    }

    /// Whose code or refresh token this is.
    pub fn account_of(&self, code_or_token: &str) -> Option<String> {
        self.shelf(|shelf| {
            let code = shelf.codes.get(code_or_token).map(|code| &code.grant);
            let token = shelf.refresh_tokens.get(code_or_token).map(|token| &token.grant);
            shelf.grants.get(code.or(token)?).map(|held| held.grant.account.clone())
        })
    }

    /// Revokes all grants of `account`.
    pub fn revoke(&self, account: &str, why: &str) {
        self.shelf(|shelf| {
            let live = shelf.grants.values_mut().filter(|held| !held.revoked);
            for held in live.filter(|held| held.grant.account == account) {
                held.revoked = true;
                self.record(Event::Revoked, Kind::Refresh, &held.grant, None, Some(why.to_owned()));
            }
        });
    }

    /// Revokes one grant, if it was not revoked before.
    pub fn revoke_grant(&self, id: &str, why: &str) {
        self.shelf(|shelf| {
            if let Some(held) = shelf.grants.get_mut(id).filter(|held| !held.revoked) {
                held.revoked = true;
                self.record(Event::Revoked, Kind::Refresh, &held.grant, None, Some(why.to_owned()));
            }
        });
    }

    /// Whether a grant exists and was not revoked.
    pub fn is_live(&self, id: &str) -> bool {
        self.shelf(|shelf| shelf.grants.get(id).is_some_and(|held| !held.revoked))
    }

    /// Forgets everything.
    pub fn reset(&self) {
        self.shelf(|shelf| *shelf = Shelf::default());
    }

    fn record(
        &self,
        event: Event,
        kind: Kind,
        grant: &Grant<T>,
        generation: Option<u64>,
        why: Option<String>,
    ) {
        let token = match (kind, generation) {
            (_, Some(generation)) => Some(format!("{}.refresh-{generation}", grant.id)),
            (Kind::Code, None) => Some(format!("{}.code", grant.id)),
            (_, None) => None,
        };
        self.backstage.ledger().record(TokenEntry {
            at: self.backstage.now(),
            event,
            kind,
            token,
            client: Some(grant.client.clone()),
            account: Some(grant.account.clone()),
            grant: Some(grant.id.clone()),
            generation,
            why,
        });
    }

    fn shelf<R>(&self, look: impl FnOnce(&mut Shelf<T>) -> R) -> R {
        look(&mut self.shelf.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Asked {
    /// Whether `verifier` is what the challenge wants; one without a challenge is not wanted, but
    /// harmless.
    fn is_proved_by(&self, verifier: Option<&str>) -> bool {
        match (&self.challenge, verifier) {
            (None, _) => true,
            (Some(challenge), Some(verifier)) => challenge.is_met_by(verifier),
            (Some(_), None) => false,
        }
    }
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            grants: HashMap::new(),
            codes: HashMap::new(),
            refresh_tokens: HashMap::new(),
            opened: 0,
        }
    }
}
