//! Calendars and the events in them.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::words::words;
use super::{Body, Cursor, Importance, Moment, Once, Page, Patch, Person, Recurrence, Zone};
use crate::gateway::{Api, CallError};

/// Reads and writes the calendars of an integration's account.
///
/// An event that repeats is one *series*; what takes place on a day is an *occurrence* of it, and an
/// occurrence that was changed on its own an *exception*. Each has an id; those of occurrences change
/// when the pattern does.
#[async_trait]
pub trait Calendars: Send + Sync {
    /// The account's calendars, those shared with it included.
    async fn calendars(&self, api: &Api) -> Result<Vec<Calendar>, CallError>;

    /// What takes place in a span of time, series expanded into their occurrences, by beginning.
    ///
    /// `cursor` is the [`Page::next`] of the page before; the query must be the same.
    async fn events(
        &self,
        api: &Api,
        query: &EventQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Event>, CallError>;

    /// One event, occurrence, exception or series.
    async fn event(&self, api: &Api, id: &str) -> Result<Event, CallError>;

    /// Creates an event or a series, and sends invitations if there are attendees.
    async fn create_event(
        &self,
        api: &Api,
        once: Once,
        event: &NewEvent,
    ) -> Result<Event, CallError>;

    /// Changes an event, a series or one occurrence; attendees are told.
    ///
    /// With `version` only if the event is still in that version ([`Event::version`]); otherwise it
    /// fails as changed, and nothing happens.
    async fn update_event(
        &self,
        api: &Api,
        id: &str,
        changes: &EventChanges,
        version: Option<&str>,
    ) -> Result<Event, CallError>;

    /// Removes an event from the account's calendar. Where the account is the organizer, attendees get
    /// a cancellation without words; for words there is [`Self::cancel_event`].
    async fn delete_event(
        &self,
        api: &Api,
        id: &str,
        version: Option<&str>,
    ) -> Result<(), CallError>;

    /// Cancels a meeting the account organizes, with a message to its attendees.
    ///
    /// Where `once` was tried before, one that is cancelled or gone is taken as done.
    async fn cancel_event(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        comment: Option<&str>,
    ) -> Result<(), CallError>;

    /// Answers an invitation.
    ///
    /// Where `once` was tried before, one that has this answer already is taken as done.
    async fn respond(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        answer: &Answer,
    ) -> Result<(), CallError>;

    /// When people are free and busy, as far as they let the account see it.
    async fn availability(
        &self,
        api: &Api,
        ask: &AvailabilityAsk,
    ) -> Result<Vec<Availability>, CallError>;

    /// Times at which people could meet, the best first.
    async fn suggest_times(
        &self,
        api: &Api,
        ask: &SuggestionsAsk,
    ) -> Result<Suggestions, CallError>;
}

/// A calendar.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Calendar {
    /// The provider's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its colour, in the provider's words.
    pub color: Option<String>,
    /// Whether new events go here unless another calendar is named.
    pub is_default: bool,
    /// Whether the account may write here.
    pub can_edit: bool,
    /// Whose it is.
    pub owner: Option<Person>,
    /// Whether its events can be online meetings.
    pub online_meetings: bool,
    /// What the provider said beyond this, under its own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}

/// Which events to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// The calendar; the default one unless named.
    pub calendar: Option<String>,
    /// Only this series' occurrences.
    pub series: Option<String>,
    /// What ends after this.
    pub from: Timestamp,
    /// What begins before this.
    pub to: Timestamp,
    /// The zone in which times are shown; each event's own unless named.
    pub zone: Option<Zone>,
    /// How many a page has at most; the provider may give fewer.
    pub limit: u32,
}

