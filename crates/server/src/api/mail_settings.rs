//! A mailbox's settings, at the provider.

use axum::Json;
use axum::extract::State;
use evergrant::capability::{MailboxSettings, MailboxSettingsChanges};

use super::live::Live;
use super::versions::Unversioned;
use crate::App;
use crate::extract::{ApiJson, Named};
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// The mailbox's settings
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/mailbox-settings/",
    tag = "mail",
    security(("access_key" = [])),
    responses((status = 200, description = "The settings", body = MailboxSettings))
)]
pub(crate) async fn settings(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
) -> Result<Json<MailboxSettings>, Problem> {
    let live = Live::open(&app, principal, Permission::MailRead, id).await?;
    Ok(Json(live.told(live.mail()?.settings(&live.api).await).await?))
}

/// Change the mailbox's settings
///
/// What is left out stays. The answer has all of them, also for a key without `mail:read`.
#[utoipa::path(
    patch,
    path = "/api/integrations/{id}/mailbox-settings/",
    tag = "mail",
    request_body = MailboxSettingsChanges,
    security(("access_key" = [])),
    responses((status = 200, description = "The settings", body = MailboxSettings))
)]
pub(crate) async fn edit_settings(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    _: Unversioned,
    ApiJson(changes): ApiJson<MailboxSettingsChanges>,
) -> Result<Json<MailboxSettings>, Problem> {
    let live = Live::open(&app, principal, Permission::MailWrite, id).await?;
    Ok(Json(live.told(live.mail()?.update_settings(&live.api, &changes).await).await?))
}
