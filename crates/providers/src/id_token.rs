//! Who signed in: verification of id tokens (OpenID Connect Core, section 3.1.3.7) with the keys an
//! authority publishes.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use evergrant::clock::{later, until};
use evergrant::provider::{AuthError, Failure};
use evergrant::{Secret, Transport};
use http::header;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use crate::dictionary;

/// How far the provider's clock and ours may be apart.
const SKEW: Duration = Duration::from_mins(5);
/// How long what is published is believed.
const KEPT: Duration = Duration::from_hours(24);
/// How often an unknown key id may make us fetch the keys again.
const REFETCH: Duration = Duration::from_mins(5);
/// In the issuer of multi-tenant authorities this stands for the tenant's id.
const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// The claims of a verified id token.
pub(crate) type Claims = Map<String, Value>;

/// What an authority says of itself (OpenID Connect Discovery; RFC 8414).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    #[serde(default)]
    pub(crate) authorization_endpoint: Option<Url>,
    #[serde(default)]
    pub(crate) token_endpoint: Option<Url>,
    #[serde(default)]
    pub(crate) device_authorization_endpoint: Option<Url>,
    #[serde(default)]
    pub(crate) revocation_endpoint: Option<Url>,
    #[serde(default)]
    pub(crate) jwks_uri: Option<Url>,
    #[serde(default)]
    pub(crate) userinfo_endpoint: Option<Url>,
    /// RFC 9207, section 3.
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

/// An authority's description, fetched when it is first needed and kept for a day; for longer while
/// it cannot be fetched again.
pub(crate) struct Discovery {
    url: Url,
    /// Who it must say it is; nobody in particular, if that is checked elsewhere.
    issuer: Option<String>,
    kept: RwLock<Option<Kept>>,
    /// One fetches, the others wait.
    fetching: Mutex<()>,
}

#[derive(Clone)]
struct Kept {
    metadata: Metadata,
    /// Since when it has not been asked for.
    since: Timestamp,
    /// After how long it is asked for again.
    fresh: Duration,
}

impl Discovery {
    pub(crate) fn new(url: Url) -> Self {
        Self { url, issuer: None, kept: RwLock::default(), fetching: Mutex::default() }
    }

    /// A description that is believed only if it is this issuer's, letter by letter (RFC 8414,
    /// section 3.3).
    pub(crate) fn of(url: Url, issuer: Option<String>) -> Self {
        Self { issuer, ..Self::new(url) }
    }

    /// What was fetched last, without asking anybody.
    pub(crate) fn known(&self) -> Option<Metadata> {
        self.kept().map(|kept| kept.metadata)
    }

    fn kept(&self) -> Option<Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fresh(&self, now: Timestamp) -> Option<Metadata> {
        let kept = self.kept().filter(|kept| until(kept.since, now) <= kept.fresh)?;
        Some(kept.metadata)
    }

    fn keep(&self, metadata: &Metadata, since: Timestamp, fresh: Duration) {
        let kept = Kept { metadata: metadata.clone(), since, fresh };
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }

    pub(crate) async fn get(
        &self,
        http: &dyn Transport,
        now: Timestamp,
    ) -> Result<Metadata, AuthError> {
        if let Some(metadata) = self.fresh(now) {
            return Ok(metadata);
        }
        let _alone = self.fetching.lock().await;
        if let Some(metadata) = self.fresh(now) {
            return Ok(metadata);
        }
        let fetched = match get::<Metadata>(http, &self.url).await {
            // Nothing is spent by reading, whatever became of the answer.
            Err(AuthError::Unavailable { failure, retry_after, .. }) => {
                Err(AuthError::Unavailable { failure, retry_after, sent: false })
            }
            fetched => fetched,
        };
        match (fetched, self.known()) {
            (Ok(metadata), _) => {
                if self.issuer.as_ref().is_some_and(|issuer| metadata.issuer != *issuer) {
                    return Err(AuthError::Misconfigured(Failure {
                        provider_code: Some("issuer".to_owned()),
                        ..dictionary::ENDPOINT.failure()
                    }));
                }
                self.keep(&metadata, now, KEPT);
                Ok(metadata)
            }
            // What was true yesterday is a better guess than nothing.
            (Err(_), Some(old)) => {
                self.keep(&old, now, REFETCH);
                Ok(old)
            }
            (Err(error), None) => Err(error),
        }
    }
}

