//! What an integration can do, in words no vendor owns.
//!
//! One small trait each, which a vendor implements over [`Api`](crate::Api): [`Profiles`],
//! [`Calendars`], [`Mail`], [`Meetings`], [`Markets`] and [`Trading`]. The types are the ones that the library, the REST API and
//! the command line share; their JSON is their `serde` form.
//!
//! What a provider says beyond these types is kept under its own names in `extra`, and a value of an
//! enumeration that is not known here is kept as it came: a provider that learns new words never
//! breaks a read.
//!
//! - Every call is made now, at the provider; nothing comes from a local copy.
//! - Ids are the provider's own and opaque. They stay the same when an item moves to another folder.
//! - Instants are RFC 3339, zones IANA names, whole days plain dates ([`Moment`]).
//! - What creates something, or writes to people, takes a [`Once`]: the same one twice has its effect
//!   once, as far as the provider can be asked whether it had it.
//! - Lists come in pages ([`Page`]); [`all`] follows them to the end.

mod calendar;
mod mail;
mod markets;
mod meetings;
mod once;
mod page;
mod patch;
mod person;
mod profile;
mod recurrence;
mod time;
mod trading;
mod words;

pub use calendar::{
    Answer, Attendee, AttendeeRole, Availability, AvailabilityAsk, BusyTime, Calendar, Calendars,
    Event, EventChanges, EventKind, EventQuery, Location, NewAttendee, NewEvent, OnlineMeeting,
    Response, Sensitivity, ShowAs, SuggestedTime, Suggestions, SuggestionsAsk,
};
pub use mail::{
    Attachment, AttachmentKind, AutomaticReplies, AutomaticRepliesStatus, Classification, Flag,
    Folder, Forward, Mail, MailboxSettings, MailboxSettingsChanges, Message, MessageChanges,
    MessageKind, MessageQuery, NewAttachment, NewMessage, Reply, Sent, WorkingHours,
};
pub use markets::*;
pub use meetings::{
    DialIn, Lobby, Meeting, MeetingChanges, Meetings, NewMeeting, NewParticipant, Participant,
    ParticipantRole, Presenters,
};
pub use once::Once;
pub use page::{Cursor, Page, all};
pub use patch::Patch;
pub use person::{Body, BodyFormat, Importance, Person};
pub use profile::{Profile, Profiles};
pub use recurrence::{Recurrence, RecurrencePattern, RecurrenceRange, Week, Weekday};
pub use time::{Moment, MomentError, UnknownZone, Zone};
pub use trading::*;
