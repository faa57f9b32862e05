//! A connected account in front of a Graph that a test plays.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use evergrant::capability::{Calendars, Meetings, Once};
use evergrant::clock::{later, until};
use evergrant::news::News;
use evergrant::provider::{
    AuthError, AuthorizeAsk, Evidence, Failure, Manifest, Provider, Redeemed, RefreshAsk,
    Revocation, Verdict,
};
use evergrant::seal::{Ring, Seal};
use evergrant::store::GrantStore;
use evergrant::testing::{MemoryDisk, MemoryStore, SeededEntropy, TestClock};
use evergrant::vault::{Imported, Parts};
use evergrant::{
    AccessToken, Account, Api, Clock, Entropy, Gateway, Grant, Request, Response, Tasks, Transport,
    TransportError, UserId, Vault,
};
use evergrant_providers::{Settings, all};
use jiff::Timestamp;
use serde_json::Value;

/// How many turns everybody gets before time moves.
const TURNS: usize = 16;

/// What came back, or that nothing did.
type Answer = Result<Response, TransportError>;

/// Graph, as a test plays it: answers in order, and remembers what was asked.
#[derive(Clone, Default)]
pub(crate) struct Graph {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Graph {
    /// Answers the next request with an example of the contract.
    pub(crate) fn example(self, name: &str) -> Self {
        let response = &example(name)["response"];
        let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
        self.answer(status, &response["body"])
    }

    /// Answers the next request.
    pub(crate) fn answer(self, status: u16, body: &Value) -> Self {
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let response = http::Response::builder().status(status).body(body).unwrap();
        self.push(Ok(response))
    }

    /// The next request arrives, its answer does not.
    pub(crate) fn lost(self) -> Self {
        let host = "graph.microsoft.com".to_owned();
        self.push(Err(TransportError::Unanswered { host, detail: "cut".to_owned() }))
    }

