//! Sessions, allowances and trades against the sandbox, over more than one process.
//!
//! All processes share one store and one clock with the provider: minutes pass in an instant, and what
//! counts is what the sandbox's ledger says.

mod allowances;
mod sessions;
mod trades;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use evergrant::news::News;
use evergrant::seal::{Ring, Seal};
use evergrant::store::Way;
use evergrant::testing::{MemoryDisk, MemoryStore, SeededEntropy, TestClock};
use evergrant::vault::{Begin, Parts, Proof};
use evergrant::{
    Api, CallError, Clock, ConnectError, Entropy, Gateway, Integration, IntegrationId, Request,
    Response, Secret, Tasks, Transport, TransportError, UserId, Vault,
};
use evergrant_providers::{Settings, all, ig};
use evergrant_sandbox::{Courier, InProcess, Stage, StageConfig};
use serde_json::{Value, json};

use crate::graph::run;
use crate::script::now;

/// The provider with its world, and what all processes share.
pub(crate) struct Floor {
    pub(crate) stage: Stage,
    pub(crate) clock: TestClock,
    store: MemoryStore,
    key: Secret,
    entropy: Arc<dyn Entropy>,
    pub(crate) owner: UserId,
    pub(crate) line: Arc<Line>,
}

/// The way to the provider: an answer may take its time, and every request is noted.
pub(crate) struct Line {
    inner: InProcess,
    clock: TestClock,
    slow: Mutex<Duration>,
    pub(crate) sent: Mutex<Vec<Sent>>,
}

/// A request that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) at: Duration,
    pub(crate) what: String,
    pub(crate) status: Option<u16>,
}

#[async_trait]
impl Transport for Line {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let path = request.uri().path();
        let what = format!("{} {}", request.method(), path.trim_start_matches("/gateway/deal"));
        let number = {
            let mut sent = self.sent.lock().unwrap();
            sent.push(Sent { at: self.clock.uptime(), what, status: None });
            sent.len() - 1
        };
        let slow = *self.slow.lock().unwrap();
        let answer = self.inner.send(request).await;
        if !slow.is_zero() {
            self.clock.sleep(slow).await;
        }
        self.sent.lock().unwrap()[number].status =
            answer.as_ref().ok().map(|answer| answer.status().as_u16());
        answer
    }
}

/// One process.
pub(crate) struct Process {
    pub(crate) vault: Vault,
    pub(crate) gateway: Gateway,
    owner: UserId,
}

impl Process {
    pub(crate) async fn api(&self, id: IntegrationId) -> Api {
        self.gateway.open(self.owner, id).await.unwrap()
    }

    /// Reads the root of the tree of markets.
    pub(crate) async fn navigate(&self, id: IntegrationId) -> Result<usize, CallError> {
        let api = self.api(id).await;
        let root = api.provider().markets().unwrap().navigate(&api, None).await?;
        Ok(root.nodes.len())
    }
}

impl Floor {
    pub(crate) fn new() -> Self {
        let clock = TestClock::at(now());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::default());
        let stage = evergrant_providers::sandbox::stage(StageConfig {
            seed: 1,
            strict_rotation: false,
            access_ttl: None,
            clock: Arc::new(clock.clone()),
            entropy: Arc::clone(&entropy),
            courier: Courier::default(),
        });
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let line = Arc::new(Line {
            inner: InProcess::new(&stage),
            clock: clock.clone(),
            slow: Mutex::default(),
            sent: Mutex::default(),
        });
        Self {
            stage,
            store: MemoryStore::new(shared),
            key: Ring::generate(&*entropy),
            owner: UserId::new(&clock, &*entropy),
            clock,
            entropy,
            line,
        }
    }

    /// Another process over the same store.
    pub(crate) async fn process(&self) -> Process {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let settings = Settings {
            ig: ig::Settings {
                api_key: Some("sandbox-key".into()),
                url: Some("https://cloud.test/gateway/deal".parse().unwrap()),
                ..ig::Settings::default()
            },
            ..Settings::default()
        };
        let store = Arc::new(self.store.clone());
        let vault = Vault::new(Parts {
            news: News::begin(store.clone(), Arc::clone(&clock)).await.unwrap(),
            store,
            spool: Arc::new(MemoryDisk::default().spool(&*clock, &*self.entropy)),
            providers: all(&settings).unwrap().0,
            seal: Seal::new(
                Ring::parse(&self.key).unwrap(),
                Arc::clone(&clock),
                Arc::clone(&self.entropy),
            ),
            http: Arc::clone(&self.line) as Arc<dyn Transport>,
            clock,
            entropy: Arc::clone(&self.entropy),
            tasks: Tasks::default(),
            tenant: "default".to_owned(),
        });
        Process { gateway: Gateway::new(vault.clone()), vault, owner: self.owner }
    }

    /// Connects the trader's account by the form.
    pub(crate) async fn connect(
        &self,
        process: &Process,
        fields: &[(&str, &str)],
    ) -> Result<Integration, ConnectError> {
        let ask = Begin {
            provider: "ig".into(),
            way: Way::Direct,
            redirect_uri: "http://localhost:8400/".parse().unwrap(),
            scopes: None,
            integration: None,
        };
        let begun = process.vault.begin(self.owner, ask).await.unwrap();
        let mut form = BTreeMap::from([
            ("identifier".to_owned(), Secret::from("trader")),
            ("password".to_owned(), Secret::from("sandbox")),
        ]);
        form.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), Secret::from(*value))));
        let (key, proof) = ("ig".into(), Proof::Form(form));
        let finish = process.vault.finish(Some(self.owner), &key, &begun.state, proof);
        self.run(finish).await
    }

    /// The trader's account whose login is kept.
    pub(crate) async fn kept(&self, process: &Process) -> IntegrationId {
        self.connect(process, &[("keep_login", "yes")]).await.unwrap().id
    }

    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        run(&self.clock, work).await
    }

    /// Every answer takes so long from now on.
    pub(crate) fn slow(&self, by: Duration) {
        *self.line.slow.lock().unwrap() = by;
    }

    /// Everything that was sent so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.line.sent.lock().unwrap().clone()
    }

    /// How often this was sent, whatever came of it.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.sent().iter().filter(|sent| sent.what == what).count()
    }

    /// How often this was sent and answered so.
    pub(crate) fn answered(&self, what: &str, status: u16) -> usize {
        let sent = self.sent();
        sent.iter().filter(|sent| sent.what == what && sent.status == Some(status)).count()
    }

    /// Changes the provider's world as if somebody else did.
    pub(crate) fn change(&self, path: &str, body: &Value) -> Value {
        self.stage.change("ig", path, body).unwrap()
    }

    /// Scripts a fault.
    pub(crate) fn fault(&self, place: &str, matching: &Value, times: u32, deed: &Value) {
        let fault = json!({ "where": place, "match": matching, "times": times, "do": deed });
        self.stage.script(serde_json::from_value(fault).unwrap()).unwrap();
    }
}

pub(crate) const LOGIN: &str = "POST /session";
pub(crate) const REFRESH: &str = "POST /session/refresh-token";
pub(crate) const ROOT: &str = "GET /marketnavigation";
pub(crate) const OPEN: &str = "POST /positions/otc";
