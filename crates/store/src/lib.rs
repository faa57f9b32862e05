//! SQLite and PostgreSQL behind one door; SQL written once.
//!
//! [`Store::open`] takes a URL and hides which of the two it is. Everything the vault asks for is
//! the port [`GrantStore`]; what only the server and the command line need, users and access keys,
//! are methods of [`Store`] itself.
//!
//! Invariants:
//! - A revision becomes visible only after every smaller one (`changes.rs`).
//! - Of two who want to spend the same refresh token, one gets the intent (`grants.rs`).
//! - A commit compares epoch and lineage and nothing else; grants have their own table for that.
//! - A value that cannot be read is [`StoreError::Inconsistent`](evergrant::store::StoreError) with
//!   table, row and column; whatever may pass is `Unavailable`.
//! - Times are microseconds: a time is stored without its nanoseconds.

mod changes;
mod db;
mod flows;
mod grants;
mod integrations;
mod open;
mod principals;
mod row;
mod schema;

use std::sync::Arc;

use async_trait::async_trait;
use evergrant::integration::Integration;
use evergrant::provider::{Failure, ProviderKey};
use evergrant::store::{
    Change, Committed, Edit, Flow, GrantRow, GrantStore, Intent, NewIntegration, Reserved,
    SealedGrant, Stored,
};
use evergrant::{AttemptId, Clock, IntegrationId, Lineage, UserId};
use jiff::Timestamp;

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
            Db::Sqlite(_) => "Store(SQLite)",
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

    /// Brings the schema up to date; does nothing where it is.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        schema::migrate(&self.db).await
    }

    /// Which schema the database has and which this program knows.
    pub async fn schema(&self) -> Stored<Schema> {
        schema::read(&self.db).await
    }

    /// The random name that the first migration gave this database; a copy has the same.
    pub async fn deployment(&self) -> Stored<String> {
        schema::deployment(&self.db).await
    }

    /// The ids of the encryption keys that stored grants need, and how many need each.
    pub async fn sealing_keys(&self) -> Stored<Vec<(String, i64)>> {
        grants::sealing_keys(&self.db).await
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
            Db::Sqlite(pool) => pool.close().await,
            Db::Postgres(pool) => pool.close().await,
        }
    }
}

#[async_trait]
impl GrantStore for Store {
    async fn now(&self) -> Stored<Timestamp> {
        schema::now(&self.db, &*self.clock).await
    }

    async fn put_flow(&self, flow: &Flow, now: Timestamp) -> Stored<()> {
        flows::put(&self.db, flow, now).await
    }

    async fn take_flow(
        &self,
        state_hash: &[u8; 32],
        provider: &ProviderKey,
        owner: Option<UserId>,
        now: Timestamp,
    ) -> Stored<Option<Flow>> {
        flows::take(&self.db, state_hash, provider, owner, now).await
    }

    async fn find_account(
        &self,
        owner: UserId,
        provider: &ProviderKey,
        account: &str,
    ) -> Stored<Option<Integration>> {
        integrations::find_account(&self.db, owner, provider, account).await
    }

    async fn connect(&self, new: &NewIntegration) -> Stored<bool> {
        integrations::connect(&self.db, new).await
    }

    async fn reconnect(&self, new: &NewIntegration) -> Stored<bool> {
        integrations::reconnect(&self.db, new).await
    }

    async fn integration(&self, owner: UserId, id: IntegrationId) -> Stored<Option<Integration>> {
        integrations::find(&self.db, owner, id).await
    }

    async fn integrations(
        &self,
        owner: UserId,
        after: Option<IntegrationId>,
        limit: u32,
    ) -> Stored<Vec<Integration>> {
        integrations::list(&self.db, owner, after, limit).await
    }

    async fn owner_of(&self, id: IntegrationId) -> Stored<Option<UserId>> {
        integrations::owner_of(&self.db, id).await
    }

    async fn edit(
        &self,
        owner: UserId,
        id: IntegrationId,
        edit: &Edit,
        now: Timestamp,
    ) -> Stored<Option<Integration>> {
        integrations::edit(&self.db, owner, id, edit, now).await
    }

    async fn disconnect(
        &self,
        owner: UserId,
        id: IntegrationId,
        now: Timestamp,
    ) -> Stored<Option<GrantRow>> {
        integrations::disconnect(&self.db, owner, id, now).await
    }

    async fn grant(&self, id: IntegrationId) -> Stored<Option<GrantRow>> {
        grants::find(&self.db, id).await
    }

    async fn reserve(&self, intent: &Intent) -> Stored<Reserved> {
        grants::reserve(&self.db, intent).await
    }

    async fn release(&self, id: IntegrationId, attempt: AttemptId) -> Stored<()> {
        grants::release(&self.db, id, attempt).await
    }

    async fn commit(
        &self,
        id: IntegrationId,
        attempt: AttemptId,
        epoch: i64,
        spent: Lineage,
        grant: &SealedGrant,
    ) -> Stored<Committed> {
        grants::commit(&self.db, id, attempt, epoch, spent, grant).await
    }

    async fn mark(
        &self,
        id: IntegrationId,
        epoch: i64,
        lineage: Lineage,
        why: &Failure,
        since: Timestamp,
    ) -> Stored<bool> {
        integrations::mark(&self.db, id, epoch, lineage, why, since).await
    }

    async fn claim_due(
        &self,
        now: Timestamp,
        again: Timestamp,
        limit: u32,
    ) -> Stored<Vec<IntegrationId>> {
        grants::claim_due(&self.db, now, again, limit).await
    }

    async fn next_due(&self) -> Stored<Option<Timestamp>> {
        grants::next_due(&self.db).await
    }

    async fn changes(&self, after: i64) -> Stored<Vec<Change>> {
        changes::changes(&self.db, after).await
    }

    async fn revision(&self) -> Stored<i64> {
        changes::revision(&self.db).await
    }
}
