//! Changes to an event (contract, sections 5.4 and 5.5).
//!
//! Only what changes is sent. Where that depends on what the event is now (its times, its zone, how it
//! repeats), the event is read first: a time without an offset is one in the event's zone, and a
//! series whose times move takes its recurrence along, without which Graph refuses a new zone. Such a
//! change is meant for the event as it was read, and made anew where that is no longer so.

use evergrant::capability::{Event, EventChanges, Moment, Patch, Zone};
use evergrant::gateway::Denial;
use evergrant::provider::{Actor, Failure};
use evergrant::{Api, CallError, Repeated};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::time::{NAMES, Span};
use super::{WRITE, effect, online, read, recurrence, wire, write};
use crate::microsoft::graph::input::invalid;
use crate::microsoft::graph::{Call, id, read as read_json, unreadable};

/// Changes the event, without ever removing it.
pub(in crate::microsoft) async fn update(
    api: &Api,
    event: &str,
    changes: &EventChanges,
    version: Option<&str>,
) -> Result<Event, CallError> {
    let done = match attempt(api, event, changes, version).await {
        // Somebody changed it after it was read here; the caller named no version, so means any.
        Err(CallError::Denied { denial: Denial::ItemChanged, .. }) if version.is_none() => {
            attempt(api, event, changes, None).await?
        }
        done => done?,
    };
    match done {
        None => unchanged(api, event, version).await,
        Some(event) if changes.online_meeting == Some(true) => online::given(api, event).await,
        Some(event) => read::event(event, None),
    }
}

/// Changes it, only while it is in the version that was named, or that the change was made from;
/// `None` if nothing changes.
async fn attempt(
    api: &Api,
    event: &str,
    changes: &EventChanges,
    version: Option<&str>,
) -> Result<Option<wire::Event>, CallError> {
    let mut body = write::changed(changes)?;
    let mut made_from = None;
    let timed = changes.start_time.is_some()
        || changes.end_time.is_some()
        || changes.time_zone.is_some()
        || !changes.recurrence.is_keep();
    if timed || changes.online_meeting.is_some() {
        let now = super::fetch(api, event).await?;
        if changes.online_meeting == Some(false) && read::is_online(&now) {
            return Err(invalid("/online_meeting", "cannot be taken away once an event has it"));
        }
        if changes.online_meeting == Some(true) && !read::is_online(&now) {
            online::allowed(api, None).await?;
        }
        if timed {
            move_it(&now, changes, &mut body)?;
            made_from = read::version(&now);
        }
    }
    if body.is_empty() {
        return Ok(None);
    }
    set(api, event, &body, version.or(made_from.as_deref())).await.map(Some)
}

/// Sends the change.
async fn set(
    api: &Api,
    event: &str,
    body: &Map<String, Value>,
    version: Option<&str>,
) -> Result<wire::Event, CallError> {
    let call = Call::patch(api, WRITE, format!("/me/events/{}", id(event)?));
    let call = call.json(&Value::Object(body.clone())).if_match(version).prefer(super::IN_UTC);
    let (response, meaning) = call.answer().await?;
    let repeated = response.extensions().get::<Repeated>().is_some();
    match meaning {
        Ok(()) => read_json(&response),
        // Perhaps it was changed by this very request, whose first answer was lost.
        Err(CallError::Denied { denial: Denial::ItemChanged, failure }) if repeated => {
            let now: Value = super::alone(api, event)?.read().await?;
            if effect::is_seen(body, &now) {
                return wire::Event::deserialize(now).map_err(|error| unreadable(&error));
            }
            Err(CallError::Denied { denial: Denial::ItemChanged, failure })
        }
        Err(error) => Err(error),
    }
}

/// Nothing to change is no reason to write to everybody who is invited.
async fn unchanged(api: &Api, event: &str, version: Option<&str>) -> Result<Event, CallError> {
    let now = read::event(super::fetch(api, event).await?, None)?;
    match version {
        Some(version) if now.version.as_deref() != Some(version) => {
            let failure =
                Failure::new("item_changed", Actor::User, "Somebody changed it meanwhile.")
                    .remedied_by("Read it again and decide anew.");
            Err(CallError::Denied { denial: Denial::ItemChanged, failure: Box::new(failure) })
        }
        _ => Ok(now),
    }
}

/// Adds the new times, zone and recurrence.
fn move_it(
    now: &wire::Event,
    changes: &EventChanges,
    body: &mut Map<String, Value>,
) -> Result<(), CallError> {
    let own_zone = read::zone(now);
    let moves = changes.start_time.is_some() || changes.end_time.is_some();
    if !moves && changes.time_zone.is_some() {
        // Whether the hour or the instant stays, only the caller knows.
        return Err(invalid("/start_time", "is needed, with the end, to change the zone"));
    }
    let (start, end) = read::times(now, own_zone.as_ref().unwrap_or(&Zone::utc()))?;
    let was_days = matches!(start, Moment::Day(_));
    let start = changes.start_time.unwrap_or(start);
    let end = changes.end_time.unwrap_or(end);
    // Whole days have no zone of their own; a series of them counts its days in one all the same.
    let of_series = now.recurrence.as_ref().and_then(recurrence::zone);
    let of_days = of_series
        .or_else(|| recurrence::zone_of_days(start, changes.recurrence.as_option().flatten()?));
    let zone = changes.time_zone.as_ref().or(own_zone.as_ref()).or(of_days.as_ref());
    let repeats = match changes.recurrence {
        Patch::Keep => now.recurrence.is_some(),
        Patch::Clear => false,
        Patch::Set(_) => true,
    };
    let span = Span::new(start, end, zone, repeats, NAMES)?;
    let whole = span.all_day != was_days || changes.time_zone.is_some();
    match &changes.recurrence {
        Patch::Clear => drop(body.insert("recurrence".to_owned(), Value::Null)),
        Patch::Set(new) => {
            let new = recurrence::written(new, span.first_day, &span.zone)?;
            body.insert("recurrence".to_owned(), new);
        }
        Patch::Keep => {
            if let Some(old) = &now.recurrence {
                let along = recurrence::moved(old, span.first_day, &span.zone)?;
                body.insert("recurrence".to_owned(), along);
            }
        }
    }
    if span.all_day != was_days {
        body.insert("isAllDay".to_owned(), json!(span.all_day));
    }
    // A series is named by its beginning and its zone together.
    if whole || repeats || changes.start_time.is_some() {
        body.insert("start".to_owned(), span.start);
    }
    if whole || repeats || changes.end_time.is_some() {
        body.insert("end".to_owned(), span.end);
    }
    Ok(())
}
