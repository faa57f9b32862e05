//! A vault over a bench's database, within the test: it refreshes without a process of its own, and
//! looks into what is stored.

use std::sync::Arc;

use evergrant::integration::{Account, Integration, Status};
use evergrant::news::News;
use evergrant::seal::{Field, Place, Ring, Seal, Sealed};
use evergrant::spool::DirSpool;
use evergrant::store::{GrantStore, NewIntegration, SealedGrant};
use evergrant::vault::Parts;
use evergrant::{
    Clock, Entropy, HttpLimits, HttpTransport, IntegrationId, Lineage, SystemClock, SystemEntropy,
    Tasks, UserId, Vault,
};
use evergrant_store::Store;
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};

use crate::bench::{Bench, PROVIDER};

const TENANT: &str = "default";

/// What a process is made of, within this one.
pub(crate) struct Inside {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    store: Store,
    seal: Seal,
    pub(crate) vault: Vault,
}

impl Inside {
    pub(crate) async fn with(bench: &Bench, keys: &str) -> Arc<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
        let store = Store::open(&bench.database_url(), Arc::clone(&clock)).await.unwrap();
        let shared: Arc<dyn GrantStore> = Arc::new(store.clone());
        let ring = Ring::parse(&keys.into()).unwrap();
        let seal = Seal::new(ring, Arc::clone(&clock), Arc::clone(&entropy));
        let ca = std::fs::read(bench.path("ca.pem")).unwrap();
        let spool = DirSpool::open(&bench.path("evergrant.spool"), &*clock, &*entropy).unwrap();
        let vault = Vault::new(Parts {
            news: News::begin(Arc::clone(&shared), Arc::clone(&clock)).await.unwrap(),
            store: shared,
            spool: Arc::new(spool),
            providers: bench.providers(),
            seal: seal.clone(),
            http: Arc::new(HttpTransport::new(HttpLimits::default(), Some(&ca)).unwrap()),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            tasks: Tasks::default(),
            tenant: TENANT.to_owned(),
        });
        Arc::new(Self { clock, entropy, store, seal, vault })
    }

    /// A grant that looks like any other, sealed for this integration.
    fn sealed(&self, id: IntegrationId) -> Sealed {
        let grant = json!({
            "access_token": format!("access-{id}-{}", "x".repeat(1_000)),
            "refresh_token": format!("refresh-{id}-{}", "x".repeat(500)),
            "scopes": ["User.Read"], "obtained_at": 0, "expires_at": 1,
        });
        let subject = id.to_string();
        self.seal.seal(place(&subject, 1), grant.to_string().as_bytes())
    }

    /// Stores the first integration.
    async fn store(&self, owner: UserId, id: IntegrationId) {
        let now = self.clock.now();
        let account = Account { id: id.to_string(), name: "Idle".to_owned(), username: None };
        let integration = Integration {
            id,
            owner,
            provider: PROVIDER.into(),
            label: account.name.clone(),
            account,
            status: Status::Active,
            scopes: vec![],
            created_at: now,
            updated_at: now,
            epoch: 1,
        };
        let lineage = Lineage::new(&*self.clock, &*self.entropy);
        let grant = SealedGrant { sealed: self.sealed(id), lineage, expires_at: now, due_at: None };
        assert!(self.store.connect(&NewIntegration { integration, grant }).await.unwrap());
    }

    /// Stores integrations that nobody refreshes: one through the store, the others as copies of its
    /// rows under ids and ciphertexts of their own. Storing each by itself would take longer than all
    /// the rest.
    pub(crate) async fn seed(&self, url: &str, owner: UserId, count: usize) -> Vec<IntegrationId> {
        let ids: Vec<_> =
            (0..count).map(|_| IntegrationId::new(&*self.clock, &*self.entropy)).collect();
        self.store(owner, ids[0]).await;
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        let mut tx = connection.begin().await.unwrap();
        for sql in [
            "CREATE TEMP TABLE one AS SELECT * FROM integrations WHERE id = $1",
            "CREATE TEMP TABLE its AS SELECT * FROM grants WHERE id = $1",
        ] {
            sqlx::query(sql).bind(ids[0].to_string()).execute(&mut *tx).await.unwrap();
        }
        for id in &ids[1..] {
            for (sql, value) in [
                ("UPDATE one SET id = $1, account_id = $2", id.to_string()),
                ("UPDATE its SET id = $1, token = $2", self.sealed(*id).token),
            ] {
                let query = sqlx::query(sql).bind(id.to_string()).bind(value);
                query.execute(&mut *tx).await.unwrap();
            }
            for sql in [
                "INSERT INTO integrations SELECT * FROM one",
                "INSERT INTO grants SELECT * FROM its",
            ] {
                sqlx::query(sql).execute(&mut *tx).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
        connection.close().await.unwrap();
        ids
    }

    /// Whether the stored grant opens with the keys that this has.
    pub(crate) async fn opens(&self, id: IntegrationId) -> bool {
        let row = self.store.grant(id).await.unwrap().unwrap();
        let subject = id.to_string();
        self.seal.open(place(&subject, row.version.epoch), &row.grant.sealed).is_ok()
    }
}

fn place(subject: &str, epoch: i64) -> Place<'_> {
    Place { tenant: TENANT, subject, field: Field::Grant, epoch }
}
