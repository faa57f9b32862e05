//! The database's double: the same contract, kept in memory, for tests of what stands above it.
//!
//! The conformance suite of `evergrant-store` runs it beside SQLite and PostgreSQL, so a test that
//! passes on it holds on them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::grant::Version;
use crate::integration::{Integration, Status};
use crate::provider::{Failure, ProviderKey};
use crate::store::{
    Change, Committed, Edit, Flow, GrantRow, GrantStore, Intent, NewIntegration, Reserved,
    SealedGrant, StoreError, Stored, Subject,
};
use crate::{AttemptId, Clock, IntegrationId, Lineage, UserId};

/// A store in memory; clones share it, as replicas share a database.
#[derive(Clone)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    unavailable: bool,
    calls: u64,
    revision: i64,
    rows: BTreeMap<IntegrationId, Row>,
    /// The live integrations by account: a benchmark has a million of them.
    accounts: HashMap<AccountKey, IntegrationId>,
    /// Every change so far; only an integration's last one counts.
    changes: BTreeMap<i64, IntegrationId>,
    flows: HashMap<[u8; 32], Flow>,
}

type AccountKey = (UserId, ProviderKey, String);

fn account_key(integration: &Integration) -> AccountKey {
    (integration.owner, integration.provider.clone(), integration.account.id.clone())
}

#[derive(Debug)]
struct Row {
    integration: Integration,
    revision: i64,
    /// `None` once it is disconnected: what is left is its revision, for those who poll.
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    generation: i64,
    grant: SealedGrant,
    intent: Option<(AttemptId, Timestamp)>,
}

impl MemoryStore {
    /// An empty store; `clock` is the one that all replicas share.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// From now on every call fails, or works again.
    pub fn set_available(&self, available: bool) {
        self.lock(|state| state.unavailable = !available);
    }

    /// How many calls were made so far, those that failed included.
    pub fn calls(&self) -> u64 {
        self.lock(|state| state.calls)
    }

    fn lock<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn call<T>(&self, f: impl FnOnce(&mut State) -> T) -> Stored<T> {
        self.lock(|state| {
            state.calls += 1;
            if state.unavailable {
                return Err(StoreError::Unavailable("switched off by the test".into()));
            }
            Ok(f(state))
        })
    }
}

impl State {
    fn owned(&mut self, owner: UserId, id: IntegrationId) -> Option<&mut Row> {
        let row = self.rows.get_mut(&id)?;
        (row.kept.is_some() && row.integration.owner == owner).then_some(row)
    }

    fn live(&self) -> impl Iterator<Item = &Integration> {
        let live = self.rows.values().filter(|row| row.kept.is_some());
        live.map(|row| &row.integration)
    }

    /// Whether another live integration than `new` has its account.
    fn account_taken(&self, new: &Integration) -> bool {
        self.accounts.get(&account_key(new)).is_some_and(|other| *other != new.id)
    }

    fn changed(&mut self, id: IntegrationId, revision: i64) {
        self.revision = revision;
        self.changes.insert(revision, id);
    }
}

impl Row {
    fn grant_row(&self) -> Option<GrantRow> {
        let kept = self.kept.as_ref()?;
        Some(GrantRow {
            id: self.integration.id,
            owner: self.integration.owner,
            provider: self.integration.provider.clone(),
            status: self.integration.status.clone(),
            revision: self.revision,
            version: Version { epoch: self.integration.epoch, generation: kept.generation },
            grant: kept.grant.clone(),
        })
    }

    fn due_at(&self) -> Option<Timestamp> {
        let active = self.integration.status == Status::Active;
        self.kept.as_ref().filter(|_| active).and_then(|kept| kept.grant.due_at)
    }
}

#[async_trait]
impl GrantStore for MemoryStore {
    async fn now(&self) -> Stored<Timestamp> {
        let now = self.clock.now();
        self.call(|_| now)
    }

    async fn put_flow(&self, flow: &Flow, now: Timestamp) -> Stored<()> {
        self.call(|state| {
            state.flows.retain(|_, flow| flow.expires_at > now);
            state.flows.insert(flow.state_hash, flow.clone());
        })
    }

