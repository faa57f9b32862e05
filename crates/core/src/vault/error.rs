//! What can go wrong, by who can do what about it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::grant::{UnreadableGrant, Warning};
use crate::provider::{Actor, AuthError, Failure, ProviderKey};
use crate::seal::SealError;
use crate::store::StoreError;

/// Why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// The caller has no such integration.
    #[error("there is no such integration")]
    NotFound,
    /// The user paused it; resuming ends this.
    #[error("the integration is paused")]
    Paused,
    /// The user must connect again.
    #[error("the user must reconnect: {}", why.message)]
    ReconnectRequired {
        /// Why.
        why: Failure,
        /// Since when.
        since: Timestamp,
    },
    /// The operator must fix the registration at the provider.
    #[error("the registration needs the operator: {}", .0.message)]
    Misconfigured(Failure),
    /// The provider does not answer; waiting helps.
    #[error("no token at the moment: {}", failure.message)]
    Unavailable {
        /// What happened.
        failure: Failure,
        /// When to try again.
        retry_after: Duration,
    },
    /// The provider issues tokens that its own API refuses.
    #[error("the provider refuses the tokens it has just issued")]
    Refused {
        /// When the next attempt is allowed.
        retry_after: Duration,
    },
    /// No token of this provider lives as long as was asked for.
    #[error("no token lives that long; the longest has {} seconds", longest.as_secs())]
    Unattainable {
        /// The longest life that can be had.
        longest: Duration,
    },
    /// The integration was changed while its token was fetched; the same call will see the change.
    #[error("the integration was changed meanwhile")]
    Changed,
    /// The database is a copy: the original may be in use, and what one refreshes the other loses.
    #[error("this database is a copy of another one, and nobody is called until it is adopted")]
    Copied,
    /// The database cannot do it.
    #[error(transparent)]
    Storage(Arc<StoreError>),
    /// The stored grant does not open: the operator must look.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// The stored grant opens but cannot be read.
    #[error(transparent)]
    Unreadable(Arc<UnreadableGrant>),
}

impl TokenError {
    /// The warning to hand out with a token that is still good, where that is the right thing to do.
    pub(super) fn warning(&self) -> Option<Warning> {
        match self {
            Self::Unavailable { .. } => Some(Warning::RefreshFailing),
            Self::Misconfigured(_) => Some(Warning::RegistrationMisconfigured),
            Self::Storage(_) => Some(Warning::StorageUnavailable),
            _ => None,
        }
    }

    /// The spool's folder cannot do it.
    pub(super) fn spool(error: std::io::Error) -> Self {
        StoreError::Unavailable(error.into()).into()
    }

    pub(super) fn timed_out() -> Self {
        Self::Unavailable {
            failure: Failure::new(
                "refresh_slow",
                Actor::Nobody,
                "The refresh takes longer than a caller can wait; it goes on in the background.",
            )
            .remedied_by("Ask again in a moment."),
            retry_after: Duration::from_secs(5),
        }
    }

    pub(super) fn interrupted() -> Self {
        Self::Unavailable {
            failure: Failure::new(
                "refresh_interrupted",
                Actor::Nobody,
                "The refresh was interrupted; the next call starts another.",
            )
            .remedied_by("Ask again in a moment."),
            retry_after: Duration::from_secs(1),
        }
    }
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        Self::Storage(Arc::new(error))
    }
}

impl From<UnreadableGrant> for TokenError {
    fn from(error: UnreadableGrant) -> Self {
        Self::Unreadable(Arc::new(error))
    }
}

/// Why nothing was connected, disconnected or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// No provider has this key.
    #[error("there is no provider {asked:?}; there are: {}", known.join(", "))]
    UnknownProvider {
        /// What was asked for.
        asked: String,
        /// The keys there are.
        known: Vec<String>,
    },
    /// Permissions were asked for that this provider key does not have.
    #[error("these permissions cannot be asked for: {}; these can: {}", unknown.join(", "), known.join(", "))]
    UnknownScopes {
        /// The permissions that are not the provider's.
        unknown: Vec<String>,
        /// Those that are.
        known: Vec<String>,
    },
    /// The state is unknown, used, timed out, another user's or another provider's.
    #[error("this sign-in is not under way: it was used, timed out, or begun by someone else")]
    InvalidState,
    /// The proof is not of the kind this provider takes.
    #[error("{0} expects {1}")]
    WrongProof(ProviderKey, &'static str),
    /// The integration to reconnect does not exist.
    #[error("there is no such integration")]
    NotFound,
    /// Someone else signed in than the integration belongs to.
    #[error("signed in as {actual}, but this integration belongs to {expected}")]
    AccountMismatch {
        /// Who the integration belongs to.
        expected: String,
        /// Who signed in.
        actual: String,
    },
    /// The provider or the user refused.
    #[error("{}", .0.message)]
    Rejected(Failure),
    /// The operator must fix the registration at the provider.
    #[error("{}", .0.message)]
    Misconfigured(Failure),
    /// The provider does not answer; starting again later helps.
    #[error("{}", failure.message)]
    Unavailable {
        /// What happened.
        failure: Failure,
        /// When to try again.
        retry_after: Duration,
    },
    /// The user has not finished signing in on the other device.
    #[error("the user has not signed in on the other device yet")]
    Pending {
        /// How much longer than before to wait between two questions.
        slower: Duration,
    },
    /// The provider cannot be connected in this way.
    #[error("{label} cannot be connected by {way}")]
    WayNotOffered {
        /// The provider's name for people.
        label: String,
        /// The way.
        way: &'static str,
    },
    /// The database is a copy: nothing is connected until it is adopted.
    #[error("this database is a copy of another one, and nobody is called until it is adopted")]
    Copied,
    /// Another connect of the same account is under way.
    #[error("another connect of the same account finished at the same moment")]
    Conflict,
    /// The database cannot do it.
    #[error(transparent)]
    Storage(Arc<StoreError>),
    /// A stored secret does not open: the operator must look.
    #[error(transparent)]
    Sealed(#[from] SealError),
}

impl From<StoreError> for ConnectError {
    fn from(error: StoreError) -> Self {
        Self::Storage(Arc::new(error))
    }
}

impl From<AuthError> for ConnectError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Rejected(failure) => Self::Rejected(failure),
            AuthError::Misconfigured(failure) => Self::Misconfigured(failure),
            AuthError::Unavailable { failure, retry_after, .. } => Self::Unavailable {
                failure,
                retry_after: retry_after.unwrap_or(Duration::from_secs(5)),
            },
            AuthError::Pending { slower } => Self::Pending { slower },
        }
    }
}
