use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use evergrant::Secret;
use evergrant::integration::Integration;
use evergrant::provider::ProviderKey;
use evergrant::store::Way;
use evergrant::vault::{Begin, Consent, Next, Proof};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::consent::ConsentedBody;
use super::integrations::IntegrationBody;
use crate::App;
use crate::extract::{ApiQuery, Part};
use crate::page::{Reader, Words, page};
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
    /// Comes back from the page for an administrator alone.
    admin_consent: Option<String>,
    /// The organisation for which the administrator agreed.
    tenant: Option<String>,
}

/// What the browser came back from.
enum Returned {
    /// A sign-in: the account is connected.
    Connected(Box<Integration>),
    /// The page for an administrator: the permissions are granted.
    Consented,
}

/// Where the provider sends the browser back
///
/// From a user's sign-in, or from the page where an administrator agreed. The browser is sent on to a page
/// that says what came of it, so that no code stays in its address; a program, with
/// `Accept: application/json`, gets the integration or the problem.
#[utoipa::path(
    get,
    path = "/api/integrations/oauth/callback/{provider}/",
    tag = "connect",
    params(("provider" = String, Path, description = "The provider's key"), ReturnQuery),
    responses(
        (status = 200, description = "The permissions are granted for the organisation", body = ConsentedBody),
        (status = 201, description = "The account is connected", body = IntegrationBody),
        (status = 303, description = "On to the page that says what came of it"),
        (status = 400, description = "`invalid_state`, `connect_refused` or `user_required`", content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated`: a key is not needed here, but one was given", content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: a key is not needed here, but one was given", content_type = "application/problem+json"),
        (status = 404, description = "`integration_not_found`: disconnected since the reconnect began", content_type = "application/problem+json"),
        (status = 409, description = "`account_mismatch`, `conflict`, or `consent_required` with `admin_consent_url`", content_type = "application/problem+json"),
        (status = 422, description = "`unknown_provider` or `invalid_request`", content_type = "application/problem+json"),
        (status = 503, description = "`provider_unavailable`, `registration_misconfigured`, `encryption_key_missing`, `database_copied` or `storage_unavailable`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn browser_callback(
    State(app): State<App>,
    Part(provider): Part,
    reader: Reader,
    visitor: Result<Visitor, Problem>,
    query: Result<ApiQuery<ReturnQuery>, Problem>,
) -> Response {
    let returned = returned(&app, &provider, visitor, query).await;
    if reader == Reader::Program {
        return match returned {
            Ok(Returned::Connected(integration)) => {
                (StatusCode::CREATED, Json(IntegrationBody::from(*integration))).into_response()
            }
            Ok(Returned::Consented) => {
                Json(ConsentedBody { status: "consented", provider }).into_response()
            }
            Err(problem) => problem.into_response(),
        };
    }
    let words = match &returned {
        Ok(Returned::Connected(integration)) => Words::new(
            "Connected",
            format!("The account {} is connected. You can close this page.", integration.label),
        ),
        Ok(Returned::Consented) => Words::new(
            "Granted",
            "The permissions are granted for the organisation; its users can connect now.",
        ),
        Err(problem) => problem.into(),
    };
    let mut onward = onward(&app, &words);
    if let Err(problem) = returned {
        onward.extensions_mut().insert(problem.code());
    }
    onward
}

/// On to a page that says this, sealed: nobody can have this server say something else.
fn onward(app: &App, words: &Words) -> Response {
    let words = serde_json::to_string(words).unwrap_or_default();
    let note = app.0.vault.write_note(&words);
    let done = format!("/api/integrations/oauth/done/?note={}", note.expose());
    Redirect::to(&app.url(&done)).into_response()
}

async fn returned(
    app: &App,
    provider: &str,
    visitor: Result<Visitor, Problem>,
    query: Result<ApiQuery<ReturnQuery>, Problem>,
) -> Result<Returned, Problem> {
    let (Visitor(visitor), ApiQuery(query)) = (visitor?, query?);
    let owner =
        visitor.map(|principal| principal.may(Permission::IntegrationsWrite)).transpose()?;
    let state = Secret::from(query.state.unwrap_or_default());
    let provider = ProviderKey::from(provider);
    if let Some(given) = query.admin_consent {
        let refused = !given.eq_ignore_ascii_case("true");
        let consent = Consent {
            tenant: query.tenant,
            error: query.error.or_else(|| refused.then(|| "access_denied".to_owned())),
            description: query.error_description,
        };
        app.0.vault.consented(&provider, &state, consent)?;
        return Ok(Returned::Consented);
    }
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
    match app.0.vault.finish(owner, &provider, &state, proof).await {
        Ok(integration) => Ok(Returned::Connected(Box::new(integration))),
        Err(error) => Err(app.with_consent_url(error, &provider)),
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DoneQuery {
    /// What the page says, sealed by this server.
    note: Option<String>,
}

/// The page that says what came of a sign-in
///
/// Browsers are sent here by the callback; the address has no secret and works for an hour.
#[utoipa::path(
    get,
    path = "/api/integrations/oauth/done/",
    tag = "connect",
    params(DoneQuery),
    responses(
        (status = 200, description = "A page, whatever it says", content_type = "text/html"),
        (status = 400, description = "`invalid_state`: made up, or older than an hour", content_type = "application/problem+json"),
        (status = 422, description = "`invalid_request`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn done(
    State(app): State<App>,
    reader: Reader,
    query: Result<ApiQuery<DoneQuery>, Problem>,
) -> Response {
    let words = query.and_then(|ApiQuery(query)| {
        let note = query.note.unwrap_or_default().into();
        let words = app.0.vault.read_note(&note)?;
        serde_json::from_str(&words).map_err(Problem::internal)
    });
    match words {
        Ok(words) => page(StatusCode::OK, &words),
        Err(problem) => reader.tell(problem),
    }
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
        (status = 404, description = "`integration_not_found`, or `not_offered` by a provider without a sign-in page", content_type = "application/problem+json"),
        (status = 422, description = "`unknown_provider`: it is no longer configured", content_type = "application/problem+json"),
        (status = 503, description = "`registration_misconfigured`, `database_copied` or `storage_unavailable`", content_type = "application/problem+json"),
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
    let redirect_uri = app.own_callback(&provider)?;
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
