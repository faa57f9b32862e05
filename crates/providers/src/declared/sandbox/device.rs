//! `/oauth/{name}/device`: device codes by POST, and by GET the page where a person types one.

use std::collections::HashMap;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use evergrant_sandbox::{DeviceCodes, Origin};
use serde_json::json;

use super::discovery::nobody;
use super::provider::{Memo, Provider};
use super::refusal::no_store;
use super::users::{PASSWORD, user};
use super::{OAuthAct, given, pages, parameters};

/// A device asks for codes (RFC 8628, section 3.1).
pub(super) async fn start(
    State(act): State<OAuthAct>,
    Path(name): Path<String>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(provider) = act.provider(&name) else {
        return nobody(&name).into_response();
    };
    let form = parameters(&body);
    let client = match provider.authenticate(&form, &headers, &origin) {
        Ok(client) => client,
        Err(refusal) => return refusal.response(),
    };
    let scope = given(&form, "scope").unwrap_or("read").to_owned();
    let started = provider.devices.start(&client, Memo { scope, nonce: None });
    let page = format!("{}/device", provider.issuer(&origin));
    let body = json!({
        "device_code": started.device_code,
        "user_code": started.user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={}", started.user_code),
        "expires_in": DeviceCodes::<Memo>::LIFE.as_secs(),
        "interval": DeviceCodes::<Memo>::INTERVAL.as_secs(),
    });
    no_store(StatusCode::OK, &body)
}

/// The page. With `user_code`, `login_hint` and `prompt=none` nobody is asked; `choice=no` declines.
pub(super) async fn page(
    State(act): State<OAuthAct>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(provider) = act.provider(&name) else {
        return nobody(&name).into_response();
    };
    let asked = parameters(query.unwrap_or_default().as_bytes());
    let code = given(&asked, "user_code").unwrap_or_default();
    let login = given(&asked, "login_hint").unwrap_or_default();
    if given(&asked, "prompt") == Some("none") {
        return provider.settle(&asked, code, login);
    }
    provider.ask_code(code, login, None)
}

/// The page was answered.
pub(super) async fn answered(
    State(act): State<OAuthAct>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    let Some(provider) = act.provider(&name) else {
        return nobody(&name).into_response();
    };
    let answer = parameters(&body);
    let code = given(&answer, "user_code").unwrap_or_default();
    let login = given(&answer, "login").unwrap_or_default();
    if given(&answer, "choice") != Some("no") && given(&answer, "passwd") != Some(PASSWORD) {
        return provider.ask_code(code, login, Some("This account or its password is not known."));
    }
    provider.settle(&answer, code, login)
}

impl Provider {
    /// Answers for a device; false if the code or the account is not known.
    pub(super) fn answer_device(&self, code: &str, login: Option<&str>) -> bool {
        match login {
            None => self.devices.answer(code, None),
            Some(login) => {
                user(login).is_some_and(|user| self.devices.answer(code, Some(user.email)))
            }
        }
    }

    fn settle(&self, answer: &HashMap<String, String>, code: &str, login: &str) -> Response {
        let declines = given(answer, "choice") == Some("no");
        if !self.answer_device(code, (!declines).then_some(login)) {
            return self.ask_code(code, login, Some("This code or this account is not known."));
        }
        let text = if declines { "The device stays outside." } else { "The device is signed in." };
        pages::message("Device", text).into_response()
    }

    fn ask_code(&self, code: &str, login: &str, wrong: Option<&str>) -> Response {
        let action = format!("/oauth/{}/device/answer", self.name);
        pages::sign_in("Device", &action, &pages::code_field(code), login, wrong).into_response()
    }
}
