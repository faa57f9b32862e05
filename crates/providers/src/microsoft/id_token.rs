//! Who signed in: verification of id tokens (contract, sections 2.4 and 2.9; OpenID Connect Core, 3.1.3.7).

use std::collections::HashMap;
use std::time::Duration;

use evergrant::clock::{later, until};
use evergrant::integration::Account;
use evergrant::provider::{Actor, AuthError, Failure};
use evergrant::{Secret, Transport};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::Url;

/// How far the provider's clock and ours may be apart.
const SKEW: Duration = Duration::from_mins(5);
/// How long published keys are believed.
const KEYS_KEPT: Duration = Duration::from_hours(24);
/// How often an unknown key id may make us fetch them again.
const REFETCH: Duration = Duration::from_mins(5);
/// In the issuer of multi-tenant authorities this stands for the tenant's id.
const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// Verifies id tokens of one authority; keeps its published keys.
pub(super) struct IdTokens {
    discovery: String,
    published: Mutex<Option<Published>>,
}

struct Published {
    issuer: String,
    keys: HashMap<String, Key>,
    fetched_at: Timestamp,
}

struct Key {
    verifying: DecodingKey,
    /// For which issuer it is good; absent: for the authority's own.
    issuer: Option<String>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: Url,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<KeyEntry>,
}

#[derive(Deserialize)]
struct KeyEntry {
    kid: Option<String>,
    kty: String,
    n: Option<String>,
    e: Option<String>,
    issuer: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    tid: Option<String>,
    #[serde(default)]
    oid: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    preferred_username: Option<String>,
}

impl IdTokens {
    pub(super) fn new(authority: &str) -> Self {
        Self {
            discovery: format!("{authority}/v2.0/.well-known/openid-configuration"),
            published: Mutex::default(),
        }
    }

    /// The account an id token names. Everything about the token is checked: signature (RS256 alone),
    /// audience, issuer with the tenant filled in, times, nonce.
    pub(super) async fn verify(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        client_id: &str,
        nonce: &Secret,
        id_token: Option<&Secret>,
    ) -> Result<Account, AuthError> {
        let id_token = id_token.ok_or_else(|| distrust("the answer has no id token"))?;
        let header = jsonwebtoken::decode_header(id_token.expose())
            .map_err(|_| distrust("the id token is not a signed token"))?;
        let kid = header.kid.ok_or_else(|| distrust("the id token names no key"))?;
        let mut published = self.published.lock().await;
        if published.as_ref().is_none_or(|p| stale(p, &kid, now)) {
            *published = Some(fetch(http, now, &self.discovery).await?);
        }
        let known = published.as_ref().and_then(|p| Some((p, p.keys.get(&kid)?)));
        let (authority, key) =
            known.ok_or_else(|| distrust("the id token is signed with an unknown key"))?;
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_audience(&[client_id]);
        // Times are compared below with the time that was passed in.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        rules.set_required_spec_claims(&["aud", "iss", "sub", "exp"]);
        let claims: Claims = jsonwebtoken::decode(id_token.expose(), &key.verifying, &rules)
            .map_err(|_| distrust("the id token's signature or audience is wrong"))?
            .claims;
        check(&claims, authority, key, now, nonce)?;
        Ok(account(claims))
    }
}

fn check(
    claims: &Claims,
    authority: &Published,
    key: &Key,
    now: Timestamp,
    nonce: &Secret,
) -> Result<(), AuthError> {
    let tid = claims.tid.as_deref().unwrap_or_default();
    let filled = |template: &str| template.replace(TENANT_PLACEHOLDER, tid);
    if authority.issuer.contains(TENANT_PLACEHOLDER) && uuid::Uuid::try_parse(tid).is_err() {
        return Err(distrust("the id token names no tenant"));
    }
    if claims.iss != filled(&authority.issuer) {
        return Err(distrust("the id token's issuer is another"));
    }
    if key.issuer.as_deref().is_some_and(|issuer| claims.iss != filled(issuer)) {
        return Err(distrust("the id token's key is not good for its issuer"));
    }
    let seconds = |at: Timestamp| at.as_second();
    let earliest = now.saturating_sub(SKEW).unwrap_or(now);
    if claims.exp <= seconds(earliest)
        || claims.nbf.is_some_and(|nbf| nbf > seconds(later(now, SKEW)))
    {
        return Err(distrust(
            "the id token is expired or not yet valid; is this machine's clock right?",
        ));
    }
    if claims.nonce.as_deref() != Some(nonce.expose()) {
        return Err(distrust("the id token belongs to another sign-in"));
    }
    Ok(())
}

/// The account's key is tenant and object id: names and addresses change (contract, section 2.9).
fn account(claims: Claims) -> Account {
    let id = match (&claims.tid, &claims.oid) {
        (Some(tid), Some(oid)) => format!("{tid}.{oid}"),
        _ => format!("{}#{}", claims.iss, claims.sub),
    };
    Account {
        name: claims
            .name
            .or_else(|| claims.preferred_username.clone())
            .unwrap_or_else(|| id.clone()),
        id,
        username: claims.preferred_username,
    }
}

fn stale(published: &Published, kid: &str, now: Timestamp) -> bool {
    let age = until(published.fetched_at, now);
    age > KEYS_KEPT || (!published.keys.contains_key(kid) && age > REFETCH)
}

async fn fetch(
    http: &dyn Transport,
    now: Timestamp,
    discovery: &str,
) -> Result<Published, AuthError> {
    let found: Discovery = get(http, discovery).await?;
    // Keys from elsewhere would let that place sign in as anyone.
    if Url::parse(discovery).ok().map(|url| url.origin()) != Some(found.jwks_uri.origin()) {
        return Err(distrust("the provider's keys are published at another host"));
    }
    let set: KeySet = get(http, found.jwks_uri.as_str()).await?;
    let keys = set.keys.into_iter().filter(|key| key.kty == "RSA").filter_map(|key| {
        let verifying =
            DecodingKey::from_rsa_components(key.n.as_deref()?, key.e.as_deref()?).ok()?;
        Some((key.kid?, Key { verifying, issuer: key.issuer }))
    });
    Ok(Published { issuer: found.issuer, keys: keys.collect(), fetched_at: now })
}

async fn get<T: DeserializeOwned>(http: &dyn Transport, url: &str) -> Result<T, AuthError> {
    let unavailable = |detail: String| AuthError::Unavailable {
        failure: Failure::new(
            "provider_keys_unavailable",
            Actor::Nobody,
            format!(
                "Microsoft's published keys cannot be read: {detail}. Start the sign-in again."
            ),
        ),
        retry_after: None,
        sent: true,
    };
    let request = http::Request::get(url)
        .body(bytes::Bytes::new())
        .map_err(|error| unavailable(error.to_string()))?;
    let response = http.send(request).await.map_err(|error| unavailable(error.to_string()))?;
    serde_json::from_slice(response.body())
        .map_err(|_| unavailable(format!("status {}", response.status().as_u16())))
}

fn distrust(what: &str) -> AuthError {
    AuthError::Rejected(Failure::new(
        "id_token_invalid",
        Actor::Operator,
        format!("Microsoft's answer does not prove who signed in: {what}. Nothing was connected."),
    ))
}
