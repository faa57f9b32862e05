//! One process of several over one database and one provider.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use evergrant::integration::Integration;
use evergrant::news::News;
use evergrant::provider::Providers;
use evergrant::seal::{Ring, Seal};
use evergrant::spool::Spool as _;
use evergrant::store::GrantStore;
use evergrant::testing::{MemoryDisk, SeededEntropy};
use evergrant::vault::{Parts, Proof};
use evergrant::{
    AccessToken, Clock, ConnectError, Entropy, Gateway, HolderId, IntegrationId, MinLife, Secret,
    Tasks, TokenError, UserId, Vault,
};

use super::line::Line;
use super::stage::Stage;
use super::wire::Wire;
use super::world::Turnstile;

const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

/// One process: a vault with a memory of its own.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) vault: Vault,
    pub(crate) gateway: Gateway,
    pub(crate) news: Arc<News>,
    pub(crate) line: Line,
    pub(crate) turnstile: Turnstile,
    pub(crate) tasks: Tasks,
    pub(crate) seal: Seal,
    owner: UserId,
    holder: HolderId,
    disk: MemoryDisk,
    dead: Arc<AtomicBool>,
}

impl Process {
    /// A process with these providers. Its news loop is not running.
    pub(super) async fn start(stage: &Stage, providers: Providers) -> Self {
        let dead = Arc::new(AtomicBool::new(false));
        let turnstile = Turnstile::default();
        let line = Line::new(&stage.store, &dead, &turnstile);
        let clock: Arc<dyn Clock> = Arc::new(stage.clock.clone());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(stage.seed));
        let ring = Ring::parse(&KEY.into()).expect("a key");
        let store: Arc<dyn GrantStore> = Arc::new(line.clone());
        let news = News::begin(store.clone(), clock.clone());
        let news = news.await.expect("the database answers");
        let seal = Seal::new(ring, clock.clone(), entropy.clone());
        let tasks = Tasks::default();
        let spool = stage.disk.spool(&*clock, &*entropy);
        let holder = spool.holder();
        let vault = Vault::new(Parts {
            store,
            spool: Arc::new(spool),
            providers,
            seal: seal.clone(),
            http: Arc::new(Wire::new(&stage.world, &stage.clock, &dead, &turnstile)),
            clock,
            entropy,
            tasks: tasks.clone(),
            news: news.clone(),
            tenant: "test".to_owned(),
        });
        Self {
            gateway: Gateway::new(vault.clone()),
            vault,
            news,
            line,
            turnstile,
            tasks,
            seal,
            owner: stage.owner,
            holder,
            disk: stage.disk.clone(),
            dead,
        }
    }

    pub(crate) async fn token(&self, id: IntegrationId) -> Result<AccessToken, TokenError> {
        self.token_for(id, 0).await
    }

    pub(crate) async fn token_for(
        &self,
        id: IntegrationId,
        seconds: u64,
    ) -> Result<AccessToken, TokenError> {
        let want = MinLife::secs(seconds);
        self.vault.token(self.owner, id, want).await
    }

    pub(crate) async fn finish(
        &self,
        provider: &str,
        state: &Secret,
        proof: Proof,
    ) -> Result<Integration, ConnectError> {
        let owner = Some(self.owner);
        self.vault.finish(owner, &provider.into(), state, proof).await
    }

    /// What the loop does four times a second.
    pub(crate) async fn poll_news(&self) {
        self.news.poll().await.expect("the database answers");
    }

    /// The name under which it holds things.
    pub(crate) fn holder(&self) -> HolderId {
        self.holder
    }

    /// The process dies: whatever it was doing, it never goes on.
    pub(crate) fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.disk.died(self.holder);
    }
}
