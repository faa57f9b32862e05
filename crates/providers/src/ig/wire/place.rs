//! Where a list goes on that IG pages by number (contract, sections 4.3 and 4.6).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use evergrant::CallError;
use evergrant::capability::Cursor;
use jiff::Timestamp;

use super::given::invalid;

/// A page of a list that ends at a certain time.
///
/// Its cursor is the number, the times, and a digest of what was asked: it leads to its own list or
/// nowhere. The times stay the same, lest the pages shift while somebody reads them.
pub(crate) struct Place {
    pub(crate) page: u32,
    pub(crate) until: Timestamp,
    /// When the list begins, where its first page told that.
    pub(crate) from: Option<Timestamp>,
}

impl Place {
    /// The first page of `list`, or the one the cursor leads to. `list` names everything that was asked.
    pub(crate) fn of(
        cursor: Option<&Cursor>,
        list: &str,
        until: Timestamp,
    ) -> Result<Self, CallError> {
        let Some(cursor) = cursor else { return Ok(Self { page: 1, until, from: None }) };
        let read = || {
            let (place, name) = cursor.0.rsplit_once('.')?;
            let (page, times) = place.split_once('.')?;
            let second = |text: &str| Timestamp::from_second(text.parse().ok()?).ok();
            let (until, from) = match times.split_once('.') {
                Some((until, from)) => (second(until)?, Some(second(from)?)),
                None => (second(times)?, None),
            };
            (name == name_of(list)).then_some(Self { page: page.parse().ok()?, until, from })
        };
        read().ok_or_else(elsewhere)
    }

    /// The cursor of the page after this one.
    pub(crate) fn next(&self, list: &str) -> Cursor {
        let page = self.page.saturating_add(1);
        let from = self.from.map_or_else(String::new, |from| format!(".{}", from.as_second()));
        Cursor(format!("{page}.{}{from}.{}", self.until.as_second(), name_of(list)))
    }
}

/// A cursor of another list.
pub(crate) fn elsewhere() -> CallError {
    invalid("/cursor", "does not lead to this list; take it from the page before")
}

/// A digest that names something as good as the whole.
pub(crate) fn name_of(list: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&digest(&SHA256, list.as_bytes()).as_ref()[..9])
}
