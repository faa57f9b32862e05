//! What a call is answered with.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::codes;

const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");

/// An answer: a status, headers of its own, and JSON unless there is nothing to say.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

/// A refusal: an [`Answer`] made from an error code.
pub(super) type Refused<T> = Result<T, Answer>;

impl Answer {
    /// A success.
    pub(super) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, headers: Vec::new(), body: Some(body) }
    }

    /// A success that says nothing.
    pub(super) fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: Vec::new(), body: None }
    }

    /// The error `code` with the status that belongs to it.
    pub(super) fn error(code: impl Into<String>) -> Self {
        let code = code.into();
        debug_assert!(codes::status(&code).is_some(), "the table has no {code}");
        let status = codes::status(&code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers: Vec::new(), body: Some(json!({ "errorCode": code })) }
    }

    /// With a header.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As HTTP; every answer names its request (contract, section 1).
    pub(super) fn response(self, request_id: &str) -> Response {
        let body = self.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let has_body = !matches!(self.status, StatusCode::NO_CONTENT);
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        if has_body {
            response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        }
        let named = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in named.chain([("X-REQUEST-ID", request_id)]) {
            if let (Ok(name), Ok(value)) = (name.parse::<header::HeaderName>(), value.parse()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl From<Refused<Self>> for Answer {
    fn from(result: Refused<Self>) -> Self {
        result.unwrap_or_else(|refusal| refusal)
    }
}
