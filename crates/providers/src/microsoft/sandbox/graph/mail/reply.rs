//! Replying and forwarding, at once or as a draft (contract, 6.4).

use serde_json::{Map, Value, json};

use super::compose::Composed;
use super::messages::get;
use super::{Mail, SEND, WRITE, invalid};
use crate::microsoft::sandbox::graph::call::Parameters;
use crate::microsoft::sandbox::graph::reply::{Answer, Denied};
use crate::microsoft::sandbox::mailbox::{Mailbox, to_html};

/// What kind of answer to a message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Sender,
    All,
    Others,
}

impl Mail<'_> {
    /// `reply`, `replyAll`, `forward` and the three that only make a draft.
    pub(super) fn respond(&self, id: &str, action: &str) -> Result<Answer, Denied> {
        let (is_draft, kind) = match action.strip_prefix("create") {
            Some(kind) => (true, kind),
            None => (false, action),
        };
        let to = match kind {
            "reply" => To::Sender,
            "replyall" => To::All,
            _ => To::Others,
        };
        self.call.require_access(if is_draft { WRITE } else { SEND })?;
        let parameters = self.call.parameters()?;
        let composed = self.mailbox(|mailbox| {
            let serial = Self::find(mailbox, id)?;
            self.response(mailbox, serial, to, &parameters)
        })?;
        if !is_draft {
            self.send(composed, true)?;
            return Ok(Answer::accepted());
        }
        self.mailbox(|mailbox| {
            let drafts = mailbox.place("drafts");
            let Composed { content, attachments } = composed;
            let serial = mailbox.add_message(drafts, content, attachments, self.now);
            Ok(self.created_message(get(mailbox, serial)?))
        })
    }

    /// The answer to a message, before anything is done with it.
    fn response(
        &self,
        mailbox: &mut Mailbox,
        serial: u64,
        to: To,
        parameters: &Parameters,
    ) -> Result<Composed, Denied> {
        let given = match parameters.get("message") {
            None => Map::new(),
            Some(Value::Object(message)) => message.clone(),
            Some(_) => return Err(Denied::malformed()),
        };
        let comment = parameters.text("comment");
        if comment.is_some() && given.get("body").is_some_and(|body| !body.is_null()) {
            return Err(invalid(
                "Your request can't be completed. Give either a comment or the body of a message, not both.",
            ));
        }
        let forwarded = parameters.get("toRecipients");
        if to == To::Others && forwarded.is_some() && given.contains_key("toRecipients") {
            return Err(invalid("Your request can't be completed. Give the recipients once."));
        }
        let original = get(mailbox, serial)?;
        let kept = if to == To::Others { original.attachments.clone() } else { Vec::new() };
        let original = original.content().clone();
        let me = self.owner.recipient();

        let mut message = given;
        let extra = message.remove("toRecipients").or_else(|| forwarded.cloned());
        let mut recipients = answered(&original, &me, to);
        recipients.extend(extra.as_ref().and_then(Value::as_array).into_iter().flatten().cloned());
        message.insert("toRecipients".to_owned(), json!(recipients));
        if to == To::All && !message.contains_key("ccRecipients") {
            let copied = original.get("ccRecipients").and_then(Value::as_array);
            let others = copied.into_iter().flatten().filter(|one| !is_same(one, &me));
            message.insert("ccRecipients".to_owned(), others.cloned().collect());
        }
        if !message.contains_key("body") {
            message.insert("body".to_owned(), quoting(&original, comment.unwrap_or_default()));
        }
        message.entry("subject").or_insert_with(|| {
            let start = if to == To::Others { "FW: " } else { "RE: " };
            let subject = original.get("subject").and_then(Value::as_str).unwrap_or_default();
            let again = subject.to_ascii_uppercase().starts_with(start);
            json!(if again { subject.to_owned() } else { format!("{start}{subject}") })
        });
        let mut composed = self.compose(mailbox, message)?;
        composed.attachments.splice(0..0, kept);
        for name in ["conversationId", "conversationIndex"] {
            let same = original.get(name).cloned().unwrap_or_default();
            composed.content.insert(name.to_owned(), same);
        }
        for name in ["from", "sender"] {
            let given = composed.content.get(name).filter(|given| !given.is_null());
            if given.is_none() {
                composed.content.insert(name.to_owned(), me.clone());
            }
        }
        Ok(composed)
    }
}

/// Whom an answer goes to.
fn answered(original: &Value, me: &Value, to: To) -> Vec<Value> {
    let list = |name: &str| {
        let list = original.get(name).and_then(Value::as_array).cloned();
        list.unwrap_or_default()
    };
    let from = original.get("from").cloned().unwrap_or_default();
    let by_me = is_same(&from, me);
    let sender = match list("replyTo") {
        // An answer to what one has sent goes to those who got it.
        _ if by_me => list("toRecipients"),
        reply_to if reply_to.is_empty() => vec![from],
        reply_to => reply_to,
    };
    match to {
        To::Others => Vec::new(),
        To::Sender => sender,
        To::All if by_me => sender,
        To::All => {
            let mut all = sender;
            for other in list("toRecipients") {
                if !is_same(&other, me) && !all.iter().any(|known| is_same(known, &other)) {
                    all.push(other);
                }
            }
            all
        }
    }
}

fn is_same(one: &Value, other: &Value) -> bool {
    let address = |recipient: &Value| {
        let address = recipient.pointer("/emailAddress/address").and_then(Value::as_str);
        address.map(str::to_lowercase)
    };
    address(one) == address(other)
}

/// A comment above what it is about.
fn quoting(original: &Value, comment: &str) -> Value {
    let text = |path: &str| original.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let is_html = text("/body/contentType") == "html";
    let quoted = to_html(text("/body/content"), is_html);
    let comment = comment.replace('&', "&amp;").replace('<', "&lt;");
    json!({
        "contentType": "html",
        "content": format!(
            "<div>{comment}</div><hr><div><b>From:</b> {} &lt;{}&gt;<br><b>Sent:</b> {}<br><b>Subject:</b> {}</div>{quoted}",
            text("/from/emailAddress/name"),
            text("/from/emailAddress/address"),
            text("/sentDateTime"),
            text("/subject"),
        ),
    })
}
