//! Graph's answers: its headers, and the one shape of its errors.

use std::fmt::Write as _;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use evergrant::{Request, Response};
use evergrant_sandbox::Origin;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::MicrosoftAct;
use super::super::mint::GRAPH_ID;
pub(super) use super::denied::Denied;

const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// What a call that succeeds is answered with.
#[derive(Debug)]
pub(in super::super) struct Answer {
    status: StatusCode,
    content: Content,
    headers: Vec<(&'static str, String)>,
}

#[derive(Debug)]
enum Content {
    Nothing,
    Json(Value),
    /// JSON that is written already.
    Written(String),
    /// Something of another media type.
    Other(String, Vec<u8>),
}

impl Answer {
    fn new(status: StatusCode, content: Content) -> Self {
        Self { status, content, headers: Vec::new() }
    }

    /// 200 with JSON.
    pub(super) fn ok(body: Value) -> Self {
        Self::new(StatusCode::OK, Content::Json(body))
    }

    /// 200 with JSON that is written already.
    pub(super) fn written(body: String) -> Self {
        Self::new(StatusCode::OK, Content::Written(body))
    }

    /// The body, if it is JSON that is not written yet.
    pub(in super::super) fn json(&self) -> Option<&Value> {
        match &self.content {
            Content::Json(body) => Some(body),
            _ => None,
        }
    }

    /// 201 with JSON.
    pub(super) fn created(body: Value) -> Self {
        Self::new(StatusCode::CREATED, Content::Json(body))
    }

    /// An answer without a body: 202, 204, or a 201 that only says where.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self::new(status, Content::Nothing)
    }

    /// 202: it will be done.
    pub(super) fn accepted() -> Self {
        Self::empty(StatusCode::ACCEPTED)
    }

    /// 204: it is done.
    pub(super) fn done() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// 200 with something that is not JSON.
    pub(super) fn raw(media_type: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self::new(StatusCode::OK, Content::Other(media_type.into(), body.into()))
    }

    /// With a header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
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

    /// The whole answer.
    pub(super) fn give(&self, answer: Answer) -> Response {
        let mut response = Response::default();
        *response.status_mut() = answer.status;
        self.add_headers(&mut response);
        match answer.content {
            // An empty answer that may have a body says that it has none.
            Content::Nothing if answer.status != StatusCode::NO_CONTENT => {
                set(&mut response, "content-length", "0");
            }
            Content::Nothing => {}
            Content::Json(body) => put_json(&mut response, body.to_string()),
            Content::Written(body) => put_json(&mut response, body),
            Content::Other(media_type, body) => {
                set(&mut response, "content-type", &media_type);
                *response.body_mut() = Bytes::from(body);
            }
        }
        for (name, value) in answer.headers {
            set(&mut response, name, &value);
        }
        response
    }

    pub(super) fn deny(&self, denied: &Denied) -> Response {
        let mut body = json!({
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
        if let Some((name, value)) = &denied.extra {
            body["error"][*name] = json!(value);
        }
        let mut response = self.give(Answer::new(denied.status, Content::Json(body)));
        if let Some(seconds) = denied.retry_after {
            set(&mut response, "retry-after", &seconds.to_string());
        }
        if let Some(location) = &denied.location {
            set(&mut response, "location", location);
        }
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
            return self.give(Answer::empty(status));
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

    fn add_headers(&self, response: &mut Response) {
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

fn put_json(response: &mut Response, body: String) {
    set(response, "content-type", JSON);
    set(response, "odata-version", "4.0");
    *response.body_mut() = Bytes::from(body);
}

/// Sets a header; a client's id that cannot stand in one is left out.
fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}
