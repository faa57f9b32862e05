//! What must never happen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use evergrant::capability::{Event, Message};
use evergrant::feed::{FeedKind, Scope};
use evergrant::store::{FeedStatus, Pass};
use evergrant::testing::{MemoryStore, Told, ToldKind};
use evergrant::{IntegrationId, UserId};

use super::items::Made;
use super::pull::Shared;

/// Sees every pass begin and end.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    pub(super) site: Shared,
    pub(super) owner: UserId,
    /// Whether the copy has a limit.
    is_cut: bool,
    /// When the last pass and the one before it began.
    began: Arc<Mutex<Began>>,
}

#[derive(Debug, Default)]
struct Began {
    number: i64,
    at: u64,
    before: u64,
}

impl Judge {
    pub(super) fn new(site: Shared, owner: UserId, is_cut: bool) -> Self {
        Self { site, owner, is_cut, began: Arc::default() }
    }

    pub(super) fn began(&self, pass: Option<&Pass>) {
        let mut began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pass) = pass.filter(|pass| pass.number != began.number) {
            let now = self.site.lock().now;
            *began = Began { number: pass.number, at: now, before: began.at };
        }
    }

    /// The revision that the copy has got to.
    pub(super) fn revision(&self, store: &MemoryStore) -> i64 {
        store.item_changes(self.owner, 0).expect("nothing was forgotten").1
    }

    /// What has left with this pass was away for a moment at least.
    pub(super) fn ended(&self, store: &MemoryStore, before: i64) {
        let told = store.item_changes(self.owner, before).expect("nothing was forgotten").0;
        let since = self.began.lock().unwrap_or_else(PoisonError::into_inner).before;
        let site = self.site.lock();
        for told in told.iter().filter(|told| told.kind == ToldKind::Deleted("deleted")) {
            let thing = site.things.get(&told.id);
            if let Some(thing) = thing.filter(|thing| site.is_inside(thing.at)) {
                // Of a part that is listed anew each time nobody says what has left it for another.
                let moves = thing.moved.iter().filter(|at| **at > since).count();
                let was_away = thing.since > since || (self.is_cut && moves > 1);
                assert!(was_away, "{} is told deleted and was there: {thing:?}", told.id);
            }
        }
    }

    /// In the end the copy holds what belongs into it, as it is.
    pub(super) fn is_right(
        &self,
        store: &MemoryStore,
        integration: IntegrationId,
        scope: &Scope,
        status: &FeedStatus,
    ) {
        let site = self.site.lock();
        let (belongs, more) = site.belongs(scope);
        let json = |id: &String| {
            let thing = &site.things[id];
            let json = match site.kind {
                FeedKind::Email => serde_json::to_string(&Message::made(id, thing)),
                FeedKind::Calendar => serde_json::to_string(&Event::made(id, thing)),
            };
            (id.clone(), json.expect("JSON"))
        };
        let belongs: BTreeMap<_, _> = belongs.iter().map(json).collect();
        let held: BTreeMap<_, _> = held(store, integration, site.kind).collect();
        assert_eq!(held, belongs, "the copy is not what is at the provider");
        assert_eq!((status.items, status.truncated), (held.len() as u64, more));
        assert_eq!((status.done_run, &status.failure), (status.run, &None));
    }
}

/// What the copy holds.
fn held(
    store: &MemoryStore,
    integration: IntegrationId,
    feed: FeedKind,
) -> impl Iterator<Item = (String, String)> {
    store.items(integration, feed).into_iter().map(|held| {
        assert!(!held.is_missing, "{} is missing and nobody looks for it", held.item.id);
        (held.item.id, held.item.json)
    })
}

/// Somebody who follows the changes.
#[derive(Debug, Default)]
pub(super) struct Consumer {
    cursor: i64,
    mirror: BTreeMap<String, String>,
}

impl Consumer {
    /// Hears what is new; nothing twice, and nothing that makes no sense.
    pub(super) fn poll(&mut self, store: &MemoryStore, owner: UserId) {
        let (changes, cursor) =
            store.item_changes(owner, self.cursor).expect("nothing was forgotten");
        assert!(cursor >= self.cursor);
        for Told { kind, id, item, revision, .. } in changes {
            assert!(revision > self.cursor && revision <= cursor);
            let known = self.mirror.get(&id);
            match (kind, item) {
                (ToldKind::Added, Some(item)) => {
                    self.mirror.insert(id, item.json);
                }
                (ToldKind::Updated, Some(item)) => {
                    assert!(known.is_some(), "{id} is updated and was never added");
                    assert_ne!(known, Some(&item.json), "{id} is told twice");
                    self.mirror.insert(id, item.json);
                }
                (ToldKind::Deleted(_), None) => {
                    self.mirror.remove(&id);
                }
                (kind, _) => panic!("{id} is {kind:?}"),
            }
        }
        self.cursor = cursor;
    }

    pub(super) fn is_right(&self, store: &MemoryStore, integration: IntegrationId, feed: FeedKind) {
        let held: BTreeMap<_, _> = held(store, integration, feed).collect();
        assert_eq!(self.mirror, held, "who follows the changes has not what the copy has");
    }
}
