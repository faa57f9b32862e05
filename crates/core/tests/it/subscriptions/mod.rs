//! Subscriptions: the rules of `subscriptions/mod.rs`, each with a test of its name.

mod post;
mod storm;
mod tending;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use evergrant::capability::{Cursor, Message};
use evergrant::clock::later;
use evergrant::feed::{Feed, FeedKind, Part, PullError, Pulled, Scope};
use evergrant::id::LeaseId;
use evergrant::notification::Notifications;
use evergrant::provider::{Provider, ProviderKey, Renewal};
use evergrant::store::{Claim, FeedId, GrantStore, HINT_GAP, Lease, Subscription, SyncStore};
use evergrant::{Api, CallError, Clock, HolderId, IntegrationId, Subscriptions};
use serde_json::{Value, json};

use crate::support::{Adapter, Process, Rotation, Stage};
use post::{Made, Post};

/// A mailbox that nobody reads here.
struct Unread;

#[async_trait]
impl Feed<Message> for Unread {
    async fn parts(&self, _: &Api, _: &Scope) -> Result<Vec<Part>, CallError> {
        Ok(Vec::new())
    }

    async fn pull(
        &self,
        _: &Api,
        _: &Scope,
        _: &str,
        _: Option<&Cursor>,
        _: Option<u32>,
    ) -> Result<Pulled<Message>, PullError> {
        Err(PullError::Expired)
    }
}

/// A process with providers of these names that send word, and its subscriptions.
async fn begin(stage: &mut Stage, posts: &[(&str, &Post)]) -> (Process, Subscriptions) {
    let providers = posts.iter().map(|(key, post)| -> Arc<dyn Provider> {
        let word: Arc<dyn Notifications> = Arc::new((*post).clone());
        let adapter = Adapter::new(key, Rotation::Strict, Renewal::Ahead);
        Arc::new(adapter.fed(Arc::new(Unread)).told(word))
    });
    let process = stage.process_with(providers.collect()).await;
    let subscriptions = reached_at(stage, &process, "https://grants.test/api/notifications/");
    for (_, post) in posts {
        post.with(|book| book.door = Some(subscriptions.clone()));
    }
    (process, subscriptions)
}

/// The subscriptions of a process that is reached there.
fn reached_at(stage: &Stage, process: &Process, base: &str) -> Subscriptions {
    let base = base.parse().unwrap();
    Subscriptions::new(process.vault.clone(), Arc::new(stage.store.clone()), Some(base))
}

/// Gives connected accounts their feeds, as the syncer does.
async fn enrol(stage: &Stage, providers: &[&str]) {
    let offers: Vec<_> =
        providers.iter().map(|key| (ProviderKey::from(*key), FeedKind::Email)).collect();
    stage.store.enrol(0, &offers).await.unwrap();
}

/// One connected account whose mailbox is subscribed to, and the loop running.
async fn subscribed() -> (Stage, Process, Subscriptions, Post, IntegrationId) {
    let (mut stage, post) = (Stage::new(), Post::default());
    let (process, subscriptions) = begin(&mut stage, &[("acme", &post)]).await;
    let id = stage.connect(&process, "ada").await;
    enrol(&stage, &["acme"]).await;
    process.tasks.spawn_loop(subscriptions.clone().run());
    stage.live(Duration::from_secs(1)).await;
    assert_eq!(post.made().len(), 1);
    (stage, process, subscriptions, post, id)
}

async fn row(stage: &Stage, id: IntegrationId) -> Subscription {
    stage.store.subscriptions(id).await.unwrap().remove(0)
}

/// Has the feed read, so that nothing but a hint makes it due.
async fn rest(stage: &Stage, id: IntegrationId) {
    let (store, life) = (&stage.store, Duration::from_mins(1));
    let id = FeedId { integration: id, feed: FeedKind::Email };
    let lease = Lease { id, lease: LeaseId::from_u128(7), life };
    let claim = Claim { lease: lease.lease, holder: HolderId::from_u128(1), life };
    assert_eq!(store.claim_feeds(claim, 1, Some(id)).await.unwrap().len(), 1);
    store.begin_pass(&lease, "all", &[], false).await.unwrap().unwrap();
    store.end_pass(&lease, false, None).await.unwrap().unwrap();
    let far = later(stage.clock.now(), Duration::from_hours(10_000));
    store.end_run(&lease, far).await.unwrap().unwrap();
    assert!(!is_due(stage).await);
}

/// Whether it is due as soon as hints let it be.
async fn is_due(stage: &Stage) -> bool {
    let soon = later(stage.clock.now(), HINT_GAP);
    stage.store.next_feed().await.unwrap().is_some_and(|due| due <= soon)
}

/// A good notification of the account `ada`, and its number.
fn note(made: &Made, n: u64) -> Value {
    json!({ "subscription": made.id, "state": made.state, "tenant": "ada", "n": n })
}

fn body(notes: &[Value]) -> Bytes {
    Bytes::from(Value::from(notes).to_string())
}

/// How often the provider's API was called.
fn calls(stage: &Stage) -> usize {
    stage.world.with(|ledger| ledger.arrivals.len())
}

/// What time it is by the database.
async fn now(stage: &Stage) -> jiff::Timestamp {
    GrantStore::now(&stage.store).await.unwrap()
}
