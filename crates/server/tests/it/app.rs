//! A whole server in the process: a real database in a folder of its own, a clock that stands still,
//! seeded randomness and Acme. When it is dropped, nothing secret may have left it.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evergrant::news::News;
use evergrant::seal::{Ring, Seal};
use evergrant::testing::{MemoryDisk, SeededEntropy, TestClock};
use evergrant::{Clock, Entropy, Subscriptions, SyncSettings, Syncer, Tasks, UserId, Vault};
use evergrant_server::principal::{Permission, new_key};
use evergrant_server::{App, Config, Parts, admin_router, router};
use evergrant_store::{AccessKey, Holder, Store, User};
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;

use crate::acme::{Acme, CALENDAR, url};
use crate::caller::{Answer, Caller, Record};
use crate::reference::is_described;

pub(crate) const INITIATE: &str = "/api/integrations/oauth/initiate/";
pub(crate) const CALLBACK: &str = "/api/integrations/oauth/callback/";
pub(crate) const CONSENT: &str = "/api/integrations/oauth/consent/";
pub(crate) const IMPORT: &str = "/api/integrations/import/";
pub(crate) const APPLICATION: &str = "/api/integrations/application/";
pub(crate) const LIST: &str = "/api/integrations/";

pub(crate) struct TestApp {
    pub(crate) acme: Acme,
    pub(crate) clock: TestClock,
    pub(crate) store: Store,
    pub(crate) news: Arc<News>,
    pub(crate) syncer: Syncer,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) alice: Caller,
    pub(crate) bob: Caller,
    pub(crate) anon: Caller,
    /// A program that may do everything, for whom it names.
    pub(crate) service: Caller,
    /// Nobody, on the operator's listener.
    pub(crate) operator: Caller,
    tasks: Tasks,
    pub(crate) entropy: Arc<SeededEntropy>,
    record: Record,
    keys: Mutex<Vec<String>>,
    log: Log,
    _logging: DefaultGuard,
    folder: Arc<tempfile::TempDir>,
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut app = Self::over(folder, 1, &TestClock::default()).await;
        let (alice, bob) = (app.add_user("alice").await, app.add_user("bob").await);
        app.alice = app.key(Holder::User(alice), &Permission::ALL).await.0;
        app.bob = app.key(Holder::User(bob), &Permission::ALL).await.0;
        let holder = Holder::Service("scheduler".to_owned());
        app.service = app.key(holder, &Permission::ALL).await.0;
        app
    }

    /// Another process over the same database, with an encryption key of its own.
    pub(crate) async fn replica(&self) -> Self {
        let mut other = Self::over(Arc::clone(&self.folder), 2, &self.clock).await;
        let same = |caller: &Caller| caller.moved_to(&other.anon);
        let (alice, bob, service) = (same(&self.alice), same(&self.bob), same(&self.service));
        (other.alice, other.bob, other.service) = (alice, bob, service);
        other
    }

    /// Puts a copy of the database's file in its place: nobody can tell it from one that was copied.
    pub(crate) fn copy_database(&self) {
        let [file, copy] = ["evergrant.db", "copied.db"].map(|name| self.folder.path().join(name));
        std::fs::copy(&file, &copy).unwrap();
        std::fs::rename(copy, file).unwrap();
    }

    async fn over(folder: Arc<tempfile::TempDir>, seed: u64, clock: &TestClock) -> Self {
        let log = Log::default();
        let writer = log.clone();
        let logging = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let logging = tracing::subscriber::set_default(logging);
        let (acme, entropy, tasks) =
            (Acme::default(), Arc::new(SeededEntropy::new(seed)), Tasks::default());
        let clock = clock.clone();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let place = format!("sqlite:{}", folder.path().join("evergrant.db").display());
        let store = Store::open(&place, Arc::clone(&shared)).await.unwrap();
        store.migrate().await.unwrap();
        let ring = Ring::parse(&Ring::generate(&*entropy)).unwrap();
        let news = News::begin(Arc::new(store.clone()), Arc::clone(&shared)).await.unwrap();
        let vault = Vault::new(evergrant::vault::Parts {
            store: Arc::new(store.clone()),
            spool: Arc::new(MemoryDisk::default().spool(&*shared, &*entropy)),
            providers: acme.providers(),
            seal: Seal::new(ring, Arc::clone(&shared), Arc::clone(&entropy) as Arc<dyn Entropy>),
            http: Arc::new(acme.clone()),
            clock: Arc::clone(&shared),
            entropy: Arc::clone(&entropy) as Arc<dyn Entropy>,
            tasks: tasks.clone(),
            news: Arc::clone(&news),
            tenant: "default".to_owned(),
        });
        let copies = Arc::new(store.clone());
        let syncer = Syncer::new(vault.clone(), copies.clone(), SyncSettings::default());
        let told_at = url("https://grants.example.com/api/notifications/");
        let subscriptions = Subscriptions::new(vault.clone(), copies, Some(told_at));
        let app = App::new(Parts {
            vault,
            syncer: syncer.clone(),
            subscriptions: subscriptions.clone(),
            store: store.clone(),
            news: Arc::clone(&news),
            clock: shared,
            entropy: Arc::clone(&entropy) as Arc<dyn Entropy>,
            config: Config {
                public_url: url("https://grants.example.com"),
                redirect_uris: vec![url("https://app.example.com/connected")],
            },
        });
        let record = Record::default();
        let anon = Caller::new(router(app.clone()), Arc::clone(&record));
        Self {
            acme,
            clock,
            store,
            news,
            syncer,
            subscriptions,
            alice: anon.clone(),
            bob: anon.clone(),
            service: anon.clone(),
            operator: Caller::new(admin_router(app, Arc::new(String::new)), Arc::clone(&record)),
            anon,
            tasks,
            entropy,
            record,
            keys: Mutex::default(),
            log,
            _logging: logging,
            folder,
        }
    }

    pub(crate) async fn add_user(&self, name: &str) -> UserId {
        let id = UserId::new(&self.clock, &*self.entropy);
        let (name, created_at) = (name.to_owned(), self.clock.now());
        assert!(self.store.add_user(&User { id, name, created_at }).await.unwrap());
        id
    }

    /// A caller with a new key.
    pub(crate) async fn key(
        &self,
        holder: Holder,
        permissions: &[Permission],
    ) -> (Caller, AccessKey) {
        self.key_with(holder, permissions, |_| {}).await
    }

    /// A caller with a new key that is not quite as usual.
    pub(crate) async fn key_with(
        &self,
        holder: Holder,
        permissions: &[Permission],
        change: impl FnOnce(&mut AccessKey),
    ) -> (Caller, AccessKey) {
        let (mut key, text) = new_key(&self.clock, &*self.entropy, holder, permissions);
        change(&mut key);
        self.store.add_key(&key).await.unwrap();
        self.keys.lock().unwrap().push(text.expose().to_owned());
        (self.anon.with_key(text.expose()), key)
    }

    /// The user of this name.
    pub(crate) async fn user(&self, name: &str) -> Holder {
        Holder::User(self.store.user_named(name).await.unwrap().unwrap().id)
    }

    /// The texts of all keys made so far.
    pub(crate) fn key_texts(&self) -> Vec<String> {
        self.keys.lock().unwrap().clone()
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Returns once somebody waits for this long.
    pub(crate) async fn waits(&self, wait: Duration) {
        let until = self.clock.now() + jiff::SignedDuration::try_from(wait).unwrap();
        while !self.clock.is_awaited(until) {
            tokio::task::yield_now().await;
        }
    }

    /// Hears what changed in other processes; what is in memory then counts as fresh for a second.
    pub(crate) async fn poll(&self) {
        self.news.poll().await.unwrap();
    }

    /// Has the providers asked for word of changes, from now on.
    pub(crate) fn subscribe(&self) {
        self.tasks.spawn_loop(self.subscriptions.clone().run());
    }

    /// Waits for work that outlives its request, such as a revocation.
    pub(crate) async fn settle(&self) {
        assert_eq!(self.tasks.drain(&self.clock, Duration::from_mins(1)).await, 0);
    }

    /// What was logged so far, at every level.
    pub(crate) fn logged(&self) -> String {
        String::from_utf8(self.log.0.lock().unwrap().clone()).unwrap()
    }
}

