//! What takes place in a span of time (contract, section 5.5).

use evergrant::capability::{Cursor, Event, EventQuery, Moment, Page, Zone};
use evergrant::{Api, CallError};
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};

use super::{IN_UTC, LISTED, READ, read, wire};
use crate::microsoft::graph::input::invalid;
use crate::microsoft::graph::{Call, id};

/// Whole days are matched as midnights in UTC, so they may lie a day beside the span.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);

/// The longest span that is answered (contract, section 5.5), less the margins.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(1823 * 24);

/// One page of it.
pub(in crate::microsoft) async fn events(
    api: &Api,
    query: &EventQuery,
    cursor: Option<&Cursor>,
) -> Result<Page<Event>, CallError> {
    if query.to <= query.from {
        return Err(invalid("/to", "is not after `from`"));
    }
    if query.to.duration_since(query.from) > LONGEST {
        return Err(invalid("/to", "is more than 1823 days after `from`"));
    }
    let (path, in_order) = match (&query.series, &query.calendar) {
        (Some(series), _) => (format!("/me/events/{}/instances", id(series)?), false),
        (None, Some(calendar)) => (format!("/me/calendars/{}/calendarView", id(calendar)?), true),
        (None, None) => ("/me/calendarView".to_owned(), true),
    };
    let edge = |at: Timestamp, by| at.saturating_add(by).unwrap_or(at).to_string();
    let mut call = Call::get(api, READ, path)
        .query("startDateTime", edge(query.from, -MARGIN))
        .query("endDateTime", edge(query.to, MARGIN))
        .query("$top", query.limit.clamp(1, 1000).to_string())
        .query("$select", LISTED)
        .prefer(IN_UTC);
    if in_order {
        call = call.query("$orderby", "start/dateTime");
    }
    let page: Page<wire::Event> = call.page(cursor).await?;
    let shown_in = query.zone.as_ref();
    let events = page.results.into_iter().filter_map(|theirs| readable(theirs, shown_in));
    let results = events.filter(|event| overlaps(event, query)).collect();
    Ok(Page { results, next: page.next })
}

/// The event, unless its times cannot be read: one must not cost the whole list.
pub(super) fn readable(theirs: wire::Event, shown_in: Option<&Zone>) -> Option<Event> {
    let id = theirs.id.clone();
    let event = read::event(theirs, shown_in);
    event
        .inspect_err(|_| tracing::debug!(id, "an event without times that can be read is left out"))
        .ok()
}

/// Whether it ends after the span begins, and begins before the span ends. A whole day is one in the
/// zone that was asked for, or in UTC.
pub(super) fn overlaps(event: &Event, query: &EventQuery) -> bool {
    let zone = query.zone.clone().unwrap_or_else(Zone::utc);
    let at = |moment: Moment| match moment {
        Moment::Day(day) => {
            // Where clocks skip midnight, the day begins right after it.
            let midnight = zone.rules().to_ambiguous_timestamp(day.to_datetime(Time::midnight()));
            midnight.compatible().ok()
        }
        timed => timed.instant(Some(&zone)).ok(),
    };
    let ends_after = at(event.end_time).is_none_or(|end| end > query.from);
    ends_after && at(event.start_time).is_none_or(|start| start < query.to)
}
