//! Reading what came: whole answers, and items of a page one by one.
//!
//! Invariants:
//! - What an error says of an answer is its kind and its place, and nothing of the content.
//! - One item that cannot be read does not cost its page: anybody can send a message, and a page that cannot
//!   be read is asked for again for ever.

use std::borrow::Cow;

use evergrant::{CallError, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// An item that is there and cannot be read, by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread(pub(crate) String);

/// The body of a success as JSON.
pub(crate) fn read<T: DeserializeOwned>(response: &Response) -> Result<T, CallError> {
    serde_json::from_slice(response.body()).map_err(|error| unreadable(&error))
}

/// What is wrong with JSON, without a word of it.
pub(crate) fn unreadable(error: &serde_json::Error) -> CallError {
    let kind = match error.classify() {
        Category::Io => "it cannot be read",
        Category::Syntax => "it is no JSON",
        Category::Data => "a member is missing or of another type",
        Category::Eof => "it ends too early",
    };
    CallError::Unreadable(format!("{kind} (line {}, column {})", error.line(), error.column()))
}

/// One item. What cannot be read is told in a warning, and is `None` if not even its id can be.
pub(super) fn item<T: DeserializeOwned>(json: &str) -> Result<T, Option<Unread>> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    if let Ok(item) = serde_json::from_str(json) {
        return Ok(item);
    }
    let json = mended(json);
    serde_json::from_str(&json).map_err(|error| {
        let named = serde_json::from_str::<Named>(&json).ok();
        let id = named.map(|named| named.id).filter(|id| !id.is_empty());
        let problem = unreadable(&error);
        tracing::warn!(id, %problem, "an item that cannot be read is left as it was");
        id.map(Unread)
    })
}

/// JSON with U+FFFD for each escape of a half of a surrogate pair without the other, which is no character
/// (RFC 8259, section 8.2).
fn mended(json: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut kept, mut at) = (0, 0);
    while let Some(found) = json.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        let (first, second) = (unit(json, at), unit(json, at + 6));
        at += match (first, second) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                out.push_str(&json[kept..at]);
                out.push_str("\\ufffd");
                kept = at + 6;
                6
            }
            // Whatever is escaped, it does not begin another escape.
            _ => 1 + json[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
    }
    if kept == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(&json[kept..]);
    Cow::Owned(out)
}

/// The UTF-16 unit that is escaped here, if one is.
fn unit(json: &str, at: usize) -> Option<u16> {
    let hex = json.get(at..at + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_is_replaced_and_nothing_else() {
        for (json, expected) in [
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""a\uDE00b\ud83dü""#, "a\u{fffd}b\u{fffd}ü"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\ud83d\n\ude00""#, "\u{fffd}\n\u{fffd}"),
            (r#""\\ud83d\\\ud83d""#, "\\ud83d\\\u{fffd}"),
        ] {
            assert_eq!(item::<String>(json).unwrap(), expected, "{json}");
        }
        for whole in [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\u00fc\\""#, "\"\\ü", "\\", ""] {
            assert!(matches!(mended(whole), Cow::Borrowed(_)), "{whole}");
        }
    }

    #[test]
    fn an_error_says_nothing_of_the_content() {
        for body in [r#"{"id": "the secret"}"#, r#""the secret""#, "the secret", r#"["the secret"#]
        {
            let response = http::Response::new(body.into());
            let error = read::<Vec<u8>>(&response).unwrap_err().to_string();
            assert!(!error.contains("secret") && error.contains("line 1"), "{error}");
        }
    }
}
