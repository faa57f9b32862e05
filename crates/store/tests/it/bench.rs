//! A store to try, twice opened as by two replicas, with what is needed to fill it.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use evergrant::clock::later;
use evergrant::entropy::random;
use evergrant::id::{DebtId, HolderId};
use evergrant::integration::{Account, Integration, Status};
use evergrant::provider::{Actor, Failure};
use evergrant::seal::Sealed;
use evergrant::store::{
    Attempt, Commit, Debt, Flow, GrantRow, GrantStore, Intent, NewIntegration, Outcome,
    SealedGrant, Way,
};
use evergrant::testing::{MemoryStore, SeededEntropy, TestClock};
use evergrant::{AttemptId, Clock as _, IntegrationId, Lineage, SystemEntropy, UserId};
use evergrant_store::Store;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use sqlx::{Connection as _, Executor as _};

pub(crate) const PROVIDER: &str = "acme_calendar";

/// A store and a second replica of it.
pub(crate) struct Bench {
    pub(crate) store: Arc<dyn GrantStore>,
    pub(crate) replica: Arc<dyn GrantStore>,
    pub(crate) clock: TestClock,
    pub(crate) alice: UserId,
    pub(crate) bob: UserId,
    entropy: SeededEntropy,
}

/// A database of its own for one test, and two replicas that have it open.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) store: Store,
    pub(crate) replica: Store,
    pub(crate) clock: TestClock,
    place: Place,
}

enum Place {
    Folder(tempfile::TempDir),
    Server { url: String, name: String },
}

