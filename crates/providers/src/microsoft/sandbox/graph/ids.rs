//! Ids of items: opaque to clients, told apart by us (contract, 4.7).
//!
//! An item has two: the default one changes whenever the item changes its place, the immutable one
//! never does. Both name the same item. Containers have one id for ever.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Real ids are long; what tells ours apart stands at their end.
const FILLER: &str =
    "DUzN2I0ZjFkLTk5YTQtNDYzOC1iZjQ0LWE4M2QwNmYyYzE3MABGAAAAAACzQzgxPtmXT7qXKcS5q0eqBwD";

/// What an id is the id of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Class {
    Message,
    Folder,
    Attachment,
    Event,
    Calendar,
}

/// An id, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Id {
    pub(in super::super) class: Class,
    /// Tells mailboxes apart: an id of one is unknown in another.
    pub(in super::super) mailbox: u32,
    /// Counts the places an item has been at, from 0; none in an immutable id.
    pub(in super::super) place: Option<u32>,
    /// Counts the items of a mailbox.
    pub(in super::super) serial: u64,
}

impl Id {
    /// The id as clients see it.
    pub(in super::super) fn text(self) -> String {
        let letter = match self.class {
            Class::Message => b'm',
            Class::Folder => b'f',
            Class::Attachment => b'a',
            Class::Event => b'e',
            Class::Calendar => b'c',
        };
        let mut bytes = vec![letter];
        bytes.extend(self.mailbox.to_be_bytes());
        bytes.extend(self.place.unwrap_or_default().to_be_bytes());
        bytes.extend(self.serial.to_be_bytes());
        let start = match (self.class, self.place) {
            (Class::Folder | Class::Calendar, _) => "AQMkA",
            (_, Some(_)) => "AAMkA",
            (_, None) => "AAkALg",
        };
        format!("{start}{FILLER}-{}_AAA=", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads an id that [`text`](Self::text) has made.
    pub(in super::super) fn parse(text: &str) -> Option<Self> {
        let (start, rest) = text.split_once(FILLER)?;
        let code = rest.strip_prefix('-')?.strip_suffix("_AAA=")?;
        let bytes = URL_SAFE_NO_PAD.decode(code).ok()?;
        let (letter, numbers) = bytes.split_first()?;
        let class = match letter {
            b'm' => Class::Message,
            b'f' => Class::Folder,
            b'a' => Class::Attachment,
            b'e' => Class::Event,
            b'c' => Class::Calendar,
            _ => return None,
        };
        let place = u32::from_be_bytes(numbers.get(4..8)?.try_into().ok()?);
        let id = Self {
            class,
            mailbox: u32::from_be_bytes(numbers.get(..4)?.try_into().ok()?),
            place: (start != "AAkALg").then_some(place),
            serial: u64::from_be_bytes(numbers.get(8..)?.try_into().ok()?),
        };
        // Another spelling of the same bytes is another id, and unknown.
        (id.text() == text).then_some(id)
    }
}

/// The change key of an item at this change; the etag is `W/"…"` around it.
pub(in super::super) fn change_key(mailbox: u32, serial: u64, change: u64) -> String {
    let mut bytes = mailbox.to_be_bytes().to_vec();
    bytes.extend(serial.to_be_bytes());
    bytes.extend(change.to_be_bytes());
    format!("CQAAABYAAAC{}", URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::{Class, Id};

    #[test]
    fn both_forms_are_read_back_and_look_different() {
        let id = Id { class: Class::Message, mailbox: 7, place: Some(2), serial: 3000 };
        let lasting = Id { place: None, ..id };
        assert_eq!(Id::parse(&id.text()), Some(id));
        assert_eq!(Id::parse(&lasting.text()), Some(lasting));
        assert_ne!(id.text(), lasting.text());
        assert_eq!(Id::parse(&id.text().to_lowercase()), None);
        for other in ["", "x", "AAMkADhMGAAA="] {
            assert_eq!(Id::parse(other), None, "{other}");
        }
    }
}
