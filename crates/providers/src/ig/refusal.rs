//! What an answer that is no success means (contract, section 3).
//!
//! IG says a code and nothing else. What is not in [`words`] stays as it came; a page of HTML counts
//! as an error without a code.

use std::fmt::Write as _;
use std::time::Duration;

use evergrant::gateway::{Denial, Opens, retry_after};
use evergrant::provider::{Failure, Verdict};
use evergrant::vault::TokenError;
use evergrant::{CallError, Response};
use http::StatusCode;
use serde::Deserialize;

use super::words::{self, HISTORY, Kind, Row};

/// How long an allowance by the minute stays used up, as far as IG says (contract, section 3).
const MINUTE: Duration = Duration::from_mins(1);
/// How long to wait for past prices where IG has never said when their allowance is renewed.
const HOUR: Duration = Duration::from_hours(1);

/// How long to wait for an allowance that is used up.
pub(super) fn pause(allowance: &str) -> Duration {
    if allowance == HISTORY { HOUR } else { MINUTE }
}

/// What an answer says about the token.
pub(super) fn judge(response: &Response) -> Verdict {
    let (status, code) = (response.status(), code(response));
    let kind = code.as_deref().and_then(words::find).map(|row| row.kind);
    // With another status a code says nothing of what was done, and thus nothing of the token either.
    let known = |kind: &Kind| refuses(status) || matches!(kind, Kind::Down | Kind::Input);
    match kind.filter(known) {
        Some(Kind::Allowance(allowance)) => {
            return Verdict::Throttled {
                retry_after: Some(pause(allowance)),
                allowance: Some(allowance),
            };
        }
        Some(Kind::Session | Kind::Unexplained) => {
            return Verdict::TokenRejected { claims: None };
        }
        // A key of another client's says nothing of the users that it serves.
        Some(Kind::Key) if code.as_deref() != Some(words::NOT_THIS_CLIENTS_KEY) => {
            if let Err(CallError::Token(TokenError::Misconfigured(why))) = meaning(response) {
                return Verdict::Misconfigured(Box::new(why));
            }
        }
        Some(Kind::Down) => return Verdict::Unavailable,
        // It is the prices that are refused, whatever status it has.
        Some(Kind::Input) => return Verdict::Accepted,
        _ => {}
    }
    match status {
        StatusCode::UNAUTHORIZED if code.is_none() => Verdict::TokenRejected { claims: None },
        StatusCode::TOO_MANY_REQUESTS => {
            Verdict::Throttled { retry_after: retry_after(response), allowance: None }
        }
        StatusCode::NOT_IMPLEMENTED => Verdict::Accepted,
        status if status.is_server_error() => Verdict::Unavailable,
        _ => Verdict::Accepted,
    }
}

/// Whether a status says that certainly nothing was done: no redirect does, and no fault of the other
/// side's, whatever its code.
pub(super) fn refuses(status: StatusCode) -> bool {
    status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT
}

/// The same as [`meaning`] of an answer to a deal: unless it was refused, it may have been done.
pub(super) fn meaning_of_deal(response: &Response) -> Result<(), CallError> {
    let status = response.status();
    if status.is_success() || refuses(status) {
        return meaning(response);
    }
    let code = code(response).unwrap_or_default();
    Err(CallError::Unavailable {
        detail: format!("it answered {} {code}", status.as_u16()).trim_end().to_owned(),
        retry_after: retry_after(response),
        sent: true,
    })
}

/// Whether an answer is a success, and the error it means otherwise.
pub(super) fn meaning(response: &Response) -> Result<(), CallError> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let code = code(response).unwrap_or_default();
    let request_id = request_id(response);
    let down = || CallError::Unavailable {
        detail: format!("it answered {} {code}", status.as_u16()).trim_end().to_owned(),
        retry_after: retry_after(response),
        sent: true,
    };
    let Some(row) = words::find(&code) else {
        return Err(match status {
            StatusCode::TOO_MANY_REQUESTS => {
                CallError::Throttled { retry_after: retry_after(response) }
            }
            StatusCode::NOT_IMPLEMENTED => refused(status, code, request_id),
            status if status.is_server_error() => down(),
            status => refused(status, code, request_id),
        });
    };
    let failure = failure(row, &code, request_id);
    let denial = match row.kind {
        Kind::Session | Kind::Unexplained => return Err(CallError::TokenRefused),
        Kind::Key => return Err(TokenError::Misconfigured(failure).into()),
        Kind::Allowance(kind) => {
            let opens = response.extensions().get().map(|Opens(wait)| *wait);
            return Err(CallError::Throttled { retry_after: Some(opens.unwrap_or(pause(kind))) });
        }
        Kind::Down => return Err(down()),
        Kind::SignIn | Kind::Encryption | Kind::Forbidden => Denial::Forbidden,
        Kind::NotFound => Denial::ItemNotFound,
        Kind::Input => Denial::Input,
    };
    Err(CallError::Denied { denial, failure: Box::new(failure) })
}

/// A failure in words; a code of validation says what is wrong.
pub(super) fn failure(row: &Row, code: &str, trace_id: Option<String>) -> Failure {
    let mut failure =
        Failure { provider_code: Some(code.to_owned()), trace_id, ..row.words.failure() };
    if let Some(pointer) = pointer(code).filter(|_| row.kind == Kind::Input) {
        failure.message = format!("IG does not accept what was sent as {pointer}.");
    }
    failure
}

fn refused(status: StatusCode, code: String, request_id: Option<String>) -> CallError {
    CallError::Refused { status, code, message: String::new(), request_id }
}

/// The member that a code of validation names, by our own name, as a JSON pointer (RFC 6901): the code
/// ends with IG's name of it (contract, section 1).
fn pointer(code: &str) -> Option<String> {
    let (validation, field) = code.rsplit_once('.')?;
    let names = ["invalid.request", "validation."].iter().any(|one| validation.starts_with(one));
    let word = field.chars().all(|c| c.is_ascii_alphanumeric());
    // The whole request is no member of it.
    if !names || !word || field == "request" {
        return None;
    }
    let mut pointer = "/".to_owned();
    for c in field.chars() {
        if c.is_ascii_uppercase() {
            pointer.push('_');
        }
        // Writing to a string does not fail.
        let _ = write!(pointer, "{}", c.to_ascii_lowercase());
    }
    Some(pointer)
}

/// IG's code of an error; `None` where the answer is none of its own, such as a page of HTML.
pub(super) fn code(response: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct ErrorBody {
        #[serde(rename = "errorCode")]
        code: String,
    }
    if response.status().is_success() {
        return None;
    }
    let said: ErrorBody = serde_json::from_slice(response.body()).ok()?;
    let plain: String = said.code.chars().filter(char::is_ascii_graphic).take(200).collect();
    (!plain.is_empty()).then_some(plain)
}

/// IG's id of the exchange, for its support.
pub(super) fn request_id(response: &Response) -> Option<String> {
    let id = response.headers().get("x-request-id")?.to_str().ok()?;
    Some(id.chars().filter(char::is_ascii_graphic).take(64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_validation_names_the_member_by_our_own_name() {
        for (code, named) in [
            ("invalid.request.forceOpen", Some("/force_open")),
            ("validation.pattern.invalid.authenticationRequest.identifier", Some("/identifier")),
            ("validation.null-not-allowed.request", None),
            ("invalid.input", None),
            ("system.error", None),
        ] {
            assert_eq!(pointer(code).as_deref(), named, "{code}");
        }
    }
}
