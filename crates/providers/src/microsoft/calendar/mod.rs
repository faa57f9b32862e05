//! Calendars over Graph (contract, section 5).
//!
//! Times are read in UTC, so that each is one instant, and shown in the event's own zone; how they are
//! written is said in [`time`].

mod act;
mod change;
mod effect;
mod feed;
mod list;
mod online;
mod read;
mod recurrence;
mod schedule;
mod time;
mod wire;
mod words;
mod write;

use async_trait::async_trait;
use evergrant::capability::{
    Answer, Availability, AvailabilityAsk, Calendar, Calendars, Cursor, Event, EventChanges,
    EventQuery, Moment, NewEvent, Once, Page, Suggestions, SuggestionsAsk,
};
use evergrant::{Api, CallError, Response};
use serde_json::Value;

pub(super) use act::{cancel, made, outcome_unknown, unknown};
pub(super) use change::update;
pub(super) use list::events;
pub(super) use online::{PATIENCE, no_license};
pub(super) use time::instant;
pub(super) use wire::{happened, said};
pub(super) use write::MOST_ATTENDEES;

use super::Microsoft;
use super::graph::wire::{DateTimeTimeZone, ItemBody};
use super::graph::{Call, id, list as pages, read as read_json};

/// Permissions of which one is enough to read (contract, section 9).
pub(super) const READ: &[&str] = &["Calendars.Read", "Calendars.ReadWrite"];

/// The permission to write.
pub(super) const WRITE: &[&str] = &["Calendars.ReadWrite"];

/// The one provider of online meetings that is used, by Graph's name.
const TEAMS: &str = "teamsForBusiness";

const IN_UTC: &str = "outlook.timezone=\"UTC\"";

/// What is asked of calendars.
const CALENDAR: &str = "id,name,color,hexColor,isDefaultCalendar,canShare,canViewPrivateItems,canEdit,\
    allowedOnlineMeetingProviders,defaultOnlineMeetingProvider,isTallyingResponses,isRemovable,owner";

/// What is asked of events in lists: all but the text and the times at which they were made and
/// changed, which a calendar view refuses (contract, section 4.5).
const LISTED: &str = "id,changeKey,iCalUId,type,seriesMasterId,subject,bodyPreview,start,end,\
    originalStartTimeZone,originalStart,isAllDay,location,locations,organizer,isOrganizer,attendees,\
    responseStatus,recurrence,isOnlineMeeting,onlineMeeting,onlineMeetingProvider,showAs,sensitivity,\
    importance,categories,isReminderOn,reminderMinutesBeforeStart,isCancelled,isDraft,hasAttachments,\
    webLink,responseRequested,allowNewTimeProposals,hideAttendees";

/// What only calendars' calls are refused with.
pub(super) fn refusals() -> impl Iterator<Item = &'static super::graph::words::Row> {
    act::refusals()
}

/// What is asked of one event besides.
const ALONE: &str = "body,createdDateTime,lastModifiedDateTime,transactionId";

#[async_trait]
impl Calendars for Microsoft {
    async fn calendars(&self, api: &Api) -> Result<Vec<Calendar>, CallError> {
        let call = || {
            Call::get(api, READ, "/me/calendars").query("$top", "100").query("$select", CALENDAR)
        };
        let theirs: Vec<wire::Calendar> = pages::all(call).await?;
        Ok(theirs.into_iter().map(read::calendar).collect())
    }

