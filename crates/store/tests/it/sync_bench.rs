//! A store that keeps copies, with what is needed to fill them and to hear of their changes.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use evergrant::capability::Cursor;
use evergrant::feed::{FeedKind, Next, Part, Window};
use evergrant::id::LeaseId;
use evergrant::store::{Applied, Batch, Claim, FeedId, FeedStatus, Item, Lease, Pass, SyncStore};
use evergrant::testing::{MemoryStore, TestClock, ToldKind};
use evergrant::{IntegrationId, UserId};
use evergrant_store::{ItemChangeKind, ItemChanges, ItemQuery, Store};

use crate::bench::{Bench, Database, PROVIDER};

/// How long a lease lives.
pub(crate) const LIFE: Duration = Duration::from_mins(1);
/// The scope that nothing is out of.
pub(crate) const ALL: &str = "all unlimited bare";

/// A bench with feeds on it.
pub(crate) struct SyncBench {
    bench: Bench,
    pub(crate) sync: Arc<dyn SyncStore>,
    pub(crate) other: Arc<dyn SyncStore>,
    look: Look,
}

/// Who tells what the copy holds, which is not the port's business.
enum Look {
    Memory(MemoryStore),
    Database { store: Store, url: String },
}

impl Deref for SyncBench {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

/// Puts each claim, an `async fn(&SyncBench)`, to every store that keeps copies.
macro_rules! on_every_copy {
    ($($claim:ident),* $(,)?) => {
        mod memory {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() {
                super::$claim(&crate::sync_bench::SyncBench::memory()).await;
            }
        )*}
        mod sqlite {
            use crate::bench::{Database, on_database};
            $(crate::bench::database_test! {
                $claim, Database::sqlite(),
                |database| &crate::sync_bench::SyncBench::on(database)
            })*
        }
        mod postgres {
            use crate::bench::{Database, on_database};
            $(crate::bench::database_test! {
                $claim, Database::postgres_with_a_clock(),
                |database| &crate::sync_bench::SyncBench::on(database)
            })*
        }
    };
}
pub(crate) use on_every_copy;

impl SyncBench {
    pub(crate) fn memory() -> Self {
        let clock = TestClock::default();
        let store = MemoryStore::new(Arc::new(clock.clone()));
        let (one, other) = (Arc::new(store.clone()), Arc::new(store.clone()));
        Self {
            bench: Bench::new(one.clone(), other.clone(), &clock),
            sync: one,
            other,
            look: Look::Memory(store),
        }
    }

    pub(crate) fn on(database: &Database) -> Self {
        let store = database.store.clone();
        Self {
            bench: database.bench(),
            sync: Arc::new(store.clone()),
            other: Arc::new(database.replica.clone()),
            look: Look::Database { store, url: database.url.clone() },
        }
    }

