use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use evergrant::provider::{FormField, ProviderKey};
use evergrant::store::Way;
use evergrant::vault::{Begin, Next, Proof};
use evergrant::{ConnectError, IntegrationId};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::integrations::IntegrationBody;
use crate::App;
use crate::causes::DEVICE_INTERVAL;
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
    /// How the user agrees.
    #[serde(default)]
    way: WayBody,
    /// Fewer permissions than the provider key has; all of them unless given. Together with
    /// `integration` they come on top of those it has.
    #[schema(example = json!(["calendar.read"]))]
    scopes: Option<Vec<String>>,
    /// The integration to reconnect; the same account must come back, and it keeps its id.
    #[schema(value_type = Option<String>, example = "int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708")]
    integration: Option<String>,
    /// Where the browser comes back to; this server's own callback unless given.
    #[schema(value_type = Option<String>, example = "https://app.example.com/connected")]
    redirect_uri: Option<Url>,
}

/// How the user agrees.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WayBody {
    /// In this browser: on the provider's page, or with a form.
    #[default]
    Redirect,
    /// On any other device, by typing a code there (RFC 8628).
    DeviceCode,
}

impl From<WayBody> for Way {
    fn from(way: WayBody) -> Self {
        match way {
            WayBody::Redirect => Self::Direct,
            WayBody::DeviceCode => Self::Device,
        }
    }
}

/// What the user does next: exactly one of `authorization_url`, `form` and `device`.
#[derive(Serialize, ToSchema)]
pub(crate) struct InitiateAnswer {
    /// Send the user's browser here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://login.acme.example/authorize?client_id=…&state=…")]
    authorization_url: Option<String>,
    /// Have the user fill in this form.
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<FormBody>,
    /// Have the user type a code on any device, and ask the callback meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<DeviceBody>,
    /// Hand it to the callback. Works once, until `expires_at`, for this user; that of a device code
    /// works until the user has signed in.
    #[schema(example = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")]
    state: String,
    #[schema(example = "2026-01-01T00:10:00Z")]
    expires_at: jiff::Timestamp,
}

/// What to show the user who signs in on another device.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeviceBody {
    /// What to type.
    #[schema(example = "WDJB-MJHT")]
    user_code: String,
    /// Where to type it.
    #[schema(example = "https://login.acme.example/device")]
    verification_uri: String,
    /// The same page with the code filled in, to show as a QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://login.acme.example/device?user_code=WDJB-MJHT")]
    verification_uri_complete: Option<String>,
    /// How many seconds to wait between two questions to the callback.
    #[schema(example = 5)]
    interval: u64,
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
    /// Whether it may be left out of `fields`; it may not unless this is there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    optional: bool,
    /// What may be answered, the usual first; left out where anything may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    choices: Vec<String>,
    /// What it is for, where the label does not say it all.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    help: String,
}

impl From<Vec<FormField>> for FormBody {
    fn from(fields: Vec<FormField>) -> Self {
        let field = |field: FormField| {
            let FormField { name, label, secret, optional, choices, help } = field;
            FieldBody { name, label, secret, optional, choices, help }
        };
        Self { fields: fields.into_iter().map(field).collect() }
    }
}

