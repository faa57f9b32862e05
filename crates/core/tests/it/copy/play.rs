//! What happens: people change things, processes read and die, time passes, word comes or is lost.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evergrant::feed::FeedKind;
use evergrant::integration::{Account, Integration, Status};
use evergrant::provider::{Provider, Renewal};
use evergrant::seal::Sealed;
use evergrant::store::{
    Edit, FeedId, GrantStore as _, Hint, NewIntegration, SealedGrant, Stored, SyncStore as _,
};
use evergrant::testing::SeededEntropy;
use evergrant::{Clock as _, IntegrationId, Lineage, SyncSettings, Syncer};
use futures_util::poll;

use super::judge::{Consumer, Judge};
use super::line::Line;
use super::pull::Shared;
use super::site::Site;
use crate::simulation::Chance;
use crate::support::{Adapter, Process, Rotation, Stage};

const MINUTE: Duration = Duration::from_mins(1);

/// A process that reads.
struct Reader {
    process: Process,
    syncer: Syncer,
    work: Option<Pin<Box<dyn Future<Output = Stored<usize>>>>>,
}

/// One seed's account and everybody about it.
pub(super) struct Play {
    stage: Stage,
    chance: Chance,
    settings: SyncSettings,
    site: Shared,
    line: Line,
    id: FeedId,
    readers: Vec<Reader>,
    consumers: [Consumer; 2],
    hints: u8,
}

impl Play {
    pub(super) async fn new(mut chance: Chance) -> Self {
        let mut stage = Stage::with(Rotation::Fixed, chance.next());
        // Some are near midnight.
        stage.clock.advance(MINUTE * u32::try_from(chance.below(48 * 60)).expect("few"));
        let kind = chance.pick(&FeedKind::ALL);
        let limit = chance.pick(&[None, None, Some(1), Some(3), Some(6)]);
        let settings = SyncSettings { events: limit, messages: limit, ..SyncSettings::default() };
        let site = Site::new(kind, stage.clock.now(), Chance::new(chance.next()));
        let site = Shared(Arc::new(Mutex::new(site)));
        let line = Line {
            store: stage.store.clone(),
            judge: Judge::new(site.clone(), stage.owner, limit.is_some()),
            fails: Arc::new(AtomicBool::new(true)),
            chance: Arc::new(Mutex::new(Chance::new(chance.next()))),
        };
        let integration = connect(&mut stage).await;
        let mut play = Self {
            id: FeedId { integration, feed: kind },
            readers: Vec::new(),
            consumers: Default::default(),
            hints: 0,
            stage,
            chance,
            settings,
            site,
            line,
        };
        for _ in 0..2 {
            play.start().await;
        }
        play
    }

    async fn start(&mut self) {
        let adapter = Adapter::new("acme", Rotation::Fixed, Renewal::OnDemand);
        let adapter: Arc<dyn Provider> = Arc::new(match self.id.feed {
            FeedKind::Email => adapter.fed(Arc::new(self.site.clone())),
            FeedKind::Calendar => adapter.scheduled(Arc::new(self.site.clone())),
        });
        let process = self.stage.process_with([adapter].into_iter().collect()).await;
        let line = Arc::new(self.line.clone());
        let syncer = Syncer::new(process.vault.clone(), line, self.settings.clone());
        self.readers.push(Reader { process, syncer, work: None });
    }

    /// Lets one thing happen.
    pub(super) async fn act(&mut self) {
        let reader = self.chance.below(self.readers.len());
        match self.chance.below(20) {
            0..=6 => self.site.lock().act(),
            7..=13 => {
                let steps = 1 + self.chance.below(30);
                self.go_on(reader, steps).await;
            }
            14 => self.die(reader).await,
            15..=16 => {
                let secs = self.chance.pick(&[1, 12, 31, 31, 100, 330, 3_700, 40_000]);
                self.stage.clock.advance(Duration::from_secs(secs));
            }
            17 => {
                let consumer = self.chance.below(self.consumers.len());
                self.consumers[consumer].poll(&self.stage.store, self.stage.owner);
            }
            18 => self.hint().await,
            _ => self.ask().await,
        }
    }

