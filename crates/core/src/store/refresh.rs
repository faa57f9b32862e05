//! How a refresh is written down: before, during and after.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{GrantRow, SealedGrant};
use crate::grant::Version;
use crate::id::{AttemptId, HolderId, IntegrationId, Lineage};
use crate::seal::Sealed;

/// How long the writer of an answer has for itself before anybody else may commit it.
pub const ANSWER_SETTLES: Duration = Duration::from_secs(2);

/// How many attempts of an integration are remembered.
pub const ATTEMPTS_KEPT: u32 = 20;

/// The durable note that a refresh token is about to be spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The integration.
    pub id: IntegrationId,
    /// The grant its writer has read; the intent is refused if there is a newer one.
    pub seen: Version,
    /// This attempt.
    pub attempt: AttemptId,
    /// The process that makes it.
    pub holder: HolderId,
    /// When it begins, by [`GrantStore::now`](super::GrantStore::now).
    pub started_at: Timestamp,
    /// When others may take its writer for dead.
    pub deadline: Timestamp,
}

/// What became of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// It is written: this caller, and no other, spends the refresh token.
    Granted {
        /// The grant to spend.
        row: GrantRow,
        /// Since when it is unknown whether an earlier attempt has spent it already: its process died,
        /// or the answer was lost.
        unknown: Option<Timestamp>,
    },
    /// Somebody else has the provider's answer and did not get to commit it: here it is.
    Answered {
        /// The grant that was spent.
        row: GrantRow,
        /// The other's attempt.
        attempt: AttemptId,
        /// The answer.
        answer: Sealed,
    },
    /// Somebody else already obtained a newer grant, or the integration changed: here it is.
    Moved(GrantRow),
    /// Somebody else is at it until this time.
    Busy {
        /// The other's deadline.
        until: Timestamp,
    },
    /// There is no such grant.
    Gone,
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// The grant is stored and has this version.
    Stored(Version),
    /// The grant that was spent is no longer the stored one: reconnect or disconnect came first.
    Stale,
}

/// How an attempt ended that obtained nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The refresh token was not spent.
    Unspent,
    /// Nobody knows whether it was.
    Unknown {
        /// Until when nobody may try again.
        until: Timestamp,
    },
}

/// A refreshed grant, ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The epoch of the grant that was spent.
    pub epoch: i64,
    /// The lineage of the grant that was spent.
    pub spent: Lineage,
    /// The new grant.
    pub grant: SealedGrant,
    /// The attempt; `id` and `attempt` name integration and intent.
    pub note: Attempt,
}

/// One attempt to refresh, as `doctor` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The integration.
    #[serde(skip)]
    pub id: IntegrationId,
    /// The attempt.
    pub attempt: AttemptId,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// The stable name of the failure.
    pub code: Option<String>,
    /// The provider's own code.
    pub provider_code: Option<String>,
    /// The provider's id of the exchange.
    pub trace_id: Option<String>,
    /// The provider's id of the conversation.
    pub correlation_id: Option<String>,
    /// How far the provider's clock was ahead of ours, in milliseconds; as exact as its `Date`
    /// header, which has whole seconds.
    pub skew_ms: Option<i64>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new grant was stored.
    Refreshed,
    /// A new grant was stored from an answer that an earlier process left behind.
    Recovered,
    /// The provider ended the grant.
    Rejected,
    /// The registration needs the operator.
    Misconfigured,
    /// The provider did not do it, and waiting helps.
    Unavailable,
    /// The request was sent and no answer came.
    Unknown,
    /// A new grant came too late: the account was reconnected or disconnected meanwhile.
    Stale,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] = [
        Self::Refreshed,
        Self::Recovered,
        Self::Rejected,
        Self::Misconfigured,
        Self::Unavailable,
        Self::Unknown,
        Self::Stale,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refreshed => "refreshed",
            Self::Recovered => "recovered",
            Self::Rejected => "rejected",
            Self::Misconfigured => "misconfigured",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
            Self::Stale => "stale",
        }
    }
}
