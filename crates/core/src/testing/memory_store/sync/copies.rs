//! What the double remembers of copies.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::capability::Cursor;
use crate::clock::later;
use crate::id::{HolderId, IntegrationId, LeaseId, UserId};
use crate::integration::Integration;
use crate::provider::{Failure, ProviderKey};
use crate::store::{FeedId, FeedStatus, FeedStatusState, HINT_GAP, Item, Subscription};

#[derive(Debug, Default)]
pub(in super::super) struct Copies {
    pub(super) feeds: BTreeMap<FeedId, Copied>,
    /// Items, and what is left of those that have left.
    pub(super) items: BTreeMap<(FeedId, String), Kept>,
    /// The last revision of each owner.
    pub(super) revisions: HashMap<UserId, i64>,
    /// The last revision of each owner of which something was forgotten.
    pub(super) forgotten: HashMap<UserId, i64>,
    pub(super) hints: HashMap<(FeedId, [u8; 32]), Timestamp>,
}

/// A feed's row.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub(super) struct Copied {
    pub(super) owner: UserId,
    pub(super) provider: ProviderKey,
    /// The integration's epoch when the feed was last set going.
    epoch: i64,
    /// Whether the integration does not work.
    is_halted: bool,
    pub(super) due_at: Option<Timestamp>,
    pub(super) held: Option<Held>,
    pub(super) run: i64,
    pub(super) done_run: i64,
    pub(super) is_running: bool,
    began_at: Option<Timestamp>,
    pub(super) attempts: u32,
    pub(super) failure: Option<Failure>,
    pub(super) seen: u64,
    pub(super) expected: Option<u64>,
    pub(super) scope: Option<String>,
    pub(super) pass: i64,
    pub(super) pass_began: Option<Timestamp>,
    /// Whether a hint came since the last pass had begun.
    pub(super) is_hinted: bool,
    pub(super) as_of: Option<Timestamp>,
    pub(super) truncated: bool,
    pub(super) parts: Vec<PartRow>,
    /// The last mark; each reading of a part from its beginning has one of its own.
    marks: i64,
    pub(super) subscription: Option<Subscription>,
}

/// Who has a feed.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) lease: LeaseId,
    pub(super) holder: HolderId,
    pub(super) until: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct PartRow {
    pub(super) id: String,
    pub(super) cursor: Option<Cursor>,
    pub(super) is_done: bool,
    /// What the items seen are marked with, while it is read from its beginning.
    pub(super) mark: Option<i64>,
}

/// An item's row.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) owner: UserId,
    pub(super) provider: ProviderKey,
    pub(super) item: Item,
    pub(super) part: String,
    pub(super) mark: Option<i64>,
    /// The pass in which it was first missing.
    pub(super) missing: Option<i64>,
    pub(super) revision: i64,
    /// When the revision was taken.
    pub(super) changed_at: Timestamp,
    /// The revision with which it was last added.
    pub(super) added: i64,
    /// The revision with which it was first added, as far as anybody remembers.
    pub(super) first: i64,
    pub(super) left: Option<Leaves>,
}

/// Why an item has left the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    Deleted,
    Left,
    Disconnected,
}

impl Copies {
    /// The owner's next revision.
    pub(super) fn revise(&mut self, owner: UserId) -> i64 {
        let revision = self.revisions.entry(owner).or_default();
        *revision += 1;
        *revision
    }

    /// The items of a feed that have not left.
    pub(super) fn of(&mut self, feed: FeedId) -> impl Iterator<Item = &mut Kept> {
        let rows = self.items.range_mut((feed, String::new())..);
        let rows = rows.take_while(move |((id, _), _)| *id == feed);
        rows.map(|(_, kept)| kept).filter(|kept| kept.left.is_none())
    }

    pub(super) fn count(&self, feed: FeedId) -> u64 {
        let rows = self.items.range((feed, String::new())..);
        let rows = rows.take_while(|((id, _), _)| *id == feed);
        rows.map(|(_, kept)| u64::from(kept.left.is_none())).sum()
    }

    /// Lets an item leave.
    pub(super) fn leave(&mut self, feed: FeedId, id: String, why: Leaves, now: Timestamp) {
        let key = (feed, id);
        let Some(owner) = self.items.get(&key).map(|kept| kept.owner) else { return };
        let revision = self.revise(owner);
        if let Some(kept) = self.items.get_mut(&key) {
            (kept.left, kept.missing) = (Some(why), None);
            (kept.revision, kept.changed_at) = (revision, now);
        }
    }

    /// The integration is no more.
    pub(super) fn disconnect(&mut self, integration: IntegrationId, now: Timestamp) {
        self.feeds.retain(|id, _| id.integration != integration);
        let live = self.items.iter().filter(|(_, kept)| kept.left.is_none());
        let its = live.filter(|((feed, _), _)| feed.integration == integration);
        let its: Vec<_> = its.map(|(key, _)| key.clone()).collect();
        for (feed, id) in its {
            self.leave(feed, id, Leaves::Disconnected, now);
        }
    }

