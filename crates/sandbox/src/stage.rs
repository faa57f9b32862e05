//! The stage: acts on one router, watched and disturbed from around them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::faults::Break;
use crate::{Act, Backstage, Credential, Fault, Ledger, Origin, Pass, Problem, Seen, control};

/// The most that is read of a request's body.
const BODY_LIMIT: usize = 8 << 20;

/// The providers, played together; a clone is another handle on the same stage.
#[derive(Debug, Clone)]
pub struct Stage(Arc<Inner>);

struct Inner {
    backstage: Backstage,
    acts: Vec<Box<dyn Act>>,
}

/// Marks an answer that must not arrive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Broken(pub(crate) Break);

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let acts: Vec<_> = self.acts.iter().map(|act| act.name()).collect();
        f.debug_struct("Stage").field("acts", &acts).finish_non_exhaustive()
    }
}

impl Stage {
    /// A stage with `acts` on it, which were made from the same `backstage`.
    pub fn new(backstage: Backstage, acts: Vec<Box<dyn Act>>) -> Self {
        Self(Arc::new(Inner { backstage, acts }))
    }

    /// All acts and the control interface on one router. Where it is mounted without TLS, add the
    /// extension [`Scheme::Http`](crate::Scheme::Http) from outside, else URLs are `https`.
    pub fn router(&self) -> Router {
        let routers = self.0.acts.iter().map(|act| act.routes());
        routers
            .fold(control::routes(self.clone()), Router::merge)
            .fallback(nothing_here)
            // The stage reads bodies itself, up to its own limit.
            .layer(DefaultBodyLimit::disable())
            .layer(from_fn_with_state(self.clone(), perform))
    }

    /// What was asked for and handed out.
    pub fn ledger(&self) -> &Ledger {
        self.0.backstage.ledger()
    }

    /// The time on the stage.
    pub fn now(&self) -> Timestamp {
        self.0.backstage.now()
    }

    /// Moves the stage's time forward.
    pub fn advance(&self, by: std::time::Duration) {
        self.0.backstage.advance(by);
        self.settle();
    }

    /// The lifetime that access tokens have instead of the vendor's.
    pub fn access_ttl(&self) -> Option<std::time::Duration> {
        self.0.backstage.access_ttl()
    }

    /// Gives access tokens another lifetime from now on; `None` is the vendor's.
    pub fn set_access_ttl(&self, ttl: Option<std::time::Duration>) {
        self.0.backstage.set_access_ttl(ttl);
    }

    /// The seed of the present world.
    pub fn seed(&self) -> u64 {
        self.0.backstage.seed()
    }

    /// Makes the world new: accounts, grants, faults, ledger and time.
    pub fn reset(&self, seed: u64) {
        self.0.backstage.reset(seed);
        for act in &self.0.acts {
            act.reset();
        }
    }

    /// Scripts a fault and returns it with its id.
    pub fn script(&self, fault: Fault) -> Result<Fault, Problem> {
        self.0.backstage.faults().add(fault, self.0.acts.iter().map(AsRef::as_ref))
    }

    /// The faults that are still to come.
    pub fn faults(&self) -> Vec<Fault> {
        self.0.backstage.faults().list()
    }

    /// Takes back all faults.
    pub fn forget_faults(&self) {
        self.0.backstage.faults().clear();
    }

    /// Changes the world of `act` behind everybody's back.
    pub fn change(&self, act: &str, path: &str, body: &Value) -> Result<Value, Problem> {
        let changed = self.act(act)?.change(path, body);
        self.settle();
        changed
    }

    /// The same, and waits for those changes that wait for others.
    pub async fn direct(&self, act: &str, path: &str, body: &Value) -> Result<Value, Problem> {
        match self.act(act)?.errand(path, body) {
            Some(errand) => errand.await,
            None => self.change(act, path, body),
        }
    }

    fn act(&self, name: &str) -> Result<&dyn Act, Problem> {
        let found = self.0.acts.iter().find(|candidate| candidate.name() == name);
        let found = found.ok_or_else(|| Problem::unknown(format!("there is no act `{name}`")))?;
        Ok(found.as_ref())
    }

    /// Lets every act begin what follows from what has just happened.
    fn settle(&self) {
        for act in &self.0.acts {
            act.settle();
        }
    }

    /// What somebody needs to sign in, by act.
    pub fn credentials(&self) -> Vec<(&'static str, Credential)> {
        let of = |act: &dyn Act| {
            let name = act.name();
            act.credentials()
                .into_iter()
                .map(move |credential| (name, credential))
                .collect::<Vec<_>>()
        };
        self.0.acts.iter().flat_map(|act| of(act.as_ref())).collect()
    }

