//! Where faults can strike, and how a plain provider fails: by any OAuth error.

use std::collections::{BTreeMap, HashMap};

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use evergrant::Request;
use evergrant_sandbox::{Failure, Origin, Scene, Site};
use serde_json::Value;

use super::authorize::untrusted;
use super::client::basic;
use super::provider::Provider;
use super::refusal::Refusal;
use super::resource::bearer;
use super::users::user;
use super::{OAuthAct, given, parameters};

const AUTHORIZE: &str = "oauth.authorize";
const TOKEN: &str = "oauth.token";
const DEVICE: &str = "oauth.device";
const USERINFO: &str = "oauth.userinfo";
const REVOKE: &str = "oauth.revoke";
const API: &str = "oauth.api";
const DISCOVERY: &str = "oauth.discovery";
const FIELDS: &[&str] = &["name", "client_id", "account", "grant_type"];

/// The sites.
pub(super) const SITES: &[Site] = &[
    Site { name: AUTHORIZE, fields: FIELDS },
    Site { name: TOKEN, fields: FIELDS },
    Site { name: DEVICE, fields: &["name", "client_id"] },
    Site { name: USERINFO, fields: FIELDS },
    Site { name: REVOKE, fields: FIELDS },
    Site { name: API, fields: FIELDS },
    Site { name: DISCOVERY, fields: &["name"] },
];

/// Which site a request calls, and by whom.
pub(super) fn scene(act: &OAuthAct, request: &Request) -> Option<Scene> {
    let path = request.uri().path();
    let (name, site) =
        if let Some(name) = path.strip_prefix("/.well-known/oauth-authorization-server/oauth/") {
            (name, DISCOVERY)
        } else {
            let (name, rest) = path.strip_prefix("/oauth/")?.split_once('/')?;
            let site = match rest {
                "authorize" => AUTHORIZE,
                "token" => TOKEN,
                "device" if request.method() == Method::POST => DEVICE,
                "userinfo" => USERINFO,
                "revoke" => REVOKE,
                ".well-known/openid-configuration" | "jwks" => DISCOVERY,
                rest if rest.starts_with("api/") => API,
                _ => return None,
            };
            (name, site)
        };
    let provider = act.provider(name)?;
    let mut fields = BTreeMap::from([("name", name.to_owned())]);
    match site {
        USERINFO | API => {
            let holder = bearer(request.headers()).and_then(|token| provider.holder(token));
            if let Some(holder) = holder {
                fields.insert("client_id", holder.client);
                fields.extend(holder.account.map(|account| ("account", account)));
            }
        }
        DISCOVERY => {}
        _ => describe(&provider, request, &mut fields),
    }
    Some(Scene { site, fields })
}

/// Adds what the parameters of a request say.
fn describe(provider: &Provider, request: &Request, fields: &mut BTreeMap<&'static str, String>) {
    let asked = asked(request);
    let field = |name| given(&asked, name).map(str::to_owned);
    let in_header = || basic(request.headers()).map(|(client_id, _)| client_id);
    fields.extend(field("client_id").or_else(in_header).map(|client| ("client_id", client)));
    fields.extend(field("grant_type").map(|grant_type| ("grant_type", grant_type)));
    let presented = given(&asked, "refresh_token").or(given(&asked, "code"));
    let presented = presented.or(given(&asked, "token"));
    let by_token = presented.and_then(|token| {
        let held = || provider.holder(token)?.account;
        provider.grants.account_of(token).or_else(held)
    });
    let by_device = || provider.devices.account_of(given(&asked, "device_code")?);
    let by_hint = || {
        let hint = given(&asked, "login_hint")?;
        Some(user(hint).map_or(hint, |user| user.email).to_owned())
    };
    let account = by_token.or_else(by_device).or_else(by_hint);
    fields.extend(account.map(|account| ("account", account)));
}

/// Whether a site can fail this way.
pub(super) fn accepts(site: &str, failure: &Failure) -> Result<(), String> {
    for (name, value) in &failure.vendor {
        match name.as_str() {
            "oauth_error" | "description" if site == DISCOVERY => {
                return Err(format!("`{site}` has no OAuth errors; give a `status`"));
            }
            "oauth_error" if failure.body.is_some() => {
                return Err("`oauth_error` brings its own body".to_owned());
            }
            "oauth_error" if value.as_str().is_some_and(|error| !error.is_empty()) => {}
            "description" if value.is_string() && failure.vendor.contains_key("oauth_error") => {}
            _ => return Err(format!("`{site}` cannot do `{name}` like this")),
        }
    }
    if failure.status.is_none() && !failure.vendor.contains_key("oauth_error") {
        return Err("a `status` or an `oauth_error` is needed".to_owned());
    }
    Ok(())
}

/// A plain provider's way to fail.
pub(super) fn fail(
    act: &OAuthAct,
    scene: &Scene,
    failure: &Failure,
    request: &Request,
) -> Response {
    let text = |name| failure.vendor.get(name).and_then(Value::as_str);
    let status = failure.status_code();
    let mut response = match (text("oauth_error"), &failure.body) {
        (Some(error), _) => {
            let mut refusal = Refusal::new(error, text("description").unwrap_or_default());
            refusal.description = text("description").map(str::to_owned);
            refusal.status = status.unwrap_or(refusal.status);
            match scene.site {
                AUTHORIZE => redirected(act, scene, request, &refusal),
                USERINFO | API => refusal.challenging("Bearer").response(),
                _ => refusal.response(),
            }
        }
        (None, Some(Value::String(text))) => text.clone().into_response(),
        (None, Some(body)) => axum::Json(body).into_response(),
        (None, None) => Body::empty().into_response(),
    };
    if text("oauth_error").is_none() {
        *response.status_mut() = status.unwrap_or(StatusCode::BAD_REQUEST);
    }
    if let Some(seconds) = failure.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The error on its way back to the application, or on a page if there is no way.
fn redirected(act: &OAuthAct, scene: &Scene, request: &Request, refusal: &Refusal) -> Response {
    let provider = scene.fields.get("name").and_then(|name| act.provider(name));
    let return_to =
        provider.map(|provider| provider.read_return(&asked(request), &Origin::of(request)));
    match return_to {
        Some(Ok(return_to)) => return_to.refuse(refusal),
        _ => untrusted(refusal),
    }
}

fn asked(request: &Request) -> HashMap<String, String> {
    match request.uri().query() {
        Some(query) if request.method() != Method::POST => parameters(query.as_bytes()),
        _ => parameters(request.body()),
    }
}
