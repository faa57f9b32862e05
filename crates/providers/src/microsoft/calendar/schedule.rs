//! Who is free when (contract, section 5.7).

use evergrant::capability::{
    Availability, AvailabilityAsk, BusyTime, Moment, ShowAs, SuggestedTime, Suggestions,
    SuggestionsAsk, Zone,
};
use evergrant::{Api, CallError};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::read::known;
use super::time::{NAMES, Span, instant};
use super::wire::{self, said};
use super::words::SHOW_AS;
use super::{DateTimeTimeZone, IN_UTC, READ, write};
use crate::microsoft::graph::Call;
use crate::microsoft::graph::input::{address, invalid};
use crate::microsoft::graph::wire::{EmailAddress, nullable};

/// As many as one call takes.
const MOST_AT_ONCE: usize = 20;

/// As much as one call looks at.
const LONGEST: SignedDuration = SignedDuration::from_hours(62 * 24);

/// `findMeetingTimes` looks into calendars that are shared with the account.
const SHARED: &[&str] = &["Calendars.Read.Shared", "Calendars.ReadWrite.Shared"];

/// What a digit of `availabilityView` stands for is its place here.
const DIGITS: [ShowAs; 5] =
    [ShowAs::Free, ShowAs::Tentative, ShowAs::Busy, ShowAs::OutOfOffice, ShowAs::WorkingElsewhere];

/// From when to when is asked.
fn asked(start: Moment, end: Moment, zone: Option<&Zone>) -> Result<Span, CallError> {
    let (from, to) = (instant(start, zone, NAMES[0])?, instant(end, zone, NAMES[1])?);
    if to <= from {
        return Err(invalid(NAMES[1], "is not after the beginning"));
    }
    if to.duration_since(from) > LONGEST {
        return Err(invalid(NAMES[1], "is more than 62 days after the beginning"));
    }
    Span::new(start, end, zone, false, NAMES)
}

/// When people are free and busy.
pub(super) async fn availability(
    api: &Api,
    ask: &AvailabilityAsk,
) -> Result<Vec<Availability>, CallError> {
    let span = asked(ask.start_time, ask.end_time, ask.time_zone.as_ref())?;
    if ask.emails.is_empty() {
        return Err(invalid("/emails", "names nobody"));
    }
    for (n, email) in ask.emails.iter().enumerate() {
        address(&format!("/emails/{n}"), email)?;
    }
    if !(5..=1440).contains(&ask.interval_minutes) {
        return Err(invalid("/interval_minutes", "is 5 to 1440"));
    }
    let zone = ask.time_zone.clone().unwrap_or_else(Zone::utc);
    let mut all = Vec::new();
    for emails in ask.emails.chunks(MOST_AT_ONCE) {
        let body = json!({
            "schedules": emails,
            "startTime": span.start,
            "endTime": span.end,
            "availabilityViewInterval": ask.interval_minutes,
        });
        // It only reads, although it is a POST.
        let call = Call::post(api, READ, "/me/calendar/getSchedule").json(&body).repeatable();
        let Schedules { value } = call.prefer(IN_UTC).read().await?;
        all.extend(value.into_iter().map(|theirs| theirs.read(&zone)));
    }
    Ok(all)
}

