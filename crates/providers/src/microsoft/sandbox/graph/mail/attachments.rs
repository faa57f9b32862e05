//! Attachments of messages (contract, 6.6).

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::messages::{check_draft, get};
use super::{ATTACHMENT, Mail, READ, WRITE};
use crate::microsoft::sandbox::graph::odata::list;
use crate::microsoft::sandbox::graph::reply::{Answer, Denied};
use crate::microsoft::sandbox::mailbox::{Attachment, Mailbox, seconds, write_item_mime};

/// From this size on an attachment needs an upload session.
pub(super) const LARGE: usize = 3 << 20;

impl Mail<'_> {
    /// Everything at `messages/{id}/attachments/…`.
    pub(super) fn attachments(&self, id: &str, tail: &[&str]) -> Result<Answer, Denied> {
        match (self.call.method.as_str(), tail) {
            ("GET", []) => self.list_attachments(id),
            ("POST", []) => self.attach(id),
            ("POST", ["createuploadsession"]) => self.begin_upload(id),
            ("GET", ["$count"]) => self.count_attachments(id),
            ("GET", [which]) => self.attachment(id, which, false),
            ("GET", [which, "$value"]) => self.attachment(id, which, true),
            ("DELETE", [which]) => self.detach(id, which),
            (_, [] | [_] | [_, "$value"]) => Err(Denied::method()),
            (_, [.., unknown]) => Err(Denied::segment(unknown)),
        }
    }

    fn list_attachments(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(READ)?;
        self.mailbox(|mailbox| {
            let message = get(mailbox, Self::find(mailbox, id)?)?;
            let shown = message.attachments.iter().map(|it| hide_item(message.show_attachment(it)));
            list(self.call, &ATTACHMENT, &self.attachments_of(id), &shown.collect::<Vec<_>>())
        })
    }

    fn count_attachments(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(READ)?;
        self.mailbox(|mailbox| {
            let message = get(mailbox, Self::find(mailbox, id)?)?;
            Ok(Answer::raw("text/plain", message.attachments.len().to_string()))
        })
    }

    fn attachment(&self, id: &str, which: &str, raw: bool) -> Result<Answer, Denied> {
        self.call.require_access(READ)?;
        let query = self.call.options.query(&ATTACHMENT)?;
        self.mailbox(|mailbox| {
            let message = get(mailbox, Self::find(mailbox, id)?)?;
            let attachment = message.attachment(which).ok_or_else(Denied::not_found)?;
            if raw {
                if let Some(item) = attachment.about.get("item") {
                    return Ok(Answer::raw("text/plain", write_item_mime(item)));
                }
                let bytes = attachment.bytes.clone().ok_or_else(Denied::not_found)?;
                let kind = attachment.about.get("contentType").and_then(Value::as_str);
                return Ok(Answer::raw(kind.unwrap_or("application/octet-stream"), bytes));
            }
            let shown = message.show_attachment(attachment);
            let shown = if query.expand.is_empty() { hide_item(shown) } else { shown };
            let mut shown = query.shape(&ATTACHMENT, shown);
            let set = format!("{}{}/$entity", self.attachments_of(id), query.selection());
            shown["@odata.context"] = json!(self.call.context(&set));
            Ok(Answer::ok(shown))
        })
    }

    fn attach(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        let body = Value::Object(self.call.object()?);
        self.mailbox(|mailbox| {
            let serial = Self::find(mailbox, id)?;
            check_draft(get(mailbox, serial)?)?;
            let attachment = self.read_attachment(mailbox, &body)?;
            let number = attachment.serial;
            mailbox.edit(serial, self.now, |_, attachments| attachments.push(attachment));
            let message = get(mailbox, serial)?;
            let added = message.attachments.iter().find(|it| it.serial == number);
            let mut shown = message.show_attachment(added.ok_or_else(Denied::not_found)?);
            let set = format!("{}/$entity", self.attachments_of(id));
            shown["@odata.context"] = json!(self.call.context(&set));
            Ok(Answer::created(hide_item(shown)))
        })
    }

    fn detach(&self, id: &str, which: &str) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        self.mailbox(|mailbox| {
            let serial = Self::find(mailbox, id)?;
            let message = get(mailbox, serial)?;
            let number = message.attachment(which).ok_or_else(Denied::not_found)?.serial;
            mailbox.edit(serial, self.now, |_, attachments| {
                attachments.retain(|attachment| attachment.serial != number);
            });
            Ok(Answer::done())
        })
    }

    /// An attachment that a client sent.
    pub(super) fn read_attachment(
        &self,
        mailbox: &mut Mailbox,
        given: &Value,
    ) -> Result<Attachment, Denied> {
        let text = |name: &str| given.get(name).and_then(Value::as_str);
        let name = text("name").ok_or_else(Denied::property)?;
        let kind = text("@odata.type").unwrap_or("#microsoft.graph.fileAttachment");
        let mut about = json!({
            "@odata.type": kind,
            "lastModifiedDateTime": seconds(self.now),
            "name": name,
            "contentType": text("contentType").unwrap_or_else(|| guess(name)),
            "isInline": given.get("isInline").and_then(Value::as_bool).unwrap_or_default(),
        });
        let bytes = match kind.trim_start_matches('#').rsplit('.').next() {
            Some("fileAttachment") => {
                let content = text("contentBytes").ok_or_else(Denied::property)?;
                let bytes = STANDARD.decode(content).map_err(|_| Denied::malformed())?;
                if bytes.len() >= LARGE {
                    return Err(Denied::usual(StatusCode::PAYLOAD_TOO_LARGE));
                }
                for name in ["contentId", "contentLocation"] {
                    about[name] = given.get(name).cloned().unwrap_or_default();
                }
                about["size"] = json!(bytes.len());
                Some(bytes)
            }
            Some("itemAttachment") => {
                let item = given.get("item").filter(|item| item.is_object());
                let item = item.ok_or_else(Denied::property)?;
                about["size"] = json!(item.to_string().len());
                about["item"] = item.clone();
                about["contentType"] = Value::Null;
                None
            }
            Some("referenceAttachment") => {
                about["size"] = json!(0);
                None
            }
            _ => return Err(Denied::malformed()),
        };
        let about = about.as_object().cloned().unwrap_or_default();
        Ok(Attachment { serial: mailbox.serial(), about, bytes })
    }

    /// The set of a message's attachments, as a context names it.
    fn attachments_of(&self, id: &str) -> String {
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        self.owner.set(&format!("messages('{id}')/attachments"))
    }
}

/// The item of an item attachment comes only when it is asked for.
fn hide_item(mut shown: Value) -> Value {
    if let Some(shown) = shown.as_object_mut() {
        shown.remove("item");
    }
    shown
}

/// The media type that goes with a file's name.
pub(super) fn guess(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).as_deref() {
        Some("txt") => "text/plain",
        Some("html" | "htm") => "text/html",
        Some("pdf") => "application/pdf",
        Some("png") => "image/png",
        Some("gif") => "image/gif",
        Some("jpg" | "jpeg") => "image/jpeg",
        _ => "application/octet-stream",
    }
}
