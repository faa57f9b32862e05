//! Messages as MIME (RFC 5322, RFC 2045), as far as tests of clients need it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::Attachment;

/// Where parts of a message end.
const BOUNDARY: &str = "_sandbox_boundary_";

/// Writes a message.
pub(in super::super) fn write(content: &Value, attachments: &[Attachment]) -> String {
    let text = |path: &str| content.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let mut mime = String::new();
    let mut header = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a `String` cannot fail.
            let _ = write!(mime, "{name}: {value}\r\n");
        }
    };
    header("From", &addresses(&json!([content.get("from")])));
    for (name, member) in [("To", "toRecipients"), ("Cc", "ccRecipients"), ("Reply-To", "replyTo")]
    {
        header(name, &addresses(content.get(member).unwrap_or(&Value::Null)));
    }
    header("Subject", text("/subject"));
    header("Date", text("/sentDateTime"));
    header("Message-ID", text("/internetMessageId"));
    for extra in
        content.get("internetMessageHeaders").and_then(Value::as_array).into_iter().flatten()
    {
        let part = |name: &str| extra.get(name).and_then(Value::as_str).unwrap_or_default();
        if part("name").to_ascii_lowercase().starts_with("x-") {
            header(part("name"), part("value"));
        }
    }
    header("MIME-Version", "1.0");
    let is_html = text("/body/contentType").eq_ignore_ascii_case("html");
    let kind = if is_html { "html" } else { "plain" };
    let body = STANDARD.encode(text("/body/content"));
    let body = format!(
        "Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}\r\n"
    );
    if attachments.is_empty() {
        return mime + &body;
    }
    let _ = write!(mime, "Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\r\n\r\n");
    let _ = write!(mime, "--{BOUNDARY}\r\n{body}");
    for attachment in attachments {
        let about = |name: &str| attachment.about.get(name).and_then(Value::as_str);
        let name = about("name").unwrap_or_default();
        let kind = about("contentType").unwrap_or("application/octet-stream");
        let bytes = STANDARD.encode(attachment.bytes.as_deref().unwrap_or_default());
        let _ = write!(
            mime,
            "--{BOUNDARY}\r\nContent-Type: {kind}; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{bytes}\r\n"
        );
    }
    let _ = write!(mime, "--{BOUNDARY}--\r\n");
    mime
}

/// Writes the item of an item attachment, which is as the client sent it: its files stand within.
pub(in super::super) fn write_item(item: &Value) -> String {
    let files = item.get("attachments").and_then(Value::as_array).into_iter().flatten();
    let file = |file: &Value| {
        let content = file.get("contentBytes").and_then(Value::as_str)?;
        let about = file.as_object()?.clone();
        Some(Attachment { serial: 0, about, bytes: STANDARD.decode(content).ok() })
    };
    write(item, &files.filter_map(file).collect::<Vec<_>>())
}

/// Reads a message as the members that a client would have sent as JSON. The lines may end with or
/// without a carriage return.
pub(in super::super) fn parse(mime: &str) -> Map<String, Value> {
    let mime = mime.replace("\r\n", "\n");
    let part = Part::read(&mime);
    let mut message = Map::new();
    for (header, member) in [
        ("to", "toRecipients"),
        ("cc", "ccRecipients"),
        ("bcc", "bccRecipients"),
        ("reply-to", "replyTo"),
    ] {
        if let Some(value) = part.header(header) {
            message.insert(member.to_owned(), recipients(value));
        }
    }
    if let Some(from) = part.header("from") {
        let from = recipients(from);
        message.insert("from".to_owned(), from.get(0).cloned().unwrap_or_default());
    }
    message.insert("subject".to_owned(), json!(part.header("subject").unwrap_or_default()));
    if let Some(id) = part.header("message-id") {
        message.insert("internetMessageId".to_owned(), json!(id));
    }
    let extra = part.headers.iter().filter(|(name, _)| name.to_ascii_lowercase().starts_with("x-"));
    let extra: Vec<_> =
        extra.map(|(name, value)| json!({ "name": name, "value": value })).collect();
    message.insert("internetMessageHeaders".to_owned(), json!(extra));
    let mut attachments = Vec::new();
    let mut body = json!({ "contentType": "text", "content": "" });
    part.collect(&mut body, &mut attachments);
    message.insert("body".to_owned(), body);
    message.insert("attachments".to_owned(), json!(attachments));
    message
}