impl Database {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("evergrant.db").display());
        Self::open(url, Place::Folder(folder)).await
    }

    pub(crate) async fn postgres() -> Self {
        let server = server_url();
        let name = format!("evg_{:032x}", u128::from_ne_bytes(random(&SystemEntropy::default())));
        administer(&server, format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        let mut url = url_of(&server);
        url.set_path(&name);
        let place = Place::Server { url: server, name };
        Self::open(url.into(), place).await
    }

    /// One whose time is the test's: it stands still until [`Database::set_clock`].
    pub(crate) async fn postgres_with_a_clock() -> Self {
        let Self { url, store, replica, clock, place } = Self::postgres().await;
        store.close().await;
        replica.close().await;
        // Found before the system's own, on connections that are made from now on.
        let mut raw = sqlx::PgConnection::connect(&url).await.unwrap();
        let Place::Server { name, .. } = &place else { panic!("it is a server's") };
        let sql = format!(
            "CREATE TABLE test_clock (micros BIGINT NOT NULL); \
             INSERT INTO test_clock VALUES ({now}); \
             CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
             'SELECT to_timestamp(0) + micros * interval ''1 microsecond'' FROM test_clock'; \
             ALTER DATABASE {name} SET search_path = public, pg_catalog",
            now = clock.now().as_microsecond()
        );
        raw.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        raw.close().await.unwrap();
        Self::open(url, place).await
    }

    /// Sets the clock of a database that has one of its own.
    pub(crate) async fn set_clock(url: &str, now: Timestamp) {
        let sql = format!("UPDATE test_clock SET micros = {}", now.as_microsecond());
        let mut raw = sqlx::PgConnection::connect(url).await.unwrap();
        raw.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        raw.close().await.unwrap();
    }

    async fn open(url: String, place: Place) -> Self {
        let clock = TestClock::default();
        let open = || Store::open(&url, Arc::new(clock.clone()));
        let (store, replica) = (open().await, open().await);
        let store = store.expect("the store opens");
        store.migrate().await.expect("the schema applies");
        Self { replica: replica.expect("a replica opens"), store, url, clock, place }
    }

    pub(crate) fn bench(&self) -> Bench {
        let store = Arc::new(self.store.clone());
        Bench::new(store, Arc::new(self.replica.clone()), &self.clock)
    }

    /// Runs SQL behind the store's back.
    pub(crate) async fn meddle(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        if self.url.starts_with("sqlite:") {
            let mut raw = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            raw.execute(sql).await.unwrap();
            raw.close().await.unwrap();
        } else {
            let mut raw = sqlx::PgConnection::connect(&self.url).await.unwrap();
            raw.execute(sql).await.unwrap();
            raw.close().await.unwrap();
        }
    }

    /// Copies the database behind the store's back, whose connections are closed for it; gives the
    /// copy's URL.
    pub(crate) async fn copy(&self) -> (String, Option<tempfile::TempDir>) {
        self.store.close().await;
        self.replica.close().await;
        match &self.place {
            Place::Folder(_) => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let copy = folder.path().join("copy.db");
                let file = self.url.strip_prefix("sqlite:").expect("SQLite's URL");
                std::fs::copy(file, &copy).expect("the file is copied");
                (format!("sqlite:{}", copy.display()), Some(folder))
            }
            Place::Server { url, name } => {
                let copy = format!("{name}_copy");
                administer(url, format!("CREATE DATABASE {copy} TEMPLATE {name}")).await;
                let mut url = url_of(url);
                url.set_path(&copy);
                (url.into(), None)
            }
        }
    }

    /// Removes what [`Database::copy`] made.
    pub(crate) async fn discard(&self, copy: &str, folder: Option<tempfile::TempDir>) {
        drop(folder);
        if let Place::Server { url, .. } = &self.place {
            let name = url_of(copy).path().trim_start_matches('/').to_owned();
            administer(url, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }

    pub(crate) async fn remove(self) {
        self.store.close().await;
        self.replica.close().await;
        match self.place {
            Place::Folder(folder) => folder.close().expect("the folder is removed"),
            Place::Server { url, name } => {
                administer(&url, format!("DROP DATABASE {name} WITH (FORCE)")).await;
            }
        }
    }
}

/// The server that tests make their databases on.
fn server_url() -> String {
    #[expect(clippy::disallowed_methods, reason = "the only setting tests have")]
    let url = std::env::var("TEST_PG_URL");
    url.expect("run through `make test` or `scripts/with-postgres cargo test`")
}

fn url_of(text: &str) -> url::Url {
    text.parse().expect("TEST_PG_URL is a URL")
}

async fn administer(server: &str, sql: String) {
    let mut connection = sqlx::PgConnection::connect(server).await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

/// Runs a claim on a database, which is removed afterwards even if the claim does not hold.
pub(crate) async fn on_database(database: Database, claim: impl AsyncFnOnce(&Database)) {
    let outcome = AssertUnwindSafe(claim(&database)).catch_unwind().await;
    database.remove().await;
    outcome.unwrap_or_else(|panic| resume_unwind(panic));
}

/// Puts each claim, an `async fn(&Bench)`, to the double and to both databases.
macro_rules! on_every_store {
    ($($claim:ident),* $(,)?) => {
        mod memory {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() {
                super::$claim(&crate::bench::Bench::memory()).await;
            }
        )*}
        crate::bench::on_both_databases! { |database| super::($($claim),*)(&database.bench()) }
    };
}
pub(crate) use on_every_store;

/// Puts each claim, an `async fn(&Database)`, to both databases.
macro_rules! on_both_databases {
    ($($claim:ident),* $(,)?) => {
        crate::bench::on_both_databases! { |database| super::($($claim),*)(database) }
    };
    (|$database:ident| super::($($claim:ident),*)($what:expr)) => {
        mod sqlite {
            use crate::bench::{Database, on_database};
            $(crate::bench::database_test! { $claim, Database::sqlite(), |$database| $what })*
        }
        mod postgres {
            use crate::bench::{Database, on_database};
            $(crate::bench::database_test! { $claim, Database::postgres(), |$database| $what })*
        }
    };
}
pub(crate) use on_both_databases;

macro_rules! database_test {
    ($claim:ident, $open:expr, |$database:ident| $what:expr) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $claim() {
            on_database($open.await, async |$database| super::$claim($what).await).await;
        }
    };
}
pub(crate) use database_test;

impl Bench {
    pub(crate) fn memory() -> Self {
        let clock = TestClock::default();
        let store = MemoryStore::new(Arc::new(clock.clone()));
        Self::new(Arc::new(store.clone()), Arc::new(store), &clock)
    }

