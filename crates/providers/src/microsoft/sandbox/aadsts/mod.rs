//! The numbered errors of the identity platform, and their shapes on the wire.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use evergrant::Request;
use evergrant_sandbox::{Backstage, Origin};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

mod table;

use self::table::Row;

/// The claims of an error that a policy of the tenant caused.
const POLICY: &str = r#"{"access_token":{"capolids":{"essential":true,"values":["00aa00aa-bb11-cc22-dd33-44ee44ee44ee"]}}}"#;

/// An error of the identity platform, before it is told to anybody.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) code: u32,
    error: &'static str,
    text: String,
    suberror: Option<&'static str>,
    claims: bool,
    page_only: bool,
    status: Option<u16>,
}

/// What identifies one answer: the ids and the time that every error text ends with.
#[derive(Debug)]
pub(super) struct Trace {
    own: Uuid,
    correlation: Uuid,
    at: Timestamp,
}

impl Trouble {
    /// The error with this number, if there is one.
    pub(super) fn known(code: u32) -> Option<Self> {
        let Row { error, text, suberror, claims, page_only, status, .. } = *table::row(code)?;
        Some(Self { code, error, text: text.to_owned(), suberror, claims, page_only, status })
    }

    /// The error with this number.
    pub(super) fn new(code: u32) -> Self {
        Self::known(code).unwrap_or(Self {
            code,
            error: "invalid_request",
            text: String::new(),
            suberror: None,
            claims: false,
            page_only: false,
            status: None,
        })
    }

    /// With another text, which names what was wrong.
    pub(super) fn saying(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// With another `error`, for the few numbers that go with several.
    pub(super) fn with_error(mut self, error: &'static str) -> Self {
        self.error = error;
        self
    }

    /// With claims that a new sign-in must satisfy.
    pub(super) fn with_claims(mut self) -> Self {
        self.claims = true;
        self
    }

    /// A required parameter is missing.
    pub(super) fn missing(parameter: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{parameter}'.");
        Self::new(900_144).saying(text)
    }

    /// Whether the real service shows it on a page of its own, since it cannot trust the redirect
    /// URI or has no application to redirect to.
    pub(super) fn is_page_only(&self) -> bool {
        self.page_only
    }

    /// The `error` of a redirect, where the token endpoint's words have no meaning.
    pub(super) fn redirect_error(&self) -> &'static str {
        match (self.code, self.error) {
            (65_001, _) => "consent_required",
            (90_033, _) => "server_error",
            (_, "invalid_grant") => "interaction_required",
            (_, "invalid_client") => "unauthorized_client",
            (_, error) => error,
        }
    }

    /// The text with its number and, separated by `separator`, the ids and the time.
    pub(super) fn description(&self, trace: &Trace, separator: &str) -> String {
        let Trace { own, correlation, at } = trace;
        format!(
            "{}{separator}Trace ID: {own}{separator}Correlation ID: {correlation}\
             {separator}Timestamp: {}",
            self.short_description(),
            timestamp(*at),
        )
    }

    /// The text with its number alone.
    pub(super) fn short_description(&self) -> String {
        format!("AADSTS{}: {}", self.code, self.text)
    }

    /// Where the number is explained.
    pub(super) fn uri(&self, origin: &Origin) -> String {
        format!("{origin}/error?code={}", self.code)
    }

    /// The answer of an endpoint that speaks JSON.
    pub(super) fn json(&self, trace: &Trace, origin: &Origin) -> Response {
        let mut body = json!({
            "error": self.error,
            "error_description": self.description(trace, " "),
            "error_codes": [self.code],
            "timestamp": timestamp(trace.at),
            "trace_id": trace.own,
            "correlation_id": trace.correlation,
            "error_uri": self.uri(origin),
        });
        if let Value::Object(body) = &mut body {
            if let Some(suberror) = self.suberror {
                body.insert("suberror".to_owned(), json!(suberror));
            }
            if self.claims {
                body.insert("claims".to_owned(), json!(POLICY));
            }
        }
        let mut response = (self.status(), Json(body)).into_response();
        endpoint_headers(&mut response, trace, self.code);
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn status(&self) -> StatusCode {
        let own = self.status.and_then(|status| StatusCode::from_u16(status).ok());
        own.unwrap_or(match self.error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        })
    }

    fn retry_after(&self) -> Option<u16> {
        match self.status() {
            StatusCode::TOO_MANY_REQUESTS => Some(10),
            StatusCode::SERVICE_UNAVAILABLE => Some(5),
            _ => None,
        }
    }
}

impl Trace {
    /// The trace of the answer to `request`; a client's own request id comes back as the
    /// correlation id, if it is a GUID.
    pub(super) fn of(request: &Request, backstage: &Backstage) -> Self {
        let header =
            || request.headers().get("client-request-id")?.to_str().ok().map(str::to_owned);
        let field = || {
            let query = request.uri().query().unwrap_or_default().as_bytes();
            let pairs = url::form_urlencoded::parse(query)
                .chain(url::form_urlencoded::parse(request.body()));
            pairs
                .into_iter()
                .find(|(name, _)| name == "client-request-id")
                .map(|(_, id)| id.into_owned())
        };
        let given = header().or_else(field).and_then(|id| id.parse().ok());
        Self {
            own: backstage.guid(),
            correlation: given.unwrap_or_else(|| backstage.guid()),
            at: backstage.now(),
        }
    }
}

/// The headers of every answer of the token endpoint.
pub(super) fn endpoint_headers(response: &mut Response, trace: &Trace, code: u32) {
    let telemetry = if code == 0 { "1,0,0,,".to_owned() } else { format!("1,{code},0,,") };
    let headers = [
        ("content-type", "application/json; charset=utf-8"),
        ("cache-control", "no-store, no-cache"),
        ("pragma", "no-cache"),
        ("expires", "-1"),
        ("x-ms-request-id", &trace.own.to_string()),
        ("x-ms-ests-server", "2.1.00000.0 - SANDBOX"),
        ("x-ms-clitelem", &telemetry),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
}

/// The platform's way to write a time.
fn timestamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