    async fn take_flow(
        &self,
        state_hash: &[u8; 32],
        provider: &ProviderKey,
        owner: Option<UserId>,
        now: Timestamp,
    ) -> Stored<Option<Flow>> {
        self.call(|state| {
            let flow = state.flows.get(state_hash)?;
            let matches = flow.provider == *provider
                && flow.expires_at > now
                && owner.is_none_or(|owner| flow.owner == owner);
            matches.then(|| state.flows.remove(state_hash)).flatten()
        })
    }

    async fn find_account(
        &self,
        owner: UserId,
        provider: &ProviderKey,
        account: &str,
    ) -> Stored<Option<Integration>> {
        self.call(|state| {
            let id = state.accounts.get(&(owner, provider.clone(), account.to_owned()))?;
            state.rows.get(id).map(|row| row.integration.clone())
        })
    }

    async fn connect(&self, new: &NewIntegration) -> Stored<bool> {
        self.call(|state| {
            let id = new.integration.id;
            if state.rows.contains_key(&id) || state.account_taken(&new.integration) {
                return false;
            }
            let revision = state.revision + 1;
            state.changed(id, revision);
            let row = Row {
                integration: new.integration.clone(),
                revision,
                kept: Some(Kept { generation: 0, grant: new.grant.clone(), intent: None }),
            };
            state.accounts.insert(account_key(&new.integration), id);
            state.rows.insert(id, row);
            true
        })
    }

    async fn reconnect(&self, new: &NewIntegration) -> Stored<bool> {
        self.call(|state| {
            let next = &new.integration;
            if state.account_taken(next) {
                return false;
            }
            let revision = state.revision + 1;
            let Some(row) = state.owned(next.owner, next.id) else {
                return false;
            };
            let old = &mut row.integration;
            if old.provider != next.provider || old.epoch + 1 != next.epoch {
                return false;
            }
            let before = account_key(old);
            old.account = next.account.clone();
            old.scopes.clone_from(&next.scopes);
            old.status = Status::Active;
            old.updated_at = next.updated_at;
            old.epoch = next.epoch;
            row.revision = revision;
            if let Some(kept) = &mut row.kept {
                kept.grant = new.grant.clone();
                kept.intent = None;
            }
            state.changed(next.id, revision);
            state.accounts.remove(&before);
            state.accounts.insert(account_key(next), next.id);
            true
        })
    }

    async fn integration(&self, owner: UserId, id: IntegrationId) -> Stored<Option<Integration>> {
        self.call(|state| state.owned(owner, id).map(|row| row.integration.clone()))
    }

    async fn integrations(
        &self,
        owner: UserId,
        after: Option<IntegrationId>,
        limit: u32,
    ) -> Stored<Vec<Integration>> {
        self.call(|state| {
            let mine =
                state.live().filter(|i| i.owner == owner && after.is_none_or(|after| i.id > after));
            mine.take(limit as usize).cloned().collect()
        })
    }

    async fn owner_of(&self, id: IntegrationId) -> Stored<Option<UserId>> {
        self.call(|state| {
            let row = state.rows.get(&id).filter(|row| row.kept.is_some());
            row.map(|row| row.integration.owner)
        })
    }

    async fn edit(
        &self,
        owner: UserId,
        id: IntegrationId,
        edit: &Edit,
        now: Timestamp,
    ) -> Stored<Option<Integration>> {
        self.call(|state| {
            let revision = state.revision + 1;
            let row = state.owned(owner, id)?;
            let mut edited = row.integration.clone();
            edit.apply(&mut edited);
            if edited != row.integration {
                edited.updated_at = now;
                row.integration = edited.clone();
                row.revision = revision;
                state.changed(id, revision);
            }
            Some(edited)
        })
    }

    async fn disconnect(
        &self,
        owner: UserId,
        id: IntegrationId,
        now: Timestamp,
    ) -> Stored<Option<GrantRow>> {
        self.call(|state| {
            let revision = state.revision + 1;
            let row = state.owned(owner, id)?;
            let ended = row.grant_row();
            row.kept = None;
            row.integration.epoch += 1;
            row.integration.updated_at = now;
            row.revision = revision;
            let account = account_key(&row.integration);
            state.accounts.remove(&account);
            state.changed(id, revision);
            ended
        })
    }

    async fn grant(&self, id: IntegrationId) -> Stored<Option<GrantRow>> {
        self.call(|state| state.rows.get(&id).and_then(Row::grant_row))
    }

