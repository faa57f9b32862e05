//! Feeds over Graph: what is asked, what is made of the answers, and what a reader of pages has in the end.

mod calendar;
mod links;
mod mail;
mod poison;
#[cfg(feature = "sandbox")]
mod sandbox;

use std::collections::BTreeMap;
use std::fmt::Debug;

use evergrant::capability::{BodyFormat, Cursor, Event, Message};
use evergrant::feed::{Feed, Found, Next, Part, PullError, Pulled, Scope, Window};
use evergrant::{Api, CallError};
use serde_json::{Value, json};

use crate::account::{Connected, Graph};
use crate::graph::ROOT;

pub(super) const CALENDAR: &str = "microsoft_calendar";
pub(super) const EMAIL: &str = "microsoft_outlook";

/// What is told, in the way of each feed.
pub(super) trait Told: Debug + Clone + PartialEq + Sized {
    fn feed(api: &Api) -> &dyn Feed<Self>;
    fn id(&self) -> &str;
    fn series(&self) -> Option<&str>;
}

impl Told for Event {
    fn feed(api: &Api) -> &dyn Feed<Self> {
        api.provider().calendar_feed().unwrap()
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn series(&self) -> Option<&str> {
        self.series_id.as_deref()
    }
}

impl Told for Message {
    fn feed(api: &Api) -> &dyn Feed<Self> {
        api.provider().email_feed().unwrap()
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn series(&self) -> Option<&str> {
        None
    }
}

/// December, as the contract's examples have it.
pub(super) fn december() -> Scope {
    let at = |day: &str| format!("2026-12-{day}T00:00:00Z").parse().unwrap();
    let window = Window { from: at("01"), today: at("10"), to: at("30") };
    Scope { window: Some(window), limit: None, bodies: None }
}

pub(super) fn all_mail() -> Scope {
    Scope { window: None, limit: None, bodies: None }
}

pub(super) fn limited(scope: Scope, limit: u32) -> Scope {
    Scope { limit: Some(limit), ..scope }
}

pub(super) fn with_bodies(scope: Scope) -> Scope {
    Scope { bodies: Some(BodyFormat::Text), ..scope }
}

/// An account and the feed it has.
pub(super) struct Reader {
    pub(super) account: Connected,
}

impl Reader {
    pub(super) async fn new(key: &str, graph: &Graph) -> Self {
        Self { account: Connected::new(key, graph).await }
    }

    pub(super) async fn parts<T: Told>(&self, scope: Scope) -> Result<Vec<Part>, CallError> {
        let api = &self.account.api;
        self.account.run(T::feed(api).parts(api, &scope)).await
    }

    pub(super) async fn pull<T: Told>(
        &self,
        scope: Scope,
        part: &str,
        cursor: Option<&str>,
    ) -> Result<Pulled<T>, PullError> {
        let api = &self.account.api;
        let cursor = cursor.map(|link| Cursor(link.to_owned()));
        let pulled = T::feed(api).pull(api, &scope, part, cursor.as_ref(), scope.limit);
        self.account.run(pulled).await
    }
}

/// A page as Graph says it, that leads on to `link` below the root by the name of `kind`.
pub(super) fn page(items: &[Value], kind: &str, link: &str) -> Value {
    json!({ "value": items, format!("@odata.{kind}Link"): format!("{ROOT}{link}") })
}

/// The ids of what was told, those that are gone with a line before them.
pub(super) fn words<T: Told>(found: &[Found<T>]) -> Vec<String> {
    let word = |found: &Found<T>| match found {
        Found::Item(item) => item.id().to_owned(),
        Found::Gone(id) => format!("-{id}"),
        Found::Unreadable(id) => format!("?{id}"),
        Found::Series { id, occurrences } => format!("{id}:{}", occurrences.join(",")),
    };
    found.iter().map(word).collect()
}

/// Where a page leads.
pub(super) fn more(link: &str) -> Next {
    Next::More(Cursor(format!("{ROOT}{link}")))
}

pub(super) fn done(link: &str) -> Next {
    Next::Done(Some(Cursor(format!("{ROOT}{link}"))))
}

/// What somebody has who does what pages say, one word after the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Copy<T>(pub(super) BTreeMap<String, T>);

impl<T: Told> Copy<T> {
    pub(super) fn take(&mut self, found: Vec<Found<T>>) {
        for found in found {
            match found {
                Found::Item(item) => drop(self.0.insert(item.id().to_owned(), item)),
                Found::Gone(id) => {
                    self.0.retain(|key, item| *key != id && item.series() != Some(&id));
                }
                Found::Unreadable(_) => {}
                Found::Series { id, occurrences } => self.0.retain(|key, item| {
                    let belongs = item.series() == Some(&id) || *key == id;
                    !belongs || occurrences.contains(key)
                }),
            }
        }
    }
}
