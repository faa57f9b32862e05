//! The pages between an authorize request and its code, and signing out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use evergrant::Request;
use evergrant_sandbox::{Backstage, Origin};
use jiff::Timestamp;

use super::aadsts::{Trace, Trouble};
use super::authorize::{Ask, Prompt};
use super::reply::redirect;
use super::world::registered;
use super::{MicrosoftAct, given, pages, parameters};

/// How long a page stays usable.
const PATIENCE: Duration = Duration::from_mins(15);

/// The sign-ins that are under way, by an id that the pages carry.
#[derive(Debug, Default)]
pub(super) struct SignIns(Mutex<HashMap<String, SignIn>>);

/// How far somebody has come.
#[derive(Debug, Clone)]
struct SignIn {
    ask: Ask,
    /// Who has given the right password.
    upn: Option<&'static str>,
    begun: Timestamp,
}

impl SignIns {
    fn begin(&self, sign_in: SignIn, backstage: &Backstage) -> String {
        let id = backstage.secret();
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        under_way
            .retain(|_, other| sign_in.begun.duration_since(other.begun).unsigned_abs() < PATIENCE);
        under_way.insert(id.clone(), sign_in);
        id
    }

    /// Takes a sign-in off the table: each page is good for one answer.
    fn take(&self, id: &str, now: Timestamp) -> Option<SignIn> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id)?;
        (now.duration_since(taken.begun).unsigned_abs() < PATIENCE).then_some(taken)
    }

    pub(super) fn reset(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// `POST /{tenant}/login`: the sign-in page was answered.
pub(super) async fn log_in(
    State(act): State<MicrosoftAct>,
    Path(_): Path<String>,
    Extension(origin): Extension<Origin>,
    body: Bytes,
) -> Response {
    let answer = parameters(&body);
    let Some(mut sign_in) = act.take(&answer) else {
        return act.lost();
    };
    if !says_yes(&answer) {
        return act.cancel(&sign_in, 65_004, &origin);
    }
    let login = given(&answer, "login").unwrap_or_default();
    let user = act.stage_world().user(login).cloned();
    let user = user.filter(|user| given(&answer, "passwd") == Some(user.password));
    let wrong = match &user {
        None => "Your account or password is incorrect. (AADSTS50126)",
        Some(user) if !user.enabled => "Your account has been disabled. (AADSTS50057)",
        Some(_) if !sign_in.ask.tenant.admits_work_accounts() => {
            "You can't sign in here with a work or school account. (AADSTS50020)"
        }
        Some(user) => {
            sign_in.upn = Some(user.upn);
            return act.ask_consent(sign_in);
        }
    };
    act.ask_password(sign_in, login, Some(wrong))
}

/// `POST /{tenant}/consent`: the consent page was answered.
pub(super) async fn consent(
    State(act): State<MicrosoftAct>,
    Path(_): Path<String>,
    Extension(origin): Extension<Origin>,
    body: Bytes,
) -> Response {
    let answer = parameters(&body);
    let Some(sign_in) = act.take(&answer) else {
        return act.lost();
    };
    let Some(upn) = sign_in.upn else {
        return act.lost();
    };
    match (act.needs_admin(&sign_in.ask, upn), says_yes(&answer)) {
        (true, _) => act.cancel(&sign_in, 90_094, &origin),
        (false, false) => act.cancel(&sign_in, 65_004, &origin),
        (false, true) => act.grant(&sign_in.ask, upn),
    }
}

/// `/{tenant}/oauth2/v2.0/logout`: back to the application, if it says where. Tokens stay.
pub(super) async fn log_out(RawQuery(query): RawQuery, body: Bytes) -> Response {
    let (query, body) = (parameters(query.unwrap_or_default().as_bytes()), parameters(&body));
    let to = given(&query, "post_logout_redirect_uri").or(given(&body, "post_logout_redirect_uri"));
    match to.and_then(registered) {
        Some(to) => redirect(to.as_str()),
        None => pages::signed_out().into_response(),
    }
}

impl MicrosoftAct {
    /// Begins to ask the user.
    pub(super) fn ask_user(&self, ask: Ask) -> Response {
        let account = ask.login_hint.clone().unwrap_or_default();
        let sign_in = SignIn { ask, upn: None, begun: self.backstage().now() };
        self.ask_password(sign_in, &account, None)
    }

    fn ask_password(&self, sign_in: SignIn, account: &str, wrong: Option<&str>) -> Response {
        let action = format!("/{}/login", sign_in.ask.tenant.segment());
        let flow = self.0.sign_ins.begin(sign_in, self.backstage());
        pages::sign_in(&action, &flow, account, wrong).into_response()
    }

    /// Asks for what is not consented to yet.
    fn ask_consent(&self, sign_in: SignIn) -> Response {
        let Some(upn) = sign_in.upn else {
            return self.lost();
        };
        let ask = sign_in.ask.clone();
        let (app, consented) = {
            let world = self.stage_world();
            let app = world.registration(&ask.client_id).map(|registration| registration.name);
            (app.unwrap_or_default(), world.consented(&ask.client_id, upn))
        };
        let action = format!("/{}/consent", ask.tenant.segment());
        let begin = || self.0.sign_ins.begin(sign_in, self.backstage());
        if self.needs_admin(&ask, upn) {
            return pages::admin_approval(&action, &begin(), app).into_response();
        }
        if ask.prompt != Some(Prompt::Consent) && ask.scopes.permissions.is_subset(&consented) {
            return self.grant(&ask, upn);
        }
        pages::consent(&action, &begin(), app, upn, &ask.scopes).into_response()
    }

    fn take(&self, answer: &HashMap<String, String>) -> Option<SignIn> {
        self.0.sign_ins.take(given(answer, "flow")?, self.backstage().now())
    }

    fn cancel(&self, sign_in: &SignIn, code: u32, origin: &Origin) -> Response {
        sign_in.ask.return_to.refuse(&Trouble::new(code), &self.page_trace(), origin)
    }

    /// The page that belongs to this answer is gone.
    fn lost(&self) -> Response {
        pages::trouble(&Trouble::new(165_000), &self.page_trace()).into_response()
    }

    fn page_trace(&self) -> Trace {
        Trace::of(&Request::default(), self.backstage())
    }
}

fn says_yes(answer: &HashMap<String, String>) -> bool {
    given(answer, "choice") == Some("yes")
}