/// An event, an occurrence of a series, or the series itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub struct Event {
    /// The provider's id; stays the same for the event's life.
    pub id: String,
    /// Names this version of it; for conditional changes.
    pub version: Option<String>,
    /// The id that is the same in every participant's calendar (RFC 5545, section 3.8.4.7).
    pub uid: Option<String>,
    /// What it is.
    pub kind: EventKind,
    /// The series it is an occurrence of.
    pub series_id: Option<String>,
    /// The title.
    pub subject: Option<String>,
    /// The description; lists may leave it out.
    pub body: Option<Body>,
    /// The description's beginning, as plain text.
    pub preview: Option<String>,
    /// When it begins; a day for whole days.
    pub start_time: Moment,
    /// When it ends; for whole days the first day after it.
    pub end_time: Moment,
    /// The zone it was made in, in which its times are shown; none for whole days.
    pub time_zone: Option<Zone>,
    /// Whether it lasts whole days.
    pub is_all_day: bool,
    /// Where it takes place.
    pub locations: Vec<Location>,
    /// Who invites.
    pub organizer: Option<Person>,
    /// Whether that is the account.
    pub is_organizer: bool,
    /// Who is invited, without the organizer.
    pub attendees: Vec<Attendee>,
    /// The account's own answer.
    pub response: Response,
    /// How it repeats; series only.
    pub recurrence: Option<Recurrence>,
    /// When the occurrence would have begun by its series' pattern.
    pub original_start_time: Option<Timestamp>,
    /// Its online meeting. May be missing right after it was asked for.
    pub online_meeting: Option<OnlineMeeting>,
    /// What others see of that time.
    pub show_as: ShowAs,
    /// Who may see it.
    pub sensitivity: Sensitivity,
    /// How important it is.
    pub importance: Importance,
    /// The account's own labels for it.
    pub categories: Vec<String>,
    /// Minutes before the beginning at which the account is reminded.
    pub reminder_minutes: Option<i32>,
    /// Whether it was called off.
    pub is_cancelled: bool,
    /// Whether files are attached.
    pub has_attachments: bool,
    /// Where the account sees it in a browser.
    pub web_url: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
    /// What the provider said beyond this, under its own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}

words! {
    /// What an event is.
    EventKind {
        /// It takes place once.
        Single = "single",
        /// One of a series, by its pattern.
        Occurrence = "occurrence",
        /// One of a series that was changed on its own.
        Exception = "exception",
        /// The series.
        Series = "series",
    }
}

words! {
    /// What others see of an event's time.
    ShowAs {
        /// Free.
        Free = "free",
        /// Perhaps busy.
        Tentative = "tentative",
        /// Busy.
        Busy = "busy",
        /// Out of office.
        OutOfOffice = "out_of_office",
        /// Working elsewhere.
        WorkingElsewhere = "working_elsewhere",
        /// The provider does not say.
        Unknown = "unknown",
    }
}

words! {
    /// Who may see an event.
    Sensitivity {
        /// Whoever sees the calendar.
        Normal = "normal",
        /// It is personal.
        Personal = "personal",
        /// Nobody but the account.
        Private = "private",
        /// Those invited.
        Confidential = "confidential",
    }
}

words! {
    /// An answer to an invitation.
    Response {
        /// None is asked for.
        None = "none",
        /// The organizer does not answer.
        Organizer = "organizer",
        /// Not answered yet.
        NotResponded = "not_responded",
        /// Yes.
        Accepted = "accepted",
        /// Perhaps.
        Tentative = "tentative",
        /// No.
        Declined = "declined",
    }
}

words! {
    /// How somebody is invited.
    AttendeeRole {
        /// They are needed.
        Required = "required",
        /// They may come.
        Optional = "optional",
        /// A room or a thing.
        Resource = "resource",
    }
}

/// A place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(example = "Room 4"))]
    pub name: String,
    /// The address of a room that can be booked.
    #[serde(default)]
    pub email: Option<String>,
    /// A link to it.
    #[serde(default)]
    pub uri: Option<String>,
    /// What the provider said beyond this, such as a street address, under its own names.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}

/// Somebody who is invited.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Attendee {
    /// Their name.
    pub name: Option<String>,
    /// Their address.
    pub email: Option<String>,
    /// How they are invited.
    pub role: AttendeeRole,
    /// Their answer.
    pub response: Response,
    /// When they answered.
    pub responded_at: Option<Timestamp>,
}

/// The online meeting of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OnlineMeeting {
    /// Where to join. May be missing for some seconds after it was asked for.
    pub join_url: Option<String>,
    /// The id for joining by telephone.
    pub conference_id: Option<String>,
    /// The number to call.
    pub toll_number: Option<String>,
}

