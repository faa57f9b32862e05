//! The identity platform v2.0 and a small part of Graph, played.
//!
//! Written from the wire contract and its example payloads alone. It shares no type with the
//! adapter beside it: what both would get wrong together, no test could see.
//!
//! One tenant, two users and an administrator, two registrations (`world`). Sign-in (`authorize`,
//! `sign_in`, `device`, `admin`), tokens (`client`, `token`, `issue`, `mint`) and Graph (`graph`)
//! live at the root of one origin, as the SDKs need it.

mod aadsts;
mod admin;
mod authorize;
mod changes;
mod claims;
mod client;
mod device;
mod discovery;
mod faults;
mod graph;
mod issue;
mod json;
mod mailbox;
mod mailbox_changes;
mod mint;
mod pages;
mod registration;
mod reply;
mod scopes;
mod sign_in;
mod token;
mod world;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use evergrant::Request;
use evergrant_sandbox::{
    Act, Backstage, Credential, DeviceCodes, Errand, Failure, Grants, Origin, Pass, Problem, Scene,
    Site,
};
use serde_json::{Value, json};

use self::graph::{Agenda, Deltas, Limits, Mailroom};
use self::mailbox::Mailboxes;
use self::mint::Keys;
use self::registration::Registration;
use self::scopes::Scopes;
use self::sign_in::SignIns;
use self::world::{PASSWORD, TENANT_DOMAIN, TENANT_ID, Tenant, World};

const CODE_TTL: Duration = Duration::from_mins(10);
const REFRESH_INACTIVITY: Duration = Duration::from_hours(90 * 24);

/// The act; a clone is another handle on the same world.
#[derive(Debug, Clone)]
pub struct MicrosoftAct(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backstage: Backstage,
    grants: Grants<Memo>,
    devices: DeviceCodes<Memo>,
    sign_ins: SignIns,
    keys: Keys,
    world: Mutex<World>,
    limits: Limits,
    agenda: Mutex<Agenda>,
    mailboxes: Mutex<Mailboxes>,
    deltas: Mutex<Deltas>,
    mailroom: Mailroom,
}

/// What is remembered of a sign-in.
#[derive(Debug, Clone)]
struct Memo {
    scopes: Scopes,
    nonce: Option<String>,
    /// Whether the client said there that it can handle a claims challenge.
    capable: bool,
    /// The level of challenges that has been met.
    met: u64,
}

impl MicrosoftAct {
    /// The act in a new world.
    pub fn new(backstage: &Backstage) -> Self {
        let world = World::new(backstage.secret());
        Self(Arc::new(Inner {
            agenda: Mutex::new(Agenda::new(&world.users, backstage)),
            backstage: backstage.clone(),
            grants: Grants::new(backstage.clone(), CODE_TTL, REFRESH_INACTIVITY),
            devices: DeviceCodes::new(backstage.clone()),
            sign_ins: SignIns::default(),
            keys: Keys::new(),
            world: Mutex::new(world),
            limits: Limits::default(),
            deltas: Mutex::new(Deltas::new(&backstage.secret())),
            mailboxes: Mutex::new(Mailboxes::new(backstage.seed(), backstage.now())),
            mailroom: Mailroom::default(),
        }))
    }

    fn backstage(&self) -> &Backstage {
        &self.0.backstage
    }

    fn grants(&self) -> &Grants<Memo> {
        &self.0.grants
    }

    fn devices(&self) -> &DeviceCodes<Memo> {
        &self.0.devices
    }

    fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// All mailboxes. Who also looks into the world does so before, or while holding this; never the
    /// other way round.
    fn mailboxes(&self) -> MutexGuard<'_, Mailboxes> {
        self.0.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage_world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Act for MicrosoftAct {
    fn name(&self) -> &'static str {
        "microsoft"
    }

