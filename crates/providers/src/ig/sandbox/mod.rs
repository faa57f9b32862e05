//! IG, played below `/gateway/deal`.
//!
//! Written from the wire contract alone. A call is read once (`call::Call`), let in by what its
//! key and its account are allowed (`allowances`), and answered by a line of the table in
//! `routes` or by the `exchange`, which plays markets, prices, dealing and history.

mod accounts;
mod allowances;
mod answer;
mod application;
mod call;
mod changes;
mod cipher;
mod codes;
mod exchange;
mod faults;
mod login;
mod routes;
mod session;
mod sessions;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use evergrant::Request;
use evergrant_sandbox::{Act, Backstage, Credential, Failure, Origin, Pass, Problem, Scene, Site};
use serde_json::{Value, json};

use self::answer::Answer;
use self::call::{Call, PREFIX};
use self::world::{PASSWORD, World};

/// The act; a clone is another handle on the same world.
#[derive(Debug, Clone)]
pub struct IgAct(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backstage: Backstage,
    world: Mutex<World>,
}

impl IgAct {
    /// The act in a new world.
    pub fn new(backstage: &Backstage) -> Self {
        let world = Mutex::new(World::new(backstage));
        Self(Arc::new(Inner { backstage: backstage.clone(), world }))
    }

    fn stage_world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer on its way out, with the id of its request.
    fn sent(&self, answer: Answer) -> Response {
        answer.response(&self.0.backstage.guid().to_string())
    }

    /// Counts a call at its key and its account, or refuses it. A call that nobody can be charged
    /// with is let in: it is refused for that.
    fn count(&self, call: &Call) -> Result<(), Answer> {
        let mut world = self.stage_world();
        let world = &mut *world;
        let Ok(key) = world.key_of(call) else {
            return Ok(());
        };
        let key = key.key.clone();
        let account = if routes::is_open(call) {
            let of_refresh = call.member("refresh_token").and_then(Value::as_str);
            let of_refresh =
                of_refresh.and_then(|token| world.sessions.identifier_of_refresh(token));
            let identifier = call.member("identifier").and_then(Value::as_str).or(of_refresh);
            let client = identifier.and_then(|identifier| world.client(identifier));
            client.map(|client| client.default_account.clone())
        } else {
            world.who(call).ok().map(|who| who.account_id)
        };
        let lanes = allowances::lanes(call, &key, account.as_deref());
        let entered = world.allowances.enter(&lanes, world.backstage.now());
        for lane in &lanes {
            let is_full = entered.as_ref().err() == Some(lane);
            world.backstage.ledger().counted(&lane.name(), is_full);
        }
        entered.map_err(Answer::from)
    }
}

async fn play(
    State(act): State<IgAct>,
    request: axum::http::Request<axum::body::Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    // The stage has read the body before.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_else(|_| Bytes::new());
    let answer = match Call::read(&Request::from_parts(parts, body)) {
        Some(call) => routes::answer(&mut act.stage_world(), &call),
        None => Answer::error("invalid.url"),
    };
    act.sent(answer)
}

impl Act for IgAct {
    fn name(&self) -> &'static str {
        "ig"
    }

    fn routes(&self) -> Router {
        Router::new()
            .route(PREFIX, any(play))
            .route(&format!("{PREFIX}/"), any(play))
            .route(&format!("{PREFIX}/{{*path}}"), any(play))
            .with_state(self.clone())
    }

    fn hosts(&self) -> &'static [&'static str] {
        &["demo-api.ig.com", "api.ig.com"]
    }

    fn sites(&self) -> &'static [Site] {
        faults::SITES
    }

    fn enter(&self, request: &Request) -> Result<Pass, Box<Response>> {
        let counted = Call::read(request).map_or(Ok(()), |call| self.count(&call));
        counted.map(|()| Pass::default()).map_err(|refusal| Box::new(self.sent(refusal)))
    }

    fn scene(&self, request: &Request) -> Option<Scene> {
        faults::scene(&self.stage_world(), request)
    }

    fn accepts(&self, site: &str, failure: &Failure) -> Result<(), String> {
        faults::accepts(site, failure)
    }

    fn fail(&self, _scene: &Scene, failure: &Failure, _request: &Request) -> Response {
        faults::fail(&self.0.backstage, failure)
    }

    fn world(&self, origin: &Origin) -> Value {
        let world = self.stage_world();
        json!({
            "endpoints": { "rest": format!("{origin}{PREFIX}") },
            "keys": world.keys,
            "clients": world.clients,
            "allowances": world.allowances.figures(),
            "switches": world.switches(),
            "changes": changes::all(),
            "fault_sites": faults::SITES.iter().map(|site| site.name).collect::<Vec<_>>(),
        })
    }

    fn credentials(&self) -> Vec<Credential> {
        let world = self.stage_world();
        let keys = world.keys.iter().map(|key| {
            let value = format!("{} / {} / {PASSWORD}", key.key, key.client);
            Credential::new("api key / login / password", value)
        });
        std::iter::once(Credential::new("address", PREFIX)).chain(keys).collect()
    }

    fn change(&self, path: &str, body: &Value) -> Result<Value, Problem> {
        changes::change(&mut self.stage_world(), path, body)
    }

    fn reset(&self) {
        *self.stage_world() = World::new(&self.0.backstage);
    }
}
