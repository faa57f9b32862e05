//! What changed in a user's calendars, in order, and how it was before.

use std::ops::Bound;

use super::item::Item;
use super::mailbox::Mailbox;

/// What a change left behind.
#[derive(Debug)]
pub(in super::super) enum Entry {
    /// The item with this number changed last here.
    Now(u64),
    /// An item was like this, and is elsewhere in time or nowhere: what it showed may be gone.
    Before(Box<Item>),
}

impl Mailbox {
    /// What changed from this change on, in that order.
    pub(super) fn history(&self, from: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let range = (Bound::Included(from), Bound::Unbounded);
        self.history.range(range).map(|(change, entry)| (*change, entry))
    }

    /// What changed up to this change, the last first.
    pub(super) fn history_back(&self, until: u64) -> impl Iterator<Item = &Entry> {
        self.history.range(..=until).rev().map(|(_, entry)| entry)
    }

    /// Remembers how an item was, if its successor shows less in some window.
    pub(super) fn remember(&mut self, after: &Item) {
        let Some(before) = self.items.get(&after.number) else { return };
        let old = before.change;
        let before = shows_less(before, after).then(|| Box::new(before.clone()));
        self.history.remove(&old);
        if let Some(before) = before {
            self.change += 1;
            self.history.insert(self.change, Entry::Before(before));
        }
    }

    /// Remembers an item that is no longer there; the number of the change is its tombstone's.
    pub(super) fn remember_gone(&mut self, item: &Item) {
        self.history.remove(&item.change);
        self.history.insert(self.change, Entry::Before(Box::new(item.clone())));
    }
}

/// Whether there can be a window that showed something of `before` and does not of `after`.
fn shows_less(before: &Item, after: &Item) -> bool {
    before.recurrence.is_some()
        || after.recurrence.is_some()
        || before.calendar != after.calendar
        || before.content.span.matched() != after.content.span.matched()
}
