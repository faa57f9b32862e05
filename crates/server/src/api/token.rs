use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use evergrant::{AccessToken, IntegrationId, MinLife, TokenError, UserId};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::extract::{ApiJson, ApiQuery, Named};
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// What an answer needs besides the token, in bytes; more is allocated if the scopes are many.
const ROOM: usize = 512;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TokenQuery {
    /// How much life the token must have left, in seconds.
    #[serde(default)]
    #[param(example = 300)]
    min_seconds: u64,
}

/// An access token that works now.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenBody<'a> {
    /// The token.
    #[schema(example = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9…")]
    access_token: &'a str,
    /// How it is presented: `Bearer` in an `Authorization` header; any other is a name of the
    /// provider's own, for what it takes in headers of its own.
    #[schema(example = "Bearer")]
    token_type: &'a str,
    /// When it stops working.
    #[schema(example = "2026-01-01T01:00:00Z")]
    expires_at: jiff::Timestamp,
    /// The permissions it carries.
    #[schema(example = json!(["calendar.read"]))]
    scopes: &'a [String],
    /// Something is wrong, though this token is good: `refresh_failing`, `registration_misconfigured` or
    /// `storage_unavailable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    warning: Option<evergrant::grant::Warning>,
}

/// A valid access token
///
/// Valid now and for at least `min_seconds`. Refreshed if need be, once for all callers.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/token/",
    tag = "token",
    params(("id" = String, Path, description = "The integration, `int_…`"), TokenQuery),
    security(("access_key" = [])),
    responses(
        (status = 200, description = "The token", body = TokenBody<'static>),
        (status = 404, description = "`integration_not_found`", content_type = "application/problem+json"),
        (status = 409, description = "`reconnect_required` with `reconnect_url`, `consent_required` with `admin_consent_url` besides, or `integration_paused`", content_type = "application/problem+json"),
        (status = 422, description = "`life_unattainable` or `invalid_request`", content_type = "application/problem+json"),
        (status = 503, description = "`provider_unavailable`, `registration_misconfigured`, `encryption_key_missing` or `database_copied`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn token(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<TokenQuery>,
) -> Result<Response, Problem> {
    let owner = principal.may(Permission::TokensRead)?;
    let want = MinLife::secs(query.min_seconds);
    let token = app.0.vault.token(owner, id, want).await;
    answer(&app, owner, id, token).await
}

/// A token that the provider's API refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefusedBody {
    /// The access token that was answered with 401.
    #[schema(example = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9…")]
    refused: String,
    /// The `claims` of the answer's `WWW-Authenticate` header, if it has some: as it stands there, in
    /// base64, or decoded.
    claims: Option<String>,
}

/// Claims as JSON, from either form.
fn claims(given: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = given else { return Ok(None) };
    let wrong = || Problem::invalid("/claims", "`claims` must be JSON, or JSON in base64.");
    let json = if text.trim_start().starts_with('{') {
        text
    } else {
        let plain: String = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
        let bytes = STANDARD_NO_PAD.decode(plain).map_err(|_| wrong())?;
        String::from_utf8(bytes).map_err(|_| wrong())?
    };
    let object = serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(&json);
    object.map_err(|_| wrong())?;
    Ok(Some(json))
}

/// Another token instead of one that was refused
///
/// For callers who call the provider themselves and were answered 401. However many callers report the same
/// token, it is replaced once; a token that is no longer the current one is not replaced again.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/token/",
    tag = "token",
    params(("id" = String, Path, description = "The integration, `int_…`")),
    request_body = RefusedBody,
    security(("access_key" = [])),
    responses(
        (status = 200, description = "The token", body = TokenBody<'static>),
        (status = 404, description = "`integration_not_found`", content_type = "application/problem+json"),
        (status = 409, description = "`reconnect_required` with `reconnect_url`, `consent_required` with `admin_consent_url` besides, or `integration_paused`", content_type = "application/problem+json"),
        (status = 422, description = "`invalid_request`", content_type = "application/problem+json"),
        (status = 503, description = "`provider_unavailable`, `registration_misconfigured`, `encryption_key_missing` or `database_copied`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn replace(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiJson(body): ApiJson<RefusedBody>,
) -> Result<Response, Problem> {
    let owner = principal.may(Permission::TokensRead)?;
    let claims = claims(body.claims)?;
    let refused = body.refused.into();
    let token = app.0.vault.replace_refused(owner, id, &refused, claims.as_deref()).await;
    answer(&app, owner, id, token).await
}

async fn answer(
    app: &App,
    owner: UserId,
    id: IntegrationId,
    token: Result<AccessToken, TokenError>,
) -> Result<Response, Problem> {
    let token = match token {
        Ok(token) => token,
        // Boxed: only what went wrong comes this way.
        Err(error) => return Err(Box::pin(app.with_links(error, owner, id)).await),
    };
    let body = body(&token).map_err(Problem::internal)?;
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], body).into_response())
}

/// [`TokenBody`] as JSON. The token is most of it and needs no escaping, so it is copied whole:
/// serialising it character by character would take longer than everything else together.
fn body(token: &AccessToken) -> serde_json::Result<Vec<u8>> {
    let secret = token.secret().expose();
    let special = |b: u8| u8::from(b < b' ' || b == b'"' || b == b'\\');
    // Looked at to the end rather than to the first, so that many are looked at in one step.
    let plain = secret.bytes().fold(0, |found, b| found | special(b)) == 0;
    let rest = TokenBody {
        access_token: if plain { "" } else { secret },
        token_type: token.token_type(),
        expires_at: token.expires_at(),
        scopes: token.scopes(),
        warning: token.warning(),
    };
    let mut body = Vec::with_capacity(secret.len() + ROOM);
    serde_json::to_writer(&mut body, &rest)?;
    if plain {
        let (from, to, end) = (HEAD.len(), HEAD.len() + secret.len(), body.len());
        body.resize(end + secret.len(), 0);
        body.copy_within(from..end, to);
        body[from..to].copy_from_slice(secret.as_bytes());
    }
    Ok(body)
}

/// How every answer begins.
const HEAD: &[u8] = br#"{"access_token":""#;

#[cfg(test)]
mod tests {
    use super::HEAD;

    #[test]
    fn the_token_stands_where_it_is_put() {
        let body = super::TokenBody {
            access_token: "",
            token_type: "Bearer",
            expires_at: jiff::Timestamp::UNIX_EPOCH,
            scopes: &[],
            warning: None,
        };
        assert!(serde_json::to_vec(&body).unwrap().starts_with(HEAD));
    }
}
