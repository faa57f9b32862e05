//! What is written, in Graph's form, after it was checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant::CallError;
use evergrant::capability::{
    Body, BodyFormat, Forward, Message, MessageChanges, NewAttachment, NewMessage, Person, Reply,
};
use serde_json::{Map, Value, json};

use super::attachments;
use super::wire::FLAGS;
use crate::microsoft::graph::input::{body, importance, invalid, recipient, recipients, word};

/// How much JSON a draft is created with; requests end at 4 MB (contract, section 6.4). Files beyond
/// it are attached one by one.
const MOST: usize = 3 << 20;

/// A new message under this `Message-ID`, with as many of its files as fit.
pub(super) fn message(message: &NewMessage, message_id: &str) -> Result<Value, CallError> {
    let mut made = Map::new();
    made.insert("subject".to_owned(), message.subject.as_str().into());
    made.insert("internetMessageId".to_owned(), message_id.into());
    if let Some(text) = &message.body {
        made.insert("body".to_owned(), body(text));
    }
    if let Some(how) = &message.importance {
        made.insert("importance".to_owned(), importance("/importance", how)?);
    }
    if let Some(from) = &message.from {
        made.insert("from".to_owned(), recipient("/from", from)?);
    }
    for (name, pointer, people) in [
        ("toRecipients", "/to", &message.to),
        ("ccRecipients", "/cc", &message.cc),
        ("bccRecipients", "/bcc", &message.bcc),
        ("replyTo", "/reply_to", &message.reply_to),
    ] {
        let people_there = recipients(pointer, people)?;
        if !people.is_empty() {
            made.insert(name.to_owned(), people_there);
        }
    }
    files(&message.attachments)?;
    let text = message.body.as_ref().map_or(0, |text| text.content.len());
    let mut left = MOST.saturating_sub(text + text / 4);
    let mut with = Vec::new();
    for one in &message.attachments {
        let Some(rest) = left.checked_sub(one.content.len().div_ceil(3) * 4 + 1024) else { break };
        left = rest;
        with.push(file(one));
    }
    if !with.is_empty() {
        made.insert("attachments".to_owned(), with.into());
    }
    Ok(Value::Object(made))
}

/// Somebody must get it.
pub(super) fn addressed(lists: &[&[Person]]) -> Result<(), CallError> {
    if lists.iter().all(|list| list.is_empty()) {
        return Err(invalid("/to", "is empty; name at least one receiver"));
    }
    Ok(())
}

/// Checks the files that go with a message.
pub(super) fn files(files: &[NewAttachment]) -> Result<(), CallError> {
    let mut each = files.iter().enumerate();
    each.try_for_each(|(n, file)| attachments::check(&format!("/attachments/{n}"), file))
}

/// A file, as `fileAttachment`.
pub(super) fn file(file: &NewAttachment) -> Value {
    let mut made = json!({
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": file.name,
        "contentBytes": STANDARD.encode(&file.content),
    });
    describe(file, &mut made);
    made
}

/// What is said of a file besides its name and content.
pub(super) fn describe(file: &NewAttachment, made: &mut Value) {
    if let Some(kind) = &file.content_type {
        made["contentType"] = kind.as_str().into();
    }
    if let Some(content_id) = &file.content_id {
        made["contentId"] = content_id.as_str().into();
        made["isInline"] = true.into();
    }
}

/// What a draft of an answer is asked for with. Plain text goes along; HTML is put above the quotation
/// later, where it is known what that is written in.
pub(super) fn comment(text: Option<&Body>) -> Map<String, Value> {
    let text = text.filter(|text| text.format == BodyFormat::Text);
    text.map(|text| ("comment".to_owned(), text.content.as_str().into())).into_iter().collect()
}

/// What a draft of an answer is asked for with.
pub(super) fn reply(reply: &Reply) -> Result<Value, CallError> {
    recipients("/to", &reply.to)?;
    recipients("/cc", &reply.cc)?;
    files(&reply.attachments)?;
    Ok(Value::Object(comment(reply.body.as_ref())))
}

/// What a draft that hands a message on is asked for with.
pub(super) fn forward(forward: &Forward) -> Result<Value, CallError> {
    addressed(&[&forward.to, &forward.cc])?;
    recipients("/cc", &forward.cc)?;
    files(&forward.attachments)?;
    let mut asked = comment(forward.body.as_ref());
    asked.insert("toRecipients".to_owned(), recipients("/to", &forward.to)?);
    Ok(Value::Object(asked))
}

