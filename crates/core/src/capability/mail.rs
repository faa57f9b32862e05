//! Mailboxes: folders, messages, attachments and settings.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::words::words;
use super::{
    Body, BodyFormat, Cursor, Importance, Moment, Once, Page, Patch, Person, Weekday, Zone,
};
use crate::gateway::{Api, CallError};

/// Reads and writes the mailbox of an integration's account.
///
/// What is sent is sent once: a draft is made first and then sent, and where an answer is lost the
/// mailbox itself is asked what became of it. If it cannot be asked the call fails as
/// [`CallError::OutcomeUnknown`], and repeating it with the same [`Once`] is safe, as long as the draft
/// or the sent copy can be found: what is looked for is in the mailbox and nowhere else. Where sent
/// messages are not kept, or the copy was removed for good before the repetition, a message that was
/// sent looks like one that was not, and [`Mail::send`], [`Mail::reply`] and [`Mail::forward`] may send
/// it again. [`Mail::send_draft`] never does: it makes no other draft.
#[async_trait]
pub trait Mail: Send + Sync {
    /// Every folder of the mailbox, parents before their children.
    async fn folders(&self, api: &Api) -> Result<Vec<Folder>, CallError>;

    /// Messages, newest first; without bodies.
    ///
    /// `cursor` is the [`Page::next`] of the page before; the query must be the same.
    async fn messages(
        &self,
        api: &Api,
        query: &MessageQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Message>, CallError>;

    /// One message with its body in this format, and the list of its attachments.
    async fn message(&self, api: &Api, id: &str, format: BodyFormat) -> Result<Message, CallError>;

    /// Sends a message.
    async fn send(&self, api: &Api, once: Once, message: &NewMessage) -> Result<Sent, CallError>;

    /// Creates a draft.
    async fn create_draft(
        &self,
        api: &Api,
        once: Once,
        message: &NewMessage,
    ) -> Result<Message, CallError>;

    /// Sends a draft.
    ///
    /// Where `once` was tried before, one that is no draft any longer is taken as sent.
    async fn send_draft(&self, api: &Api, once: Once, id: &str) -> Result<Sent, CallError>;

    /// Answers a message.
    async fn reply(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        reply: &Reply,
    ) -> Result<Sent, CallError>;

    /// Forwards a message with its attachments.
    async fn forward(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        forward: &Forward,
    ) -> Result<Sent, CallError>;

    /// Changes a message. With `version` only if it is still in that version ([`Message::version`]).
    async fn update_message(
        &self,
        api: &Api,
        id: &str,
        changes: &MessageChanges,
        version: Option<&str>,
    ) -> Result<Message, CallError>;

    /// Moves a message to a folder, by the folder's id or well-known name.
    async fn move_message(&self, api: &Api, id: &str, folder: &str) -> Result<Message, CallError>;

    /// Moves a message to the deleted items, or removes it for good.
    async fn delete_message(&self, api: &Api, id: &str, for_good: bool) -> Result<(), CallError>;

    /// A message's attachments, without their content.
    async fn attachments(&self, api: &Api, id: &str) -> Result<Vec<Attachment>, CallError>;

    /// One attachment, without its content: how large that is can be known before it is fetched.
    async fn attachment(&self, api: &Api, message: &str, id: &str)
    -> Result<Attachment, CallError>;

    /// The content of an attachment that was found. An attached message is its source (RFC 5322).
    async fn content(
        &self,
        api: &Api,
        message: &str,
        attachment: &Attachment,
    ) -> Result<Bytes, CallError>;

    /// Attaches a file to a draft, however large the provider allows.
    async fn attach(
        &self,
        api: &Api,
        message: &str,
        file: &NewAttachment,
    ) -> Result<Attachment, CallError>;

    /// Takes an attachment from a draft.
    async fn remove_attachment(&self, api: &Api, message: &str, id: &str) -> Result<(), CallError>;

    /// The mailbox's settings.
    async fn settings(&self, api: &Api) -> Result<MailboxSettings, CallError>;

    /// Changes the mailbox's settings.
    async fn update_settings(
        &self,
        api: &Api,
        changes: &MailboxSettingsChanges,
    ) -> Result<MailboxSettings, CallError>;
}

/// A folder of a mailbox.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Folder {
    /// The provider's id.
    pub id: String,
    /// Its name, in the mailbox's language.
    pub name: String,
    /// The folder it lies in; none at the top.
    pub parent_id: Option<String>,
    /// How many messages lie in it.
    pub total: u64,
    /// How many of those are unread.
    pub unread: u64,
    /// Whether it is usually not shown.
    pub is_hidden: bool,
    /// What the provider said beyond this, under its own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}

/// Which messages to list. Everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageQuery {
    /// The folder, by id or well-known name (`inbox`, `drafts`, `sentitems`, `deleteditems`,
    /// `archive`, `junkemail`); the whole mailbox unless named.
    pub folder: Option<String>,
    /// Read or unread ones.
    pub is_read: Option<bool>,
    /// From this address.
    pub from: Option<String>,
    /// Received at or after this.
    pub since: Option<Timestamp>,
    /// Received before this.
    pub until: Option<Timestamp>,
    /// With or without attachments.
    pub has_attachments: Option<bool>,
    /// Words in subject, sender and body. The provider may return only its best matches.
    pub search: Option<String>,
    /// How many a page has at most; the provider may give fewer.
    pub limit: u32,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Message {
    /// The provider's id; stays the same when the message moves or is sent.
    pub id: String,
    /// Names this version of it; for conditional changes.
    pub version: Option<String>,
    /// What it is.
    pub kind: MessageKind,
    /// The subject.
    pub subject: Option<String>,
    /// Who wrote it.
    pub from: Option<Person>,
    /// Who sent it, if that is somebody else.
    pub sender: Option<Person>,
    /// Who it is to.
    pub to: Vec<Person>,
    /// Who got a copy.
    pub cc: Vec<Person>,
    /// Who got a copy without the others knowing; the account's own messages only.
    pub bcc: Vec<Person>,
    /// Where answers go.
    pub reply_to: Vec<Person>,
    /// When it came.
    pub received_at: Option<Timestamp>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// Whether it was read.
    pub is_read: bool,
    /// Whether it has not been sent yet.
    pub is_draft: bool,
    /// How important its sender finds it.
    pub importance: Importance,
    /// The body's beginning, as plain text.
    pub preview: Option<String>,
    /// The body; not in lists.
    pub body: Option<Body>,
    /// The folder it lies in.
    pub folder_id: Option<String>,
    /// The conversation it belongs to.
    pub conversation_id: Option<String>,
    /// Its `Message-ID` (RFC 5322, section 3.6.4), the same in every mailbox.
    pub message_id: Option<String>,
    /// Whether files are attached; pictures inside the text do not count.
    pub has_attachments: bool,
    /// Its attachments; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub attachments: Option<Vec<Attachment>>,
    /// The account's own labels for it.
    pub categories: Vec<String>,
    /// Whether the account marked it.
    pub flag: Flag,
    /// Whether the provider thinks that it matters to the account.
    pub classification: Option<Classification>,
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
    /// What a message is.
    MessageKind {
        /// A message.
        Message = "message",
        /// An invitation or its update.
        MeetingRequest = "meeting_request",
        /// A meeting was called off.
        MeetingCancelled = "meeting_cancelled",
        /// Somebody comes.
        MeetingAccepted = "meeting_accepted",
        /// Somebody may come.
        MeetingTentative = "meeting_tentative",
        /// Somebody does not come.
        MeetingDeclined = "meeting_declined",
    }
}

words! {
    /// Whether a message is marked.
    Flag {
        /// It is not.
        None = "none",
        /// There is something to do.
        Flagged = "flagged",
        /// It was done.
        Complete = "complete",
    }
}

words! {
    /// Whether the provider thinks that a message matters. What does not is [`Self::Other`] `"other"`.
    Classification {
        /// It does.
        Focused = "focused",
    }
}

/// A file or message attached to a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Attachment {
    /// The provider's id.
    pub id: String,
    /// What it is.
    pub kind: AttachmentKind,
    /// Its name.
    pub name: Option<String>,
    /// Its media type.
    pub content_type: Option<String>,
    /// Its length in bytes, as the provider counts; base64 and headers may be included.
    pub size: u64,
    /// Whether it is shown inside the text.
    pub is_inline: bool,
    /// The name by which the text shows it (`cid:…`, RFC 2392), where the provider tells it: lists may
    /// leave it out, and then it is null for what is shown inside the text, too.
    pub content_id: Option<String>,
}

