//! Changes of what takes place in a window (contract, 4.6).
//!
//! A change of a series tells all of it again: the series itself, occurrences that are as it says by
//! their times alone, and exceptions in full.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::delta::{At, Next, Page, Point, Row, Scope, page_size};
use super::super::odata::{Options, Query};
use super::super::reply::{Answer, Denied};
use super::history::Entry;
use super::item::{Form, Item};
use super::mailbox::Mailbox;
use super::view::{EVENT, window};
use super::{Desk, Place};

/// How much of what was given before is given again, by who repeats itself.
const REPLAYED: usize = 3;

impl Desk<'_> {
    /// `GET /me/calendarView/delta` and the same of another calendar.
    pub(super) fn delta(&self, place: &Place) -> Result<Answer, Denied> {
        let agenda = self.act.agenda();
        let mailbox = agenda.mailbox(&place.oid).ok_or_else(Denied::no_mailbox)?;
        let calendar = place.calendar.unwrap_or_else(|| mailbox.default_calendar());
        let scope = Scope {
            mailbox: &mailbox.oid,
            resource: format!("events/{calendar}"),
            name: "CalendarView",
            options: &["startdatetime", "enddatetime"],
            start: At::Since(0, 0),
            change: mailbox.change,
        };
        let point = self.act.delta_point(self.call, &scope)?;
        let window = window(&Options::read(&point.query))?;
        self.act.delta_answer(self.call, &point, "event", |repeats| {
            Ok(Round { desk: self, mailbox, calendar, window, point: &point }.page(repeats))
        })
    }
}

/// Where a round over a window is.
struct Round<'a> {
    desk: &'a Desk<'a>,
    mailbox: &'a Mailbox,
    calendar: u64,
    window: (Timestamp, Timestamp),
    point: &'a Point,
}

impl<'a> Round<'a> {
    fn page(&self, repeats: bool) -> Page {
        let (since, told) = match self.point.at {
            At::Since(since, told) => (since, told),
            At::Newest(..) => (0, 0),
        };
        let size = page_size(self.desk.call, None);
        let mut rows = Vec::new();
        let mut next = Next::Done(self.mailbox.change);
        // The parts of a change that were told belong to the one after `since`, if it is still there.
        for (change, entry) in self.mailbox.history(since + 1) {
            let skipped = if change == since + 1 { told } else { 0 };
            let parts = self.parts(change, entry);
            for (index, part) in parts.iter().enumerate().skip(skipped) {
                if rows.len() == size {
                    next = Next::More(At::Since(change - 1, index));
                    break;
                }
                rows.extend(self.row(part));
            }
            if matches!(next, Next::More(_)) {
                break;
            }
        }
        let replay = if repeats { self.replay(since) } else { Vec::new() };
        Page { rows, replay, next }
    }

    /// What an entry can tell. It is the same as long as the entry is there, so that parts can be
    /// counted; whether a part is told is another question.
    fn parts(&self, change: u64, entry: &'a Entry) -> Vec<Part<'a>> {
        let (item, is_past) = match entry {
            Entry::Now(number) => (self.mailbox.items.get(number), false),
            // Before the first round began nothing was known that could be gone.
            Entry::Before(item) => (Some(item.as_ref()).filter(|_| change > self.point.base), true),
        };
        match item.filter(|item| item.calendar == self.calendar) {
            Some(item) => {
                let forms = self.forms(item).into_iter();
                forms.map(|form| Part { item, form, is_past }).collect()
            }
            None => Vec::new(),
        }
    }

    /// What of an item the window shows: of a series the series itself, too.
    fn forms(&self, item: &Item) -> Vec<Form> {
        let (from, to) = self.window;
        let mut forms = item.within(from, to);
        if item.recurrence.is_some() && !forms.is_empty() {
            forms.insert(0, Form::Whole);
        }
        forms
    }

    fn row(&self, part: &Part<'_>) -> Option<Row> {
        let id = self.mailbox.id(part.item, part.form);
        if !part.is_past {
            return Some(Row::new(&id, &self.show(part.item, part.form, &id)));
        }
        let now = self.mailbox.items.get(&part.item.number);
        let same = |now: &&Item| part.form == Form::Whole || now.generation == part.item.generation;
        let is_there = now.filter(same).filter(|now| match part.form {
            Form::Whole => true,
            Form::On(day) => now.has(day),
        });
        let here = is_there.filter(|now| now.calendar == self.calendar);
        let is_shown = here.is_some_and(|now| self.forms(now).contains(&part.form));
        (!is_shown).then(|| Row::removed("event", id, is_there.is_some()))
    }

    fn show(&self, item: &Item, form: Form, id: &str) -> Value {
        let look = &self.desk.look;
        if let Form::On(day) = form
            && !item.exceptions.contains_key(&day)
        {
            let (start, end) = item.content.span.on(day).shown(&look.zone);
            return json!({
                "@odata.type": "#microsoft.graph.event",
                "id": id,
                "type": "occurrence",
                "seriesMasterId": self.mailbox.id(item, Form::Whole),
                "start": start,
                "end": end,
            });
        }
        let mut shown = self.mailbox.show(item, form, look);
        shown["@odata.type"] = json!("#microsoft.graph.event");
        Query::default().shape(&EVENT, shown)
    }

    /// Some of what was given before, as it is now.
    fn replay(&self, since: u64) -> Vec<Row> {
        let told = self.mailbox.history_back(since);
        let told = told.filter(|entry| matches!(entry, Entry::Now(_)));
        let parts = told.flat_map(|entry| self.parts(since, entry)).take(REPLAYED);
        parts.filter_map(|part| self.row(&part)).collect()
    }
}

/// One thing that an entry can tell.
struct Part<'a> {
    item: &'a Item,
    form: Form,
    is_past: bool,
}
