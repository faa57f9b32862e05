//! The options of a round over messages (contract, 4.6).

use jiff::Timestamp;

use super::MESSAGE;
use crate::microsoft::sandbox::graph::odata::{Options, Query};
use crate::microsoft::sandbox::graph::reply::Denied;

/// The options of a round over messages.
pub(super) struct Wish {
    pub(super) query: Query,
    /// Only what was received then or later; or only later, with `gt`.
    pub(super) since: Option<(Timestamp, bool)>,
    /// Only such changes.
    pub(super) change: Option<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Created,
    Updated,
    Deleted,
}

impl Wish {
    pub(super) fn read(query: &str) -> Result<Self, Denied> {
        let options = Options::read(query);
        let query = options.query(&MESSAGE)?;
        if !query.order.iter().all(|(path, down)| path == "receivedDateTime" && *down) {
            return Err(refused("$orderby", "receivedDateTime desc"));
        }
        let since = options.get("filter").map(read_filter).transpose()?;
        let change = match options.get("changeType") {
            None => None,
            Some("created") => Some(Change::Created),
            Some("updated") => Some(Change::Updated),
            Some("deleted") => Some(Change::Deleted),
            Some(_) => return Err(refused("changeType", "created, updated or deleted")),
        };
        Ok(Self { query, since, change })
    }

    pub(super) fn wants(&self, change: Change) -> bool {
        self.change.is_none_or(|wanted| wanted == change)
    }

    pub(super) fn covers(&self, received: Timestamp) -> bool {
        self.since.is_none_or(|(time, after)| received > time || (received == time && !after))
    }
}

/// The one filter there is: `receivedDateTime ge` or `gt` a time.
fn read_filter(text: &str) -> Result<(Timestamp, bool), Denied> {
    let words: Vec<_> = text.split_whitespace().collect();
    let read = || match words.as_slice() {
        [name, relation @ ("ge" | "gt"), time] if name.eq_ignore_ascii_case("receivedDateTime") => {
            Some((time.parse().ok()?, *relation == "gt"))
        }
        _ => None,
    };
    read().ok_or_else(|| refused("$filter", "receivedDateTime ge or gt a time"))
}

fn refused(option: &str, possible: &str) -> Denied {
    let message = format!("With change tracking {option} can only be {possible}.");
    Denied::bad("ErrorInvalidUrlQuery", message)
}
