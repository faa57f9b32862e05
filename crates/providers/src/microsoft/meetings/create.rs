//! New meetings, each made once (contract, sections 5.6 and 7).
//!
//! - Without an event: `createOrGet`, which knows the meeting by its `externalId`.
//! - With a passcode and without an event: Graph gives passcodes only to what is made by the plain
//!   call, which cannot tell a repetition. Where its answer is lost it is made again, and so it is
//!   when the caller repeats it: the lost one stands in no calendar, nobody is invited to it, and its
//!   link was given to nobody.
//! - With an event: the event first, which Graph knows by its `transactionId`, and its meeting by its
//!   link. Nobody is invited before the meeting is there: where it cannot be, for want of a licence,
//!   the event is removed again, and nobody was written to. Whether such a meeting has a passcode, the
//!   organisation decides; if one was asked for and there is none, the event is removed, too.
//!
//! Where answers are lost every time, that it was made is not known ([`CallError::OutcomeUnknown`]):
//! repeated with the same [`Once`], it is finished.

use std::time::Duration;

use evergrant::capability::{
    Event, EventChanges, Meeting, NewEvent, NewMeeting, NewParticipant, Once, ParticipantRole,
    Patch,
};
use evergrant::gateway::Denial;
use evergrant::provider::{Actor, Failure};
use evergrant::{Api, CallError};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::wire::OnlineMeeting;
use super::{READ, WRITE, ask, calendar, fetch, set, words, write};
use crate::microsoft::calendar::{
    MOST_ATTENDEES, PATIENCE, WRITE as CALENDAR, create as create_event, made, no_license,
    outcome_unknown, remove, unknown, update as update_event,
};
use crate::microsoft::graph::input::invalid;
use crate::microsoft::graph::refusal::{lacks, missing_scope};
use crate::microsoft::graph::{Call, read};

/// When to ask again for a meeting that Graph is still making.
const LATER: Duration = Duration::from_secs(30);

/// Creates a meeting.
pub(super) async fn create(api: &Api, once: Once, new: &NewMeeting) -> Result<Meeting, CallError> {
    let options =
        write::options(new.lobby.as_ref(), new.presenters.as_ref(), new.record_automatically)?;
    let body = write::new_meeting(new)?;
    if new.calendar_event {
        return with_event(api, once, new, options).await;
    }
    let meeting = if new.passcode_required {
        with_passcode(api, body, options).await?
    } else {
        made(named(api, once, new, body, options).await)?
    };
    made(linked(api, meeting).await)?.read(new.time_zone.as_ref(), None)
}

/// The meeting of this name, made now or before.
async fn named(
    api: &Api,
    once: Once,
    new: &NewMeeting,
    mut body: Map<String, Value>,
    options: Map<String, Value>,
) -> Result<OnlineMeeting, CallError> {
    body.insert("externalId".to_owned(), json!(once.to_string()));
    let call = Call::post(api, WRITE, "/me/onlineMeetings/createOrGet").repeatable();
    let response = ask(call.json(&Value::Object(body))).await?;
    let before: OnlineMeeting = read(&response)?;
    let (start, _) = write::times(new)?;
    let same = before.subject.as_deref() == Some(&new.subject)
        && before.starts().is_none_or(|starts| starts.as_second() == start.as_second());
    if response.status() == StatusCode::OK && !same {
        return Err(conflict(
            "already_used",
            "The same key was used before for another meeting.",
            "Use a new key for a new meeting.",
        ));
    }
    if options.is_empty() { Ok(before) } else { set(api, &before.id, options).await }
}

/// A meeting with a passcode, at once with all its options.
async fn with_passcode(
    api: &Api,
    mut body: Map<String, Value>,
    options: Map<String, Value>,
) -> Result<OnlineMeeting, CallError> {
    body.extend(options);
    body.insert("joinMeetingIdSettings".to_owned(), json!({ "isPasscodeRequired": true }));
    let body = Value::Object(body);
    let post = || ask(Call::post(api, WRITE, "/me/onlineMeetings").json(&body));
    let response = match post().await {
        Err(lost) if outcome_unknown(&lost) => post()
            .await
            .map_err(|again| if outcome_unknown(&again) { unknown(&again) } else { again }),
        answered => answered,
    };
    read(&response?)
}

/// The meeting with its link, should that come late.
async fn linked(api: &Api, mut meeting: OnlineMeeting) -> Result<OnlineMeeting, CallError> {
    for wait in PATIENCE {
        if meeting.link().is_some() {
            return Ok(meeting);
        }
        api.wait(wait).await;
        meeting = fetch(api, &meeting.id).await?;
    }
    meeting.link().is_some().then_some(meeting).ok_or_else(still_making)
}

