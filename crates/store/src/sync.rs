//! The syncer's port, method by method; what each does stands in the module of its table.

use std::time::Duration;

use async_trait::async_trait;
use evergrant::feed::{FeedKind, Part, Window};
use evergrant::provider::{Failure, ProviderKey};
use evergrant::store::{
    Applied, Asked, Batch, Claim, Claimed, FeedId, FeedStatus, GrantStore as _, Hint, Lease, Pass,
    PassEnd, Stored, Subscription, SyncStore,
};
use evergrant::{IntegrationId, UserId};
use jiff::Timestamp;

use crate::{Store, feeds, items, subscriptions};

#[async_trait]
impl SyncStore for Store {
    async fn enrol(&self, since: i64, offers: &[(ProviderKey, FeedKind)]) -> Stored<i64> {
        feeds::enrol(&self.db, self.now().await?, since, offers).await
    }

    async fn claim_feeds(
        &self,
        claim: Claim,
        limit: u32,
        this: Option<FeedId>,
    ) -> Stored<Vec<Claimed>> {
        feeds::claim(&self.db, self.now().await?, claim, limit, this).await
    }

    async fn next_feed(&self) -> Stored<Option<Timestamp>> {
        feeds::next(&self.db).await
    }

    async fn hold(&self, lease: &Lease) -> Stored<bool> {
        feeds::hold(&self.db, self.now().await?, lease).await
    }

    async fn open_pass(&self, lease: &Lease) -> Stored<Option<()>> {
        feeds::open_pass(&self.db, self.now().await?, lease).await
    }

    async fn begin_pass(
        &self,
        lease: &Lease,
        scope: &str,
        parts: &[Part],
        anew: bool,
    ) -> Stored<Option<Pass>> {
        feeds::begin_pass(self, lease, scope, parts, anew).await
    }

    async fn apply(&self, lease: &Lease, batch: &Batch) -> Stored<Option<Applied>> {
        items::apply(self, lease, batch).await
    }

    async fn restart(&self, lease: &Lease, part: &str) -> Stored<Option<()>> {
        feeds::restart(self, lease, part).await
    }

    async fn end_pass(
        &self,
        lease: &Lease,
        cut: bool,
        window: Option<Window>,
    ) -> Stored<Option<PassEnd>> {
        feeds::end_pass(self, lease, cut, window).await
    }

    async fn end_run(&self, lease: &Lease, next: Timestamp) -> Stored<Option<()>> {
        feeds::end_run(&self.db, lease, next).await
    }

    async fn leave_run(
        &self,
        lease: &Lease,
        next: Option<Timestamp>,
        failure: Option<&Failure>,
    ) -> Stored<Option<()>> {
        feeds::leave_run(&self.db, self.now().await?, lease, next, failure).await
    }

    async fn ask(
        &self,
        owner: UserId,
        integration: IntegrationId,
        feeds: &[FeedKind],
    ) -> Stored<Vec<Asked>> {
        feeds::ask(&self.db, self.now().await?, owner, integration, feeds).await
    }

    async fn feeds(
        &self,
        owner: UserId,
        integration: Option<IntegrationId>,
    ) -> Stored<Vec<FeedStatus>> {
        feeds::list(&self.db, self.now().await?, owner, integration).await
    }

    async fn claim_subscriptions(
        &self,
        providers: &[ProviderKey],
        again: Duration,
        limit: u32,
    ) -> Stored<Vec<Subscription>> {
        subscriptions::claim(&self.db, self.now().await?, providers, again, limit).await
    }

    async fn put_subscription(&self, subscription: &Subscription) -> Stored<bool> {
        subscriptions::put(&self.db, subscription).await
    }

    async fn subscription_at(
        &self,
        provider: &ProviderKey,
        address_hash: &[u8; 32],
    ) -> Stored<Option<Subscription>> {
        subscriptions::at(&self.db, provider, address_hash).await
    }

    async fn subscriptions(&self, integration: IntegrationId) -> Stored<Vec<Subscription>> {
        subscriptions::of(&self.db, integration).await
    }

    async fn take_away(&self) -> Stored<bool> {
        feeds::take_away(&self.db, self.now().await?).await
    }

    async fn take_hints(&self, hints: &[Hint]) -> Stored<u64> {
        subscriptions::take_hints(&self.db, self.now().await?, hints).await
    }
}
