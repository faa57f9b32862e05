//! The online meeting of an event (contract, section 5.6).

use std::time::Duration;

use evergrant::capability::Event;
use evergrant::gateway::Denial;
use evergrant::provider::{Actor, Failure};
use evergrant::{Api, CallError};
use serde_json::Value;

use super::{READ, TEAMS, read, wire};
use crate::microsoft::graph::{Call, id};

/// How long a link that comes late is waited for, from one look to the next: 19.5 s in all.
pub(in crate::microsoft) const PATIENCE: [Duration; 7] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(4),
    Duration::from_secs(4),
    Duration::from_secs(4),
];

/// Whether events of the calendar can be online meetings; the default calendar's unless one is named.
///
/// Asked before the event is made: without a licence Graph makes the event, invites everybody, and
/// leaves out the meeting.
pub(super) async fn allowed(api: &Api, calendar: Option<&str>) -> Result<(), CallError> {
    let path = match calendar {
        Some(calendar) => format!("/me/calendars/{}", id(calendar)?),
        None => "/me/calendar".to_owned(),
    };
    let call = Call::get(api, READ, path).query("$select", "allowedOnlineMeetingProviders");
    let said: Value = call.read().await?;
    // What is not said is not known; then it is tried.
    let Some(providers) = said["allowedOnlineMeetingProviders"].as_array() else {
        return Ok(());
    };
    let mut names = providers.iter().filter_map(Value::as_str);
    if names.any(|name| name.eq_ignore_ascii_case(TEAMS)) { Ok(()) } else { Err(no_license()) }
}

/// The account cannot have online meetings.
pub(in crate::microsoft) fn no_license() -> CallError {
    let failure = Failure::new(
        "no_meeting_license",
        Actor::Administrator,
        "The account cannot create Teams meetings: it has no licence for them, or its organisation does not allow them.",
    )
    .remedied_by("The organisation's administrator gives the account a licence for Teams.");
    CallError::Denied { denial: Denial::NoLicense, failure: Box::new(failure) }
}

/// An event just created, with its link ([`awaited`]).
///
/// One that was made without a meeting although that was asked for stays as it is if somebody was
/// invited, and is returned so; otherwise it is removed again, and the account has no licence.
pub(super) async fn linked(api: &Api, event: wire::Event) -> Result<Event, CallError> {
    let event = read::event(event, None)?;
    if event.online_meeting.is_none() {
        if event.attendees.is_empty() {
            super::remove(api, &event.id, None).await?;
            return Err(no_license());
        }
        return Ok(event);
    }
    awaited(api, event).await
}

/// An event that was there before, with the link of the meeting it was given ([`awaited`]). One that
/// did not get a meeting stays: whatever becomes of a change, the event is its owner's.
pub(super) async fn given(api: &Api, event: wire::Event) -> Result<Event, CallError> {
    let event = read::event(event, None)?;
    if event.online_meeting.is_none() {
        return Err(no_license());
    }
    awaited(api, event).await
}

/// The event with its link, which may come late; without one if it does not come in time.
async fn awaited(api: &Api, mut event: Event) -> Result<Event, CallError> {
    for wait in PATIENCE {
        if event.online_meeting.as_ref().is_some_and(|meeting| meeting.join_url.is_some()) {
            break;
        }
        api.wait(wait).await;
        // The event is there; that it cannot be read again just now changes nothing.
        if let Ok(again) = super::event(api, &event.id).await {
            event = again;
        }
    }
    Ok(event)
}
