//! Why a provider call has no answer to give.

use std::time::Duration;

use http::StatusCode;

use crate::TransportError;
use crate::provider::Failure;
use crate::vault::TokenError;

/// Why a provider call has no answer to give.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The provider refused a token that was new: it is not the token's age that is wrong.
    #[error("the provider refuses this integration's tokens")]
    TokenRefused,
    /// The request asks for a host that is not the provider's; no token was attached.
    #[error("{host} is not a host of this provider")]
    ForeignHost {
        /// The host that was asked for.
        host: String,
    },
    /// The path cannot be called.
    #[error("not a path of the provider's API: {0}")]
    InvalidPath(&'static str),
    /// The integration's provider cannot do this.
    #[error("{provider} has no {capability}")]
    NotOffered {
        /// The provider's name for people.
        provider: String,
        /// What it lacks.
        capability: &'static str,
    },
    /// The provider refuses this very call, for a reason that is understood.
    #[error("{}", failure.message)]
    Denied {
        /// The kind of reason.
        denial: Denial,
        /// Who can mend it, and how.
        failure: Box<Failure>,
    },
    /// What was asked for cannot be: nothing was sent.
    #[error("{pointer}: {problem}")]
    Invalid {
        /// The part that is wrong, as a JSON pointer (RFC 6901).
        pointer: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The provider may have done it or not, and cannot be asked. The call may be repeated with the same
    /// [`Once`](crate::capability::Once), said to be tried: what was done is recognised, within what the
    /// capability promises.
    #[error("whether the provider did it is not known yet: {detail}")]
    OutcomeUnknown {
        /// What happened.
        detail: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many calls.
    #[error("the provider asks to wait")]
    Throttled {
        /// How long to wait.
        retry_after: Option<Duration>,
    },
    /// The provider is down or cannot be reached.
    #[error("the provider does not answer: {detail}")]
    Unavailable {
        /// What happened.
        detail: String,
        /// How long to wait, if the provider said so.
        retry_after: Option<Duration>,
        /// Whether the request may have had its effect all the same: it, or an earlier sending of it,
        /// left.
        sent: bool,
    },
    /// The provider answered with an error of its own.
    #[error("the provider refused: {status} {code}")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// Its code.
        code: String,
        /// Its text.
        message: String,
        /// Its id of the request.
        request_id: Option<String>,
    },
    /// The answer is longer than is read; what the request was to do is done.
    #[error("the provider's answer is longer than {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: usize,
    },
    /// The provider's answer cannot be understood.
    #[error("the provider's answer cannot be understood: {0}")]
    Unreadable(String),
}

/// Why a provider refuses a call although it accepts the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The grant lacks a permission.
    MissingScope {
        /// Those of which one is needed, in the provider's words.
        needed: Vec<String>,
    },
    /// A rule of the organisation forbids it here and now.
    ConditionalAccess,
    /// The organisation's or the mailbox's owner does not allow it.
    Forbidden,
    /// The account has no mailbox.
    NoMailbox,
    /// The account lacks a licence.
    NoLicense,
    /// There is no such item, or no longer.
    ItemNotFound,
    /// The item is in another version than the one that was named.
    ItemChanged,
    /// It cannot be done with the item as it is.
    Conflict,
    /// The provider does not accept what was sent.
    Input,
    /// It is larger than the provider takes, or than can be taken from it.
    TooLarge,
    /// The account has no room left.
    QuotaExceeded,
}

impl From<TransportError> for CallError {
    fn from(error: TransportError) -> Self {
        if let TransportError::TooLarge { limit, .. } = error {
            return Self::TooLarge { limit };
        }
        let sent = error.sent();
        Self::Unavailable { detail: error.to_string(), retry_after: None, sent }
    }
}