/// What makes a draft of an answer ours: its `Message-ID`, and what it could not be asked for with.
/// One change sets all of it, so that a draft under our name is a complete one but for its files.
pub(super) fn additions(
    draft: &Message,
    message_id: &str,
    to: &[Person],
    cc: &[Person],
    text: Option<&Body>,
) -> Result<Value, CallError> {
    let mut set = Map::new();
    set.insert("internetMessageId".to_owned(), message_id.into());
    if !to.is_empty() {
        set.insert("toRecipients".to_owned(), recipients("/to", to)?);
    }
    if !cc.is_empty() {
        // Who already gets a copy was chosen by the provider, whatever their address looks like.
        let given = draft.cc.iter().map(
            |person| json!({ "emailAddress": { "name": person.name, "address": person.email } }),
        );
        let mut all: Vec<Value> = given.collect();
        if let Value::Array(more) = recipients("/cc", cc)? {
            all.extend(more);
        }
        set.insert("ccRecipients".to_owned(), all.into());
    }
    if let Some(text) = text.filter(|text| text.format == BodyFormat::Html) {
        set.insert("body".to_owned(), body(&above(&text.content, draft.body.as_ref())));
    }
    Ok(Value::Object(set))
}

/// HTML above what is quoted.
fn above(html: &str, quoted: Option<&Body>) -> Body {
    let content = match quoted {
        None => html.to_owned(),
        Some(quoted) if quoted.format == BodyFormat::Text => {
            let plain = quoted.content.replace('&', "&amp;").replace('<', "&lt;");
            format!("{html}<br>{}", plain.replace('\n', "<br>"))
        }
        Some(quoted) => {
            let (head, rest) = quoted.content.split_at(inside(&quoted.content));
            format!("{head}{html}{rest}")
        }
    };
    Body { format: BodyFormat::Html, content }
}

/// Where the content of a document's `body` begins; its very beginning if it has none.
fn inside(document: &str) -> usize {
    let lower = document.to_ascii_lowercase();
    let tag = lower.find("<body");
    let end = tag.and_then(|at| Some(at + lower.get(at..)?.find('>')? + 1));
    end.unwrap_or_default()
}

/// Changes to a message.
pub(super) fn changes(changes: &MessageChanges) -> Result<Value, CallError> {
    let mut set = Map::new();
    let mut put = |name: &str, value: Value| drop(set.insert(name.to_owned(), value));
    if let Some(read) = changes.is_read {
        put("isRead", read.into());
    }
    if let Some(flag) = &changes.flag {
        put("flag", json!({ "flagStatus": word("/flag", FLAGS, flag.as_str())? }));
    }
    if let Some(categories) = &changes.categories {
        put("categories", categories.as_slice().into());
    }
    if let Some(how) = &changes.importance {
        put("importance", importance("/importance", how)?);
    }
    if let Some(subject) = &changes.subject {
        put("subject", subject.as_str().into());
    }
    if let Some(text) = &changes.body {
        put("body", body(text));
    }
    for (name, pointer, people) in [
        ("toRecipients", "/to", &changes.to),
        ("ccRecipients", "/cc", &changes.cc),
        ("bccRecipients", "/bcc", &changes.bcc),
    ] {
        if let Some(people) = people {
            put(name, recipients(pointer, people)?);
        }
    }
    Ok(Value::Object(set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_stands_inside_the_document_above_what_is_quoted() {
        let quoted = |format, content: &str| Body { format, content: content.to_owned() };
        let html = quoted(BodyFormat::Html, "<html><BODY class=\"a\">old</BODY></html>");
        assert_eq!(
            above("<p>new</p>", Some(&html)).content,
            "<html><BODY class=\"a\"><p>new</p>old</BODY></html>"
        );
        let text = quoted(BodyFormat::Text, "a < b\nc & d");
        assert_eq!(above("new", Some(&text)).content, "new<br>a &lt; b<br>c &amp; d");
        assert_eq!(above("new", Some(&quoted(BodyFormat::Html, "<body"))).content, "new<body");
    }

    #[test]
    fn files_go_with_the_draft_as_far_as_they_fit() {
        let file = |bytes: usize| NewAttachment {
            name: "a".to_owned(),
            content_type: None,
            content: vec![0; bytes].into(),
            content_id: None,
        };
        let with = |sizes: &[usize]| {
            let attachments = sizes.iter().map(|&n| file(n)).collect();
            let made = message(&NewMessage { attachments, ..NewMessage::default() }, "<a@b>");
            made.unwrap()["attachments"].as_array().map_or(0, Vec::len)
        };
        assert_eq!(with(&[1 << 20, 1 << 20]), 2);
        assert_eq!(with(&[1 << 20, 2 << 20, 1]), 1);
        assert_eq!(with(&[3 << 20]), 0);
    }
}