/// Whose token it has to be.
pub(crate) struct Expected<'a> {
    /// The issuer; may hold a place for the tenant.
    pub(crate) issuer: &'a str,
    /// The name that the same issuer has in tokens of an older version, where those are taken, too.
    pub(crate) formerly: Option<&'a str>,
    /// Where the keys are published.
    pub(crate) jwks_uri: &'a Url,
    pub(crate) client_id: &'a str,
    /// Whether it has to say whom it is about; what an application presents is about nobody.
    pub(crate) subject: bool,
    /// The sign-in it belongs to; a token that came without one has none.
    pub(crate) nonce: Option<&'a Secret>,
}

/// Verifies id tokens of one authority; keeps its published keys.
pub(crate) struct IdTokens {
    algorithms: &'static [Algorithm],
    published: Mutex<Option<Published>>,
}

struct Published {
    keys: HashMap<String, Key>,
    /// The only key of a set that names none.
    nameless: Option<Key>,
    fetched_at: Timestamp,
}

#[derive(Clone)]
struct Key {
    verifying: DecodingKey,
    rsa: bool,
    /// For which issuer it is good; absent: for the authority's own.
    issuer: Option<String>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<KeyEntry>,
}

#[derive(Deserialize)]
struct KeyEntry {
    kid: Option<String>,
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    issuer: Option<String>,
}

impl IdTokens {
    /// Accepts tokens that are signed in one of these ways alone.
    pub(crate) fn new(algorithms: &'static [Algorithm]) -> Self {
        Self { algorithms, published: Mutex::default() }
    }

    /// The claims of an id token. Everything about it is checked: signature, audience, issuer with
    /// the tenant filled in, times, nonce.
    pub(crate) async fn verify(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        expected: &Expected<'_>,
        id_token: Option<&Secret>,
    ) -> Result<Claims, AuthError> {
        let id_token = id_token.ok_or_else(|| distrust("no id token"))?;
        let header = jsonwebtoken::decode_header(id_token.expose())
            .map_err(|_| distrust("not a signed token"))?;
        if !self.algorithms.contains(&header.alg) {
            return Err(distrust("signed in another way"));
        }
        let key = self.key(http, now, expected.jwks_uri, header.kid.as_deref()).await?;
        let mut rules = Validation::new(header.alg);
        rules.set_audience(&[expected.client_id]);
        // Times are compared below with the time that was passed in.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let subject = expected.subject.then_some("sub");
        let required: Vec<_> = ["aud", "iss", "exp"].into_iter().chain(subject).collect();
        rules.set_required_spec_claims(&required);
        // A key serves only algorithms of its own kind.
        if key.rsa == (header.alg == Algorithm::ES256) {
            return Err(distrust("signed with a key of another kind"));
        }
        let claims: Claims = jsonwebtoken::decode(id_token.expose(), &key.verifying, &rules)
            .map_err(|_| distrust("wrong signature or audience"))?
            .claims;
        check(&claims, expected, &key, now)?;
        Ok(claims)
    }

    async fn key(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        jwks_uri: &Url,
        kid: Option<&str>,
    ) -> Result<Key, AuthError> {
        let find = |published: &Published| match kid {
            Some(kid) => published.keys.get(kid).cloned(),
            None => published.nameless.clone(),
        };
        let mut published = self.published.lock().await;
        let stale = published.as_ref().is_none_or(|p| {
            let age = until(p.fetched_at, now);
            age > KEPT || (find(p).is_none() && age > REFETCH)
        });
        if stale {
            *published = Some(fetch(http, now, jwks_uri).await?);
        }
        published.as_ref().and_then(find).ok_or_else(|| distrust("signed with an unknown key"))
    }
}

