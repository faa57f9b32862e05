//! Teams meetings over Graph (contract, sections 5.6 and 7).

mod calendar;
mod create;
mod wire;
mod words;
mod write;

use async_trait::async_trait;
use evergrant::capability::{
    EventChanges, EventKind, Meeting, MeetingChanges, Meetings, NewMeeting, Once, Zone,
};
use evergrant::gateway::Denial;
use evergrant::{Api, CallError, Response};
use serde_json::{Map, Value, json};

use super::Microsoft;
use super::calendar::{
    cancel as cancel_event, instant, no_license, remove, update as update_event,
};
use super::graph::input::invalid;
use super::graph::{Call, id, read};

/// Permissions of which one is enough to read (contract, section 9).
const READ: &[&str] = &["OnlineMeetings.Read", "OnlineMeetings.ReadWrite"];

/// The permission to write.
const WRITE: &[&str] = &["OnlineMeetings.ReadWrite"];

#[async_trait]
impl Meetings for Microsoft {
    async fn create_meeting(
        &self,
        api: &Api,
        once: Once,
        meeting: &NewMeeting,
    ) -> Result<Meeting, CallError> {
        create::create(api, once, meeting).await
    }

    async fn meeting(&self, api: &Api, id: &str) -> Result<Meeting, CallError> {
        let meeting = fetch(api, id).await?;
        let event = calendar::event_of(api, &meeting).await?;
        let zone = event.as_ref().and_then(|event| event.time_zone.clone());
        meeting.read(zone.as_ref(), event.as_ref())
    }

    async fn update_meeting(
        &self,
        api: &Api,
        id: &str,
        changes: &MeetingChanges,
    ) -> Result<Meeting, CallError> {
        update(api, id, changes).await
    }

    async fn cancel_meeting(
        &self,
        api: &Api,
        once: Once,
        meeting: &str,
        comment: Option<&str>,
    ) -> Result<(), CallError> {
        let found = match fetch(api, meeting).await {
            // The meeting goes last: an earlier attempt has done it all.
            Err(CallError::Denied { denial: Denial::ItemNotFound, .. }) if once.tried() => {
                return Ok(());
            }
            found => found?,
        };
        // Those who are invited learn it first: without the meeting its event could not be found.
        if let Some(event) = calendar::event_of(api, &found).await? {
            if event.attendees.is_empty() {
                remove(api, &event.id, None).await?;
            } else {
                cancel_event(api, once, &event.id, comment).await?;
            }
        }
        match ask(Call::delete(api, WRITE, path(meeting)?)).await {
            // Cancelling the event may have ended it, or an earlier sending of this request.
            Ok(_) | Err(CallError::Denied { denial: Denial::ItemNotFound, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The path of a meeting.
fn path(meeting: &str) -> Result<String, CallError> {
    Ok(format!("/me/onlineMeetings/{}", id(meeting)?))
}

/// One meeting as Graph has it.
async fn fetch(api: &Api, meeting: &str) -> Result<wire::OnlineMeeting, CallError> {
    read(&ask(Call::get(api, READ, path(meeting)?)).await?)
}

/// Changes some of a meeting's members.
async fn set(
    api: &Api,
    meeting: &str,
    members: Map<String, Value>,
) -> Result<wire::OnlineMeeting, CallError> {
    let call = Call::patch(api, WRITE, path(meeting)?).json(&Value::Object(members));
    read(&ask(call).await?)
}

/// Asks Teams. A refusal without any words is how it says that the account has no licence (contract,
/// section 7), unless it is a permission that is missing.
async fn ask(call: Call<'_>) -> Result<Response, CallError> {
    let (response, meaning) = call.answer().await?;
    match meaning {
        Ok(()) => Ok(response),
        Err(error) => Err(licensed(&response, error)),
    }
}

/// What a refusal means, now that it is known that Teams refused.
fn licensed(response: &Response, error: CallError) -> CallError {
    match error {
        CallError::Denied { denial: Denial::Forbidden, failure } if words(response).is_empty() => {
            let mut error = no_license();
            if let CallError::Denied { failure: ours, .. } = &mut error {
                ours.provider_code = failure.provider_code;
                ours.trace_id = failure.trace_id;
            }
            error
        }
        error => error,
    }
}

/// What an error says.
fn words(response: &Response) -> String {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    body["error"]["message"].as_str().unwrap_or_default().to_owned()
}

/// Changes a meeting, and its event before it: the event is what people see.
async fn update(api: &Api, meeting: &str, changes: &MeetingChanges) -> Result<Meeting, CallError> {
    let zone = changes.time_zone.as_ref();
    let at = |moment: Option<_>, name| moment.map(|at| instant(at, zone, name)).transpose();
    let (start, end) = (at(changes.start_time, "/start_time")?, at(changes.end_time, "/end_time")?);
    let (lobby, presenters) = (changes.lobby.as_ref(), changes.presenters.as_ref());
    let mut members = write::options(lobby, presenters, changes.record_automatically)?;
    let mut member = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    member("subject", changes.subject.as_deref().map(Value::from));
    member("startDateTime", start.map(|at| json!(at.to_string())));
    member("endDateTime", end.map(|at| json!(at.to_string())));
    member("participants", changes.participants.as_deref().map(write::participants).transpose()?);
    let found = fetch(api, meeting).await?;
    if let (Some(start), Some(end)) = (start.or(found.starts()), end.or(found.ends()))
        && end < start
    {
        return Err(invalid("/end_time", "is before the beginning"));
    }
    let mut event = calendar::event_of(api, &found).await?;
    if let Some(now) = event.as_mut() {
        if now.kind != EventKind::Single && (start.is_some() || end.is_some()) {
            let problem = "belongs to a series of events; change it in the calendar";
            return Err(invalid("/start_time", problem));
        }
        let of_event = EventChanges {
            subject: changes.subject.clone(),
            start_time: changes.start_time,
            end_time: changes.end_time,
            time_zone: changes.time_zone.clone().filter(|_| start.is_some() || end.is_some()),
            attendees: changes
                .participants
                .as_deref()
                .map(|people| calendar::invited(people, &now.attendees, calendar::is_resource)),
            ..EventChanges::default()
        };
        if of_event != EventChanges::default() {
            *now = update_event(api, &now.id, &of_event, None).await?;
        }
    }
    let found = if members.is_empty() { found } else { set(api, meeting, members).await? };
    let own = event.as_ref().and_then(|event| event.time_zone.clone());
    let zone: Option<&Zone> = changes.time_zone.as_ref().or(own.as_ref());
    found.read(zone, event.as_ref())
}
