//! Sending (contract, 6.4).

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::compose::Composed;
use super::messages::{check_draft, get};
use super::{Mail, SEND, WRITE};
use crate::microsoft::sandbox::MicrosoftAct;
use crate::microsoft::sandbox::graph::reply::{Answer, Denied};
use crate::microsoft::sandbox::mailbox::{Attachment, seconds};

/// The members that hold recipients.
const RECIPIENTS: &[&str] = &["toRecipients", "ccRecipients", "bccRecipients"];

impl Mail<'_> {
    /// A new draft.
    pub(super) fn create_draft(&self, folder: &str) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        let message = self.body_message()?;
        self.mailbox(|mailbox| {
            let folder = Self::find_folder(mailbox, folder)?;
            let Composed { content, attachments } = self.compose(mailbox, message)?;
            let serial = mailbox.add_message(folder, content, attachments, self.now);
            Ok(self.created_message(get(mailbox, serial)?))
        })
    }

    /// `sendMail`: a message that never was a draft.
    pub(super) fn send_mail(&self) -> Result<Answer, Denied> {
        self.call.require_access(SEND)?;
        let (message, saves) = if self.call.has_body_of("text/plain") {
            (self.body_message()?, true)
        } else {
            let parameters = self.call.parameters()?;
            let message = parameters.get("message").and_then(Value::as_object).cloned();
            let message = message.ok_or_else(Denied::malformed)?;
            (message, parameters.flag("saveToSentItems").unwrap_or(true))
        };
        let composed = self.mailbox(|mailbox| self.compose(mailbox, message))?;
        self.send(composed, saves)?;
        Ok(Answer::accepted())
    }

    /// Sends a draft, which becomes the copy in Sent Items.
    pub(super) fn send_draft(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(SEND)?;
        let (content, attachments) = self.mailbox(|mailbox| {
            let serial = Self::find(mailbox, id)?;
            let message = get(mailbox, serial)?;
            check_draft(message)?;
            let content = message.content().as_object().cloned().unwrap_or_default();
            let content = self.check_sending(content)?;
            self.act.0.limits.send(self.owner.oid, recipients(&content).len(), self.now)?;
            let sent = mailbox.place("sentitems");
            mailbox.move_message(serial, sent, self.now);
            mailbox.edit(serial, self.now, |known, _| known.extend(content.clone()));
            mailbox.stamp(serial, self.now);
            Ok((content, get(mailbox, serial)?.attachments.clone()))
        })?;
        self.act.deliver(&content, &attachments);
        Ok(Answer::accepted())
    }

    /// Sends a message, and keeps a copy of it if that is wanted.
    pub(super) fn send(&self, composed: Composed, saves: bool) -> Result<(), Denied> {
        let Composed { content, attachments } = composed;
        let content = self.mailbox(|mailbox| {
            let content = self.check_sending(content)?;
            self.act.0.limits.send(self.owner.oid, recipients(&content).len(), self.now)?;
            if saves {
                let sent = mailbox.place("sentitems");
                mailbox.add_message(sent, content.clone(), attachments.clone(), self.now);
            }
            Ok(content)
        })?;
        self.act.deliver(&content, &attachments);
        Ok(())
    }

    /// What a message becomes by being sent, or why it cannot be.
    fn check_sending(&self, mut content: Map<String, Value>) -> Result<Map<String, Value>, Denied> {
        let recipients = recipients(&content);
        if recipients.is_empty() || !recipients.iter().all(|address| is_address(address)) {
            let message = "At least one recipient isn't valid.";
            return Err(Denied::bad("ErrorInvalidRecipients", message));
        }
        for name in ["from", "sender"] {
            let given = content.get(name).and_then(|from| from.pointer("/emailAddress/address"));
            let is_own = |from: &str| from.eq_ignore_ascii_case(self.owner.upn);
            if given.and_then(Value::as_str).is_some_and(|from| !is_own(from)) {
                let message = "The user account which was used to submit this request does not have the right to \
                               send mail on behalf of the specified sending account., Cannot submit message.";
                return Err(Denied::new(StatusCode::FORBIDDEN, "ErrorSendAsDenied", message));
            }
            content.insert(name.to_owned(), self.owner.recipient());
        }
        let at = seconds(self.now);
        for name in ["sentDateTime", "receivedDateTime"] {
            content.insert(name.to_owned(), json!(at));
        }
        content.insert("isDraft".to_owned(), json!(false));
        content.insert("isRead".to_owned(), json!(true));
        Ok(content)
    }
}

impl MicrosoftAct {
    /// Puts a sent message into the inboxes of those recipients who have one here; for the others
    /// it just leaves.
    pub(in super::super) fn deliver(
        &self,
        content: &Map<String, Value>,
        attachments: &[Attachment],
    ) {
        let now = self.backstage().now();
        let mut delivered = content.clone();
        delivered.insert("isRead".to_owned(), json!(false));
        delivered.insert("flag".to_owned(), json!({ "flagStatus": "notFlagged" }));
        delivered.insert("categories".to_owned(), json!([]));
        delivered.insert("bccRecipients".to_owned(), json!([]));
        for address in recipients(content) {
            let user = self.stage_world().user(&address).cloned();
            if let Some(user) = user.filter(|user| user.has_mailbox) {
                let mut mailboxes = self.mailboxes();
                let mailbox = mailboxes.of(&user);
                let inbox = mailbox.place("inbox");
                mailbox.add_message(inbox, delivered.clone(), attachments.to_vec(), now);
            }
        }
    }
}

/// All addresses a message goes to, each once.
fn recipients(content: &Map<String, Value>) -> BTreeSet<String> {
    let lists = RECIPIENTS.iter().filter_map(|name| content.get(*name)?.as_array());
    let addresses =
        lists.flatten().filter_map(|one| one.pointer("/emailAddress/address")?.as_str());
    addresses.map(str::to_lowercase).collect()
}

/// Whether something can be an address at all.
fn is_address(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "<>(),;:\\\"[]".contains(c);
    matches!(text.split_once('@'), Some((name, domain))
        if !name.is_empty() && !domain.contains('@') && !domain.starts_with('.')
            && !domain.is_empty() && !text.contains(forbidden))
}
