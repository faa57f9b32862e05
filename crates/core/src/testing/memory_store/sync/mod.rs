//! The local copy, kept plainly: the reference of what [`SyncStore`] promises.

mod copies;
mod look;
mod pages;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::MemoryStore;
use crate::clock::later;
use crate::feed::{FeedKind, Part, Window};
use crate::id::{IntegrationId, UserId};
use crate::integration::Status;
use crate::provider::{Failure, ProviderKey};
use crate::store::{
    Applied, Asked, Batch, Claim, Claimed, FeedId, FeedStatus, Hint, Lease, Pass, PassEnd, Stored,
    Subscription, SyncStore,
};

pub(super) use copies::Copies;
use copies::{Copied, Held, Leaves};
pub use look::{HeldItem, Told, ToldKind};

/// How many integrations one call of `enrol` looks at.
const ENROLLED_AT_ONCE: usize = 1_000;
/// For how long the same notification is the same.
const HINTS_KEPT: Duration = Duration::from_hours(24);

impl MemoryStore {
    /// Does something to a feed for whoever has the lease, and extends it; `None` if it is lost.
    fn leased<T>(
        &self,
        lease: &Lease,
        f: impl FnOnce(&mut Copies, Timestamp) -> Option<T>,
    ) -> Stored<Option<T>> {
        let now = self.clock.now();
        self.call(|state| {
            let feed = state.copies.feeds.get_mut(&lease.id)?;
            let held = feed.held.as_mut().filter(|held| held.lease == lease.lease)?;
            held.until = later(now, lease.life);
            f(&mut state.copies, now)
        })
    }
}

#[async_trait]
impl SyncStore for MemoryStore {
    async fn enrol(&self, since: i64, offers: &[(ProviderKey, FeedKind)]) -> Stored<i64> {
        let now = self.clock.now();
        self.call(|state| {
            let newer = state.changes.range(since.saturating_add(1)..);
            let last = newer.filter(|(revision, id)| {
                state.rows.get(id).is_some_and(|row| row.revision == **revision)
            });
            let mut came_to = since;
            for (revision, id) in last.take(ENROLLED_AT_ONCE) {
                came_to = *revision;
                let row = &state.rows[id];
                let integration = &row.integration;
                if row.kept.is_none() {
                    state.copies.disconnect(*id, now);
                } else if integration.status != Status::Active {
                    state.copies.halt(*id);
                } else {
                    for (_, feed) in offers.iter().filter(|(key, _)| *key == integration.provider) {
                        let id = FeedId { integration: *id, feed: *feed };
                        let copied = state.copies.feeds.entry(id);
                        let copied = copied.or_insert_with(|| Copied::new(integration));
                        copied.enrol(integration.epoch, now);
                    }
                }
            }
            came_to
        })
    }

    async fn claim_feeds(
        &self,
        claim: Claim,
        limit: u32,
        this: Option<FeedId>,
    ) -> Stored<Vec<Claimed>> {
        let now = self.clock.now();
        self.call(|state| {
            let free = state.copies.feeds.iter_mut().filter(|(_, feed)| feed.is_free(now));
            let mut due: Vec<_> = free
                .filter(|(id, feed)| match this {
                    Some(this) => **id == this,
                    None => feed.due_at.is_some_and(|due| due <= now),
                })
                .collect();
            due.sort_by_key(|(_, feed)| feed.due_at);
            let taken = due.into_iter().take(limit as usize).map(|(id, feed)| {
                let until = later(now, claim.life);
                feed.held = Some(Held { lease: claim.lease, holder: claim.holder, until });
                feed.begin_run(now);
                Claimed {
                    id: *id,
                    owner: feed.owner,
                    provider: feed.provider.clone(),
                    run: feed.run,
                    attempts: feed.attempts,
                }
            });
            taken.collect()
        })
    }

    async fn next_feed(&self) -> Stored<Option<Timestamp>> {
        self.call(|state| state.copies.feeds.values().filter_map(Copied::next).min())
    }

    async fn hold(&self, lease: &Lease) -> Stored<bool> {
        Ok(self.leased(lease, |_, _| Some(()))?.is_some())
    }

    async fn open_pass(&self, lease: &Lease) -> Stored<Option<()>> {
        self.leased(lease, |copies, now| {
            copies.feeds.get_mut(&lease.id)?.open_pass(now);
            Some(())
        })
    }

    async fn begin_pass(
        &self,
        lease: &Lease,
        scope: &str,
        parts: &[Part],
        anew: bool,
    ) -> Stored<Option<Pass>> {
        self.leased(lease, |copies, now| copies.begin_pass(lease.id, scope, parts, anew, now))
    }

    async fn apply(&self, lease: &Lease, batch: &Batch) -> Stored<Option<Applied>> {
        self.leased(lease, |copies, now| copies.apply(lease.id, batch, now))
    }

    async fn restart(&self, lease: &Lease, part: &str) -> Stored<Option<()>> {
        self.leased(lease, |copies, _| {
            let feed = copies.feeds.get_mut(&lease.id)?;
            feed.begin_anew(|it| it.id == part);
            Some(())
        })
    }

    async fn end_pass(
        &self,
        lease: &Lease,
        cut: bool,
        window: Option<Window>,
    ) -> Stored<Option<PassEnd>> {
        self.leased(lease, |copies, now| copies.end_pass(lease.id, cut, window, now))
    }

