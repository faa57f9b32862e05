//! The vault's port, method by method; what each does stands in the module of its table.

use async_trait::async_trait;
use evergrant::fernet::KeyId;
use evergrant::id::{AttemptId, DebtId, HolderId, IntegrationId, Lineage, UserId};
use evergrant::integration::Integration;
use evergrant::provider::{Failure, ProviderKey};
use evergrant::seal::Sealed;
use evergrant::store::{
    Attempt, Change, Commit, Committed, Debt, Edit, Ended, Flow, GrantRow, GrantStore, Intent,
    NewIntegration, Notice, Reserved, SealedRow, Stored,
};
use jiff::Timestamp;

use crate::{
    Store, attempts, changes, debts, effects, feeds, flows, grants, home, integrations, intents,
    items, notices, quotas, schema, sealed, subscriptions,
};

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

    async fn find_flow(
        &self,
        state_hash: &[u8; 32],
        provider: &ProviderKey,
        owner: Option<UserId>,
        now: Timestamp,
    ) -> Stored<Option<Flow>> {
        flows::find(&self.db, state_hash, provider, owner, now).await
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
        debt: Option<DebtId>,
    ) -> Stored<Option<GrantRow>> {
        integrations::disconnect(&self.db, owner, id, now, debt).await
    }

    async fn grant(&self, id: IntegrationId) -> Stored<Option<GrantRow>> {
        grants::find(&self.db, id).await
    }

    async fn reserve(&self, intent: &Intent) -> Stored<Reserved> {
        intents::reserve(&self.db, intent).await
    }

    async fn answer(
        &self,
        id: IntegrationId,
        attempt: AttemptId,
        answer: &Sealed,
        at: Timestamp,
    ) -> Stored<bool> {
        intents::answer(&self.db, id, attempt, answer, at).await
    }

    async fn release(&self, id: IntegrationId, attempt: AttemptId, ended: Ended) -> Stored<()> {
        intents::release(&self.db, id, attempt, ended).await
    }

    async fn orphan(&self, holder: HolderId) -> Stored<()> {
        intents::orphan(&self.db, holder).await?;
        feeds::orphan(&self.db, holder).await
    }

    async fn commit(&self, commit: &Commit) -> Stored<Committed> {
        grants::commit(&self.db, commit).await
    }

    async fn note(&self, attempt: &Attempt) -> Stored<()> {
        attempts::note(&self.db, attempt).await
    }

    async fn attempts(&self, owner: UserId, id: IntegrationId) -> Stored<Vec<Attempt>> {
        attempts::list(&self.db, owner, id).await
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

    async fn owe(&self, debt: &Debt) -> Stored<()> {
        debts::owe(&self.db, debt).await
    }

    async fn claim_debts(&self, now: Timestamp, again: Timestamp, limit: u32) -> Stored<Vec<Debt>> {
        debts::claim(&self.db, now, again, limit).await
    }

    async fn settle(&self, debt: DebtId) -> Stored<()> {
        debts::settle(&self.db, debt).await
    }

    async fn debts(&self) -> Stored<i64> {
        debts::count(&self.db).await
    }

    async fn sealed_otherwise(&self, key: &KeyId, limit: u32) -> Stored<Vec<SealedRow>> {
        sealed::otherwise(&self.db, key, limit).await
    }

    async fn reseal(&self, row: &SealedRow, sealed: &Sealed) -> Stored<bool> {
        sealed::reseal(&self.db, row, sealed).await
    }

    async fn sealing_keys(&self) -> Stored<Vec<(KeyId, i64)>> {
        // Flows time out by the clock of whoever began them.
        sealed::keys(&self.db, self.clock.now()).await
    }

    async fn tidy(&self) -> Stored<()> {
        flows::tidy(&self.db, self.clock.now()).await?;
        let now = self.now().await?;
        quotas::tidy(&self.db, now).await?;
        items::tidy(&self.db, now).await?;
        subscriptions::tidy(&self.db, now).await?;
        effects::tidy(&self.db, now).await
    }

    async fn is_copy(&self) -> Stored<bool> {
        home::is_copy(&self.db).await
    }

    async fn adopt(&self) -> Stored<()> {
        home::adopt(&self.db).await
    }

    async fn announce(&self, notice: &Notice) -> Stored<bool> {
        notices::announce(&self.db, notice).await
    }

    async fn notices(&self, after: i64, limit: u32) -> Stored<Vec<(i64, Notice)>> {
        notices::list(&self.db, after, limit).await
    }
}