words! {
    /// What an attachment is.
    AttachmentKind {
        /// A file.
        File = "file",
        /// A message, an event or a contact.
        Item = "item",
        /// A link to a file somewhere else.
        Reference = "reference",
    }
}

/// A message to write.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// Who it is to.
    #[cfg_attr(feature = "schema", schema(example = json!([{ "email": "alex@example.com" }])))]
    #[serde(default)]
    pub to: Vec<Person>,
    /// Who gets a copy.
    #[serde(default)]
    pub cc: Vec<Person>,
    /// Who gets a copy without the others knowing.
    #[serde(default)]
    pub bcc: Vec<Person>,
    /// Where answers go.
    #[serde(default)]
    pub reply_to: Vec<Person>,
    /// Who it is from, where the account may write for others.
    #[serde(default)]
    pub from: Option<Person>,
    /// The subject.
    #[cfg_attr(feature = "schema", schema(example = "Planning"))]
    #[serde(default)]
    pub subject: String,
    /// The text.
    #[serde(default)]
    pub body: Option<Body>,
    /// How important it is.
    #[serde(default)]
    pub importance: Option<Importance>,
    /// Files that go with it.
    #[serde(default)]
    pub attachments: Vec<NewAttachment>,
}

/// A file to attach.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewAttachment {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(example = "notes.txt"))]
    pub name: String,
    /// Its media type.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(example = "text/plain"))]
    pub content_type: Option<String>,
    /// Its content; in JSON base64 (RFC 4648, section 4).
    #[serde(deserialize_with = "base64")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Byte, example = "aGVsbG8="))]
    pub content: Bytes,
    /// Shows it inside the text, which names it so (`cid:…`, RFC 2392).
    #[serde(default)]
    pub content_id: Option<String>,
}

