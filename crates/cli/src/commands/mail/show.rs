//! Messages as a person reads them.

use evergrant::capability::{Attachment, AutomaticRepliesStatus, MailboxSettings, Message, Person};

use crate::output::plain;

/// Somebody as a person reads it.
fn name(person: &Person) -> String {
    plain(person.name.as_deref().or(person.email.as_deref()).unwrap_or_default())
}

/// A message in a list.
pub(super) fn row(message: &Message) -> Vec<String> {
    let mark = if message.is_read { "" } else { "*" };
    vec![
        mark.to_owned(),
        message.received_at.map(|at| at.to_string()).unwrap_or_default(),
        message.from.as_ref().map(name).unwrap_or_default(),
        plain(message.subject.as_deref().unwrap_or_default()),
        message.id.clone(),
    ]
}

/// One message: who, what, and its text.
pub(super) fn shown(message: &Message) -> String {
    let address = |person: &Person| match (&person.name, &person.email) {
        (Some(name), Some(email)) => plain(&format!("{name} <{email}>")),
        _ => name(person),
    };
    let addresses = |people: &[Person]| people.iter().map(address).collect::<Vec<_>>().join(", ");
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text = format!("{text}{name:<10}{value}\n");
        }
    };
    line("from", message.from.as_ref().map(address).unwrap_or_default());
    line("to", addresses(&message.to));
    line("cc", addresses(&message.cc));
    line("received", message.received_at.map(|at| at.to_string()).unwrap_or_default());
    line("subject", plain(message.subject.as_deref().unwrap_or_default()));
    for file in message.attachments.iter().flatten() {
        let name = plain(file.name.as_deref().unwrap_or_default());
        line("attached", format!("{name} ({} bytes)", file.size));
    }
    line("id", message.id.clone());
    let body = message.body.as_ref().map(|body| body.content.as_str()).unwrap_or_default();
    let lines: Vec<_> = body.lines().map(plain).collect();
    format!("{text}\n{}", lines.join("\n"))
}

/// A file in a list.
pub(super) fn file(attachment: &Attachment) -> Vec<String> {
    vec![
        plain(attachment.name.as_deref().unwrap_or_default()),
        attachment.size.to_string(),
        plain(attachment.content_type.as_deref().unwrap_or_default()),
        attachment.id.clone(),
    ]
}

/// A mailbox's settings.
pub(super) fn settings(settings: &MailboxSettings) -> String {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("{name:<10}{value}"));
        }
    };
    line("zone", settings.time_zone.as_ref().map(ToString::to_string).unwrap_or_default());
    line("language", plain(settings.language.as_deref().unwrap_or_default()));
    if let Some(hours) = &settings.working_hours {
        let days: Vec<_> = hours.days.iter().map(|day| format!("{day:?}")).collect();
        line("works", format!("{} to {}, {}", hours.start, hours.end, days.join(" ")));
    }
    if let Some(away) = &settings.automatic_replies {
        line("answers", plain(away.status.as_str()));
        let times = [("from", away.start_time), ("until", away.end_time)];
        let scheduled = away.status == AutomaticRepliesStatus::Scheduled;
        for (name, at) in times.into_iter().filter(|_| scheduled) {
            line(name, at.map(|at| at.to_string()).unwrap_or_default());
        }
        line("with", plain(away.internal_message.as_deref().unwrap_or_default()));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use evergrant::capability::{Body, BodyFormat, Flag, Importance, MessageKind};

    use super::*;

    /// A message from somebody who means harm to terminals.
    fn message() -> Message {
        let adele = Person {
            name: Some("Adele\u{1b}[2J".to_owned()),
            email: Some("adele@contoso.example".to_owned()),
        };
        Message {
            id: "m1".to_owned(),
            version: None,
            kind: MessageKind::Message,
            subject: Some("Plan\r\nid        m2\u{7}".to_owned()),
            from: Some(adele.clone()),
            sender: None,
            to: vec![adele],
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            received_at: Some(jiff::Timestamp::UNIX_EPOCH),
            sent_at: None,
            is_read: false,
            is_draft: false,
            importance: Importance::Normal,
            preview: None,
            body: Some(Body {
                format: BodyFormat::Text,
                content: "Hello,\n  see \u{9b}31myou".to_owned(),
            }),
            folder_id: None,
            conversation_id: None,
            message_id: None,
            has_attachments: false,
            attachments: None,
            categories: Vec::new(),
            flag: Flag::None,
            classification: None,
            web_url: None,
            created_at: None,
            updated_at: None,
            extra: serde_json::Map::new(),
        }
    }

    #[test]
    fn a_message_is_shown_and_moves_nothing_on_the_terminal() {
        let expected = "\
from      Adele [2J <adele@contoso.example>
to        Adele [2J <adele@contoso.example>
received  1970-01-01T00:00:00Z
subject   Plan  id        m2\u{20}
id        m1

Hello,
  see  31myou";
        assert_eq!(shown(&message()), expected);
        let listed = row(&message());
        assert!(listed.iter().all(|cell| !cell.contains(char::is_control)), "{listed:?}");
        assert_eq!(listed[0], "*");
    }
}
