//! `/{tenant}/oauth2/v2.0/authorize`: what an application asks for, and the way without a browser.

use std::collections::HashMap;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use evergrant::Request;
use evergrant_sandbox::{Asked, Challenge, ChallengeError, Origin};

use super::aadsts::{Trace, Trouble};
use super::claims::Claims;
use super::reply::{ResponseMode, ReturnTo};
use super::scopes::Scopes;
use super::world::{Tenant, registered};
use super::{Memo, MicrosoftAct, given, mint, pages, parameters, tenant};

/// A valid authorize request.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) tenant: Tenant,
    pub(super) client_id: String,
    pub(super) return_to: ReturnTo,
    pub(super) scopes: Scopes,
    pub(super) prompt: Option<Prompt>,
    pub(super) login_hint: Option<String>,
    challenge: Option<Challenge>,
    nonce: Option<String>,
    claims: Claims,
    client_info: bool,
}

/// How the user shall be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Not at all.
    None,
    /// For consent, even if it was given before.
    Consent,
    /// In a way that makes no difference here: every sign-in asks for account and password.
    Login,
}

/// Why an authorize request is not carried out, and how the application learns of it.
pub(super) enum Refusal {
    /// It does not: there is no address that could be trusted.
    Page(Trouble),
    /// By a redirect.
    Redirect(Box<ReturnTo>, Trouble),
}

/// The endpoint, for GET and POST.
pub(super) async fn authorize(
    State(act): State<MicrosoftAct>,
    Path(segment): Path<String>,
    Extension(origin): Extension<Origin>,
    head: Parts,
    body: Bytes,
) -> Response {
    let request = Request::from_parts(head, body);
    let trace = Trace::of(&request, act.backstage());
    let parameters = if request.method() == Method::POST {
        parameters(request.body())
    } else {
        parameters(request.uri().query().unwrap_or_default().as_bytes())
    };
    let outcome = act.read_ask(&segment, &origin, &parameters).and_then(|ask| {
        if ask.prompt == Some(Prompt::None) { act.silent(&ask) } else { Ok(act.ask_user(ask)) }
    });
    match outcome {
        Ok(response) => response,
        Err(Refusal::Page(trouble)) => pages::trouble(&trouble, &trace).into_response(),
        Err(Refusal::Redirect(return_to, trouble)) => return_to.refuse(&trouble, &trace, &origin),
    }
}

impl MicrosoftAct {
    /// Where an answer to a request with these parameters may be sent, whatever else is wrong.
    pub(super) fn read_return(
        &self,
        parameters: &HashMap<String, String>,
    ) -> Result<ReturnTo, Trouble> {
        let client_id =
            given(parameters, "client_id").ok_or_else(|| Trouble::missing("client_id"))?;
        if self.stage_world().registration(client_id).is_none() {
            return Err(unknown_client(client_id));
        }
        let redirect_uri =
            given(parameters, "redirect_uri").ok_or_else(|| Trouble::new(500_113))?;
        let target = registered(redirect_uri).ok_or_else(|| {
            Trouble::new(50_011).saying(format!(
                "The redirect URI '{redirect_uri}' specified in the request does not match the \
                 redirect URIs configured for the application '{client_id}'."
            ))
        })?;
        let mode = ResponseMode::parse(given(parameters, "response_mode"));
        Ok(ReturnTo {
            redirect_uri: redirect_uri.to_owned(),
            target,
            mode: mode.unwrap_or(ResponseMode::Query),
            state: parameters.get("state").cloned(),
        })
    }

    fn read_ask(
        &self,
        segment: &str,
        origin: &Origin,
        parameters: &HashMap<String, String>,
    ) -> Result<Ask, Refusal> {
        let tenant = tenant(segment).map_err(Refusal::Page)?;
        let return_to = self.read_return(parameters).map_err(Refusal::Page)?;
        read_rest(tenant, return_to.clone(), origin, parameters)
            .map_err(|trouble| Refusal::Redirect(Box::new(return_to), trouble))
    }

