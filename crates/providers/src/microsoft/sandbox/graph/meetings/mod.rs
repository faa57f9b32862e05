//! `/me/onlineMeetings` (contract, 7).

mod options;
mod store;

use axum::http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::options::{Draft, bad, participant_of};
pub(super) use self::store::{Meeting, Meetings, Wanted};
use super::Owner;
use super::calendar::Agenda;
use super::calendar::when::stamp;
use super::call::Call;
use super::reply::{Answer, Denied};
use crate::microsoft::sandbox::MicrosoftAct;

const READ: &[&str] = &["OnlineMeetings.Read", "OnlineMeetings.ReadWrite"];
const WRITE: &[&str] = &["OnlineMeetings.ReadWrite"];
const OF_APPLICATIONS: &[&str] = &["OnlineMeetings.Read.All", "OnlineMeetings.ReadWrite.All"];

impl MicrosoftAct {
    /// A call about the online meetings of the user that `key` names; without it, the caller's.
    pub(super) fn meetings(
        &self,
        key: Option<&str>,
        rest: &[&str],
        call: &Call,
    ) -> Result<Answer, Denied> {
        let key = match key {
            None | Some("me-token-to-replace") => call.caller.oid.as_str(),
            Some(key) => key,
        };
        let owner = self.calendar_owner(key, call)?;
        // Meetings take object ids only.
        if owner.oid != key {
            return Err(Denied::new(
                StatusCode::NOT_FOUND,
                "ResourceNotFound",
                "Resource not found.",
            ));
        }
        admit(&owner, call)?;
        let has_teams =
            self.agenda().mailbox(owner.oid).is_some_and(|mailbox| mailbox.licence.teams);
        if !has_teams {
            return Err(forbidden(""));
        }
        match (call.method.as_str(), rest) {
            ("POST", []) => self.create_meeting(&owner, call),
            ("GET", []) => self.find_meeting(&owner, call),
            ("POST", ["createorget"]) => self.create_or_get(&owner, call),
            ("GET" | "PATCH" | "DELETE", [id]) => self.one_meeting(&owner, id, call),
            (_, [] | [_]) => Err(Denied::method()),
            (_, [_, unknown, ..]) => Err(Denied::segment(unknown)),
        }
    }

    fn create_meeting(&self, owner: &Owner, call: &Call) -> Result<Answer, Denied> {
        let draft = Draft::read(&call.object()?)?;
        let now = self.backstage().now();
        let meeting = self.agenda().make_meeting(owner, draft, None, now)?;
        let id: String = url::form_urlencoded::byte_serialize(meeting.id.as_bytes()).collect();
        let location = call.address(&owner.set(&format!("onlineMeetings('{id}')")));
        Ok(Answer::created(entity(owner, call, &meeting)).with("location", location))
    }

    /// A meeting with the client's own id, made only once (contract, 7): who looks for it keeps
    /// everybody else out until it is made.
    fn create_or_get(&self, owner: &Owner, call: &Call) -> Result<Answer, Denied> {
        let body = call.object()?;
        let parameters = call.parameters()?;
        let external = parameters.text("externalId").filter(|id| !id.is_empty());
        let external = external.ok_or_else(|| bad("The parameter externalId is required."))?;
        let now = self.backstage().now();
        let mut agenda = self.agenda();
        let same = |meeting: &&Meeting| {
            meeting.owner == owner.oid && meeting.external_id.as_deref() == Some(external)
        };
        if let Some(known) = agenda.meetings.all.iter().find(same) {
            return Ok(Answer::ok(entity(owner, call, known)));
        }
        let draft = Draft::read(&body)?;
        if draft.start.is_none() && draft.end.is_some() {
            return Err(bad("An endDateTime needs a startDateTime."));
        }
        let made = agenda.make_meeting(owner, draft, Some(external.to_owned()), now)?;
        Ok(Answer::created(entity(owner, call, &made)))
    }