fn base64<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
    use base64::Engine as _;
    let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_bytes());
    bytes.map(Bytes::from).map_err(|_| serde::de::Error::custom("not base64"))
}

/// An answer to a message.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The text, above what is answered.
    #[serde(default)]
    pub body: Option<Body>,
    /// Whether it goes to everybody who got the message.
    #[cfg_attr(feature = "schema", schema(required = false))]
    #[serde(default)]
    pub all: bool,
    /// Who it is to; who wrote the message unless given.
    #[serde(default)]
    pub to: Vec<Person>,
    /// Who gets a copy besides.
    #[serde(default)]
    pub cc: Vec<Person>,
    /// Files that go with it.
    #[serde(default)]
    pub attachments: Vec<NewAttachment>,
}

/// A message handed on.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// Who it is to.
    #[serde(default)]
    pub to: Vec<Person>,
    /// Who gets a copy.
    #[serde(default)]
    pub cc: Vec<Person>,
    /// The text, above what is handed on.
    #[serde(default)]
    pub body: Option<Body>,
    /// Files that go with it besides the message's own.
    #[serde(default)]
    pub attachments: Vec<NewAttachment>,
}

/// A message that the provider accepted for delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Sent {
    /// The provider's id of it, in the sent items.
    pub id: String,
    /// Its `Message-ID` (RFC 5322, section 3.6.4), which its receivers see.
    pub message_id: Option<String>,
    /// The conversation it belongs to.
    pub conversation_id: Option<String>,
}

