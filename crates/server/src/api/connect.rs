use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use evergrant::provider::{FormField, ProviderKey};
use evergrant::vault::{Begin, Next, Proof};
use evergrant::{IntegrationId, Secret};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::{IntoParams, ToSchema};

use super::integrations::IntegrationBody;
use crate::App;
use crate::extract::{ApiJson, ApiQuery};
use crate::page::page;
use crate::principal::{Permission, Principal, Visitor};
use crate::problem::{Code, Problem};

/// What to connect.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InitiateBody {
    /// The provider's key.
    #[schema(example = "acme_calendar")]
    provider: String,
    /// Fewer permissions than the provider key has; all of them unless given.
    scopes: Option<Vec<String>>,
    /// The integration to reconnect; the same account must come back.
    #[schema(value_type = Option<String>)]
    integration: Option<String>,
    /// Where the browser comes back to; this server's own callback unless given.
    #[schema(value_type = Option<String>)]
    redirect_uri: Option<Url>,
}

/// What the user does next.
#[derive(Serialize, ToSchema)]
pub(crate) struct InitiateAnswer {
    /// Send the user's browser here.
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_url: Option<String>,
    /// Have the user fill in this form.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    form: Option<FormBody>,
    /// Hand it to the callback. Works once, until `expires_at`, for this user.
    state: String,
    expires_at: jiff::Timestamp,
}

#[derive(Serialize)]
pub(crate) struct FormBody {
    fields: Vec<FormField>,
}