    /// Lets time pass, for all who have a clock.
    pub(crate) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        if let Look::Database { url, .. } = &self.look
            && !url.starts_with("sqlite:")
        {
            Database::set_clock(url, self.now()).await;
        }
    }

    /// Makes feeds of what was connected, and takes away those of what was disconnected.
    pub(crate) async fn enrol(&self, since: i64) -> i64 {
        let offers = FeedKind::ALL.map(|feed| (PROVIDER.into(), feed));
        let reached = self.sync.enrol(since, &offers).await.unwrap();
        while self.sync.take_away().await.unwrap() {}
        reached
    }

    /// Alice's new mailbox, due now.
    pub(crate) async fn mailbox(&self) -> FeedId {
        self.mailbox_of(self.alice).await
    }

    pub(crate) async fn mailbox_of(&self, owner: UserId) -> FeedId {
        let since = self.store.revision().await.unwrap();
        let integration = self.connected_as(owner, &self.id().to_string()).await.integration.id;
        self.enrol(since).await;
        FeedId { integration, feed: FeedKind::Email }
    }

    pub(crate) fn claim(&self) -> Claim {
        let lease = LeaseId::from_u128(self.id().as_u128());
        Claim { lease, holder: self.holder(), life: LIFE }
    }

    /// Takes a feed, due or not.
    pub(crate) async fn take(&self, id: FeedId) -> Lease {
        let claim = self.claim();
        let taken = self.sync.claim_feeds(claim, 1, Some(id)).await.unwrap();
        assert_eq!(taken.iter().map(|it| it.id).collect::<Vec<_>>(), [id], "somebody has it");
        Lease { id, lease: claim.lease, life: claim.life }
    }

    /// A mailbox and the right to work on it.
    pub(crate) async fn taken(&self) -> Lease {
        let id = self.mailbox().await;
        self.take(id).await
    }

    pub(crate) async fn begin(&self, lease: &Lease, parts: &[&str]) -> Pass {
        self.begin_with(lease, ALL, parts, false).await
    }

    pub(crate) async fn begin_with(
        &self,
        lease: &Lease,
        scope: &str,
        parts: &[&str],
        anew: bool,
    ) -> Pass {
        let parts: Vec<_> =
            parts.iter().map(|id| Part { id: (*id).to_owned(), expected: None }).collect();
        let pass = self.sync.begin_pass(lease, scope, &parts, anew).await;
        pass.unwrap().expect("the lease is good")
    }

    /// Applies a page; how many were added and updated.
    pub(crate) async fn apply(&self, lease: &Lease, page: Batch) -> (u64, u64) {
        let applied = self.sync.apply(lease, &page).await.unwrap();
        let Applied { added, updated } = applied.expect("the lease is good");
        (added, updated)
    }

    /// Ends the pass; how many have left, and how many are missing.
    pub(crate) async fn end_pass(&self, lease: &Lease) -> (u64, u64) {
        self.end_pass_with(lease, false, None).await
    }

    pub(crate) async fn end_pass_with(
        &self,
        lease: &Lease,
        cut: bool,
        window: Option<Window>,
    ) -> (u64, u64) {
        let end = self.sync.end_pass(lease, cut, window).await.unwrap();
        let end = end.expect("the lease is good");
        (end.deleted, end.missing)
    }

    pub(crate) async fn end_run(&self, lease: &Lease) {
        let ended = self.sync.end_run(lease, self.in_secs(300)).await;
        ended.unwrap().expect("the lease is good");
    }

    /// A whole pass over these parts, a page each.
    pub(crate) async fn pass(&self, lease: &Lease, pages: &[Batch]) -> (u64, u64) {
        let parts: Vec<_> = pages.iter().map(|page| page.part.as_str()).collect();
        self.begin(lease, &parts).await;
        for page in pages {
            self.apply(lease, page.clone()).await;
        }
        self.end_pass(lease).await
    }

    /// A mailbox with a copy of these in the part `inbox`, and the right to work on it.
    pub(crate) async fn holding(&self, ids: &[&str]) -> Lease {
        let lease = self.taken().await;
        let items = ids.iter().fold(page("inbox"), |page, id| page.with(id, 1));
        self.pass(&lease, &[items]).await;
        lease
    }

    pub(crate) async fn status(&self, id: FeedId) -> FeedStatus {
        let feeds = self.other.feeds(self.alice, Some(id.integration)).await.unwrap();
        let its = feeds.into_iter().find(|status| status.feed == id.feed);
        its.expect("the feed is there")
    }

    /// What Alice is told after a revision, and the revision it came to; `None` if she must start over.
    pub(crate) async fn changes(&self, after: i64) -> Option<(Vec<String>, i64)> {
        match &self.look {
            Look::Memory(store) => {
                let (changes, next) = store.item_changes(self.alice, after)?;
                let told = changes.into_iter().map(|told| match (told.kind, told.item) {
                    (ToldKind::Added, Some(item)) => format!("added {}", item.json),
                    (ToldKind::Updated, Some(item)) => format!("updated {}", item.json),
                    (ToldKind::Deleted(why), None) => format!("deleted {} {why}", told.id),
                    other => panic!("told {other:?}"),
                });
                Some((told.collect(), next))
            }
            Look::Database { store, .. } => {
                let changes = crate::copy::asked(store, self.alice, after, 100_000).await;
                let ItemChanges::Page { changes, next, more: false } = changes else { return None };
                let told = changes.into_iter().map(|told| match (told.kind, told.item) {
                    (ItemChangeKind::Added, Some((json, _))) => format!("added {json}"),
                    (ItemChangeKind::Updated, Some((json, _))) => format!("updated {json}"),
                    (ItemChangeKind::Deleted(why), None) => {
                        format!("deleted {} {}", told.id, why.name())
                    }
                    other => panic!("told {other:?}"),
                });
                Some((told.collect(), next.revision()))
            }
        }
    }

    pub(crate) async fn told(&self, after: i64) -> Vec<String> {
        self.changes(after).await.expect("nothing was forgotten").0
    }

    /// The revision at which a reader is who has heard everything so far.
    pub(crate) async fn now_told(&self) -> i64 {
        self.changes(0).await.expect("nothing was forgotten").1
    }

    /// What the copy of Alice's feed holds, in the order of the ids.
    pub(crate) async fn held(&self, id: FeedId) -> Vec<String> {
        match &self.look {
            Look::Memory(store) => {
                let held = store.items(id.integration, id.feed);
                held.into_iter().map(|held| held.item.json).collect()
            }
            Look::Database { store, .. } => {
                let changes = crate::copy::asked(store, self.alice, 0, 100_000).await;
                let ItemChanges::Page { changes, .. } = changes else { panic!("{changes:?}") };
                let its = changes
                    .into_iter()
                    .filter(|it| it.integration == id.integration && it.feed == id.feed);
                let mut held: Vec<_> = its.map(|it| (it.id, it.item.unwrap().0)).collect();
                held.sort_unstable();
                // And so the list has it.
                let query = ItemQuery {
                    integration: Some(id.integration),
                    limit: 100_000,
                    ..ItemQuery::new(id.feed)
                };
                let page = store.items(self.alice, &query).await.unwrap();
                let mut listed: Vec<_> = page.items.into_iter().map(|it| it.json).collect();
                listed.sort_unstable();
                let held: Vec<_> = held.into_iter().map(|(_, json)| json).collect();
                let mut sorted = held.clone();
                sorted.sort_unstable();
                assert_eq!(listed, sorted);
                held
            }
        }
    }
}

