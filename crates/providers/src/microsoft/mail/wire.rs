//! Messages, folders and attachments as Graph writes them (contract, sections 6.1, 6.2 and 6.6).

use evergrant::capability::{
    Attachment, AttachmentKind, Classification, Flag, Folder, Importance, Message, MessageKind,
    Person,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::microsoft::graph::wire::{
    IMPORTANCE, ItemBody, Recipient, extra, instant, nullable, word,
};

/// `followupFlagStatus`.
pub(super) const FLAGS: &[(&str, &str)] =
    &[("notFlagged", "none"), ("flagged", "flagged"), ("complete", "complete")];

/// `meetingMessageType`; the third is misspelt over there.
const MEETINGS: &[(&str, &str)] = &[
    ("none", "message"),
    ("meetingRequest", "meeting_request"),
    ("meetingCancelled", "meeting_cancelled"),
    ("meetingAccepted", "meeting_accepted"),
    ("meetingTenativelyAccepted", "meeting_tentative"),
    ("meetingTentativelyAccepted", "meeting_tentative"),
    ("meetingDeclined", "meeting_declined"),
];

/// Types by themselves, where nothing more is said: lists cannot ask for `meetingMessageType`.
const TYPES: &[(&str, &str)] =
    &[("message", "message"), ("eventMessageRequest", "meeting_request")];

const CLASSIFICATIONS: &[(&str, &str)] = &[("focused", "focused")];

const ATTACHMENTS: &[(&str, &str)] =
    &[("fileAttachment", "file"), ("itemAttachment", "item"), ("referenceAttachment", "reference")];

/// A message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireMessage {
    pub(super) id: String,
    #[serde(default, rename = "@odata.etag")]
    etag: Option<String>,
    /// Only among changes: it is not in the folder any more.
    #[serde(default, rename = "@removed")]
    removed: Option<IgnoredAny>,
    #[serde(default, rename = "@odata.type")]
    kind: Option<String>,
    #[serde(default)]
    meeting_message_type: Option<String>,
    #[serde(default)]
    change_key: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    from: Recipient,
    #[serde(default, deserialize_with = "nullable")]
    sender: Recipient,
    #[serde(default, deserialize_with = "nullable")]
    to_recipients: Vec<Recipient>,
    #[serde(default, deserialize_with = "nullable")]
    cc_recipients: Vec<Recipient>,
    #[serde(default, deserialize_with = "nullable")]
    bcc_recipients: Vec<Recipient>,
    #[serde(default, deserialize_with = "nullable")]
    reply_to: Vec<Recipient>,
    #[serde(default)]
    received_date_time: Option<String>,
    #[serde(default)]
    sent_date_time: Option<String>,
    #[serde(default)]
    created_date_time: Option<String>,
    #[serde(default)]
    last_modified_date_time: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    is_read: bool,
    #[serde(default, deserialize_with = "nullable")]
    is_draft: bool,
    #[serde(default)]
    importance: Option<String>,
    #[serde(default)]
    body_preview: Option<String>,
    #[serde(default)]
    body: Option<ItemBody>,
    #[serde(default)]
    parent_folder_id: Option<String>,
    #[serde(default)]
    conversation_id: Option<String>,
    #[serde(default)]
    internet_message_id: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    has_attachments: bool,
    #[serde(default, deserialize_with = "nullable")]
    categories: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    flag: WireFlag,
    #[serde(default)]
    inference_classification: Option<String>,
    #[serde(default)]
    web_link: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFlag {
    #[serde(default)]
    flag_status: Option<String>,
}

impl WireMessage {
    /// Whether it was removed from the folder whose changes it is among.
    pub(super) fn is_removed(&self) -> bool {
        self.removed.is_some()
    }

    /// Whether it has what every message has. What lacks something of it tells of a change and not of a
    /// message: taken for one, it would be unread, and in no folder.
    pub(super) fn is_whole(&self) -> bool {
        self.parent_folder_id.is_some()
            && self.received_date_time.is_some()
            && self.importance.is_some()
            && self.flag.flag_status.is_some()
    }

    pub(super) fn message(self) -> Message {
        let from = self.from.person();
        let sender = self.sender.person().filter(|sender| Some(sender) != from.as_ref());
        let people = |list: Vec<Recipient>| -> Vec<Person> {
            list.into_iter().filter_map(Recipient::person).collect()
        };
        Message {
            version: self.etag.or_else(|| self.change_key.map(|key| format!("W/\"{key}\""))),
            kind: kind(self.kind.as_deref(), self.meeting_message_type.as_deref()),
            id: self.id,
            subject: self.subject,
            from,
            sender,
            to: people(self.to_recipients),
            cc: people(self.cc_recipients),
            bcc: people(self.bcc_recipients),
            reply_to: people(self.reply_to),
            received_at: instant(self.received_date_time.as_deref()),
            sent_at: instant(self.sent_date_time.as_deref()),
            is_read: self.is_read,
            is_draft: self.is_draft,
            importance: self
                .importance
                .map_or(Importance::Normal, |theirs| word(IMPORTANCE, &theirs)),
            preview: self.body_preview,
            body: self.body.map(ItemBody::body),
            folder_id: self.parent_folder_id,
            conversation_id: self.conversation_id,
            message_id: self.internet_message_id,
            has_attachments: self.has_attachments,
            attachments: None,
            categories: self.categories,
            flag: self.flag.flag_status.map_or(Flag::None, |theirs| word(FLAGS, &theirs)),
            classification: self
                .inference_classification
                .map(|theirs| word::<Classification>(CLASSIFICATIONS, &theirs)),
            web_url: self.web_link,
            created_at: instant(self.created_date_time.as_deref()),
            updated_at: instant(self.last_modified_date_time.as_deref()),
            extra: extra(self.rest),
        }
    }
}

/// What a message is, by its type and, where it is about a meeting, by what it says of it.
fn kind(odata: Option<&str>, meeting: Option<&str>) -> MessageKind {
    if let Some(meeting) = meeting {
        return word(MEETINGS, meeting);
    }
    odata.map_or(MessageKind::Message, |odata| word(TYPES, plain(odata)))
}

/// A type's name without its namespace.
fn plain(odata: &str) -> &str {
    odata.rsplit('.').next().unwrap_or(odata)
}

/// A folder as changes tell of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToldFolder {
    pub(super) id: String,
    #[serde(default, rename = "@removed")]
    pub(super) removed: Option<IgnoredAny>,
    #[serde(default, rename = "@odata.type")]
    kind: Option<String>,
    #[serde(default)]
    total_item_count: Option<i64>,
}

