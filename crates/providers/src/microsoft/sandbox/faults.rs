//! Where faults can strike, and how this vendor fails.

use std::collections::{BTreeMap, HashMap};

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use evergrant::Request;
use evergrant_sandbox::{Failure, Origin, Page, Scene, SigningKey, Site};
use serde_json::Value;

use super::aadsts::{Trace, Trouble};
use super::client::basic;
use super::graph::{Refusal, Reply, bearer};
use super::{MicrosoftAct, admin, given, pages, parameters};

const AUTHORIZE: &str = "microsoft.authorize";
const TOKEN: &str = "microsoft.token";
const DEVICE_CODE: &str = "microsoft.devicecode";
const ADMIN_CONSENT: &str = "microsoft.adminconsent";
const DISCOVERY: &str = "microsoft.discovery";
const GRAPH: &str = "graph";

/// The sites.
pub(super) const SITES: &[Site] = &[
    Site { name: AUTHORIZE, fields: &["tenant", "client_id", "account", "prompt"] },
    Site { name: TOKEN, fields: &["tenant", "client_id", "account", "grant_type"] },
    Site { name: DEVICE_CODE, fields: &["tenant", "client_id"] },
    Site { name: ADMIN_CONSENT, fields: &["tenant", "client_id", "account"] },
    Site { name: DISCOVERY, fields: &["tenant"] },
    Site { name: GRAPH, fields: &["client_id", "account"] },
];

/// Which site a request calls, and by whom.
pub(super) fn scene(act: &MicrosoftAct, request: &Request) -> Option<Scene> {
    let path = request.uri().path();
    let mut segments = path.trim_start_matches('/').splitn(2, '/');
    let (first, rest) = (segments.next()?, segments.next().unwrap_or_default());
    let mut fields = BTreeMap::new();
    let site = match (first, rest) {
        ("api", rest) if rest.starts_with("v2.0/") => {
            if let Some((oid, client_id)) = act.upload_of(request) {
                let account = act.stage_world().user(&oid).map(|user| user.upn.to_owned());
                fields.insert("client_id", client_id);
                fields.extend(account.map(|account| ("account", account)));
            }
            return Some(Scene { site: GRAPH, fields });
        }
        ("v1.0" | "beta", _) | ("oidc", "userinfo") => {
            let claims = bearer(request.headers()).and_then(SigningKey::claims);
            let claim = |name| claims.as_ref()?.get(name)?.as_str().map(str::to_owned);
            fields.extend(claim("appid").map(|client| ("client_id", client)));
            fields.extend(claim("upn").map(|account| ("account", account)));
            return Some(Scene { site: GRAPH, fields });
        }
        (_, "oauth2/v2.0/authorize") => {
            let asked = request_parameters(request);
            let field = |name| given(&asked, name).map(str::to_owned);
            fields.extend(field("client_id").map(|client| ("client_id", client)));
            fields.extend(field("login_hint").map(|account| ("account", account)));
            fields.extend(field("prompt").map(|prompt| ("prompt", prompt)));
            AUTHORIZE
        }
        (_, "oauth2/v2.0/token") => {
            let form = parameters(request.body());
            let field = |name| given(&form, name).map(str::to_owned);
            let presented = given(&form, "refresh_token").or(given(&form, "code"));
            let account = presented.and_then(|presented| act.grants().account_of(presented));
            let device = given(&form, "device_code");
            let account = account.or_else(|| act.devices().account_of(device?));
            let in_header = || basic(request.headers()).map(|(client_id, _)| client_id);
            let client_id = field("client_id").or_else(in_header);
            fields.extend(client_id.map(|client| ("client_id", client)));
            fields.extend(field("grant_type").map(|grant_type| ("grant_type", grant_type)));
            fields.extend(account.map(|account| ("account", account)));
            TOKEN
        }
        (_, "oauth2/v2.0/devicecode") => {
            let form = parameters(request.body());
            let client = given(&form, "client_id").map(str::to_owned);
            fields.extend(client.map(|client| ("client_id", client)));
            DEVICE_CODE
        }
        (_, "v2.0/adminconsent" | "adminconsent") if request.method() == Method::GET => {
            let asked = request_parameters(request);
            let field = |name| given(&asked, name).map(str::to_owned);
            fields.extend(field("client_id").map(|client| ("client_id", client)));
            fields.extend(field("login_hint").map(|account| ("account", account)));
            ADMIN_CONSENT
        }
        (
            _,
            "v2.0/.well-known/openid-configuration" | "discovery/v2.0/keys" | "discovery/instance",
        ) => DISCOVERY,
        _ => return None,
    };
    fields.insert("tenant", first.to_owned());
    Some(Scene { site, fields })
}

