//! A connected account whose calls to IG a test answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use evergrant::news::News;
use evergrant::seal::{Ring, Seal};
use evergrant::store::Way;
use evergrant::testing::{MemoryDisk, MemoryStore, SeededEntropy, TestClock};
use evergrant::vault::{Begin, Parts, Proof};
use evergrant::{
    Api, Clock, ConnectError, Entropy, Gateway, Integration, Request, Response, Secret, Tasks,
    Transport, UserId, Vault,
};
use evergrant_providers::ig::Settings as Ig;
use evergrant_providers::{Settings, all};

use super::{fixture, form};
use crate::graph::Answer;
use crate::script::now;

/// A vault with IG in it, and one user.
pub(crate) struct House {
    pub(crate) vault: Vault,
    pub(crate) clock: TestClock,
    pub(crate) owner: UserId,
}

impl House {
    pub(crate) async fn new(ig: Ig, http: Arc<dyn Transport>, clock: &TestClock) -> Self {
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::default());
        let store = Arc::new(MemoryStore::new(Arc::clone(&shared)));
        let (providers, _) = all(&Settings { ig, ..Settings::default() }).unwrap();
        let ring = Ring::parse(&Ring::generate(&*entropy)).unwrap();
        let vault = Vault::new(Parts {
            news: News::begin(store.clone(), Arc::clone(&shared)).await.unwrap(),
            store,
            spool: Arc::new(MemoryDisk::default().spool(&*shared, &*entropy)),
            providers,
            seal: Seal::new(ring, Arc::clone(&shared), Arc::clone(&entropy)),
            http,
            clock: shared,
            entropy: Arc::clone(&entropy),
            tasks: Tasks::default(),
            tenant: "default".to_owned(),
        });
        let owner = UserId::new(clock, &*entropy);
        Self { vault, clock: clock.clone(), owner }
    }

    /// Connects with a filled-in form.
    pub(crate) async fn connect(
        &self,
        filled: BTreeMap<String, Secret>,
    ) -> Result<Integration, ConnectError> {
        let ask = Begin {
            provider: "ig".into(),
            way: Way::Direct,
            redirect_uri: "http://localhost:8400/callback".parse().unwrap(),
            scopes: None,
            integration: None,
        };
        let work = async {
            let begun = self.vault.begin(self.owner, ask).await?;
            let proof = Proof::Form(filled);
            self.vault.finish(Some(self.owner), &"ig".into(), &begun.state, proof).await
        };
        self.run(work).await
    }

    /// The calls of an integration.
    pub(crate) async fn open(&self, integration: &Integration) -> Api {
        Gateway::new(self.vault.clone()).open(self.owner, integration.id).await.unwrap()
    }

    /// Runs `work` to its end, moving the clock whenever everybody waits for it.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        crate::graph::run(&self.clock, work).await
    }
}

type Answering = Box<dyn FnMut(&Request) -> Answer + Send>;

struct Line {
    seen: Arc<Mutex<Vec<Request>>>,
    answering: Mutex<Answering>,
}

#[async_trait]
impl Transport for Line {
    async fn send(&self, request: Request) -> Answer {
        if request.uri().path() == "/gateway/deal/session" && request.method() == "POST" {
            let version = request.headers()["version"].to_str().unwrap();
            let name =
                if version == "3" { "session_POST_v3_200" } else { "session_POST_v2_200_body" };
            let mut answer = http::Response::builder();
            for (name, value) in super::pair_headers().into_iter().filter(|_| version == "2") {
                answer = answer.header(name, value);
            }
            // Long enough for a test.
            let body = fixture(name).replace("\"60\"", "\"86400\"");
            return Ok(answer.body(body.into()).unwrap());
        }
        self.seen.lock().unwrap().push(request.clone());
        (self.answering.lock().unwrap())(&request)
    }
}

/// An account that is connected, and its calls so far.
pub(crate) struct Office {
    pub(crate) api: Api,
    pub(crate) house: House,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Office {
    /// An account whose session is of version 3.
    pub(crate) async fn new(answering: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        Self::with(&[], answering).await
    }

    /// One that was connected with these fields besides the login.
    pub(crate) async fn with(
        further: &[(&str, &str)],
        answering: impl FnMut(&Request) -> Answer + Send + 'static,
    ) -> Self {
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let answering: Answering = Box::new(answering);
        let line = Line { seen: Arc::clone(&seen), answering: Mutex::new(answering) };
        let ig = Ig { api_key: Some(super::KEY.into()), ..Ig::default() };
        let house = House::new(ig, Arc::new(line), &TestClock::at(now())).await;
        let integration = house.connect(form(further)).await.unwrap();
        let api = house.open(&integration).await;
        Self { api, house, seen }
    }

    /// Everything that was asked but signing in, in order.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Runs `work` to its end, moving the clock whenever everybody waits for it.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.house.run(work).await
    }
}

/// An answer.
pub(crate) fn said(status: u16, body: &str) -> Response {
    http::Response::builder().status(status).body(body.to_owned().into()).unwrap()
}
