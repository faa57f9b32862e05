//! Ids: opaque to clients, and still telling the sandbox what they stand for.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::Date;

/// The three bytes that all ids of a mailbox begin with; in Base64 they are `AAMk`.
const HEAD: [u8; 3] = [0x00, 0x03, 0x24];

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Key {
    /// The item with this number.
    Item(u64),
    /// An occurrence of it: the generation of its pattern, and the day it belongs to.
    Occurrence(u64, u16, Date),
    /// The calendar with this number.
    Calendar(u64),
    /// The calendar group with this number.
    Group(u64),
    /// Somebody else's calendar that is shared with the mailbox's user.
    Shared(u64),
}

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum NoKey {
    /// It does not have the form of one.
    Malformed,
    /// It was never given out by this mailbox.
    Foreign,
}

impl Key {
    /// The id that stands for this in the mailbox with this tag.
    pub(in super::super) fn id(self, tag: [u8; 16]) -> String {
        let (kind, number, generation, day) = match self {
            Self::Item(number) => (0, number, 0, None),
            Self::Occurrence(number, generation, day) => (1, number, generation, Some(day)),
            Self::Calendar(number) => (2, number, 0, None),
            Self::Group(number) => (3, number, 0, None),
            Self::Shared(number) => (4, number, 0, None),
        };
        let epoch = jiff::civil::date(1970, 1, 1);
        let day = day.map_or(0, |day| day.duration_since(epoch).as_hours() / 24);
        let mut bytes = HEAD.to_vec();
        bytes.extend(tag);
        bytes.push(kind);
        bytes.extend(number.to_be_bytes());
        bytes.extend(generation.to_be_bytes());
        bytes.extend(day.to_be_bytes());
        let seal = digest(&SHA256, &bytes);
        bytes.extend(seal.as_ref());
        bytes.extend(&seal.as_ref()[..9]);
        STANDARD.encode(bytes)
    }

    /// Reads an id of the mailbox with this tag.
    pub(in super::super) fn read(id: &str, tag: [u8; 16]) -> Result<Self, NoKey> {
        let bytes = STANDARD.decode(id).map_err(|_| NoKey::Malformed)?;
        if !bytes.starts_with(&HEAD) {
            return Err(NoKey::Malformed);
        }
        let read = || {
            let (kind, rest) = bytes.get(HEAD.len() + tag.len()..)?.split_first()?;
            let number = u64::from_be_bytes(rest.get(..8)?.try_into().ok()?);
            let generation = u16::from_be_bytes(rest.get(8..10)?.try_into().ok()?);
            let days = i64::from_be_bytes(rest.get(10..18)?.try_into().ok()?);
            Some(match kind {
                0 => Self::Item(number),
                1 => {
                    let day = jiff::civil::date(1970, 1, 1)
                        .checked_add(jiff::Span::new().try_days(days).ok()?);
                    Self::Occurrence(number, generation, day.ok()?)
                }
                2 => Self::Calendar(number),
                3 => Self::Group(number),
                4 => Self::Shared(number),
                _ => return None,
            })
        };
        // What is read counts only if it would be written the same way.
        read().filter(|key| key.id(tag) == id).ok_or(NoKey::Foreign)
    }
}

/// Sixteen bytes that repeat with the seed and differ between `parts`.
pub(in super::super) fn tag(seed: u64, parts: &str) -> [u8; 16] {
    let seal = digest(&SHA256, format!("{seed}/{parts}").as_bytes());
    let mut tag = [0; 16];
    tag.copy_from_slice(&seal.as_ref()[..16]);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stands_for_one_thing_of_one_mailbox() {
        let (one, two) = (tag(1, "one"), tag(1, "two"));
        let day = jiff::civil::date(2026, 10, 5);
        for key in [Key::Item(1), Key::Calendar(1), Key::Occurrence(1, 2, day), Key::Shared(7)] {
            let id = key.id(one);
            assert!(id.starts_with("AAMk") && id.len() >= 100, "{id}");
            assert_eq!(Key::read(&id, one), Ok(key));
            assert_eq!(Key::read(&id, two), Err(NoKey::Foreign));
            assert_ne!(id, key.id(two));
        }
    }

    #[test]
    fn what_is_not_an_id_is_malformed() {
        assert_eq!(Key::read("AAMkAGI1AAAt9AHjAAA=", [0; 16]), Err(NoKey::Foreign));
        for text in ["rubbish", "", "QUJD"] {
            assert_eq!(Key::read(text, [0; 16]), Err(NoKey::Malformed), "{text}");
        }
    }
}
