use axum::Json;
use axum::extract::State;
use evergrant::provider::{Credential, Failure};
use evergrant::store::{GrantStore, Notice};
use evergrant::vault::Registration;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::causes::actor;
use crate::extract::ApiQuery;
use crate::principal::{Operator, Permission};
use crate::problem::Problem;

/// The most notices on one page.
const LONGEST_PAGE: u32 = 200;

/// The operator's registration at a provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct RegistrationBody {
    #[schema(example = "acme")]
    name: String,
    /// The provider keys that use it.
    #[schema(example = json!(["acme_calendar"]))]
    providers: Vec<String>,
    /// `working`, `incomplete` in the configuration, or `suspended` since the provider refuses it.
    #[schema(example = "working")]
    status: &'static str,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<FaultBody>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<jiff::Timestamp>,
    /// When the last of its credentials ends; null where an end is not known.
    #[schema(example = "2026-06-30T00:00:00Z")]
    ends_at: Option<jiff::Timestamp>,
    credentials: Vec<CredentialBody>,
}

/// A secret or a certificate of a registration, without the secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialBody {
    #[schema(example = "client_secret")]
    name: String,
    /// When it stops working; null where that is not known.
    #[schema(example = "2026-06-30T00:00:00Z")]
    expires_at: Option<jiff::Timestamp>,
    /// Why the provider refused it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<FaultBody>,
}

/// A fault of the registration's.
#[derive(Serialize, ToSchema)]
pub(crate) struct FaultBody {
    /// Stable name of the cause.
    #[schema(example = "client_secret_expired")]
    code: String,
    /// Who can mend it.
    #[schema(example = "operator")]
    actor: &'static str,
    /// What happened, for people.
    #[schema(example = "The client secret has expired.")]
    message: String,
    /// What to do about it; may be empty.
    #[schema(example = "Add a new one at the provider and set it.")]
    remedy: String,
    /// The provider's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_code: Option<String>,
    /// The provider's id of the exchange, for its support.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_request_id: Option<String>,
}

impl From<Failure> for FaultBody {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code,
            actor: actor(failure.actor),
            message: failure.message,
            remedy: failure.remedy,
            provider_code: failure.provider_code,
            provider_request_id: failure.trace_id,
        }
    }
}

impl From<Credential> for CredentialBody {
    fn from(credential: Credential) -> Self {
        Self {
            name: credential.name,
            expires_at: credential.expires_at,
            refused: credential.refused.map(Into::into),
        }
    }
}

impl From<Registration> for RegistrationBody {
    fn from(registration: Registration) -> Self {
        let ends_at = registration.ends_at();
        let since = registration.suspended_since;
        let (status, reason, since) = match (registration.incomplete, registration.suspended) {
            (Some(missing), _) => ("incomplete", Some(missing.into()), None),
            (None, Some(why)) => ("suspended", Some(why.into()), since),
            (None, None) => ("working", None, None),
        };
        Self {
            name: registration.name,
            providers: registration.providers.iter().map(ToString::to_string).collect(),
            status,
            reason,
            since,
            ends_at,
            credentials: registration.credentials.into_iter().map(Into::into).collect(),
        }
    }
}

/// The registrations.
#[derive(Serialize, ToSchema)]
pub(crate) struct RegistrationsBody {
    results: Vec<RegistrationBody>,
}

/// The registrations at providers, and their health
///
/// As far as the process that answers knows: another replica may not have met a refusal yet. They are
/// few, so there is one page.
#[utoipa::path(
    get,
    path = "/api/registrations/",
    tag = "operation",
    security(("access_key" = [])),
    responses((status = 200, description = "All of them", body = RegistrationsBody))
)]
pub(crate) async fn registrations(
    State(app): State<App>,
    operator: Operator,
) -> Result<Json<RegistrationsBody>, Problem> {
    operator.may(Permission::OperationsRead)?;
    let results = app.0.vault.registrations().into_iter().map(Into::into).collect();
    Ok(Json(RegistrationsBody { results }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NoticesQuery {
    /// The `cursor` of the last notice seen: what came later is answered.
    cursor: Option<String>,
    /// How many at most; 50 unless given, 200 at most.
    limit: Option<u32>,
}

/// A page of notices.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoticesBody {
    results: Vec<NoticeBody>,
    /// The address of the next page; null on the last one. It begins with the server's public URL,
    /// whichever was asked.
    #[schema(example = "https://grants.example.com/api/notices/?limit=50&cursor=17")]
    next: Option<String>,
}

/// Something the operator should know, said once however many replicas found it out.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "cursor": "17",
    "kind": "credential_expires",
    "at": "2026-01-01T00:00:00Z",
    "detail": { "registration": "acme", "credential": "client_secret", "days_left": 30 },
}))]
pub(crate) struct NoticeBody {
    /// Its place; ask with it for what came later.
    cursor: String,
    /// `registration_suspended`, `registration_resumed` or `credential_expires`; more may come.
    kind: String,
    at: jiff::Timestamp,
    /// What it is about, by its kind.
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

impl From<(i64, Notice)> for NoticeBody {
    fn from((place, notice): (i64, Notice)) -> Self {
        Self { cursor: place.to_string(), kind: notice.kind, at: notice.at, detail: notice.detail }
    }
}

/// What the operator should know
#[utoipa::path(
    get,
    path = "/api/notices/",
    tag = "operation",
    params(NoticesQuery),
    security(("access_key" = [])),
    responses(
        (status = 200, description = "A page, the oldest first", body = NoticesBody),
        (status = 422, description = "`invalid_request`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn notices(
    State(app): State<App>,
    operator: Operator,
    ApiQuery(query): ApiQuery<NoticesQuery>,
) -> Result<Json<NoticesBody>, Problem> {
    operator.may(Permission::OperationsRead)?;
    let limit = query.limit.unwrap_or(50);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        let why = format!("`limit` must be from 1 to {LONGEST_PAGE}.");
        return Err(Problem::invalid("limit", why));
    }
    let after = match query.cursor.as_deref().map(str::parse) {
        None => 0,
        Some(Ok(place)) => place,
        Some(Err(_)) => {
            let why = "`cursor` must be one that a notice or `next` gave.";
            return Err(Problem::invalid("cursor", why));
        }
    };
    let mut found = app.0.store.notices(after, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found
        .last()
        .filter(|_| more)
        .map(|(place, _)| app.url(&format!("/api/notices/?limit={limit}&cursor={place}")));
    Ok(Json(NoticesBody { results: found.into_iter().map(Into::into).collect(), next }))
}
