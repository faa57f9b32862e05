//! What the double remembers.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::grant::Version;
use crate::id::{DebtId, IntegrationId, UserId};
use crate::integration::{Integration, Status};
use crate::provider::ProviderKey;
use crate::seal::Sealed;
use crate::store::{
    ATTEMPTS_KEPT, Attempt, Debt, Flow, GrantRow, Intent, Notice, SealedGrant, SealedRow, Shelf,
};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) unavailable: bool,
    pub(super) calls: u64,
    pub(super) revision: i64,
    pub(super) rows: BTreeMap<IntegrationId, Row>,
    /// The live integrations by account: a benchmark has a million of them.
    pub(super) accounts: HashMap<AccountKey, IntegrationId>,
    /// Every change so far; only an integration's last one counts.
    pub(super) changes: BTreeMap<i64, IntegrationId>,
    pub(super) flows: HashMap<[u8; 32], Flow>,
    pub(super) attempts: HashMap<IntegrationId, Vec<Attempt>>,
    pub(super) debts: BTreeMap<DebtId, Debt>,
    pub(super) notices: Vec<Notice>,
    pub(super) copied: bool,
    pub(super) quotas: HashMap<String, super::quota::Quota>,
    pub(super) copies: super::sync::Copies,
}

pub(super) type AccountKey = (UserId, ProviderKey, String);

pub(super) fn account_key(integration: &Integration) -> AccountKey {
    (integration.owner, integration.provider.clone(), integration.account.id.clone())
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) integration: Integration,
    pub(super) revision: i64,
    /// `None` once it is disconnected: what is left is its revision, for those who poll.
    pub(super) kept: Option<Kept>,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) generation: i64,
    pub(super) grant: SealedGrant,
    pub(super) intent: Option<Note>,
}

/// An intent as it lies in its row.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) intent: Intent,
    pub(super) unknown: Option<Timestamp>,
    pub(super) answer: Option<(Sealed, Timestamp)>,
    /// Another attempt has committed a newer grant: only the deadline still counts.
    pub(super) moot: bool,
}

impl State {
    pub(super) fn owned(&mut self, owner: UserId, id: IntegrationId) -> Option<&mut Row> {
        let row = self.rows.get_mut(&id)?;
        (row.kept.is_some() && row.integration.owner == owner).then_some(row)
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &Integration> {
        let live = self.rows.values().filter(|row| row.kept.is_some());
        live.map(|row| &row.integration)
    }

    /// Whether another live integration than `new` has its account.
    pub(super) fn account_taken(&self, new: &Integration) -> bool {
        self.accounts.get(&account_key(new)).is_some_and(|other| *other != new.id)
    }

    pub(super) fn intent(&mut self, id: IntegrationId) -> Option<&mut Option<Note>> {
        Some(&mut self.rows.get_mut(&id)?.kept.as_mut()?.intent)
    }

    pub(super) fn sealed_at(&mut self, at: &SealedRow) -> Option<&mut Sealed> {
        if at.shelf == Shelf::Effect {
            return None;
        }
        if at.shelf == Shelf::Debt {
            return Some(&mut self.debts.get_mut(&at.row.parse().ok()?)?.sealed);
        }
        let kept = self.rows.get_mut(&at.row.parse().ok()?)?.kept.as_mut()?;
        if at.shelf == Shelf::Grant {
            return Some(&mut kept.grant.sealed);
        }
        Some(&mut kept.intent.as_mut()?.answer.as_mut()?.0)
    }

    pub(super) fn flow(
        &self,
        state_hash: &[u8; 32],
        provider: &ProviderKey,
        owner: Option<UserId>,
        now: Timestamp,
    ) -> Option<&Flow> {
        self.flows.get(state_hash).filter(|flow| {
            flow.provider == *provider
                && flow.expires_at > now
                && owner.is_none_or(|owner| flow.owner == owner)
        })
    }

    pub(super) fn note(&mut self, attempt: &Attempt) {
        let kept = self.attempts.entry(attempt.id).or_default();
        kept.insert(0, attempt.clone());
        kept.truncate(ATTEMPTS_KEPT as usize);
    }

    pub(super) fn sealed(&self) -> Vec<SealedRow> {
        let mut rows = Vec::new();
        for (id, row) in &self.rows {
            let Some(kept) = &row.kept else { continue };
            rows.push(SealedRow {
                shelf: Shelf::Grant,
                row: id.to_string(),
                subject: id.to_string(),
                epoch: row.integration.epoch,
                sealed: kept.grant.sealed.clone(),
            });
            if let Some(Note { intent, answer: Some((sealed, _)), .. }) = &kept.intent {
                rows.push(SealedRow {
                    shelf: Shelf::Answer,
                    row: id.to_string(),
                    subject: intent.attempt.to_string(),
                    epoch: 0,
                    sealed: sealed.clone(),
                });
            }
        }
        rows.extend(self.debts.values().map(|debt| SealedRow {
            shelf: Shelf::Debt,
            row: debt.id.to_string(),
            subject: debt.integration.to_string(),
            epoch: debt.epoch,
            sealed: debt.sealed.clone(),
        }));
        rows
    }

    pub(super) fn changed(&mut self, id: IntegrationId, revision: i64) {
        self.revision = revision;
        self.changes.insert(revision, id);
    }
}

impl Row {
    pub(super) fn grant_row(&self) -> Option<GrantRow> {
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

    pub(super) fn due_at(&self) -> Option<Timestamp> {
        let active = self.integration.status == Status::Active;
        self.kept.as_ref().filter(|_| active).and_then(|kept| kept.grant.due_at)
    }
}