fn check(
    claims: &Claims,
    expected: &Expected<'_>,
    key: &Key,
    now: Timestamp,
) -> Result<(), AuthError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let tid = text("tid").unwrap_or_default();
    let filled = |template: &str| template.replace(TENANT_PLACEHOLDER, tid);
    if expected.issuer.contains(TENANT_PLACEHOLDER) && uuid::Uuid::try_parse(tid).is_err() {
        return Err(distrust("no tenant"));
    }
    let mut issuer = text("iss").unwrap_or_default().to_owned();
    let of_tenant = filled(expected.issuer);
    // The older name holds the tenant; the issuer, whose keys these are, must be of the same one.
    if expected.formerly.is_some_and(|old| issuer == filled(old))
        && uuid::Uuid::try_parse(tid).is_ok()
        && of_tenant.contains(tid)
    {
        issuer.clone_from(&of_tenant);
    }
    if issuer != of_tenant {
        return Err(distrust("another issuer"));
    }
    if key.issuer.as_deref().is_some_and(|of_key| issuer != filled(of_key)) {
        return Err(distrust("a key that is not good for its issuer"));
    }
    // Some libraries send times with a fraction.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a time beyond i64 is past or future anyway"
    )]
    let seconds =
        |name: &str| claims.get(name).and_then(Value::as_f64).map(|seconds| seconds as i64);
    let earliest = now.saturating_sub(SKEW).unwrap_or(now).as_second();
    if seconds("exp").is_none_or(|end| end <= earliest)
        || seconds("nbf").is_some_and(|start| start > later(now, SKEW).as_second())
    {
        return Err(distrust("expired or not yet valid"));
    }
    if let Some(nonce) = expected.nonce
        && text("nonce") != Some(nonce.expose())
    {
        return Err(distrust("of another sign-in"));
    }
    Ok(())
}

async fn fetch(
    http: &dyn Transport,
    now: Timestamp,
    jwks_uri: &Url,
) -> Result<Published, AuthError> {
    let set: KeySet = get(http, jwks_uri).await?;
    let signing = set.keys.into_iter().filter(|key| key.usage.as_deref() != Some("enc"));
    let read: Vec<(Option<String>, Key)> = signing.filter_map(read).collect();
    let nameless = match &read[..] {
        [(_, only)] => Some(only.clone()),
        _ => None,
    };
    let keys = read.into_iter().filter_map(|(kid, key)| Some((kid?, key))).collect();
    Ok(Published { keys, nameless, fetched_at: now })
}

fn read(entry: KeyEntry) -> Option<(Option<String>, Key)> {
    let rsa = entry.kty == "RSA";
    let verifying = if rsa {
        DecodingKey::from_rsa_components(entry.n.as_deref()?, entry.e.as_deref()?).ok()?
    } else if entry.kty == "EC" && entry.crv.as_deref() == Some("P-256") {
        DecodingKey::from_ec_components(entry.x.as_deref()?, entry.y.as_deref()?).ok()?
    } else {
        return None;
    };
    Some((entry.kid, Key { verifying, rsa, issuer: entry.issuer }))
}

/// Fetches a public document.
pub(crate) async fn get<T: DeserializeOwned>(
    http: &dyn Transport,
    url: &Url,
) -> Result<T, AuthError> {
    let unavailable = |status: Option<u16>, sent| AuthError::Unavailable {
        failure: Failure {
            provider_code: status.map(|status| status.to_string()),
            ..dictionary::KEYS.failure()
        },
        retry_after: None,
        sent,
    };
    let request = http::Request::get(url.as_str())
        .header(header::ACCEPT, "application/json")
        .body(bytes::Bytes::new())
        .map_err(|_| unavailable(None, false))?;
    let response = http.send(request).await.map_err(|error| unavailable(None, error.sent()))?;
    let status = Some(response.status().as_u16());
    if !response.status().is_success() {
        return Err(unavailable(status, true));
    }
    serde_json::from_slice(response.body()).map_err(|_| unavailable(status, true))
}

/// The sentence is one; what exactly is wrong stands beside it, for whoever has to find out.
pub(crate) fn distrust(what: &str) -> AuthError {
    AuthError::Rejected(Failure {
        provider_code: Some(format!("id_token: {what}")),
        ..dictionary::ID_TOKEN.failure()
    })
}
