//! What a client may write into a message, and when (contract, 6.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{MESSAGE, Mail};
use crate::microsoft::sandbox::graph::reply::Denied;
use crate::microsoft::sandbox::mailbox::{
    Attachment, Mailbox, conversation_id, parse_mime, seconds,
};

/// What may be changed at any time.
const ALWAYS: &[&str] = &[
    "isRead",
    "categories",
    "flag",
    "importance",
    "inferenceClassification",
    "isReadReceiptRequested",
    "isDeliveryReceiptRequested",
    "singleValueExtendedProperties",
    "multiValueExtendedProperties",
];
/// What may be changed in a draft.
const DRAFT: &[&str] = &[
    "subject",
    "body",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "replyTo",
    "from",
    "sender",
    "internetMessageId",
];
/// The most headers of its own a message may have.
const HEADERS: usize = 5;

/// A message that is to be.
pub(super) struct Composed {
    pub(super) content: Map<String, Value>,
    pub(super) attachments: Vec<Attachment>,
}

impl Mail<'_> {
    /// The message of a request's body, which may be JSON or MIME in base64.
    pub(super) fn body_message(&self) -> Result<Map<String, Value>, Denied> {
        if !self.call.has_body_of("text/plain") {
            return self.call.object();
        }
        let wrong = || {
            let message = "The MIME content is not a valid base64 string.";
            Denied::bad("ErrorMimeContentInvalidBase64String", message)
        };
        let joined: Vec<u8> =
            self.call.body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let mime = STANDARD.decode(joined).map_err(|_| wrong())?;
        let mime = String::from_utf8(mime).map_err(|_| wrong())?;
        Ok(parse_mime(&mime))
    }

    /// A new draft in `mailbox` with these members.
    pub(super) fn compose(
        &self,
        mailbox: &mut Mailbox,
        mut message: Map<String, Value>,
    ) -> Result<Composed, Denied> {
        let attachments = match message.remove("attachments") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(all)) => all
                .into_iter()
                .map(|one| self.read_attachment(mailbox, &one))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(Denied::malformed()),
        };
        let headers = message.remove("internetMessageHeaders").unwrap_or_else(|| json!([]));
        let mut content = self.blank(mailbox);
        content.insert("internetMessageHeaders".to_owned(), check_headers(headers)?);
        content.extend(self.read_changes(message, true)?);
        Ok(Composed { content, attachments })
    }

    /// An empty draft.
    fn blank(&self, mailbox: &mut Mailbox) -> Map<String, Value> {
        let at = seconds(self.now);
        let serial = mailbox.serial();
        let conversation = conversation_id(mailbox.number, (1 << 40) | serial);
        let blank = json!({
            "createdDateTime": at,
            "lastModifiedDateTime": at,
            "categories": [],
            "receivedDateTime": at,
            "sentDateTime": at,
            "internetMessageId": format!("<{:08x}-{serial}@contoso.example>", mailbox.number),
            "subject": "",
            "importance": "normal",
            "conversationId": conversation.0,
            "conversationIndex": conversation.1,
            "isDeliveryReceiptRequested": null,
            "isReadReceiptRequested": false,
            "isRead": true,
            "isDraft": true,
            "inferenceClassification": "focused",
            "body": { "contentType": "html", "content": "" },
            "sender": null,
            "from": null,
            "toRecipients": [],
            "ccRecipients": [],
            "bccRecipients": [],
            "replyTo": [],
            "flag": { "flagStatus": "notFlagged" },
        });
        blank.as_object().cloned().unwrap_or_default()
    }

    /// The members that may be written now, checked. What only the service writes is ignored, as
    /// clients send back what they have read; what a sent message cannot change is refused.
    pub(super) fn read_changes(
        &self,
        changes: Map<String, Value>,
        is_draft: bool,
    ) -> Result<Map<String, Value>, Denied> {
        let mut read = Map::new();
        for (name, value) in changes {
            if name.contains('@') {
                continue;
            }
            let known = MESSAGE.property(&name).map_err(|_| {
                let message = format!(
                    "The property '{name}' does not exist on type 'microsoft.graph.message'. Make sure to only use \
                     property names that are defined by the type."
                );
                Denied::bad("RequestBodyRead", message)
            })?;
            if ALWAYS.contains(&known) || (DRAFT.contains(&known) && is_draft) {
                read.insert(known.to_owned(), self.check_value(known, value)?);
            } else if DRAFT.contains(&known) {
                return Err(Denied::property());
            }
        }
        Ok(read)
    }

    fn check_value(&self, name: &str, value: Value) -> Result<Value, Denied> {
        match name {
            "isRead" | "isReadReceiptRequested" | "isDeliveryReceiptRequested" => match value {
                Value::Bool(_) => Ok(value),
                _ => Err(Denied::malformed()),
            },
            "importance" => member(&value, &["low", "normal", "high"]),
            "inferenceClassification" => member(&value, &["focused", "other"]),
            "categories" => match &value {
                Value::Array(all) if all.iter().all(Value::is_string) => Ok(value),
                _ => Err(Denied::malformed()),
            },
            "flag" => check_flag(&value),
            "body" => check_body(&value),
            "toRecipients" | "ccRecipients" | "bccRecipients" | "replyTo" => match value {
                Value::Array(all) => all.iter().map(|one| self.recipient(one)).collect(),
                Value::Null => Ok(json!([])),
                _ => Err(Denied::malformed()),
            },
            "from" | "sender" if !value.is_null() => self.recipient(&value),
            "subject" | "internetMessageId" if !(value.is_string() || value.is_null()) => {
                Err(Denied::malformed())
            }
            _ => Ok(value),
        }
    }

    /// A recipient with the name that the directory knows, if the client gave none.
    fn recipient(&self, value: &Value) -> Result<Value, Denied> {
        let text = |path: &str| value.pointer(path).and_then(Value::as_str);
        let address = text("/emailAddress/address").ok_or_else(Denied::property)?;
        let world = self.act.stage_world();
        let known = world.user(address).map(|user| user.display_name);
        let name = text("/emailAddress/name").filter(|name| !name.is_empty()).or(known);
        Ok(json!({ "emailAddress": { "name": name.unwrap_or(address), "address": address } }))
    }
}