    async fn end_run(&self, lease: &Lease, next: Timestamp) -> Stored<Option<()>> {
        self.leased(lease, |copies, _| {
            let feed = copies.feeds.get_mut(&lease.id)?;
            (feed.is_running, feed.done_run, feed.held) = (false, feed.run, None);
            (feed.attempts, feed.failure) = (0, None);
            feed.due_at = Some(if feed.is_hinted { feed.hinted_from().min(next) } else { next });
            Some(())
        })
    }

    async fn leave_run(
        &self,
        lease: &Lease,
        next: Option<Timestamp>,
        failure: Option<&Failure>,
    ) -> Stored<Option<()>> {
        self.leased(lease, |copies, _| {
            let feed = copies.feeds.get_mut(&lease.id)?;
            (feed.held, feed.due_at) = (None, next);
            if let Some(failure) = failure {
                (feed.attempts, feed.failure) = (feed.attempts + 1, Some(failure.clone()));
            }
            Some(())
        })
    }

    async fn ask(
        &self,
        owner: UserId,
        integration: IntegrationId,
        feeds: &[FeedKind],
    ) -> Stored<Vec<Asked>> {
        let now = self.clock.now();
        self.call(|state| {
            let asked = feeds.iter().filter_map(|&feed| {
                let copied = state.copies.feeds.get_mut(&FeedId { integration, feed })?;
                (copied.owner == owner).then(|| {
                    copied.due_at = Some(now);
                    copied.is_hinted |= copied.pass_began.is_some();
                    copied.begin_run(now);
                    Asked { feed, run: copied.run }
                })
            });
            asked.collect()
        })
    }

    async fn feeds(
        &self,
        owner: UserId,
        integration: Option<IntegrationId>,
    ) -> Stored<Vec<FeedStatus>> {
        let now = self.clock.now();
        self.call(|state| {
            let feeds = state.copies.feeds.iter().filter(|(id, feed)| {
                feed.owner == owner && integration.is_none_or(|it| it == id.integration)
            });
            feeds.map(|(id, feed)| feed.status(*id, state.copies.count(*id), now)).collect()
        })
    }

    async fn claim_subscriptions(
        &self,
        providers: &[ProviderKey],
        again: Duration,
        limit: u32,
    ) -> Stored<Vec<Subscription>> {
        let now = self.clock.now();
        self.call(|state| {
            let feeds = state.copies.feeds.iter_mut();
            let asked_of = feeds.filter(|(_, feed)| providers.contains(&feed.provider));
            let rows = asked_of.map(|(id, feed)| {
                let (owner, provider) = (feed.owner, feed.provider.clone());
                feed.subscription.get_or_insert(Subscription {
                    id: *id,
                    owner,
                    provider,
                    address_hash: None,
                    state_hash: None,
                    subscription: None,
                    expires_at: None,
                    due_at: now,
                    attempts: 0,
                })
            });
            let mut due: Vec<_> = rows.filter(|row| row.due_at <= now).collect();
            due.sort_by_key(|row| row.due_at);
            let taken = due.into_iter().take(limit as usize).map(|row| {
                row.due_at = later(now, again);
                row.clone()
            });
            taken.collect()
        })
    }

    async fn put_subscription(&self, subscription: &Subscription) -> Stored<bool> {
        self.call(|state| {
            let feed = state.copies.feeds.get_mut(&subscription.id);
            feed.map(|feed| feed.subscription = Some(subscription.clone())).is_some()
        })
    }

    async fn subscription_at(
        &self,
        provider: &ProviderKey,
        address_hash: &[u8; 32],
    ) -> Stored<Option<Subscription>> {
        self.call(|state| {
            let mut all = state.copies.feeds.values().filter_map(|feed| feed.subscription.as_ref());
            all.find(|it| it.provider == *provider && it.address_hash == Some(*address_hash))
                .cloned()
        })
    }

    async fn subscriptions(&self, integration: IntegrationId) -> Stored<Vec<Subscription>> {
        self.call(|state| {
            let feeds = state.copies.feeds.iter().filter(|(id, _)| id.integration == integration);
            feeds.filter_map(|(_, feed)| feed.subscription.clone()).collect()
        })
    }

    /// Disconnected feeds have left at once.
    async fn take_away(&self) -> Stored<bool> {
        self.call(|_| false)
    }

    async fn take_hints(&self, hints: &[Hint]) -> Stored<u64> {
        let now = self.clock.now();
        self.call(|state| {
            let Copies { feeds, hints: known, .. } = &mut state.copies;
            known.retain(|_, at| later(*at, HINTS_KEPT) > now);
            let mut new = 0;
            for hint in hints {
                let Some(feed) = feeds.get_mut(&hint.id) else { continue };
                if known.insert((hint.id, hint.digest), now).is_none() {
                    feed.hint(hint.look_after, now);
                    new += 1;
                }
            }
            new
        })
    }
}

impl Leaves {
    /// Why an item that is found no more has left.
    fn why(item: &crate::store::Item, cut: bool, window: Option<Window>) -> Self {
        let outside = window.is_some_and(|window| {
            item.until.unwrap_or(item.at) <= window.from || item.at >= window.to
        });
        if cut || outside { Self::Left } else { Self::Deleted }
    }
}