    fn push(self, answer: Answer) -> Self {
        self.answers.lock().unwrap().push_back(answer);
        self
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
    let path = request.uri().path().trim_start_matches("/v1.0").to_owned();
    match request.uri().query() {
        None => path,
        Some(query) => {
            let pairs = url::form_urlencoded::parse(query.as_bytes());
            let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
            format!("{path}?{}", pairs.join("&"))
        }
    }
}

#[async_trait]
impl Transport for Graph {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let asked = format!("{} {}", request.method(), relative(&request));
        self.asked.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or_else(|| panic!("nobody expects {asked}"))
    }
}

/// A file of the contract's examples.
pub(crate) fn example(name: &str) -> Value {
    let path = format!("{}/src/microsoft/fixtures/graph/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// Microsoft, whose sign-in always succeeds.
struct SignedIn {
    inner: Arc<dyn Provider>,
    granted: Vec<String>,
}

#[async_trait]
impl Provider for SignedIn {
    fn manifest(&self) -> &Manifest {
        self.inner.manifest()
    }

    fn ready(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn authorize_url(&self, ask: &AuthorizeAsk<'_>) -> Option<url::Url> {
        self.inner.authorize_url(ask)
    }

    async fn redeem(
        &self,
        _: &dyn Transport,
        now: Timestamp,
        _: Evidence,
    ) -> Result<Redeemed, AuthError> {
        let grant = Grant {
            access: "access".into(),
            refresh: Some("refresh".into()),
            scopes: self.granted.clone(),
            obtained_at: now,
            expires_at: later(now, std::time::Duration::from_hours(1)),
        };
        let account = Account {
            id: "aaaabbbb-0000-cccc-1111-dddd2222eeee.aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb".into(),
            name: "Adele Vance".into(),
            username: Some("AdeleV@contoso.onmicrosoft.com".into()),
        };
        Ok(Redeemed { grant, account })
    }

    async fn refresh(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        ask: RefreshAsk<'_>,
    ) -> Result<Grant, AuthError> {
        self.inner.refresh(http, now, ask).await
    }

    async fn revoke(&self, http: &dyn Transport, grant: &Grant) -> Result<Revocation, AuthError> {
        self.inner.revoke(http, grant).await
    }

    fn sign(&self, request: &mut Request, token: &AccessToken) {
        self.inner.sign(request, token);
    }

    fn judge(&self, response: &Response) -> Verdict {
        self.inner.judge(response)
    }
}

/// An account that is connected under one provider key.
pub(crate) struct Connected {
    pub(crate) api: Api,
    provider: Arc<dyn Provider>,
    clock: TestClock,
}

impl Connected {
    /// With the permissions the key asks for.
    pub(crate) async fn new(key: &str, graph: &Graph) -> Self {
        let provider = provider(key);
        let evergrant::provider::Connect::Redirect { scopes } = &provider.manifest().connect else {
            panic!("{key} has a sign-in page")
        };
        let granted = scopes.clone();
        Self::granted(key, graph, granted).await
    }

    /// With these permissions.
    pub(crate) async fn granted(key: &str, graph: &Graph, granted: Vec<String>) -> Self {
        let provider = provider(key);
        let signed_in = SignedIn { inner: Arc::clone(&provider), granted };
        let clock = TestClock::at("2026-09-21T12:00:00Z".parse().unwrap());
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
        let store: Arc<dyn GrantStore> = Arc::new(MemoryStore::new(shared.clone()));
        let ring = Ring::parse(&"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=".into()).unwrap();
        let owner = UserId::new(&*shared, &*entropy);
        let vault = Vault::new(Parts {
            spool: Arc::new(MemoryDisk::default().spool(&*shared, &*entropy)),
            providers: [Arc::new(signed_in) as Arc<dyn Provider>].into_iter().collect(),
            seal: Seal::new(ring, shared.clone(), entropy.clone()),
            http: Arc::new(graph.clone()),
            news: News::begin(store.clone(), shared.clone()).await.unwrap(),
            store,
            clock: shared,
            entropy,
            tasks: Tasks::default(),
            tenant: "test".to_owned(),
        });
        let ask = Imported { provider: key.into(), refresh: "refresh".into(), scopes: None };
        let integration = vault.import(owner, ask).await.unwrap();
        let api = Gateway::new(vault).open(owner, integration.id).await.unwrap();
        Self { api, provider, clock }
    }

    pub(crate) fn calendars(&self) -> &dyn Calendars {
        self.provider.calendars().unwrap()
    }

    pub(crate) fn meetings(&self) -> &dyn Meetings {
        self.provider.meetings().unwrap()
    }

    /// Runs `op` to its end, moving time whenever everybody waits for it.
    pub(crate) async fn run<T>(&self, op: impl Future<Output = T>) -> T {
        let mut op = pin!(op);
        loop {
            for _ in 0..TURNS {
                let polled = std::future::poll_fn(|cx| Poll::Ready(op.as_mut().poll(cx))).await;
                if let Poll::Ready(done) = polled {
                    return done;
                }
                tokio::task::yield_now().await;
            }
            if let Some(at) = self.clock.next_wakeup() {
                self.clock.advance(until(self.clock.now(), at));
            }
        }
    }

    /// How long it has been connected.
    pub(crate) fn uptime(&self) -> std::time::Duration {
        self.clock.uptime()
    }
}

pub(crate) fn provider(key: &str) -> Arc<dyn Provider> {
    let microsoft = evergrant_providers::microsoft::Settings {
        client_id: Some("app".to_owned()),
        client_secret: Some("secret".into()),
        ..Default::default()
    };
    let (providers, _) = all(&Settings { microsoft, ..Settings::default() }).unwrap();
    Arc::clone(providers.find(&key.into()).unwrap())
}

/// The name of one effect, the same every time.
pub(crate) fn once() -> Once {
    Once::random(&SeededEntropy::new(7))
}
