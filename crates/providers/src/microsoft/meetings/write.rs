//! Online meetings and their options, as Graph takes them (contract, section 7).

use evergrant::CallError;
use evergrant::capability::{Lobby, NewMeeting, NewParticipant, Presenters};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::words::{LOBBIES, PRESENTERS, ROLES};
use crate::microsoft::calendar::instant;
use crate::microsoft::graph::input::{address, invalid, word};

/// From when to when a new meeting is.
pub(super) fn times(meeting: &NewMeeting) -> Result<(Timestamp, Timestamp), CallError> {
    let zone = meeting.time_zone.as_ref();
    let start = instant(meeting.start_time, zone, "/start_time")?;
    let end = instant(meeting.end_time, zone, "/end_time")?;
    if end < start {
        return Err(invalid("/end_time", "is before the beginning"));
    }
    Ok((start, end))
}

/// What every new meeting has.
pub(super) fn new_meeting(meeting: &NewMeeting) -> Result<Map<String, Value>, CallError> {
    let (start, end) = times(meeting)?;
    let mut json = Map::new();
    json.insert("subject".to_owned(), json!(meeting.subject));
    json.insert("startDateTime".to_owned(), json!(start.to_string()));
    json.insert("endDateTime".to_owned(), json!(end.to_string()));
    if !meeting.participants.is_empty() {
        json.insert("participants".to_owned(), participants(&meeting.participants)?);
    }
    Ok(json)
}

/// What the organizer decides about it.
pub(super) fn options(
    lobby: Option<&Lobby>,
    presenters: Option<&Presenters>,
    record: Option<bool>,
) -> Result<Map<String, Value>, CallError> {
    let mut json = Map::new();
    if let Some(lobby) = lobby {
        let scope = word("/lobby", LOBBIES, lobby.as_str())?;
        json.insert("lobbyBypassSettings".to_owned(), json!({ "scope": scope }));
    }
    if let Some(presenters) = presenters {
        let who = word("/presenters", PRESENTERS, presenters.as_str())?;
        json.insert("allowedPresenters".to_owned(), json!(who));
    }
    if let Some(record) = record {
        json.insert("recordAutomatically".to_owned(), json!(record));
    }
    Ok(json)
}

/// Who takes part; their names are the directory's, not ours.
pub(super) fn participants(people: &[NewParticipant]) -> Result<Value, CallError> {
    let one = |(n, who): (usize, &NewParticipant)| {
        address(&format!("/participants/{n}/email"), &who.email)?;
        let mut json = json!({ "upn": who.email });
        if let Some(role) = &who.role {
            json["role"] = json!(word(&format!("/participants/{n}/role"), ROLES, role.as_str())?);
        }
        Ok(json)
    };
    let attendees = people.iter().enumerate().map(one).collect::<Result<Vec<_>, CallError>>()?;
    Ok(json!({ "attendees": attendees }))
}
