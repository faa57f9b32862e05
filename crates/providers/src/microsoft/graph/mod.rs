//! Calls to Graph: signing, judging, and the account's profile (contract, sections 4 and 5.1).
//!
//! [`Call`] puts a request together and reads its answer, [`refusal`] says what an answer that is no
//! success means, [`list`] follows lists page by page, [`delta`] changes.

mod answer;
pub(super) mod delta;
pub(super) mod input;
pub(super) mod list;
pub(super) mod refusal;
mod request;
mod theirs;
pub(super) mod wire;
pub(super) mod words;

use evergrant::capability::Profile;
use evergrant::gateway::retry_after;
use evergrant::provider::Verdict;
use evergrant::{AccessToken, Api, CallError, Request, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use url::Url;

pub(super) use answer::{Unread, read, unreadable};
pub(super) use request::{Call, body_as, id, send_unsigned};

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

/// Statuses of what may go better a moment later (contract, section 4.2).
const TRANSIENT: [u16; 6] = [500, 502, 503, 504, 507, 509];

/// What an answer says about the token.
pub(super) fn judge(response: &Response) -> Verdict {
    match response.status() {
        StatusCode::UNAUTHORIZED => Verdict::TokenRejected { claims: claims::demanded(response) },
        // Refused for good, unless the answer says what a token would have to claim.
        StatusCode::FORBIDDEN => match claims::demanded(response) {
            Some(claims) => Verdict::TokenRejected { claims: Some(claims) },
            None => Verdict::Accepted,
        },
        StatusCode::TOO_MANY_REQUESTS => {
            Verdict::Throttled { retry_after: retry_after(response), allowance: None }
        }
        status if TRANSIENT.contains(&status.as_u16()) => Verdict::Unavailable,
        _ => Verdict::Accepted,
    }
}

/// `GET /me`.
pub(super) async fn profile(api: &Api) -> Result<Profile, CallError> {
    let raw: Map<String, Value> = Call::get(api, &["User.Read"], "/me").read().await?;
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
