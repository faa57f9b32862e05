//! The default calendar as it changes (contract, sections 4.6 and 5.5).
//!
//! Invariant: the copy equals the calendar view of the window, event by event. Series themselves are not
//! in a view, so they are not in the copy.
//!
//! Without a limit changes are followed. What they tell of a series is not relied upon: whether
//! occurrences come slim, whole or not at all when it changed is not certain. A series that is spoken of
//! is read with all its occurrences instead.
//!
//! With a limit the view is listed anew each time, in two parts that have no event in common: what is
//! ahead, the nearest first, and what is over, the latest first.

use std::collections::BTreeSet;

use async_trait::async_trait;
use evergrant::capability::{BodyFormat, Cursor, Event, EventQuery};
use evergrant::feed::{Feed, Found, Next, Part, PullError, Pulled, Scope, Window};
use evergrant::gateway::Denial;
use evergrant::{Api, CallError};
use jiff::Timestamp;

use super::list::{LONGEST, overlaps, readable};
use super::{IN_UTC, LISTED, READ, said, wire};
use crate::microsoft::Microsoft;
use crate::microsoft::graph::delta::{Pages, Whole, each, everything};
use crate::microsoft::graph::input::invalid;
use crate::microsoft::graph::{Call, Unread, body_as, id};

/// The one part of a feed without a limit.
const VIEW: &str = "view";
/// The parts of one with a limit.
const AHEAD: &str = "ahead";
const BACK: &str = "back";

/// How many events a page of changes has: each may be of a series that is read with all it has.
const CHANGES: usize = 25;
/// How many a page of a list has.
const MOST: usize = 500;
/// How many with their bodies.
const MOST_WITH_BODIES: usize = 100;

const SERIES: &str = "seriesMaster";
const SINGLE: &str = "singleInstance";

#[async_trait]
impl Feed<Event> for Microsoft {
    async fn parts(&self, _: &Api, scope: &Scope) -> Result<Vec<Part>, CallError> {
        let window = window(scope)?;
        let part = |id: &str| Part { id: id.to_owned(), expected: None };
        if scope.limit.is_none() {
            return Ok(vec![part(VIEW)]);
        }
        // A span without a length is no question.
        let ahead = (window.today < window.to).then(|| part(AHEAD));
        let back = (window.from < window.today).then(|| part(BACK));
        Ok(ahead.into_iter().chain(back).collect())
    }

    async fn pull(
        &self,
        api: &Api,
        scope: &Scope,
        part: &str,
        cursor: Option<&Cursor>,
        room: Option<u32>,
    ) -> Result<Pulled<Event>, PullError> {
        let window = window(scope)?;
        let view = View { api, span: within(window.from, window.to), bodies: scope.bodies };
        match scope.limit {
            Some(limit) => view.nearest(window, part == BACK, cursor, room.unwrap_or(limit)).await,
            None => view.changes(cursor).await,
        }
    }
}

/// The window, if it can be asked for.
fn window(scope: &Scope) -> Result<Window, CallError> {
    let window = scope.window.ok_or_else(|| invalid("/window", "is needed for a calendar"))?;
    if window.to <= window.from {
        return Err(invalid("/window", "ends before it begins"));
    }
    if window.to.duration_since(window.from) > LONGEST {
        return Err(invalid("/window", "is longer than 1823 days"));
    }
    Ok(window)
}

/// What takes place in a span of time; whole days are days in UTC.
fn within(from: Timestamp, to: Timestamp) -> EventQuery {
    EventQuery { calendar: None, series: None, from, to, zone: None, limit: 0 }
}

/// What of a calendar belongs into the copy.
struct View<'a> {
    api: &'a Api,
    span: EventQuery,
    bodies: Option<BodyFormat>,
}

