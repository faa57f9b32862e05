//! Graph's JSON of online meetings, as it is read, in our words (contract, sections 7 and 13).

use evergrant::CallError;
use evergrant::capability::{
    DialIn, Event, Lobby, Meeting, Moment, Participant, ParticipantRole, Person, Presenters, Zone,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::words::{LOBBIES, PRESENTERS, ROLES};
use crate::microsoft::calendar::{happened, said};
use crate::microsoft::graph::wire::{extra, nullable, word};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct OnlineMeeting {
    #[serde(deserialize_with = "nullable")]
    pub(super) id: String,
    pub(super) subject: Option<String>,
    start_date_time: Option<String>,
    end_date_time: Option<String>,
    join_web_url: Option<String>,
    join_url: Option<String>,
    join_meeting_id_settings: Option<JoinMeetingId>,
    audio_conferencing: Option<Audio>,
    participants: Option<Participants>,
    lobby_bypass_settings: Option<LobbyBypass>,
    allowed_presenters: Option<String>,
    chat_info: Option<Chat>,
    meeting_options_web_url: Option<String>,
    creation_date_time: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct JoinMeetingId {
    join_meeting_id: Option<String>,
    passcode: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Audio {
    // Graph's own samples spell it both ways.
    #[serde(alias = "ConferenceId")]
    conference_id: Option<String>,
    dialin_url: Option<String>,
    toll_number: Option<String>,
    #[serde(deserialize_with = "nullable")]
    toll_numbers: Vec<String>,
    toll_free_number: Option<String>,
    #[serde(deserialize_with = "nullable")]
    toll_free_numbers: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Participants {
    organizer: Option<Info>,
    #[serde(deserialize_with = "nullable")]
    attendees: Vec<Info>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Info {
    upn: Option<String>,
    role: Option<String>,
    identity: Option<Identity>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Identity {
    user: Option<User>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct User {
    display_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LobbyBypass {
    scope: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Chat {
    thread_id: Option<String>,
}

impl OnlineMeeting {
    /// Where to join, once it is known.
    pub(super) fn link(&self) -> Option<&str> {
        let links = [&self.join_web_url, &self.join_url];
        links.into_iter().flatten().map(String::as_str).find(|link| !link.is_empty())
    }

    /// When it begins.
    pub(super) fn starts(&self) -> Option<Timestamp> {
        happened(self.start_date_time.as_deref())
    }

    /// When it ends.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        happened(self.end_date_time.as_deref())
    }

    /// What is typed with its number.
    pub(super) fn passcode(&self) -> Option<&str> {
        let settings = self.join_meeting_id_settings.as_ref()?;
        settings.passcode.as_deref().filter(|passcode| !passcode.is_empty())
    }

    /// In our words: its times as clocks in `zone` show them, and the event that has its link. Where
    /// Teams names no participants, they are those whom the event invites.
    pub(super) fn read(
        self,
        zone: Option<&Zone>,
        event: Option<&Event>,
    ) -> Result<Meeting, CallError> {
        let zone = zone.cloned().unwrap_or_else(Zone::utc);
        let shown = |at: Option<Timestamp>| at.map(|at| Moment::within(at, &zone));
        let (start_time, end_time) = (shown(self.starts()), shown(self.ends()));
        let join_url = self.link().map(str::to_owned);
        let join_url = join_url
            .ok_or_else(|| CallError::Unreadable("a meeting without a join link".to_owned()))?;
        let passcode = self.passcode().map(str::to_owned);
        let participants = self.participants.unwrap_or_default();
        let chosen = |scope: &String| !scope.is_empty();
        let lobby = self.lobby_bypass_settings.and_then(|settings| settings.scope).filter(chosen);
        Ok(Meeting {
            id: self.id,
            subject: self.subject,
            start_time,
            end_time,
            join_url,
            meeting_id: self.join_meeting_id_settings.and_then(|ids| said(ids.join_meeting_id)),
            passcode,
            dial_in: self.audio_conferencing.map(Audio::read),
            organizer: participants.organizer.and_then(Info::person),
            participants: if participants.attendees.is_empty() {
                event.map(super::calendar::participants).unwrap_or_default()
            } else {
                participants.attendees.into_iter().map(Info::read).collect()
            },
            lobby: lobby.map(|scope| word::<Lobby>(LOBBIES, &scope)),
            presenters: said(self.allowed_presenters)
                .map(|who| word::<Presenters>(PRESENTERS, &who)),
            event_id: event.map(|event| event.id.clone()),
            chat_id: self.chat_info.and_then(|chat| said(chat.thread_id)),
            options_url: said(self.meeting_options_web_url),
            created_at: happened(self.creation_date_time.as_deref()),
            extra: extra(self.rest).into_iter().filter(|(_, value)| !value.is_null()).collect(),
        })
    }
}

impl Audio {
    fn read(self) -> DialIn {
        // The list is newer than the one number that is its first.
        let all = |list: Vec<String>, one: Option<String>| match list {
            list if list.is_empty() => said(one).into_iter().collect(),
            list => list,
        };
        DialIn {
            conference_id: said(self.conference_id),
            toll_numbers: all(self.toll_numbers, self.toll_number),
            toll_free_numbers: all(self.toll_free_numbers, self.toll_free_number),
            url: said(self.dialin_url),
        }
    }
}

impl Info {
    fn name(&mut self) -> Option<String> {
        said(self.identity.take()?.user?.display_name)
    }

    fn person(mut self) -> Option<Person> {
        let person = Person { name: self.name(), email: said(self.upn) };
        (person != Person::default()).then_some(person)
    }

    fn read(mut self) -> Participant {
        let role = said(self.role.take());
        Participant {
            name: self.name(),
            role: role.map_or(ParticipantRole::Attendee, |role| word(ROLES, &role)),
            email: said(self.upn),
        }
    }
}