/// A message or one of its parts.
struct Part<'a> {
    headers: Vec<(String, String)>,
    body: &'a str,
}

impl<'a> Part<'a> {
    fn read(text: &'a str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.lines() {
            match (line.starts_with([' ', '\t']), headers.last_mut(), line.split_once(':')) {
                (true, Some((_, value)), _) => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                (_, _, Some((name, value))) => {
                    headers.push((name.trim().to_owned(), value.trim().to_owned()));
                }
                _ => {}
            }
        }
        Self { headers, body }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let is_it = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers.iter().find(is_it).map(|(_, value)| value.as_str())
    }

    /// Gathers the body and the attachments of this part and of those within it.
    fn collect(&self, body: &mut Value, attachments: &mut Vec<Value>) {
        let kind = self.header("content-type").unwrap_or("text/plain");
        if let Some(boundary) = parameter(kind, "boundary") {
            let marker = format!("--{boundary}");
            for part in self.body.split(marker.as_str()).skip(1).filter(|p| !p.starts_with("--")) {
                Part::read(part.trim_start_matches('\n')).collect(body, attachments);
            }
            return;
        }
        let disposition = self.header("content-disposition").unwrap_or_default();
        let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let name = parameter(disposition, "filename").or_else(|| parameter(kind, "name"));
        if disposition.starts_with("attachment") || !media.starts_with("text/") {
            attachments.push(json!({
                "@odata.type": "#microsoft.graph.fileAttachment",
                "name": name.unwrap_or_else(|| "attachment".to_owned()),
                "contentType": media,
                "contentBytes": STANDARD.encode(self.bytes()),
            }));
            return;
        }
        let kind = if media == "text/html" { "html" } else { "text" };
        let content = String::from_utf8_lossy(&self.bytes()).trim_end().to_owned();
        *body = json!({ "contentType": kind, "content": content });
    }

    fn bytes(&self) -> Vec<u8> {
        let encoding = self.header("content-transfer-encoding").unwrap_or_default();
        if encoding.eq_ignore_ascii_case("base64") {
            let joined: String = self.body.split_whitespace().collect();
            return STANDARD.decode(joined).unwrap_or_default();
        }
        self.body.trim_end_matches('\n').as_bytes().to_vec()
    }
}

fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        let is_it = key.trim().eq_ignore_ascii_case(name);
        is_it.then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn addresses(recipients: &Value) -> String {
    let one = |recipient: &Value| {
        let text = |name: &str| recipient.pointer(name).and_then(Value::as_str).unwrap_or_default();
        let (name, address) = (text("/emailAddress/name"), text("/emailAddress/address"));
        if name.is_empty() { address.to_owned() } else { format!("\"{name}\" <{address}>") }
    };
    let all: Vec<_> = recipients.as_array().into_iter().flatten().map(one).collect();
    all.join(", ")
}

fn recipients(header: &str) -> Value {
    let one = |text: &str| {
        let (name, address) = text.split_once('<').unwrap_or(("", text));
        let address = address.trim().trim_end_matches('>');
        let name = name.trim().trim_matches('"');
        json!({ "emailAddress": { "address": address, "name": if name.is_empty() { address } else { name } } })
    };
    header.split(',').map(str::trim).filter(|text| !text.is_empty()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{parse, write};

    #[test]
    fn what_was_written_is_read_back() {
        let message = parse(
            "From: Adele Vance <adele@contoso.example>\r\nTo: a@b.example,\r\n \"B C\" <b@c.example>\r\n\
             Subject: Hello\r\nX-Extra: yes\r\n\r\nHi.\r\n",
        );
        assert_eq!(message["subject"], "Hello");
        assert_eq!(message["body"], json!({ "contentType": "text", "content": "Hi." }));
        assert_eq!(message["toRecipients"][1]["emailAddress"]["name"], "B C");
        let again = parse(&write(&json!(message), &[]));
        assert_eq!(again["subject"], message["subject"]);
        assert_eq!(again["toRecipients"], message["toRecipients"]);
        assert_eq!(again["body"], message["body"]);
        assert_eq!(again["internetMessageHeaders"], message["internetMessageHeaders"]);
    }
}
