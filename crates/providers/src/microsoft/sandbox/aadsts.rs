//! The numbered errors of the identity platform, and their shapes on the wire.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use evergrant::Request;
use evergrant_sandbox::{Backstage, Origin};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// An error of the identity platform, before it is told to anybody.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) code: u32,
    error: &'static str,
    text: String,
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
        let (error, text) = row(code)?;
        Some(Self { code, error, text: text.to_owned() })
    }

    /// The error with this number.
    pub(super) fn new(code: u32) -> Self {
        Self::known(code).unwrap_or(Self { code, error: "invalid_request", text: String::new() })
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

    /// A required parameter is missing.
    pub(super) fn missing(parameter: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{parameter}'.");
        Self::new(900_144).saying(text)
    }

    /// Whether the real service shows it on a page of its own, since it cannot trust the redirect
    /// URI or has no application to redirect to.
    pub(super) fn is_page_only(&self) -> bool {
        matches!(
            self.code,
            50_011
                | 50_020
                | 50_089
                | 90_002
                | 165_000
                | 165_004
                | 165_900
                | 500_112
                | 500_113
                | 700_016
        )
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
            "AADSTS{}: {}{separator}Trace ID: {own}{separator}Correlation ID: {correlation}\
             {separator}Timestamp: {}",
            self.code,
            self.text,
            timestamp(*at),
        )
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
            if let Some(suberror) = self.suberror() {
                body.insert("suberror".to_owned(), json!(suberror));
            }
            if let Some(claims) = self.claims() {
                body.insert("claims".to_owned(), json!(claims));
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
        match (self.code, self.error) {
            (90_055, _) => StatusCode::TOO_MANY_REQUESTS,
            (_, "invalid_client") => StatusCode::UNAUTHORIZED,
            (_, "temporarily_unavailable") => StatusCode::SERVICE_UNAVAILABLE,
            (_, "server_error") => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn retry_after(&self) -> Option<u16> {
        match self.status() {
            StatusCode::TOO_MANY_REQUESTS => Some(10),
            StatusCode::SERVICE_UNAVAILABLE => Some(5),
            _ => None,
        }
    }

    fn suberror(&self) -> Option<&'static str> {
        match self.code {
            50_076 | 50_078 | 50_079 => Some("basic_action"),
            50_173 | 70_000 => Some("bad_token"),
            53_003 => Some("message_only"),
            65_001 => Some("consent_required"),
            70_043 => Some("token_expired"),
            _ => None,
        }
    }

    fn claims(&self) -> Option<&'static str> {
        let policy = r#"{"access_token":{"capolids":{"essential":true,"values":["00aa00aa-bb11-cc22-dd33-44ee44ee44ee"]}}}"#;
        matches!(self.code, 50_076 | 50_078 | 50_079 | 53_003).then_some(policy)
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

/// The contract's table of numbers: `error` at the token endpoint, and a text. Where the contract
/// says that a number is only ever shown on a page, the nearest word stands.
#[expect(clippy::too_many_lines, reason = "it is one table")]
#[rustfmt::skip]
fn row(code: u32) -> Option<(&'static str, &'static str)> {
    Some(match code {
        16_000 => ("interaction_required", "Either multiple user identities are available for the current request or selected account is not supported for the scenario."),
        16_003 => ("interaction_required", "The user account has not been added to the tenant."),
        17_003 | 135_010 => ("invalid_grant", "The credential key was not found."),
        28_000 => ("invalid_request", "Provided value for the input parameter scope is not valid because it contains more than one resource."),
        28_002 | 28_003 => ("invalid_scope", "Provided value for the input parameter scope is not valid or empty."),
        50_001 | 500_011 => ("invalid_resource", "The resource principal was not found in the tenant."),
        50_011 => ("invalid_request", "The redirect URI specified in the request does not match the redirect URIs configured for the application."),
        500_112 => ("invalid_grant", "The reply address does not match the reply address provided when requesting the authorization code."),
        500_113 => ("invalid_request", "No reply address is registered for the application."),
        50_012 => ("invalid_client", "The signature of the client assertion is not valid."),
        700_023 => ("invalid_client", "The audience of the client assertion is not valid."),
        700_024 => ("invalid_client", "Client assertion is not within its valid time range."),
        700_027 => ("invalid_client", "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]"),
        50_013 => ("invalid_grant", "Assertion failed signature validation."),
        500_131 => ("invalid_grant", "Assertion audience does not match the client app presenting the assertion."),
        500_133 => ("invalid_grant", "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for user assertion, or request a new token."),
        50_014 => ("invalid_grant", "The user's redemption is in a pending state."),
        50_020 => ("interaction_required", "The user account from this identity provider does not exist in the tenant."),
        50_027 => ("invalid_grant", "The JWT is not valid."),
        50_034 | 500_341 => ("invalid_grant", "The user account {EUII Hidden} does not exist in the directory. To sign into this application, the account must be added to the directory."),
        50_049 => ("invalid_instance", "Unknown or invalid instance."),
        50_053 => ("invalid_grant", "The account is locked because the user tried to sign in too many times with an incorrect user ID or password."),
        50_055 | 50_144 => ("invalid_grant", "The password is expired."),
        50_056 => ("invalid_grant", "The password is invalid or missing in the directory."),
        50_057 => ("invalid_grant", "The user account is disabled."),
        50_058 => ("login_required", "A silent sign-in request was sent but no user is signed in."),
        50_059 | 50_128 => ("invalid_request", "No tenant-identifying information found in either the request or implied by any provided credentials."),
        50_072 => ("interaction_required", "The user must enroll for multi-factor authentication."),
        50_074 => ("interaction_required", "Strong authentication is required."),
        50_076 => ("invalid_grant", "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'."),
        50_078 => ("invalid_grant", "Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access '00000003-0000-0000-c000-000000000000'."),
        50_079 => ("invalid_grant", "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access '00000003-0000-0000-c000-000000000000'."),
        50_085 => ("invalid_grant", "The refresh token needs a sign-in at the social identity provider."),
        50_033 | 50_087 | 70_012 | 90_006 | 90_012 | 90_033 | 90_090 | 90_091 => ("temporarily_unavailable", "A transient error has occurred. Please try again."),
        50_089 => ("invalid_request", "The sign-in flow token has expired."),
        50_097 => ("interaction_required", "Device authentication is required."),
        50_105 => ("access_denied", "The signed in user is not assigned to a role for the application."),
        50_126 => ("invalid_grant", "Error validating credentials due to invalid username or password."),
        50_129 | 50_131 | 53_000 | 53_001 | 53_002 | 530_002 | 530_003 => ("invalid_grant", "Your device is required to be managed to access this resource."),
        50_132 | 50_133 => ("invalid_grant", "The session is not valid because the password has expired or was changed recently."),
        50_140 => ("interaction_required", "This error occurred due to 'Keep me signed in' interrupt when the user was signing in."),
        50_146 => ("invalid_request", "This application is required to be configured with an application-specific signing key."),
        50_147 | 501_491 => ("invalid_request", "The size or format of the code_challenge parameter is not valid."),
        501_481 => ("invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request."),
        50_158 => ("interaction_required", "External security challenge not satisfied."),
        50_173 => ("invalid_grant", "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password."),
        50_177 | 50_178 => ("interaction_required", "The external challenge or session control is not supported for passthrough users."),
        50_169 | 50_192 => ("invalid_request", "The request is not valid."),
        50_194 => ("invalid_request", "The application is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such applications."),
        50_196 => ("invalid_grant", "The server terminated an operation because it encountered a client request loop. Please contact your app vendor."),
        50_199 => ("interaction_required", "For security reasons, user confirmation is required for this request."),
        51_004 | 51_005 => ("invalid_grant", "The user account does not exist in the directory."),
        52_004 => ("access_denied", "The user has not provided consent for access to LinkedIn resources."),
        53_003 => ("invalid_grant", "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."),
        53_004 | 53_011 => ("interaction_required", "The user is blocked due to risk, or needs to complete multi-factor registration first."),
        530_032 | 530_034 | 530_035 => ("invalid_grant", "Access has been blocked by the tenant's security policy."),
        54_000 => ("access_denied", "The user is not permitted to access this application due to legal age group requirement."),
        54_005 => ("invalid_grant", "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."),
        65_001 => ("invalid_grant", "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource."),
        65_004 => ("access_denied", "User declined to consent to access the app."),
        65_005 | 650_052 | 650_054 | 650_056 | 650_057 => ("invalid_client", "The application is misconfigured: it requires access to a resource that is not listed or not available."),
        67_003 => ("invalid_request", "The actor is not a valid service identity."),
        70_000 => ("invalid_grant", "The provided value for the input parameter 'refresh_token' or 'assertion' is not valid."),
        70_001 | 700_011 | 700_016 => ("unauthorized_client", "The application was not found in the directory."),
        70_002 => ("invalid_client", "Error validating credentials."),
        70_003 => ("unsupported_grant_type", "The app requested an unsupported grant type."),
        700_003 => ("invalid_grant", "The device object was not found in the tenant."),
        70_004 => ("invalid_request", "The redirect URI is not valid."),
        70_005 | 700_051 | 700_054 => ("unsupported_response_type", "The response type is not enabled for the application."),
        700_005 => ("invalid_grant", "Provided Authorization Code is intended to be used against other tenant."),
        70_007 => ("invalid_request", "The value of 'response_mode' is not supported when requesting a token."),
        70_008 => ("invalid_grant", "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."),
        700_082 => ("invalid_grant", "The refresh token has expired due to inactivity."),
        700_084 => ("invalid_grant", "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page."),
        70_011 => ("invalid_scope", "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid."),
        70_016 => ("authorization_pending", "OAuth 2.0 device flow error. Authorization is pending. Continue polling."),
        70_018 => ("bad_verification_code", "The verification code is not valid."),
        70_019 | 70_020 => ("expired_token", "The provided value for the input parameter 'device_code' is not valid. This device code has expired."),
        70_037 => ("invalid_grant", "The challenge was answered incorrectly."),
        70_043 => ("invalid_grant", "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access."),
        70_044 | 70_046 => ("interaction_required", "The session has expired due to sign-in frequency or a failed re-authentication check."),
        700_022 => ("invalid_request", "The scope of a client credentials request must name one resource."),
        700_025 => ("invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."),
        700_030 => ("invalid_client", "The certificate is not valid for this use."),
        7_000_112 => ("unauthorized_client", "The application is disabled."),
        7_000_215 => ("invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to the app."),
        7_000_218 => ("invalid_client", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."),
        7_000_222 => ("invalid_client", "The provided client secret keys for the app are expired."),
        75_011 | 80_001..=80_014 | 81_004..=81_012 => ("invalid_grant", "The sign-in at the federated or on-premises service failed."),
        90_002 => ("invalid_tenant", "The tenant was not found."),
        90_004 | 90_007..=90_010 => ("invalid_request", "The request is malformed or not supported."),
        90_013..=90_016 | 90_019 | 90_023 | 90_051 | 90_056 | 90_100 => ("invalid_request", "The input is not valid or a required field is missing."),
        90_024 => ("temporarily_unavailable", "Request budget exceeded. A transient error has occurred. Please try again."),
        90_036 | 90_092 => ("server_error", "An unexpected, non-retryable error occurred in the directory."),
        90_093 => ("access_denied", "The user is not authorized to grant this permission."),
        90_038 | 900_382 | 900_432 | 900_439 => ("invalid_request", "The request is for another national cloud."),
        90_043 => ("invalid_request", "The request must be sent to another national cloud."),
        90_055 => ("temporarily_unavailable", "The server has terminated the request because there are too many requests."),
        90_072 => ("interaction_required", "The account needs to be added as an external user in the tenant first."),
        90_094 | 90_095 | 90_099 => ("access_denied", "The grant requires administrator permission."),
        900_144 => ("invalid_request", "The request body must contain a parameter that is missing."),
        900_561 => ("invalid_request", "The endpoint only accepts POST requests. Received a GET request."),
        900_971 => ("invalid_request", "No reply address provided."),
        9_001_023 => ("invalid_request", "The grant type is not supported over the /common or /consumers endpoints. Please use the tenant-specific endpoint."),
        9_002_313 => ("invalid_request", "Invalid request. Request is malformed or invalid."),
        9_002_326 | 9_002_327 => ("invalid_request", "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests."),
        9_002_331 | 9_002_332 => ("invalid_request", "The application is not configured for this kind of account."),
        100_007 | 1_000_000 | 1_000_002 | 1_000_031 => ("invalid_request", "The user or the application is not supported here."),
        1_000_502 => ("invalid_client", "The provided certificate is not within its specified validity period."),
        120_000..=120_021 | 130_004..=130_008 | 140_000 | 140_001 => ("invalid_grant", "The password change or the device credential failed."),
        165_000 | 165_004 | 165_900 => ("invalid_request", "Invalid Request: The user session context is missing."),
        _ => return None,
    })
}