impl ToldFolder {
    /// Whether messages lie in it. In a search folder lie those of others.
    pub(super) fn holds_messages(&self) -> bool {
        let search = |kind: &str| plain(kind).eq_ignore_ascii_case("mailSearchFolder");
        self.removed.is_none() && !self.kind.as_deref().is_some_and(search)
    }

    /// How many messages lie in it.
    pub(super) fn total(&self) -> Option<u64> {
        self.total_item_count.and_then(|total| u64::try_from(total).ok())
    }
}

/// A folder.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireFolder {
    pub(super) id: String,
    #[serde(default, deserialize_with = "nullable")]
    display_name: String,
    #[serde(default)]
    pub(super) parent_folder_id: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) child_folder_count: i64,
    #[serde(default, deserialize_with = "nullable")]
    total_item_count: i64,
    #[serde(default, deserialize_with = "nullable")]
    unread_item_count: i64,
    #[serde(default, deserialize_with = "nullable")]
    is_hidden: bool,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl WireFolder {
    pub(super) fn folder(self, parent_id: Option<String>) -> Folder {
        let count = |n: i64| u64::try_from(n).unwrap_or_default();
        Folder {
            id: self.id,
            name: self.display_name,
            parent_id,
            total: count(self.total_item_count),
            unread: count(self.unread_item_count),
            is_hidden: self.is_hidden,
            extra: extra(self.rest),
        }
    }
}

/// An attachment without its content.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireAttachment {
    id: String,
    #[serde(default, rename = "@odata.type")]
    kind: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    size: i64,
    #[serde(default, deserialize_with = "nullable")]
    is_inline: bool,
    #[serde(default)]
    content_id: Option<String>,
}

impl WireAttachment {
    pub(super) fn attachment(self) -> Attachment {
        Attachment {
            id: self.id,
            // Almost all are files, and what says nothing of itself can be read like one.
            kind: self.kind.map_or(AttachmentKind::File, |odata| word(ATTACHMENTS, plain(&odata))),
            name: self.name,
            content_type: self.content_type,
            size: u64::try_from(self.size).unwrap_or_default(),
            is_inline: self.is_inline,
            content_id: self.content_id,
        }
    }
}
