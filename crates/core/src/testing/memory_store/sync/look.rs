//! What tests see of the copy.

use std::time::Duration;

use jiff::Timestamp;

use super::super::MemoryStore;
use super::copies::Leaves;
use crate::clock::later;
use crate::feed::FeedKind;
use crate::id::{IntegrationId, UserId};
use crate::provider::ProviderKey;
use crate::store::{FeedId, Item};

/// For how long it is known what has left.
const LEFT_KEPT: Duration = Duration::from_hours(30 * 24);

/// An item that the copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldItem {
    /// The item.
    pub item: Item,
    /// The part it belongs to.
    pub part: String,
    /// Its last revision.
    pub revision: i64,
    /// Whether it is missing, and leaves unless it is found.
    pub is_missing: bool,
}

/// What happened to an item after a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What.
    pub kind: ToldKind,
    /// In which feed.
    pub feed: FeedKind,
    /// Of which integration.
    pub integration: IntegrationId,
    /// At which provider.
    pub provider: ProviderKey,
    /// The item's id.
    pub id: String,
    /// Its revision.
    pub revision: i64,
    /// When it took it.
    pub at: Timestamp,
    /// The item, unless it has left.
    pub item: Option<Item>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldKind {
    /// It is new.
    Added,
    /// It is different.
    Updated,
    /// It has left, for this reason: `deleted`, `left` or `disconnected`.
    Deleted(&'static str),
}

impl MemoryStore {
    /// What the copy of a feed holds, in the order of the ids. Counts as no call.
    pub fn items(&self, integration: IntegrationId, feed: FeedKind) -> Vec<HeldItem> {
        self.lock(|state| {
            let held = state.copies.of(FeedId { integration, feed }).map(|kept| HeldItem {
                item: kept.item.clone(),
                part: kept.part.clone(),
                revision: kept.revision,
                is_missing: kept.missing.is_some(),
            });
            held.collect()
        })
    }

    /// The owner's items that changed after revision `after`, each once and as it is now, in order, and
    /// the revision that all this is as of; `None` where something was forgotten since. Counts as no call.
    pub fn item_changes(&self, owner: UserId, after: i64) -> Option<(Vec<Told>, i64)> {
        self.lock(|state| {
            let forgotten = state.copies.forgotten.get(&owner).copied().unwrap_or_default();
            // Whoever begins knows nothing that could have left.
            if after > 0 && after < forgotten {
                return None;
            }
            let rows = state.copies.items.iter().filter(|(_, kept)| {
                kept.owner == owner
                    && kept.revision > after
                    && (kept.left.is_none() || kept.first <= after)
            });
            let told = rows.map(|((feed, id), kept)| Told {
                kind: match kept.left {
                    Some(Leaves::Deleted) => ToldKind::Deleted("deleted"),
                    Some(Leaves::Left) => ToldKind::Deleted("left"),
                    Some(Leaves::Disconnected) => ToldKind::Deleted("disconnected"),
                    None if kept.added > after => ToldKind::Added,
                    None => ToldKind::Updated,
                },
                feed: feed.feed,
                integration: feed.integration,
                provider: kept.provider.clone(),
                id: id.clone(),
                revision: kept.revision,
                at: kept.changed_at,
                item: kept.left.is_none().then(|| kept.item.clone()),
            });
            let mut told: Vec<_> = told.collect();
            told.sort_by_key(|told| told.revision);
            let now = state.copies.revisions.get(&owner).copied().unwrap_or_default();
            Some((told, now))
        })
    }
}

impl super::Copies {
    /// Forgets what has left long ago.
    pub(in super::super) fn tidy(&mut self, now: Timestamp) {
        let Self { items, forgotten, .. } = self;
        items.retain(|_, kept| {
            let keeps = kept.left.is_none() || later(kept.changed_at, LEFT_KEPT) > now;
            if !keeps {
                let last = forgotten.entry(kept.owner).or_default();
                *last = kept.revision.max(*last);
            }
            keeps
        });
    }
}