    async fn reserve(&self, intent: &Intent) -> Stored<Reserved> {
        self.call(|state| {
            let Some(row) = state.rows.get_mut(&intent.id) else {
                return Reserved::Gone;
            };
            let Some(found) = row.grant_row() else {
                return Reserved::Gone;
            };
            if found.version != intent.seen || found.status != Status::Active {
                return Reserved::Moved(found);
            }
            let Some(kept) = &mut row.kept else {
                return Reserved::Gone;
            };
            match kept.intent {
                Some((attempt, until))
                    if until > intent.started_at && attempt != intent.attempt =>
                {
                    Reserved::Busy { until }
                }
                _ => {
                    kept.intent = Some((intent.attempt, intent.deadline));
                    Reserved::Granted(found)
                }
            }
        })
    }

    async fn release(&self, id: IntegrationId, attempt: AttemptId) -> Stored<()> {
        self.call(|state| {
            if let Some(kept) = state.rows.get_mut(&id).and_then(|row| row.kept.as_mut()) {
                kept.intent.take_if(|intent| intent.0 == attempt);
            }
        })
    }

    async fn commit(
        &self,
        id: IntegrationId,
        attempt: AttemptId,
        epoch: i64,
        spent: Lineage,
        grant: &SealedGrant,
    ) -> Stored<Committed> {
        self.call(|state| {
            let Some(row) = state.rows.get_mut(&id) else {
                return Committed::Stale;
            };
            let stored_epoch = row.integration.epoch;
            let Some(kept) = &mut row.kept else {
                return Committed::Stale;
            };
            kept.intent.take_if(|intent| intent.0 == attempt);
            if stored_epoch != epoch {
                return Committed::Stale;
            }
            if kept.grant.lineage == spent {
                kept.grant = grant.clone();
                kept.generation += 1;
            } else if kept.grant.lineage != grant.lineage {
                return Committed::Stale;
            }
            Committed::Stored(Version { epoch, generation: kept.generation })
        })
    }

    async fn mark(
        &self,
        id: IntegrationId,
        epoch: i64,
        lineage: Lineage,
        why: &Failure,
        since: Timestamp,
    ) -> Stored<bool> {
        self.call(|state| {
            let revision = state.revision + 1;
            let Some(row) = state.rows.get_mut(&id) else {
                return false;
            };
            let kept = row.kept.as_ref();
            let current = kept.is_some_and(|kept| kept.grant.lineage == lineage)
                && row.integration.epoch == epoch;
            if !current || row.integration.status != Status::Active {
                return false;
            }
            row.integration.status = Status::NeedsReconnect { why: why.clone(), since };
            row.integration.updated_at = since;
            row.revision = revision;
            state.changed(id, revision);
            true
        })
    }

    async fn claim_due(
        &self,
        now: Timestamp,
        again: Timestamp,
        limit: u32,
    ) -> Stored<Vec<IntegrationId>> {
        self.call(|state| {
            let rows = state.rows.iter();
            let mut due: Vec<_> = rows
                .filter_map(|(id, row)| Some((row.due_at()?, *id)))
                .filter(|(at, _)| *at <= now)
                .collect();
            due.sort_unstable();
            due.truncate(limit as usize);
            for (_, id) in &due {
                if let Some(kept) = state.rows.get_mut(id).and_then(|row| row.kept.as_mut()) {
                    kept.grant.due_at = Some(again);
                }
            }
            due.into_iter().map(|(_, id)| id).collect()
        })
    }

    async fn next_due(&self) -> Stored<Option<Timestamp>> {
        self.call(|state| state.rows.values().filter_map(Row::due_at).min())
    }

    async fn changes(&self, after: i64) -> Stored<Vec<Change>> {
        self.call(|state| {
            let last = |revision: i64, id: &IntegrationId| {
                state.rows.get(id).is_some_and(|row| row.revision == revision)
            };
            let newer = state.changes.range(after.saturating_add(1)..);
            newer
                .filter(|(revision, id)| last(**revision, id))
                .map(|(&revision, &id)| Change { subject: Subject::Integration(id), revision })
                .take(1_000)
                .collect()
        })
    }

    async fn revision(&self) -> Stored<i64> {
        self.call(|state| state.revision)
    }
}
