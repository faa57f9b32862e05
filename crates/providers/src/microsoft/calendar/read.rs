//! What Graph says of events, in our words (contract, section 5.3).

use evergrant::CallError;
use evergrant::capability::{
    Attendee, AttendeeRole, Calendar, Event, EventKind, Importance, Location, Moment,
    OnlineMeeting, Response, Sensitivity, ShowAs, Zone,
};
use serde_json::{Map, Value};

use super::wire::{self, happened, said};
use super::words::{KINDS, RESPONSES, ROLES, SENSITIVITIES, SHOW_AS};
use super::{TEAMS, recurrence};
use crate::microsoft::graph::wire::{EmailAddress, IMPORTANCE, Recipient, extra, word};
use crate::microsoft::zones;

/// Members that say again what others said.
const SAID_TWICE: [&str; 3] = ["originalEndTimeZone", "onlineMeetingUrl", "calendar"];

/// A calendar.
pub(super) fn calendar(theirs: wire::Calendar) -> Calendar {
    let providers = &theirs.allowed_online_meeting_providers;
    Calendar {
        id: theirs.id,
        name: theirs.name,
        color: theirs.color,
        is_default: theirs.is_default,
        can_edit: theirs.can_edit,
        owner: theirs.owner.and_then(EmailAddress::person),
        online_meetings: providers.iter().any(|name| name.eq_ignore_ascii_case(TEAMS)),
        extra: beyond(theirs.rest),
    }
}

/// The zone an event was made in; none for one that lasts whole days, and for a zone nobody else
/// knows.
pub(super) fn zone(theirs: &wire::Event) -> Option<Zone> {
    // A series may have moved to another zone since; then its recurrence is in that one.
    let of_series = theirs.recurrence.as_ref().and_then(recurrence::zone);
    let original = || zones::to_iana(theirs.original_start_time_zone.as_deref()?);
    (!theirs.is_all_day).then(|| of_series.or_else(original)).flatten()
}

/// An event, with its times as clocks show them in `shown_in`, or else in its own zone.
pub(super) fn event(theirs: wire::Event, shown_in: Option<&Zone>) -> Result<Event, CallError> {
    let time_zone = zone(&theirs);
    let shown_in = shown_in.or(time_zone.as_ref()).cloned().unwrap_or_else(Zone::utc);
    let (start_time, end_time) = times(&theirs, &shown_in)?;
    let (online_meeting, locations) = (online(&theirs), places(&theirs));
    let version = version(&theirs);
    let mut extra = beyond(theirs.rest);
    extra.retain(|name, _| !SAID_TWICE.contains(&name.as_str()));
    if let (None, false, Some(name)) =
        (&time_zone, theirs.is_all_day, said(theirs.original_start_time_zone))
    {
        extra.insert("originalStartTimeZone".to_owned(), name.into());
    }
    let reminded = theirs.is_reminder_on.unwrap_or(true);
    let response = theirs.response_status.and_then(|status| status.response);
    Ok(Event {
        id: theirs.id,
        version,
        uid: theirs.i_cal_u_id,
        kind: known(KINDS, theirs.kind, EventKind::Single),
        series_id: said(theirs.series_master_id),
        subject: theirs.subject,
        body: theirs.body.map(super::ItemBody::body),
        preview: said(theirs.body_preview),
        start_time,
        end_time,
        time_zone,
        is_all_day: theirs.is_all_day,
        locations,
        organizer: theirs.organizer.and_then(Recipient::person),
        is_organizer: theirs.is_organizer,
        attendees: theirs.attendees.into_iter().map(attendee).collect(),
        response: known(RESPONSES, response, Response::None),
        recurrence: theirs.recurrence.as_ref().map(recurrence::read),
        original_start_time: happened(theirs.original_start.as_deref()),
        online_meeting,
        show_as: known(SHOW_AS, theirs.show_as, ShowAs::Busy),
        sensitivity: known(SENSITIVITIES, theirs.sensitivity, Sensitivity::Normal),
        importance: known(IMPORTANCE, theirs.importance, Importance::Normal),
        categories: theirs.categories,
        reminder_minutes: theirs.reminder_minutes_before_start.filter(|_| reminded),
        is_cancelled: theirs.is_cancelled,
        has_attachments: theirs.has_attachments,
        web_url: said(theirs.web_link),
        created_at: happened(theirs.created_date_time.as_deref()),
        updated_at: happened(theirs.last_modified_date_time.as_deref()),
        extra,
    })
}

/// The version an event is in.
pub(super) fn version(theirs: &wire::Event) -> Option<String> {
    let key = || theirs.change_key.as_ref().map(|key| format!("W/\"{key}\""));
    theirs.etag.clone().or_else(key)
}

/// When an event begins and ends.
pub(super) fn times(theirs: &wire::Event, shown_in: &Zone) -> Result<(Moment, Moment), CallError> {
    let moment = |time: Option<&super::DateTimeTimeZone>| {
        if theirs.is_all_day {
            time.and_then(wire::day).map(Moment::Day)
        } else {
            time.and_then(wire::at).map(|at| Moment::within(at, shown_in))
        }
    };
    let both = moment(theirs.start.as_ref()).zip(moment(theirs.end.as_ref()));
    both.ok_or_else(|| CallError::Unreadable("an event without a time that can be read".to_owned()))
}

/// Our word for theirs, or `missing` where they say none.
pub(super) fn known<T: for<'a> From<&'a str>>(
    table: super::words::Table,
    theirs: Option<String>,
    missing: T,
) -> T {
    said(theirs).map_or(missing, |theirs| word(table, &theirs))
}

fn beyond(rest: Map<String, Value>) -> Map<String, Value> {
    extra(rest).into_iter().filter(|(_, value)| !value.is_null()).collect()
}

fn online(theirs: &wire::Event) -> Option<OnlineMeeting> {
    let meeting = theirs.online_meeting.as_ref();
    let join_url = meeting.and_then(|meeting| said(meeting.join_url.clone()));
    (theirs.is_online_meeting || join_url.is_some()).then(|| OnlineMeeting {
        join_url,
        conference_id: meeting.and_then(|meeting| said(meeting.conference_id.clone())),
        toll_number: meeting.and_then(|meeting| said(meeting.toll_number.clone())),
    })
}

/// `location` is `locations` in one, and is alone where that was not asked for.
fn places(theirs: &wire::Event) -> Vec<Location> {
    let alone = theirs.location.iter().filter(|_| theirs.locations.is_empty());
    let places = theirs.locations.iter().chain(alone).map(|place| Location {
        name: place.display_name.clone(),
        email: said(place.email.clone()),
        uri: said(place.uri.clone()),
        extra: beyond(place.rest.clone()),
    });
    places.filter(|place| !place.name.is_empty() || place.email.is_some()).collect()
}

fn attendee(theirs: wire::Attendee) -> Attendee {
    let person = theirs.email_address.and_then(EmailAddress::person).unwrap_or_default();
    let (response, time) = theirs.status.map_or((None, None), |s| (s.response, s.time));
    Attendee {
        name: person.name,
        email: person.email,
        role: known(ROLES, theirs.kind, AttendeeRole::Required),
        response: known(RESPONSES, response, Response::None),
        responded_at: happened(time.as_deref()),
    }
}

/// Whether it has an online meeting, with or without its link.
pub(super) fn is_online(theirs: &wire::Event) -> bool {
    online(theirs).is_some()
}

/// The account's own answer.
pub(super) fn response(theirs: &wire::Event) -> Response {
    let response = theirs.response_status.as_ref().and_then(|status| status.response.clone());
    known(RESPONSES, response, Response::None)
}
