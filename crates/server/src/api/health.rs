use axum::Json;
use axum::extract::State;
use evergrant::TokenError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::problem::Problem;

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
}

const OK: Json<Health> = Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") });

/// Is the process alive?
#[utoipa::path(get, path = "/health/live", tag = "operation", responses((status = 200, description = "It is", body = Health)))]
pub(crate) async fn live() -> Json<Health> {
    OK
}

/// Can it serve?
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "operation",
    responses(
        (status = 200, description = "It can", body = Health),
        (status = 503, description = "`storage_unavailable`, or `database_copied`: it answers, but no provider may be called", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Health>, Problem> {
    app.0.store.ping().await?;
    if app.0.vault.is_copy().await? {
        return Err(TokenError::Copied.into());
    }
    Ok(OK)
}