    /// Signs in the hinted user without asking anybody.
    fn silent(&self, ask: &Ask) -> Result<Response, Refusal> {
        let refuse = |code| Refusal::Redirect(Box::new(ask.return_to.clone()), Trouble::new(code));
        let hint = ask.login_hint.as_deref().ok_or_else(|| refuse(50_058))?;
        let user = self.stage_world().user(hint).cloned();
        let user =
            user.filter(|_| ask.tenant.admits_work_accounts()).ok_or_else(|| refuse(50_058))?;
        if !user.enabled {
            return Err(refuse(50_057));
        }
        if self.needs_admin(ask, user.upn) {
            return Err(refuse(90_094));
        }
        Ok(self.grant(ask, user.upn))
    }

    /// Whether an administrator has to consent before this user can get what is asked for.
    pub(super) fn needs_admin(&self, ask: &Ask, upn: &str) -> bool {
        self.stage_world().needs_admin(&ask.client_id, upn, &ask.scopes.permissions)
    }

    /// Sends a code for the account that has signed in and consented.
    pub(super) fn grant(&self, ask: &Ask, upn: &str) -> Response {
        let (client_info, met) = {
            let mut world = self.stage_world();
            world.user_mut(upn).map_or((None, 0), |user| {
                user.consent(&ask.client_id, ask.scopes.permissions.iter().cloned());
                // The person is here, and does whatever was demanded.
                user.demand = None;
                (ask.client_info.then(|| mint::client_info(user)), user.challenge.level)
            })
        };
        let asked = Asked {
            client: ask.client_id.clone(),
            redirect_uri: ask.return_to.redirect_uri.clone(),
            challenge: ask.challenge.clone(),
        };
        let memo = Memo {
            scopes: ask.scopes.clone(),
            nonce: ask.nonce.clone(),
            capable: ask.claims.capable,
            met,
        };
        let code = self.grants().open(asked, upn, memo);
        ask.return_to.accept(code, client_info, self.backstage().guid().to_string())
    }
}

fn read_rest(
    tenant: Tenant,
    return_to: ReturnTo,
    origin: &Origin,
    parameters: &HashMap<String, String>,
) -> Result<Ask, Trouble> {
    let mode = given(parameters, "response_mode");
    if ResponseMode::parse(mode).is_none() {
        return Err(Trouble::new(70_007));
    }
    match given(parameters, "response_type") {
        Some("code") => {}
        Some(implicit) if implicit.split(' ').any(|kind| kind == "token") => {
            return Err(Trouble::new(700_051));
        }
        Some(hybrid) if hybrid.split(' ').any(|kind| kind == "id_token") => {
            return Err(Trouble::new(700_054));
        }
        Some(_) => return Err(Trouble::new(70_005)),
        None => return Err(Trouble::missing("response_type")),
    }
    let scope = given(parameters, "scope").ok_or_else(|| Trouble::missing("scope"))?;
    let prompt = match given(parameters, "prompt") {
        None => None,
        Some("none") => Some(Prompt::None),
        Some("consent") => Some(Prompt::Consent),
        Some("login" | "select_account") => Some(Prompt::Login),
        Some(other) => {
            let text = format!("Unsupported 'prompt' value '{other}'.");
            return Err(Trouble::new(90_023).saying(text));
        }
    };
    let method = given(parameters, "code_challenge_method");
    let challenge =
        given(parameters, "code_challenge").map(|value| Challenge::parse(value, method));
    let challenge = challenge.transpose().map_err(|error| match error {
        ChallengeError::Form => Trouble::new(501_491),
        ChallengeError::Method => Trouble::new(50_147),
    })?;
    Ok(Ask {
        tenant,
        client_id: given(parameters, "client_id").unwrap_or_default().to_owned(),
        return_to,
        scopes: Scopes::parse(scope, origin)?,
        prompt,
        login_hint: given(parameters, "login_hint").map(str::to_owned),
        challenge,
        nonce: given(parameters, "nonce").map(str::to_owned),
        claims: Claims::parse(given(parameters, "claims"))?,
        client_info: given(parameters, "client_info") == Some("1"),
    })
}

/// The error that names a client nobody registered.
pub(super) fn unknown_client(client_id: &str) -> Trouble {
    Trouble::new(700_016).saying(format!(
        "Application with identifier '{client_id}' was not found in the directory 'Contoso'. This can happen if \
         the application has not been installed by the administrator of the tenant or consented to by any user \
         in the tenant. You may have sent your authentication request to the wrong tenant."
    ))
}
