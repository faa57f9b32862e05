//! Lists that do not fit into one answer.

use std::collections::HashSet;

use serde::Serialize;

use crate::CallError;

/// Where a list goes on, in the provider's own terms; opaque to everybody else.
///
/// It may be handed to callers: a vendor accepts one back only if it leads to the list it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
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
///
/// A list that leads back to a part of itself is [`CallError::Unreadable`]: it would never end.
pub async fn all<T>(
    page: impl AsyncFn(Option<Cursor>) -> Result<Page<T>, CallError>,
) -> Result<Vec<T>, CallError> {
    let mut results = Vec::new();
    let mut cursor = None;
    let mut seen = HashSet::new();
    loop {
        let part = page(cursor).await?;
        results.extend(part.results);
        match part.next {
            Some(next) if !seen.insert(next.clone()) => {
                return Err(CallError::Unreadable("a list leads back to itself".to_owned()));
            }
            Some(next) => cursor = Some(next),
            None => return Ok(results),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of a list of which each leads to the next in this order, by their names.
    async fn parts(next: [Option<usize>; 3]) -> Result<Vec<usize>, CallError> {
        all(async |cursor: Option<Cursor>| {
            let at = cursor.map_or(0, |cursor| cursor.0.parse().unwrap());
            Ok(Page { results: vec![at], next: next[at].map(|next| Cursor(next.to_string())) })
        })
        .await
    }

    #[tokio::test]
    async fn a_list_that_leads_back_to_itself_ends() {
        assert_eq!(parts([Some(2), None, Some(1)]).await.unwrap(), [0, 2, 1]);
        for circle in [[Some(1), Some(1), None], [Some(1), Some(2), Some(1)]] {
            let ended = parts(circle).await;
            assert!(matches!(ended, Err(CallError::Unreadable(_))), "{ended:?}");
        }
    }
}
