//! Online meetings.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::words::words;
use super::{Body, Moment, Once, Person, Zone};
use crate::gateway::{Api, CallError};

/// Creates and changes online meetings of an integration's account.
///
/// The event of a meeting is the one in the account's default calendar that has its join link; one in
/// another calendar is not found, and stays as it is when the meeting changes or ends.
#[async_trait]
pub trait Meetings: Send + Sync {
    /// Creates a meeting. It has a join link when this returns: one that comes late is waited for.
    ///
    /// With [`NewMeeting::calendar_event`] it is also an event in the account's calendar, with the
    /// participants invited and the same join link. Nobody is invited before the meeting is there.
    ///
    /// The same [`Once`] makes the same meeting, except for one with
    /// [`NewMeeting::passcode_required`] and without an event: where an answer is lost it is made again,
    /// and the one before is left, in no calendar and with nobody invited.
    async fn create_meeting(
        &self,
        api: &Api,
        once: Once,
        meeting: &NewMeeting,
    ) -> Result<Meeting, CallError>;

    /// One meeting, with the event in the account's default calendar that has its join link.
    async fn meeting(&self, api: &Api, id: &str) -> Result<Meeting, CallError>;

    /// Changes a meeting, and the event in the account's default calendar that has its join link.
    async fn update_meeting(
        &self,
        api: &Api,
        id: &str,
        changes: &MeetingChanges,
    ) -> Result<Meeting, CallError>;

    /// Ends a meeting for good, and cancels the event in the account's default calendar that has its
    /// join link; `comment` goes to those invited.
    ///
    /// Where `once` was tried before, one that is gone is taken as done.
    async fn cancel_meeting(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        comment: Option<&str>,
    ) -> Result<(), CallError>;
}

/// A meeting to create.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewMeeting {
    /// The title.
    #[cfg_attr(feature = "schema", schema(example = "My Meeting"))]
    pub subject: String,
    /// When it begins.
    pub start_time: Moment,
    /// When it ends.
    pub end_time: Moment,
    /// The zone of times without an offset, and of the calendar event.
    #[serde(default)]
    pub time_zone: Option<Zone>,
    /// Who takes part besides the organizer.
    #[serde(default)]
    pub participants: Vec<NewParticipant>,
    /// Who gets past the lobby without being let in; the organisation's own rule unless given.
    #[serde(default)]
    pub lobby: Option<Lobby>,
    /// Who may present; the organisation's own rule unless given.
    #[serde(default)]
    pub presenters: Option<Presenters>,
    /// Whether joining by meeting id takes a passcode. The provider makes it up; it cannot be chosen,
    /// and not be asked for later. Without `calendar_event` a meeting with one may be made twice where
    /// an answer is lost.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub passcode_required: bool,
    /// Whether the recording begins with the meeting.
    #[serde(default)]
    pub record_automatically: Option<bool>,
    /// Whether it is put into the account's calendar, with the participants invited.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub calendar_event: bool,
    /// The calendar event's description.
    #[serde(default)]
    pub body: Option<Body>,
}

/// Somebody who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewParticipant {
    /// Their address.
    #[cfg_attr(feature = "schema", schema(example = "alex@example.com"))]
    pub email: String,
    /// Their name.
    #[serde(default)]
    pub name: Option<String>,
    /// What they may do; `attendee` unless given.
    #[serde(default)]
    pub role: Option<ParticipantRole>,
}

words! {
    /// What a participant may do.
    ParticipantRole {
        /// Take part.
        Attendee = "attendee",
        /// Present.
        Presenter = "presenter",
        /// Manage the meeting like its organizer.
        Coorganizer = "coorganizer",
    }
}

words! {
    /// Who gets past the lobby without being let in.
    Lobby {
        /// The organizer alone.
        Organizer = "organizer",
        /// Those who were invited.
        Invited = "invited",
        /// The organisation.
        Organization = "organization",
        /// The organisation without its guests.
        OrganizationExcludingGuests = "organization_excluding_guests",
        /// The organisation and those it trusts.
        OrganizationAndFederated = "organization_and_federated",
        /// Everyone.
        Everyone = "everyone",
    }
}

words! {
    /// Who may present.
    Presenters {
        /// Everyone.
        Everyone = "everyone",
        /// The organisation.
        Organization = "organization",
        /// Participants whose role is presenter.
        RoleIsPresenter = "role_is_presenter",
        /// The organizer.
        Organizer = "organizer",
    }
}

/// An online meeting.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Meeting {
    /// The provider's id.
    pub id: String,
    /// The title.
    pub subject: Option<String>,
    /// When it begins.
    pub start_time: Option<Moment>,
    /// When it ends.
    pub end_time: Option<Moment>,
    /// Where to join.
    pub join_url: String,
    /// The number for joining without the link.
    pub meeting_id: Option<String>,
    /// What has to be typed with it; only if it was asked for.
    pub passcode: Option<String>,
    /// How to join by telephone, where the organizer may offer that.
    pub dial_in: Option<DialIn>,
    /// Who invites.
    pub organizer: Option<Person>,
    /// Who takes part besides: those whom its calendar event invites, where the provider names nobody.
    pub participants: Vec<Participant>,
    /// Who gets past the lobby without being let in.
    pub lobby: Option<Lobby>,
    /// Who may present.
    pub presenters: Option<Presenters>,
    /// The event in the account's default calendar that has its join link.
    pub event_id: Option<String>,
    /// The id of its chat.
    pub chat_id: Option<String>,
    /// Where the organizer changes its options.
    pub options_url: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// What the provider said beyond this, under its own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}

/// How to join by telephone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DialIn {
    /// The id to type.
    pub conference_id: Option<String>,
    /// Numbers that cost.
    pub toll_numbers: Vec<String>,
    /// Numbers that do not.
    pub toll_free_numbers: Vec<String>,
    /// A page with more numbers.
    pub url: Option<String>,
}

/// Somebody who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Participant {
    /// Their address.
    pub email: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// What they may do.
    pub role: ParticipantRole,
}

/// Changes to a meeting. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MeetingChanges {
    /// The title.
    #[serde(default)]
    pub subject: Option<String>,
    /// When it begins.
    #[serde(default)]
    pub start_time: Option<Moment>,
    /// When it ends.
    #[serde(default)]
    pub end_time: Option<Moment>,
    /// The zone of times without an offset.
    #[serde(default)]
    pub time_zone: Option<Zone>,
    /// Who takes part besides the organizer: the whole list. Of the calendar event, rooms stay, and
    /// whoever is named again stays required or optional.
    #[serde(default)]
    pub participants: Option<Vec<NewParticipant>>,
    /// Who gets past the lobby without being let in.
    #[serde(default)]
    pub lobby: Option<Lobby>,
    /// Who may present.
    #[serde(default)]
    pub presenters: Option<Presenters>,
    /// Whether the recording begins with the meeting.
    #[serde(default)]
    pub record_automatically: Option<bool>,
}
