//! What a calendar holds: single events and series, and what differs on single days of a series.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::recurrence::Recurrence;
use super::when::Span;

/// How Graph writes that something never happened.
pub(in super::super) const NEVER: &str = "0001-01-01T00:00:00Z";

/// A single event, or a series with everything that differs on single days.
#[derive(Debug, Clone)]
pub(in super::super) struct Item {
    /// Its number in the mailbox; the id is made from it.
    pub(in super::super) number: u64,
    /// The number of the calendar it is in.
    pub(in super::super) calendar: u64,
    pub(in super::super) created: Timestamp,
    pub(in super::super) modified: Timestamp,
    /// The mailbox's change number when it was changed last.
    pub(in super::super) change: u64,
    /// The same in every participant's copy (contract 4.7).
    pub(in super::super) uid: String,
    pub(in super::super) transaction: Option<Transaction>,
    pub(in super::super) content: Content,
    pub(in super::super) recurrence: Option<Recurrence>,
    /// Grows when the pattern changes, and the ids of occurrences with it.
    pub(in super::super) generation: u16,
    pub(in super::super) exceptions: BTreeMap<Date, Exception>,
    /// The days whose occurrence was deleted.
    pub(in super::super) cancelled: BTreeSet<Date>,
    /// The organizer's `emailAddress`.
    pub(in super::super) organizer: Value,
    pub(in super::super) is_organizer: bool,
    pub(in super::super) is_cancelled: bool,
    pub(in super::super) online: Option<Online>,
    /// The zones of start and end at creation.
    pub(in super::super) original_zones: [String; 2],
}

/// What can be different on one day of a series.
#[derive(Debug, Clone)]
pub(in super::super) struct Content {
    pub(in super::super) span: Span,
    /// The writable members besides the times, in the form of answers.
    pub(in super::super) members: Map<String, Value>,
}

/// An occurrence that is not as the series says.
#[derive(Debug, Clone)]
pub(in super::super) struct Exception {
    pub(in super::super) content: Content,
    pub(in super::super) modified: Timestamp,
    pub(in super::super) change: u64,
}

/// The client's own id of a creation, and what was created with it (contract 5.5).
#[derive(Debug, Clone)]
pub(in super::super) struct Transaction {
    pub(in super::super) id: String,
    pub(in super::super) body: Value,
}

/// The online meeting of an event (contract 5.6).
#[derive(Debug, Clone)]
pub(in super::super) struct Online {
    pub(in super::super) join_url: String,
    /// Conference id and number, for organizers who can be dialled.
    pub(in super::super) dial_in: Option<(String, String)>,
    pub(in super::super) late: Late,
}

/// How long the link of a new online meeting is still missing.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Late {
    /// So many reads of the event.
    pub(in super::super) reads: u32,
    /// Until then.
    pub(in super::super) until: Option<Timestamp>,
}

impl Online {
    /// Whether the link is there.
    pub(in super::super) fn is_ready(&self, now: Timestamp) -> bool {
        self.late.reads == 0 && self.late.until.is_none_or(|until| now >= until)
    }
}

/// One of the things an item stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Form {
    /// The single event, or the series as a whole.
    Whole,
    /// The occurrence whose day, without an exception, is this one.
    On(Date),
}

impl Item {
    /// What the form holds; `None` if there is no such occurrence.
    pub(in super::super) fn content(&self, form: Form) -> Option<Content> {
        match form {
            Form::Whole => Some(self.content.clone()),
            Form::On(day) if self.has(day) => Some(match self.exceptions.get(&day) {
                Some(exception) => exception.content.clone(),
                None => self.regular(day),
            }),
            Form::On(_) => None,
        }
    }

    /// The occurrence of a day as the series says.
    pub(in super::super) fn regular(&self, day: Date) -> Content {
        Content { span: self.content.span.on(day), members: self.content.members.clone() }
    }

    /// Whether the series has an occurrence that belongs to this day.
    pub(in super::super) fn has(&self, day: Date) -> bool {
        !self.cancelled.contains(&day)
            && self.recurrence.as_ref().is_some_and(|recurrence| recurrence.is_on(day))
    }

    /// The forms that a view from `from` to `to` shows: the event itself, or its occurrences.
    pub(in super::super) fn within(&self, from: Timestamp, to: Timestamp) -> Vec<Form> {
        let Some(recurrence) = &self.recurrence else {
            let overlaps = self.content.span.overlaps(from, to);
            return if overlaps { vec![Form::Whole] } else { Vec::new() };
        };
        let moved = self.exceptions.iter().filter(|(day, exception)| {
            !self.cancelled.contains(day) && exception.content.span.overlaps(from, to)
        });
        let mut days: BTreeSet<Date> = moved.map(|(day, _)| *day).collect();
        days.extend(
            recurrence.days().take_while(|day| self.content.span.on(*day).matched().0 < to).filter(
                |day| {
                    !self.cancelled.contains(day)
                        && !self.exceptions.contains_key(day)
                        && self.content.span.on(*day).overlaps(from, to)
                },
            ),
        );
        days.into_iter().map(Form::On).collect()
    }

    /// The days on which the occurrences before and after the one of `day` really begin.
    pub(in super::super) fn neighbours(&self, day: Date) -> (Option<Date>, Option<Date>) {
        let Some(recurrence) = &self.recurrence else { return (None, None) };
        let begins = |day: Date| match self.exceptions.get(&day) {
            Some(exception) => exception.content.span.start.wall.date(),
            None => day,
        };
        let mut before = None;
        for other in recurrence.days().filter(|other| !self.cancelled.contains(other)) {
            if other > day {
                return (before, Some(begins(other)));
            }
            if other < day {
                before = Some(begins(other));
            }
        }
        (before, None)
    }

    /// Changes what the form holds.
    pub(in super::super) fn change(
        &mut self,
        form: Form,
        now: Timestamp,
        change: impl FnOnce(&mut Content),
    ) {
        match form {
            Form::Whole => change(&mut self.content),
            Form::On(day) => {
                let regular = self.regular(day);
                let fresh = Exception { content: regular, modified: now, change: self.change };
                let exception = self.exceptions.entry(day).or_insert(fresh);
                change(&mut exception.content);
                exception.modified = now;
            }
        }
    }

    /// Whether anybody was invited.
    pub(in super::super) fn attendees(&self) -> &[Value] {
        attendees(&self.content.members)
    }
}

/// The `attendees` among an event's members.
pub(in super::super) fn attendees(members: &Map<String, Value>) -> &[Value] {
    members.get("attendees").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The address of an attendee or another recipient.
pub(in super::super) fn address(recipient: &Value) -> &str {
    recipient["emailAddress"]["address"].as_str().unwrap_or_default()
}

/// A `responseStatus`.
pub(in super::super) fn response(response: &str, time: &str) -> Value {
    json!({ "response": response, "time": time })
}
