//! Plain OAuth 2.0 and `OpenID` Connect providers, played under `/oauth/{name}/…`.
//!
//! Written from the standards alone: RFC 6749, 7009, 7523, 7636, 8414, 8628, 9207 and `OpenID`
//! Connect Core. They differ in what happens to refresh tokens (`provider::Behaviour`), which a
//! name tells by how it begins: `strict`, `strict-2`, `grace`, `plain`, `lasting`; any other is plain.

mod authorize;
mod changes;
mod client;
mod device;
mod discovery;
mod faults;
mod pages;
mod provider;
mod refusal;
mod resource;
mod token;
mod users;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::response::Response;
use axum::routing::{any, get, post};
use evergrant::Request;
use evergrant_sandbox::{
    Act, Backstage, Credential, Failure, Origin, Problem, Scene, SigningKey, Site,
};
use serde_json::{Value, json};

use self::provider::Provider;

/// The names that exist from the beginning.
const NAMES: &[&str] = &["strict", "grace", "plain", "lasting"];

/// The act; a clone is another handle on the same world.
#[derive(Debug, Clone)]
pub struct OAuthAct(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backstage: Backstage,
    providers: Mutex<BTreeMap<String, Arc<Provider>>>,
}

impl OAuthAct {
    /// The act in a new world.
    pub fn new(backstage: &Backstage) -> Self {
        let providers = Mutex::new(first(backstage));
        Self(Arc::new(Inner { backstage: backstage.clone(), providers }))
    }

    /// The provider of this name; one that nobody has asked for before begins now.
    fn provider(&self, name: &str) -> Option<Arc<Provider>> {
        let spelled = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 40 || !name.chars().all(spelled) {
            return None;
        }
        let mut providers = self.0.providers.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = || Arc::new(Provider::new(name, &self.0.backstage));
        Some(Arc::clone(providers.entry(name.to_owned()).or_insert_with(begin)))
    }

    fn all(&self) -> Vec<Arc<Provider>> {
        let providers = self.0.providers.lock().unwrap_or_else(PoisonError::into_inner);
        providers.values().map(Arc::clone).collect()
    }
}

fn first(backstage: &Backstage) -> BTreeMap<String, Arc<Provider>> {
    let begin = |name: &&str| ((*name).to_owned(), Arc::new(Provider::new(name, backstage)));
    NAMES.iter().map(begin).collect()
}

/// The one signing key of this process: making one takes long enough to be felt in tests.
fn signing_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate("oauth.sandbox.example"))
}

impl Act for OAuthAct {
    fn name(&self) -> &'static str {
        "oauth"
    }

    fn routes(&self) -> Router {
        Router::new()
            .route("/oauth/{name}/.well-known/openid-configuration", get(discovery::configuration))
            .route(
                "/.well-known/oauth-authorization-server/oauth/{name}",
                get(discovery::configuration),
            )
            .route("/oauth/{name}/jwks", get(discovery::jwks))
            .route("/oauth/{name}/authorize", get(authorize::authorize).post(authorize::authorize))
            .route("/oauth/{name}/sign-in", post(authorize::answered))
            .route("/oauth/{name}/token", any(token::token))
            .route("/oauth/{name}/device", get(device::page).post(device::start))
            .route("/oauth/{name}/device/answer", post(device::answered))
            .route("/oauth/{name}/userinfo", get(resource::userinfo).post(resource::userinfo))
            .route("/oauth/{name}/revoke", post(resource::revoke))
            .route("/oauth/{name}/api/me", get(resource::me))
            .with_state(self.clone())
    }

    fn sites(&self) -> &'static [Site] {
        faults::SITES
    }

    fn scene(&self, request: &Request) -> Option<Scene> {
        faults::scene(self, request)
    }

    fn accepts(&self, site: &str, failure: &Failure) -> Result<(), String> {
        faults::accepts(site, failure)
    }

    fn fail(&self, scene: &Scene, failure: &Failure, request: &Request) -> Response {
        faults::fail(self, scene, failure, request)
    }

    fn world(&self, origin: &Origin) -> Value {
        let providers: BTreeMap<_, _> = self
            .all()
            .iter()
            .map(|provider| (provider.name.clone(), provider.shown(origin)))
            .collect();
        json!({
            "providers": providers,
            "users": users::USERS,
            "redirect_uris": "http(s)://localhost:*/*, http(s)://127.0.0.1:*/*, http(s)://[::1]:*/*",
            "changes": changes::PATHS,
            "fault_sites": faults::SITES.iter().map(|site| site.name).collect::<Vec<_>>(),
        })
    }

    fn credentials(&self) -> Vec<Credential> {
        let mut credentials = vec![
            Credential::new("issuer", format!("/oauth/{{{}}}", NAMES.join(","))),
            Credential::new("client id / secret", "acme-client / acme-secret"),
            Credential::new("client id", "acme-public"),
        ];
        credentials.extend(users::USERS.iter().map(|user| {
            Credential::new("user / password", format!("{} / {}", user.email, users::PASSWORD))
        }));
        credentials
    }

    fn change(&self, path: &str, body: &Value) -> Result<Value, Problem> {
        changes::change(self, path, body)
    }

    fn reset(&self) {
        let mut providers = self.0.providers.lock().unwrap_or_else(PoisonError::into_inner);
        *providers = first(&self.0.backstage);
    }
}

/// The parameters of a query or a form. A parameter that comes twice counts once.
fn parameters(encoded: &[u8]) -> HashMap<String, String> {
    let mut parameters = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(encoded) {
        parameters.entry(name.into_owned()).or_insert_with(|| value.into_owned());
    }
    parameters
}

/// A parameter that says something.
fn given<'a>(parameters: &'a HashMap<String, String>, name: &str) -> Option<&'a str> {
    parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
}
