//! Who has to act on an error answer, and in which words they are told.

use std::time::Duration;

use evergrant::TransportError;
use evergrant::provider::{AuthError, Failure};
use http::StatusCode;
use serde_json::Value;

use super::answer::{Habits, shortened};
use crate::dictionary::{self, Class, Words};

/// How long to leave a server alone that has seen the same request too often.
const LOOP_PAUSE: Duration = Duration::from_mins(5);
/// How much slower to ask after a `slow_down` (RFC 8628, section 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The longest demand that is handed on to the next sign-in, in bytes.
const LONGEST_CLAIMS: usize = 8 << 10;

/// Why there is no grant, and whether it was the client that was refused and not what it asked for.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: AuthError,
    pub(crate) client: bool,
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self { error, client: false }
    }
}

/// An error answer as RFC 6749, section 5.2 has it, with the members providers add.
#[derive(Debug, Default)]
pub(crate) struct OAuthError {
    pub(crate) error: String,
    pub(crate) suberror: Option<String>,
    pub(crate) numbers: Vec<u64>,
    trace_id: Option<String>,
    correlation_id: Option<String>,
    claims: Option<String>,
}

impl OAuthError {
    /// The error in an answer, if it is one.
    pub(super) fn find(answer: &Value, habits: &Habits) -> Option<Self> {
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let theirs = text("error").filter(|error| !error.is_empty())?;
        let description = text("error_description").unwrap_or_default();
        let listed = answer.get("error_codes").and_then(Value::as_array);
        let mut numbers: Vec<u64> =
            listed.into_iter().flatten().filter_map(Value::as_u64).collect();
        if numbers.is_empty() && !habits.numbers.is_empty() {
            numbers.extend(number_in(description));
        }
        let owned = |name: &str| text(name).map(shortened);
        let claims = text("claims").filter(|claims| claims.len() <= LONGEST_CLAIMS);
        Some(Self {
            error: habits.errors.get(theirs).cloned().unwrap_or_else(|| shortened(theirs)),
            suberror: owned("suberror"),
            numbers,
            trace_id: owned("trace_id").or_else(|| told(description, "Trace ID:")),
            correlation_id: owned("correlation_id")
                .or_else(|| told(description, "Correlation ID:")),
            claims: claims.map(str::to_owned),
        })
    }

    /// Who has to act: `error` and the status decide, numbers only where one `error` means two
    /// things.
    pub(super) fn sort(
        &self,
        status: StatusCode,
        wait: Option<Duration>,
        habits: &Habits,
    ) -> Refusal {
        match self.error.as_str() {
            "authorization_pending" => {
                return AuthError::Pending { slower: Duration::ZERO }.into();
            }
            "slow_down" => return AuthError::Pending { slower: SLOWER }.into(),
            _ => {}
        }
        let rows = || {
            let numbers = self.numbers.iter();
            numbers.flat_map(|n| habits.numbers.iter().filter(|row| row.means(*n)))
        };
        let standard = dictionary::standard_words(&self.error);
        let deciding = rows().find(|row| row.decides);
        let side = if let Some(row) = deciding {
            Side::of(row.words.class)
        } else if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            Side::Outage
        } else {
            // What nobody has heard of may pass; it is no reason to end a connection.
            standard.map_or(Side::Outage, |words| Side::of(words.class))
        };
        let exact = |words: &&Words| Side::of(words.class) == side;
        let words = || rows().map(|row| &row.words);
        let words = words()
            .find(exact)
            .or_else(|| standard.filter(|words| exact(words)))
            .unwrap_or(if status == StatusCode::TOO_MANY_REQUESTS {
                &dictionary::THROTTLED
            } else {
                &dictionary::NO_REASON
            });
        let failure = self.failure(words);
        let error = match side {
            Side::User => AuthError::Rejected(failure),
            Side::Operator => AuthError::Misconfigured(failure),
            Side::Outage => AuthError::Unavailable {
                failure,
                retry_after: match deciding {
                    Some(_) => Some(wait.unwrap_or(LOOP_PAUSE).max(LOOP_PAUSE)),
                    None => wait,
                },
                // Who asks to slow down has not looked at the token.
                sent: status != StatusCode::TOO_MANY_REQUESTS,
            },
        };
        Refusal { client: side == Side::Operator && self.error == "invalid_client", error }
    }

    /// A failure with the provider's own codes.
    fn failure(&self, words: &Words) -> Failure {
        let mut code = self.error.clone();
        for part in self.suberror.iter().cloned().chain(self.numbers.first().map(u64::to_string)) {
            code.push(' ');
            code.push_str(&part);
        }
        Failure {
            provider_code: Some(code),
            trace_id: self.trace_id.clone(),
            correlation_id: self.correlation_id.clone(),
            claims: self.claims.clone(),
            ..words.failure()
        }
    }
}

/// Whose turn it is, as far as `error` tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    User,
    Operator,
    Outage,
}

impl Side {
    fn of(class: Class) -> Self {
        match class {
            Class::Reconnect | Class::User | Class::Administrator | Class::Flow => Self::User,
            Class::Operator | Class::Report | Class::Setup => Self::Operator,
            Class::Wait => Self::Outage,
        }
    }
}

/// The number in a text such as `AADSTS70008: …`.
pub(crate) fn number_in(description: &str) -> Option<u64> {
    let (_, rest) = description.split_once("AADSTS")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// The id that follows a label in a description.
pub(crate) fn told(description: &str, label: &str) -> Option<String> {
    let (_, rest) = description.split_once(label)?;
    let id: String = rest
        .trim_start()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(64)
        .collect();
    (!id.is_empty()).then_some(id)
}

/// No answer at all.
pub(crate) fn unanswered(error: &TransportError) -> AuthError {
    let text = error.to_string().to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let words = match error {
        TransportError::TooLarge { .. } => dictionary::TOO_LARGE,
        _ if has(&["timed out", "timeout", "deadline"]) => dictionary::TIMEOUT,
        // Whatever broke it, the request had left.
        TransportError::Unanswered { .. } => dictionary::LOST,
        _ if has(&["dns", "lookup", "resolve"]) => dictionary::UNRESOLVED,
        _ if has(&["certificate", "tls", "handshake", "unknownissuer", "corrupt message"]) => {
            dictionary::TLS
        }
        _ if has(&["refused"]) => dictionary::CONNECTION_REFUSED,
        TransportError::Unsent { .. } => dictionary::UNREACHABLE,
    };
    AuthError::Unavailable { failure: words.failure(), retry_after: None, sent: error.sent() }
}

/// An answer that makes no sense.
pub(crate) fn unreadable(status: StatusCode, retry_after: Option<Duration>) -> AuthError {
    let failure = Failure {
        provider_code: Some(status.as_u16().to_string()),
        ..dictionary::UNREADABLE.failure()
    };
    AuthError::Unavailable { failure, retry_after, sent: true }
}
