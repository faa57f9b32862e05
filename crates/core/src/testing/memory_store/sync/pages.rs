//! Passes: what pages change, and what is missing at their end.

use jiff::Timestamp;

use super::copies::{Copies, Kept, Leaves, PartRow};
use crate::feed::{Next, Part, Window};
use crate::store::{Applied, Batch, FeedId, Item, PartState, Pass, PassEnd};

impl Copies {
    pub(super) fn begin_pass(
        &mut self,
        id: FeedId,
        scope: &str,
        parts: &[Part],
        anew: bool,
        now: Timestamp,
    ) -> Option<Pass> {
        let feed = self.feeds.get_mut(&id)?;
        feed.open_pass(now);
        let known = std::mem::take(&mut feed.parts);
        let is_no_more = |it: &PartRow| parts.iter().all(|part| part.id != it.id);
        let any_is_no_more = known.iter().any(is_no_more);
        feed.parts = parts
            .iter()
            .map(|part| {
                let known = known.iter().find(|it| it.id == part.id).cloned();
                let id = part.id.clone();
                known.unwrap_or(PartRow { id, cursor: None, is_done: false, mark: None })
            })
            .collect();
        let all = anew || feed.scope.as_deref() != Some(scope);
        feed.scope = Some(scope.to_owned());
        feed.begin_anew(|part| {
            all || (part.cursor.is_none() && part.mark.is_none() && !part.is_done)
        });
        // Of what is only followed, not all there is comes to be seen.
        let read = parts.iter().zip(&feed.parts).filter(|(_, row)| row.mark.is_some());
        let read: Vec<_> = read.filter_map(|(part, _)| part.expected).collect();
        if !read.is_empty() {
            feed.expected = feed.expected.max(Some(read.iter().sum()));
        }
        let states = feed.parts.iter().map(|part| PartState {
            id: part.id.clone(),
            cursor: part.cursor.clone(),
            is_done: part.is_done,
        });
        let pass = Pass { number: feed.pass, parts: states.collect() };
        if any_is_no_more {
            // What was missing already may have been in it, and it can no longer say so.
            for kept in self.of(id) {
                if kept.missing.is_some() || parts.iter().all(|part| part.id != kept.part) {
                    kept.missing = Some(pass.number);
                }
            }
        }
        Some(pass)
    }

    pub(super) fn apply(&mut self, id: FeedId, batch: &Batch, now: Timestamp) -> Option<Applied> {
        let feed = self.feeds.get_mut(&id)?;
        let part = feed.parts.iter_mut().find(|part| part.id == batch.part)?;
        let mark = part.mark;
        match &batch.next {
            Next::More(cursor) => part.cursor = Some(cursor.clone()),
            Next::Done(cursor) => {
                (part.cursor, part.is_done, part.mark) = (cursor.clone(), true, None);
            }
        }
        feed.seen += batch.items.len() as u64;
        feed.attempts = 0;

        // First, so that nothing the page tells of is missing at its end.
        let pass = feed.pass;
        for kept in self.of(id) {
            let its = |series: &String| kept.item.series.as_ref() == Some(series);
            let is_gone = batch.gone.iter().any(|gone| *gone == kept.item.id || its(gone));
            let mut lists = batch.series.iter();
            let is_out = lists.any(|(series, all)| {
                (its(series) || kept.item.id == *series) && !all.contains(&kept.item.id)
            });
            // Whoever hears that it is gone from elsewhere, too, hears that it was there meanwhile.
            if (is_gone || is_out) && (kept.part == batch.part || kept.missing.is_some()) {
                kept.missing = Some(pass);
            }
        }
        let mut applied = Applied::default();
        for item in &batch.items {
            self.take(id, &batch.part, mark, item, now, &mut applied);
        }
        for kept in self.of(id).filter(|kept| batch.still.contains(&kept.item.id)) {
            (kept.missing, kept.mark) = (None, mark);
            batch.part.clone_into(&mut kept.part);
        }
        if mark.is_some() && matches!(batch.next, Next::Done(_)) {
            self.miss(id, |kept| kept.part == batch.part && kept.mark != mark);
        }
        Some(applied)
    }

    pub(super) fn end_pass(
        &mut self,
        id: FeedId,
        cut: bool,
        window: Option<Window>,
        now: Timestamp,
    ) -> Option<PassEnd> {
        let feed = self.feeds.get_mut(&id)?;
        let (pass, is_hinted) = (feed.pass, feed.is_hinted);
        let began = feed.pass_began.take();
        // What is missing since the last pass may have been cut off by it.
        let cut_off = std::mem::replace(&mut feed.truncated, cut) || cut;
        let missing = self.of(id).filter(|kept| kept.missing.is_some());
        let (gone, missing): (Vec<_>, Vec<_>) =
            missing.partition(|kept| kept.missing.is_some_and(|since| since < pass));
        let gone: Vec<_> = gone
            .into_iter()
            .map(|kept| (kept.item.id.clone(), Leaves::why(&kept.item, cut_off, window)))
            .collect();
        let (deleted, missing) = (gone.len() as u64, missing.len() as u64);
        for (item, why) in gone {
            self.leave(id, item, why, now);
        }
        if missing == 0 {
            let feed = self.feeds.get_mut(&id)?;
            feed.as_of = began.or(feed.as_of);
        }
        Some(PassEnd { deleted, missing, is_hinted })
    }

    /// An item was told of: it is in this part.
    fn take(
        &mut self,
        feed: FeedId,
        part: &str,
        mark: Option<i64>,
        item: &Item,
        now: Timestamp,
        applied: &mut Applied,
    ) {
        let key = (feed, item.id.clone());
        let known = self.items.get(&key);
        let is_here = known.is_some_and(|kept| kept.left.is_none());
        let is_same = is_here && known.is_some_and(|kept| kept.item.digest == item.digest);
        if is_same && let Some(kept) = self.items.get_mut(&key) {
            (kept.missing, kept.mark) = (None, mark);
            part.clone_into(&mut kept.part);
            return;
        }
        let Some((owner, provider)) =
            self.feeds.get(&feed).map(|feed| (feed.owner, feed.provider.clone()))
        else {
            return;
        };
        let revision = self.revise(owner);
        let known = self.items.get(&key);
        let kept = Kept {
            owner,
            provider,
            item: item.clone(),
            part: part.to_owned(),
            mark,
            missing: None,
            revision,
            changed_at: now,
            added: known.filter(|kept| kept.left.is_none()).map_or(revision, |kept| kept.added),
            first: known.map_or(revision, |kept| kept.first),
            left: None,
        };
        *(if is_here { &mut applied.updated } else { &mut applied.added }) += 1;
        self.items.insert(key, kept);
    }

    /// What is like this is missing, from this pass on unless it was before.
    fn miss(&mut self, feed: FeedId, is_missing: impl Fn(&Kept) -> bool) {
        let Some(pass) = self.feeds.get(&feed).map(|feed| feed.pass) else { return };
        for kept in self.of(feed).filter(|kept| is_missing(kept)) {
            kept.missing.get_or_insert(pass);
        }
    }
}
