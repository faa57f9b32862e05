//! What is in the calendars at first: told relative to the stage's present, the same with each seed.

use evergrant_sandbox::Backstage;
use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::agenda::Agenda;
use super::item::Form;
use super::mailbox::Shared;
use crate::microsoft::sandbox::world::User;

const BERLIN: &str = "Europe/Berlin";
/// Longer than half a year, so that the clocks change within.
const WEEKS: u32 = 40;

impl Agenda {
    /// The calendars of a new world.
    pub(in crate::microsoft::sandbox) fn new(users: &[User], backstage: &Backstage) -> Self {
        let mut agenda = Self::empty(users, backstage);
        let now = backstage.now();
        for mailbox in agenda.boxes.values_mut() {
            mailbox.licence.teams = !mailbox.address.starts_with("megan@");
        }
        let name = |index: usize| users.get(index).map(|user: &User| user.oid.to_owned());
        if let (Some(adele), Some(alex)) = (name(0), name(1)) {
            agenda.fill(&adele, &alex, now);
            agenda.share(&alex, &adele, false);
        }
        agenda
    }

    fn fill(&mut self, adele: &str, alex: &str, now: Timestamp) {
        let today = now.in_tz(BERLIN).map_or(jiff::civil::date(2026, 1, 1), |now| now.date());
        let on = |days: i64| today.saturating_add(days.days());
        let attendee = |agenda: &Self, oid: &str| {
            let owner = agenda.mailbox(oid).map(super::mailbox::Mailbox::owner);
            json!([{ "type": "required", "emailAddress": owner }])
        };
        let (to_alex, to_adele) = (attendee(self, alex), attendee(self, adele));
        let plain = json!({
            "subject": "Quarterly planning", "location": { "displayName": "Conf room Hood" },
            "body": { "contentType": "html", "content": "<p>Bring last quarter's figures.</p>" },
        });
        self.add(adele, &timed(plain, on(1), 10, 60), now);
        let private = json!({ "subject": "Dentist", "sensitivity": "private", "showAs": "oof" });
        self.add(adele, &timed(private, on(2), 16, 45), now);
        self.add(adele, &whole_day("Company holiday", on(5)), now);
        let review = json!({
            "subject": "Design review", "isOnlineMeeting": true, "onlineMeetingProvider": "teamsForBusiness",
            "attendees": to_alex,
        });
        self.add(adele, &timed(review, on(1), 15, 30), now);
        self.add_series(adele, today, now);
        self.add(alex, &timed(json!({ "subject": "Focus time" }), on(1), 9, 120), now);
        self.add(alex, &whole_day("Out at a trade fair", on(4)), now);
        let budget = json!({ "subject": "Budget talk", "attendees": to_adele });
        self.add(alex, &timed(budget, on(3), 11, 60), now);
    }

    /// A weekly meeting of which one occurrence was moved and the next one deleted.
    fn add_series(&mut self, oid: &str, today: Date, now: Timestamp) {
        let since = i64::from(today.weekday().since(Weekday::Monday));
        let monday = today.saturating_sub(since.days());
        let first = monday.saturating_sub(4.weeks());
        let mut series = timed(json!({ "subject": "Team sync" }), first, 9, 30);
        series["recurrence"] = json!({
            "pattern": { "type": "weekly", "interval": 1, "daysOfWeek": ["monday"], "firstDayOfWeek": "monday" },
            "range": { "type": "numbered", "startDate": first.to_string(), "numberOfOccurrences": WEEKS },
        });
        let Some(number) = self.add(oid, &series, now) else { return };
        let item = |agenda: &Self| agenda.mailbox(oid)?.items.get(&number).cloned();
        let (next, after) = (monday.saturating_add(1.week()), monday.saturating_add(2.weeks()));
        if let Some(item) = item(self) {
            let moved = timed(json!({}), next.saturating_add(1.day()), 10, 30);
            // It is there, and Tuesday is before the next Monday.
            let _ = self.update(oid, &item, Form::On(next), &moved, now);
        }
        if let Some(item) = item(self) {
            self.delete(oid, &item, Form::On(after), now);
        }
    }

    fn add(&mut self, oid: &str, event: &Value, now: Timestamp) -> Option<u64> {
        self.create(oid, None, event, now).ok()
    }

    /// Lets `reader` see the default calendar of `owner`.
    pub(super) fn share(&mut self, owner: &str, reader: &str, can_edit: bool) {
        let Some(owner) = self.mailbox(owner) else { return };
        let (owner, calendar) = (owner.oid.clone(), owner.default_calendar());
        if let Some(reader) = self.mailbox_mut(reader) {
            reader.shared.retain(|shared| shared.owner != owner);
            let number = reader.next();
            reader.shared.push(Shared { number, owner, calendar, can_edit });
        }
    }
}

/// An event with times in Berlin.
fn timed(mut event: Value, date: Date, hour: i8, minutes: i64) -> Value {
    let start = date.at(hour, 0, 0, 0);
    let end = start.saturating_add(minutes.minutes());
    event["start"] = json!({ "dateTime": start.to_string(), "timeZone": BERLIN });
    event["end"] = json!({ "dateTime": end.to_string(), "timeZone": BERLIN });
    event
}

fn whole_day(subject: &str, date: Date) -> Value {
    let day = |date: Date| json!({ "dateTime": format!("{date}T00:00:00"), "timeZone": BERLIN });
    json!({
        "subject": subject, "isAllDay": true, "showAs": "free", "start": day(date),
        "end": day(date.saturating_add(1.day())),
    })
}
