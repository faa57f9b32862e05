//! Who is busy when (contract, 5.7).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::reply::{Answer, Denied};
use super::item::Form;
use super::mailbox::Mailbox;
use super::read::moment;
use super::when::{Moment, Span};
use super::zones::Zone;
use super::{BASIC, Desk, READ};
use crate::microsoft::sandbox::json::integer;

/// The most schedules of one request, the longest window, and the most entries in it.
const MOST: usize = 20;
const LONGEST: SignedDuration = SignedDuration::from_hours(62 * 24);
const MOST_ENTRIES: usize = 1000;
/// From free to busiest, with their digits; when several overlap, the last one wins.
const STATUSES: &[(&str, char)] =
    &[("free", '0'), ("workingElsewhere", '4'), ("tentative", '1'), ("busy", '2'), ("oof", '3')];

/// Something in somebody's calendar, as free/busy sees it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// `freeBusyStatus`.
    pub(super) status: String,
    span: Span,
    subject: Value,
    location: Value,
    is_private: bool,
}

impl Desk<'_> {
    /// `getSchedule`.
    pub(super) fn get_schedule(&self) -> Result<Answer, Denied> {
        if !self.call.caller.has(READ) && !self.call.caller.has(BASIC) {
            return Err(Denied::access());
        }
        let given = self.call.parameters()?;
        let body = Value::Object(self.call.object()?);
        let invalid = |message: &str| Denied::bad("ErrorInvalidParameter", message);
        let schedules =
            given.get("schedules").and_then(Value::as_array).filter(|all| !all.is_empty());
        let schedules = schedules.ok_or_else(|| invalid("The parameter Schedules is required."))?;
        if schedules.len() > MOST {
            return Err(invalid("The number of schedules must not be more than 20."));
        }
        let bound = |name| {
            moment(given.get(name).ok_or_else(|| invalid("StartTime and EndTime are required."))?)
        };
        let (from, to) = (bound("startTime")?.instant(), bound("endTime")?.instant());
        let interval = integer(&body, "availabilityViewInterval").unwrap_or(30);
        if to <= from || !(5..=1440).contains(&interval) {
            return Err(invalid("The time window or the availabilityViewInterval is invalid."));
        }
        if to.duration_since(from) > LONGEST {
            let message = "The requested time duration specified for FreeBusyViewOptions.TimeWindow is too long. The \
                           allowed limit = 62 days.";
            return Err(Denied::bad("ErrorTimeIntervalTooBig", message));
        }
        let interval = SignedDuration::from_mins(interval);
        // The agenda is locked last, and nothing else while it is.
        let names = schedules.iter().map(|name| name.as_str().unwrap_or_default());
        let known = names.map(|name| {
            let hours = self.act.has_mailbox(name).then(|| self.act.working_hours(name));
            (name, hours)
        });
        let known: Vec<_> = known.collect();
        let agenda = self.act.agenda();
        let of = |(name, hours): &(&str, Option<Value>)| {
            let (Some(mailbox), Some(hours)) = (agenda.mailbox(name), hours) else {
                return failed(name, "The mailbox could not be found.", "5016");
            };
            let entries = mailbox.entries(from, to, &self.look.zone);
            if entries.len() > MOST_ENTRIES {
                return failed(name, "There are too many entries in this time window.", "5006");
            }
            let is_own = mailbox.oid == self.call.caller.oid;
            let sees = is_own
                || agenda
                    .mailbox(&self.call.caller.oid)
                    .is_some_and(|own| own.shared.iter().any(|shared| shared.owner == mailbox.oid));
            let items: Vec<_> =
                entries.iter().map(|entry| entry.show(&self.look.zone, is_own, sees)).collect();
            json!({
                "scheduleId": name,
                "availabilityView": view(&entries, from, to, interval),
                "scheduleItems": items,
                "workingHours": hours,
            })
        };
        let value: Vec<_> = known.iter().map(of).collect();
        let context = self.call.context("Collection(microsoft.graph.scheduleInformation)");
        Ok(Answer::ok(json!({ "@odata.context": context, "value": value })))
    }
}

impl Mailbox {
    /// What the default calendar holds in a window, by its begin. Whole days are those of `zone`.
    pub(super) fn entries(&self, from: Timestamp, to: Timestamp, zone: &Zone) -> Vec<Entry> {
        let day = SignedDuration::from_hours(24);
        let (early, late) = (from - day, to + day);
        let default = self.default_calendar();
        let items = self.items.values().filter(|item| item.calendar == default);
        let forms = items.flat_map(|item| {
            item.within(early, late).into_iter().map(move |form: Form| (item, form))
        });
        let mut entries: Vec<_> = forms
            .filter_map(|(item, form)| {
                let content = item.content(form)?;
                let span = content.span;
                let at = |moment: &Moment| {
                    let floating = Moment { wall: moment.wall, zone: zone.clone() };
                    if span.is_all_day { floating.instant() } else { moment.instant() }
                };
                let member = |name: &str| content.members.get(name).cloned().unwrap_or_default();
                Some(Entry {
                    from: at(&span.start),
                    to: at(&span.end),
                    status: member("showAs").as_str().unwrap_or("busy").to_owned(),
                    subject: member("subject"),
                    location: member("location")["displayName"].clone(),
                    is_private: member("sensitivity") == "private",
                    span,
                })
            })
            .filter(|entry| entry.from < to && entry.to > from)
            .collect();
        entries.sort_by_key(|entry| entry.from);
        entries
    }
}

impl Entry {
    /// The entry to somebody who sees details, or only when it is. What is private shows nothing
    /// more to anybody else.
    fn show(&self, zone: &Zone, is_own: bool, sees: bool) -> Value {
        let shown = |moment: &Moment| {
            if self.span.is_all_day { moment.show_floating(zone) } else { moment.show(zone) }
        };
        let (start, end) = (shown(&self.span.start), shown(&self.span.end));
        if !sees {
            return json!({ "status": self.status, "start": start, "end": end });
        }
        if self.is_private && !is_own {
            return json!({ "isPrivate": true, "status": self.status, "start": start, "end": end });
        }
        json!({
            "isPrivate": self.is_private,
            "status": self.status,
            "subject": self.subject,
            "location": self.location,
            "start": start,
            "end": end,
        })
    }
}

/// The busiest of the entries that touch a time.
pub(super) fn busiest(entries: &[Entry], from: Timestamp, to: Timestamp) -> (&'static str, char) {
    let rank = |entry: &Entry| STATUSES.iter().position(|(status, _)| *status == entry.status);
    let touching = entries.iter().filter(|entry| entry.from < to && entry.to > from);
    let worst = touching.filter_map(rank).max().unwrap_or_default();
    STATUSES.get(worst).copied().unwrap_or(("free", '0'))
}

/// One digit for each slot.
fn view(entries: &[Entry], from: Timestamp, to: Timestamp, interval: SignedDuration) -> String {
    let mut view = String::new();
    let mut slot = from;
    while slot < to {
        let next = slot + interval;
        view.push(busiest(entries, slot, next.min(to)).1);
        slot = next;
    }
    view
}

fn failed(name: &str, message: &str, code: &str) -> Value {
    json!({
        "scheduleId": name,
        "availabilityView": "",
        "scheduleItems": null,
        "error": { "message": message, "responseCode": code },
    })
}
