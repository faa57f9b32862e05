//! Mail: folders, messages, sending, attachments, settings (contract, 6).

mod attachments;
mod compose;
mod delta;
mod folders;
mod messages;
mod reply;
mod search;
mod send;
mod settings;
mod translate;
mod upload;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub(in super::super) use self::upload::call as upload;
use super::Owner;
use super::call::Call;
use super::ids::{Class, Id};
use super::odata::Kind;
use super::reply::{Answer, Denied};
use crate::microsoft::sandbox::MicrosoftAct;
use crate::microsoft::sandbox::mailbox::{Mailbox, View};
use crate::microsoft::sandbox::world::User;

/// What reads messages without their bodies (contract, 9).
pub(super) const READ_BASIC: &[&str] =
    &["Mail.ReadBasic", "Mail.ReadBasic.All", "Mail.Read", "Mail.ReadWrite"];
/// What reads all of a message.
pub(super) const READ: &[&str] = &["Mail.Read", "Mail.ReadWrite"];
/// What changes messages and folders.
const WRITE: &[&str] = &["Mail.ReadWrite"];
/// What sends.
const SEND: &[&str] = &["Mail.Send"];

pub(super) static MESSAGE: Kind = Kind {
    name: "microsoft.graph.message",
    usual: &[
        "createdDateTime",
        "lastModifiedDateTime",
        "changeKey",
        "categories",
        "receivedDateTime",
        "sentDateTime",
        "hasAttachments",
        "internetMessageId",
        "subject",
        "bodyPreview",
        "importance",
        "parentFolderId",
        "conversationId",
        "conversationIndex",
        "isDeliveryReceiptRequested",
        "isReadReceiptRequested",
        "isRead",
        "isDraft",
        "webLink",
        "inferenceClassification",
        "body",
        "sender",
        "from",
        "toRecipients",
        "ccRecipients",
        "bccRecipients",
        "replyTo",
        "flag",
    ],
    on_request: &["internetMessageHeaders", "uniqueBody"],
    expandable: &[
        "attachments",
        "extensions",
        "singleValueExtendedProperties",
        "multiValueExtendedProperties",
        "microsoft.graph.eventMessage/event",
    ],
    most: 1000,
    sorts_by_filter: true,
};

static FOLDER: Kind = Kind {
    name: "microsoft.graph.mailFolder",
    usual: &[
        "displayName",
        "parentFolderId",
        "childFolderCount",
        "unreadItemCount",
        "totalItemCount",
        "sizeInBytes",
        "isHidden",
    ],
    on_request: &[],
    expandable: &["childFolders", "messages", "singleValueExtendedProperties"],
    most: 1000,
    sorts_by_filter: false,
};

static ATTACHMENT: Kind = Kind {
    name: "microsoft.graph.attachment",
    usual: &[
        "lastModifiedDateTime",
        "name",
        "contentType",
        "size",
        "isInline",
        "contentId",
        "contentLocation",
        "contentBytes",
    ],
    on_request: &[],
    expandable: &["microsoft.graph.itemattachment/item"],
    most: 1000,
    sorts_by_filter: false,
};

/// A call to somebody's mail.
struct Mail<'a> {
    act: &'a MicrosoftAct,
    owner: &'a Owner,
    call: &'a Call,
    now: Timestamp,
}

impl MicrosoftAct {
    /// What is at `rest` of somebody's mailbox.
    pub(super) fn mail(&self, owner: &Owner, rest: &[&str], call: &Call) -> Result<Answer, Denied> {
        Mail { act: self, owner, call, now: self.backstage().now() }.dispatch(rest)
    }
}

impl MicrosoftAct {
    /// The folder that an id or a well-known name stands for in a user's mailbox.
    pub(in super::super) fn folder_named(&self, user: &User, name: &str) -> Result<u64, Denied> {
        Mail::find_folder(self.mailboxes().of(user), name)
    }

    /// Changes any member of a message, draft or not, as somebody can who is no client of Graph.
    pub(in super::super) fn change_any_message(
        &self,
        owner: &Owner,
        call: &Call,
        id: &str,
    ) -> Result<Value, Denied> {
        let mail = Mail { act: self, owner, call, now: self.backstage().now() };
        let changes = call.object()?;
        mail.mailbox(|mailbox| {
            let serial = Mail::find(mailbox, id)?;
            let changes = mail.read_changes(changes, true)?;
            mailbox.edit(serial, mail.now, |content, _| content.extend(changes));
            Ok(messages::get(mailbox, serial)?.show(mail.view()))
        })
    }

    /// Puts a message into a folder, as `finish` makes it; the answer is the message.
    pub(in super::super) fn put_message(
        &self,
        owner: &Owner,
        call: &Call,
        message: Map<String, Value>,
        folder: &str,
        finish: impl FnOnce(&Mailbox, &mut Map<String, Value>),
    ) -> Result<Value, Denied> {
        let mail = Mail { act: self, owner, call, now: self.backstage().now() };
        mail.mailbox(|mailbox| {
            let folder = Mail::find_folder(mailbox, folder)?;
            let mut composed = mail.compose(mailbox, message)?;
            finish(mailbox, &mut composed.content);
            let serial =
                mailbox.add_message(folder, composed.content, composed.attachments, mail.now);
            let message = messages::get(mailbox, serial)?;
            let mut shown = message.show(mail.view());
            shown["immutableId"] = json!(message.id(true));
            Ok(shown)
        })
    }
}

