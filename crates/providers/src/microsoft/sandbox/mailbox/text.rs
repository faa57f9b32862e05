//! Bodies as HTML and as plain text, and times as Graph writes them.

use jiff::Timestamp;
use serde_json::{Value, json};

/// How many characters of a preview there are (contract, 6.1).
const PREVIEW: usize = 255;
const HEAD: &str = "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body>";

/// A time in whole seconds.
pub(in super::super) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A body as plain text.
pub(super) fn as_text(body: &Value) -> Value {
    let content = body.get("content").and_then(Value::as_str).unwrap_or_default();
    let is_html = body.get("contentType").and_then(Value::as_str) == Some("html");
    let content = if is_html { to_text(content) } else { content.to_owned() };
    json!({ "contentType": "text", "content": content })
}

/// A body as HTML, which it is by default.
pub(super) fn as_html(body: &Value) -> Value {
    let content = body.get("content").and_then(Value::as_str).unwrap_or_default();
    let is_html = body.get("contentType").and_then(Value::as_str) == Some("html");
    json!({ "contentType": "html", "content": to_html(content, is_html) })
}

/// The beginning of a text, in one line.
pub(in super::super) fn preview(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").chars().take(PREVIEW).collect()
}

/// A whole page of HTML, without scripts.
pub(in super::super) fn to_html(content: &str, is_html: bool) -> String {
    if !is_html {
        let lines = escape(content).replace("\r\n", "<br>").replace('\n', "<br>");
        return format!("{HEAD}<div>{lines}</div></body></html>");
    }
    let safe = without(content, "script");
    if safe.to_ascii_lowercase().contains("<html") {
        return safe;
    }
    format!("{HEAD}{safe}</body></html>")
}

/// HTML without its marks.
pub(in super::super) fn to_text(html: &str) -> String {
    let mut text = String::new();
    let shown = without(without(html, "script"), "head");
    let mut rest = shown.as_str();
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, after) = after.split_once('>').unwrap_or((after, ""));
        let name = tag.split(|c: char| c.is_whitespace() || c == '/').find(|part| !part.is_empty());
        let name = name.unwrap_or_default().to_ascii_lowercase();
        let closes = tag.starts_with('/') && ["p", "div", "li", "tr"].contains(&name.as_str());
        if name == "br" || closes {
            text.push_str("\r\n");
        }
        rest = after;
    }
    text.push_str(rest);
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " ")];
    let text = plain.iter().fold(text, |text, (entity, plain)| text.replace(entity, plain));
    text.replace("&amp;", "&").trim().to_owned()
}

/// HTML without the elements of this name.
fn without(html: impl Into<String>, name: &str) -> String {
    let (start, end) = (format!("<{name}"), format!("</{name}>"));
    let mut safe = html.into();
    let mut from = 0;
    while let Some(found) = safe.to_ascii_lowercase().get(from..).and_then(|it| it.find(&start)) {
        from += found;
        let after = from + start.len();
        if safe[after..].starts_with(|c: char| c.is_alphanumeric()) {
            // The start of a longer name.
            from = after;
            continue;
        }
        let close = safe.to_ascii_lowercase()[from..].find(&end);
        let to = close.map_or(safe.len(), |at| from + at + end.len());
        safe.replace_range(from..to, "");
    }
    safe
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{preview, to_html, to_text};

    #[test]
    fn html_becomes_text_and_text_becomes_html() {
        assert_eq!(
            to_text("They were <b>awesome</b>!<br>1 &lt; 2 &amp; 3"),
            "They were awesome!\r\n1 < 2 & 3"
        );
        assert_eq!(to_text("<header>a</header><HEAD x>b</HEAD>c"), "ac");
        assert_eq!(to_text(&to_html("a < b\nc", false)), "a < b\r\nc");
        assert_eq!(to_text("<html><head><title>x</title></head><body><p>y</p></body>"), "y");
        assert!(!to_html("<p>a</p><SCRIPT>evil()</SCRIPT>b<script>", true).contains("script"));
        assert_eq!(preview(&"ä  b\n".repeat(400)).chars().count(), 255);
    }
}
