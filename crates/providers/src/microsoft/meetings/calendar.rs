//! The event in the account's calendar that has a meeting's link (contract, section 5.6).

use evergrant::capability::{AttendeeRole, Event, EventQuery, NewAttendee, NewParticipant};
use evergrant::gateway::Denial;
use evergrant::{Api, CallError};
use jiff::{SignedDuration, Timestamp};

use super::wire::OnlineMeeting;
use crate::microsoft::calendar::{event as read_event, events};

/// How far around the meeting its event is looked for.
const AROUND: SignedDuration = SignedDuration::from_hours(1);

/// The event of a meeting; the series, where it is one of those. Only one that the account organizes
/// is the meeting's: others were invited to it.
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
    let mut cursor = None;
    loop {
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
        cursor = match page.next {
            Some(next) => Some(next),
            None => return Ok(None),
        };
    }
}

/// Participants as people who are invited.
pub(super) fn invited(people: &[NewParticipant]) -> Vec<NewAttendee> {
    let invited = people.iter().map(|who| NewAttendee {
        name: who.name.clone(),
        email: who.email.clone(),
        role: Some(AttendeeRole::Required),
    });
    invited.collect()
}