/// An item in this version: `a` in version 1 is `"a1"` in JSON.
pub(crate) fn item(id: &str, version: u8) -> Item {
    let mut digest = [version; 32];
    digest[..id.len()].copy_from_slice(id.as_bytes());
    Item {
        id: id.to_owned(),
        series: None,
        at: "2026-01-02T03:04:05.678901Z".parse().unwrap(),
        until: None,
        is_read: Some(false),
        folder: Some("inbox".to_owned()),
        importance: Some("normal".to_owned()),
        sender: Some("ada@example.com".to_owned()),
        people: vec!["ada@example.com".to_owned(), "charles@example.com".to_owned()],
        words: "notes on the engine".to_owned(),
        json: format!("\"{id}{version}\""),
        body: None,
        digest,
    }
}

/// An occurrence of a series.
pub(crate) fn occurrence(id: &str, series: &str) -> Item {
    Item { series: Some(series.to_owned()), ..item(id, 1) }
}

/// A part's last page, with nothing on it.
pub(crate) fn page(part: &str) -> Batch {
    Batch {
        part: part.to_owned(),
        items: Vec::new(),
        gone: Vec::new(),
        series: Vec::new(),
        still: Vec::new(),
        next: Next::Done(Some(Cursor(format!("end of {part}")))),
    }
}

/// Fills a page.
pub(crate) trait Fill {
    fn with(self, id: &str, version: u8) -> Self;
    fn holds(self, item: Item) -> Self;
    fn gone(self, id: &str) -> Self;
    fn still(self, id: &str) -> Self;
    fn series(self, id: &str, occurrences: &[&str]) -> Self;
    fn more(self, cursor: &str) -> Self;
    /// Without a cursor from which it goes on.
    fn whole(self) -> Self;
}

impl Fill for Batch {
    fn with(self, id: &str, version: u8) -> Self {
        self.holds(item(id, version))
    }

    fn holds(mut self, item: Item) -> Self {
        self.items.push(item);
        self
    }

    fn gone(mut self, id: &str) -> Self {
        self.gone.push(id.to_owned());
        self
    }

    fn still(mut self, id: &str) -> Self {
        self.still.push(id.to_owned());
        self
    }

    fn series(mut self, id: &str, occurrences: &[&str]) -> Self {
        let occurrences = occurrences.iter().map(|id| (*id).to_owned()).collect();
        self.series.push((id.to_owned(), occurrences));
        self
    }

    fn more(mut self, cursor: &str) -> Self {
        self.next = Next::More(Cursor(cursor.to_owned()));
        self
    }

    fn whole(mut self) -> Self {
        self.next = Next::Done(None);
        self
    }
}

/// The feed of this kind beside another.
pub(crate) fn calendar(integration: IntegrationId) -> FeedId {
    FeedId { integration, feed: FeedKind::Calendar }
}
