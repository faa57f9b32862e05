//! An administrator's consent for their whole organisation.

use axum::Json;
use axum::extract::State;
use evergrant::provider::ProviderKey;
use evergrant::vault::CONSENT_LIFE;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::extract::ApiJson;
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

const DAY: u64 = 24 * 60 * 60;
/// The longest domain name (RFC 1035, section 2.3.4), which is how organisations are named.
const LONGEST_TENANT: usize = 253;

/// What an administrator is to agree to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct ConsentBody {
    /// The provider's key.
    #[schema(example = "acme_calendar")]
    provider: String,
    /// The organisation, by its id or domain at the provider; that of whoever opens the page unless given.
    #[schema(example = "contoso.example")]
    tenant: Option<String>,
}

/// Where an administrator agrees.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsentAnswer {
    /// Send it to an administrator of the organisation.
    #[schema(example = "https://login.acme.example/adminconsent?client_id=…&state=…")]
    consent_url: String,
    /// How long it works.
    #[schema(example = 30)]
    expires_in_days: u64,
}

/// What came of an administrator's consent.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsentedBody {
    /// Always `consented`.
    #[schema(example = "consented")]
    pub(super) status: &'static str,
    /// The provider's key.
    #[schema(example = "acme_calendar")]
    pub(super) provider: String,
}

/// The page where an administrator agrees for their organisation
///
/// Some permissions, and some organisations, need an administrator before any user can connect. Nothing is
/// connected by it. The browser comes back to this server's own callback, which says what came of it.
#[utoipa::path(
    post,
    path = "/api/integrations/oauth/consent/",
    tag = "connect",
    request_body = ConsentBody,
    security(("access_key" = [])),
    responses(
        (status = 200, description = "The page", body = ConsentAnswer),
        (status = 404, description = "`not_offered` by this provider", content_type = "application/problem+json"),
        (status = 422, description = "`unknown_provider`", content_type = "application/problem+json"),
        (status = 503, description = "`registration_misconfigured`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn consent(
    State(app): State<App>,
    principal: Principal,
    ApiJson(body): ApiJson<ConsentBody>,
) -> Result<Json<ConsentAnswer>, Problem> {
    principal.may(Permission::IntegrationsWrite)?;
    // It becomes a part of the page's address.
    let named = |tenant: &str| {
        (1..=LONGEST_TENANT).contains(&tenant.len())
            && !tenant.starts_with('.')
            && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    if body.tenant.as_deref().is_some_and(|tenant| !named(tenant)) {
        let why = "`tenant` must be an organisation's id or domain at the provider.";
        return Err(Problem::invalid("/tenant", why));
    }
    let provider = ProviderKey::from(body.provider.as_str());
    let back = app.own_callback(&provider)?;
    let page = app.0.vault.consent_page(&provider, &back, body.tenant.as_deref())?;
    let expires_in_days = CONSENT_LIFE.as_secs() / DAY;
    Ok(Json(ConsentAnswer { consent_url: page.into(), expires_in_days }))
}