    pub(crate) fn new(
        store: Arc<dyn GrantStore>,
        replica: Arc<dyn GrantStore>,
        clock: &TestClock,
    ) -> Self {
        let entropy = SeededEntropy::default();
        Self {
            store,
            replica,
            alice: UserId::new(clock, &entropy),
            bob: UserId::new(clock, &entropy),
            clock: clock.clone(),
            entropy,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// So many seconds from now.
    pub(crate) fn in_secs(&self, seconds: u64) -> Timestamp {
        later(self.now(), Duration::from_secs(seconds))
    }

    pub(crate) fn id(&self) -> IntegrationId {
        IntegrationId::new(&self.clock, &self.entropy)
    }

    pub(crate) fn attempt(&self) -> AttemptId {
        AttemptId::new(&self.clock, &self.entropy)
    }

    pub(crate) fn holder(&self) -> HolderId {
        HolderId::new(&self.clock, &self.entropy)
    }

    /// Another ciphertext, made with the key of this name.
    pub(crate) fn sealed(&self, key: &str) -> Sealed {
        Sealed { key: key.into(), token: format!("sealed {}", self.attempt()) }
    }

    /// A debt that is due in so many seconds.
    pub(crate) fn debt(&self, seconds: u64) -> Debt {
        Debt {
            id: DebtId::new(&self.clock, &self.entropy),
            integration: self.id(),
            provider: PROVIDER.into(),
            epoch: 3,
            sealed: self.grant().sealed,
            tries: 0,
            since: self.now(),
            due_at: self.in_secs(seconds),
        }
    }

    /// A grant with a refresh token of its own, due in half an hour.
    pub(crate) fn grant(&self) -> SealedGrant {
        let lineage = Lineage::new(&self.clock, &self.entropy);
        SealedGrant {
            sealed: Sealed { key: "0123456789abcdef".into(), token: format!("sealed {lineage}") },
            lineage,
            expires_at: self.in_secs(3_600),
            due_at: Some(self.in_secs(1_800)),
        }
    }

    /// An integration that is not stored yet.
    pub(crate) fn new_integration(&self, owner: UserId, account: &str) -> NewIntegration {
        NewIntegration {
            integration: Integration {
                id: self.id(),
                owner,
                provider: PROVIDER.into(),
                label: format!("{account}’s calendar"),
                account: Account {
                    id: account.to_owned(),
                    name: "Ada \"the first\" Lovelace".to_owned(),
                    username: Some("ada@example.com".to_owned()),
                },
                status: Status::Active,
                scopes: vec!["calendar.read".to_owned(), "offline_access".to_owned()],
                created_at: self.now(),
                updated_at: self.now(),
                epoch: 1,
            },
            grant: self.grant(),
        }
    }

    /// Alice's integration, stored.
    pub(crate) async fn connected(&self) -> NewIntegration {
        let account = self.id().to_string();
        self.connected_as(self.alice, &account).await
    }

    pub(crate) async fn connected_as(&self, owner: UserId, account: &str) -> NewIntegration {
        let new = self.new_integration(owner, account);
        assert!(self.store.connect(&new).await.unwrap());
        new
    }

    /// What would be stored if it were connected again now.
    pub(crate) fn again(&self, old: &NewIntegration) -> NewIntegration {
        let mut new = old.clone();
        new.integration.epoch += 1;
        new.integration.updated_at = self.now();
        new.grant = self.grant();
        new
    }

    pub(crate) async fn row(&self, id: IntegrationId) -> GrantRow {
        self.store.grant(id).await.unwrap().expect("a live grant")
    }

    /// An intent for the grant as it is now, good for 30 seconds.
    pub(crate) async fn intent(&self, id: IntegrationId) -> Intent {
        Intent {
            id,
            seen: self.row(id).await.version,
            attempt: self.attempt(),
            holder: self.holder(),
            started_at: self.now(),
            deadline: self.in_secs(30),
        }
    }

    pub(crate) fn flow(&self) -> Flow {
        Flow {
            state_hash: random(&self.entropy),
            owner: self.alice,
            provider: PROVIDER.into(),
            way: Way::Direct,
            redirect_uri: "https://evergrant.example/callback".to_owned(),
            scopes: vec!["calendar.read".to_owned()],
            integration: Some(self.id()),
            sealed: self.grant().sealed,
            expires_at: self.in_secs(600),
        }
    }
}

/// The commit of an attempt that went as it should.
pub(crate) fn commit_of(
    id: IntegrationId,
    attempt: AttemptId,
    epoch: i64,
    spent: Lineage,
    grant: &SealedGrant,
) -> Commit {
    Commit { epoch, spent, grant: grant.clone(), note: attempt_of(id, attempt, Outcome::Refreshed) }
}

pub(crate) fn attempt_of(id: IntegrationId, attempt: AttemptId, outcome: Outcome) -> Attempt {
    Attempt {
        id,
        attempt,
        at: Timestamp::UNIX_EPOCH,
        took_ms: 41,
        outcome,
        code: None,
        provider_code: None,
        trace_id: None,
        correlation_id: None,
        skew_ms: None,
    }
}

pub(crate) fn revoked() -> Failure {
    let mut failure = Failure::new("grant_revoked", Actor::User, "Connect again.");
    failure.provider_code = Some("invalid_grant".to_owned());
    failure
}
