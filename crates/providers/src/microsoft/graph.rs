//! Calls to Graph: signing, judging, errors, and the account's profile (contract, sections 4 and 5.1).

use evergrant::capability::Profile;
use evergrant::gateway::retry_after;
use evergrant::provider::Verdict;
use evergrant::{AccessToken, Api, CallError, Request, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::claims;

/// Where version 1.0 begins.
pub(super) fn base_url(root: &Url) -> Url {
    let mut url = root.clone();
    url.set_path(&format!("{}/v1.0", root.path().trim_end_matches('/')));
    url
}

/// Puts the token on a request.
pub(super) fn sign(request: &mut Request, token: &AccessToken) {
    // A token of anything but visible ASCII was refused when it was obtained.
    if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.secret().expose())) {
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
}

/// What an answer says about the token.
pub(super) fn judge(response: &Response) -> Verdict {
    match response.status() {
        StatusCode::UNAUTHORIZED => Verdict::TokenRejected { claims: claims::demanded(response) },
        // Refused for good, unless the answer says what a token would have to claim.
        StatusCode::FORBIDDEN => match claims::demanded(response) {
            Some(claims) => Verdict::TokenRejected { claims: Some(claims) },
            None => Verdict::Accepted,
        },
        StatusCode::TOO_MANY_REQUESTS => Verdict::Throttled { retry_after: retry_after(response) },
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Verdict::Unavailable
        }
        _ => Verdict::Accepted,
    }
}

/// `GET /me`.
pub(super) async fn profile(api: &Api) -> Result<Profile, CallError> {
    let response = api.get("/me").await?;
    let raw: Map<String, Value> = read(&response)?;
    let text = |name: &str| raw.get(name).and_then(Value::as_str).map(str::to_owned);
    let username = text("userPrincipalName");
    Ok(Profile {
        id: text("id")
            .ok_or_else(|| CallError::Unreadable("an account without an id".to_owned()))?,
        name: text("displayName"),
        // Personal accounts have no `mail`; their sign-in name is the address.
        email: text("mail").or_else(|| username.clone()),
        username,
        raw,
    })
}

/// The body of a success, or the error that came instead.
pub(super) fn read<T: for<'de> Deserialize<'de>>(response: &Response) -> Result<T, CallError> {
    if response.status().is_success() {
        return serde_json::from_slice(response.body())
            .map_err(|e| CallError::Unreadable(e.to_string()));
    }
    let status = response.status();
    match judge(response) {
        Verdict::Throttled { retry_after } => return Err(CallError::Throttled { retry_after }),
        Verdict::Unavailable => {
            return Err(CallError::Unavailable {
                detail: format!("it answered {}", status.as_u16()),
                retry_after: retry_after(response),
            });
        }
        _ => {}
    }
    let ErrorBody { error } = serde_json::from_slice(response.body()).unwrap_or_default();
    let header = response.headers().get("request-id").and_then(|v| v.to_str().ok());
    Err(CallError::Refused {
        status,
        code: error.code,
        message: error.message,
        request_id: error
            .inner
            .and_then(|inner| inner.request_id)
            .or_else(|| header.map(str::to_owned)),
    })
}

/// Contract, section 4.2: `innerError` comes in two spellings, code and message may be empty.
#[derive(Default, Deserialize)]
struct ErrorBody {
    error: GraphError,
}

#[derive(Default, Deserialize)]
struct GraphError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default, rename = "innerError", alias = "innererror")]
    inner: Option<InnerError>,
}

#[derive(Deserialize)]
struct InnerError {
    #[serde(default, rename = "request-id")]
    request_id: Option<String>,
}
