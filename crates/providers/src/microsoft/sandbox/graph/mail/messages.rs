//! Reading and changing messages.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::{MESSAGE, Mail, READ, READ_BASIC, WRITE, invalid, search};
use crate::microsoft::sandbox::graph::odata::Query;
use crate::microsoft::sandbox::graph::reply::{Answer, Denied};
use crate::microsoft::sandbox::mailbox::{Mailbox, Message, write_mime};

impl Mail<'_> {
    /// Everything at `messages/…`.
    pub(super) fn messages(&self, tail: &[&str]) -> Result<Answer, Denied> {
        match (self.call.method.as_str(), tail) {
            ("GET", []) => self.list_messages(None),
            ("POST", []) => self.create_draft("drafts"),
            ("GET", ["$count"]) => self.count_messages(None),
            ("GET", [id]) => self.message(id),
            ("GET", [id, "$value"]) => self.mime(id),
            ("PATCH", [id]) => self.change_message(id),
            ("DELETE", [id]) => self.delete_message(id),
            ("POST", [id, "permanentdelete"]) => self.permanently_delete(id),
            ("POST", [id, "move"]) => self.move_message(id, false),
            ("POST", [id, "copy"]) => self.move_message(id, true),
            ("POST", [id, "send"]) => self.send_draft(id),
            ("POST", [id, "reply" | "replyall" | "forward"]) => self.respond(id, tail[1]),
            ("POST", [id, "createreply" | "createreplyall" | "createforward"]) => {
                self.respond(id, tail[1])
            }
            (_, [] | [_] | [_, "$value"]) => Err(Denied::method()),
            (_, [.., unknown]) => Err(Denied::segment(unknown)),
        }
    }

    /// The messages of a folder or of the whole mailbox, newest first unless sorted otherwise.
    pub(super) fn list_messages(&self, folder: Option<&str>) -> Result<Answer, Denied> {
        self.call.require_access(READ_BASIC)?;
        let query = self.call.options.query(&MESSAGE)?;
        let view = self.view();
        if view.basic && query.search.is_some() {
            return Err(Denied::access());
        }
        self.mailbox(|mailbox| {
            let folder = folder.map(|folder| Self::find_folder(mailbox, folder)).transpose()?;
            let found = select(mailbox, folder, &query);
            let page = query.page(self.call, &found);
            let shown = page.items.iter().map(|message| self.shown(message, &query));
            let set = match folder {
                Some(folder) => {
                    let id = mailbox.folder_id(folder);
                    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
                    self.owner.set(&format!("mailFolders('{id}')/messages"))
                }
                None => self.owner.set("messages"),
            };
            let shown: Vec<_> = shown.collect();
            Ok(page.answer(self.call, &query, &set, &shown))
        })
    }

    /// How many messages there are, as plain text.
    pub(super) fn count_messages(&self, folder: Option<&str>) -> Result<Answer, Denied> {
        self.call.require_access(READ_BASIC)?;
        let query = self.call.options.query(&MESSAGE)?;
        self.mailbox(|mailbox| {
            let folder = folder.map(|folder| Self::find_folder(mailbox, folder)).transpose()?;
            let count = select(mailbox, folder, &query).len();
            Ok(Answer::raw("text/plain", count.to_string()))
        })
    }

    fn message(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(READ_BASIC)?;
        let query = self.call.options.query(&MESSAGE)?;
        self.mailbox(|mailbox| {
            let message = get(mailbox, Self::find(mailbox, id)?)?;
            Ok(Answer::ok(self.framed(message, &query)))
        })
    }

    fn mime(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(READ)?;
        self.mailbox(|mailbox| {
            let message = get(mailbox, Self::find(mailbox, id)?)?;
            let mime = write_mime(message.content(), &message.attachments);
            Ok(Answer::raw("text/plain", mime))
        })
    }

    fn change_message(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        let changes = self.call.object()?;
        let query = Query::default();
        self.mailbox(|mailbox| {
            let serial = Self::find(mailbox, id)?;
            let message = get(mailbox, serial)?;
            self.call.check_match(&message.etag())?;
            let changes = self.read_changes(changes, message.is_draft())?;
            mailbox.edit(serial, self.now, |content, _| content.extend(changes));
            Ok(Answer::ok(self.framed(get(mailbox, serial)?, &query)))
        })
    }

    /// To Deleted Items; from there for good.
    fn delete_message(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        self.mailbox(|mailbox| {
            let serial = Self::find(mailbox, id)?;
            let message = get(mailbox, serial)?;
            self.call.check_match(&message.etag())?;
            let bin = mailbox.place("deleteditems");
            let purges = mailbox.place("recoverableitemsdeletions");
            if mailbox.is_within(message.folder, bin) || message.folder == purges {
                mailbox.remove_message(serial);
            } else {
                mailbox.move_message(serial, bin, self.now);
            }
            Ok(Answer::done())
        })
    }

    fn permanently_delete(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        self.mailbox(|mailbox| {
            let serial = Self::find(mailbox, id)?;
            mailbox.remove_message(serial);
            Ok(Answer::done())
        })
    }

    fn move_message(&self, id: &str, copies: bool) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        self.mailbox(|mailbox| {
            let serial = Self::find(mailbox, id)?;
            let target = self.destination(mailbox)?;
            let there = if copies {
                mailbox.copy_message(serial, target, self.now).ok_or_else(Denied::not_found)?
            } else {
                mailbox.move_message(serial, target, self.now);
                serial
            };
            Ok(self.created_message(get(mailbox, there)?))
        })
    }

    /// 201 with a message.
    pub(super) fn created_message(&self, message: &Message) -> Answer {
        let body = self.framed(message, &Query::default());
        self.created("messages", body, &message.id(self.view().immutable_ids))
    }

    /// A message as an answer of its own.
    fn framed(&self, message: &Message, query: &Query) -> Value {
        let mut shown = self.shown(message, query);
        let set = self.owner.set(&format!("messages{}/$entity", query.selection()));
        shown["@odata.context"] = json!(self.call.context(&set));
        shown
    }

    fn shown(&self, message: &Message, query: &Query) -> Value {
        let mut shown = message.show(self.view());
        if query.expand.contains(&"attachments") && !self.view().basic {
            let all = message.attachments.iter().map(|it| message.show_attachment(it));
            shown["attachments"] = all.collect();
        }
        query.shape(&MESSAGE, shown)
    }
}

/// The message with this serial number.
pub(super) fn get(mailbox: &Mailbox, serial: u64) -> Result<&Message, Denied> {
    mailbox.messages.get(&serial).ok_or_else(Denied::not_found)
}

/// Refuses what only a draft allows.
pub(super) fn check_draft(message: &Message) -> Result<(), Denied> {
    if message.is_draft() {
        return Ok(());
    }
    Err(invalid("Your request can't be completed. The message is not a draft."))
}

/// The messages that a query means, in its order.
fn select<'a>(mailbox: &'a Mailbox, folder: Option<u64>, query: &Query) -> Vec<&'a Message> {
    // The whole mailbox is what hangs below its root; purged items do not.
    let purged = mailbox.place("recoverableitemsdeletions");
    let mut all: Vec<_> = mailbox
        .messages
        .values()
        .filter(|message| folder.map_or(message.folder != purged, |it| message.folder == it))
        .collect();
    all.sort_by_key(|message| Reverse((message.received, message.serial)));
    match &query.search {
        Some(terms) => search::search(terms, all),
        None => query.narrow(all, Message::content),
    }
}
