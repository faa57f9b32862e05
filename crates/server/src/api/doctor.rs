use axum::Json;
use axum::extract::State;
use evergrant::IntegrationId;
use evergrant::vault::{Decoded, Diagnosis, HeldToken};
use serde::Serialize;
use utoipa::ToSchema;

use super::integrations::ReasonBody;
use super::operations::RegistrationBody;
use crate::App;
use crate::causes::actor;
use crate::extract::Named;
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// What is known of an integration, without its provider having been asked.
#[derive(Serialize, ToSchema)]
pub(crate) struct DiagnosisBody {
    #[schema(value_type = String, example = "int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708")]
    id: IntegrationId,
    /// The provider's key.
    #[schema(example = "acme_calendar")]
    provider: String,
    /// `active`, `needs_reconnect` or `paused`.
    #[schema(example = "active")]
    status: &'static str,
    /// Why the user must reconnect.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonBody>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<jiff::Timestamp>,
    /// Whether the database is a copy that nobody has adopted: then nobody is called.
    #[schema(example = false)]
    database_copied: bool,
    /// The access token it holds, without the token; null if it cannot be read.
    token: Option<HeldBody>,
    /// Why the stored grant cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    permissions: PermissionsBody,
    clock: ClockBody,
    /// The registration it is refreshed with; null if its provider is not configured any more.
    registration: Option<RegistrationBody>,
    forecast: ForecastBody,
    /// The last attempts to refresh it, 20 at most, the latest first.
    attempts: Vec<AttemptBody>,
}

/// An access token, without the token.
#[derive(Serialize, ToSchema)]
pub(crate) struct HeldBody {
    /// Whether it says nothing that can be read here.
    #[schema(example = false)]
    opaque: bool,
    /// What it says of itself, unverified: `iss`, `aud`, `scp`, `scope`, `roles`, `exp`, `iat`, `nbf`,
    /// `appid`, `azp`, `client_id`, `tid`, `idtyp`, `xms_cc` and `amr`, those that it has.
    #[schema(value_type = Object, example = json!({ "aud": "https://api.acme.example", "scp": "calendar.read" }))]
    claims: serde_json::Map<String, serde_json::Value>,
    /// The permissions it says it carries.
    #[schema(example = json!(["calendar.read"]))]
    permissions: Vec<String>,
    #[schema(example = "2026-01-01T00:00:00Z")]
    obtained_at: jiff::Timestamp,
    #[schema(example = "2026-01-01T01:00:00Z")]
    expires_at: jiff::Timestamp,
    /// Whether there is a refresh token beside it.
    #[schema(example = true)]
    refreshable: bool,
    /// Whether the user agreed to keep what signs in again once the session has ended.
    #[schema(example = false)]
    login_kept: bool,
}

/// What was granted, against what the provider key asks for; compared by the last segment.
#[derive(Serialize, ToSchema)]
pub(crate) struct PermissionsBody {
    #[schema(example = json!(["calendar.read"]))]
    granted: Vec<String>,
    #[schema(example = json!(["calendar.read", "calendar.write"]))]
    needed: Vec<String>,
    #[schema(example = json!(["calendar.write"]))]
    missing: Vec<String>,
    #[schema(example = json!([]))]
    extra: Vec<String>,
}

/// How far the provider's clock is ahead.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClockBody {
    /// The median of the last attempts, in milliseconds.
    #[schema(example = 120)]
    median_ms: Option<i64>,
    /// Whether it is more than two minutes, either way.
    #[schema(example = false)]
    too_much: bool,
}

/// When the integration will need a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct ForecastBody {
    /// Who: `user`, `administrator`, `operator` or `nobody`.
    #[schema(example = "operator")]
    actor: &'static str,
    /// When; a time that has passed means now, null that nobody is needed.
    #[schema(example = "2026-06-30T00:00:00Z")]
    at: Option<jiff::Timestamp>,
    /// Stable name of the cause.
    #[schema(example = "credential_ends")]
    cause: String,
    /// The same in a sentence.
    #[schema(
        example = "The last credential of the registration ends at 2026-06-30T00:00:00Z: add a new one before."
    )]
    why: String,
    /// When the refresh token lapses if nothing refreshes it before; `null` where nothing depends on it.
    lapses_at: Option<jiff::Timestamp>,
}

/// One attempt to refresh.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttemptBody {
    #[schema(example = "att_0198c5a6b7c8d9e0f1a2b3c4d5e6f708")]
    attempt: String,
    #[schema(example = "2026-01-01T00:00:00Z")]
    at: jiff::Timestamp,
    #[schema(example = 180)]
    took_ms: i64,
    /// `refreshed`, `recovered`, `rejected`, `misconfigured`, `unavailable`, `unknown` or `stale`.
    #[schema(example = "refreshed")]
    outcome: &'static str,
    /// The stable name of the failure.
    code: Option<String>,
    /// The provider's own code.
    provider_code: Option<String>,
    /// The provider's id of the exchange.
    trace_id: Option<String>,
    /// The provider's id of the conversation.
    correlation_id: Option<String>,
    /// How far the provider's clock was ahead, in milliseconds.
    skew_ms: Option<i64>,
}

impl From<HeldToken> for HeldBody {
    fn from(held: HeldToken) -> Self {
        let Decoded { opaque, claims, permissions } = held.decoded;
        Self {
            opaque,
            claims,
            permissions,
            obtained_at: held.obtained_at,
            expires_at: held.expires_at,
            refreshable: held.refreshable,
            login_kept: held.login_kept,
        }
    }
}

impl From<Diagnosis> for DiagnosisBody {
    fn from(found: Diagnosis) -> Self {
        let attempts = found.attempts.into_iter().map(|attempt| AttemptBody {
            attempt: attempt.attempt.to_string(),
            at: attempt.at,
            took_ms: attempt.took_ms,
            outcome: attempt.outcome.name(),
            code: attempt.code,
            provider_code: attempt.provider_code,
            trace_id: attempt.trace_id,
            correlation_id: attempt.correlation_id,
            skew_ms: attempt.skew_ms,
        });
        Self {
            id: found.id,
            provider: found.provider.to_string(),
            status: found.status,
            reason: found.reason.map(Into::into),
            since: found.since,
            database_copied: found.database_copied,
            token: found.token.map(Into::into),
            unreadable: found.unreadable,
            permissions: PermissionsBody {
                granted: found.permissions.granted,
                needed: found.permissions.needed,
                missing: found.permissions.missing,
                extra: found.permissions.extra,
            },
            clock: ClockBody { median_ms: found.clock.median_ms, too_much: found.clock.too_much },
            registration: found.registration.map(Into::into),
            forecast: ForecastBody {
                actor: actor(found.forecast.actor),
                at: found.forecast.at,
                cause: found.forecast.cause,
                why: found.forecast.why,
                lapses_at: found.forecast.lapses_at,
            },
            attempts: attempts.collect(),
        }
    }
}

/// What is known of an integration
///
/// Read from what is stored: the provider is not called, nothing is refreshed, and no token is told.
/// It answers for paused integrations, during outages, and for a copied database.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/doctor/",
    tag = "integrations",
    params(("id" = String, Path, description = "The integration, `int_…`")),
    security(("access_key" = [])),
    responses(
        (status = 200, description = "What is known", body = DiagnosisBody),
        (status = 404, description = "`integration_not_found`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn doctor(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
) -> Result<Json<DiagnosisBody>, Problem> {
    let owner = principal.may(Permission::IntegrationsRead)?;
    Ok(Json(app.0.vault.diagnose(owner, id).await?.into()))
}