    async fn events(
        &self,
        api: &Api,
        query: &EventQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Event>, CallError> {
        events(api, query, cursor).await
    }

    async fn event(&self, api: &Api, id: &str) -> Result<Event, CallError> {
        event(api, id).await
    }

    async fn create_event(
        &self,
        api: &Api,
        once: Once,
        event: &NewEvent,
    ) -> Result<Event, CallError> {
        create(api, once, event).await
    }

    async fn update_event(
        &self,
        api: &Api,
        id: &str,
        changes: &EventChanges,
        version: Option<&str>,
    ) -> Result<Event, CallError> {
        update(api, id, changes, version).await
    }

    async fn delete_event(
        &self,
        api: &Api,
        id: &str,
        version: Option<&str>,
    ) -> Result<(), CallError> {
        remove(api, id, version).await
    }

    async fn cancel_event(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        comment: Option<&str>,
    ) -> Result<(), CallError> {
        cancel(api, once, id, comment).await
    }

    async fn respond(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        answer: &Answer,
    ) -> Result<(), CallError> {
        act::respond(api, once, id, answer).await
    }

    async fn availability(
        &self,
        api: &Api,
        ask: &AvailabilityAsk,
    ) -> Result<Vec<Availability>, CallError> {
        schedule::availability(api, ask).await
    }

    async fn suggest_times(
        &self,
        api: &Api,
        ask: &SuggestionsAsk,
    ) -> Result<Suggestions, CallError> {
        schedule::suggestions(api, ask).await
    }
}

/// One event.
pub(super) async fn event(api: &Api, id: &str) -> Result<Event, CallError> {
    read::event(fetch(api, id).await?, None)
}

/// One event as Graph has it.
async fn fetch(api: &Api, event: &str) -> Result<wire::Event, CallError> {
    alone(api, event)?.read().await
}

/// The call that reads one event.
fn alone<'a>(api: &'a Api, event: &str) -> Result<Call<'a>, CallError> {
    let call = Call::get(api, READ, format!("/me/events/{}", id(event)?));
    Ok(call.query("$select", format!("{LISTED},{ALONE}")).prefer(IN_UTC))
}

/// Creates an event, once: Graph knows it by its `transactionId` (contract, section 5.5). Where no
/// answer came, that it was made is not known ([`CallError::OutcomeUnknown`]).
pub(super) async fn create(api: &Api, once: Once, event: &NewEvent) -> Result<Event, CallError> {
    let body = Value::Object(write::new_event(event, once)?);
    if event.online_meeting {
        online::allowed(api, event.calendar.as_deref()).await?;
    }
    let path = match &event.calendar {
        Some(calendar) => format!("/me/calendars/{}/events", id(calendar)?),
        None => "/me/events".to_owned(),
    };
    let call = Call::post(api, WRITE, path).json(&body).prefer(IN_UTC).repeatable();
    let (response, meaning) = made(call.answer().await)?;
    let created = match (made(meaning), made_before(&response)) {
        (Ok(()), _) => read_json(&response)?,
        // The same, made before; perhaps it was written with other words of the same meaning.
        (Err(other), Some(before)) => {
            let before = fetch(api, &before).await?;
            if is_the_same(event, &before) { before } else { return Err(other) }
        }
        (Err(error), None) => return Err(error),
    };
    if event.online_meeting {
        return online::linked(api, created).await;
    }
    read::event(created, None)
}

/// The event that was made under the same `transactionId`, if that is why this one was refused.
fn made_before(response: &Response) -> Option<String> {
    let body: Value = serde_json::from_slice(response.body()).ok()?;
    let code = body["error"]["code"].as_str()?;
    let duplicate = code.eq_ignore_ascii_case("ErrorDuplicateTransactionId");
    let before = body["error"]["@event.existingEventId"].as_str()?;
    duplicate.then(|| before.to_owned())
}

fn is_the_same(new: &NewEvent, before: &wire::Event) -> bool {
    let zone = new.time_zone.clone().unwrap_or_else(evergrant::capability::Zone::utc);
    let same_start = read::times(before, &zone).is_ok_and(|(start, _)| match new.start_time {
        Moment::Day(_) => start == new.start_time,
        timed => timed.instant(Some(&zone)).ok() == start.instant(None).ok(),
    });
    same_start && before.subject.as_deref() == Some(&new.subject)
}

/// Removes an event.
pub(super) async fn remove(api: &Api, event: &str, version: Option<&str>) -> Result<(), CallError> {
    let call = Call::delete(api, WRITE, format!("/me/events/{}", id(event)?));
    call.if_match(version).removing().send().await.map(drop)
}
