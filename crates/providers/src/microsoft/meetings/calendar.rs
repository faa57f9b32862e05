//! The event in the account's calendar that has a meeting's link (contract, section 5.6).

use evergrant::capability::{
    Attendee, AttendeeRole, Cursor, Event, EventQuery, NewAttendee, NewParticipant, Participant,
    ParticipantRole,
};
use evergrant::gateway::Denial;
use evergrant::{Api, CallError};
use jiff::{SignedDuration, Timestamp};

use super::wire::OnlineMeeting;
use crate::microsoft::calendar::{event as read_event, events};

/// How far around the meeting its event is looked for.
const AROUND: SignedDuration = SignedDuration::from_hours(1);

/// The most pages in which it is looked for; more events than fill them, nobody has at one time.
const MOST_PAGES: usize = 300;

/// The event of a meeting, in the account's default calendar; the series, where it is one of those.
/// Only one that the account organizes is the meeting's: others were invited to it.
///
/// Where the calendar may not be read, or there is none, there is no event to speak of.
pub(super) async fn event_of(
    api: &Api,
    meeting: &OnlineMeeting,
) -> Result<Option<Event>, CallError> {
    let (Some(link), Some(start), Some(end)) = (meeting.link(), meeting.starts(), meeting.ends())
    else {
        return Ok(None);
    };
    let edge = |at: Timestamp, by| at.saturating_add(by).unwrap_or(at);
    let query = EventQuery {
        calendar: None,
        series: None,
        from: edge(start, -AROUND),
        to: edge(end.max(start), AROUND),
        zone: None,
        limit: 100,
    };
    let mut cursor: Option<Cursor> = None;
    for _ in 0..MOST_PAGES {
        let page = match events(api, &query, cursor.as_ref()).await {
            Err(CallError::Denied {
                denial: Denial::MissingScope { .. } | Denial::NoMailbox,
                ..
            }) => return Ok(None),
            page => page?,
        };
        let mut found = page.results.into_iter().filter(|event| {
            let meeting = event.online_meeting.as_ref();
            event.is_organizer && meeting.and_then(|m| m.join_url.as_deref()) == Some(link)
        });
        if let Some(event) = found.next() {
            return match &event.series_id {
                Some(series) => read_event(api, series).await.map(Some),
                None => Ok(Some(event)),
            };
        }
        match page.next {
            None => return Ok(None),
            // A list that leads back into itself.
            next if next == cursor => break,
            next => cursor = next,
        }
    }
    Err(CallError::Unreadable("a calendar without an end".to_owned()))
}

/// Participants as people who are invited, besides those of the event who are `kept`. Who is among
/// them already stays what they are, required or optional; others are required.
pub(super) fn invited(
    people: &[NewParticipant],
    present: &[Attendee],
    kept: impl Fn(&Attendee) -> bool,
) -> Vec<NewAttendee> {
    let is = |email: &str, one: &Attendee| {
        one.email.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(email))
    };
    let role = |one: &Attendee| match &one.role {
        AttendeeRole::Other(_) => AttendeeRole::Required,
        known => known.clone(),
    };
    let named = people.iter().map(|who| {
        let before = present.iter().find(|one| is(&who.email, one));
        NewAttendee {
            name: who.name.clone().or_else(|| before?.name.clone()),
            email: who.email.clone(),
            role: Some(before.map_or(AttendeeRole::Required, role)),
        }
    });
    let others =
        present.iter().filter(|one| kept(one) && !people.iter().any(|who| is(&who.email, one)));
    let others = others.filter_map(|one| {
        let email = one.email.clone()?;
        Some(NewAttendee { name: one.name.clone(), email, role: Some(role(one)) })
    });
    named.chain(others).collect()
}

/// A room or a thing, which nobody names as a participant.
pub(super) fn is_resource(one: &Attendee) -> bool {
    one.role == AttendeeRole::Resource
}

/// The people whom the event invites.
pub(super) fn participants(event: &Event) -> Vec<Participant> {
    let people = event.attendees.iter().filter(|one| !is_resource(one));
    people
        .map(|one| Participant {
            email: one.email.clone(),
            name: one.name.clone(),
            role: ParticipantRole::Attendee,
        })
        .collect()
}