impl Mail<'_> {
    fn dispatch(&self, rest: &[&str]) -> Result<Answer, Denied> {
        match (self.call.method.as_str(), rest) {
            ("POST", ["sendmail"]) => self.send_mail(),
            ("POST", ["translateexchangeids"]) => self.translate_ids(),
            ("GET", ["mailboxsettings"]) => self.settings(),
            ("PATCH", ["mailboxsettings"]) => self.change_settings(),
            ("GET", ["mailboxsettings", name]) => self.setting(name),
            ("PATCH", ["mailboxsettings", name]) => self.change_setting(name),
            (_, ["mailfolders", _, "childfolders", child, tail @ ..])
                if !child.starts_with('$') && *child != "delta" =>
            {
                self.dispatch(&[&["mailfolders", child], tail].concat())
            }
            (_, ["mailfolders", folder, "messages", message, tail @ ..])
                if !message.starts_with('$') && *message != "delta" =>
            {
                self.check_within(folder, message)?;
                self.dispatch(&[&["messages", message], tail].concat())
            }
            (_, ["mailfolders", tail @ ..]) => self.folders(tail),
            (_, ["messages", id, "attachments", tail @ ..]) => self.attachments(id, tail),
            (_, ["messages", tail @ ..]) => self.messages(tail),
            (_, ["sendmail" | "mailboxsettings" | "translateexchangeids"]) => Err(Denied::method()),
            (_, [.., unknown]) => Err(Denied::segment(unknown)),
            (_, []) => Err(Denied::segment("")),
        }
    }

    /// Looks into the mailbox.
    fn mailbox<T>(
        &self,
        look: impl FnOnce(&mut Mailbox) -> Result<T, Denied>,
    ) -> Result<T, Denied> {
        let user = self.act.stage_world().user(self.owner.oid).cloned();
        let user = user.filter(|user| user.has_mailbox).ok_or_else(Denied::no_mailbox)?;
        look(self.act.mailboxes().of(&user))
    }

    /// The message that an id names, in either of its forms.
    fn find(mailbox: &Mailbox, id: &str) -> Result<u64, Denied> {
        let id = Id::parse(id).filter(|id| id.class == Class::Message);
        let id = id.ok_or_else(Denied::id_malformed)?;
        let message = mailbox.messages.get(&id.serial).filter(|_| id.mailbox == mailbox.number);
        let here = message.filter(|message| id.place.is_none_or(|place| place == message.place));
        Ok(here.ok_or_else(Denied::not_found)?.serial)
    }

    /// The folder that an id or a well-known name stands for.
    fn find_folder(mailbox: &Mailbox, id: &str) -> Result<u64, Denied> {
        if let Some(serial) = mailbox.well_known(id) {
            return Ok(serial);
        }
        let id = Id::parse(id).filter(|id| id.class == Class::Folder);
        let id = id.ok_or_else(Denied::id_malformed)?;
        let folder = mailbox.folders.get(&id.serial).filter(|_| id.mailbox == mailbox.number);
        Ok(folder.ok_or_else(Denied::not_found)?.serial)
    }

    /// The folder that the parameter `destinationId` names.
    fn destination(&self, mailbox: &Mailbox) -> Result<u64, Denied> {
        let parameters = self.call.parameters()?;
        let id = parameters.text("destinationId").ok_or_else(Denied::property)?;
        Self::find_folder(mailbox, id)
    }

    /// Refuses a path that leads through a folder to a message that is elsewhere.
    fn check_within(&self, folder: &str, message: &str) -> Result<(), Denied> {
        self.call.require_access(&[READ_BASIC, SEND].concat())?;
        self.mailbox(|mailbox| {
            let folder = Self::find_folder(mailbox, folder)?;
            let message = Self::find(mailbox, message)?;
            let is_there =
                mailbox.messages.get(&message).is_some_and(|message| message.folder == folder);
            if is_there { Ok(()) } else { Err(Denied::not_found()) }
        })
    }

    /// How messages are shown to this caller.
    fn view(&self) -> View {
        View {
            immutable_ids: self.call.prefer.immutable_ids,
            text_body: self.call.prefer.text_body,
            basic: !self.call.caller.has(READ),
        }
    }

    /// An answer of 201 with an item, and where it is.
    fn created(&self, set: &str, body: serde_json::Value, id: &str) -> Answer {
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let set = self.owner.set(set);
        Answer::created(body).with("location", self.call.address(&format!("{set}('{id}')")))
    }
}

/// The refusal of something that an item of this kind does not allow.
fn invalid(message: &str) -> Denied {
    Denied::new(StatusCode::BAD_REQUEST, "ErrorInvalidRequest", message)
}
