//! A connected account in front of a Graph that answers in order.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evergrant::capability::{Calendars, Meetings, Once};
use evergrant::provider::Connect;
use evergrant::testing::SeededEntropy;
use evergrant::{Api, Clock, Request, TransportError};
use serde_json::Value;

use crate::graph::{Answer, Desk, ROOT, answer, said, unanswered};

pub(crate) use crate::graph::example;

/// Graph, as a test plays it: answers in order, and remembers what was asked.
#[derive(Clone, Default)]
pub(crate) struct Graph {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Graph {
    /// Answers the next request with an example of the contract.
    pub(crate) fn example(self, name: &str) -> Self {
        self.push(Ok(answer(name)))
    }

    /// Answers the next request.
    pub(crate) fn answer(self, status: u16, body: &Value) -> Self {
        self.push(Ok(said(status, body)))
    }

    /// The next request arrives, its answer does not.
    pub(crate) fn lost(self) -> Self {
        self.push(Err(unanswered()))
    }

    /// The next request does not leave.
    pub(crate) fn unsent(self) -> Self {
        let host = "graph.microsoft.com".to_owned();
        self.push(Err(TransportError::Unsent { host, detail: "no route".to_owned() }))
    }

    /// The next answer is longer than is read.
    pub(crate) fn too_large(self) -> Self {
        let host = "graph.microsoft.com".to_owned();
        self.push(Err(TransportError::TooLarge { host, limit: 7 }))
    }

    /// Answers the next request with this very text.
    pub(crate) fn text(self, body: String) -> Self {
        self.push(Ok(http::Response::new(body.into())))
    }

    fn push(self, answer: Answer) -> Self {
        self.answers.lock().unwrap().push_back(answer);
        self
    }

    fn next(&self, request: &Request) -> Answer {
        self.asked.lock().unwrap().push(request.clone());
        let answer = self.answers.lock().unwrap().pop_front();
        answer
            .unwrap_or_else(|| panic!("nobody expects {} {}", request.method(), relative(request)))
    }

    /// What was asked, as method and address.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|request| format!("{} {}", request.method(), relative(request))).collect()
    }

    /// The requests themselves.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// The bodies that were sent.
    pub(crate) fn sent(&self) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        let bodies = asked.iter().filter(|request| !request.body().is_empty());
        bodies.map(|request| serde_json::from_slice(request.body()).unwrap()).collect()
    }

    /// How many answers nobody asked for.
    pub(crate) fn left(&self) -> usize {
        self.answers.lock().unwrap().len()
    }
}

/// The address below the root, its query decoded.
pub(crate) fn relative(request: &Request) -> String {
    let uri = request.uri().to_string();
    let address = uri.strip_prefix(ROOT).unwrap();
    match address.split_once('?') {
        None => address.to_owned(),
        Some((path, query)) => {
            let pairs = url::form_urlencoded::parse(query.as_bytes());
            let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
            format!("{path}?{}", pairs.join("&"))
        }
    }
}

/// An account that is connected under one provider key.
pub(crate) struct Connected {
    pub(crate) api: Api,
    desk: Desk,
    began: Duration,
}

impl Connected {
    /// With the permissions the key asks for.
    pub(crate) async fn new(key: &str, graph: &Graph) -> Self {
        Self::granted(key, graph, &scopes(key)).await
    }

    /// With these permissions.
    pub(crate) async fn granted(key: &str, graph: &Graph, granted: &str) -> Self {
        let graph = graph.clone();
        let desk = Desk::new(key, granted, move |request| graph.next(request)).await;
        Self { api: desk.api.clone(), began: desk.clock.uptime(), desk }
    }

    pub(crate) fn calendars(&self) -> &dyn Calendars {
        self.api.provider().calendars().unwrap()
    }

    pub(crate) fn meetings(&self) -> &dyn Meetings {
        self.api.provider().meetings().unwrap()
    }

    /// Runs `op` to its end, moving time whenever everybody waits for it.
    pub(crate) async fn run<T>(&self, op: impl Future<Output = T>) -> T {
        self.desk.run(op).await
    }

    /// How long it has been connected.
    pub(crate) fn uptime(&self) -> Duration {
        self.desk.clock.uptime().saturating_sub(self.began)
    }
}

/// The permissions that a provider key asks for.
pub(crate) fn scopes(key: &str) -> String {
    let (providers, _) =
        evergrant_providers::all(&evergrant_providers::Settings::default()).unwrap();
    match &providers.find(&key.into()).unwrap().manifest().connect {
        Connect::Redirect { scopes } => scopes.join(" "),
        _ => panic!("{key} has a sign-in page"),
    }
}

/// The name of one effect, the same every time.
pub(crate) fn once() -> Once {
    Once::random(&SeededEntropy::new(7))
}
