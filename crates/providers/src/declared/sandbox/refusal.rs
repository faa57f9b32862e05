//! What a provider says when it does not do what was asked (RFC 6749, sections 4.1.2.1 and 5.2).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// An OAuth error.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) error: String,
    pub(super) description: Option<String>,
    pub(super) status: StatusCode,
    /// The `WWW-Authenticate` scheme to answer with.
    scheme: Option<&'static str>,
}

impl Refusal {
    /// An error with the status that goes with it.
    pub(super) fn new(error: &str, description: &str) -> Self {
        let status = match error {
            "invalid_client" | "invalid_token" => StatusCode::UNAUTHORIZED,
            "insufficient_scope" => StatusCode::FORBIDDEN,
            "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
            "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self {
            error: error.to_owned(),
            description: Some(description.to_owned()),
            status,
            scheme: None,
        }
    }

    /// A parameter is missing.
    pub(super) fn missing(parameter: &str) -> Self {
        Self::new("invalid_request", &format!("the parameter `{parameter}` is missing"))
    }

    /// Answered with a challenge of this scheme.
    pub(super) fn challenging(mut self, scheme: &'static str) -> Self {
        self.scheme = Some(scheme);
        self
    }

    pub(super) fn response(&self) -> Response {
        let mut body = Map::new();
        body.insert("error".to_owned(), json!(self.error));
        if let Some(description) = &self.description {
            body.insert("error_description".to_owned(), json!(description));
        }
        let mut response = no_store(self.status, &Value::Object(body));
        let challenge = match self.scheme {
            Some("Bearer") => Some(format!("Bearer realm=\"sandbox\", error=\"{}\"", self.error)),
            Some(scheme) => Some(format!("{scheme} realm=\"sandbox\"")),
            None => None,
        };
        if let Some(challenge) = challenge.and_then(|text| HeaderValue::try_from(text).ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// JSON that nobody may keep.
pub(super) fn no_store(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    (status, headers, Json(body)).into_response()
}
