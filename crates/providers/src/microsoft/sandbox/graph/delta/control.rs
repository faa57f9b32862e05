//! Tokens that die, by command or by a scripted fault, and how that is told.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use evergrant::{Request, Response};
use evergrant_sandbox::{Origin, Problem};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::odata::Options;
use super::super::reply::{Denied, Reply};
use super::habits::Habits;
use super::token::{Point, Sealer};
use super::{TOKENS, token_of};
use crate::microsoft::sandbox::MicrosoftAct;
use crate::microsoft::sandbox::changes::read;

/// What can be changed, for the page that lists it.
pub(in crate::microsoft::sandbox) const PATHS: &[&str] = &[
    "users/{upn}/expire-delta-tokens {\"status\"?:410|400|404,\"code\"?:text,\"location\"?:bool}",
    "users/{upn}/delta {\"duplicates\"?:bool,\"reorder\"?:bool,\"empty_pages\"?:bool,\"seed\"?:number}",
];
/// What a client is told with a dead token, in any case (contract, 4.6, rule 5).
const CODES: &[&str] = &["SyncStateNotFound", "SyncStateInvalid", "resyncRequired"];

/// How a dead token is refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::microsoft::sandbox) struct Refusal {
    status: u16,
    code: String,
    /// Whether the answer says where to begin again.
    location: bool,
}

impl Default for Refusal {
    fn default() -> Self {
        let code = CODES.first().copied().unwrap_or_default().to_owned();
        Self { status: 410, code, location: false }
    }
}

impl Refusal {
    /// Reads how tokens shall be refused; `true` is the usual way.
    pub(in crate::microsoft::sandbox) fn read(body: &Value) -> Result<Self, String> {
        if *body == Value::Bool(true) {
            return Ok(Self::default());
        }
        let refusal = Self::deserialize(body).map_err(|error| error.to_string())?;
        if !(400..=410).contains(&refusal.status) {
            return Err("`status` is 410 or one from 400 on".to_owned());
        }
        if !CODES.iter().any(|code| code.eq_ignore_ascii_case(&refusal.code)) {
            return Err(format!("`code` is one of {}", CODES.join(", ")));
        }
        Ok(refusal)
    }

    /// The refusal of a token, which was of the generation `requested`. To begin again one asks at
    /// `address` with the old options and an empty token.
    fn denied(&self, address: &str, query: &str, generation: u64, requested: u64) -> Denied {
        let message = format!(
            "The sync state generation is not found; generation={generation}; requested={requested};"
        );
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::GONE);
        let and = if query.is_empty() { "" } else { "&" };
        let again = format!("{address}?{query}{and}${}=", TOKENS[1]);
        Denied::new(status, &self.code, message).beginning(self.location.then_some(again))
    }
}

/// What is known of all tokens.
#[derive(Debug)]
pub(in crate::microsoft::sandbox) struct Deltas {
    sealer: Sealer,
    /// By the object id of the mailbox.
    mailboxes: BTreeMap<String, State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    /// How often all tokens have died.
    generation: u64,
    /// How those that did are refused.
    refusal: Refusal,
    habits: Habits,
}

impl Deltas {
    /// No tokens yet; `secret` is known to nobody else.
    pub(in crate::microsoft::sandbox) fn new(secret: &str) -> Self {
        Self { sealer: Sealer::new(secret), mailboxes: BTreeMap::new() }
    }

    pub(super) fn generation(&self, mailbox: &str) -> u64 {
        self.mailboxes.get(mailbox).map_or(0, |state| state.generation)
    }

    pub(super) fn habits(&self, mailbox: &str) -> Habits {
        self.mailboxes.get(mailbox).map(|state| state.habits).unwrap_or_default()
    }

    pub(super) fn seal(&self, point: &Point) -> String {
        self.sealer.seal(point)
    }

    /// The point of a token that lives. One of another world is as dead as one that expired.
    pub(super) fn open(&self, token: &str, address: &str) -> Result<Point, Denied> {
        let Some(point) = self.sealer.open(token) else {
            let unknown = Denied::usual(StatusCode::GONE);
            return Err(unknown);
        };
        match self.mailboxes.get(&point.mailbox) {
            Some(state) if state.generation != point.generation => {
                let (now, then) = (state.generation, point.generation);
                Err(state.refusal.denied(address, &point.query, now, then))
            }
            _ => Ok(point),
        }
    }

    /// Makes every token of a mailbox dead that was issued until now.
    fn expire(&mut self, mailbox: &str, refusal: Refusal) {
        let state = self.mailboxes.entry(mailbox.to_owned()).or_default();
        state.generation += 1;
        state.refusal = refusal;
    }
}

impl MicrosoftAct {
    /// Carries out a change of how a user's mailbox tells its changes.
    pub(in crate::microsoft::sandbox) fn change_deltas(
        &self,
        upn: &str,
        change: &str,
        body: &Value,
    ) -> Result<Value, Problem> {
        let user = self.stage_world().user(upn).cloned();
        let user = user.ok_or_else(|| Problem::unknown(format!("there is no user `{upn}`")))?;
        let mut deltas = self.deltas();
        if change == "expire-delta-tokens" {
            let refusal = Refusal::read(body).map_err(Problem::unusable)?;
            deltas.expire(user.oid, refusal);
            return Ok(json!({ "generation": deltas.generation(user.oid) }));
        }
        let habits: Habits = read(body)?;
        deltas.mailboxes.entry(user.oid.to_owned()).or_default().habits = habits;
        Ok(json!(habits))
    }

    /// What a scripted reset answers: the token of the request is dead from now on, and with it all
    /// others of its mailbox.
    pub(in crate::microsoft::sandbox) fn reset_delta(
        &self,
        request: &Request,
        refusal: &Refusal,
    ) -> Response {
        let options = Options::read(request.uri().query().unwrap_or_default());
        let address = format!("{}{}", Origin::of(request), request.uri().path());
        let mut deltas = self.deltas();
        let point = token_of(&options).and_then(|(_, token)| deltas.sealer.open(token));
        let denied = match point {
            Some(point) => {
                deltas.expire(&point.mailbox, refusal.clone());
                let now = deltas.generation(&point.mailbox);
                refusal.denied(&address, &point.query, now, point.generation)
            }
            None => refusal.denied(&address, &options.without(&TOKENS), 1, 0),
        };
        drop(deltas);
        Reply::new(self, request).deny(&denied)
    }
}
