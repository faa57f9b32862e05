//! Messages.

use std::cell::OnceCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::text::{as_html, as_text, preview, seconds};
use super::{Mailbox, folder_id, seed};
use crate::microsoft::sandbox::graph::ids::{Class, Id, change_key};

/// A message.
#[derive(Debug)]
pub(in super::super) struct Message {
    pub(in super::super) serial: u64,
    mailbox: u32,
    pub(in super::super) folder: u64,
    /// How often it has changed its place.
    pub(in super::super) place: u32,
    /// The number of its last change, and of its creation.
    pub(in super::super) changed: u64,
    pub(in super::super) born: u64,
    pub(in super::super) received: Timestamp,
    is_read: bool,
    /// What clients see of it, but for its id. Of a seeded message it is written when somebody
    /// looks: most of thousands are only counted.
    content: OnceCell<Value>,
    seeded: Option<seed::Seeded>,
    pub(in super::super) attachments: Vec<Attachment>,
}

/// An attachment.
#[derive(Debug, Clone)]
pub(in super::super) struct Attachment {
    pub(in super::super) serial: u64,
    /// Its members, but for its id and its content.
    pub(in super::super) about: Map<String, Value>,
    /// The content of a file.
    pub(in super::super) bytes: Option<Vec<u8>>,
}

/// How a message is shown.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct View {
    pub(in super::super) immutable_ids: bool,
    /// Bodies as plain text.
    pub(in super::super) text_body: bool,
    /// Without what `Mail.ReadBasic` does not cover.
    pub(in super::super) basic: bool,
}

impl View {
    /// Whether it shows this member.
    pub(in super::super) fn covers(self, name: &str) -> bool {
        !self.basic || !["body", "uniqueBody", "bodyPreview"].contains(&name)
    }
}

impl Message {
    /// The id, in one of its two forms.
    pub(in super::super) fn id(&self, immutable: bool) -> String {
        let place = (!immutable).then_some(self.place);
        let (mailbox, serial) = (self.mailbox, self.serial);
        Id { class: Class::Message, mailbox, place, serial }.text()
    }

    /// The etag, which `If-Match` can name.
    pub(in super::super) fn etag(&self) -> String {
        format!("W/\"{}\"", change_key(self.mailbox, self.serial, self.changed))
    }

    /// What clients see of it, but for its id.
    pub(in super::super) fn content(&self) -> &Value {
        self.content.get_or_init(|| {
            let mut content = match self.seeded {
                Some(seeded) => seed::write(self.mailbox, seeded, self.received, self.is_read),
                None => json!({}),
            };
            content["hasAttachments"] = json!(has_attachments(&self.attachments));
            content["parentFolderId"] = json!(folder_id(self.mailbox, self.folder));
            content["changeKey"] = json!(change_key(self.mailbox, self.serial, self.changed));
            content
        })
    }

    pub(in super::super) fn is_read(&self) -> bool {
        self.is_read
    }

    pub(in super::super) fn is_draft(&self) -> bool {
        self.content().get("isDraft").and_then(Value::as_bool).unwrap_or_default()
    }

    /// The message as clients see it.
    pub(in super::super) fn show(&self, view: View) -> Value {
        let mut shown = self.content().clone();
        let id = self.id(view.immutable_ids);
        shown["@odata.etag"] = json!(self.etag());
        shown["webLink"] = json!(web_link(&id));
        shown["id"] = json!(id);
        let body = self.body(view);
        shown["uniqueBody"] = body.clone();
        shown["body"] = body;
        if let Some(shown) = shown.as_object_mut() {
            shown.retain(|name, _| view.covers(name));
        }
        shown
    }

    /// The body, as it was asked for.
    pub(in super::super) fn body(&self, view: View) -> Value {
        let body = self.content().get("body").unwrap_or(&Value::Null);
        if view.text_body { as_text(body) } else { as_html(body) }
    }

    /// Changes members and attachments, and puts right what follows from them.
    fn rewrite(
        &mut self,
        change: u64,
        now: Timestamp,
        edit: impl FnOnce(&mut Map<String, Value>, &mut Vec<Attachment>),
    ) {
        self.content();
        let Some(Value::Object(content)) = self.content.get_mut() else { return };
        edit(content, &mut self.attachments);
        let body = as_text(content.get("body").unwrap_or(&Value::Null));
        let text = body.get("content").and_then(Value::as_str).unwrap_or_default();
        let key = change_key(self.mailbox, self.serial, change);
        content.insert("bodyPreview".to_owned(), json!(preview(text)));
        content.insert("lastModifiedDateTime".to_owned(), json!(seconds(now)));
        content.insert("changeKey".to_owned(), json!(key));
        let folder = folder_id(self.mailbox, self.folder);
        content.insert("parentFolderId".to_owned(), json!(folder));
        let has = has_attachments(&self.attachments);
        content.insert("hasAttachments".to_owned(), json!(has));
        self.changed = change;
        self.is_read = content.get("isRead").and_then(Value::as_bool).unwrap_or_default();
    }

