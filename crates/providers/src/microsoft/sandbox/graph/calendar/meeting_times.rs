//! When everybody could meet (contract, 5.7).

use jiff::civil::{Time, Weekday};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::reply::{Answer, Denied};
use super::item::address;
use super::read::moment;
use super::recurrence::weekday;
use super::schedule::{Entry, busiest};
use super::when::Moment;
use super::zones::Zone;
use super::{Desk, READ_SHARED};
use crate::microsoft::sandbox::json::{given, integer, items, number, switch, text};

/// Suggestions begin at whole and half hours.
const STEP: SignedDuration = SignedDuration::from_mins(30);
/// How far ahead a request without time slots looks.
const AHEAD: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many suggestions there are if nobody says.
const CANDIDATES: i64 = 20;

/// A time at which they could meet.
struct Candidate {
    start: Timestamp,
    end: Timestamp,
    confidence: f64,
    organizer: &'static str,
    /// The availability of each attendee.
    attendees: Vec<&'static str>,
}

/// Why no time was found.
#[derive(Default)]
struct Reasons {
    organizer: bool,
    attendees: bool,
    unknown: bool,
}

impl Desk<'_> {
    /// `findMeetingTimes`.
    pub(super) fn find_meeting_times(&self) -> Result<Answer, Denied> {
        let caller = &self.call.caller;
        if caller.is_app || caller.oid != self.owner.oid || !caller.has(READ_SHARED) {
            return Err(Denied::access());
        }
        // All parameters are optional, and so is the body.
        let body =
            if self.call.body.is_empty() { json!({}) } else { Value::Object(self.call.object()?) };
        let length = match text(&body, "meetingDuration") {
            Some(text) => text.parse::<SignedDuration>().ok().filter(SignedDuration::is_positive),
            None => Some(STEP),
        };
        let length = length.ok_or_else(|| {
            Denied::bad("ErrorInvalidParameter", "The meetingDuration is invalid.")
        })?;
        let constraint = given(&body, "timeConstraint").cloned().unwrap_or_default();
        let windows = self.windows(&constraint)?;
        let domain = text(&constraint, "activityDomain").unwrap_or("work").to_ascii_lowercase();
        let least = number(&body, "minimumAttendeePercentage").unwrap_or(50.0);
        let hours = Hours::read(&self.act.working_hours(self.owner.oid));
        let organizer_optional = switch(&body, "isOrganizerOptional").unwrap_or_default();
        let (all, reasons) =
            self.candidates(&body, &windows, length, |organizer, confidence, start, end| {
                let at_work = hours.as_ref().is_none_or(|hours| hours.hold(&domain, start, end));
                (at_work, organizer_optional || organizer == "free", confidence >= least)
            });
        let mut all = all;
        all.sort_by(|one, other| {
            other.confidence.total_cmp(&one.confidence).then(one.start.cmp(&other.start))
        });
        let most = integer(&body, "maxCandidates").unwrap_or(CANDIDATES);
        all.truncate(usize::try_from(most).unwrap_or_default());
        let reason = if all.is_empty() { reasons.word() } else { "" };
        let context = self.call.context("microsoft.graph.meetingTimeSuggestionsResult");
        Ok(Answer::ok(json!({
            "@odata.context": context,
            "emptySuggestionsReason": reason,
            "meetingTimeSuggestions": self.suggestions(&body, &all),
        })))
    }

    fn windows(&self, constraint: &Value) -> Result<Vec<(Timestamp, Timestamp)>, Denied> {
        let slots = items(constraint, "timeSlots");
        if slots.is_empty() {
            return Ok(vec![(self.look.now, self.look.now + AHEAD)]);
        }
        let bound = |slot: &Value, name| {
            moment(given(slot, name).ok_or_else(Denied::property)?).map(|moment| moment.instant())
        };
        slots.iter().map(|slot| Ok((bound(slot, "start")?, bound(slot, "end")?))).collect()
    }

    /// The times that `judge` lets through, and what kept the others out. It says of a time whether
    /// it is of the right domain, whether the organizer can, and whether enough attendees can.
    fn candidates(
        &self,
        body: &Value,
        windows: &[(Timestamp, Timestamp)],
        length: SignedDuration,
        judge: impl Fn(&str, f64, Timestamp, Timestamp) -> (bool, bool, bool),
    ) -> (Vec<Candidate>, Reasons) {
        let agenda = self.act.agenda();
        let from = windows.iter().map(|window| window.0).min().unwrap_or(self.look.now);
        let to = windows.iter().map(|window| window.1).max().unwrap_or(self.look.now);
        let to = to.min(from + SignedDuration::from_hours(62 * 24));
        let entries = |who: &str| Some(agenda.mailbox(who)?.entries(from, to, &self.look.zone));
        let organizer = entries(self.owner.oid).unwrap_or_default();
        let attendees: Vec<Option<Vec<Entry>>> =
            items(body, "attendees").iter().map(|one| entries(address(one))).collect();
        let mut reasons =
            Reasons { unknown: attendees.iter().any(Option::is_none), ..Reasons::default() };
        let mut found = Vec::new();
        for (start, last) in windows {
            let mut start = rounded(*start);
            while start + length <= (*last).min(to) {
                let end = start + length;
                let free = |entries: &Option<Vec<Entry>>| match entries {
                    Some(entries) => busiest(entries, start, end).0,
                    None => "unknown",
                };
                let attendees: Vec<_> = attendees.iter().map(free).collect();
                let candidate = Candidate {
                    start,
                    end,
                    confidence: confidence(&attendees),
                    organizer: busiest(&organizer, start, end).0,
                    attendees,
                };
                match judge(candidate.organizer, candidate.confidence, start, end) {
                    (true, true, true) => found.push(candidate),
                    (true, false, _) => reasons.organizer = true,
                    (true, true, false) => reasons.attendees = true,
                    (false, ..) => {}
                }
                start += STEP;
            }
        }
        (found, reasons)
    }

    fn suggestions(&self, body: &Value, all: &[Candidate]) -> Vec<Value> {
        let explain = switch(body, "returnSuggestionReasons").unwrap_or_default();
        let places = given(body, "locationConstraint").cloned().unwrap_or_default();
        let places = items(&places, "locations").iter();
        let places: Vec<_> =
            places.map(|one| json!({ "displayName": text(one, "displayName") })).collect();
        let asked = items(body, "attendees");
        let shown = |at: Timestamp| Moment::at(at, &self.look.zone).show(&self.look.zone);
        let suggestion = |(index, candidate): (usize, &Candidate)| {
            let of = |(one, availability): (&Value, &&str)| {
                json!({
                    "availability": availability,
                    "attendee": { "emailAddress": { "address": address(one) } },
                })
            };
            let attendees: Vec<_> = asked.iter().zip(&candidate.attendees).map(of).collect();
            let all_free = candidate.attendees.iter().all(|one| *one == "free");
            let reason = if all_free {
                "Suggested because it is one of the nearest times when all attendees are available."
            } else {
                "Suggested because it is one of the nearest times when most attendees are available."
            };
            json!({
                "confidence": candidate.confidence,
                "order": index + 1,
                "organizerAvailability": candidate.organizer,
                "suggestionReason": explain.then_some(reason),
                "attendeeAvailability": attendees,
                "locations": places,
                "meetingTimeSlot": { "start": shown(candidate.start), "end": shown(candidate.end) },
            })
        };
        all.iter().enumerate().map(suggestion).collect()
    }
}

