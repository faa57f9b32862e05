//! Processes over one database and one provider, and the hand that moves the clock.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use evergrant::clock::until;
use evergrant::integration::{Integration, Status};
use evergrant::provider::{Provider, Providers, Renewal};
use evergrant::seal::{Field, Place};
use evergrant::store::{GrantRow, GrantStore, Way};
use evergrant::testing::{MemoryDisk, MemoryStore, SeededEntropy, TestClock};
use evergrant::vault::{Begin, Next, Proof};
use evergrant::{Clock, ConnectError, IntegrationId, Secret, UserId};
use futures_util::poll;
use url::Url;

use super::adapter::Adapter;
use super::ledger::Rotation;
use super::process::Process;
use super::world::World;

/// How many turns everybody gets before the stage counts as quiet.
const TURNS: usize = 32;

/// The parts all processes share.
pub(crate) struct Stage {
    pub(crate) clock: TestClock,
    pub(crate) store: MemoryStore,
    /// The disk of the machine they all run on.
    pub(crate) disk: MemoryDisk,
    pub(crate) world: World,
    pub(crate) owner: UserId,
    pub(crate) rotation: Rotation,
    pub(crate) seed: u64,
}

impl Stage {
    /// A stage with a provider that rotates strictly.
    pub(crate) fn new() -> Self {
        Self::with(Rotation::Strict, 1)
    }

    pub(crate) fn with(rotation: Rotation, seed: u64) -> Self {
        let clock = TestClock::default();
        let owner = UserId::new(&clock, &SeededEntropy::new(seed));
        Self {
            store: MemoryStore::new(Arc::new(clock.clone())),
            disk: MemoryDisk::default(),
            world: World::new(&clock, rotation),
            clock,
            owner,
            rotation,
            seed,
        }
    }

    /// One more process. Its news loop is not running.
    pub(crate) async fn process(&mut self) -> Process {
        let adapter = |key, renewal| -> Arc<dyn Provider> {
            Arc::new(Adapter::new(key, self.rotation, renewal))
        };
        let providers = [
            adapter("acme", Renewal::Ahead),
            adapter("lazy", Renewal::OnDemand),
            Arc::new(Adapter::form("form")),
        ];
        self.process_with(providers.into_iter().collect()).await
    }

    pub(crate) async fn process_with(&mut self, providers: Providers) -> Process {
        self.seed += 1;
        Process::start(self, providers).await
    }

    /// A stage with one process and one connected account.
    pub(crate) async fn connected() -> (Self, Process, IntegrationId) {
        let mut stage = Self::new();
        let process = stage.process().await;
        let id = stage.connect(&process, "ada").await;
        (stage, process, id)
    }

    /// Connects an account, from the first click to the stored grant.
    pub(crate) async fn connect(&self, process: &Process, account: &str) -> IntegrationId {
        let connected = self.sign_in(process, "acme", account, None).await;
        connected.expect("the account is connected").id
    }

    pub(crate) async fn sign_in(
        &self,
        process: &Process,
        provider: &str,
        account: &str,
        integration: Option<IntegrationId>,
    ) -> Result<Integration, ConnectError> {
        let (state, code) = self.agree(process, provider, account, integration).await?;
        let finish = process.finish(provider, &state, code);
        finish.await
    }

    /// The first half of a sign-in: state and code.
    pub(crate) async fn agree(
        &self,
        process: &Process,
        provider: &str,
        account: &str,
        integration: Option<IntegrationId>,
    ) -> Result<(Secret, Proof), ConnectError> {
        let ask = Begin { integration, ..begin(provider) };
        let begun = process.vault.begin(self.owner, ask).await?;
        let Next::Authorize(url) = begun.next else { panic!("a page to open") };
        let code = self.world.agree(&url, account);
        Ok((begun.state, Proof::Code { code: code.as_str().into(), iss: None }))
    }

    /// Somebody else.
    pub(crate) fn stranger(&mut self) -> UserId {
        self.seed += 1;
        UserId::new(&self.clock, &SeededEntropy::new(self.seed))
    }