    /// The meeting with this address or join id: there is no list without a filter.
    fn find_meeting(&self, owner: &Owner, call: &Call) -> Result<Answer, Denied> {
        let filter = call.options.get("filter").unwrap_or_default();
        let (path, value) = equation(filter)
            .ok_or_else(|| bad("The filter expression is missing or not supported."))?;
        let agenda = self.agenda();
        let is_it = |meeting: &&Meeting| match path.to_ascii_lowercase().as_str() {
            _ if meeting.owner != owner.oid => false,
            "joinweburl" => meeting.join_url == value,
            "joinmeetingidsettings/joinmeetingid" => meeting.join_id == value,
            _ => false,
        };
        let known = ["joinweburl", "joinmeetingidsettings/joinmeetingid", "videoteleconferenceid"];
        if !known.contains(&path.to_ascii_lowercase().as_str()) {
            return Err(bad("The filter expression is missing or not supported."));
        }
        let found = agenda.meetings.all.iter().find(is_it);
        let found = found.ok_or_else(|| bad("1026: The meeting was not found."))?;
        let context = call.context(&owner.set("onlineMeetings"));
        Ok(Answer::ok(json!({ "@odata.context": context, "value": [show(found)] })))
    }

    fn one_meeting(&self, owner: &Owner, id: &str, call: &Call) -> Result<Answer, Denied> {
        let mut agenda = self.agenda();
        let all = &mut agenda.meetings.all;
        let position = all.iter().position(|one| one.owner == owner.oid && one.id == id);
        let position = position.ok_or_else(not_found)?;
        if call.method == Method::DELETE {
            all.remove(position);
            return Ok(Answer::done());
        }
        let meeting = all.get_mut(position).ok_or_else(not_found)?;
        if call.method == Method::PATCH {
            let draft = Draft::read(&call.object()?)?;
            let (start, end) =
                (draft.start.unwrap_or(meeting.start), draft.end.unwrap_or(meeting.end));
            check_times(start, end)?;
            if draft.needs_passcode.is_some_and(|needs| needs != meeting.passcode.is_some()) {
                return Err(bad(
                    "The joinMeetingIdSettings can be set only when a meeting is created.",
                ));
            }
            draft.apply(meeting);
        }
        Ok(Answer::ok(entity(owner, call, meeting)))
    }
}

impl Agenda {
    /// A meeting of now and an hour, as far as nothing else is said.
    fn make_meeting(
        &mut self,
        owner: &Owner,
        draft: Draft,
        external_id: Option<String>,
        now: Timestamp,
    ) -> Result<Meeting, Denied> {
        let start = draft.start.unwrap_or(now);
        let end = draft.end.or_else(|| start.checked_add(SignedDuration::from_hours(1)).ok());
        let end = end.unwrap_or(start);
        check_times(start, end)?;
        let licence = self.mailbox(owner.oid).map(|mailbox| mailbox.licence);
        let licence = licence.ok_or_else(|| forbidden(""))?;
        let wanted = Wanted {
            start,
            end,
            subject: draft.subject.clone(),
            passcode: draft.needs_passcode.unwrap_or_default(),
            external_id,
        };
        let id = self.meetings.make(owner.oid, owner.upn, licence, wanted, now).id;
        let made = self.meetings.all.iter_mut().find(|meeting| meeting.id == id);
        let made = made.ok_or_else(not_found)?;
        draft.apply(made);
        Ok(made.clone())
    }
}

/// Whether the token allows it. No application has the policy that would let it in.
fn admit(owner: &Owner, call: &Call) -> Result<(), Denied> {
    let caller = &call.caller;
    if caller.is_app {
        if !caller.has(OF_APPLICATIONS) {
            return Err(forbidden(""));
        }
        let message = format!(
            "No application access policy found for this app: {} on the user: {}.",
            caller.client_id, owner.oid,
        );
        return Err(forbidden(&message));
    }
    let wanted = if call.method == Method::GET { READ } else { WRITE };
    if caller.oid == owner.oid && caller.has(wanted) { Ok(()) } else { Err(forbidden("")) }
}