    /// The integration does not work: nobody goes on with its feeds.
    pub(super) fn halt(&mut self, integration: IntegrationId) {
        let its = self.feeds.iter_mut().filter(|(id, _)| id.integration == integration);
        for (_, feed) in its {
            (feed.is_halted, feed.due_at, feed.held) = (true, None, None);
        }
    }

    /// The holder is dead: others need not wait for what it has.
    pub(in super::super) fn orphan(&mut self, holder: HolderId) {
        for feed in self.feeds.values_mut() {
            feed.held.take_if(|held| held.holder == holder);
        }
    }
}

impl Copied {
    /// The feed of an integration that was never read.
    pub(super) fn new(integration: &Integration) -> Self {
        Self {
            owner: integration.owner,
            provider: integration.provider.clone(),
            epoch: integration.epoch,
            is_halted: true,
            due_at: None,
            held: None,
            run: 0,
            done_run: 0,
            is_running: false,
            began_at: None,
            attempts: 0,
            failure: None,
            seen: 0,
            expected: None,
            scope: None,
            pass: 0,
            pass_began: None,
            is_hinted: false,
            as_of: None,
            truncated: false,
            parts: Vec::new(),
            marks: 0,
            subscription: None,
        }
    }

    /// The integration works: the feed is due if it was halted, or connected again.
    pub(super) fn enrol(&mut self, epoch: i64, now: Timestamp) {
        if self.is_halted || self.epoch != epoch {
            (self.is_halted, self.epoch, self.due_at) = (false, epoch, Some(now));
            (self.attempts, self.failure) = (0, None);
        }
    }

    pub(super) fn is_free(&self, now: Timestamp) -> bool {
        self.held.as_ref().is_none_or(|held| held.until <= now)
    }

    /// When it is due, or whoever has it must have extended their lease.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let due = self.due_at?;
        Some(self.held.as_ref().map_or(due, |held| due.max(held.until)))
    }

    /// Begins a run if none is under way.
    pub(super) fn begin_run(&mut self, now: Timestamp) {
        if !self.is_running {
            (self.is_running, self.run, self.seen) = (true, self.run + 1, 0);
            self.expected = None;
            self.began_at = Some(now);
        }
    }

    /// Begins a pass if none is under way.
    pub(super) fn open_pass(&mut self, now: Timestamp) {
        if self.pass_began.is_none() {
            (self.pass, self.pass_began, self.is_hinted) = (self.pass + 1, Some(now), false);
            self.parts.iter_mut().for_each(|part| part.is_done = false);
        }
    }

    /// When a hint makes it due, at the soonest.
    pub(super) fn hinted_from(&self) -> Timestamp {
        self.began_at.map_or(Timestamp::MIN, |began| later(began, HINT_GAP))
    }

    /// Lets parts begin at their beginning.
    pub(super) fn begin_anew(&mut self, which: impl Fn(&PartRow) -> bool) {
        self.marks += 1;
        for part in self.parts.iter_mut().filter(|part| which(part)) {
            (part.cursor, part.is_done, part.mark) = (None, false, Some(self.marks));
        }
    }

    /// Something may have changed.
    pub(super) fn hint(&mut self, look_after: bool, now: Timestamp) {
        self.is_hinted = true;
        // What somebody has to mend first is not mended by a hint, nor is what fails.
        if self.attempts == 0 {
            let from = now.max(self.hinted_from());
            self.due_at = self.due_at.map(|due| due.min(from));
        }
        if let (true, Some(subscription)) = (look_after, &mut self.subscription)
            && subscription.attempts == 0
        {
            subscription.due_at = subscription.due_at.min(now);
        }
    }

    pub(super) fn status(&self, id: FeedId, items: u64, now: Timestamp) -> FeedStatus {
        let subscribed = self.subscription.as_ref().filter(|it| it.subscription.is_some());
        FeedStatus {
            integration_id: id.integration,
            provider: self.provider.clone(),
            feed: id.feed,
            state: match self.due_at {
                _ if !self.is_free(now) => FeedStatusState::Running,
                None => FeedStatusState::Stopped,
                Some(due) if due <= now => FeedStatusState::Queued,
                Some(_) if self.failure.is_some() => FeedStatusState::Waiting,
                Some(_) => FeedStatusState::Idle,
            },
            run: self.run,
            done_run: self.done_run,
            as_of: self.as_of,
            truncated: self.truncated,
            items,
            seen: self.seen,
            expected: self.expected,
            began_at: self.began_at,
            next_at: self.due_at,
            attempts: self.attempts,
            failure: self.failure.clone(),
            notified_until: subscribed.and_then(|it| it.expires_at).filter(|ends| *ends > now),
        }
    }
}
