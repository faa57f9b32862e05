//! Changes since a token (contract, 4.6): what mail and calendars have in common.
//!
//! A round goes over everything that is there, or over what changed since the last one, in the order of
//! changes. Whatever changes meanwhile moves to the end of that order, so it is met later in the same
//! round, or in the next one if that has ended: nothing is lost. Each page is found from its token alone.

mod control;
mod habits;
mod token;

use std::sync::{MutexGuard, PoisonError};

use serde_json::{Value, json};

pub(in super::super) use self::control::{Deltas, PATHS, Refusal};
pub(super) use self::token::{At, Point};
use super::call::Call;
use super::odata::Options;
use super::reply::{Answer, Denied};
use crate::microsoft::sandbox::MicrosoftAct;

/// The items of a page for which nobody has said how many.
const PAGE: usize = 10;
/// The most that a page can have, whatever was asked for.
const LARGEST: usize = 1000;
/// The names of the two kinds of tokens, as options.
const TOKENS: [&str; 2] = ["skiptoken", "deltatoken"];

/// What is enumerated.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    /// The object id of the mailbox.
    pub(super) mailbox: &'a str,
    /// What in it, for the token.
    pub(super) resource: String,
    /// How a refusal names it, such as `Messages`.
    pub(super) name: &'static str,
    /// The options that a first request can have, without their dollar signs.
    pub(super) options: &'static [&'static str],
    /// Where a first round begins.
    pub(super) start: At,
    /// The last change of the mailbox.
    pub(super) change: u64,
}

/// A part of a round.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    /// Some of what was given before, as it is now; only of use to who repeats itself.
    pub(super) replay: Vec<Row>,
    pub(super) next: Next,
}

/// How it goes on after a page.
#[derive(Debug)]
pub(super) enum Next {
    /// There is more from here.
    More(At),
    /// Everything up to this change was told.
    Done(u64),
}

/// An item, or that it is gone, as JSON.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) json: String,
}

impl Row {
    /// An item.
    pub(super) fn new(id: &str, item: &Value) -> Self {
        Self { id: id.to_owned(), json: item.to_string() }
    }

    /// That an item of this type is gone, or only somewhere else.
    pub(super) fn removed(entity: &str, id: String, elsewhere: bool) -> Self {
        let reason = if elsewhere { "changed" } else { "deleted" };
        let item = json!({
            "@odata.type": format!("#microsoft.graph.{entity}"),
            "id": id,
            "@removed": { "reason": reason },
        });
        Self { id, json: item.to_string() }
    }
}

impl MicrosoftAct {
    /// What is known of everybody's tokens. Mailboxes and calendars are locked before it.
    pub(in super::super) fn deltas(&self) -> MutexGuard<'_, Deltas> {
        self.0.deltas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a request is: at the beginning, or where its token says.
    pub(super) fn delta_point(&self, call: &Call, scope: &Scope<'_>) -> Result<Point, Denied> {
        let deltas = self.deltas();
        let Some((name, token)) = token_of(&call.options) else {
            let is_known = |name: &str| scope.options.contains(&name) || TOKENS[1] == name;
            if let Some(name) = call.options.names().find(|name| !is_known(name)) {
                return Err(unsupported(&name, scope.name));
            }
            return Ok(Point {
                mailbox: scope.mailbox.to_owned(),
                resource: scope.resource.clone(),
                query: call.options.without(&TOKENS),
                generation: deltas.generation(scope.mailbox),
                base: scope.change,
                at: scope.start,
                page: 0,
                ends: false,
            });
        };
        if let Some(name) = call.options.names().find(|name| !TOKENS.contains(&name.as_str())) {
            return Err(unsupported(&name, scope.name));
        }
        let point = deltas.open(token, &format!("{}{}", call.origin, call.path))?;
        let is_meant = point.mailbox == scope.mailbox
            && point.resource == scope.resource
            && point.ends == (name == TOKENS[1]);
        if is_meant {
            return Ok(point);
        }
        Err(Denied::bad("BadRequest", format!("The ${name} is not one of this resource.")))
    }

    /// The answer with the page at a point, which `page` makes; it is told whether it shall repeat
    /// what was given before.
    pub(super) fn delta_answer(
        &self,
        call: &Call,
        point: &Point,
        entity: &str,
        page: impl FnOnce(bool) -> Result<Page, Denied>,
    ) -> Result<Answer, Denied> {
        let habits = self.deltas().habits(&point.mailbox);
        let (rows, next) = if habits.is_empty_page(point) {
            (Vec::new(), Next::More(point.at))
        } else {
            let page = page(habits.duplicates)?;
            (habits.arrange(point, entity, page.rows, page.replay), page.next)
        };
        let (link, name, point) = match next {
            Next::More(at) => ("nextLink", TOKENS[0], point.later(at)),
            Next::Done(change) => ("deltaLink", TOKENS[1], point.end(change)),
        };
        let token = self.deltas().seal(&point);
        let link = json!({
            "@odata.context": call.context(&format!("Collection({entity})")),
            format!("@odata.{link}"): format!("{}{}?${name}={token}", call.origin, call.path),
        });
        Ok(Answer::written(write(&link, &rows)))
    }
}

/// The token that a request brings, and its kind. An empty one asks for everything (contract, 4.6).
fn token_of(options: &Options) -> Option<(&'static str, &str)> {
    TOKENS.iter().find_map(|name| {
        options.get(name).filter(|token| !token.is_empty()).map(|token| (*name, token))
    })
}

/// Whether a request goes on with something.
pub(super) fn has_token(options: &Options) -> bool {
    token_of(options).is_some()
}

/// How many items a page shall have: as `Prefer` says, and no more than `$top`.
pub(super) fn page_size(call: &Call, top: Option<usize>) -> usize {
    let wanted = match (call.prefer.page_size, top) {
        (Some(most), Some(top)) => most.min(top),
        (one, other) => one.or(other).unwrap_or(PAGE),
    };
    wanted.min(LARGEST)
}

/// The body: the members of `head`, and the rows, which are JSON already.
fn write(head: &Value, rows: &[Row]) -> String {
    let head = head.to_string();
    let length = rows.iter().map(|row| row.json.len() + 1).sum::<usize>();
    let mut body = String::with_capacity(head.len() + length + 16);
    body.push_str(head.trim_end_matches('}'));
    body.push_str(",\"value\":[");
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(&row.json);
    }
    body.push_str("]}");
    body
}

/// The refusal of an option that there is not with deltas. The contract has no words for it.
fn unsupported(option: &str, name: &str) -> Denied {
    let message = format!(
        "The following parameters are not supported with change tracking over the '{name}' resource: '{option}'."
    );
    Denied::bad("ErrorInvalidUrlQuery", message)
}
