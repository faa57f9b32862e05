//! The device flow: codes for something without a browser, and the page where a person types one.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use evergrant::Request;
use evergrant_sandbox::{DeviceCodes, Origin, Problem};
use serde_json::{Value, json};

use super::aadsts::{Trace, Trouble, endpoint_headers};
use super::authorize::unknown_client;
use super::claims::Claims;
use super::client::basic;
use super::scopes::Scopes;
use super::{Memo, MicrosoftAct, given, pages, parameters, tenant};

/// `POST /{tenant}/oauth2/v2.0/devicecode`.
pub(super) async fn start(
    State(act): State<MicrosoftAct>,
    Path(segment): Path<String>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = parameters(&body);
    let mut request = Request::new(body);
    *request.headers_mut() = headers;
    let trace = Trace::of(&request, act.backstage());
    match act.start_device(&segment, &origin, &form, request.headers()) {
        Ok(body) => {
            let mut response = (StatusCode::OK, Json(body)).into_response();
            endpoint_headers(&mut response, &trace, 0);
            response
        }
        Err(trouble) => trouble.json(&trace, &origin),
    }
}

/// `GET /devicelogin`, and `/common/oauth2/deviceauth`: asks for the code. With `otc`, `login_hint`
/// and `prompt=none` nobody is asked; `choice=no` declines.
pub(super) async fn page(State(act): State<MicrosoftAct>, RawQuery(query): RawQuery) -> Response {
    let asked = parameters(query.unwrap_or_default().as_bytes());
    let (code, hint) = (given(&asked, "otc"), given(&asked, "login_hint"));
    match (given(&asked, "prompt"), code, hint) {
        (Some("none"), Some(code), Some(account)) => act.answer_device(&asked, code, account),
        _ => {
            pages::device(code.unwrap_or_default(), hint.unwrap_or_default(), None).into_response()
        }
    }
}

/// The page was answered.
pub(super) async fn answered(State(act): State<MicrosoftAct>, body: Bytes) -> Response {
    let answer = parameters(&body);
    let code = given(&answer, "otc").unwrap_or_default();
    let account = given(&answer, "login").unwrap_or_default();
    let known = act.stage_world().user(account).map(|user| user.password);
    if given(&answer, "choice") != Some("no")
        && (known.is_none() || known != given(&answer, "passwd"))
    {
        let wrong = "Your account or password is incorrect. (AADSTS50126)";
        return pages::device(code, account, Some(wrong)).into_response();
    }
    act.answer_device(&answer, code, account)
}

impl MicrosoftAct {
    fn start_device(
        &self,
        segment: &str,
        origin: &Origin,
        form: &HashMap<String, String>,
        headers: &HeaderMap,
    ) -> Result<Value, Trouble> {
        tenant(segment)?;
        let in_header = basic(headers).map(|(client_id, _)| client_id);
        let client_id = given(form, "client_id").map(str::to_owned).or(in_header);
        let client_id = client_id.ok_or_else(|| Trouble::missing("client_id"))?;
        if self.stage_world().registration(&client_id).is_none() {
            return Err(unknown_client(&client_id));
        }
        let text = given(form, "scope").ok_or_else(|| Trouble::missing("scope"))?;
        let scopes = Scopes::parse(text, origin)?.for_one_resource(text)?;
        let capable = Claims::parse(given(form, "claims"))?.capable;
        let memo = Memo { scopes, nonce: None, capable, met: 0 };
        let started = self.devices().start(&client_id, memo);
        let page = format!("{origin}/devicelogin");
        let user_code = started.user_code;
        Ok(json!({
            "user_code": user_code,
            "device_code": started.device_code,
            "verification_uri": page,
            "expires_in": DeviceCodes::<Memo>::LIFE.as_secs(),
            "interval": DeviceCodes::<Memo>::INTERVAL.as_secs(),
            "message": format!(
                "To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."
            ),
        }))
    }

    fn answer_device(
        &self,
        answer: &HashMap<String, String>,
        code: &str,
        account: &str,
    ) -> Response {
        let outcome = match given(answer, "choice") {
            Some("no") => self.decline_device(code),
            _ => self.approve_device(code, account),
        };
        match outcome {
            Ok(true) => pages::device_done("You have signed in to the application on your device."),
            Ok(false) => pages::device_done("You have cancelled the sign-in on your device."),
            Err(wrong) => pages::device(code, account, Some(&wrong)),
        }
        .into_response()
    }

    /// Lets the device in, or says why not.
    fn approve_device(&self, code: &str, account: &str) -> Result<bool, String> {
        let (client_id, memo) = self.devices().asked(code).ok_or_else(no_such_code)?;
        let mut world = self.stage_world();
        if world.needs_admin(&client_id, account, &memo.scopes.permissions) {
            return Err("An administrator has to grant these permissions. (AADSTS90094)".to_owned());
        }
        let user = world.user_mut(account).filter(|user| user.enabled);
        let user = user.ok_or_else(|| {
            "Your account does not exist or is disabled. (AADSTS50057)".to_owned()
        })?;
        user.consent(&client_id, memo.scopes.permissions);
        user.demand = None;
        if self.devices().answer(code, Some(user.upn)) { Ok(true) } else { Err(no_such_code()) }
    }

    fn decline_device(&self, code: &str) -> Result<bool, String> {
        if self.devices().answer(code, None) { Ok(false) } else { Err(no_such_code()) }
    }

    /// `device-codes/{user_code}/{answer}` of the control interface.
    pub(super) fn direct_device(
        &self,
        user_code: &str,
        answer: &str,
        account: Option<&str>,
    ) -> Result<Value, Problem> {
        if self.devices().asked(user_code).is_none() {
            return Err(Problem::unknown(format!("no device waits with the code `{user_code}`")));
        }
        let outcome = match (answer, account) {
            ("approve", Some(account)) => self.approve_device(user_code, account),
            ("approve", None) => return Err(Problem::unusable("`account` is missing")),
            ("decline", None) => self.decline_device(user_code),
            ("decline", Some(_)) => return Err(Problem::unusable("nobody is asked: no `account`")),
            _ => return Err(Problem::unknown("the answers are: approve, decline")),
        };
        let approved = outcome.map_err(Problem::unusable)?;
        Ok(json!({ "user_code": user_code, "approved": approved }))
    }
}

fn no_such_code() -> String {
    "That code didn't work. Check the code and try again. (AADSTS70018)".to_owned()
}
