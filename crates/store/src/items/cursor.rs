//! Where a list goes on, and where changes do.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::IntegrationId;
use jiff::Timestamp;

/// The last item of a page: the next one begins behind it, whatever became of it meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemCursor {
    /// When it begins, or came.
    pub at: Timestamp,
    /// Its integration.
    pub integration: IntegrationId,
    /// Its id at the provider.
    pub id: String,
}

/// A text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of stored items")]
pub struct InvalidCursor;

impl fmt::Display for ItemCursor {
    /// Opaque to whoever gets it: base64url.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{} {} {}", self.at.as_microsecond(), self.integration, self.id);
        f.write_str(&URL_SAFE_NO_PAD.encode(text))
    }
}

impl FromStr for ItemCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let cursor = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (at, rest) = text.split_once(' ')?;
            let (integration, id) = rest.split_once(' ')?;
            Some(Self {
                at: Timestamp::from_microsecond(at.parse().ok()?).ok()?,
                integration: integration.parse().ok()?,
                // No text in a database has it.
                id: (!id.contains('\0')).then(|| id.to_owned())?,
            })
        };
        cursor().ok_or(InvalidCursor)
    }
}

/// How far somebody has been told of an owner's changes.
///
/// Whoever asks page by page until there is no more is on a *walk*. Where it began they knew all items
/// as they were then, or nothing. While rows change on the way nobody can tell which of them were told
/// in what state, so until its end the cursor says where the walk began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ItemChangesCursor {
    /// The revision up to which all is told.
    pub(super) at: i64,
    /// The revision as of which they knew everything when the walk began; 0 if they knew nothing.
    pub(super) base: i64,
    /// The owner's newest revision at that time.
    pub(super) head: i64,
}

impl ItemChangesCursor {
    /// Of whoever knows everything as of this revision; of whoever knows nothing with 0.
    pub fn since(revision: i64) -> Self {
        Self { at: revision, base: revision, head: revision }
    }

    /// The revision up to which all is told.
    pub fn revision(self) -> i64 {
        self.at
    }

    /// The same on its walk, which begins where none is under way.
    pub(super) fn walking(self, head: i64) -> Self {
        if self.at == self.base { Self { head, ..self } } else { self }
    }

    /// The last revision of which a deletion may be forgotten that they need not be told.
    pub(super) fn knows_until(self) -> i64 {
        // Whoever knew nothing need not be told what had left before they came.
        if self.base == 0 { self.at.max(self.head) } else { self.at }
    }
}

impl fmt::Display for ItemChangesCursor {
    /// Opaque to whoever gets it: base64url of a version and numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, base, head } = self;
        let text = if at == base { format!("1 {at}") } else { format!("1 {at} {base} {head}") };
        f.write_str(&URL_SAFE_NO_PAD.encode(text))
    }
}

impl FromStr for ItemChangesCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let cursor = || {
            let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let numbers = plain.strip_prefix("1 ")?.split(' ').map(str::parse);
            let numbers: Vec<i64> = numbers.collect::<Result<_, _>>().ok()?;
            match numbers[..] {
                [at] if at >= 0 => Some(Self::since(at)),
                [at, base, head] if 0 <= base && base < at && base <= head => {
                    Some(Self { at, base, head })
                }
                _ => None,
            }
        };
        // One place has one text.
        cursor().filter(|cursor| cursor.to_string() == text).ok_or(InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_changes_survives_its_text_and_nothing_else_is_one() {
        for cursor in [
            ItemChangesCursor::default(),
            ItemChangesCursor::since(i64::MAX),
            ItemChangesCursor { at: 7, base: 0, head: 9 },
            ItemChangesCursor { at: i64::MAX, base: 8, head: 8 },
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        let others =
            ["", "1", "2 7", "1 -7", "1 +7", "1 07", "1  7", "1 7 8 9", "1 7 7 7", "1 7 0"];
        for other in others.map(|text| URL_SAFE_NO_PAD.encode(text)) {
            assert_eq!(other.parse::<ItemChangesCursor>(), Err(InvalidCursor), "{other:?}");
        }
        for other in ["", "now", "MSA3=", "ä", "1 7"] {
            assert_eq!(other.parse::<ItemChangesCursor>(), Err(InvalidCursor), "{other:?}");
        }
    }

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_is_one() {
        let cursor = ItemCursor {
            at: Timestamp::from_microsecond(-1_234_567).unwrap(),
            integration: IntegrationId::from_u128(7),
            id: "AAMk with spaces = and ü".to_owned(),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        let nul = ItemCursor { id: "a\0b".to_owned(), ..cursor.clone() };
        let half = &cursor.to_string()[..20];
        for other in ["", "x", "ä", "AAAA", half, &nul.to_string()] {
            assert_eq!(other.parse::<ItemCursor>(), Err(InvalidCursor), "{other:?}");
        }
    }
}
