//! One contract, three stores: every claim about the port is put to `MemoryStore`, SQLite and
//! PostgreSQL alike; what only [`Store`](evergrant_store::Store) can do, to both databases.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy takes only the functions marked as tests for tests, and here all are"
)]

mod attempts;
mod bench;
mod copy;
mod debts;
mod due;
mod effects;
mod flows;
mod grants;
mod home;
mod integrations;
mod intents;
mod item_changes;
mod item_readers;
mod memory;
mod notices;
mod opening;
mod principals;
mod quotas;
mod races;
mod registry;
mod revisions;
mod sealed;
mod stored_items;
mod sync_bench;
mod sync_feeds;
mod sync_hints;
mod sync_items;
mod sync_passes;