impl Reasons {
    fn word(&self) -> &'static str {
        match (self.attendees, self.organizer, self.unknown) {
            (true, _, true) => "attendeesUnavailableOrUnknown",
            (true, _, false) => "attendeesUnavailable",
            (false, true, _) => "organizerUnavailable",
            (false, false, _) => "unknown",
        }
    }
}

/// The mean of free 100, unknown 49 and busy 0; without attendees it is certain.
fn confidence(attendees: &[&str]) -> f64 {
    if attendees.is_empty() {
        return 100.0;
    }
    let worth = |one: &&str| match *one {
        "free" => 100.0,
        "unknown" => 49.0,
        _ => 0.0,
    };
    let count = u32::try_from(attendees.len()).map_or(f64::MAX, f64::from);
    attendees.iter().map(worth).sum::<f64>() / count
}

/// The organizer's working hours.
struct Hours {
    days: Vec<Weekday>,
    opening: Time,
    closing: Time,
    zone: Zone,
}

impl Hours {
    fn read(value: &Value) -> Option<Self> {
        let time = |name| text(value, name)?.parse().ok();
        Some(Self {
            days: items(value, "daysOfWeek")
                .iter()
                .filter_map(|day| weekday(day.as_str()?))
                .collect(),
            opening: time("startTime")?,
            closing: time("endTime")?,
            zone: Zone::named(text(given(value, "timeZone")?, "name")?)?,
        })
    }

    /// Whether a time is of the domain: work is done in working hours, `personal` adds the weekend.
    fn hold(&self, domain: &str, start: Timestamp, end: Timestamp) -> bool {
        let (start, end) = (Moment::at(start, &self.zone).wall, Moment::at(end, &self.zone).wall);
        let is_day = domain == "personal" || self.days.contains(&start.weekday());
        let is_open = start.time() >= self.opening && end <= start.date().to_datetime(self.closing);
        domain == "unrestricted" || (is_day && is_open)
    }
}

/// The next whole or half hour.
fn rounded(at: Timestamp) -> Timestamp {
    let step = STEP.as_secs();
    let behind = at.as_second().rem_euclid(step);
    let missing = if behind == 0 { 0 } else { step - behind };
    Timestamp::from_second(at.as_second() + missing).unwrap_or(at)
}