    /// Everything there is, for a person.
    pub fn world(&self, origin: &Origin) -> Value {
        let acts: Map<_, _> =
            self.0.acts.iter().map(|act| (act.name().to_owned(), act.world(origin))).collect();
        json!({
            "seed": self.seed(),
            "now": self.now(),
            "strict_rotation": self.0.backstage.strict_rotation(),
            "access_ttl_seconds": self.0.backstage.access_ttl().map(|ttl| ttl.as_secs()),
            "control": format!("{origin}/_sandbox/"),
            "acts": acts,
        })
    }

    /// The hosts that the acts play.
    pub(crate) fn hosts(&self) -> Vec<&'static str> {
        self.0.acts.iter().flat_map(|act| act.hosts()).copied().collect()
    }

    /// The time everywhere else, which certificates are checked against.
    pub(crate) fn base_now(&self) -> Timestamp {
        self.0.backstage.base_now()
    }
}

/// Around every request: notes it, lets the first fault strike that is meant for it, and otherwise
/// lets the act play.
async fn perform(State(stage): State<Stage>, request: Request, next: Next) -> Response {
    let origin = Origin::of(&request);
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(origin);
    if parts.uri.path() == "/" || parts.uri.path().starts_with("/_sandbox") {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = evergrant::Request::from_parts(parts, body);
    let scene = stage.0.acts.iter().find_map(|act| Some((act, act.scene(&request)?)));
    // A request that is turned away at the door meets no fault: those wait for one that gets in.
    let entered = match &scene {
        Some((act, _)) => act.enter(&request),
        None => Ok(Pass::default()),
    };
    let fault = match (&scene, &entered) {
        (Some((_, scene)), Ok(_)) => stage.0.backstage.faults().strike(scene, &request),
        _ => None,
    };
    let number = stage.ledger().arrived(Seen {
        number: 0,
        at: stage.now(),
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        site: scene.as_ref().map(|(_, scene)| scene.site),
        client_request_id: header_of(&request, "client-request-id"),
        status: None,
        fault: fault.as_ref().map(|fault| fault.id.clone()),
    });
    let pass = match entered {
        Ok(pass) => pass,
        Err(refusal) => {
            stage.ledger().answered(number, refusal.status().as_u16());
            return *refusal;
        }
    };
    let deed = fault.map(|fault| fault.deed).unwrap_or_default();
    if let Some(wait) = deed.delay() {
        stage.0.backstage.delay(wait).await;
    }
    if deed.breaks() == Some(Break::Before) {
        return hang_up(Break::Before);
    }
    let response = match (scene, deed.failure()) {
        (Some((act, scene)), Some(failure)) => {
            let mut response = act.fail(&scene, failure, &request);
            failure.dress(&mut response);
            response
        }
        _ => next.run(request.map(Body::from)).await,
    };
    stage.settle();
    drop(pass);
    if let Some(wait) = deed.hold() {
        stage.0.backstage.delay(wait).await;
    }
    if deed.breaks() == Some(Break::AfterCommit) {
        return hang_up(Break::AfterCommit);
    }
    stage.ledger().answered(number, response.status().as_u16());
    match deed.truncate() {
        Some(length) => cut(response, length).await,
        None => response,
    }
}

/// An answer that promises its whole body, but whose connection breaks after `length` bytes.
async fn cut(response: Response, length: usize) -> Response {
    let (mut head, body) = response.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if length >= body.len() {
        return Response::from_parts(head, Body::from(body));
    }
    head.headers.insert(header::CONTENT_LENGTH, body.len().into());
    let broken = Err("a scripted fault cut the body");
    // The pause lets the server send what there is before it learns that there is no more.
    let rest = stream::once(async {
        tokio::task::yield_now().await;
        broken
    });
    let start = stream::iter([Ok::<_, &'static str>(body.slice(..length))]);
    Response::from_parts(head, Body::from_stream(start.chain(rest)))
}

/// An answer that our own mounts turn into a broken connection. A foreign mount sends its head, and
/// then the body breaks.
fn hang_up(at: Break) -> Response {
    let body = stream::once(async { Err::<Vec<u8>, _>("a scripted fault broke the connection") });
    let mut response = (StatusCode::BAD_GATEWAY, Body::from_stream(body)).into_response();
    response.extensions_mut().insert(Broken(at));
    response
}

async fn nothing_here(Extension(origin): Extension<Origin>) -> Problem {
    Problem::unknown(format!("nobody plays this address; {origin}/ lists what there is"))
}

fn header_of(request: &evergrant::Request, name: &str) -> Option<String> {
    request.headers().get(name)?.to_str().ok().map(str::to_owned)
}