/// An event to create.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// The title.
    #[cfg_attr(feature = "schema", schema(example = "Planning"))]
    pub subject: String,
    /// The description.
    #[serde(default)]
    pub body: Option<Body>,
    /// When it begins; a day makes it last whole days.
    pub start_time: Moment,
    /// When it ends; for whole days the first day after it.
    pub end_time: Moment,
    /// Its zone: needed for times without an offset, and for a series, whose occurrences keep their
    /// time of day in it.
    #[serde(default)]
    pub time_zone: Option<Zone>,
    /// Where it takes place.
    #[serde(default)]
    pub locations: Vec<Location>,
    /// Who is invited.
    #[serde(default)]
    pub attendees: Vec<NewAttendee>,
    /// How it repeats.
    #[serde(default)]
    pub recurrence: Option<Recurrence>,
    /// Whether it gets an online meeting.
    #[serde(default)]
    pub online_meeting: bool,
    /// What others see of that time; busy unless given.
    #[serde(default)]
    pub show_as: Option<ShowAs>,
    /// Who may see it.
    #[serde(default)]
    pub sensitivity: Option<Sensitivity>,
    /// How important it is.
    #[serde(default)]
    pub importance: Option<Importance>,
    /// The account's own labels for it.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Minutes before the beginning at which the account is reminded; `null` for not at all. The
    /// provider's own default unless given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<i32>))]
    pub reminder_minutes: Patch<i32>,
    /// Whether attendees are asked to answer; yes unless given.
    #[serde(default)]
    pub response_requested: Option<bool>,
    /// Whether attendees may propose another time; yes unless given.
    #[serde(default)]
    pub allow_new_time_proposals: Option<bool>,
    /// Whether attendees do not see each other.
    #[serde(default)]
    pub hide_attendees: Option<bool>,
    /// The calendar; the default one unless named.
    #[serde(default)]
    pub calendar: Option<String>,
}

/// Somebody to invite.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewAttendee {
    /// Their name.
    #[serde(default)]
    pub name: Option<String>,
    /// Their address.
    #[cfg_attr(feature = "schema", schema(example = "alex@example.com"))]
    pub email: String,
    /// How they are invited; `required` unless given.
    #[serde(default)]
    pub role: Option<AttendeeRole>,
}

/// Changes to an event. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EventChanges {
    /// The title.
    #[serde(default)]
    pub subject: Option<String>,
    /// The description. The text of an event with an online meeting includes how to join it, which goes
    /// with the rest when the text is replaced; the meeting itself stays.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Body>))]
    #[serde(default)]
    pub body: Patch<Body>,
    /// When it begins.
    #[serde(default)]
    pub start_time: Option<Moment>,
    /// When it ends.
    #[serde(default)]
    pub end_time: Option<Moment>,
    /// Its zone.
    #[serde(default)]
    pub time_zone: Option<Zone>,
    /// Where it takes place: the whole list.
    #[serde(default)]
    pub locations: Option<Vec<Location>>,
    /// Who is invited: the whole list. Those who stay keep their answers.
    #[serde(default)]
    pub attendees: Option<Vec<NewAttendee>>,
    /// How it repeats; `null` leaves a single event.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Recurrence>))]
    #[serde(default)]
    pub recurrence: Patch<Recurrence>,
    /// Gives it an online meeting; one cannot be taken away again. Where the account has no licence for
    /// one this is refused, and the event stays.
    #[serde(default)]
    pub online_meeting: Option<bool>,
    /// What others see of that time.
    #[serde(default)]
    pub show_as: Option<ShowAs>,
    /// Who may see it.
    #[serde(default)]
    pub sensitivity: Option<Sensitivity>,
    /// How important it is.
    #[serde(default)]
    pub importance: Option<Importance>,
    /// The account's own labels for it: the whole list.
    #[serde(default)]
    pub categories: Option<Vec<String>>,
    /// Minutes before the beginning at which the account is reminded; `null` for not at all.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i32>))]
    #[serde(default)]
    pub reminder_minutes: Patch<i32>,
    /// Whether attendees are asked to answer.
    #[serde(default)]
    pub response_requested: Option<bool>,
    /// Whether attendees may propose another time.
    #[serde(default)]
    pub allow_new_time_proposals: Option<bool>,
    /// Whether attendees do not see each other.
    #[serde(default)]
    pub hide_attendees: Option<bool>,
}

