//! What keeps a deployment in order: debts to providers, keys, notices.

use jiff::Timestamp;

use crate::id::{DebtId, IntegrationId};
use crate::provider::ProviderKey;
use crate::seal::{Field, Sealed};

/// A grant that must still be revoked at its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    /// Its id.
    pub id: DebtId,
    /// The integration it came from.
    pub integration: IntegrationId,
    /// Its provider.
    pub provider: ProviderKey,
    /// The epoch it is sealed for.
    pub epoch: i64,
    /// The grant.
    pub sealed: Sealed,
    /// How often it was tried.
    pub tries: i64,
    /// When it came to be.
    pub since: Timestamp,
    /// When it is tried next.
    pub due_at: Timestamp,
}

/// Where a sealed value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// Beside its integration.
    Grant,
    /// Beside an intent.
    Answer,
    /// In the outbox.
    Debt,
    /// Beside an effect that a caller named.
    Effect,
}

impl Shelf {
    /// What kind of value lies there.
    pub fn field(self) -> Field {
        match self {
            Self::Grant | Self::Debt => Field::Grant,
            Self::Answer => Field::Answer,
            Self::Effect => Field::Reply,
        }
    }
}

/// A sealed value with what says where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// Where it lies.
    pub shelf: Shelf,
    /// The id of its row.
    pub row: String,
    /// The subject it is sealed for: the integration's id, or for an answer the attempt's, or the effect's.
    pub subject: String,
    /// The epoch it is sealed for; 0 for an answer and an effect.
    pub epoch: i64,
    /// The value.
    pub sealed: Sealed,
}

/// Something the operator should know, said once by whichever replica found it out first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What makes it one of a kind.
    pub key: String,
    /// What kind it is, such as `credential_expires`.
    pub kind: String,
    /// When it was found out.
    pub at: Timestamp,
    /// What it is about, as JSON.
    pub detail: serde_json::Value,
}
