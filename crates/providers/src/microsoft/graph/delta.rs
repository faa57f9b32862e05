//! What there is and how it changes, page by page (contract, section 4.6).
//!
//! Invariants:
//! - A link is followed as it came, and only to the list it came from: neither a token nor a question
//!   about somebody else's items goes anywhere else.
//! - An end is an end only if the provider said so. An answer without a list, or a page of changes
//!   without a link, is unreadable: taken for an end it would empty the copy.
//! - Only a cursor expires. What is refused from the beginning is refused for another reason.

use std::collections::BTreeSet;

use evergrant::capability::Cursor;
use evergrant::feed::{Next, PullError};
use evergrant::{CallError, Response};
use futures_util::future::try_join_all;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Call;
use super::list::{MOST_PAGES, circular, elsewhere, leads_to};
use super::request::read;

/// The codes of a cursor that is no longer known, in any case (contract, section 4.6).
const EXPIRED: [&str; 3] = ["syncStateNotFound", "syncStateInvalid", "resyncRequired"];

/// How often a list is begun anew because the provider forgot where it had got to.
const MOST_RESTARTS: usize = 3;

/// How many items of a page are asked for by themselves at a time.
const AT_ONCE: usize = 4;

/// What the pages are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    /// A list: it ends with a page that leads nowhere, and has to be read anew each time.
    List,
    /// Changes: they end with the cursor from which the next are told.
    Changes,
}

/// One page.
#[derive(Debug)]
pub(crate) struct Pulled<T> {
    pub(crate) said: Vec<T>,
    pub(crate) next: Next,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Answer<T> {
    value: Vec<T>,
    #[serde(default, rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(default, rename = "@odata.deltaLink")]
    delta: Option<String>,
}

impl Call<'_> {
    /// One page: the first, or the one `cursor` leads to. The rest of the call must be the same, since
    /// its preferences go with every page.
    ///
    /// A cursor that leads elsewhere has expired: it was stored while the provider was at another
    /// address, and nothing is sent there.
    pub(crate) async fn pull<T: DeserializeOwned>(
        self,
        pages: Pages,
        cursor: Option<&Cursor>,
    ) -> Result<Pulled<T>, PullError> {
        let (api, path) = (self.api, self.path.clone());
        let (response, meaning) = match cursor {
            None => self.answer().await?,
            Some(cursor) if leads_to(api, &cursor.0, &path) => self.answer_from(&cursor.0).await?,
            Some(_) => return Err(PullError::Expired),
        };
        if let Err(error) = meaning {
            let expired = cursor.is_some() && has_expired(&response);
            return Err(if expired { PullError::Expired } else { error.into() });
        }
        let Answer { value, next, delta } = read(&response)?;
        if next.iter().chain(&delta).any(|link| !leads_to(api, link, &path)) {
            return Err(elsewhere().into());
        }
        let next = match (next, delta, pages) {
            (Some(next), ..) if cursor.is_some_and(|cursor| cursor.0 == next) => {
                return Err(circular().into());
            }
            (Some(next), ..) => Next::More(Cursor(next)),
            (None, Some(delta), Pages::Changes) => Next::Done(Some(Cursor(delta))),
            (None, _, Pages::List) => Next::Done(None),
            (None, None, Pages::Changes) => {
                return Err(CallError::Unreadable("changes without an end".to_owned()).into());
            }
        };
        Ok(Pulled { said: value, next })
    }
}

/// All pages from the beginning; `call` makes the same call again for each.
pub(crate) async fn everything<'a, T: DeserializeOwned>(
    pages: Pages,
    call: impl Fn() -> Call<'a>,
) -> Result<Vec<T>, CallError> {
    for _ in 0..MOST_RESTARTS {
        match from_the_beginning(pages, &call).await {
            Ok(said) => return Ok(said),
            Err(PullError::Expired) => {}
            Err(PullError::Call(error)) => return Err(error),
        }
    }
    Err(CallError::Unreadable("a list that is forgotten while it is read".to_owned()))
}

async fn from_the_beginning<'a, T: DeserializeOwned>(
    pages: Pages,
    call: impl Fn() -> Call<'a>,
) -> Result<Vec<T>, PullError> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    let mut cursor: Option<Cursor> = None;
    for _ in 0..MOST_PAGES {
        let Pulled { said, next } = call().pull(pages, cursor.as_ref()).await?;
        all.extend(said);
        match next {
            Next::Done(_) => return Ok(all),
            Next::More(next) if seen.insert(next.0.clone()) => cursor = Some(next),
            Next::More(_) => return Err(circular().into()),
        }
    }
    Err(CallError::Unreadable("a list without an end".to_owned()).into())
}

/// What `ask` says of each of these ids, a few at a time, in their order.
pub(crate) async fn each<T, F>(
    ids: &[String],
    ask: impl Fn(String) -> F,
) -> Result<Vec<T>, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let mut all = Vec::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        all.extend(try_join_all(some.iter().map(|id| ask(id.clone()))).await?);
    }
    Ok(all)
}

/// Whether an answer says that a cursor is no longer known: 410 whatever it says, with an address to
/// go on at or without; or another refusal with a code that means it.
fn has_expired(response: &Response) -> bool {
    let status = response.status();
    let says = || {
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        means(&body["error"])
    };
    status == StatusCode::GONE || (status.is_client_error() && says())
}

/// Whether an error, or one inside of it, has such a code; the member is spelled in two ways
/// (contract, section 4.2).
fn means(error: &Value) -> bool {
    let code = error["code"].as_str().unwrap_or_default();
    EXPIRED.iter().any(|known| known.eq_ignore_ascii_case(code))
        || ["innerError", "innererror"].into_iter().any(|name| {
            let inner = &error[name];
            inner.is_object() && means(inner)
        })
}