/// Changes to a message. What is left out stays. All but the first four are for drafts only.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MessageChanges {
    /// Whether it was read.
    #[serde(default)]
    pub is_read: Option<bool>,
    /// Whether it is marked.
    #[serde(default)]
    pub flag: Option<Flag>,
    /// The account's own labels for it: the whole list.
    #[serde(default)]
    pub categories: Option<Vec<String>>,
    /// How important it is.
    #[serde(default)]
    pub importance: Option<Importance>,
    /// The subject.
    #[serde(default)]
    pub subject: Option<String>,
    /// The text.
    #[serde(default)]
    pub body: Option<Body>,
    /// Who it is to: the whole list.
    #[serde(default)]
    pub to: Option<Vec<Person>>,
    /// Who gets a copy: the whole list.
    #[serde(default)]
    pub cc: Option<Vec<Person>>,
    /// Who gets a copy without the others knowing: the whole list.
    #[serde(default)]
    pub bcc: Option<Vec<Person>>,
}

/// A mailbox's settings.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MailboxSettings {
    /// The account's zone; none if the provider names one that has no IANA name.
    pub time_zone: Option<Zone>,
    /// The account's language and region (RFC 5646), such as `en-US`.
    pub language: Option<String>,
    /// When the account works.
    pub working_hours: Option<WorkingHours>,
    /// What is answered while the account is away.
    pub automatic_replies: Option<AutomaticReplies>,
    /// How the account writes dates, in the provider's form.
    pub date_format: Option<String>,
    /// How the account writes times, in the provider's form.
    pub time_format: Option<String>,
    /// Whose mailbox it is, in the provider's word: a person's, a room's, a shared one.
    pub purpose: Option<String>,
    /// What the provider said beyond this, under its own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}

/// When somebody works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkingHours {
    /// On these days.
    pub days: Vec<Weekday>,
    /// From this time of day.
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "08:00:00"))]
    pub start: Time,
    /// Until this time of day.
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "17:00:00"))]
    pub end: Time,
    /// In this zone; none if the provider names one that has no IANA name.
    #[serde(default)]
    pub time_zone: Option<Zone>,
}

/// What is answered while an account is away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AutomaticReplies {
    /// Whether.
    pub status: AutomaticRepliesStatus,
    /// From when, if scheduled.
    #[serde(default)]
    pub start_time: Option<Moment>,
    /// Until when, if scheduled.
    #[serde(default)]
    pub end_time: Option<Moment>,
    /// What colleagues are told, as HTML.
    #[serde(default)]
    pub internal_message: Option<String>,
    /// What everybody else is told, as HTML.
    #[serde(default)]
    pub external_message: Option<String>,
    /// Who everybody else is, in the provider's word: `none`, `contactsOnly` or `all`.
    #[serde(default)]
    pub external_audience: Option<String>,
}

words! {
    /// Whether an account answers by itself.
    AutomaticRepliesStatus {
        /// It does not.
        Disabled = "disabled",
        /// It does.
        Enabled = "enabled",
        /// From one time to another.
        Scheduled = "scheduled",
    }
}

/// Changes to a mailbox's settings. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MailboxSettingsChanges {
    /// The account's zone.
    #[serde(default)]
    pub time_zone: Option<Zone>,
    /// The account's language and region.
    #[serde(default)]
    pub language: Option<String>,
    /// When the account works.
    #[serde(default)]
    pub working_hours: Option<WorkingHours>,
    /// What is answered while the account is away; `null` ends it.
    #[cfg_attr(feature = "schema", schema(value_type = Option<AutomaticReplies>))]
    #[serde(default)]
    pub automatic_replies: Patch<AutomaticReplies>,
}
