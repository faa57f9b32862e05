//! Graph's JSON of events, as it is read (contract, sections 5.2, 5.3 and 13).
//!
//! Every member may be missing or null, and what is not named here is kept.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::microsoft::graph::wire::{
    DateTimeTimeZone, EmailAddress, ItemBody, Recipient, instant, nullable,
};
use crate::microsoft::zones;

/// The year in which Graph puts what never happened.
const NEVER: i16 = 1;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub(super) struct Event {
    #[serde(rename = "@odata.etag")]
    pub(super) etag: Option<String>,
    /// Only among changes: there is none of this id any more, or none that was asked for.
    #[serde(rename = "@removed")]
    pub(super) removed: Option<IgnoredAny>,
    pub(super) change_key: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) id: String,
    pub(super) i_cal_u_id: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) series_master_id: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) body: Option<ItemBody>,
    pub(super) body_preview: Option<String>,
    pub(super) start: Option<DateTimeTimeZone>,
    pub(super) end: Option<DateTimeTimeZone>,
    pub(super) original_start_time_zone: Option<String>,
    pub(super) original_start: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) is_all_day: bool,
    pub(super) location: Option<Location>,
    #[serde(deserialize_with = "nullable")]
    pub(super) locations: Vec<Location>,
    pub(super) organizer: Option<Recipient>,
    #[serde(deserialize_with = "nullable")]
    pub(super) is_organizer: bool,
    #[serde(deserialize_with = "nullable")]
    pub(super) attendees: Vec<Attendee>,
    pub(super) response_status: Option<Answered>,
    pub(super) recurrence: Option<Value>,
    #[serde(deserialize_with = "nullable")]
    pub(super) is_online_meeting: bool,
    pub(super) online_meeting: Option<OnlineMeeting>,
    pub(super) show_as: Option<String>,
    pub(super) sensitivity: Option<String>,
    pub(super) importance: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) categories: Vec<String>,
    pub(super) is_reminder_on: Option<bool>,
    pub(super) reminder_minutes_before_start: Option<i32>,
    #[serde(deserialize_with = "nullable")]
    pub(super) is_cancelled: bool,
    #[serde(deserialize_with = "nullable")]
    pub(super) has_attachments: bool,
    pub(super) web_link: Option<String>,
    pub(super) created_date_time: Option<String>,
    pub(super) last_modified_date_time: Option<String>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Location {
    #[serde(deserialize_with = "nullable")]
    pub(super) display_name: String,
    #[serde(rename = "locationEmailAddress")]
    pub(super) email: Option<String>,
    #[serde(rename = "locationUri")]
    pub(super) uri: Option<String>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Attendee {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) email_address: Option<EmailAddress>,
    pub(super) status: Option<Answered>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answered {
    pub(super) response: Option<String>,
    pub(super) time: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct OnlineMeeting {
    pub(super) join_url: Option<String>,
    pub(super) conference_id: Option<String>,
    pub(super) toll_number: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Calendar {
    #[serde(deserialize_with = "nullable")]
    pub(super) id: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    pub(super) color: Option<String>,
    #[serde(rename = "isDefaultCalendar", deserialize_with = "nullable")]
    pub(super) is_default: bool,
    #[serde(deserialize_with = "nullable")]
    pub(super) can_edit: bool,
    pub(super) owner: Option<EmailAddress>,
    #[serde(deserialize_with = "nullable")]
    pub(super) allowed_online_meeting_providers: Vec<String>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// The instant. What is read is asked for in UTC, so that none is ambiguous.
pub(super) fn at(time: &DateTimeTimeZone) -> Option<Timestamp> {
    if let Ok(instant) = time.date_time.parse() {
        return Some(instant);
    }
    let wall: DateTime = time.date_time.parse().ok()?;
    let zone = time.time_zone.as_deref().unwrap_or("UTC");
    zones::to_iana(zone)?.rules().to_ambiguous_timestamp(wall).compatible().ok()
}

/// The day, whatever the zone: whole days come at midnight of every zone that is asked for.
pub(super) fn day(time: &DateTimeTimeZone) -> Option<Date> {
    time.date_time.get(..10)?.parse().ok()
}

/// An instant, if it ever was.
pub(in crate::microsoft) fn happened(text: Option<&str>) -> Option<Timestamp> {
    instant(text).filter(|at| jiff::tz::Offset::UTC.to_datetime(*at).year() > NEVER)
}

/// A text, if it says anything.
pub(in crate::microsoft) fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
