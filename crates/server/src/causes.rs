//! From what went wrong inside to the problem that the caller reads.

use std::time::Duration;

use evergrant::provider::{Actor, Failure};
use evergrant::store::StoreError;
use evergrant::{CallError, ConnectError, Denial, TokenError};

use crate::problem::{Code, Problem};

/// How often a device code may be asked about where its provider names no interval (RFC 8628,
/// section 3.2).
pub(crate) const DEVICE_INTERVAL: Duration = Duration::from_secs(5);

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let text = error.to_string();
        match error {
            TokenError::NotFound => {
                Self::new(Code::IntegrationNotFound, Code::IntegrationNotFound.title())
            }
            TokenError::Paused => Self::new(Code::IntegrationPaused, text),
            TokenError::ReconnectRequired { why, since } => {
                refused(Code::ReconnectRequired, why).with("since", since.to_string())
            }
            TokenError::Misconfigured(failure) => refused(Code::RegistrationMisconfigured, failure),
            TokenError::Unavailable { failure, retry_after } => {
                refused(Code::ProviderUnavailable, failure).retry_after(retry_after)
            }
            TokenError::Refused { retry_after } => {
                Self::new(Code::ProviderUnavailable, text).retry_after(retry_after)
            }
            TokenError::Unattainable { longest } => {
                Self::new(Code::LifeUnattainable, text).with("longest_seconds", longest.as_secs())
            }
            TokenError::Changed => Self::new(Code::Conflict, text),
            TokenError::Copied => Self::new(Code::DatabaseCopied, text),
            TokenError::Storage(error) => Self::from(&*error),
            TokenError::Sealed(_) => Self::new(Code::EncryptionKeyMissing, text),
            TokenError::Unreadable(error) => Self::internal(error),
        }
    }
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        let text = error.to_string();
        match error {
            ConnectError::UnknownProvider { known, .. } => {
                Self::new(Code::UnknownProvider, text).with("providers", known)
            }
            ConnectError::UnknownScopes { known, .. } => {
                Self::new(Code::UnknownScopes, text).with("scopes", known)
            }
            ConnectError::InvalidState => Self::new(Code::InvalidState, text),
            ConnectError::WrongProof(provider, proof) => {
                Self::invalid("", format!("The provider {provider} expects {proof}."))
            }
            ConnectError::NotFound => {
                Self::new(Code::IntegrationNotFound, Code::IntegrationNotFound.title())
            }
            ConnectError::AccountMismatch { .. } => Self::new(Code::AccountMismatch, text),
            ConnectError::Rejected(failure) => refused(Code::ConnectRefused, failure),
            ConnectError::Misconfigured(failure) => {
                refused(Code::RegistrationMisconfigured, failure)
            }
            ConnectError::Unavailable { failure, retry_after } => {
                refused(Code::ProviderUnavailable, failure).retry_after(retry_after)
            }
            ConnectError::Pending { slower } => {
                Self::new(Code::SignInPending, text).retry_after(DEVICE_INTERVAL + slower)
            }
            ConnectError::WayNotOffered { .. } => Self::new(Code::NotOffered, text),
            ConnectError::Copied => Self::new(Code::DatabaseCopied, text),
            ConnectError::Conflict => Self::new(Code::Conflict, text),
            ConnectError::Storage(error) => Self::from(&*error),
            ConnectError::Sealed(_) => Self::new(Code::EncryptionKeyMissing, text),
        }
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        let text = error.to_string();
        let wait = Duration::from_secs(5);
        match error {
            CallError::Token(error) => error.into(),
            CallError::TokenRefused | CallError::TooLarge { .. } | CallError::Unreadable(_) => {
                Self::new(Code::ProviderRefused, text)
            }
            CallError::ForeignHost { .. } | CallError::InvalidPath(_) => {
                Self::invalid("path", text)
            }
            CallError::NotOffered { .. } => Self::new(Code::NotOffered, text),
            CallError::Denied { denial, failure } => denied(denial, *failure),
            CallError::Invalid { pointer, problem } => Self::invalid(&pointer, problem),
            CallError::OutcomeUnknown { retry_after, .. } => {
                Self::new(Code::OutcomeUnknown, text).retry_after(retry_after)
            }
            CallError::Throttled { retry_after } => {
                Self::new(Code::ProviderThrottled, text).retry_after(retry_after.unwrap_or(wait))
            }
            CallError::Unavailable { retry_after, .. } => {
                Self::new(Code::ProviderUnavailable, text).retry_after(retry_after.unwrap_or(wait))
            }
            CallError::Refused { status, code, message, request_id } => {
                let detail = if message.is_empty() { text } else { message };
                let problem = Self::new(Code::ProviderRefused, detail)
                    .with("provider_status", status.as_u16())
                    .with("provider_code", code);
                match request_id {
                    Some(id) => problem.with("provider_request_id", id),
                    None => problem,
                }
            }
        }
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::new(Code::StorageUnavailable, error.to_string())
                .retry_after(Duration::from_secs(2)),
            StoreError::Inconsistent { .. } => Self::internal(error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

/// What providers call a refusal that only an administrator's consent ends.
const NEEDS_ADMINISTRATOR: &str = "admin_consent_required";

/// A provider's refusal of one call.
fn denied(denial: Denial, failure: Failure) -> Problem {
    let code = match &denial {
        Denial::MissingScope { .. } => Code::MissingScope,
        Denial::ConditionalAccess => Code::ConditionalAccess,
        Denial::Forbidden => Code::AccessDenied,
        Denial::NoMailbox => Code::MailboxMissing,
        Denial::NoLicense => Code::LicenseMissing,
        Denial::ItemNotFound => Code::ItemNotFound,
        Denial::ItemChanged => Code::ItemChanged,
        Denial::Conflict => Code::ItemConflict,
        Denial::Input => Code::InputRefused,
        Denial::TooLarge => Code::ItemTooLarge,
        Denial::QuotaExceeded => Code::QuotaExceeded,
    };
    let problem = refused(code, failure);
    match denial {
        Denial::MissingScope { needed } => problem.with("scopes", needed),
        _ => problem,
    }
}

/// A provider's refusal, with all that it said.
fn refused(code: Code, failure: Failure) -> Problem {
    let code = match code {
        Code::ConnectRefused | Code::ReconnectRequired
            if failure.actor == Actor::Administrator && failure.code == NEEDS_ADMINISTRATOR =>
        {
            Code::ConsentRequired
        }
        code => code,
    };
    let mut problem = Problem::new(code, failure.message).with("reason", failure.code);
    problem = problem.with("actor", actor(failure.actor)).remedied_by(failure.remedy);
    if let Some(code) = failure.provider_code {
        problem = problem.with("provider_code", code);
    }
    if let Some(id) = failure.correlation_id {
        problem = problem.with("provider_correlation_id", id);
    }
    match failure.trace_id {
        Some(id) => problem.with("provider_request_id", id),
        None => problem,
    }
}

/// Who can mend it.
pub(crate) fn actor(actor: Actor) -> &'static str {
    match actor {
        Actor::User => "user",
        Actor::Administrator => "administrator",
        Actor::Operator => "operator",
        Actor::Nobody => "nobody",
    }
}
