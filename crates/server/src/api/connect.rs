use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use evergrant::IntegrationId;
use evergrant::provider::{FormField, ProviderKey};
use evergrant::store::Way;
use evergrant::vault::{Begin, Next, Proof};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::integrations::IntegrationBody;
use crate::App;
use crate::extract::ApiJson;
use crate::principal::{Permission, Principal};
use crate::problem::{Code, Problem};

/// What to connect.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct InitiateBody {
    /// The provider's key.
    #[schema(example = "acme_calendar")]
    provider: String,
    /// Fewer permissions than the provider key has; all of them unless given.
    #[schema(example = json!(["calendar.read"]))]
    scopes: Option<Vec<String>>,
    /// The integration to reconnect; the same account must come back.
    #[schema(value_type = Option<String>, example = "int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708")]
    integration: Option<String>,
    /// Where the browser comes back to; this server's own callback unless given.
    #[schema(value_type = Option<String>, example = "https://app.example.com/connected")]
    redirect_uri: Option<Url>,
}

/// What the user does next.
#[derive(Serialize, ToSchema)]
pub(crate) struct InitiateAnswer {
    /// Send the user's browser here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://login.acme.example/authorize?client_id=…&state=…")]
    authorization_url: Option<String>,
    /// Have the user fill in this form.
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<FormBody>,
    /// Hand it to the callback. Works once, until `expires_at`, for this user.
    #[schema(example = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")]
    state: String,
    #[schema(example = "2026-01-01T00:10:00Z")]
    expires_at: jiff::Timestamp,
}

/// What to ask the user for.
#[derive(Serialize, ToSchema)]
pub(crate) struct FormBody {
    fields: Vec<FieldBody>,
}

/// One field of a form.
#[derive(Serialize, ToSchema)]
pub(crate) struct FieldBody {
    /// Its name in `fields` of the callback.
    #[schema(example = "password")]
    name: String,
    /// Its name for people.
    #[schema(example = "Password")]
    label: String,
    /// Whether what is typed must not be shown.
    #[schema(example = true)]
    secret: bool,
}

impl From<Vec<FormField>> for FormBody {
    fn from(fields: Vec<FormField>) -> Self {
        let field = |field: FormField| FieldBody {
            name: field.name,
            label: field.label,
            secret: field.secret,
        };
        Self { fields: fields.into_iter().map(field).collect() }
    }
}

/// Begin connecting an account
#[utoipa::path(
    post,
    path = "/api/integrations/oauth/initiate/",
    tag = "connect",
    request_body = InitiateBody,
    security(("access_key" = [])),
    responses(
        (status = 200, description = "What the user does next", body = InitiateAnswer),
        (status = 404, description = "`integration_not_found`", content_type = "application/problem+json"),
        (status = 422, description = "`unknown_provider`, `unknown_scopes` or `redirect_not_allowed`", content_type = "application/problem+json"),
        (status = 503, description = "`registration_misconfigured`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn initiate(
    State(app): State<App>,
    principal: Principal,
    ApiJson(body): ApiJson<InitiateBody>,
) -> Result<Json<InitiateAnswer>, Problem> {
    let owner = principal.may(Permission::IntegrationsWrite)?;
    let provider = ProviderKey::from(body.provider.as_str());
    let redirect_uri = match body.redirect_uri {
        None => own_callback(&app, &provider)?,
        Some(uri) if app.0.config.redirect_uris.contains(&uri) => uri,
        Some(uri) if uri == own_callback(&app, &provider)? => uri,
        Some(uri) => {
            let detail = format!("The redirect URI {uri} is not an allowed one.");
            return Err(Problem::new(Code::RedirectNotAllowed, detail));
        }
    };
    let integration = body
        .integration
        .map(|id| id.parse::<IntegrationId>())
        .transpose()
        .map_err(|_| evergrant::TokenError::NotFound)?;
    let ask = Begin { provider, way: Way::Direct, redirect_uri, scopes: body.scopes, integration };
    let begun = app.0.vault.begin(owner, ask).await?;
    let (authorization_url, form) = match begun.next {
        Next::Authorize(url) => (Some(url.into()), None),
        Next::Form(fields) => (None, Some(fields.into())),
        Next::Device { .. } => (None, None),
    };
    Ok(Json(InitiateAnswer {
        authorization_url,
        form,
        state: begun.state.expose().to_owned(),
        expires_at: begun.expires_at,
    }))
}

/// What the user came back with: a `code`, filled-in `fields`, or an `error`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct CallbackBody {
    /// The provider's key, as in `initiate`.
    #[schema(example = "acme_calendar")]
    provider: String,
    /// The state that `initiate` gave.
    #[schema(example = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")]
    state: String,
    /// The code the provider sent the browser back with.
    #[schema(example = "SplxlOBeZQQYbYS6WxSbIA")]
    code: Option<String>,
    /// The filled-in form, by the names of its fields.
    fields: Option<BTreeMap<String, String>>,
    /// The error the provider sent the browser back with.
    error: Option<String>,
    /// The provider's text with the error.
    error_description: Option<String>,
}

/// Finish connecting an account
#[utoipa::path(
    post,
    path = "/api/integrations/oauth/callback/",
    tag = "connect",
    request_body = CallbackBody,
    security(("access_key" = [])),
    responses(
        (status = 201, description = "The account is connected", body = IntegrationBody),
        (status = 400, description = "`invalid_state` or `connect_refused`", content_type = "application/problem+json"),
        (status = 404, description = "`integration_not_found`: disconnected since the reconnect began", content_type = "application/problem+json"),
        (status = 409, description = "`account_mismatch` or `conflict`", content_type = "application/problem+json"),
        (status = 422, description = "`unknown_provider`", content_type = "application/problem+json"),
        (status = 503, description = "`provider_unavailable`, `registration_misconfigured` or `encryption_key_missing`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn callback(
    State(app): State<App>,
    principal: Principal,
    ApiJson(body): ApiJson<CallbackBody>,
) -> Result<(StatusCode, Json<IntegrationBody>), Problem> {
    let owner = principal.may(Permission::IntegrationsWrite)?;
    let proof = match (body.code, body.fields, body.error) {
        (Some(code), None, None) => Proof::Code { code: code.into(), iss: None },
        (None, Some(fields), None) => {
            Proof::Form(fields.into_iter().map(|(name, value)| (name, value.into())).collect())
        }
        (None, None, Some(error)) => {
            Proof::Denied { error, description: body.error_description, iss: None }
        }
        _ => {
            return Err(Problem::invalid("", "Send exactly one of `code`, `fields` and `error`."));
        }
    };
    let provider = ProviderKey::from(body.provider.as_str());
    let connected = app.0.vault.finish(Some(owner), &provider, &body.state.into(), proof).await?;
    Ok((StatusCode::CREATED, Json(connected.into())))
}

/// Where providers send browsers back to.
pub(super) fn own_callback(app: &App, provider: &ProviderKey) -> Result<Url, Problem> {
    let url = app.url(&format!("/api/integrations/oauth/callback/{provider}/"));
    Url::parse(&url)
        .map_err(|_| Problem::invalid("/provider", "`provider` must be a provider's key."))
}
