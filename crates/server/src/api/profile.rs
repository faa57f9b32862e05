use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::live::Live;
use crate::App;
use crate::extract::Named;
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// The account at the provider.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "5f2c9a3e",
    "name": "Adele Vance",
    "email": "adele@acme.example",
    "username": "adele@acme.example",
    "raw": { "id": "5f2c9a3e", "display": "Adele Vance", "mail": "adele@acme.example" },
}))]
pub(crate) struct ProfileBody {
    /// The provider's id of the account.
    id: String,
    name: Option<String>,
    email: Option<String>,
    /// The sign-in name.
    username: Option<String>,
    /// Everything the provider said, under its own names.
    #[schema(value_type = Object)]
    raw: serde_json::Map<String, serde_json::Value>,
}

/// The account at the provider, asked now
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/profile/",
    tag = "integrations",
    params(("id" = String, Path, description = "The integration, `int_…`")),
    security(("access_key" = [])),
    responses(
        (status = 200, description = "The account", body = ProfileBody),
        (status = 404, description = "`integration_not_found`, or `not_offered` by its provider", content_type = "application/problem+json"),
        (status = 409, description = "`reconnect_required` with `reconnect_url`, `consent_required` with `admin_consent_url` besides, or `integration_paused`", content_type = "application/problem+json"),
        (status = 429, description = "`provider_throttled`", content_type = "application/problem+json"),
        (status = 503, description = "`provider_unavailable`, `registration_misconfigured`, `encryption_key_missing` or `database_copied`", content_type = "application/problem+json"),
        (status = 502, description = "`provider_refused`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn profile(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
) -> Result<Json<ProfileBody>, Problem> {
    let live = Live::open(&app, principal, Permission::ProfileRead, id).await?;
    let profile = live.told(live.profiles()?.profile(&live.api).await).await?;
    Ok(Json(ProfileBody {
        id: profile.id,
        name: profile.name,
        email: profile.email,
        username: profile.username,
        raw: profile.raw,
    }))
}
