//! `/oauth/{name}/authorize`: who is there, and a code for it.

use std::collections::HashMap;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use evergrant_sandbox::{Asked, Challenge, Origin, Page};
use url::Url;

use super::discovery::nobody;
use super::provider::{Memo, Provider};
use super::refusal::Refusal;
use super::users::{PASSWORD, User, user};
use super::{OAuthAct, given, pages, parameters};

/// Where an answer goes.
pub(super) struct ReturnTo {
    client_id: String,
    redirect_uri: String,
    target: Url,
    state: Option<String>,
    issuer: String,
}

/// The endpoint, for GET and POST.
pub(super) async fn authorize(
    State(act): State<OAuthAct>,
    Path(name): Path<String>,
    Extension(origin): Extension<Origin>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let Some(provider) = act.provider(&name) else {
        return nobody(&name).into_response();
    };
    let query = query.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
    let asked = parameters(query.as_bytes());
    let return_to = match provider.read_return(&asked, &origin) {
        Ok(return_to) => return_to,
        Err(refusal) => return untrusted(&refusal),
    };
    if let Err(refusal) = check(&asked) {
        return return_to.refuse(&refusal);
    }
    let hint = given(&asked, "login_hint").unwrap_or_default();
    if given(&asked, "prompt") != Some("none") {
        return provider.ask(&query, hint, None).into_response();
    }
    match user(hint) {
        Some(user) => provider.grant(&return_to, &asked, user),
        None => return_to.refuse(&Refusal::new("login_required", "nobody is signed in")),
    }
}

/// The page was answered; it carries the request it belongs to.
pub(super) async fn answered(
    State(act): State<OAuthAct>,
    Path(name): Path<String>,
    Extension(origin): Extension<Origin>,
    body: Bytes,
) -> Response {
    let Some(provider) = act.provider(&name) else {
        return nobody(&name).into_response();
    };
    let answer = parameters(&body);
    let query = given(&answer, "request").unwrap_or_default();
    let asked = parameters(query.as_bytes());
    let return_to = match provider.read_return(&asked, &origin) {
        Ok(return_to) => return_to,
        Err(refusal) => return untrusted(&refusal),
    };
    if let Err(refusal) = check(&asked) {
        return return_to.refuse(&refusal);
    }
    if given(&answer, "choice") == Some("no") {
        return return_to.refuse(&Refusal::new("access_denied", "the user has said no"));
    }
    let login = given(&answer, "login").unwrap_or_default();
    if let Some(user) = user(login).filter(|_| given(&answer, "passwd") == Some(PASSWORD)) {
        provider.grant(&return_to, &asked, user)
    } else {
        let wrong = Some("This account or its password is not known.");
        provider.ask(query, login, wrong).into_response()
    }
}

impl Provider {
    /// Where the answer to a request goes, whatever else is wrong with it.
    pub(super) fn read_return(
        &self,
        asked: &HashMap<String, String>,
        origin: &Origin,
    ) -> Result<ReturnTo, Refusal> {
        let client_id = given(asked, "client_id").ok_or_else(|| Refusal::missing("client_id"))?;
        if self.clients().get(client_id).is_none() {
            return Err(Refusal::new("unauthorized_client", "there is no such client"));
        }
        let redirect_uri =
            given(asked, "redirect_uri").ok_or_else(|| Refusal::missing("redirect_uri"))?;
        let is_loopback =
            |url: &Url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let target = Url::parse(redirect_uri).ok().filter(is_loopback);
        let target = target.filter(|url| matches!(url.scheme(), "http" | "https"));
        let target = target.filter(|url| url.fragment().is_none());
        let target = target
            .ok_or_else(|| Refusal::new("invalid_request", "the redirect URI is not registered"))?;
        Ok(ReturnTo {
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            target,
            state: asked.get("state").cloned(),
            issuer: self.issuer(origin),
        })
    }

    fn ask(&self, query: &str, login: &str, wrong: Option<&str>) -> Page {
        let action = format!("/oauth/{}/sign-in", self.name);
        pages::sign_in("Sign in", &action, &pages::hidden("request", query), login, wrong)
    }

    fn grant(
        &self,
        return_to: &ReturnTo,
        asked: &HashMap<String, String>,
        user: &User,
    ) -> Response {
        let challenge = given(asked, "code_challenge")
            .and_then(|value| Challenge::parse(value, Some("S256")).ok());
        let to = Asked {
            client: return_to.client_id.clone(),
            redirect_uri: return_to.redirect_uri.clone(),
            challenge,
        };
        let memo = Memo {
            scope: given(asked, "scope").unwrap_or("read").to_owned(),
            nonce: given(asked, "nonce").map(str::to_owned),
        };
        let code = self.grants.open(to, user.email, memo);
        return_to.send(&[("code", &code)])
    }
}

impl ReturnTo {
    pub(super) fn refuse(&self, refusal: &Refusal) -> Response {
        let mut fields = vec![("error", refusal.error.as_str())];
        fields.extend(refusal.description.as_deref().map(|text| ("error_description", text)));
        self.send(&fields)
    }

    fn send(&self, fields: &[(&str, &str)]) -> Response {
        let mut target = self.target.clone();
        target
            .query_pairs_mut()
            .extend_pairs(fields)
            .extend_pairs(self.state.iter().map(|state| ("state", state)))
            .append_pair("iss", &self.issuer);
        let headers = [(header::LOCATION, target.as_str()), (header::CACHE_CONTROL, "no-store")];
        (StatusCode::FOUND, headers).into_response()
    }
}

/// Checks everything but where the answer goes.
fn check(asked: &HashMap<String, String>) -> Result<(), Refusal> {
    match given(asked, "response_type") {
        Some("code") => {}
        Some(_) => {
            let text = "only the response type `code` is supported";
            return Err(Refusal::new("unsupported_response_type", text));
        }
        None => return Err(Refusal::missing("response_type")),
    }
    let challenge =
        given(asked, "code_challenge").ok_or_else(|| Refusal::missing("code_challenge"))?;
    let method = given(asked, "code_challenge_method");
    if method != Some("S256") || Challenge::parse(challenge, method).is_err() {
        let text = "the challenge must be made with `S256`";
        return Err(Refusal::new("invalid_request", text));
    }
    Ok(())
}

/// An error that is shown, since there is no address that could be trusted.
pub(super) fn untrusted(refusal: &Refusal) -> Response {
    let text = refusal.description.as_deref().unwrap_or(&refusal.error);
    let mut page = pages::message("The application asks for something that cannot be", text);
    page.status = StatusCode::BAD_REQUEST;
    page.into_response()
}
