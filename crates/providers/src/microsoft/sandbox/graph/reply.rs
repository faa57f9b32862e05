//! Graph's answers: its headers, and the one shape of its errors.

use std::fmt::Write as _;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant::Request;
use evergrant_sandbox::Origin;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::MicrosoftAct;
use super::super::mint::GRAPH_ID;

/// Why a call is not carried out.
#[derive(Debug)]
pub(super) struct Denied {
    status: StatusCode,
    code: String,
    pub(super) message: String,
    /// What a claims challenge asks for.
    claims: Option<String>,
}

impl Denied {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), claims: None }
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

    /// The usual words that go with a status.
    fn usual(status: StatusCode) -> Self {
        let (code, message) = match status.as_u16() {
            401 => {
                ("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
            }
            403 => ("ErrorAccessDenied", "Access is denied. Check credentials and try again."),
            404 => ("ErrorItemNotFound", "The specified object was not found in the store."),
            409 => (
                "ErrorIrresolvableConflict",
                "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.",
            ),
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

/// The frame of one answer.
pub(in super::super) struct Reply {
    request_id: String,
    client_request_id: String,
    at: Timestamp,
    origin: Origin,
}

impl Reply {
    /// The frame of the answer to `request`.
    pub(in super::super) fn new(act: &MicrosoftAct, request: &Request) -> Self {
        let request_id = act.backstage().guid().to_string();
        let given = request.headers().get("client-request-id").and_then(|id| id.to_str().ok());
        Self {
            client_request_id: given.unwrap_or(&request_id).to_owned(),
            request_id,
            at: act.backstage().now(),
            origin: Origin::of(request),
        }
    }

    pub(super) fn json(&self, status: StatusCode, body: &Value) -> Response {
        let mut response = (status, Json(body)).into_response();
        self.add_headers(&mut response, true);
        response
    }

    pub(super) fn empty(&self) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        self.add_headers(&mut response, false);
        response
    }

    pub(super) fn deny(&self, denied: &Denied) -> Response {
        let body = json!({
            "error": {
                "code": denied.code,
                "message": denied.message,
                "innerError": {
                    "date": self.at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                    "request-id": self.request_id,
                    "client-request-id": self.client_request_id,
                },
            },
        });
        let mut response = self.json(denied.status, &body);
        if denied.status == StatusCode::UNAUTHORIZED {
            let mut challenge = format!(
                "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", client_id=\"{GRAPH_ID}\"",
                self.origin,
            );
            if let Some(claims) = &denied.claims {
                // Writing to a `String` cannot fail.
                let _ = write!(
                    challenge,
                    ", error_description=\"{}\", error=\"insufficient_claims\", claims=\"{}\"",
                    denied.message,
                    STANDARD.encode(claims),
                );
            }
            set(&mut response, "www-authenticate", &challenge);
        }
        response
    }

    /// The answer of a scripted fault, with the usual words for what the script leaves open.
    pub(in super::super) fn scripted(
        &self,
        status: StatusCode,
        code: Option<&str>,
        message: Option<&str>,
    ) -> Response {
        if status.is_success() || status.is_redirection() {
            let mut response = status.into_response();
            self.add_headers(&mut response, false);
            return response;
        }
        let mut denied = Denied::usual(status);
        if let Some(code) = code {
            code.clone_into(&mut denied.code);
        }
        if let Some(message) = message {
            message.clone_into(&mut denied.message);
        }
        self.deny(&denied)
    }

    fn add_headers(&self, response: &mut Response, has_body: bool) {
        if has_body {
            let json = "application/json;odata.metadata=minimal;odata.streaming=true;\
                        IEEE754Compatible=false;charset=utf-8";
            set(response, "content-type", json);
            set(response, "odata-version", "4.0");
        }
        set(response, "cache-control", "no-cache");
        set(response, "request-id", &self.request_id);
        set(response, "client-request-id", &self.client_request_id);
        let server = json!({
            "ServerInfo": {
                "DataCenter": "Sandbox", "Slice": "E", "Ring": "1", "ScaleUnit": "000", "RoleInstance": "SANDBOX",
            },
        });
        set(response, "x-ms-ags-diagnostic", &server.to_string());
    }
}

/// Sets a header; a client's id that cannot stand in one is left out.
fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}
