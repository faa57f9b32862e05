//! What there is and how it changes, page by page (contract, section 4.6).
//!
//! Invariants:
//! - A link is followed as it came, and only to the list it came from: neither a token nor a question
//!   about somebody else's items goes anywhere else.
//! - An end is an end only if the provider said so. An answer without a list, or a page of changes
//!   without a link, is unreadable: taken for an end it would empty the copy.
//! - Only a cursor expires. What is refused from the beginning is refused for another reason.
//! - A page that is too large is asked for again with less on it, down to one item: nobody stops a copy by
//!   what they send.

use std::collections::BTreeSet;
use std::time::Duration;

use evergrant::capability::Cursor;
use evergrant::feed::{Next, PullError};
use evergrant::gateway::Denial;
use evergrant::provider::{Actor, Failure};
use evergrant::{Allowance, CallError, Response};
use futures_util::future::try_join_all;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Call;
use super::answer::{Unread, item, unreadable};
use super::list::{MOST_PAGES, circular, elsewhere, leads_to};

/// The codes of a cursor that is no longer known, in any case (contract, section 4.6).
const EXPIRED: [&str; 3] = ["syncStateNotFound", "syncStateInvalid", "resyncRequired"];

/// How often a list is begun anew because the provider forgot where it had got to.
const MOST_RESTARTS: usize = 3;

/// How many items of a page are asked for by themselves at a time.
const AT_ONCE: usize = 4;

/// What a page may have.
const PAGE: Allowance = Allowance { body: 8 << 20, total: Duration::from_mins(2) };
/// What one item may have.
const ITEM: Allowance = Allowance { body: 64 << 20, total: Duration::from_mins(2) };

/// What the pages are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    /// A list: it ends with a page that leads nowhere, and has to be read anew each time.
    List,
    /// Changes: they end with the cursor from which the next are told.
    Changes,
}

/// One page: its items, or the ids of those that are there and cannot be read.
#[derive(Debug)]
pub(crate) struct Pulled<T> {
    pub(crate) said: Vec<Result<T, Unread>>,
    pub(crate) next: Next,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
    #[serde(default, rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(default, rename = "@odata.deltaLink")]
    delta: Option<String>,
}

impl Call<'_> {
    /// One page of `size` items or less: the first, or the one `cursor` leads to. The rest of the call must
    /// be the same, since its preferences go with every page.
    ///
    /// A cursor that leads elsewhere has expired: it was stored while the provider was at another
    /// address, and nothing is sent there.
    pub(crate) async fn pull<T: DeserializeOwned>(
        self,
        pages: Pages,
        size: usize,
        cursor: Option<&Cursor>,
    ) -> Result<Pulled<T>, PullError> {
        let (api, path) = (self.api, self.path.clone());
        if cursor.is_some_and(|cursor| !leads_to(api, &cursor.0, &path)) {
            return Err(PullError::Expired);
        }
        let (response, meaning) = self.fitting(pages, size, cursor).await?;
        if let Err(error) = meaning {
            let expired = cursor.is_some() && has_expired(&response);
            return Err(if expired { PullError::Expired } else { error.into() });
        }
        let body = String::from_utf8_lossy(response.body());
        let Answer { value, next, delta } =
            serde_json::from_str(&body).map_err(|error| unreadable(&error))?;
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
        let said = value.into_iter().filter_map(|json| match item(json.get()) {
            Ok(item) => Some(Ok(item)),
            Err(unread) => unread.map(Err),
        });
        Ok(Pulled { said: said.collect(), next })
    }

    /// The answer, with as much on the page as fits: again with less if it is too large, and at last with
    /// one item, which may be large. The next page is of the usual size again where changes are told.
    async fn fitting(
        self,
        pages: Pages,
        size: usize,
        cursor: Option<&Cursor>,
    ) -> Result<(Response, Result<(), CallError>), CallError> {
        for (nth, size, allowance) in [(0, size, PAGE), (1, size.div_ceil(8), PAGE), (2, 1, ITEM)] {
            let call = self.clone().allowing(allowance);
            let call = match pages {
                Pages::Changes => call.prefer(format!("odata.maxpagesize={size}")),
                Pages::List => call.query("$top", size.to_string()),
            };
            let url = match cursor {
                None => call.url(),
                // A link is followed letter by letter as long as that leads anywhere.
                Some(link) if nth == 0 => link.0.clone(),
                Some(link) => no_more_than(&link.0, size),
            };
            match call.answer_from(&url).await {
                Err(CallError::TooLarge { .. }) => {}
                answer => return answer,
            }
        }
        Err(too_large())
    }

    /// One item by itself, however large; `None` if it is there and cannot be read.
    pub(crate) async fn alone<T: DeserializeOwned>(self) -> Result<Option<T>, CallError> {
        self.allowing(ITEM).item().await.map_err(|error| match error {
            CallError::TooLarge { .. } => too_large(),
            error => error,
        })
    }
}

/// The link of a list with no more items on its page than this, where it says how many.
fn no_more_than(link: &str, size: usize) -> String {
    let Some((address, query)) = link.split_once('?') else { return link.to_owned() };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name @ ("$top" | "%24top"), top)) => {
            let top = top.parse().map_or(size, |top: usize| top.min(size));
            format!("{name}={top}")
        }
        _ => pair.to_owned(),
    });
    format!("{address}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// One item does not fit.
fn too_large() -> CallError {
    denied(
        "item_too_large",
        "One item is larger than 64 MiB, which is more than can be copied, and hides what comes after it.",
        "Delete it at the provider, or have the operator copy without bodies.",
    )
}

/// Refused here, for being too large.
pub(crate) fn denied(code: &str, message: &str, remedy: &str) -> CallError {
    let failure = Failure::new(code, Actor::User, message).remedied_by(remedy);
    CallError::Denied { denial: Denial::TooLarge, failure: Box::new(failure) }
}

/// A list that is read to its end.
pub(crate) struct Whole {
    pub(crate) pages: Pages,
    /// How many items a page has.
    pub(crate) size: usize,
    /// How many there may be, and what it means if there are more.
    pub(crate) most: usize,
    pub(crate) too_many: fn() -> CallError,
}

/// All pages from the beginning; `call` makes the same call again for each.
pub(crate) async fn everything<'a, T: DeserializeOwned>(
    list: &Whole,
    call: impl Fn() -> Call<'a>,
) -> Result<Vec<Result<T, Unread>>, CallError> {
    for _ in 0..MOST_RESTARTS {
        match from_the_beginning(list, &call).await {
            Ok(said) => return Ok(said),
            Err(PullError::Expired) => {}
            Err(PullError::Call(error)) => return Err(error),
        }
    }
    Err(CallError::Unreadable("a list that is forgotten while it is read".to_owned()))
}

async fn from_the_beginning<'a, T: DeserializeOwned>(
    list: &Whole,
    call: impl Fn() -> Call<'a>,
) -> Result<Vec<Result<T, Unread>>, PullError> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    let mut cursor: Option<Cursor> = None;
    for _ in 0..MOST_PAGES {
        let Pulled { said, next } = call().pull(list.pages, list.size, cursor.as_ref()).await?;
        all.extend(said);
        if all.len() > list.most {
            return Err((list.too_many)().into());
        }
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
