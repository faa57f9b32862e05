//! Why a feed could not be read, and when to try again.

use std::time::Duration;

use crate::gateway::{CallError, Denial};
use crate::provider::{Actor, Failure};
use crate::store::StoreError;
use crate::vault::TokenError;

/// The wait after the first failure; it doubles with each.
const FIRST: Duration = Duration::from_secs(30);
/// The longest wait where time alone helps.
const LONGEST: Duration = Duration::from_hours(1);
/// The shortest where somebody has to do something, and nobody here learns that they did.
const PERSON: Duration = Duration::from_hours(1);

/// Why a run did not come to its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// Somebody else has the feed, or it is no more.
    Lost,
    /// The run had its time; it goes on.
    Slice,
    /// The database does not answer; the lease lapses.
    Store(StoreError),
    /// The provider.
    Failed(Box<Failed>),
}

/// What failed, for whoever looks, and when it may be tried again.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) failure: Failure,
    pub(super) again: Again,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// After a while, which grows, and no sooner than this.
    NoSooner(Duration),
    /// As long after as the provider asks: what is throttled is not broken.
    After(Duration),
    /// Once the integration has changed.
    Mended,
}

impl Again {
    /// How long to wait after so many failures in a row; `None` until somebody has mended it.
    pub(super) fn wait(self, attempts: u32) -> Option<Duration> {
        let least = match self {
            Self::NoSooner(least) => least,
            Self::After(wait) => return Some(wait),
            Self::Mended => return None,
        };
        let grown = FIRST.saturating_mul(1 << attempts.min(16)).min(LONGEST);
        Some(grown.max(least))
    }
}

impl Stop {
    /// What the database did not take, for whoever looks: it is tried again like everything else.
    pub(super) fn not_stored() -> Self {
        let message = "The database did not take what was read; the log says why.";
        let failure = Failure::new("not_stored", Actor::Operator, message);
        let again = Again::NoSooner(Duration::ZERO);
        Self::Failed(Box::new(Failed { failure, again }))
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        let text = error.to_string();
        let soon = Again::NoSooner(Duration::ZERO);
        let nobody = |code, again| (Failure::new(code, Actor::Nobody, text.clone()), again);
        let (failure, again) = match error {
            CallError::Token(error) => return of_token(error, text),
            CallError::Denied { denial, failure } => match denial {
                Denial::Conflict | Denial::ItemChanged | Denial::ItemNotFound => (*failure, soon),
                Denial::MissingScope { .. } => (*failure, Again::Mended),
                _ => (*failure, Again::NoSooner(PERSON)),
            },
            CallError::Throttled { retry_after } => {
                nobody("provider_throttled", retry_after.map_or(soon, Again::After))
            }
            CallError::Unavailable { retry_after, .. } => {
                nobody("provider_unavailable", Again::NoSooner(retry_after.unwrap_or_default()))
            }
            CallError::OutcomeUnknown { retry_after, .. } => {
                nobody("provider_unavailable", Again::NoSooner(retry_after))
            }
            CallError::NotOffered { .. } => {
                (Failure::new("not_offered", Actor::Operator, text), Again::Mended)
            }
            CallError::Refused { code, request_id, .. } => {
                let failure = Failure::new("provider_refused", Actor::Operator, text);
                let failure =
                    Failure { provider_code: Some(code), trace_id: request_id, ..failure };
                (failure, Again::NoSooner(PERSON))
            }
            CallError::TokenRefused => nobody("token_refused", soon),
            CallError::ForeignHost { .. }
            | CallError::InvalidPath(_)
            | CallError::Invalid { .. }
            | CallError::TooLarge { .. }
            | CallError::Unreadable(_) => {
                (Failure::new("provider_unreadable", Actor::Operator, text), soon)
            }
        };
        Self::Failed(Box::new(Failed { failure, again }))
    }
}

fn of_token(error: TokenError, text: String) -> Stop {
    let soon = Again::NoSooner(Duration::ZERO);
    let (failure, again) = match error {
        TokenError::NotFound => {
            (Failure::new("integration_not_found", Actor::Nobody, text), Again::Mended)
        }
        TokenError::Storage(error) => {
            return Stop::Store(StoreError::Unavailable(Box::new(error)));
        }
        TokenError::Paused => {
            let failure = Failure::new("integration_paused", Actor::User, text);
            (failure.remedied_by("Resume the integration."), Again::Mended)
        }
        TokenError::ReconnectRequired { why, .. } => (why, Again::Mended),
        TokenError::Misconfigured(failure) => (failure, soon),
        TokenError::Unavailable { failure, retry_after } => (failure, Again::NoSooner(retry_after)),
        TokenError::Refused { retry_after } => {
            let failure = Failure::new("token_refused", Actor::Nobody, text);
            (failure, Again::NoSooner(retry_after))
        }
        TokenError::Changed | TokenError::Unattainable { .. } => {
            (Failure::new("integration_changed", Actor::Nobody, text), soon)
        }
        TokenError::Copied => {
            (Failure::new("database_copied", Actor::Operator, text), Again::NoSooner(PERSON))
        }
        TokenError::Sealed(_) | TokenError::Unreadable(_) => {
            let failure = Failure::new("encryption_key_missing", Actor::Operator, text);
            (failure, Again::NoSooner(PERSON))
        }
    };
    Stop::Failed(Box::new(Failed { failure, again }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_an_hour_and_is_never_shorter_than_the_provider_asks() {
        let soon = Again::NoSooner(Duration::ZERO);
        let waits = [0, 1, 2, 30].map(|attempts| soon.wait(attempts).unwrap().as_secs());
        assert_eq!(waits, [30, 60, 120, 3600]);
        let asked = Again::NoSooner(Duration::from_hours(3));
        assert_eq!(asked.wait(0).unwrap(), Duration::from_hours(3));
        assert_eq!(Again::Mended.wait(3), None);
        let throttled = Again::After(Duration::from_secs(2));
        assert_eq!(throttled.wait(9).unwrap().as_secs(), 2);
    }
}
