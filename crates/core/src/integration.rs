//! A user's connected account at a provider, without its secrets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::provider::{Failure, ProviderKey};
use crate::{IntegrationId, UserId};

/// One user's connected account at one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// The user it belongs to; nobody else ever sees it.
    pub owner: UserId,
    /// What is connected.
    pub provider: ProviderKey,
    /// A name the user gave it; the account's own name at first.
    pub label: String,
    /// Who signed in at the provider.
    pub account: Account,
    /// Whether it works, and if not, why.
    pub status: Status,
    /// The permissions granted at the last connect.
    pub scopes: Vec<String>,
    /// When it was connected first.
    pub created_at: Timestamp,
    /// When any of the above last changed.
    pub updated_at: Timestamp,
    /// Grows with every connect, reconnect and disconnect; a result of an older epoch is discarded.
    pub epoch: i64,
}

/// Who somebody is at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Immutable and unique at the provider; an e-mail address is neither.
    pub id: String,
    /// What the provider calls the person.
    pub name: String,
    /// The sign-in name; may change, so it is for display and hints only.
    pub username: Option<String>,
}

/// Whether an integration works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Tokens are handed out.
    Active,
    /// The provider ended the grant: only the user can mend it, by connecting again.
    NeedsReconnect {
        /// Why.
        why: Failure,
        /// Since when.
        since: Timestamp,
    },
    /// The user wants no token handed out for now.
    Paused,
}
