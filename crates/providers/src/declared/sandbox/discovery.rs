//! What clients read before they begin (RFC 8414, `OpenID` Connect Discovery).

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use evergrant_sandbox::{Origin, Problem};
use serde_json::json;

use super::client::METHODS;
use super::{OAuthAct, signing_key};

/// The metadata, at both of its addresses.
pub(super) async fn configuration(
    State(act): State<OAuthAct>,
    Path(name): Path<String>,
    Extension(origin): Extension<Origin>,
) -> Response {
    let Some(provider) = act.provider(&name) else {
        return nobody(&name).into_response();
    };
    let issuer = provider.issuer(&origin);
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "device_authorization_endpoint": format!("{issuer}/device"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "jwks_uri": format!("{issuer}/jwks"),
        "scopes_supported": ["openid", "profile", "email", "offline_access", "read", "write"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256"],
        "revocation_endpoint_auth_methods_supported": METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "name", "email"],
    }))
    .into_response()
}

/// The keys that sign.
pub(super) async fn jwks(State(act): State<OAuthAct>, Path(name): Path<String>) -> Response {
    match act.provider(&name) {
        Some(_) => Json(json!({ "keys": [signing_key().jwk()] })).into_response(),
        None => nobody(&name).into_response(),
    }
}

/// A name that nobody can have.
pub(super) fn nobody(name: &str) -> Problem {
    Problem::unknown(format!("`{name}` is no name of a provider: use a-z, 0-9 and hyphens"))
}
