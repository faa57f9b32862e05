use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use evergrant::Secret;
use evergrant::integration::Integration;
use evergrant::provider::ProviderKey;
use evergrant::store::Way;
use evergrant::vault::{Begin, Next, Proof};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::connect::own_callback;
use super::integrations::IntegrationBody;
use crate::App;
use crate::extract::{ApiQuery, Part};
use crate::page::{Reader, page};
use crate::principal::{Permission, Visitor};
use crate::problem::{Code, Problem};

/// What the provider put behind the redirect URI. It may add more than is read here.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReturnQuery {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
    iss: Option<String>,
}

/// Where the provider sends the browser back
///
/// Ends on a page; with `Accept: application/json` on the integration or the problem.
#[utoipa::path(
    get,
    path = "/api/integrations/oauth/callback/{provider}/",
    tag = "connect",
    params(("provider" = String, Path, description = "The provider's key"), ReturnQuery),
    responses(
        (status = 200, description = "A page", content_type = "text/html"),
        (status = 201, description = "The account is connected", body = IntegrationBody),
        (status = 400, description = "`invalid_state`, `connect_refused` or `user_required`", content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated`: a key is not needed here, but one was given", content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: a key is not needed here, but one was given", content_type = "application/problem+json"),
        (status = 404, description = "`integration_not_found`: disconnected since the reconnect began", content_type = "application/problem+json"),
        (status = 409, description = "`account_mismatch` or `conflict`", content_type = "application/problem+json"),
        (status = 422, description = "`unknown_provider` or `invalid_request`", content_type = "application/problem+json"),
        (status = 503, description = "`provider_unavailable`, `registration_misconfigured`, `encryption_key_missing` or `storage_unavailable`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn browser_callback(
    State(app): State<App>,
    Part(provider): Part,
    reader: Reader,
    visitor: Result<Visitor, Problem>,
    query: Result<ApiQuery<ReturnQuery>, Problem>,
) -> Response {
    match returned(&app, &provider, visitor, query).await {
        Ok(integration) if reader == Reader::Program => {
            (StatusCode::CREATED, Json(IntegrationBody::from(integration))).into_response()
        }
        Ok(integration) => page(
            StatusCode::OK,
            "Connected",
            &format!("The account {} is connected. You can close this page.", integration.label),
        ),
        Err(problem) => reader.tell(problem),
    }
}

async fn returned(
    app: &App,
    provider: &str,
    visitor: Result<Visitor, Problem>,
    query: Result<ApiQuery<ReturnQuery>, Problem>,
) -> Result<Integration, Problem> {
    let (Visitor(visitor), ApiQuery(query)) = (visitor?, query?);
    let owner =
        visitor.map(|principal| principal.may(Permission::IntegrationsWrite)).transpose()?;
    let proof = match (query.code, query.error) {
        (Some(code), None) => Proof::Code { code: code.into(), iss: query.iss },
        (None, Some(error)) => {
            Proof::Denied { error, description: query.error_description, iss: query.iss }
        }
        _ => {
            let why = "The provider sent neither a code nor an error, or both.";
            return Err(Problem::invalid("query", why));
        }
    };
    let state = Secret::from(query.state.unwrap_or_default());
    let provider = ProviderKey::from(provider);
    Ok(app.0.vault.finish(owner, &provider, &state, proof).await?)
}

/// Sends the user to the provider to reconnect
///
/// The address comes from `reconnect_url` of a `reconnect_required` problem and works for a day.
/// Whoever follows it must sign in as the account the integration belongs to. What goes wrong is told
/// on a page; with `Accept: application/json` as a problem.
#[utoipa::path(
    get,
    path = "/api/integrations/oauth/reconnect/{link}/",
    tag = "connect",
    params(("link" = String, Path, description = "The link")),
    responses(
        (status = 303, description = "On to the provider's sign-in page"),
        (status = 400, description = "`invalid_state`: made up, or older than a day", content_type = "application/problem+json"),
        (status = 404, description = "`integration_not_found`, or `not_offered` by a provider with a form", content_type = "application/problem+json"),
        (status = 422, description = "`unknown_provider`: it is no longer configured", content_type = "application/problem+json"),
        (status = 503, description = "`registration_misconfigured` or `storage_unavailable`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn reconnect(
    State(app): State<App>,
    Part(link): Part,
    reader: Reader,
) -> Result<Redirect, Response> {
    let begun = begin_again(&app, link).await;
    begun.map_err(|problem| reader.tell(problem))
}

async fn begin_again(app: &App, link: String) -> Result<Redirect, Problem> {
    let (owner, id) = app.0.vault.follow_link(&link.into())?;
    let provider = app.0.vault.integration(owner, id).await?.provider;
    let redirect_uri = own_callback(app, &provider)?;
    let ask =
        Begin { provider, way: Way::Direct, redirect_uri, scopes: None, integration: Some(id) };
    match app.0.vault.begin(owner, ask).await?.next {
        Next::Authorize(url) => Ok(Redirect::to(url.as_str())),
        Next::Form(_) | Next::Device { .. } => Err(Problem::new(
            Code::NotOffered,
            "This account has no sign-in page: `POST /api/integrations/oauth/initiate/` with `integration` gives its form.",
        )),
    }
}
