//! Whose account it is: from the id token, a page of the API, or the token answer itself.

use evergrant::Transport;
use evergrant::integration::Account;
use evergrant::provider::AuthError;
use http::header;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::adapter::Declared;
use super::declaration::IdentitySource;
use crate::dictionary;
use crate::id_token::{Expected, distrust};
use crate::oauth2::{TokenAnswer, unanswered, unreadable};
use evergrant::Secret;

/// Finds out who signed in. `nonce` is that of the sign-in, if it had one.
pub(super) async fn account(
    of: &Declared,
    http: &dyn Transport,
    now: Timestamp,
    answer: &TokenAnswer,
    nonce: Option<&Secret>,
) -> Result<Account, AuthError> {
    let said = match of.facts.declared.identity.source {
        IdentitySource::TokenAnswer => answer.whole.clone(),
        IdentitySource::Userinfo => {
            let url = match &of.facts.identity_url {
                Some(url) => url.clone(),
                None => of
                    .metadata(http, now)
                    .await?
                    .and_then(|metadata| metadata.userinfo_endpoint)
                    .ok_or_else(missing)?,
            };
            userinfo(http, &url, &answer.access).await?
        }
        IdentitySource::IdToken => {
            let issuer = of.facts.issuer.as_deref().ok_or_else(missing)?;
            let jwks_uri = match &of.facts.jwks_url {
                Some(url) => url.clone(),
                None => of
                    .metadata(http, now)
                    .await?
                    .and_then(|metadata| metadata.jwks_uri)
                    .ok_or_else(|| distrust("published keys nowhere"))?,
            };
            let client_id = of.client().id().unwrap_or_default();
            let expected = Expected {
                issuer,
                formerly: None,
                jwks_uri: &jwks_uri,
                client_id,
                subject: true,
                nonce,
            };
            let id_token = answer.id_token.as_ref();
            Value::Object(of.id_tokens.verify(http, now, &expected, id_token).await?)
        }
    };
    find(of, &said).ok_or_else(missing)
}

fn find(of: &Declared, said: &Value) -> Option<Account> {
    let identity = &of.facts.declared.identity;
    let text = |pointer: &str| match said.pointer(pointer)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        // Some number their accounts.
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let mut id = text(&identity.id)?;
    if let Some(within) = &identity.within {
        id = format!("{}.{id}", text(within)?);
    }
    let username = identity.username.as_deref().and_then(text);
    let name = identity.name.as_deref().and_then(text);
    let name = name.or_else(|| username.clone()).unwrap_or_else(|| id.clone());
    Some(Account { id, name, username })
}

/// Asks the API with the new token; some servers understand only one of GET and POST.
async fn userinfo(http: &dyn Transport, url: &Url, access: &Secret) -> Result<Value, AuthError> {
    let request = http::Request::get(url.as_str())
        .header(header::AUTHORIZATION, format!("Bearer {}", access.expose()))
        .header(header::ACCEPT, "application/json")
        .body(bytes::Bytes::new())
        .map_err(|_| AuthError::Misconfigured(dictionary::ENDPOINT.failure()))?;
    let response = http.send(request).await.map_err(|error| unanswered(&error))?;
    if !response.status().is_success() {
        return Err(unreadable(response.status(), None));
    }
    serde_json::from_slice(response.body()).map_err(|_| unreadable(response.status(), None))
}

fn missing() -> AuthError {
    AuthError::Misconfigured(dictionary::NO_IDENTITY.failure())
}
