//! What a body says of an online meeting (contract, 7 and 13).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::calendar::when::instant;
use super::super::reply::Denied;
use super::store::Meeting;
use crate::microsoft::sandbox::json::{given, items, one_of, switch, text};
use crate::microsoft::sandbox::world::TENANT_ID;

const FLAGS: &[&str] = &[
    "allowAttendeeToEnableCamera",
    "allowAttendeeToEnableMic",
    "allowBreakoutRooms",
    "allowCopyingAndSharingMeetingContent",
    "allowParticipantsToChangeName",
    "allowPowerPointSharing",
    "allowRecording",
    "allowTeamworkReactions",
    "allowTranscription",
    "allowWhiteboard",
    "isEndToEndEncryptionEnabled",
    "isEntryExitAnnounced",
    "recordAutomatically",
];
const ENUMS: &[(&str, &[&str])] = &[
    ("allowedPresenters", &["everyone", "organization", "roleIsPresenter", "organizer"]),
    ("allowMeetingChat", &["enabled", "disabled", "limited"]),
    ("shareMeetingChatHistoryDefault", &["none", "all"]),
    (
        "allowedLobbyAdmitters",
        &["organizerAndCoOrganizersAndPresenters", "organizerAndCoOrganizers"],
    ),
    ("allowLiveShare", &["enabled", "disabled"]),
];
const SCOPES: &[&str] = &[
    "organizer",
    "organization",
    "organizationAndFederated",
    "everyone",
    "invited",
    "organizationExcludingGuests",
];
const ROLES: &[&str] = &["attendee", "presenter", "producer", "coorganizer"];
/// What is kept as it was sent.
const KEPT: &[&str] = &[
    "watermarkProtection",
    "meetingSpokenLanguageTag",
    "chatRestrictions",
    "sensitivityLabelAssignment",
    "broadcastSettings",
    "isBroadcast",
];
/// What is tolerated but not written.
const READ_ONLY: &[&str] = &[
    "id",
    "creationDateTime",
    "joinUrl",
    "joinWebUrl",
    "meetingCode",
    "videoTeleconferenceId",
    "audioConferencing",
    "chatInfo",
    "joinInformation",
    "meetingOptionsWebUrl",
    "meetingTemplateId",
    "expiryDateTime",
    "externalId",
    "autoAdmittedUsers",
    "outerMeetingAutoAdmittedUsers",
    "meetingInfo",
    "meetingType",
    "attendeeReport",
];

/// What a body says.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(super) subject: Option<String>,
    pub(super) needs_passcode: Option<bool>,
    pub(super) attendees: Option<Vec<Value>>,
    pub(super) options: Map<String, Value>,
}

impl Draft {
    pub(super) fn read(body: &Map<String, Value>) -> Result<Self, Denied> {
        let mut draft = Self::default();
        for (name, value) in
            body.iter().filter(|(name, value)| !name.contains('@') && !value.is_null())
        {
            draft.take(name, value)?;
        }
        Ok(draft)
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<(), Denied> {
        let wrong = || bad(format!("Invalid value specified for property '{name}'."));
        let time = || value.as_str().and_then(instant).ok_or_else(wrong);
        match name.to_ascii_lowercase().as_str() {
            "startdatetime" => self.start = Some(time()?),
            "enddatetime" => self.end = Some(time()?),
            "subject" => self.subject = Some(value.as_str().ok_or_else(wrong)?.to_owned()),
            "joinmeetingidsettings" => self.needs_passcode = switch(value, "isPasscodeRequired"),
            "participants" => {
                let listed = items(value, "attendees").iter().map(participant);
                self.attendees = Some(listed.collect::<Result<_, _>>()?);
            }
            "lobbybypasssettings" => {
                let scope = text(value, "scope").unwrap_or("organization");
                let scope = one_of(SCOPES, scope).ok_or_else(wrong)?;
                let dial_in = switch(value, "isDialInBypassEnabled").unwrap_or_default();
                let settings = json!({ "scope": scope, "isDialInBypassEnabled": dial_in });
                self.options.insert("lobbyBypassSettings".to_owned(), settings);
            }
            _ => {
                if one_of(READ_ONLY, name).is_some() {
                    return Ok(());
                }
                let (known, value) = option(name, value).ok_or_else(wrong)?;
                self.options.insert(known.to_owned(), value);
            }
        }
        Ok(())
    }

    /// Writes what was said into a meeting.
    pub(super) fn apply(self, meeting: &mut Meeting) {
        meeting.start = self.start.unwrap_or(meeting.start);
        meeting.end = self.end.unwrap_or(meeting.end);
        meeting.subject = self.subject.or_else(|| meeting.subject.take());
        if let Some(attendees) = self.attendees {
            meeting.attendees = attendees;
        }
        let mut options = self.options;
        meeting.options.append(&mut options);
    }
}

/// One of the options, as it is spelled and kept.
fn option(name: &str, value: &Value) -> Option<(&'static str, Value)> {
    if let Some(known) = one_of(FLAGS, name) {
        return value.as_bool().map(|flag| (known, json!(flag)));
    }
    if let Some(known) = one_of(KEPT, name) {
        return Some((known, value.clone()));
    }
    let (known, values) = ENUMS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    one_of(values, value.as_str()?).map(|value| (*known, json!(value)))
}

/// Somebody who takes part. Only users of a directory can present or organize (contract, 7).
fn participant(value: &Value) -> Result<Value, Denied> {
    let id = given(value, "identity").and_then(|identity| given(identity, "user"));
    let id = id.and_then(|user| text(user, "id"));
    let role = text(value, "role").unwrap_or("attendee");
    let role =
        one_of(ROLES, role).ok_or_else(|| bad("Invalid value specified for property 'role'."))?;
    if id.is_none() && role != "attendee" {
        return Err(bad("Only users of the directory can have this role."));
    }
    Ok(participant_of(text(value, "upn"), id, role))
}

/// A participant of an answer.
pub(super) fn participant_of(upn: Option<&str>, id: Option<&str>, role: &str) -> Value {
    json!({
        "upn": upn,
        "role": role,
        "identity": {
            "user": { "id": id, "displayName": null, "tenantId": TENANT_ID, "identityProvider": "AAD" },
        },
    })
}

pub(super) fn bad(message: impl Into<String>) -> Denied {
    Denied::bad("BadRequest", message)
}
