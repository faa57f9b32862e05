//! Lists that do not fit into one answer.

use serde::Serialize;

use crate::CallError;

/// Where a list goes on, in the provider's own terms; opaque to everybody else.
///
/// It may be handed to callers: a vendor accepts one back only if it leads to the list it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// One part of a list. It may be shorter than asked for, or empty, and still not be the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub results: Vec<T>,
    /// Where the list goes on; `None` at its end.
    pub next: Option<Cursor>,
}

/// The whole list: `page` is asked for one part after the other.
pub async fn all<T>(
    page: impl AsyncFn(Option<Cursor>) -> Result<Page<T>, CallError>,
) -> Result<Vec<T>, CallError> {
    let mut results = Vec::new();
    let mut cursor = None;
    loop {
        let part = page(cursor).await?;
        results.extend(part.results);
        match part.next {
            Some(next) => cursor = Some(next),
            None => return Ok(results),
        }
    }
}
