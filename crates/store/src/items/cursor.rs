//! Where a list goes on.

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
#[error("not a cursor of a list of stored items")]
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

#[cfg(test)]
mod tests {
    use super::*;

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