    /// Gives everybody who can move the time to do so.
    pub(crate) async fn settle(&self) {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
    }

    /// Lets time pass at once, as for a machine that was busy elsewhere.
    pub(crate) async fn pass(&self, by: Duration) {
        self.clock.advance(by);
        self.settle().await;
    }

    /// Lets time pass in steps, so that everyone wakes at the moment they sleep until.
    pub(crate) async fn live(&self, by: Duration) {
        let end = self.clock.uptime() + by;
        loop {
            self.settle().await;
            let left = end.saturating_sub(self.clock.uptime());
            let next = self.clock.next_wakeup();
            let step = next.map_or(left, |at| until(self.clock.now(), at).min(left));
            if left.is_zero() {
                break;
            }
            self.clock.advance(step);
        }
    }

    /// Runs `work` to its end, moving the clock whenever everybody waits for it.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            for _ in 0..TURNS {
                if let std::task::Poll::Ready(done) = poll!(&mut work) {
                    return done;
                }
                tokio::task::yield_now().await;
            }
            let next = self.clock.next_wakeup();
            let next = next.expect("somebody waits for something that never comes");
            self.clock.advance(until(self.clock.now(), next));
        }
    }

    /// Polls `work` as long as somebody moves; it must not come to its end.
    pub(crate) async fn begin<T>(&self, work: &mut std::pin::Pin<Box<impl Future<Output = T>>>) {
        for _ in 0..TURNS {
            assert!(poll!(work.as_mut()).is_pending(), "it came to its end");
            tokio::task::yield_now().await;
        }
    }

    /// The grant's row; tests see it even while the database is away.
    pub(crate) async fn row(&self, id: IntegrationId) -> Option<GrantRow> {
        let row = self.store.grant(id).await;
        row.expect("the database answers")
    }

    /// The refresh token in the database.
    pub(crate) async fn stored_refresh(&self, process: &Process, id: IntegrationId) -> String {
        self.stored(process, id, "refresh_token").await
    }

    /// The access token in the database.
    pub(crate) async fn stored_access(&self, process: &Process, id: IntegrationId) -> String {
        self.stored(process, id, "access_token").await
    }

    async fn stored(&self, process: &Process, id: IntegrationId, token: &str) -> String {
        let row = self.row(id).await.expect("a grant");
        let subject = id.to_string();
        let place = Place {
            tenant: "test",
            subject: &subject,
            field: Field::Grant,
            epoch: row.version.epoch,
        };
        let plain = process.seal.open(place, &row.grant.sealed).expect("it opens");
        let plain: serde_json::Value = serde_json::from_slice(&plain).expect("JSON");
        plain[token].as_str().expect("a token").to_owned()
    }

    /// The stored refresh token is good at the provider, and the vault lives on with it.
    pub(crate) async fn assert_healthy(&self, process: &Process, id: IntegrationId) {
        let stored = self.stored_refresh(process, id).await;
        self.world.with(|ledger| {
            let issued = &ledger.refresh_tokens[&stored];
            assert_eq!(issued.spent, 0, "the stored token was spent");
            assert!(!ledger.families[issued.family].ended, "its grant has ended");
            assert_eq!(ledger.spent_in_vain, Vec::<String>::new());
        });
        self.pass(Duration::from_hours(48)).await;
        let token = self.run(process.token(id)).await.expect("a token");
        assert!(self.world.alive(token.secret().expose()));
    }

    /// Whole seconds since the stage was set up, by true time.
    pub(crate) fn clock_secs(&self) -> u64 {
        self.clock.uptime().as_secs()
    }

    pub(crate) async fn revision(&self) -> i64 {
        self.store.revision().await.expect("the database answers")
    }

    pub(crate) async fn status(&self, id: IntegrationId) -> Status {
        self.row(id).await.expect("a grant").status
    }
}

/// A plain ask to connect this provider.
pub(crate) fn begin(provider: &str) -> Begin {
    Begin {
        provider: provider.into(),
        way: Way::Direct,
        redirect_uri: Url::parse("https://evergrant.test/callback").expect("a URL"),
        scopes: None,
        integration: None,
    }
}