/// An answer to an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// `accepted`, `tentative` or `declined`.
    pub response: Response,
    /// Words for the organizer.
    #[serde(default)]
    pub comment: Option<String>,
    /// Whether the organizer is told.
    #[serde(default = "yes")]
    #[cfg_attr(feature = "schema", schema(required = false, default = true))]
    pub send: bool,
    /// Another beginning that would suit better; not when accepting.
    #[serde(default)]
    pub proposed_start_time: Option<Moment>,
    /// The end that goes with it.
    #[serde(default)]
    pub proposed_end_time: Option<Moment>,
    /// The zone of proposed times without an offset.
    #[serde(default)]
    pub time_zone: Option<Zone>,
}

fn yes() -> bool {
    true
}

/// Whose time is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AvailabilityAsk {
    /// The addresses of people, rooms and lists.
    #[cfg_attr(feature = "schema", schema(example = json!(["alex@example.com"])))]
    pub emails: Vec<String>,
    /// From when.
    pub start_time: Moment,
    /// Until when.
    pub end_time: Moment,
    /// The zone of times without an offset, in which the answer is written; UTC unless named.
    #[serde(default)]
    pub time_zone: Option<Zone>,
    /// The length of a slot in minutes, 5 to 1440.
    #[serde(default = "half_an_hour")]
    #[cfg_attr(feature = "schema", schema(required = false, default = 30))]
    pub interval_minutes: u32,
}

fn half_an_hour() -> u32 {
    30
}

/// When somebody is free and busy.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Availability {
    /// Who.
    pub email: String,
    /// One for each slot from the beginning: the busiest that it is.
    pub slots: Vec<ShowAs>,
    /// What takes the time, as far as the account may see it.
    pub busy: Vec<BusyTime>,
    /// Why there is nothing to say about this one, in the provider's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub error: Option<String>,
}

/// A time at which somebody is not free.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BusyTime {
    /// How busy.
    pub show_as: ShowAs,
    /// From when.
    pub start_time: Moment,
    /// Until when.
    pub end_time: Moment,
    /// What it is, if the account may know.
    pub subject: Option<String>,
    /// Where it is, if the account may know.
    pub location: Option<String>,
}

/// Who should meet, for how long, and when.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SuggestionsAsk {
    /// Who besides the account.
    #[serde(default)]
    pub attendees: Vec<NewAttendee>,
    /// How long, in minutes.
    #[serde(default = "half_an_hour")]
    #[cfg_attr(feature = "schema", schema(required = false, default = 30))]
    pub duration_minutes: u32,
    /// Not before.
    pub start_time: Moment,
    /// Not after.
    pub end_time: Moment,
    /// The zone of times without an offset, in which the answer is written; UTC unless named.
    #[serde(default)]
    pub time_zone: Option<Zone>,
    /// How many suggestions at most.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Whether the account itself need not be there.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub is_organizer_optional: bool,
    /// The likelihood, in percent, below which a time is not suggested.
    #[serde(default)]
    pub minimum_attendee_percentage: Option<f64>,
    /// Whether only working hours count; yes unless given.
    #[serde(default = "yes")]
    #[cfg_attr(feature = "schema", schema(required = false, default = true))]
    pub working_hours_only: bool,
}

/// Times at which people could meet.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Suggestions {
    /// The times, the best first.
    pub results: Vec<SuggestedTime>,
    /// Why there is none, in the provider's word.
    pub empty_reason: Option<String>,
}

/// A time at which people could meet.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SuggestedTime {
    /// From when.
    pub start_time: Moment,
    /// Until when.
    pub end_time: Moment,
    /// How likely everybody can, in percent.
    pub confidence: f64,
    /// Whether the account is free then.
    pub organizer: ShowAs,
    /// Whether the others are, by address.
    pub attendees: Vec<(String, ShowAs)>,
    /// Why it is suggested, in the provider's words.
    pub reason: Option<String>,
}