/// Begin connecting an account
#[utoipa::path(
    post,
    path = "/api/integrations/oauth/initiate/",
    tag = "connect",
    request_body = InitiateBody,
    security(("access_key" = [])),
    responses(
        (status = 200, body = InitiateAnswer),
        (status = 422, description = "`unknown_provider`, `unknown_scopes`, `redirect_not_allowed` or `invalid_request`", content_type = "application/problem+json"),
        (status = 503, description = "`registration_misconfigured`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn initiate(
    State(app): State<App>,
    principal: Principal,
    ApiJson(body): ApiJson<InitiateBody>,
) -> Result<Json<InitiateAnswer>, Problem> {
    let owner = principal.may(Permission::IntegrationsWrite)?;
    let provider = ProviderKey::from(body.provider.as_str());
    let redirect_uri = match body.redirect_uri {
        None => own_callback(&app, &provider)?,
        Some(uri) if app.0.config.redirect_uris.contains(&uri) => uri,
        Some(uri) if uri == own_callback(&app, &provider)? => uri,
        Some(uri) => {
            let detail = format!("{uri} is not among the allowed redirect URIs.");
            return Err(Problem::new(Code::RedirectNotAllowed, detail));
        }
    };
    let integration = body
        .integration
        .map(|id| id.parse::<IntegrationId>())
        .transpose()
        .map_err(|_| evergrant::TokenError::NotFound)?;
    let ask = Begin {
        provider,
        redirect_uri,
        scopes: body.scopes,
        integration,
    };
    let begun = app.0.vault.begin(owner, ask).await?;
    let (authorization_url, form) = match begun.next {
        Next::Authorize(url) => (Some(url.into()), None),
        Next::Form(fields) => (None, Some(FormBody { fields })),
    };
    Ok(Json(InitiateAnswer {
        authorization_url,
        form,
        state: begun.state.expose().to_owned(),
        expires_at: begun.expires_at,
    }))
}

/// What the user came back with: a `code`, filled-in `fields`, or an `error`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackBody {
    provider: String,
    state: String,
    code: Option<String>,
    fields: Option<BTreeMap<String, String>>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Finish connecting an account
#[utoipa::path(
    post,
    path = "/api/integrations/oauth/callback/",
    tag = "connect",
    request_body = CallbackBody,
    security(("access_key" = [])),
    responses(
        (status = 201, body = IntegrationBody),
        (status = 400, description = "`invalid_state` or `connect_refused`", content_type = "application/problem+json"),
        (status = 409, description = "`account_mismatch`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn callback(
    State(app): State<App>,
    principal: Principal,
    ApiJson(body): ApiJson<CallbackBody>,
) -> Result<(StatusCode, Json<IntegrationBody>), Problem> {
    let owner = principal.may(Permission::IntegrationsWrite)?;
    let proof = match (body.code, body.fields, body.error) {
        (Some(code), None, None) => Proof::Code(code.into()),
        (None, Some(fields), None) => Proof::Form(
            fields
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect(),
        ),
        (None, None, Some(error)) => Proof::Denied {
            error,
            description: body.error_description,
        },
        _ => {
            return Err(Problem::invalid(
                "",
                "Send exactly one of `code`, `fields` and `error`.",
            ));
        }
    };
    let provider = ProviderKey::from(body.provider.as_str());
    let connected = app
        .0
        .vault
        .finish(Some(owner), &provider, &body.state.into(), proof)
        .await?;
    Ok((StatusCode::CREATED, Json(connected.into())))
}

/// What the provider put behind the redirect URI. It may add more than is read here.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReturnQuery {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Where the provider sends the browser back
///
/// Ends on a page; with `Accept: application/json` on the integration.
#[utoipa::path(
    get,
    path = "/api/integrations/oauth/callback/{provider}/",
    tag = "connect",
    params(("provider" = String, Path, description = "The provider's key"), ReturnQuery),
    responses(
        (status = 200, description = "A page", content_type = "text/html"),
        (status = 201, body = IntegrationBody),
        (status = 400, description = "`invalid_state` or `connect_refused`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn browser_callback(
    State(app): State<App>,
    Path(provider): Path<String>,
    Visitor(visitor): Visitor,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<ReturnQuery>,
) -> Response {
    let json = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"));
    let owner = visitor.map(|principal| principal.user);
    let proof = match (query.code, query.error) {
        (Some(code), None) => Ok(Proof::Code(code.into())),
        (None, Some(error)) => Ok(Proof::Denied {
            error,
            description: query.error_description,
        }),
        _ => Err(Problem::invalid(
            "query",
            "The provider sent neither a code nor an error.",
        )),
    };
    let state = Secret::from(query.state.unwrap_or_default());
    let provider = ProviderKey::from(provider.as_str());
    let connected = match proof {
        Ok(proof) => app
            .0
            .vault
            .finish(owner, &provider, &state, proof)
            .await
            .map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match connected {
        Ok(integration) if json => (
            StatusCode::CREATED,
            Json(IntegrationBody::from(integration)),
        )
            .into_response(),
        Err(problem) if json => problem.into_response(),
        Ok(integration) => page(
            StatusCode::OK,
            "Connected",
            &format!(
                "The account {} is connected. You can close this page.",
                integration.label
            ),
        ),
        Err(problem) => page(
            problem.code().status(),
            problem.code().title(),
            &format!("{} {}", problem.detail(), problem.code().remedy()),
        ),
    }
}

/// Sends the user to the provider to reconnect
///
/// The address comes from `reconnect_url` of a `reconnect_required` problem and works for a day.
/// Whoever follows it must sign in as the account the integration belongs to.
#[utoipa::path(
    get,
    path = "/api/integrations/oauth/reconnect/{link}/",
    tag = "connect",
    params(("link" = String, Path, description = "The link")),
    responses(
        (status = 303, description = "On to the provider's sign-in page"),
        (status = 400, description = "`invalid_state`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn reconnect(
    State(app): State<App>,
    Path(link): Path<String>,
) -> Result<Redirect, Problem> {
    let (owner, id) = app.0.vault.follow_link(&link.into())?;
    let provider = app.0.vault.integration(owner, id).await?.provider;
    let redirect_uri = own_callback(&app, &provider)?;
    let ask = Begin {
        provider,
        redirect_uri,
        scopes: None,
        integration: Some(id),
    };
    match app.0.vault.begin(owner, ask).await?.next {
        Next::Authorize(url) => Ok(Redirect::to(url.as_str())),
        Next::Form(_) => Err(Problem::new(
            Code::NotOffered,
            "This provider is reconnected by a form: `POST /api/integrations/oauth/initiate/`.",
        )),
    }
}

fn own_callback(app: &App, provider: &ProviderKey) -> Result<Url, Problem> {
    let url = app.url(&format!("/api/integrations/oauth/callback/{provider}/"));
    Url::parse(&url)
        .map_err(|_| Problem::invalid("/provider", "provider must be a provider's key."))
}
