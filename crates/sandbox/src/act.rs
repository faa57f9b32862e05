//! What a vendor's part brings to the stage.

use std::collections::BTreeMap;
use std::fmt;

use axum::Router;
use axum::response::Response;
use evergrant::Request;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;

use crate::{Failure, Origin, Problem};

/// One vendor, played: its routes, its world and its way of failing.
///
/// Handlers know nothing of faults or bookkeeping of requests; the stage does both around them,
/// from what [`Act::scene`] tells it.
pub trait Act: Send + Sync + 'static {
    /// The name in `/_sandbox/world/{name}/…`.
    fn name(&self) -> &'static str;

    /// The routes, as the vendor has them. They must not begin with `/_sandbox`.
    fn routes(&self) -> Router;

    /// The vendor's own host names; the certificate of the listeners covers them, so that a client
    /// which cannot be told another host can be sent here by name resolution.
    fn hosts(&self) -> &'static [&'static str] {
        &[]
    }

    /// Where faults can be scripted.
    fn sites(&self) -> &'static [Site];

    /// Asked as soon as a request arrives, before any scripted delay: an act that limits how much
    /// goes on at a time counts it here. The pass is kept until the answer is ready.
    fn enter(&self, request: &Request) -> Result<Pass, Box<Response>> {
        let _ = request;
        Ok(Pass::default())
    }

    /// Which site `request` calls, if any, and what of it a fault can be matched against.
    fn scene(&self, request: &Request) -> Option<Scene>;

    /// Whether `site` can fail in this way; the answer of a refusal is read by a person.
    fn accepts(&self, site: &str, failure: &Failure) -> Result<(), String>;

    /// The vendor's answer when a scripted `failure` strikes.
    fn fail(&self, scene: &Scene, failure: &Failure, request: &Request) -> Response;

    /// Everything there is, for a person: accounts, registrations, endpoints, switches.
    fn world(&self, origin: &Origin) -> Value;

    /// What somebody needs to sign in, in the order to print it.
    fn credentials(&self) -> Vec<Credential>;

    /// Changes the world behind everybody's back; `path` is what follows the act's name.
    fn change(&self, path: &str, body: &Value) -> Result<Value, Problem>;

    /// The same for a change that has to wait for others, such as a delivery; none, if `path` names no such
    /// change.
    fn errand(&self, path: &str, body: &Value) -> Option<Errand> {
        let _ = (path, body);
        None
    }

    /// Called after every request, every change of the world and every step of the clock: whatever follows from
    /// them, such as telling somebody, begins here and goes on [in the background](crate::Backstage::spawn).
    fn settle(&self) {}

    /// Makes the world new.
    fn reset(&self);
}

/// A change under way.
pub type Errand = BoxFuture<'static, Result<Value, Problem>>;

/// The right of a request to go on; what it holds is dropped once the answer is ready.
#[derive(Default)]
pub struct Pass(Option<Box<dyn Send>>);

impl Pass {
    /// A pass that keeps `held` until the answer is ready.
    pub fn holding(held: impl Send + 'static) -> Self {
        Self(Some(Box::new(held)))
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pass").field(&self.0.is_some()).finish()
    }
}

/// A place of an act where faults can strike.
#[derive(Debug)]
pub struct Site {
    /// The `where` of a fault.
    pub name: &'static str,
    /// The fields a fault can be matched against, besides `method` and `path`.
    pub fields: &'static [&'static str],
}

/// A request as a fault sees it.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The [`Site::name`].
    pub site: &'static str,
    /// The values of the site's fields, as far as the request has them.
    pub fields: BTreeMap<&'static str, String>,
}

/// One thing that is needed to sign in, ready to be printed. Nothing here is a secret.
#[derive(Debug, Clone, Serialize)]
pub struct Credential {
    /// What it is.
    pub label: String,
    /// Its value.
    pub value: String,
}

impl Credential {
    /// A credential to print.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into() }
    }
}
