//! What a copy with a limit takes of all its parts together.

use std::collections::HashSet;

use crate::feed::Next;
use crate::store::Batch;

/// How much fits into the copy, and what was taken so far; of a copy without a limit nothing is counted.
#[derive(Debug)]
pub(super) struct Room {
    limit: Option<u32>,
    /// What was taken of the parts before, and of this one.
    taken: HashSet<String>,
    here: HashSet<String>,
    cut: bool,
}

impl Room {
    pub(super) fn new(limit: Option<u32>) -> Self {
        Self { limit, taken: HashSet::new(), here: HashSet::new(), cut: false }
    }

    /// What was taken of the part before is settled.
    pub(super) fn begin_part(&mut self) {
        self.taken.extend(self.here.drain());
    }

    /// What was taken of this part gives its room back: it is read once more.
    pub(super) fn begin_part_anew(&mut self) {
        self.here.clear();
    }

    /// How many items more the copy may hold.
    pub(super) fn left(&self) -> Option<u32> {
        let taken = self.taken.union(&self.here).count();
        let taken = u32::try_from(taken).unwrap_or(u32::MAX);
        self.limit.map(|limit| limit.saturating_sub(taken))
    }

    /// Whether there was more than fitted.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Leaves of a page what there is room for; where there is none for all of it, it is the part's last.
    pub(super) fn fit(&mut self, batch: &mut Batch) {
        let Some(mut left) = self.left() else { return };
        // What was told of before takes no room again.
        let mut fits = |id: &String| {
            let is_known = self.taken.contains(id) || self.here.contains(id);
            if is_known || left > 0 {
                left -= u32::from(!is_known);
                self.here.insert(id.clone());
                return true;
            }
            self.cut = true;
            false
        };
        batch.items.retain(|item| fits(&item.id));
        batch.still.retain(fits);
        if self.cut && matches!(batch.next, Next::More(_)) {
            batch.next = Next::Done(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Cursor;

    /// A page on which these cannot be read, and stay; what can be read is counted alike.
    fn page(ids: &[&str]) -> Batch {
        Batch {
            part: "inbox".to_owned(),
            items: Vec::new(),
            gone: Vec::new(),
            series: Vec::new(),
            still: ids.iter().map(|id| (*id).to_owned()).collect(),
            next: Next::More(Cursor("next".to_owned())),
        }
    }

    /// What is left of such a page.
    fn fitted(room: &mut Room, ids: &[&str]) -> (Vec<String>, bool) {
        let mut batch = page(ids);
        room.fit(&mut batch);
        (batch.still, matches!(batch.next, Next::More(_)))
    }

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_page_that_does_not_fit_is_cut_and_the_last() {
        let mut room = Room::new(Some(3));
        assert_eq!(fitted(&mut room, &["a", "b"]), (ids(&["a", "b"]), true));
        assert_eq!((room.left(), room.is_cut()), (Some(1), false));
        assert_eq!(fitted(&mut room, &["c", "d"]), (ids(&["c"]), false));
        assert_eq!((room.left(), room.is_cut()), (Some(0), true));
    }

    #[test]
    fn what_is_told_of_twice_takes_room_once() {
        let mut room = Room::new(Some(2));
        fitted(&mut room, &["a"]);
        // On the same page, on a later one, and in another part that it was moved to.
        assert_eq!(fitted(&mut room, &["a", "b", "b"]).0, ids(&["a", "b", "b"]));
        room.begin_part();
        assert_eq!(fitted(&mut room, &["b", "a"]), (ids(&["b", "a"]), true));
        assert_eq!((room.left(), room.is_cut()), (Some(0), false));
    }

    #[test]
    fn a_part_that_is_begun_anew_gives_its_room_back_and_no_other_does() {
        let mut room = Room::new(Some(3));
        fitted(&mut room, &["a"]);
        room.begin_part();
        fitted(&mut room, &["b", "c"]);
        assert_eq!(room.left(), Some(0));
        room.begin_part_anew();
        assert_eq!(room.left(), Some(2));
        assert_eq!(fitted(&mut room, &["d", "e"]), (ids(&["d", "e"]), true));
        assert!(!room.is_cut());
    }

    #[test]
    fn without_a_limit_all_fits() {
        let mut room = Room::new(None);
        assert_eq!(fitted(&mut room, &["a", "b"]), (ids(&["a", "b"]), true));
        assert_eq!((room.left(), room.is_cut()), (None, false));
    }
}
