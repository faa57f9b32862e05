//! A page as it fills: with so many items, and so many bytes, at most.

use std::ops::ControlFlow;

/// How many bytes of items and bodies a page has at most. One item that is larger is a page of its own.
const MOST: usize = 4 << 20;

/// A page of a list or of changes.
pub(super) struct Filling<T> {
    pub(super) items: Vec<T>,
    /// Whether there is more than there was room for.
    pub(super) more: bool,
    limit: usize,
    bytes: usize,
}

impl<T> Filling<T> {
    pub(super) fn new(limit: u32) -> Self {
        Self { items: Vec::new(), more: false, limit: limit.max(1) as usize, bytes: 0 }
    }

    /// Takes an item of so many bytes if there is room for it.
    pub(super) fn take(&mut self, item: T, bytes: usize) -> ControlFlow<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.items.len() == self.limit || (self.bytes > MOST && !self.items.is_empty()) {
            self.more = true;
            return ControlFlow::Break(());
        }
        self.items.push(item);
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_with_its_items_or_its_bytes_and_is_never_empty() {
        for (limit, sizes, taken) in [
            (2, &[1, 1][..], 2),
            (2, &[1, 1, 1], 2),
            (9, &[MOST, 1], 1),
            (9, &[MOST - 1, 1, 1], 2),
            (9, &[MOST + 1, 1], 1),
            (0, &[1, 1], 1),
        ] {
            let mut page = Filling::new(limit);
            let ended = sizes.iter().any(|size| page.take((), *size).is_break());
            assert_eq!((page.items.len(), page.more), (taken, ended), "{limit} {sizes:?}");
            assert_eq!(ended, taken < sizes.len());
        }
    }
}
