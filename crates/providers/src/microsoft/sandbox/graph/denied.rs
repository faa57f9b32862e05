//! Refusals, in the words of the real service (contract, 4.2).

use axum::http::StatusCode;
use serde_json::json;

/// Why a call is not carried out.
#[derive(Debug)]
pub(in super::super) struct Denied {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
    /// What a claims challenge asks for.
    pub(super) claims: Option<String>,
    /// When to come back, in seconds.
    pub(super) retry_after: Option<u64>,
    /// A further member of the error.
    pub(super) extra: Option<(&'static str, String)>,
    /// Where to begin again.
    pub(super) location: Option<String>,
}

impl Denied {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            claims: None,
            retry_after: None,
            extra: None,
            location: None,
        }
    }

    /// With the address at which to begin again, if it is told.
    pub(super) fn beginning(self, location: Option<String>) -> Self {
        Self { location, ..self }
    }

    /// With a further member of the error.
    pub(super) fn with(self, name: &'static str, value: String) -> Self {
        Self { extra: Some((name, value)), ..self }
    }

    /// The token is from before something that continuous access evaluation watches.
    pub(super) fn challenged(not_before: i64) -> Self {
        let claims = json!({
            "access_token": { "nbf": { "essential": true, "value": not_before.to_string() } },
        });
        let message = "Continuous access evaluation resulted in challenge with result: \
                       InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp";
        Self { claims: Some(claims.to_string()), ..Self::token(message) }
    }

    /// Only a user has a self.
    pub(super) fn delegated_only() -> Self {
        let message = "/me request is only valid with delegated authentication flow.";
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// The token is not accepted.
    pub(super) fn token(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    }

    /// The token does not allow it.
    pub(super) fn privileges() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message)
    }

    /// There is nothing of this name.
    pub(super) fn segment(name: &str) -> Self {
        let message = format!("Resource not found for the segment '{name}'.");
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// It exists, but not for this method.
    pub(super) fn method() -> Self {
        let message = "Specified HTTP method is not allowed for the request target.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message)
    }

    /// The token does not allow it, as a mailbox says it.
    pub(super) fn access() -> Self {
        Self::usual(StatusCode::FORBIDDEN)
    }

    /// There is no such item.
    pub(super) fn not_found() -> Self {
        Self::usual(StatusCode::NOT_FOUND)
    }

    /// The id is none that the service could have made.
    pub(super) fn id_malformed() -> Self {
        Self::bad("ErrorInvalidIdMalformed", "Id is malformed.")
    }

    /// A request that cannot be carried out as it is.
    pub(super) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The body is not what it should be.
    pub(super) fn malformed() -> Self {
        let message = "Unable to read JSON request payload. Please ensure Content-Type header is set and \
                       payload is of valid JSON format.";
        Self::bad("BadRequest", message)
    }

    /// A member of the body has a value that cannot be.
    pub(super) fn property() -> Self {
        Self::bad("ErrorPropertyValidationFailure", "At least one property failed validation.")
    }

    /// Somebody else has changed it.
    pub(super) fn conflict(status: StatusCode) -> Self {
        Self { status, ..Self::usual(StatusCode::CONFLICT) }
    }

    /// The user has no mailbox.
    pub(super) fn no_mailbox() -> Self {
        let message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
        Self::new(StatusCode::NOT_FOUND, "MailboxNotEnabledForRESTAPI", message)
    }

    /// There is no such user, as a mailbox says it.
    pub(super) fn no_user(key: &str) -> Self {
        let message = format!("The requested user '{key}' is invalid.");
        Self::new(StatusCode::NOT_FOUND, "ErrorInvalidUser", message)
    }

    /// Too much of something; come back after this many seconds.
    pub(super) fn throttled(code: &str, message: impl Into<String>, retry_after: u64) -> Self {
        let denied = Self::new(StatusCode::TOO_MANY_REQUESTS, code, message);
        Self { retry_after: Some(retry_after), ..denied }
    }

    pub(in super::super) fn code(&self) -> &str {
        &self.code
    }

    pub(in super::super) fn message(&self) -> &str {
        &self.message
    }

    /// The usual words that go with a status.
    pub(super) fn usual(status: StatusCode) -> Self {
        let (code, message) = match status.as_u16() {
            401 => {
                ("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
            }
            403 => ("ErrorAccessDenied", "Access is denied. Check credentials and try again."),
            404 => ("ErrorItemNotFound", "The specified object was not found in the store."),
            409 | 412 => (
                "ErrorIrresolvableConflict",
                "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.",
            ),
            413 => ("RequestEntityTooLarge", "The request is too large."),
            424 => ("FailedDependency", ""),
            410 => ("SyncStateNotFound", "The sync state generation is not found."),
            429 => ("TooManyRequests", "Too many requests"),
            500 => (
                "ErrorInternalServerError",
                "An internal server error occurred. The operation failed.",
            ),
            503 => (
                "serviceNotAvailable",
                "The service is temporarily unavailable. Please try again later.",
            ),
            400..=499 => ("BadRequest", "Bad request."),
            _ => ("UnknownError", ""),
        };
        Self::new(status, code, message)
    }
}