/// An event with its meeting.
async fn with_event(
    api: &Api,
    once: Once,
    new: &NewMeeting,
    mut options: Map<String, Value>,
) -> Result<Meeting, CallError> {
    // Looked at before anybody is invited to something that cannot be finished.
    for needs in [CALENDAR, WRITE] {
        if lacks(api.granted(), needs) {
            return Err(missing_scope(needs));
        }
    }
    if new.participants.len() > MOST_ATTENDEES {
        return Err(invalid("/participants", format!("names more than {MOST_ATTENDEES}")));
    }
    let plain = |who: &NewParticipant| matches!(who.role, None | Some(ParticipantRole::Attendee));
    if !new.participants.iter().all(plain) {
        options.insert("participants".to_owned(), write::participants(&new.participants)?);
    }
    let event = create_event(api, once, &event_of(new)).await?;
    made(finish(api, new, event, options).await)
}

/// The event's meeting with all that was asked for; then the invitations.
async fn finish(
    api: &Api,
    new: &NewMeeting,
    event: Event,
    options: Map<String, Value>,
) -> Result<Meeting, CallError> {
    // With somebody invited already, at an earlier attempt, it is not removed.
    let Some(online) = &event.online_meeting else { return Err(no_license()) };
    let link = online.join_url.as_deref().ok_or_else(still_making)?;
    let meeting = find(api, link).await?;
    if new.passcode_required && meeting.passcode().is_none() {
        remove(api, &event.id, None).await?;
        return Err(conflict(
            "passcode_not_offered",
            "The organisation gives meetings in a calendar no passcode; nobody was invited.",
            "Create the meeting without a calendar event, or without a passcode.",
        ));
    }
    let meeting = if options.is_empty() { meeting } else { set(api, &meeting.id, options).await? };
    let event = invite(api, event, new).await?;
    let zone = new.time_zone.as_ref().or(event.time_zone.as_ref());
    meeting.read(zone, Some(&event))
}

/// Its event, to which nobody is invited yet.
fn event_of(new: &NewMeeting) -> NewEvent {
    NewEvent {
        subject: new.subject.clone(),
        body: new.body.clone(),
        start_time: new.start_time,
        end_time: new.end_time,
        time_zone: new.time_zone.clone(),
        locations: Vec::new(),
        attendees: Vec::new(),
        recurrence: None,
        online_meeting: true,
        show_as: None,
        sensitivity: None,
        importance: None,
        categories: Vec::new(),
        reminder_minutes: Patch::Keep,
        response_requested: None,
        allow_new_time_proposals: None,
        hide_attendees: None,
        calendar: None,
    }
}

/// Invites those who are not yet.
async fn invite(api: &Api, event: Event, new: &NewMeeting) -> Result<Event, CallError> {
    let there = |who: &NewParticipant| {
        let mut emails = event.attendees.iter().filter_map(|one| one.email.as_deref());
        emails.any(|email| email.eq_ignore_ascii_case(&who.email))
    };
    if new.participants.iter().all(there) {
        return Ok(event);
    }
    // Whoever was added meanwhile stays.
    let attendees = Some(calendar::invited(&new.participants, &event.attendees, |_| true));
    let changes = EventChanges { attendees, ..EventChanges::default() };
    update_event(api, &event.id, &changes, None).await
}

/// The meeting with this link, which is known a little later than the link itself.
async fn find(api: &Api, link: &str) -> Result<OnlineMeeting, CallError> {
    for wait in PATIENCE {
        if let Some(meeting) = look(api, link).await? {
            return Ok(meeting);
        }
        api.wait(wait).await;
    }
    look(api, link).await?.ok_or_else(still_making)
}

/// Contract, section 7: where nothing matches, the answer is an error that begins with `1026`, or a
/// list without items.
async fn look(api: &Api, link: &str) -> Result<Option<OnlineMeeting>, CallError> {
    #[derive(Deserialize)]
    struct Found {
        #[serde(default)]
        value: Vec<OnlineMeeting>,
    }
    let filter = format!("JoinWebUrl eq '{}'", link.replace('\'', "''"));
    let call = Call::get(api, READ, "/me/onlineMeetings").query("$filter", filter);
    let (response, meaning) = call.answer().await?;
    match meaning {
        Ok(()) => Ok(read::<Found>(&response)?.value.into_iter().next()),
        Err(_)
            if response.status() == StatusCode::BAD_REQUEST
                && words(&response).starts_with("1026") =>
        {
            Ok(None)
        }
        Err(error) => Err(super::licensed(&response, error)),
    }
}

fn still_making() -> CallError {
    CallError::OutcomeUnknown {
        detail: "the meeting was asked for, and its link is not there yet".to_owned(),
        retry_after: LATER,
    }
}

fn conflict(code: &str, message: &str, remedy: &str) -> CallError {
    let failure = Failure::new(code, Actor::User, message).remedied_by(remedy);
    CallError::Denied { denial: Denial::Conflict, failure: Box::new(failure) }
}
