//! The database's double: the same contract, kept in memory, for tests of what stands above it.
//!
//! The conformance suite of `evergrant-store` runs it beside SQLite and PostgreSQL, so a test that
//! passes on it holds on them.

mod quota;
mod state;
mod sync;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Clock;
use crate::clock::later;
use crate::fernet::KeyId;
use crate::grant::Version;
use crate::id::{AttemptId, DebtId, HolderId, IntegrationId, Lineage, UserId};
use crate::integration::{Integration, Status};
use crate::provider::{Failure, ProviderKey};
use crate::seal::Sealed;
use crate::store::{
    ANSWER_SETTLES, Attempt, Change, Commit, Committed, Debt, Edit, Ended, Flow, GrantRow,
    GrantStore, Intent, NewIntegration, Notice, Reserved, SealedRow, StoreError, Stored, Subject,
};

use state::{Kept, Note, Row, State, account_key};

pub use sync::{HeldItem, Told, ToldKind};

/// A store in memory; clones share it, as replicas share a database.
#[derive(Clone)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
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

    /// As if the database had been copied from another place.
    pub fn set_copied(&self) {
        self.lock(|state| state.copied = true);
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
            state.flow(state_hash, provider, owner, now)?;
            state.flows.remove(state_hash)
        })
    }

    async fn find_flow(
        &self,
        state_hash: &[u8; 32],
        provider: &ProviderKey,
        owner: Option<UserId>,
        now: Timestamp,
    ) -> Stored<Option<Flow>> {
        self.call(|state| state.flow(state_hash, provider, owner, now).cloned())
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
        debt: Option<DebtId>,
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
            state.attempts.remove(&id);
            if let (Some(debt), Some(ended)) = (debt, &ended) {
                let debt = Debt {
                    id: debt,
                    integration: id,
                    provider: ended.provider.clone(),
                    epoch: ended.version.epoch,
                    sealed: ended.grant.sealed.clone(),
                    tries: 0,
                    since: now,
                    due_at: now,
                };
                state.debts.entry(debt.id).or_insert(debt);
            }
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
            let now = intent.started_at;
            let mut unknown = None;
            match &kept.intent {
                None => {}
                Some(Note { intent: other, answer: Some((answer, at)), .. }) => {
                    let settles = later(*at, ANSWER_SETTLES).min(other.deadline);
                    if settles > now {
                        return Reserved::Busy { until: settles };
                    }
                    let (attempt, answer) = (other.attempt, answer.clone());
                    return Reserved::Answered { row: found, attempt, answer };
                }
                Some(other) if other.intent.attempt == intent.attempt => unknown = other.unknown,
                Some(other) if other.intent.deadline > now => {
                    return Reserved::Busy { until: other.intent.deadline };
                }
                Some(other) if other.moot => {}
                Some(other) => unknown = other.unknown.or(Some(other.intent.started_at)),
            }
            let intent = intent.clone();
            kept.intent = Some(Note { intent, unknown, answer: None, moot: false });
            Reserved::Granted { row: found, unknown }
        })
    }

    async fn answer(
        &self,
        id: IntegrationId,
        attempt: AttemptId,
        answer: &Sealed,
        at: Timestamp,
    ) -> Stored<bool> {
        self.call(|state| match state.intent(id) {
            Some(Some(note)) if note.intent.attempt == attempt && !note.moot => {
                note.answer = Some((answer.clone(), at));
                true
            }
            _ => false,
        })
    }

    async fn release(&self, id: IntegrationId, attempt: AttemptId, ended: Ended) -> Stored<()> {
        self.call(|state| {
            let Some(intent) = state.intent(id) else { return };
            let Some(note) = intent.as_mut().filter(|note| note.intent.attempt == attempt) else {
                return;
            };
            note.answer = None;
            match ended {
                Ended::Unknown { until } => {
                    if !note.moot {
                        note.unknown = note.unknown.or(Some(note.intent.started_at));
                    }
                    note.intent.deadline = until;
                }
                Ended::Unspent if note.unknown.is_some() => {
                    note.intent.deadline = Timestamp::UNIX_EPOCH;
                }
                Ended::Unspent => *intent = None,
            }
        })
    }

    async fn orphan(&self, holder: HolderId) -> Stored<()> {
        self.call(|state| {
            let kept = state.rows.values_mut().filter_map(|row| row.kept.as_mut());
            for note in kept.filter_map(|kept| kept.intent.as_mut()) {
                if note.intent.holder == holder {
                    note.intent.deadline = Timestamp::UNIX_EPOCH;
                }
            }
            state.copies.orphan(holder);
        })
    }

    async fn commit(&self, commit: &Commit) -> Stored<Committed> {
        self.call(|state| {
            let Commit { epoch, spent, grant, note } = commit;
            let Some(row) = state.rows.get_mut(&note.id) else {
                return Committed::Stale;
            };
            let stored_epoch = row.integration.epoch;
            let Some(kept) = &mut row.kept else {
                return Committed::Stale;
            };
            kept.intent.take_if(|other| other.intent.attempt == note.attempt);
            if stored_epoch != *epoch {
                return Committed::Stale;
            }
            if kept.grant.lineage == *spent {
                kept.grant = grant.clone();
                kept.generation += 1;
                if let Some(other) = &mut kept.intent {
                    (other.moot, other.unknown, other.answer) = (true, None, None);
                }
                let generation = kept.generation;
                state.note(note);
                return Committed::Stored(Version { epoch: *epoch, generation });
            }
            if kept.grant.lineage != grant.lineage {
                return Committed::Stale;
            }
            Committed::Stored(Version { epoch: *epoch, generation: kept.generation })
        })
    }

    async fn note(&self, attempt: &Attempt) -> Stored<()> {
        self.call(|state| {
            if state.rows.get(&attempt.id).is_some_and(|row| row.kept.is_some()) {
                state.note(attempt);
            }
        })
    }

    async fn attempts(&self, owner: UserId, id: IntegrationId) -> Stored<Vec<Attempt>> {
        self.call(|state| {
            let known = state.owned(owner, id).is_some();
            if known { state.attempts.get(&id).cloned().unwrap_or_default() } else { Vec::new() }
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

    async fn owe(&self, debt: &Debt) -> Stored<()> {
        self.call(|state| {
            state.debts.entry(debt.id).or_insert_with(|| debt.clone());
        })
    }

    async fn claim_debts(&self, now: Timestamp, again: Timestamp, limit: u32) -> Stored<Vec<Debt>> {
        self.call(|state| {
            let mut due: Vec<_> =
                state.debts.values_mut().filter(|debt| debt.due_at <= now).collect();
            due.sort_by_key(|debt| debt.due_at);
            let claimed = due.into_iter().take(limit as usize).map(|debt| {
                (debt.due_at, debt.tries) = (again, debt.tries + 1);
                debt.clone()
            });
            claimed.collect()
        })
    }

    async fn settle(&self, debt: DebtId) -> Stored<()> {
        self.call(|state| {
            state.debts.remove(&debt);
        })
    }

    async fn debts(&self) -> Stored<i64> {
        self.call(|state| i64::try_from(state.debts.len()).unwrap_or(i64::MAX))
    }

    async fn sealed_otherwise(&self, key: &KeyId, limit: u32) -> Stored<Vec<SealedRow>> {
        self.call(|state| {
            let mut rows = state.sealed();
            rows.retain(|row| row.sealed.key != *key);
            rows.sort_by(|a, b| (a.shelf, &a.row).cmp(&(b.shelf, &b.row)));
            rows.truncate(limit as usize);
            rows
        })
    }

    async fn reseal(&self, row: &SealedRow, sealed: &Sealed) -> Stored<bool> {
        self.call(|state| match state.sealed_at(row) {
            Some(held) if *held == row.sealed => {
                *held = sealed.clone();
                true
            }
            _ => false,
        })
    }

    async fn sealing_keys(&self) -> Stored<Vec<(KeyId, i64)>> {
        let now = self.clock.now();
        self.call(|state| {
            let mut counts = BTreeMap::<String, i64>::new();
            let rows = state.sealed();
            let flows = state.flows.values().filter(|flow| flow.expires_at > now);
            let sealed = rows.iter().map(|row| &row.sealed);
            for sealed in sealed.chain(flows.map(|flow| &flow.sealed)) {
                *counts.entry(sealed.key.as_str().to_owned()).or_default() += 1;
            }
            counts.into_iter().map(|(key, count)| (key.as_str().into(), count)).collect()
        })
    }

    async fn is_copy(&self) -> Stored<bool> {
        self.call(|state| state.copied)
    }

    async fn tidy(&self) -> Stored<()> {
        let now = self.now().await?;
        self.call(|state| {
            state.flows.retain(|_, flow| flow.expires_at > now);
            state.copies.tidy(now);
        })
    }

    async fn adopt(&self) -> Stored<()> {
        self.call(|state| state.copied = false)
    }

    async fn announce(&self, notice: &Notice) -> Stored<bool> {
        self.call(|state| {
            let new = !state.notices.iter().any(|known| known.key == notice.key);
            if new {
                state.notices.push(notice.clone());
            }
            new
        })
    }

    async fn notices(&self, after: i64, limit: u32) -> Stored<Vec<(i64, Notice)>> {
        self.call(|state| {
            let numbered = (1_i64..).zip(state.notices.iter().cloned());
            numbered.filter(|(place, _)| *place > after).take(limit as usize).collect()
        })
    }
}