impl View<'_> {
    /// A page of changes.
    async fn changes(&self, cursor: Option<&Cursor>) -> Result<Pulled<Event>, PullError> {
        let page = self
            .call("/me/calendarView/delta", &self.span)
            // Bodies cannot be left out here, so the shorter form where they are not wanted.
            .prefer(body_as(self.bodies.unwrap_or(BodyFormat::Text)))
            .pull::<wire::Event>(Pages::Changes, CHANGES, cursor)
            .await?;
        let mut found = Vec::with_capacity(page.said.len());
        let (mut series, mut in_part) = (BTreeSet::new(), BTreeSet::new());
        for theirs in page.said {
            let theirs = match theirs {
                Ok(theirs) => theirs,
                Err(Unread(id)) => {
                    found.push(Found::Unreadable(id));
                    continue;
                }
            };
            if theirs.id.is_empty() {
                tracing::warn!("an event without an id is left out");
                continue;
            }
            let is =
                |kind: &str| theirs.kind.as_deref().is_some_and(|k| k.eq_ignore_ascii_case(kind));
            if theirs.removed.is_some() {
                found.push(Found::Gone(theirs.id));
            } else if is(SERIES) {
                series.insert(theirs.id);
            } else if is_whole(&theirs) {
                // Perhaps it was a series before. What is read from the beginning needs not be told.
                if is(SINGLE) && cursor.is_some() {
                    found.push(itself(&theirs.id));
                }
                found.push(self.told(theirs));
            } else if let Some(of) = said(theirs.series_master_id) {
                series.insert(of);
            } else {
                in_part.insert(theirs.id);
            }
        }
        // A series that is read below is told of there, even if a word before was that it is gone.
        found.retain(|found| !matches!(found, Found::Gone(id) if series.contains(id)));
        // What was read just now is the last word about it.
        let in_part: Vec<_> = in_part.into_iter().collect();
        found.extend(each(&in_part, |id| self.alone(id)).await?);
        let series: Vec<_> = series.into_iter().collect();
        found.extend(each(&series, |id| self.series(id)).await?.into_iter().flatten());
        Ok(Pulled { found, next: page.next })
    }

    /// All occurrences of a series in the span; none if there is no such series.
    async fn series(&self, series: String) -> Result<Vec<Found<Event>>, CallError> {
        let path = format!("/me/events/{}/instances", id(&series)?);
        let call = || self.listed(&path, &self.span);
        let list = Whole {
            pages: Pages::List,
            size: self.most(),
            most: self.longest(),
            too_many: || {
                CallError::Unreadable("a series that takes place more than twice a day".to_owned())
            },
        };
        let told = match everything::<wire::Event>(&list, call).await {
            Ok(told) => told,
            Err(CallError::Denied { denial: Denial::ItemNotFound, .. }) => Vec::new(),
            // Perhaps it is a single event by now.
            Err(error @ CallError::Denied { denial: Denial::Input | Denial::Conflict, .. }) => {
                return match self.fetch(&series).await? {
                    Ok(now) if now.recurrence.is_none() => {
                        Ok(vec![itself(&series), self.told(now)])
                    }
                    Ok(_) => Err(error),
                    Err(Found::Gone(series)) => Ok(vec![none(series)]),
                    Err(unreadable) => Ok(vec![unreadable]),
                };
            }
            Err(error) => return Err(error),
        };
        let mut found: Vec<_> = told
            .into_iter()
            .map(|theirs| match theirs {
                Ok(theirs) => self.told(theirs),
                Err(Unread(id)) => Found::Unreadable(id),
            })
            .collect();
        let items = found.iter().filter_map(|found| match found {
            Found::Item(Event { id, .. }) | Found::Unreadable(id) => Some(id.clone()),
            _ => None,
        });
        let occurrences = items.collect();
        found.push(Found::Series { id: series, occurrences });
        Ok(found)
    }

    /// An event of which only a part was told, read whole.
    async fn alone(&self, event: String) -> Result<Found<Event>, CallError> {
        let found = self.fetch(&event).await?;
        Ok(found.map_or_else(|not| not, |theirs| self.told(theirs)))
    }

    /// The event as it is now, or what is to be said of it instead.
    async fn fetch(&self, event: &str) -> Result<Result<wire::Event, Found<Event>>, CallError> {
        let call = Call::get(self.api, READ, format!("/me/events/{}", id(event)?));
        match self.selecting(call.prefer(IN_UTC)).alone().await {
            Ok(theirs) => Ok(theirs.ok_or_else(|| Found::Unreadable(event.to_owned()))),
            Err(CallError::Denied { denial: Denial::ItemNotFound, .. }) => {
                Ok(Err(Found::Gone(event.to_owned())))
            }
            Err(error) => Err(error),
        }
    }

    /// A page of a list of what is over, or of what is not.
    async fn nearest(
        &self,
        window: Window,
        over: bool,
        cursor: Option<&Cursor>,
        room: u32,
    ) -> Result<Pulled<Event>, PullError> {
        let ahead = within(window.today, window.to);
        let span = if over { within(window.from, window.today) } else { ahead.clone() };
        let order = if over { "start/dateTime desc" } else { "start/dateTime" };
        // One more than is wanted says whether there is more.
        let wanted = usize::try_from(room).unwrap_or(usize::MAX).saturating_add(1);
        let page = self
            .listed("/me/calendarView", &span)
            .query("$orderby", order)
            .pull::<wire::Event>(Pages::List, wanted.min(self.most()), cursor)
            .await?;
        let found: Vec<_> = page
            .said
            .into_iter()
            .filter_map(|theirs| match theirs {
                Ok(theirs) => readable(self.as_listed(theirs), None)
                    .filter(|event| overlaps(event, &span) && !(over && overlaps(event, &ahead)))
                    .map(Found::Item),
                Err(Unread(id)) => Some(Found::Unreadable(id)),
            })
            .take(wanted)
            .collect();
        let next = if found.len() < wanted { page.next } else { Next::Done(None) };
        Ok(Pulled { found, next })
    }

    fn call(&self, path: &str, span: &EventQuery) -> Call<'_> {
        Call::get(self.api, READ, path)
            .query("startDateTime", span.from.to_string())
            .query("endDateTime", span.to.to_string())
            .prefer(IN_UTC)
    }

    fn listed(&self, path: &str, span: &EventQuery) -> Call<'_> {
        self.selecting(self.call(path, span))
    }

    /// What is asked of an event: what lists give, and its body where that belongs into the copy.
    fn selecting<'c>(&self, call: Call<'c>) -> Call<'c> {
        match self.bodies {
            None => call.query("$select", LISTED),
            Some(format) => call.query("$select", format!("{LISTED},body")).prefer(body_as(format)),
        }
    }

    fn most(&self) -> usize {
        if self.bodies.is_some() { MOST_WITH_BODIES } else { MOST }
    }

    /// How many occurrences a series may have: none takes place twice a day, and there is room for twice
    /// as many.
    fn longest(&self) -> usize {
        let hours = self.span.to.duration_since(self.span.from).as_hours();
        usize::try_from(hours / 12).unwrap_or_default() + 4
    }

    /// What is to be said of an event: that it is gone where the view does not have it, be it that it
    /// takes place at another time, or at one that cannot be read.
    fn told(&self, theirs: wire::Event) -> Found<Event> {
        let id = theirs.id.clone();
        let event = readable(self.as_listed(theirs), None);
        let event = event.filter(|event| overlaps(event, &self.span));
        event.map_or(Found::Gone(id), Found::Item)
    }

    /// The event with no more than lists give of it: changes tell all there is.
    fn as_listed(&self, mut theirs: wire::Event) -> wire::Event {
        theirs.body = theirs.body.filter(|_| self.bodies.is_some());
        (theirs.created_date_time, theirs.last_modified_date_time) = (None, None);
        theirs.rest.retain(|name, _| LISTED.split(',').any(|listed| listed == name));
        theirs
    }
}

/// This is no series, or no longer: there is the event alone.
fn itself(id: &str) -> Found<Event> {
    Found::Series { id: id.to_owned(), occurrences: vec![id.to_owned()] }
}

/// Of this series there is nothing.
fn none(id: String) -> Found<Event> {
    Found::Series { id, occurrences: Vec::new() }
}

/// Whether it has what every event among the changes has. An occurrence that did not change comes with
/// its times alone.
fn is_whole(theirs: &wire::Event) -> bool {
    theirs.start.is_some()
        && theirs.end.is_some()
        && theirs.organizer.is_some()
        && theirs.body.is_some()
}