    fn routes(&self) -> Router {
        Router::new()
            .route("/common/discovery/instance", get(discovery::instance))
            .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::configuration))
            .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
            .route(
                "/{tenant}/oauth2/v2.0/authorize",
                get(authorize::authorize).post(authorize::authorize),
            )
            .route("/{tenant}/oauth2/v2.0/token", any(token::token))
            .route("/{tenant}/oauth2/v2.0/logout", get(sign_in::log_out).post(sign_in::log_out))
            .route("/{tenant}/oauth2/v2.0/devicecode", post(device::start))
            .route("/devicelogin", get(device::page).post(device::answered))
            .route("/common/oauth2/deviceauth", get(device::page).post(device::answered))
            .route("/{tenant}/v2.0/adminconsent", get(admin::page).post(admin::answered))
            .route("/{tenant}/adminconsent", get(admin::page).post(admin::answered))
            .route("/{tenant}/login", post(sign_in::log_in))
            .route("/{tenant}/consent", post(sign_in::consent))
            .merge(
                Router::new()
                    .route("/oidc/userinfo", any(graph::call))
                    .route("/v1.0/{*path}", any(graph::call))
                    .route("/beta/{*path}", any(graph::call))
                    .route("/api/v2.0/{*path}", any(graph::upload))
                    // Graph has limits of its own, and words for them.
                    .layer(DefaultBodyLimit::disable()),
            )
            .with_state(self.clone())
    }

    fn hosts(&self) -> &'static [&'static str] {
        &["login.microsoftonline.com", "graph.microsoft.com"]
    }

    fn sites(&self) -> &'static [Site] {
        faults::SITES
    }

    fn enter(&self, request: &Request) -> Result<Pass, Box<axum::response::Response>> {
        self.enter_mailbox(request)
    }

    fn scene(&self, request: &Request) -> Option<Scene> {
        faults::scene(self, request)
    }

    fn accepts(&self, site: &str, failure: &Failure) -> Result<(), String> {
        faults::accepts(site, failure)
    }

    fn fail(
        &self,
        scene: &Scene,
        failure: &Failure,
        request: &Request,
    ) -> axum::response::Response {
        faults::fail(self, scene, failure, request)
    }

    fn world(&self, origin: &Origin) -> Value {
        let subscriptions = self.subscriptions_shown();
        let world = self.stage_world();
        let registrations = world.registrations.iter().map(Registration::shown);
        let changes = changes::all_paths();
        json!({
            "tenant": { "id": TENANT_ID, "domain": TENANT_DOMAIN },
            "endpoints": {
                "login": format!("{origin}"),
                "authority": format!("{origin}/common"),
                "authorize": format!("{origin}/common/oauth2/v2.0/authorize"),
                "token": format!("{origin}/common/oauth2/v2.0/token"),
                "device_code": format!("{origin}/common/oauth2/v2.0/devicecode"),
                "device_login": format!("{origin}/devicelogin"),
                "admin_consent": format!("{origin}/organizations/v2.0/adminconsent"),
                "discovery": format!("{origin}/common/v2.0/.well-known/openid-configuration"),
                "graph": format!("{origin}"),
            },
            "registrations": registrations.collect::<Vec<_>>(),
            "users": world.users,
            "calendars": self.calendars_shown(),
            "notifications": subscriptions,
            "users_may_consent": world.users_may_consent,
            "changes": changes,
            "limits": self.0.limits.rules(),
            "fault_sites": faults::SITES.iter().map(|site| site.name).collect::<Vec<_>>(),
        })
    }

    fn credentials(&self) -> Vec<Credential> {
        let world = self.stage_world();
        let registrations = world.registrations.iter().map(|registration| {
            let secret = registration.first_secret();
            let secret = secret.map_or(String::new(), |secret| format!(" / {secret}"));
            Credential::new("client id / secret", format!("{}{secret}", registration.client_id))
        });
        let users = world.users.iter().map(|user| {
            let label = if user.is_admin { "admin / password" } else { "user / password" };
            Credential::new(label, format!("{} / {PASSWORD}", user.upn))
        });
        let tenant = Credential::new("tenant", format!("{TENANT_DOMAIN} ({TENANT_ID})"));
        std::iter::once(tenant).chain(registrations).chain(users).collect()
    }

    fn change(&self, path: &str, body: &Value) -> Result<Value, Problem> {
        changes::change(self, path, body)
    }

    fn errand(&self, path: &str, body: &Value) -> Option<Errand> {
        self.subscription_errand(path, body)
    }

    fn settle(&self) {
        self.settle_subscriptions();
    }

    fn reset(&self) {
        self.subscriptions().reset();
        self.grants().reset();
        self.devices().reset();
        self.0.sign_ins.reset();
        self.0.limits.reset();
        *self.deltas() = Deltas::new(&self.backstage().secret());
        *self.mailboxes() = Mailboxes::new(self.backstage().seed(), self.backstage().now());
        let world = World::new(self.backstage().secret());
        *self.agenda() = Agenda::new(&world.users, self.backstage());
        *self.stage_world() = world;
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

/// The tenant of a path, or the error that names it.
fn tenant(segment: &str) -> Result<Tenant, aadsts::Trouble> {
    Tenant::parse(segment).ok_or_else(|| {
        aadsts::Trouble::new(90_002).saying(format!(
            "Tenant '{segment}' not found. Check to make sure you have the correct tenant ID and are signing \
             into the correct cloud. Check with your subscription administrator, this may happen if there are \
             no active subscriptions for the tenant."
        ))
    })
}
