//! Lists: filtered, sorted, and cut into pages.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::filter::compare;
use super::{Kind, Query, at};
use crate::microsoft::sandbox::graph::call::Call;
use crate::microsoft::sandbox::graph::reply::{Answer, Denied};

/// The items of a page without `$top`.
const PAGE: usize = 10;

/// A page of a list.
#[derive(Debug)]
pub(in super::super) struct Page<T> {
    pub(in super::super) items: Vec<T>,
    /// How many there are on all pages, if that was asked for.
    count: Option<usize>,
    /// The address of the next page.
    next: Option<String>,
}

impl Query {
    /// The items that `$filter` lets through, in the order of `$orderby`; without one they stay in
    /// their order. `view` shows an item as an entity, and is asked only if need be.
    pub(in super::super) fn narrow<'a, T: Copy>(
        &self,
        mut items: Vec<T>,
        view: impl Fn(T) -> &'a Value,
    ) -> Vec<T> {
        if let Some(filter) = &self.filter {
            items.retain(|item| filter.matches(view(*item)));
        }
        if !self.order.is_empty() {
            items.sort_by(|one, other| self.compare(view(*one), view(*other)));
        }
        items
    }

    /// The page that was asked for.
    pub(in super::super) fn page<T: Copy>(&self, call: &Call, items: &[T]) -> Page<T> {
        let size = self.top.unwrap_or(PAGE);
        let size = call.prefer.page_size.map_or(size, |most| match self.top {
            Some(top) => top.min(most),
            None => most,
        });
        let start = self.skip.min(items.len());
        let end = start.saturating_add(size).min(items.len());
        let next = (end < items.len()).then(|| {
            format!("{}{}?{}", call.origin, call.path, call.options.with("skip", &end.to_string()))
        });
        Page {
            items: items.get(start..end).unwrap_or_default().to_vec(),
            count: self.count.then_some(items.len()),
            next,
        }
    }

    fn compare(&self, one: &Value, other: &Value) -> Ordering {
        let by = |(path, down): &(String, bool)| {
            let order = compare(at(one, path), at(other, path)).unwrap_or(Ordering::Equal);
            if *down { order.reverse() } else { order }
        };
        self.order.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl<T> Page<T> {
    /// The answer with this page of `set`, such as `users('…')/messages`, of which `values` are the
    /// items.
    pub(in super::super) fn answer(
        &self,
        call: &Call,
        query: &Query,
        set: &str,
        values: &[Value],
    ) -> Answer {
        let context = call.context(&format!("{set}{}", query.selection()));
        let mut body = json!({ "@odata.context": context, "value": values });
        if let Some(count) = self.count {
            body["@odata.count"] = json!(count);
        }
        if let Some(next) = &self.next {
            body["@odata.nextLink"] = json!(next);
        }
        Answer::ok(body)
    }
}

/// The answer to a request for the list `set` of these entities, with all options applied.
pub(in super::super) fn list(
    call: &Call,
    kind: &'static Kind,
    set: &str,
    entities: &[Value],
) -> Result<Answer, Denied> {
    let query = call.options.query(kind)?;
    let found = query.narrow(entities.iter().collect(), |entity| entity);
    let page = query.page(call, &found);
    let shaped = page.items.iter().map(|entity| query.shape(kind, (*entity).clone()));
    Ok(page.answer(call, &query, set, &shaped.collect::<Vec<_>>()))
}
