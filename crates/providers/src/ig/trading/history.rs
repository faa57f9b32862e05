//! What happened in an account, and what money moved (contract, section 4.6).

use evergrant::capability::{Activity, Cursor, HistoryQuery, Page, Transaction};
use evergrant::clock::later;
use evergrant::{Api, CallError};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::ig::wire::Members;
use crate::ig::wire::given::{invalid, query as parameters};
use crate::ig::wire::history::{activity, transaction};
use crate::ig::wire::place::{Place, elsewhere, name_of};
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
/// How many a page of the activity may have at IG, at least and at most.
const LEAST: u32 = 10;
const MOST: u32 = 500;
/// The most pages of one day; a history of more is not looked through.
const MOST_PAGES: usize = 10;
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
        if !(1..=MOST).contains(&limit) {
            return Err(invalid("/limit", "is not from 1 to 500"));
        }
        let (from, to) = span(query, api.now())?;
        let list = name_of(&format!("activity\n{}\n{query:?}", call::account(api)?));
        let part = if let Some(cursor) = cursor {
            Part::told_by(cursor, &list).ok_or_else(elsewhere)?
        } else {
            let query = parameters(&[
                ("from", Some(time::v3(from))),
                ("to", Some(time::v3(to))),
                ("detailed", Some("true".to_owned())),
                ("dealId", query.deal_id.clone()),
                ("pageSize", Some(limit.max(LEAST).to_string())),
            ]);
            Part { path: format!("{ACTIVITY}?{query}"), shown: 0 }
        };
        let mut answer = Members::read(&self.get(api, 3, &part.path).await?)?;
        let next = answer.inner("metadata").inner("paging").text("next");
        let next = next.map(|next| below(&next).ok_or("a list that leads elsewhere")).transpose();
        let next = match next {
            Ok(Some(path)) if path == part.path => Err("a list that leads back into itself"),
            other => other,
        };
        let next = next.map_err(|problem| CallError::Unreadable(problem.to_owned()))?;
        let all = answer.list("activities");
        let shown = part.shown.saturating_add(usize::try_from(limit).unwrap_or(usize::MAX));
        // What IG gave beyond what was asked for is the beginning of the next page.
        let next = if all.len() > shown {
            Some(Part { path: part.path, shown })
        } else {
            next.map(|path| Part { path, shown: 0 })
        };
        let results = all.into_iter().take(shown).skip(part.shown).map(activity).collect();
        Ok(Page { results, next: next.map(|next| next.cursor(&list)) })
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
            limit: Some(MOST),
            ..HistoryQuery::default()
        };
        let (mut past, mut cursors) = (Vec::new(), Vec::new());
        while cursors.len() < MOST_PAGES {
            let page = self.activities(api, &query, cursors.last()).await?;
            past.extend(page.results);
            let Some(next) = page.next else { return Ok(past) };
            // It leads back to where it was before.
            if cursors.contains(&next) {
                break;
            }
            cursors.push(next);
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

/// A part of the activity: a page of IG's, and how many of it were shown already.
///
/// Its cursor is a digest of what was asked, so that it leads to its own list or nowhere, the number, and
/// the page's path.
struct Part {
    path: String,
    shown: usize,
}

impl Part {
    fn told_by(cursor: &Cursor, list: &str) -> Option<Self> {
        let (shown, path) = cursor.0.strip_prefix(list)?.strip_prefix('.')?.split_once('.')?;
        Some(Self { path: below(path)?, shown: shown.parse().ok()? })
    }

    fn cursor(&self, list: &str) -> Cursor {
        Cursor(format!("{list}.{}.{}", self.shown, self.path))
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
