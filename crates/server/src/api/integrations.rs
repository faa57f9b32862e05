use axum::Json;
use axum::extract::State;
use evergrant::IntegrationId;
use evergrant::integration::{Integration, Status};
use evergrant::provider::Failure;
use evergrant::store::Edit;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::causes::actor;
use crate::extract::{ApiJson, ApiQuery, Named};
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// The most integrations on one page.
const LONGEST_PAGE: u32 = 200;

/// A connected account.
#[derive(Serialize, ToSchema)]
pub(crate) struct IntegrationBody {
    #[schema(value_type = String, example = "int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708")]
    id: IntegrationId,
    /// The provider's key.
    #[schema(example = "acme_calendar")]
    provider: String,
    /// A name for people.
    #[schema(example = "Work calendar")]
    label: String,
    account: AccountBody,
    /// `active`, `needs_reconnect` or `paused`.
    #[schema(example = "active")]
    status: &'static str,
    /// Why the user must reconnect.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonBody>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<jiff::Timestamp>,
    /// The permissions that were granted.
    #[schema(example = json!(["calendar.read"]))]
    scopes: Vec<String>,
    #[schema(example = "2026-01-01T00:00:00Z")]
    created_at: jiff::Timestamp,
    /// When any of the above last changed.
    #[schema(example = "2026-01-01T00:00:00Z")]
    updated_at: jiff::Timestamp,
}

/// A provider's refusal.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct ReasonBody {
    /// Stable name of the cause.
    #[schema(example = "grant_revoked")]
    code: String,
    /// Who can mend it: `user`, `administrator`, `operator` or `nobody`.
    #[schema(example = "user")]
    actor: &'static str,
    /// What happened, for people.
    #[schema(example = "The user removed the permission; connect again.")]
    message: String,
    /// What whoever can mend it does next.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    remedy: String,
    /// The provider's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_code: Option<String>,
    /// The provider's id of the exchange, for its support.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_request_id: Option<String>,
    /// Its id of the conversation the exchange belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_correlation_id: Option<String>,
}

/// Who signed in at the provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountBody {
    /// Immutable; never an e-mail address.
    #[schema(example = "5f2c9a3e")]
    id: String,
    #[schema(example = "Adele Vance")]
    name: String,
    /// The sign-in name; it may change.
    #[schema(example = "adele@acme.example")]
    username: Option<String>,
}

impl From<Failure> for ReasonBody {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code,
            actor: actor(failure.actor),
            message: failure.message,
            remedy: failure.remedy,
            provider_code: failure.provider_code,
            provider_request_id: failure.trace_id,
            provider_correlation_id: failure.correlation_id,
        }
    }
}

impl From<Integration> for IntegrationBody {
    fn from(integration: Integration) -> Self {
        let (status, reason, since) = match integration.status {
            Status::Active => ("active", None, None),
            Status::Paused => ("paused", None, None),
            Status::NeedsReconnect { why, since } => {
                ("needs_reconnect", Some(why.into()), Some(since))
            }
        };
        Self {
            id: integration.id,
            provider: integration.provider.to_string(),
            label: integration.label,
            account: AccountBody {
                id: integration.account.id,
                name: integration.account.name,
                username: integration.account.username,
            },
            status,
            reason,
            since,
            scopes: integration.scopes,
            created_at: integration.created_at,
            updated_at: integration.updated_at,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Where the last page ended, as its `next` has it.
    cursor: Option<String>,
    /// How many at most; 50 unless given, 200 at most.
    limit: Option<u32>,
}

/// A page of integrations.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListBody {
    results: Vec<IntegrationBody>,
    /// The address of the next page; null on the last one. It begins with the server's public URL,
    /// whichever was asked.
    #[schema(
        example = "https://grants.example.com/api/integrations/?limit=50&cursor=int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708"
    )]
    next: Option<String>,
}

/// The user's integrations
#[utoipa::path(
    get,
    path = "/api/integrations/",
    tag = "integrations",
    params(ListQuery),
    security(("access_key" = [])),
    responses(
        (status = 200, description = "A page, the oldest first", body = ListBody),
        (status = 422, description = "`invalid_request`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    principal: Principal,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Json<ListBody>, Problem> {
    let owner = principal.may(Permission::IntegrationsRead)?;
    let limit = query.limit.unwrap_or(50);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return Err(Problem::invalid(
            "limit",
            format!("`limit` must be from 1 to {LONGEST_PAGE}."),
        ));
    }
    let after = query
        .cursor
        .map(|cursor| cursor.parse::<IntegrationId>())
        .transpose()
        .map_err(|_| Problem::invalid("cursor", "`cursor` must be one that `next` gave."))?;
    let mut found = app.0.vault.integrations(owner, after, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| app.url(&format!("/api/integrations/?limit={limit}&cursor={}", last.id)));
    Ok(Json(ListBody { results: found.into_iter().map(Into::into).collect(), next }))
}

/// One integration
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/",
    tag = "integrations",
    params(("id" = String, Path, description = "The integration, `int_…`")),
    security(("access_key" = [])),
    responses(
        (status = 200, description = "The integration", body = IntegrationBody),
        (status = 404, description = "`integration_not_found`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
) -> Result<Json<IntegrationBody>, Problem> {
    let owner = principal.may(Permission::IntegrationsRead)?;
    Ok(Json(app.0.vault.integration(owner, id).await?.into()))
}

/// What can be changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct EditBody {
    /// A new name, 1 to 200 characters.
    #[schema(example = "Work calendar")]
    label: Option<String>,
    /// `true` hands out no more tokens until `false`.
    #[schema(example = false)]
    paused: Option<bool>,
}

/// Rename, pause or resume
#[utoipa::path(
    patch,
    path = "/api/integrations/{id}/",
    tag = "integrations",
    params(("id" = String, Path, description = "The integration, `int_…`")),
    request_body = EditBody,
    security(("access_key" = [])),
    responses(
        (status = 200, description = "The integration", body = IntegrationBody),
        (status = 404, description = "`integration_not_found`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn edit(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiJson(body): ApiJson<EditBody>,
) -> Result<Json<IntegrationBody>, Problem> {
    let owner = principal.may(Permission::IntegrationsWrite)?;
    let label = body.label.map(|label| label.trim().to_owned());
    if let Some(label) = &label
        && (label.is_empty() || label.chars().count() > 200 || label.chars().any(char::is_control))
    {
        return Err(Problem::invalid("/label", "`label` must have 1 to 200 visible characters."));
    }
    let edit = Edit { label, paused: body.paused };
    Ok(Json(app.0.vault.edit(owner, id, &edit).await?.into()))
}

/// Disconnect
///
/// The grant is destroyed here at once, and ended at the provider as far as the provider lets us.
#[utoipa::path(
    delete,
    path = "/api/integrations/{id}/",
    tag = "integrations",
    params(("id" = String, Path, description = "The integration, `int_…`")),
    security(("access_key" = [])),
    responses(
        (status = 204, description = "Disconnected; no process hands out its token a second later"),
        (status = 404, description = "`integration_not_found`", content_type = "application/problem+json"),
        (status = 503, description = "`database_copied`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn disconnect(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    let owner = principal.may(Permission::IntegrationsWrite)?;
    // While there is a token to do it with.
    app.0.subscriptions.end(owner, id).await;
    app.0.vault.disconnect(owner, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
