//! IG, asked through the provider port against scripted answers, and against the sandbox.

mod allowances;
mod codes;
mod form;
pub(crate) mod office;
mod pairs;
#[cfg(feature = "sandbox")]
mod played;
mod sessions;

use std::collections::BTreeMap;
use std::sync::Arc;

use evergrant::provider::{Evidence, Provider, Redeemed};
use evergrant::{Grant, Request, Secret};
use evergrant_providers::ig::{Environment, Settings as Ig};
use evergrant_providers::{Settings, all};
use serde_json::Value;

use crate::script::{Script, now};

/// Where its paths begin.
pub(crate) const BASE: &str = "/gateway/deal";
pub(crate) const SESSION: &str = "/gateway/deal/session";
pub(crate) const REFRESH: &str = "/gateway/deal/session/refresh-token";
pub(crate) const KEY: &str = "FAKE-API-KEY-0001";

/// IG with an API key.
pub(crate) fn provider_in(environment: Environment) -> Arc<dyn Provider> {
    let ig = Ig { api_key: Some(KEY.into()), environment, url: None };
    let (providers, _) = all(&Settings { ig, ..Settings::default() }).unwrap();
    Arc::clone(providers.find(&"ig".into()).unwrap())
}

pub(crate) fn provider() -> Arc<dyn Provider> {
    provider_in(Environment::Demo)
}

/// A payload of the contract.
pub(crate) fn fixture(name: &str) -> String {
    let path = format!("{}/src/ig/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn json(name: &str) -> Value {
    serde_json::from_str(&fixture(name)).unwrap()
}

/// An error with this code.
pub(crate) fn error(code: &str) -> String {
    serde_json::json!({ "errorCode": code }).to_string()
}

/// A form with the login of the contract's samples, and further fields.
pub(crate) fn form(further: &[(&str, &str)]) -> BTreeMap<String, Secret> {
    let login = [("identifier", "demo-user"), ("password", "not-a-real-password")];
    let fields = login.iter().chain(further);
    fields.map(|&(name, value)| (name.to_owned(), Secret::from(value))).collect()
}

/// Signs in with a form that succeeds.
pub(crate) async fn signed_in(script: &Script, further: &[(&str, &str)]) -> Redeemed {
    let done = provider()
        .redeem(script, now(), Evidence::Form { fields: form(further), previous: None })
        .await;
    done.unwrap()
}

/// The headers of an answer with a pair of tokens.
pub(crate) fn pair_headers() -> Vec<(String, String)> {
    let headers = json("session_headers");
    let headers = headers.as_object().unwrap().iter().filter(|(name, _)| *name != "_comment");
    headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// A script that gives this with the pair of tokens in its headers.
pub(crate) fn with_pair(script: Script, path: &str, body: &str) -> Script {
    let headers = pair_headers();
    let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    script.with(path, 200, &headers, body.as_bytes())
}

pub(crate) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name).map(|value| value.to_str().unwrap())
}

pub(crate) fn body(request: &Request) -> Value {
    serde_json::from_slice(request.body()).unwrap_or_default()
}

/// Methods and paths below the base, with their queries.
pub(crate) fn asked(script: &Script) -> Vec<String> {
    let line = |request: &Request| {
        let path = request.uri().path_and_query().unwrap().as_str();
        format!("{} {}", request.method(), path.strip_prefix(BASE).unwrap())
    };
    script.asked().iter().map(line).collect()
}

/// What a grant's refresh token says.
pub(crate) fn state(grant: &Grant) -> Value {
    serde_json::from_str(grant.refresh.as_ref().unwrap().expose()).unwrap()
}
