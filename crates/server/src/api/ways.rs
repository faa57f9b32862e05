//! The ways to an integration at which no user is sent anywhere.

use axum::Json;
use axum::extract::State;
use evergrant::provider::ProviderKey;
use evergrant::vault::Imported;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::integrations::IntegrationBody;
use crate::App;
use crate::extract::ApiJson;
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// A grant that was obtained elsewhere.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct ImportBody {
    /// The provider's key.
    #[schema(example = "acme_calendar")]
    provider: String,
    /// The refresh token. It must have been issued to the operator's own registration.
    #[schema(example = "0.AXkA…", format = "password")]
    refresh_token: String,
    /// Fewer permissions than the provider key has; all of them unless given.
    #[schema(example = json!(["calendar.read"]))]
    scopes: Option<Vec<String>>,
}

/// Connect an account by a refresh token
///
/// For accounts whose users agreed elsewhere, such as in the application's own code before Evergrant. The
/// token is verified by spending it: from then on nobody else may use it.
#[utoipa::path(
    post,
    path = "/api/integrations/import/",
    tag = "connect",
    request_body = ImportBody,
    security(("access_key" = [])),
    responses(
        (status = 201, description = "The account is connected", body = IntegrationBody),
        (status = 400, description = "`connect_refused`: the provider does not take the token", content_type = "application/problem+json"),
        (status = 404, description = "`not_offered` by this provider", content_type = "application/problem+json"),
        (status = 409, description = "`conflict`, or `consent_required` with `admin_consent_url`", content_type = "application/problem+json"),
        (status = 422, description = "`unknown_provider` or `unknown_scopes`", content_type = "application/problem+json"),
        (status = 503, description = "`provider_unavailable`, `registration_misconfigured` or `database_copied`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn import(
    State(app): State<App>,
    principal: Principal,
    ApiJson(body): ApiJson<ImportBody>,
) -> Result<(StatusCode, Json<IntegrationBody>), Problem> {
    let owner = principal.may(Permission::IntegrationsWrite)?;
    if body.refresh_token.trim().is_empty() {
        return Err(Problem::invalid("/refresh_token", "`refresh_token` must not be empty."));
    }
    let provider = ProviderKey::from(body.provider.as_str());
    let ask = Imported {
        provider: provider.clone(),
        refresh: body.refresh_token.into(),
        scopes: body.scopes,
    };
    let connected = app.0.vault.import(owner, ask).await;
    let connected = connected.map_err(|error| app.with_consent_url(error, &provider))?;
    Ok((StatusCode::CREATED, Json(connected.into())))
}

/// Which registration to connect.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct ApplicationBody {
    /// The key of a provider that is connected without any user.
    #[schema(example = "acme_directory")]
    provider: String,
}

/// Connect the registration itself
///
/// The provider grants access to the operator's registration, without any user (RFC 6749, section 4.4).
/// Such a grant may reach everybody in an organisation; hence a permission of its own,
/// `applications:connect`, which a key has only if it was asked for by name. The integration becomes
/// the user's for whom this is asked.
#[utoipa::path(
    post,
    path = "/api/integrations/application/",
    tag = "connect",
    request_body = ApplicationBody,
    security(("access_key" = [])),
    responses(
        (status = 201, description = "The registration is connected", body = IntegrationBody),
        (status = 400, description = "`connect_refused`", content_type = "application/problem+json"),
        (status = 404, description = "`not_offered`: this provider is connected by its users", content_type = "application/problem+json"),
        (status = 409, description = "`conflict`, or `consent_required` with `admin_consent_url`", content_type = "application/problem+json"),
        (status = 422, description = "`unknown_provider`", content_type = "application/problem+json"),
        (status = 503, description = "`provider_unavailable`, `registration_misconfigured` or `database_copied`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn application(
    State(app): State<App>,
    principal: Principal,
    ApiJson(body): ApiJson<ApplicationBody>,
) -> Result<(StatusCode, Json<IntegrationBody>), Problem> {
    let owner = principal.may(Permission::ApplicationsConnect)?;
    let provider = ProviderKey::from(body.provider.as_str());
    let connected = app.0.vault.connect_application(owner, &provider).await;
    let connected = connected.map_err(|error| app.with_consent_url(error, &provider))?;
    Ok((StatusCode::CREATED, Json(connected.into())))
}
