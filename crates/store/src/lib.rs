//! SQLite and PostgreSQL behind one door; SQL written once.
//!
//! [`Store::open`] takes a URL and hides which of the two it is. Everything the vault asks for is
//! the port [`GrantStore`](evergrant::store::GrantStore), what the syncer asks for is
//! [`SyncStore`](evergrant::store::SyncStore); what only the server and the command line need, users,
//! access keys, effects and lists of stored items, are methods of [`Store`] itself.
//!
//! Invariants:
//! - A revision becomes visible only after every smaller one (`changes.rs`).
//! - Of two who want to spend the same refresh token, one gets the intent (`intents.rs`).
//! - Of all who claim an effect, one has it at a time (`effects.rs`).
//! - A page of a feed is stored with the cursor behind it, by whoever has the feed (`items/apply.rs`).
//! - A commit compares epoch and lineage and nothing else; grants have their own table for that.
//! - A value that cannot be read is [`StoreError::Inconsistent`](evergrant::store::StoreError) with
//!   table, row and column; whatever may pass is `Unavailable`.
//! - Times are microseconds: a time is stored without its nanoseconds.

mod attempts;
mod changes;
mod db;
mod debts;
mod dialect;
mod effects;
mod feeds;
mod flows;
mod grants;
mod home;
mod integrations;
mod intents;
mod items;
mod notices;
mod open;
mod port;
mod principals;
mod quotas;
mod row;
mod schema;
mod sealed;
mod subscriptions;
mod sync;

use std::sync::Arc;

use evergrant::Clock;
use evergrant::provider::ProviderKey;
use evergrant::store::Stored;

pub use effects::{ClaimId, Claimed, Effect, EffectAnswer};
pub use items::{
    InvalidCursor, ItemChange, ItemChangeKind, ItemChanges, ItemChangesCursor, ItemChangesQuery,
    ItemCursor, ItemPage, ItemQuery, LeftReason, StoredItem,
};
pub use open::OpenError;
pub use principals::{AccessKey, AccessKeyId, Holder, User};
pub use schema::Schema;

use db::{Db, args};

/// An open database; clones share its connections.
#[derive(Clone)]
pub struct Store {
    db: Db,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.db {
            Db::Sqlite(..) => "Store(SQLite)",
            Db::Postgres(_) => "Store(PostgreSQL)",
        })
    }
}

impl Store {
    /// Opens `sqlite:FILE`, which is created if it is missing, or `postgres://…`. Its schema stays as
    /// it is; one that is newer than this program is refused.
    pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let db = open::open(url, &*clock).await?;
        schema::check(&db).await?;
        Ok(Self { db, clock })
    }

    /// Brings the schema up to date; does nothing where it is. The first time it runs makes this place
    /// the database's home.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        schema::migrate(&self.db).await
    }

    /// Which schema the database has and which this program knows.
    pub async fn schema(&self) -> Stored<Schema> {
        schema::read(&self.db).await
    }

    /// The random name that the first migration gave this database; a copy has the same until it is
    /// adopted.
    pub async fn deployment(&self) -> Stored<String> {
        schema::deployment(&self.db).await
    }

    /// How many live integrations there are, by provider and status's name. Looks at every one.
    pub async fn census(&self) -> Stored<Vec<(ProviderKey, String, i64)>> {
        integrations::census(&self.db).await
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Stored<()> {
        self.db.one("SELECT 1", args![]).await.map(drop)
    }

    /// Waits for the calls under way and closes the connections; later calls find it unavailable.
    pub async fn close(&self) {
        match &self.db {
            Db::Sqlite(pool, _) => pool.close().await,
            Db::Postgres(pool) => pool.close().await,
        }
    }
}