/// Whether a site can fail this way.
pub(super) fn accepts(site: &str, failure: &Failure) -> Result<(), String> {
    for (name, value) in &failure.vendor {
        match (name.as_str(), site) {
            ("aadsts", GRAPH) => {
                return Err("graph has no `aadsts` errors; give a `status`".to_owned());
            }
            ("aadsts", _) if failure.status.is_some() || failure.body.is_some() => {
                return Err("`aadsts` brings its own status and body".to_owned());
            }
            ("aadsts", _) if number(value).and_then(Trouble::known).is_none() => {
                return Err(format!("there is no error AADSTS{value}"));
            }
            ("aadsts", _) => {}
            ("delta_reset", GRAPH) => {
                if failure.status.is_some() || failure.body.is_some() || failure.vendor.len() > 1 {
                    return Err("`delta_reset` brings its own status and body".to_owned());
                }
                Refusal::read(value)?;
            }
            ("code" | "message", GRAPH) if value.is_string() && failure.body.is_none() => {}
            _ => return Err(format!("`{site}` cannot do `{name}`")),
        }
    }
    let brings_status = |name: &str| failure.vendor.contains_key(name);
    if failure.status.is_none() && !["aadsts", "delta_reset"].into_iter().any(brings_status) {
        return Err("a `status`, an `aadsts` number or a `delta_reset` is needed".to_owned());
    }
    Ok(())
}

/// The vendor's way to fail.
pub(super) fn fail(
    act: &MicrosoftAct,
    scene: &Scene,
    failure: &Failure,
    request: &Request,
) -> Response {
    let origin = Origin::of(request);
    let trace = Trace::of(request, act.backstage());
    let trouble = failure.vendor.get("aadsts").and_then(number).and_then(Trouble::known);
    let status = failure.status_code().unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = match (scene.site, trouble, &failure.body) {
        (AUTHORIZE, Some(trouble), _) => match act.read_return(&request_parameters(request)) {
            Ok(return_to) if !trouble.is_page_only() => return_to.refuse(&trouble, &trace, &origin),
            _ => pages::trouble(&trouble, &trace).into_response(),
        },
        (ADMIN_CONSENT, Some(trouble), _) => admin::scripted(act, request, &trouble),
        (_, Some(trouble), _) => trouble.json(&trace, &origin),
        (GRAPH, None, _) => return fail_graph(act, failure, request).map(Body::from),
        (_, None, Some(Value::String(text))) => (status, text.clone()).into_response(),
        (_, None, Some(body)) => (status, axum::Json(body)).into_response(),
        (AUTHORIZE | ADMIN_CONSENT, None, None) => {
            let mut page = Page::new("We’re having trouble", "<p>Try again in a while.</p>");
            page.status = status;
            page.into_response()
        }
        (_, None, None) => match status {
            StatusCode::TOO_MANY_REQUESTS => Trouble::new(90_055).json(&trace, &origin),
            status if status.is_server_error() => Trouble::new(90_033).json(&trace, &origin),
            _ => Body::empty().into_response(),
        },
    };
    finish(&mut response, failure);
    response
}

/// What strikes an item of a batch, if a fault is meant for it.
pub(super) fn strike(act: &MicrosoftAct, item: &Request) -> Option<evergrant::Response> {
    let failure = act.backstage().strike_part(&scene(act, item)?, item)?;
    let mut response = fail_graph(act, &failure, item);
    failure.dress(&mut response);
    Some(response)
}

/// Graph's way to fail, of a whole request or of a part.
fn fail_graph(act: &MicrosoftAct, failure: &Failure, request: &Request) -> evergrant::Response {
    let scripted = |media_type, text: String| {
        let mut response = evergrant::Response::new(text.into());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    };
    if let Some(Ok(reset)) = failure.vendor.get("delta_reset").map(Refusal::read) {
        let mut response = act.reset_delta(request, &reset);
        finish(&mut response, failure);
        return response;
    }
    let mut response = match &failure.body {
        Some(Value::String(text)) => scripted("text/plain; charset=utf-8", text.clone()),
        Some(body) => scripted("application/json", body.to_string()),
        None => {
            let text = |name| failure.vendor.get(name).and_then(Value::as_str);
            let status = failure.status_code().unwrap_or(StatusCode::BAD_REQUEST);
            Reply::new(act, request).scripted(status, text("code"), text("message"))
        }
    };
    finish(&mut response, failure);
    response
}

/// The status and the wait of the script.
fn finish<B>(response: &mut axum::http::Response<B>, failure: &Failure) {
    if let Some(status) = failure.status_code() {
        *response.status_mut() = status;
    }
    if let Some(seconds) = failure.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    } else if failure.status.is_some() {
        // A scripted status comes exactly as scripted, without a hint of its own.
        response.headers_mut().remove(header::RETRY_AFTER);
    }
}

fn request_parameters(request: &Request) -> HashMap<String, String> {
    if request.method() == Method::POST {
        parameters(request.body())
    } else {
        parameters(request.uri().query().unwrap_or_default().as_bytes())
    }
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64()?.try_into().ok()
}
