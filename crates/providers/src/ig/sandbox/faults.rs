//! Where faults can strike, and how IG fails: by any code of its table, or as scripted.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use evergrant::Request;
use evergrant_sandbox::{Backstage, Failure, Page, Scene, Site};
use http::{HeaderValue, header};
use serde_json::Value;

use super::answer::Answer;
use super::call::Call;
use super::codes;
use super::world::World;

const SESSION: &str = "ig.session";
const REFRESH: &str = "ig.refresh";
const EVERY_OTHER: &str = "ig";
const FIELDS: &[&str] = &["account", "client"];

/// The sites: logins, refreshes, and every other call.
pub(super) const SITES: &[Site] = &[
    Site { name: SESSION, fields: FIELDS },
    Site { name: REFRESH, fields: FIELDS },
    Site { name: EVERY_OTHER, fields: FIELDS },
];

/// Which site a request calls; the account is the login, the client the key.
pub(super) fn scene(world: &World, request: &Request) -> Option<Scene> {
    let call = Call::read(request)?;
    let member = |name| call.member(name).and_then(Value::as_str);
    let (site, account) = match (call.method.as_str(), call.segments().as_slice()) {
        ("POST", ["session"]) => (SESSION, member("identifier")),
        ("POST", ["session", "refresh-token"]) => {
            let token = member("refresh_token");
            (REFRESH, token.and_then(|token| world.sessions.identifier_of_refresh(token)))
        }
        _ => (EVERY_OTHER, world.sessions.identifier_of(&call)),
    };
    let mut fields = BTreeMap::new();
    fields.extend(account.map(|account| ("account", account.to_owned())));
    fields.extend(call.api_key().map(|key| ("client", key.to_owned())));
    Some(Scene { site, fields })
}

/// Whether a site can fail this way.
pub(super) fn accepts(site: &str, failure: &Failure) -> Result<(), String> {
    for (name, value) in &failure.vendor {
        match (name.as_str(), value.as_str()) {
            ("ig_error", _) if failure.body.is_some() => {
                return Err("`ig_error` brings its own body".to_owned());
            }
            ("ig_error", Some(code)) if codes::status(code).is_some() => {}
            ("ig_error", _) => return Err(format!("there is no error code {value}")),
            _ => return Err(format!("`{site}` cannot do `{name}`")),
        }
    }
    if failure.status.is_none() && !failure.vendor.contains_key("ig_error") {
        return Err("a `status` or an `ig_error` is needed".to_owned());
    }
    Ok(())
}

/// IG's way to fail. A page that is not there may be one for people (contract, section 1).
pub(super) fn fail(backstage: &Backstage, failure: &Failure) -> Response {
    let request_id = backstage.guid().to_string();
    let status = failure.status_code();
    let code = failure.vendor.get("ig_error").and_then(Value::as_str);
    let mut response = match (code, &failure.body, status) {
        (Some(code), ..) => Answer::error(code).response(&request_id),
        (None, Some(Value::String(text)), _) => text.clone().into_response(),
        (None, Some(body), _) => Answer::ok(body.clone()).response(&request_id),
        (None, None, Some(StatusCode::NOT_FOUND)) => {
            Page::new("404", "<p>This page could not be found.</p>").into_response()
        }
        (None, None, Some(status)) if status.is_server_error() => {
            Answer::error("system.error").response(&request_id)
        }
        (None, None, _) => Answer::nothing().response(&request_id),
    };
    if let Some(status) = status {
        *response.status_mut() = status;
    }
    if let Ok(request_id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-request-id", request_id);
    }
    if let Some(seconds) = failure.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