fn check_times(start: Timestamp, end: Timestamp) -> Result<(), Denied> {
    if end < start {
        return Err(bad("The endDateTime must not be before the startDateTime."));
    }
    Ok(())
}

/// `path eq 'value'`.
fn equation(filter: &str) -> Option<(&str, String)> {
    let (path, rest) = filter.trim().split_once(char::is_whitespace)?;
    let (relation, value) = rest.trim_start().split_once(char::is_whitespace)?;
    let value = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    relation.eq_ignore_ascii_case("eq").then(|| (path, value.replace("''", "'")))
}

fn entity(owner: &Owner, call: &Call, meeting: &Meeting) -> Value {
    let mut shown = show(meeting);
    shown["@odata.context"] = json!(call.context(&owner.set("onlineMeetings/$entity")));
    shown
}

/// A meeting of an answer: the examples' members, and the options that were set besides.
fn show(meeting: &Meeting) -> Value {
    let dial_in = meeting.dial_in.as_ref().map(|dial_in| {
        let free = "+1 800 555 0123";
        json!({
            "conferenceId": dial_in.conference,
            "tollNumber": dial_in.toll,
            "tollNumbers": [dial_in.toll],
            "tollFreeNumber": free,
            "tollFreeNumbers": [free],
            "dialinUrl": format!("https://dialin.teams.microsoft.com/{}?id={}", meeting.owner, dial_in.conference),
        })
    });
    let join_text: String =
        url::form_urlencoded::byte_serialize(format!("<div>{}</div>", meeting.join_url).as_bytes())
            .collect();
    let mut shown = json!({
        "id": meeting.id,
        "creationDateTime": stamp(meeting.created),
        "startDateTime": stamp(meeting.start),
        "endDateTime": stamp(meeting.end),
        "joinUrl": meeting.join_url,
        "joinWebUrl": meeting.join_url,
        "meetingCode": meeting.join_id,
        "subject": meeting.subject,
        "isBroadcast": false,
        "autoAdmittedUsers": "everyoneInCompany",
        "outerMeetingAutoAdmittedUsers": null,
        "isEntryExitAnnounced": false,
        "allowedPresenters": "everyone",
        "allowAttendeeToEnableCamera": true,
        "allowAttendeeToEnableMic": true,
        "allowMeetingChat": "enabled",
        "shareMeetingChatHistoryDefault": "none",
        "allowTeamworkReactions": true,
        "recordAutomatically": false,
        "allowTranscription": true,
        "allowRecording": true,
        "watermarkProtection": null,
        "videoTeleconferenceId": null,
        "externalId": meeting.external_id,
        "broadcastSettings": null,
        "meetingInfo": null,
        "audioConferencing": dial_in,
        "participants": {
            "organizer": participant_of(Some(&meeting.upn), Some(&meeting.owner), "presenter"),
            "attendees": meeting.attendees,
        },
        "lobbyBypassSettings": { "scope": "organization", "isDialInBypassEnabled": false },
        "joinMeetingIdSettings": {
            "isPasscodeRequired": meeting.passcode.is_some(),
            "joinMeetingId": meeting.join_id,
            "passcode": meeting.passcode,
        },
        "chatInfo": { "threadId": meeting.thread, "messageId": "0", "replyChainMessageId": null },
        "joinInformation": { "content": format!("data:text/html,{join_text}"), "contentType": "html" },
    });
    for (name, value) in &meeting.options {
        shown[name] = value.clone();
    }
    shown
}

fn forbidden(message: &str) -> Denied {
    Denied::new(StatusCode::FORBIDDEN, "Forbidden", message)
}

fn not_found() -> Denied {
    Denied::new(StatusCode::NOT_FOUND, "ResourceNotFound", "The meeting was not found.")
}