    /// An attachment, if this is its id.
    pub(in super::super) fn attachment(&self, id: &str) -> Option<&Attachment> {
        self.attachments.iter().find(|attachment| self.attachment_id(attachment) == id)
    }

    /// The id of an attachment.
    pub(in super::super) fn attachment_id(&self, attachment: &Attachment) -> String {
        let serial = (self.serial << 24) | attachment.serial;
        Id { class: Class::Attachment, mailbox: self.mailbox, place: Some(0), serial }.text()
    }

    /// An attachment as clients see it.
    pub(in super::super) fn show_attachment(&self, attachment: &Attachment) -> Value {
        let mut shown = attachment.about.clone();
        shown.insert("id".to_owned(), json!(self.attachment_id(attachment)));
        if let Some(bytes) = &attachment.bytes {
            shown.insert("contentBytes".to_owned(), json!(STANDARD.encode(bytes)));
            shown.insert(
                "@odata.mediaContentType".to_owned(),
                attachment.about.get("contentType").cloned().unwrap_or_default(),
            );
        }
        Value::Object(shown)
    }
}

impl Mailbox {
    /// Adds a message of the seed, which is written down later.
    pub(super) fn add_seeded(
        &mut self,
        folder: u64,
        seeded: seed::Seeded,
        received: Timestamp,
        is_read: bool,
        attachments: Vec<Attachment>,
    ) {
        let (serial, change) = (self.serial(), self.changed());
        let message = Message {
            serial,
            mailbox: self.number,
            folder,
            place: 0,
            changed: change,
            born: change,
            received,
            is_read,
            content: OnceCell::new(),
            seeded: Some(seeded),
            attachments,
        };
        self.insert(message);
    }

    /// Adds a message whose members are all there, but for those that follow from others.
    pub(in super::super) fn add_message(
        &mut self,
        folder: u64,
        content: Map<String, Value>,
        attachments: Vec<Attachment>,
        now: Timestamp,
    ) -> u64 {
        let (serial, change) = (self.serial(), self.changed());
        let message = Message {
            serial,
            mailbox: self.number,
            folder,
            place: 0,
            changed: change,
            born: change,
            received: now,
            is_read: content.get("isRead").and_then(Value::as_bool).unwrap_or_default(),
            content: OnceCell::from(Value::Object(content)),
            seeded: None,
            attachments,
        };
        self.insert(message);
        self.edit(serial, now, |_, _| {});
        self.touch_folder(Some(folder));
        serial
    }

    /// Changes a message; what follows from its members and attachments is put right.
    pub(in super::super) fn edit(
        &mut self,
        serial: u64,
        now: Timestamp,
        edit: impl FnOnce(&mut Map<String, Value>, &mut Vec<Attachment>),
    ) {
        let change = self.changed();
        let counts = self.relist(serial, |message| {
            let was_read = message.is_read;
            message.rewrite(change, now, edit);
            (was_read != message.is_read).then_some(message.folder)
        });
        // The folder says how much in it is unread.
        self.touch_folder(counts.flatten());
    }

    /// Gives a message the time at which it was sent.
    pub(in super::super) fn stamp(&mut self, serial: u64, now: Timestamp) {
        self.relist(serial, |message| message.received = now);
    }

    /// Moves a message; its default id becomes another one.
    pub(in super::super) fn move_message(&mut self, serial: u64, target: u64, now: Timestamp) {
        let Some((before, place)) =
            self.messages.get(&serial).map(|message| (message.folder, message.place))
        else {
            return;
        };
        self.bury(Class::Message, serial, place, before, true);
        let born = self.change + 1;
        self.relist(serial, |message| {
            // Written down before it moves, since what is written says where it is.
            message.content();
            message.folder = target;
            message.place += 1;
            message.born = born;
        });
        self.edit(serial, now, |_, _| {});
        self.touch_folder(Some(before));
        self.touch_folder(Some(target));
    }

    /// Copies a message with its attachments.
    pub(in super::super) fn copy_message(
        &mut self,
        serial: u64,
        target: u64,
        now: Timestamp,
    ) -> Option<u64> {
        let message = self.messages.get(&serial)?;
        let content = message.content().as_object()?.clone();
        let (attachments, received) = (message.attachments.clone(), message.received);
        let copy = self.add_message(target, content, attachments, now);
        self.relist(copy, |copy| copy.received = received);
        Some(copy)
    }

    /// Removes a message for good.
    pub(in super::super) fn remove_message(&mut self, serial: u64) {
        if let Some(message) = self.extract(serial) {
            self.bury(Class::Message, serial, message.place, message.folder, false);
            self.touch_folder(Some(message.folder));
        }
    }
}

/// Inline attachments do not count.
fn has_attachments(all: &[Attachment]) -> bool {
    let is_inline = |it: &Attachment| it.about.get("isInline") == Some(&Value::Bool(true));
    all.iter().any(|attachment| !is_inline(attachment))
}

/// Where a person reads the message with this id in a browser.
pub(in super::super) fn web_link(id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("https://outlook.office365.com/owa/?ItemID={id}&exvsurl=1&viewmodel=ReadMessageItem")
}
