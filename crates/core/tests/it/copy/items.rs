//! Messages and events with nothing in them but what changes.

use evergrant::capability::{
    Event, EventKind, Flag, Importance, Message, MessageKind, Moment, Response, Sensitivity, ShowAs,
};
use jiff::{Timestamp, ToSpan};

use super::site::Thing;

/// What a feed tells of, made of a thing at the provider.
pub(super) trait Made: serde::Serialize + Send + 'static {
    fn made(id: &str, thing: &Thing) -> Self;
}

impl Made for Message {
    fn made(id: &str, thing: &Thing) -> Self {
        Self {
            id: id.to_owned(),
            version: Some(thing.version.to_string()),
            kind: MessageKind::Message,
            subject: None,
            from: None,
            sender: None,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            received_at: Some(thing.at),
            sent_at: None,
            is_read: false,
            is_draft: false,
            importance: Importance::Normal,
            preview: None,
            body: None,
            folder_id: Some(thing.folder.clone()),
            conversation_id: None,
            message_id: None,
            has_attachments: false,
            attachments: None,
            categories: Vec::new(),
            flag: Flag::None,
            classification: None,
            web_url: None,
            created_at: None,
            updated_at: None,
            extra: serde_json::Map::default(),
        }
    }
}

impl Made for Event {
    fn made(id: &str, thing: &Thing) -> Self {
        Self {
            id: id.to_owned(),
            version: Some(thing.version.to_string()),
            uid: None,
            kind: EventKind::Single,
            series_id: thing.series.clone(),
            subject: None,
            body: None,
            preview: None,
            start_time: Moment::At(thing.at, jiff::tz::Offset::UTC),
            end_time: Moment::At(end(thing.at), jiff::tz::Offset::UTC),
            time_zone: None,
            is_all_day: false,
            locations: Vec::new(),
            organizer: None,
            is_organizer: true,
            attendees: Vec::new(),
            response: Response::None,
            recurrence: None,
            original_start_time: None,
            online_meeting: None,
            show_as: ShowAs::Busy,
            sensitivity: Sensitivity::Normal,
            importance: Importance::Normal,
            categories: Vec::new(),
            reminder_minutes: None,
            is_cancelled: false,
            has_attachments: false,
            web_url: None,
            created_at: None,
            updated_at: None,
            extra: serde_json::Map::default(),
        }
    }
}

/// Events take an hour.
pub(super) fn end(at: Timestamp) -> Timestamp {
    at + 1.hour()
}