impl Caller {
    /// Begins a connect of the calendar; gives the state.
    pub(crate) async fn begin(&self, body: Value) -> String {
        let begun = self.post(INITIATE, body).await.expect(200);
        begun.json()["state"].as_str().unwrap().to_owned()
    }

    /// Connects Acme's account of this name; gives the integration's id.
    pub(crate) async fn connect(&self, account: &str) -> String {
        let state = self.begin(json!({ "provider": CALENDAR })).await;
        let connected = self.finish(&state, account).await.expect(201);
        connected.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn finish(&self, state: &str, account: &str) -> Answer {
        let code = format!("code-{account}");
        let body = json!({ "provider": CALENDAR, "state": state, "code": code });
        self.post(CALLBACK, body).await
    }
}

/// The path of one integration, or of what is below it.
pub(crate) fn at(id: &str, below: &str) -> String {
    format!("{LIST}{id}/{below}")
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let secrets = [self.acme.secrets(), self.key_texts()].concat();
        let log = self.logged();
        for secret in &secrets {
            assert!(!log.contains(secret), "{secret} was logged");
        }
        for answer in self.record.lock().unwrap().iter() {
            let token_endpoint = answer.asked.contains("/token") && answer.status.is_success();
            let told = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
            for secret in secrets.iter().filter(|secret| told.contains(*secret)) {
                let access_token = secret.starts_with("canary-access");
                assert!(token_endpoint && access_token, "{} told {secret}", answer.asked);
            }
            is_described(answer);
            let raw = |b: &u8| b.is_ascii_control() && *b != b'\n';
            assert!(
                !answer.body.iter().any(raw) || !answer.header("content-type").contains("json"),
                "{}",
                answer.asked
            );
        }
    }
}