#[derive(Deserialize)]
struct Schedules {
    #[serde(default, deserialize_with = "nullable")]
    value: Vec<Schedule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Schedule {
    #[serde(default, rename = "scheduleId", deserialize_with = "nullable")]
    email: String,
    #[serde(default, deserialize_with = "nullable")]
    availability_view: String,
    #[serde(default, rename = "scheduleItems", deserialize_with = "nullable")]
    items: Vec<Item>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    status: Option<String>,
    start: Option<DateTimeTimeZone>,
    end: Option<DateTimeTimeZone>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    location: Option<String>,
}

impl Schedule {
    fn read(self, zone: &Zone) -> Availability {
        let slots = self.availability_view.chars().map(|digit| {
            let place = digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok());
            place.and_then(|place| DIGITS.get(place).cloned()).unwrap_or(ShowAs::Unknown)
        });
        let text = |name: &str| {
            let text = self.error.as_ref()?[name].as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        let error = self.error.as_ref().map(|_| match (text("message"), text("responseCode")) {
            (Some(message), Some(code)) => format!("{message} ({code})"),
            (message, code) => message.or(code).unwrap_or_else(|| "unknown".to_owned()),
        });
        Availability {
            slots: slots.collect(),
            busy: self.items.into_iter().filter_map(|item| item.read(zone)).collect(),
            email: self.email,
            error,
        }
    }
}

impl Item {
    fn read(self, zone: &Zone) -> Option<BusyTime> {
        Some(BusyTime {
            start_time: moment(self.start.as_ref(), zone)?,
            end_time: moment(self.end.as_ref(), zone)?,
            show_as: known(SHOW_AS, self.status, ShowAs::Unknown),
            subject: said(self.subject),
            location: said(self.location),
        })
    }
}

fn moment(time: Option<&DateTimeTimeZone>, zone: &Zone) -> Option<Moment> {
    time.and_then(wire::at).map(|at| Moment::within(at, zone))
}

/// Times at which people could meet.
pub(super) async fn suggestions(api: &Api, ask: &SuggestionsAsk) -> Result<Suggestions, CallError> {
    let span = asked(ask.start_time, ask.end_time, ask.time_zone.as_ref())?;
    if ask.duration_minutes == 0 {
        return Err(invalid("/duration_minutes", "is at least 1"));
    }
    if ask.minimum_attendee_percentage.is_some_and(|least| !(0.0..=100.0).contains(&least)) {
        return Err(invalid("/minimum_attendee_percentage", "is 0 to 100"));
    }
    let mut body = json!({
        "attendees": write::attendees("/attendees", &ask.attendees)?,
        "timeConstraint": {
            "activityDomain": if ask.working_hours_only { "work" } else { "unrestricted" },
            "timeSlots": [{ "start": span.start, "end": span.end }],
        },
        "meetingDuration": lasting(ask.duration_minutes),
        "isOrganizerOptional": ask.is_organizer_optional,
        "returnSuggestionReasons": true,
    });
    if let Some(limit) = ask.limit {
        body["maxCandidates"] = json!(limit);
    }
    if let Some(least) = ask.minimum_attendee_percentage {
        body["minimumAttendeePercentage"] = json!(least);
    }
    let call = Call::post(api, SHARED, "/me/findMeetingTimes").json(&body).repeatable();
    let mut found: Found = call.prefer(IN_UTC).read().await?;
    found.meeting_time_suggestions.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let zone = ask.time_zone.clone().unwrap_or_else(Zone::utc);
    let times = found.meeting_time_suggestions.into_iter();
    Ok(Suggestions {
        results: times.filter_map(|theirs| theirs.read(&zone)).collect(),
        empty_reason: said(found.empty_suggestions_reason),
    })
}

/// ISO 8601, section 5.5.2.
fn lasting(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("PT{minutes}M"),
        (hours, 0) => format!("PT{hours}H"),
        (hours, minutes) => format!("PT{hours}H{minutes}M"),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    #[serde(default)]
    empty_suggestions_reason: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    meeting_time_suggestions: Vec<Suggestion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Suggestion {
    #[serde(default, deserialize_with = "nullable")]
    confidence: f64,
    #[serde(default)]
    organizer_availability: Option<String>,
    #[serde(default, rename = "suggestionReason")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    attendee_availability: Vec<AttendeeAvailability>,
    meeting_time_slot: Option<Slot>,
}

#[derive(Deserialize)]
struct Slot {
    start: Option<DateTimeTimeZone>,
    end: Option<DateTimeTimeZone>,
}

#[derive(Deserialize)]
struct AttendeeAvailability {
    #[serde(default)]
    availability: Option<String>,
    attendee: Option<wire::Attendee>,
}

impl Suggestion {
    fn read(self, zone: &Zone) -> Option<SuggestedTime> {
        let slot = self.meeting_time_slot?;
        let attendees = self.attendee_availability.into_iter().filter_map(|one| {
            let email = one.attendee?.email_address.and_then(EmailAddress::person)?.email?;
            Some((email, known(SHOW_AS, one.availability, ShowAs::Unknown)))
        });
        Some(SuggestedTime {
            start_time: moment(slot.start.as_ref(), zone)?,
            end_time: moment(slot.end.as_ref(), zone)?,
            confidence: self.confidence,
            organizer: known(SHOW_AS, self.organizer_availability, ShowAs::Unknown),
            attendees: attendees.collect(),
            reason: said(self.reason),
        })
    }
}
