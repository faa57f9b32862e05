//! IG's markets and trading: an account that is connected, and an IG that answers in order.

mod deals;
mod effects;
mod examples;
mod history;
mod markets;
mod outcomes;
mod prices;
#[cfg(feature = "sandbox")]
mod sandbox;

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use evergrant::capability::{Markets, Once, Trading};
use evergrant::testing::{SeededEntropy, TestClock};
use evergrant::{Api, CallError, Request, Transport, TransportError};
use evergrant_providers::ig::{Environment, Settings as Ig};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::graph::{Answer, run, said};
use crate::ig::form;
use crate::ig::office::House;
use crate::script::now;

/// Where IG is.
const ROOT: &str = "https://api.ig.com/gateway/deal";

/// IG, as a test plays it: answers in order, and remembers what was asked. Sessions it gives itself.
#[derive(Clone, Default)]
struct Floor {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Request>>>,
    /// Whether it leaves what comes after these answers without one, for ever.
    silent: bool,
    /// Whether others get on before it answers.
    slow: bool,
}

impl Floor {
    /// Answers the next request with an example of the contract, whose name ends with its status.
    fn example(self, name: &str) -> Self {
        let status = if name.contains("_404") { 404 } else { 200 };
        self.answer(status, &example(name))
    }

    /// Answers the next request.
    fn answer(self, status: u16, body: &Value) -> Self {
        self.push(Ok(said(status, body)))
    }

    /// Answers the next request with what is no JSON.
    fn page(self, status: u16) -> Self {
        let page = Bytes::from_static(b"<html><body>Sorry</body></html>");
        self.push(Ok(http::Response::builder().status(status).body(page).unwrap()))
    }

    /// The next request arrives, its answer does not.
    fn lost(self) -> Self {
        self.push(Err(TransportError::Unanswered { host: host(), detail: "scripted".to_owned() }))
    }

    /// The next request does not leave.
    fn unsent(self) -> Self {
        self.push(Err(TransportError::Unsent { host: host(), detail: "scripted".to_owned() }))
    }

    /// There is no confirmation, however often it is asked for.
    fn unconfirmed(self) -> Self {
        (0..6).fold(self, |floor, _| floor.example("error_confirms-deal-not-found_404"))
    }

    /// Others get on before each answer.
    fn slow(self) -> Self {
        Self { slow: true, ..self }
    }

    /// Whatever comes after that gets no answer, and no end.
    fn then_silence(self) -> Self {
        Self { silent: true, ..self }
    }

    fn push(self, answer: Answer) -> Self {
        self.answers.lock().unwrap().push_back(answer);
        self
    }

    /// What was asked, as method and address with its query decoded.
    fn asked(&self) -> Vec<String> {
        self.requests().iter().map(told).collect()
    }

    /// The requests themselves.
    fn requests(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// What was sent to deal.
    fn dealt(&self) -> Vec<Request> {
        let deals = |request: &Request| request.method() != "GET";
        self.requests().into_iter().filter(deals).collect()
    }

    /// How many answers nobody asked for.
    fn left(&self) -> usize {
        self.answers.lock().unwrap().len()
    }
}

#[async_trait]
impl Transport for Floor {
    async fn send(&self, request: Request) -> Answer {
        let session = example("session_POST_v3_200");
        let mut token = session["oauthToken"].clone();
        token["expires_in"] = "86400".into();
        match request.uri().path().strip_prefix("/gateway/deal").unwrap() {
            "/session" => {
                let mut session = session;
                session["oauthToken"] = token;
                return Ok(said(200, &session));
            }
            "/session/refresh-token" => return Ok(said(200, &token)),
            _ => {}
        }
        self.asked.lock().unwrap().push(request.clone());
        if self.slow {
            tokio::task::yield_now().await;
        }
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer,
            None if self.silent => std::future::pending().await,
            None => panic!("nobody expects {}", told(&request)),
        }
    }
}

fn host() -> String {
    "api.ig.com".to_owned()
}

fn told(request: &Request) -> String {
    let uri = request.uri().to_string();
    let address = uri.strip_prefix(ROOT).unwrap();
    let address = match address.split_once('?') {
        None => address.to_owned(),
        Some((path, query)) => {
            let pairs = url::form_urlencoded::parse(query.as_bytes());
            let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
            format!("{path}?{}", pairs.join("&"))
        }
    };
    format!("{} {address}", request.method())
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

fn version(request: &Request) -> &str {
    request.headers()["version"].to_str().unwrap()
}

/// An example of the contract.
fn example(name: &str) -> Value {
    let path = format!("{}/src/ig/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("no example {name}"));
    serde_json::from_str(&text).unwrap()
}

/// What a caller gave, as JSON.
fn given<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// The name of one effect, the same every time.
fn once() -> Once {
    Once::random(&SeededEntropy::new(7))
}

/// An account that is connected.
struct Desk {
    api: Api,
    clock: TestClock,
}

impl Desk {
    /// In front of this IG.
    async fn new(floor: &Floor) -> Self {
        let settings =
            Ig { api_key: Some("the-key".into()), environment: Environment::Live, ..Ig::default() };
        let clock = TestClock::at(now());
        let house = House::new(settings, Arc::new(floor.clone()), &clock).await;
        let integration = house.connect(form(&[("keep_login", "yes")])).await.unwrap();
        Self { api: house.open(&integration).await, clock }
    }

    fn markets(&self) -> &dyn Markets {
        self.api.provider().markets().unwrap()
    }

    fn trading(&self) -> &dyn Trading {
        self.api.provider().trading().unwrap()
    }

    /// Runs `op` to its end, moving time whenever everybody waits for it.
    async fn run<T>(&self, op: impl Future<Output = T>) -> T {
        run(&self.clock, op).await
    }
}

/// The part of the input that an error blames.
fn blamed<T: std::fmt::Debug>(refused: Result<T, CallError>) -> String {
    match refused {
        Err(CallError::Invalid { pointer, .. }) => pointer,
        other => panic!("{other:?}"),
    }
}

/// A new position as a caller gives it, with changes.
fn buy(changes: Value) -> Value {
    with(
        json!({
            "epic": "CS.D.GBPUSD.TODAY.IP", "direction": "buy", "size": 1.0, "expiry": "DFB",
            "currency": "GBP",
        }),
        changes,
    )
}

/// An object with some members changed.
fn with(mut object: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("members") };
    object.as_object_mut().unwrap().extend(changes);
    object
}
