//! What access tokens are good for, and how they end: userinfo, a small API, revocation (RFC 7009).

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use evergrant_sandbox::Origin;
use serde_json::json;

use super::discovery::nobody;
use super::provider::{Access, Provider};
use super::refusal::{Refusal, no_store};
use super::users::user;
use super::{OAuthAct, given, parameters};

/// `/oauth/{name}/userinfo`.
pub(super) async fn userinfo(
    State(act): State<OAuthAct>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(provider) = act.provider(&name) else {
        return nobody(&name).into_response();
    };
    let access = match provider.enter(&headers) {
        Ok(access) => access,
        Err(refusal) => return refusal.response(),
    };
    let user = access.account.as_deref().and_then(user);
    let may = access.scope.split(' ').any(|scope| scope == "openid");
    if let Some(user) = user.filter(|_| may) {
        let body = json!({ "sub": user.sub, "name": user.name, "email": user.email });
        no_store(StatusCode::OK, &body)
    } else {
        let text = "the access token is without `openid`";
        Refusal::new("insufficient_scope", text).challenging("Bearer").response()
    }
}

/// `/oauth/{name}/api/me`.
pub(super) async fn me(
    State(act): State<OAuthAct>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(provider) = act.provider(&name) else {
        return nobody(&name).into_response();
    };
    match provider.enter(&headers) {
        Ok(access) => {
            let user = access.account.as_deref().and_then(user);
            let body = json!({
                "id": user.map(|user| user.sub),
                "name": user.map(|user| user.name),
                "email": user.map(|user| user.email),
                "client_id": access.client,
                "scope": access.scope,
            });
            no_store(StatusCode::OK, &body)
        }
        Err(refusal) => refusal.response(),
    }
}

/// `/oauth/{name}/revoke`: a refresh token takes its family along. What is unknown is revoked
/// already.
pub(super) async fn revoke(
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
    let Some(token) = given(&form, "token") else {
        return Refusal::missing("token").response();
    };
    let why = "the client has revoked it";
    if let Ok(grant) = provider.grants.grant_of(token, &client) {
        provider.revoke_family(&grant.id, why);
    } else {
        provider.revoke_access(why, |issued, access| issued == token && access.client == client);
    }
    (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]).into_response()
}

impl Provider {
    /// The token that a call comes with, if it is good.
    fn enter(&self, headers: &HeaderMap) -> Result<Access, Refusal> {
        let refuse = |why: &str| Refusal::new("invalid_token", why).challenging("Bearer");
        let token = bearer(headers).ok_or_else(|| refuse("there is no access token"))?;
        self.admit(token).map_err(refuse)
    }
}

/// The token of an `Authorization` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