    /// Lets a process go on for a while; it begins with whatever is due.
    async fn go_on(&mut self, reader: usize, steps: usize) {
        let Reader { syncer, work, .. } = &mut self.readers[reader];
        let syncer = syncer.clone();
        let begun = work.get_or_insert_with(|| Box::pin(async move { syncer.work_once().await }));
        for _ in 0..steps {
            if poll!(begun.as_mut()).is_ready() {
                *work = None;
                return;
            }
            // A page is stored by a task of its own.
            tokio::task::yield_now().await;
        }
    }

    /// A process dies; another takes its place, which may know of its death.
    async fn die(&mut self, reader: usize) {
        let dead = self.readers.swap_remove(reader);
        drop(dead.work);
        dead.process.die();
        if self.chance.below(2) == 0 {
            let holder = dead.process.holder();
            self.stage.store.orphan(holder).await.expect("the database answers");
        }
        self.start().await;
    }

    async fn hint(&mut self) {
        self.hints += 1;
        let hint = Hint { id: self.id, digest: [self.hints; 32], look_after: false };
        self.stage.store.take_hints(&[hint]).await.expect("the database answers");
    }

    /// Somebody wants it now; or has paused the integration for a moment.
    async fn ask(&mut self) {
        let (store, owner, id) = (&self.stage.store, self.stage.owner, self.id.integration);
        if self.chance.below(3) > 0 {
            store.ask(owner, id, &[self.id.feed]).await.expect("the database answers");
            return;
        }
        let is_paused = store.integration(owner, id).await.expect("the database answers");
        let is_paused = is_paused.expect("it is there").status == Status::Paused;
        let edit = Edit { label: None, paused: Some(!is_paused) };
        let edited = store.edit(owner, id, &edit, self.stage.clock.now()).await;
        edited.expect("the database answers");
    }

    /// Faults end, and time passes: all is well again.
    pub(super) async fn end_well(&mut self) {
        self.site.lock().fails = false;
        self.line.fails.store(false, Ordering::Relaxed);
        let (store, owner) = (self.stage.store.clone(), self.stage.owner);
        let edit = Edit { label: None, paused: Some(false) };
        let now = self.stage.clock.now();
        let resumed = store.edit(owner, self.id.integration, &edit, now).await;
        resumed.expect("the database answers");
        for _ in 0..4 {
            for reader in 0..self.readers.len() {
                self.go_on(reader, 10_000).await;
                assert!(self.readers[reader].work.is_none(), "it never ends");
            }
            self.stage.clock.advance(61 * MINUTE);
        }
        self.go_on(0, 10_000).await;
        let scope = self.settings.scope(self.id.feed, self.stage.clock.now());
        let status = store.feeds(owner, None).await.expect("the database answers");
        self.line.judge.is_right(&store, self.id.integration, &scope, &status[0]);
        for consumer in &mut self.consumers {
            consumer.poll(&store, owner);
            consumer.is_right(&store, self.id.integration, self.id.feed);
        }
    }
}

/// An integration whose grant nobody asks for.
async fn connect(stage: &mut Stage) -> IntegrationId {
    let (clock, entropy) = (&stage.clock, SeededEntropy::new(stage.seed));
    let id = IntegrationId::new(clock, &entropy);
    let name = "ada".to_owned();
    let new = NewIntegration {
        integration: Integration {
            id,
            owner: stage.owner,
            provider: "acme".into(),
            label: name.clone(),
            account: Account { id: name.clone(), name, username: None },
            status: Status::Active,
            scopes: Vec::new(),
            created_at: clock.now(),
            updated_at: clock.now(),
            epoch: 1,
        },
        grant: SealedGrant {
            sealed: Sealed { key: "none".into(), token: String::new() },
            lineage: Lineage::new(clock, &entropy),
            expires_at: clock.now(),
            due_at: None,
        },
    };
    assert!(stage.store.connect(&new).await.expect("the database answers"));
    id
}