/// Begin connecting an account
///
/// With `integration` it is one that there is already: the same account must come back, and the id
/// stays. With `scopes` besides, those are added to what was granted, and nothing granted is lost.
#[utoipa::path(
    post,
    path = "/api/integrations/oauth/initiate/",
    tag = "connect",
    request_body = InitiateBody,
    security(("access_key" = [])),
    responses(
        (status = 200, description = "What the user does next", body = InitiateAnswer),
        (status = 400, description = "`connect_refused`: no device code is given", content_type = "application/problem+json"),
        (status = 404, description = "`integration_not_found`, or `not_offered`: this provider is connected in another way", content_type = "application/problem+json"),
        (status = 409, description = "`consent_required` with `admin_consent_url`", content_type = "application/problem+json"),
        (status = 422, description = "`unknown_provider`, `unknown_scopes` or `redirect_not_allowed`", content_type = "application/problem+json"),
        (status = 503, description = "`registration_misconfigured`, `provider_unavailable` or `database_copied`", content_type = "application/problem+json"),
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
        None => app.own_callback(&provider)?,
        Some(uri) if app.0.config.redirect_uris.contains(&uri) => uri,
        Some(uri) if uri == app.own_callback(&provider)? => uri,
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
    let key = provider.clone();
    let way = body.way.into();
    let ask = Begin { provider, way, redirect_uri, scopes: body.scopes, integration };
    let begun = app.0.vault.begin(owner, ask).await;
    let begun = begun.map_err(|error| app.with_consent_url(error, &key))?;
    let mut answer = InitiateAnswer {
        authorization_url: None,
        form: None,
        device: None,
        state: begun.state.expose().to_owned(),
        expires_at: begun.expires_at,
    };
    match begun.next {
        Next::Authorize(url) => answer.authorization_url = Some(url.into()),
        Next::Form(fields) => answer.form = Some(fields.into()),
        Next::Device { user_code, verification_uri, verification_uri_complete, interval } => {
            answer.device = Some(DeviceBody {
                user_code,
                verification_uri: verification_uri.into(),
                verification_uri_complete: verification_uri_complete.map(Into::into),
                interval: interval.as_secs(),
            });
        }
    }
    Ok(Json(answer))
}

/// What the user came back with: a `code`, filled-in `fields`, or an `error`; none of them, to ask
/// whether the user has signed in on the other device.
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
    /// Who says to have sent the browser back (RFC 9207), if the provider added it.
    iss: Option<String>,
}

/// The user has not signed in on the other device yet.
#[derive(Serialize, ToSchema)]
pub(crate) struct PendingBody {
    /// Always `pending`.
    #[schema(example = "pending")]
    status: &'static str,
    /// Ask again after so many seconds, as in the header `Retry-After`.
    #[schema(example = 5)]
    retry_after: u64,
}

/// Finish connecting an account
///
/// With `provider` and `state` alone it asks about a sign-in on another device: 202 until the user has
/// signed in there.
#[utoipa::path(
    post,
    path = "/api/integrations/oauth/callback/",
    tag = "connect",
    request_body = CallbackBody,
    security(("access_key" = [])),
    responses(
        (status = 201, description = "The account is connected", body = IntegrationBody),
        (status = 202, description = "The user has not signed in on the other device yet", body = PendingBody),
        (status = 400, description = "`invalid_state` or `connect_refused`", content_type = "application/problem+json"),
        (status = 404, description = "`integration_not_found`: disconnected since the reconnect began", content_type = "application/problem+json"),
        (status = 409, description = "`account_mismatch`, `conflict`, or `consent_required` with `admin_consent_url`", content_type = "application/problem+json"),
        (status = 422, description = "`unknown_provider`", content_type = "application/problem+json"),
        (status = 503, description = "`provider_unavailable`, `registration_misconfigured`, `encryption_key_missing` or `database_copied`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn callback(
    State(app): State<App>,
    principal: Principal,
    ApiJson(body): ApiJson<CallbackBody>,
) -> Result<Response, Problem> {
    let owner = principal.may(Permission::IntegrationsWrite)?;
    let iss = body.iss;
    let proof = match (body.code, body.fields, body.error) {
        (Some(code), None, None) => Proof::Code { code: code.into(), iss },
        (None, Some(fields), None) => {
            Proof::Form(fields.into_iter().map(|(name, value)| (name, value.into())).collect())
        }
        (None, None, Some(error)) => {
            Proof::Denied { error, description: body.error_description, iss }
        }
        (None, None, None) => Proof::Device,
        _ => {
            let why = "Send at most one of `code`, `fields` and `error`.";
            return Err(Problem::invalid("", why));
        }
    };
    let provider = ProviderKey::from(body.provider.as_str());
    match app.0.vault.finish(Some(owner), &provider, &body.state.into(), proof).await {
        Ok(connected) => {
            Ok((StatusCode::CREATED, Json(IntegrationBody::from(connected))).into_response())
        }
        Err(ConnectError::Pending { slower }) => Ok(pending(DEVICE_INTERVAL + slower)),
        Err(error) => Err(app.with_consent_url(error, &provider)),
    }
}

fn pending(wait: Duration) -> Response {
    let retry_after = wait.as_secs();
    let body = Json(PendingBody { status: "pending", retry_after });
    (StatusCode::ACCEPTED, [(header::RETRY_AFTER, retry_after)], body).into_response()
}
