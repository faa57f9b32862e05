//! What clients read before they begin: endpoints, keys, and the names of the host.

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use evergrant::Request;
use evergrant_sandbox::Origin;
use serde_json::{Value, json};

use super::aadsts::{Trace, Trouble};
use super::world::Tenant;
use super::{MicrosoftAct, tenant};

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`.
pub(super) async fn configuration(
    State(act): State<MicrosoftAct>,
    Path(segment): Path<String>,
    Extension(origin): Extension<Origin>,
) -> Response {
    let tenant = match tenant(&segment) {
        Ok(tenant) => tenant,
        Err(trouble) => return trouble.json(&trace(&act), &origin),
    };
    let base = format!("{origin}/{}", tenant.segment());
    let body = json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer(&origin, tenant),
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": format!("{origin}/oidc/userinfo"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name",
            "msgraph_host", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name",
            "tid", "ver", "at_hash", "c_hash", "email",
        ],
        "kerberos_endpoint": format!("{base}/kerberos"),
        "tenant_region_scope": if tenant == Tenant::Contoso { json!("WW") } else { Value::Null },
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": origin.host(),
        "rbac_url": "https://pas.windows.net",
    });
    cacheable(&act, body)
}

/// `GET /{tenant}/discovery/v2.0/keys`.
pub(super) async fn keys(
    State(act): State<MicrosoftAct>,
    Path(segment): Path<String>,
    Extension(origin): Extension<Origin>,
) -> Response {
    if let Err(trouble) = tenant(&segment) {
        return trouble.json(&trace(&act), &origin);
    }
    // Work accounts alone are played, so every key is good for any tenant.
    let publish = |key: &evergrant_sandbox::SigningKey| {
        let mut jwk = key.jwk();
        if let Value::Object(jwk) = &mut jwk {
            jwk.insert("cloud_instance_name".to_owned(), json!("microsoftonline.com"));
            jwk.insert("issuer".to_owned(), json!(issuer(&origin, Tenant::Common)));
        }
        jwk
    };
    let keys: Vec<_> = act.keys().all().iter().map(|key| publish(key)).collect();
    cacheable(&act, json!({ "keys": keys }))
}

/// The query of an instance discovery.
#[derive(serde::Deserialize)]
pub(super) struct Instance {
    authorization_endpoint: Option<String>,
}

/// `GET /common/discovery/instance`: the names this host goes by.
pub(super) async fn instance(
    State(act): State<MicrosoftAct>,
    Query(asked): Query<Instance>,
    Extension(origin): Extension<Origin>,
) -> Response {
    let host = origin.host();
    let asked = asked.authorization_endpoint.and_then(|endpoint| url::Url::parse(&endpoint).ok());
    let asked_host = asked.as_ref().and_then(url::Url::host_str);
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    if asked_host.is_none_or(|asked| !asked.eq_ignore_ascii_case(bare)) {
        return Trouble::new(50_049).json(&trace(&act), &origin);
    }
    let body = json!({
        "tenant_discovery_endpoint": format!("{origin}/common/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    });
    cacheable(&act, body)
}

fn issuer(origin: &Origin, tenant: Tenant) -> String {
    format!("{origin}/{}/v2.0", tenant.issuer_segment())
}

/// The trace of an answer that no client has given an id.
fn trace(act: &MicrosoftAct) -> Trace {
    Trace::of(&Request::default(), act.backstage())
}

fn cacheable(act: &MicrosoftAct, body: Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=86400, private"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"),
    ];
    let request_id = [("x-ms-request-id", act.backstage().guid().to_string())];
    (headers, request_id, Json(body).into_response().into_body()).into_response()
}
