//! What an answer that is no success means (contract, section 4.2).
//!
//! The status and the code decide together: codes come in several spellings and cases, and the same
//! code under two statuses. What is not understood stays as the provider said it.

use evergrant::gateway::{Denial, retry_after};
use evergrant::provider::{Actor, Failure};
use evergrant::{CallError, Response};
use http::StatusCode;
use serde::Deserialize;

pub(crate) use super::words::Row;
use super::words::{self, Kind};

/// What was asked for, as far as it decides what a refusal means.
pub(super) struct Asked<'a> {
    /// The permissions the integration has.
    pub(super) granted: &'a [String],
    /// Those of which one is needed.
    pub(super) needs: &'static [&'static str],
    /// What this call's own codes mean.
    pub(super) rows: &'static [Row],
    /// Whether a version was named.
    pub(super) conditional: bool,
}

/// Whether an answer is a success, and the error it means otherwise.
pub(super) fn meaning(response: &Response, asked: &Asked<'_>) -> Result<(), CallError> {
    if response.status().is_success() { Ok(()) } else { Err(refused(response, asked)) }
}

/// Whether none of `needs` is among the permissions that were granted. Where it is not known what
/// was granted, nothing is missing.
pub(crate) fn lacks(granted: &[String], needs: &[&str]) -> bool {
    let has = |need: &&str| granted.iter().any(|scope| scope.eq_ignore_ascii_case(need));
    !needs.is_empty() && !granted.is_empty() && !needs.iter().any(has)
}

/// The grant has none of these permissions.
pub(crate) fn missing_scope(needs: &[&str]) -> CallError {
    let needed: Vec<String> = needs.iter().map(|&scope| scope.to_owned()).collect();
    let message = format!("This needs a permission that was not granted: {}.", needed.join(" or "));
    let failure = Failure::new("permission_missing", Actor::User, message)
        .remedied_by("Connect the account again and grant the permission.");
    CallError::Denied { denial: Denial::MissingScope { needed }, failure: Box::new(failure) }
}

fn refused(response: &Response, asked: &Asked<'_>) -> CallError {
    let status = response.status();
    let ErrorBody { error } = serde_json::from_slice(response.body()).unwrap_or_default();
    let request_id = error.request_id(response);
    let row = words::find(asked.rows, status, &error);
    let kind = row.map(|row| &row.kind);
    if matches!(kind, Some(Kind::SendingLimit)) || status == StatusCode::TOO_MANY_REQUESTS {
        return CallError::Throttled { retry_after: retry_after(response) };
    }
    // What is not implemented will not be later.
    if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        return CallError::Unavailable {
            detail: format!("it answered {}", status.as_u16()),
            retry_after: retry_after(response),
            sent: true,
        };
    }
    let denial = match kind {
        Some(Kind::Access) if lacks(asked.granted, asked.needs) => {
            return with_ids(missing_scope(asked.needs), &error.code, request_id);
        }
        Some(Kind::Access | Kind::Forbidden) => Denial::Forbidden,
        Some(Kind::Changed) if asked.conditional || status == StatusCode::PRECONDITION_FAILED => {
            Denial::ItemChanged
        }
        Some(Kind::Changed | Kind::Conflict) => Denial::Conflict,
        Some(Kind::NotFound) => Denial::ItemNotFound,
        Some(Kind::NoMailbox) => Denial::NoMailbox,
        Some(Kind::Input) => Denial::Input,
        Some(Kind::TooLarge) => Denial::TooLarge,
        Some(Kind::Quota) => Denial::QuotaExceeded,
        Some(Kind::SendingLimit) | None => {
            return CallError::Refused {
                status,
                code: error.code,
                message: error.message,
                request_id,
            };
        }
    };
    let mut failure = row.map_or_else(|| Failure::new("refused", Actor::User, ""), Row::failure);
    // What is wrong with it, nobody knows better than who refused it.
    if denial == Denial::Input && !error.message.is_empty() {
        failure.message = format!("{} It says: {}", failure.message, error.message);
    }
    let denied = CallError::Denied { denial, failure: Box::new(failure) };
    with_ids(denied, &error.code, request_id)
}

/// The same refusal with the provider's own code and its id of the request.
fn with_ids(mut denied: CallError, code: &str, request_id: Option<String>) -> CallError {
    if let CallError::Denied { failure, .. } = &mut denied {
        failure.provider_code = (!code.is_empty()).then(|| code.to_owned());
        failure.trace_id = request_id;
    }
    denied
}

/// Contract, section 4.2: `innerError` comes in two spellings, code and message may be empty or
/// null. What is no JSON at all counts as an error without a code.
#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    error: GraphError,
}

/// An error as Graph says it.
#[derive(Default, Deserialize)]
pub(super) struct GraphError {
    #[serde(default, deserialize_with = "super::wire::nullable")]
    pub(super) code: String,
    #[serde(default, deserialize_with = "super::wire::nullable")]
    pub(super) message: String,
    #[serde(default, rename = "innerError", alias = "innererror")]
    inner: Option<InnerError>,
}

#[derive(Deserialize)]
struct InnerError {
    #[serde(default, rename = "request-id")]
    request_id: Option<String>,
}

impl GraphError {
    fn request_id(&self, response: &Response) -> Option<String> {
        let said = self.inner.as_ref().and_then(|inner| inner.request_id.clone());
        let header = || response.headers().get("request-id")?.to_str().ok().map(str::to_owned);
        said.or_else(header)
    }
}
