//! What happened in an account, and what money moved (contract, section 4.6).

use evergrant::capability::{Activity, Cursor, HistoryQuery, Page, Transaction};
use evergrant::clock::later;
use evergrant::{Api, CallError};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::ig::wire::Members;
use crate::ig::wire::given::{invalid, query as parameters};
use crate::ig::wire::history::{activity, transaction};
use crate::ig::wire::place::{Place, elsewhere};
use crate::ig::wire::time;
use crate::ig::{Ig, call};

/// Where the activity is.
const ACTIVITY: &str = "/history/activity";
/// How far back is looked where nobody says.
const LAST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How far back a deal is looked for.
const DAY: SignedDuration = SignedDuration::from_hours(24);
const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
/// How many a page has where nobody says.
const LIMIT: u32 = 50;
/// How many a page of the activity may have.
const LIMITS: std::ops::RangeInclusive<u32> = 10..=500;
/// The most pages of one day; only a history that never ends has more.
const MOST_PAGES: usize = 100;
/// The kinds of transactions that can be asked for.
const KINDS: &[&str] = &["ALL", "ALL_DEAL", "DEPOSIT", "WITHDRAWAL"];

impl Ig {
    pub(super) async fn activities(
        &self,
        api: &Api,
        query: &HistoryQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Activity>, CallError> {
        if query.kind.is_some() {
            return Err(invalid("/type", "is for transactions alone"));
        }
        let limit = query.limit.unwrap_or(LIMIT);
        if !LIMITS.contains(&limit) {
            return Err(invalid("/limit", "is not from 10 to 500"));
        }
        let (from, to) = span(query, api.now())?;
        let path = if let Some(cursor) = cursor {
            below(&cursor.0).ok_or_else(elsewhere)?
        } else {
            let query = parameters(&[
                ("from", Some(time::v3(from))),
                ("to", Some(time::v3(to))),
                ("detailed", Some("true".to_owned())),
                ("dealId", query.deal_id.clone()),
                ("pageSize", Some(limit.to_string())),
            ]);
            format!("{ACTIVITY}?{query}")
        };
        let mut answer = Members::read(&self.get(api, 3, &path).await?)?;
        let next = answer.inner("metadata").inner("paging").text("next");
        if next.as_deref().is_some_and(|next| below(next).is_none()) {
            return Err(CallError::Unreadable("a list that leads elsewhere".to_owned()));
        }
        if next.is_some() && next.as_deref() == cursor.map(|cursor| &*cursor.0) {
            return Err(CallError::Unreadable("a list that leads back into itself".to_owned()));
        }
        let results = answer.list("activities").into_iter().map(activity).collect();
        Ok(Page { results, next: next.map(Cursor) })
    }

    pub(super) async fn money_moved(
        &self,
        api: &Api,
        query: &HistoryQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Transaction>, CallError> {
        if query.deal_id.is_some() {
            return Err(invalid("/deal_id", "is for activity alone"));
        }
        let kind = query.kind.as_deref().unwrap_or("ALL").to_ascii_uppercase();
        if !KINDS.contains(&&*kind) {
            return Err(invalid("/type", format!("is not one of {}", KINDS.join(", "))));
        }
        let limit = query.limit.unwrap_or(LIMIT);
        if limit == 0 {
            return Err(invalid("/limit", "is not more than 0"));
        }
        let list = format!("transactions\n{}\n{query:?}", call::account(api)?);
        let place = Place::of(cursor, &list, api.now())?;
        let (from, to) = span(query, place.until)?;
        let path = parameters(&[
            ("type", Some(kind)),
            ("from", Some(time::v3(from))),
            ("to", Some(time::v3(to))),
            ("pageSize", Some(limit.to_string())),
            ("pageNumber", Some(place.page.to_string())),
        ]);
        let path = format!("/history/transactions?{path}");
        let mut answer = Members::read(&self.get(api, 2, &path).await?)?;
        let pages = answer.inner("metadata").inner("pageData").count("totalPages").unwrap_or(0);
        let results = answer.list("transactions").into_iter().map(transaction).collect();
        Ok(Page { results, next: (i64::from(place.page) < pages).then(|| place.next(&list)) })
    }

    /// All that happened in the last day, or of it what concerns one deal.
    pub(super) async fn last_day(
        &self,
        api: &Api,
        deal_id: Option<&str>,
    ) -> Result<Vec<Activity>, CallError> {
        let query = HistoryQuery {
            from: Some(before(api.now(), DAY)),
            deal_id: deal_id.map(str::to_owned),
            limit: Some(*LIMITS.end()),
            ..HistoryQuery::default()
        };
        let (mut past, mut cursor) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let page = self.activities(api, &query, cursor.as_ref()).await?;
            past.extend(page.results);
            if page.next.is_none() {
                return Ok(past);
            }
            cursor = page.next;
        }
        Err(CallError::Unreadable("a history without an end".to_owned()))
    }

    /// Whether the history of the last day says that an order was deleted.
    pub(super) async fn was_deleted(&self, api: &Api, id: &str) -> Result<bool, CallError> {
        let deleted = |action: &Value| {
            let of = |name| action.get(name).and_then(Value::as_str).unwrap_or_default();
            of("actionType").ends_with("_DELETED") && of("affectedDealId") == id
        };
        let past = self.last_day(api, Some(id)).await?;
        Ok(past.iter().any(|one| {
            let actions = one.extra.get("details").and_then(|details| details.get("actions"));
            let actions = actions.and_then(Value::as_array);
            one.status.as_deref() == Some("ACCEPTED")
                && actions.is_some_and(|actions| actions.iter().any(deleted))
        }))
    }
}

/// The stretch of time that is asked for.
fn span(query: &HistoryQuery, now: Timestamp) -> Result<(Timestamp, Timestamp), CallError> {
    // What happened in this very second is to be in it.
    let to = query.to.unwrap_or_else(|| later(now, SECOND));
    let from = query.from.unwrap_or_else(|| before(to, LAST));
    if to < from { Err(invalid("/to", "is before the beginning")) } else { Ok((from, to)) }
}

fn before(at: Timestamp, time: SignedDuration) -> Timestamp {
    at.saturating_sub(time).unwrap_or(Timestamp::MIN)
}

/// The next page's path, if it leads to the activity and nowhere else.
fn below(next: &str) -> Option<String> {
    let (path, query) = next.split_once('?')?;
    let plain = query.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'\\'));
    (path.trim_end_matches('/') == ACTIVITY && plain).then(|| format!("{ACTIVITY}?{query}"))
}
