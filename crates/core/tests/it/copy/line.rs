//! A process's line to the copy: calls fail or lose their answer, and a process may die at each.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use evergrant::feed::{FeedKind, Part, Window};
use evergrant::provider::{Failure, ProviderKey};
use evergrant::store::{
    Applied, Asked, Batch, Claim, Claimed, FeedId, FeedStatus, Hint, Lease, Pass, PassEnd,
    StoreError, Stored, Subscription, SyncStore,
};
use evergrant::testing::MemoryStore;
use evergrant::{IntegrationId, UserId};
use jiff::Timestamp;

use super::judge::Judge;
use crate::simulation::Chance;

/// A moment in which anything may happen elsewhere, or the process die.
pub(super) async fn step() {
    let mut came = false;
    poll_fn(|context| {
        if std::mem::replace(&mut came, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A [`SyncStore`] over the shared [`MemoryStore`].
#[derive(Clone)]
pub(super) struct Line {
    pub(super) store: MemoryStore,
    pub(super) judge: Judge,
    /// Whether calls fail.
    pub(super) fails: Arc<AtomicBool>,
    pub(super) chance: Arc<Mutex<Chance>>,
}

impl Line {
    fn fault(&self) -> Stored<()> {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        if self.fails.load(Ordering::Relaxed) && chance.below(60) == 0 {
            return Err(StoreError::Unavailable("scripted".into()));
        }
        Ok(())
    }

    async fn through<T>(&self, call: impl Future<Output = Stored<T>>) -> Stored<T> {
        step().await;
        self.fault()?;
        let answer = call.await;
        step().await;
        self.fault()?;
        answer
    }
}

#[async_trait]
impl SyncStore for Line {
    async fn enrol(&self, since: i64, offers: &[(ProviderKey, FeedKind)]) -> Stored<i64> {
        self.through(self.store.enrol(since, offers)).await
    }

    async fn claim_feeds(
        &self,
        claim: Claim,
        limit: u32,
        this: Option<FeedId>,
    ) -> Stored<Vec<Claimed>> {
        self.through(self.store.claim_feeds(claim, limit, this)).await
    }

    async fn next_feed(&self) -> Stored<Option<Timestamp>> {
        self.through(self.store.next_feed()).await
    }

    async fn hold(&self, lease: &Lease) -> Stored<bool> {
        self.through(self.store.hold(lease)).await
    }

    async fn open_pass(&self, lease: &Lease) -> Stored<Option<()>> {
        self.through(self.store.open_pass(lease)).await
    }

    async fn begin_pass(
        &self,
        lease: &Lease,
        scope: &str,
        parts: &[Part],
        anew: bool,
    ) -> Stored<Option<Pass>> {
        let call = self.store.begin_pass(lease, scope, parts, anew);
        let judged = async {
            let pass = call.await?;
            self.judge.began(pass.as_ref());
            Ok(pass)
        };
        self.through(judged).await
    }

    async fn apply(&self, lease: &Lease, batch: &Batch) -> Stored<Option<Applied>> {
        self.through(self.store.apply(lease, batch)).await
    }

    async fn restart(&self, lease: &Lease, part: &str) -> Stored<Option<()>> {
        self.through(self.store.restart(lease, part)).await
    }

    async fn end_pass(
        &self,
        lease: &Lease,
        cut: bool,
        window: Option<Window>,
    ) -> Stored<Option<PassEnd>> {
        let judged = async {
            let before = self.judge.revision(&self.store);
            let end = self.store.end_pass(lease, cut, window).await?;
            self.judge.ended(&self.store, before);
            Ok(end)
        };
        self.through(judged).await
    }

    async fn end_run(&self, lease: &Lease, next: Timestamp) -> Stored<Option<()>> {
        self.through(self.store.end_run(lease, next)).await
    }

    async fn leave_run(
        &self,
        lease: &Lease,
        next: Option<Timestamp>,
        failure: Option<&Failure>,
    ) -> Stored<Option<()>> {
        self.through(self.store.leave_run(lease, next, failure)).await
    }

    async fn ask(
        &self,
        owner: UserId,
        integration: IntegrationId,
        feeds: &[FeedKind],
    ) -> Stored<Vec<Asked>> {
        self.through(self.store.ask(owner, integration, feeds)).await
    }

    async fn feeds(
        &self,
        owner: UserId,
        integration: Option<IntegrationId>,
    ) -> Stored<Vec<FeedStatus>> {
        self.through(self.store.feeds(owner, integration)).await
    }

    async fn claim_subscriptions(
        &self,
        providers: &[ProviderKey],
        again: Duration,
        limit: u32,
    ) -> Stored<Vec<Subscription>> {
        self.through(self.store.claim_subscriptions(providers, again, limit)).await
    }

    async fn put_subscription(&self, subscription: &Subscription) -> Stored<bool> {
        self.through(self.store.put_subscription(subscription)).await
    }

    async fn subscription_at(
        &self,
        provider: &ProviderKey,
        address_hash: &[u8; 32],
    ) -> Stored<Option<Subscription>> {
        self.through(self.store.subscription_at(provider, address_hash)).await
    }

    async fn subscriptions(&self, integration: IntegrationId) -> Stored<Vec<Subscription>> {
        self.through(self.store.subscriptions(integration)).await
    }

    async fn take_away(&self) -> Stored<bool> {
        self.through(self.store.take_away()).await
    }

    async fn take_hints(&self, hints: &[Hint]) -> Stored<u64> {
        self.through(self.store.take_hints(hints)).await
    }
}