/// A member of an enum, whatever its case.
fn member(value: &Value, members: &[&str]) -> Result<Value, Denied> {
    let given = value.as_str().ok_or_else(Denied::malformed)?;
    let found = members.iter().find(|member| member.eq_ignore_ascii_case(given));
    found.map(|member| json!(member)).ok_or_else(Denied::malformed)
}

fn check_flag(value: &Value) -> Result<Value, Denied> {
    let mut flag = value.as_object().cloned().ok_or_else(Denied::malformed)?;
    let status = flag.get("flagStatus").ok_or_else(Denied::property)?;
    let status = member(status, &["notFlagged", "flagged", "complete"])?;
    flag.insert("flagStatus".to_owned(), status);
    flag.retain(|name, _| !name.contains('@'));
    Ok(Value::Object(flag))
}

fn check_body(value: &Value) -> Result<Value, Denied> {
    let content = value.get("content").and_then(Value::as_str).ok_or_else(Denied::malformed)?;
    let kind = value.get("contentType").unwrap_or(&Value::Null);
    let kind = if kind.is_null() { json!("text") } else { member(kind, &["text", "html"])? };
    Ok(json!({ "contentType": kind, "content": content }))
}

fn check_headers(headers: Value) -> Result<Value, Denied> {
    let all = headers.as_array().ok_or_else(Denied::malformed)?;
    let is_own = |header: &Value| {
        let name = header.get("name").and_then(Value::as_str).unwrap_or_default();
        name.to_ascii_lowercase().starts_with("x-")
            && header.get("value").is_some_and(Value::is_string)
    };
    if all.len() <= HEADERS && all.iter().all(is_own) {
        return Ok(headers);
    }
    let message = "The internet message header name must start with 'x-' or 'X-', and there can be five at most.";
    Err(Denied::bad("InvalidInternetMessageHeader", message))
}
