//! What happens: callers come and go, and everything else fails.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use evergrant::grant::Version;
use evergrant::seal::{Field, Place, Sealed};
use evergrant::store::{Edit, GrantStore, Shelf};
use evergrant::{AccessToken, Clock, IntegrationId, Lineage, Renewer, TokenError, Upkeep};
use futures_util::poll;

use super::Chance;
use crate::support::{Cut, Fault, Process, Rotation, Stage};

const MINUTE: Duration = Duration::from_mins(1);
/// How long the database may be away: twice as long as an intent lives.
const LONGEST_OUTAGE: Duration = Duration::from_secs(90);

/// One connected account.
pub(super) struct Account {
    pub(super) name: String,
    pub(super) id: IntegrationId,
    /// The version that may be served at least, since when, and who made the change; `None` once
    /// it is disconnected.
    pub(super) since: (Option<i64>, Duration, usize),
}

/// A caller under way.
pub(super) struct Caller {
    work: Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>>>>,
    pub(super) process: usize,
    pub(super) account: usize,
    pub(super) began: Duration,
    /// What lay in the database when it began.
    pub(super) version: Option<Version>,
    /// How often the database had failed when it began; `None` while it did.
    pub(super) failures: Option<u32>,
    /// `None` for the replacement of a refused token.
    pub(super) want: Option<u64>,
}

/// One seed's stage and everybody on it.
pub(super) struct Play {
    pub(super) stage: Stage,
    pub(super) processes: Vec<Process>,
    pub(super) accounts: Vec<Account>,
    pub(super) failures: u32,
    chance: Chance,
    callers: Vec<Caller>,
    served: Vec<(usize, usize, AccessToken)>,
    outage: Option<Duration>,
    /// Refresh tokens that were opened before, by lineage.
    pub(super) opened: RefCell<HashMap<Lineage, String>>,
}

impl Play {
    pub(super) async fn new(rotation: Rotation, seed: u64) -> Self {
        let mut chance = Chance(seed);
        let stage = Stage::with(rotation, seed << 8);
        let lifetime = chance.pick(&[60, 600, 3_600]);
        stage.world.with(|ledger| ledger.lifetime = Duration::from_secs(lifetime));
        let mut play = Self {
            processes: Vec::new(),
            accounts: Vec::new(),
            failures: 0,
            callers: Vec::new(),
            served: Vec::new(),
            outage: None,
            opened: RefCell::default(),
            chance,
            stage,
        };
        for _ in 0..2 + play.chance.below(2) {
            play.start().await;
        }
        for name in ["ada", "bob"] {
            let id = play.stage.connect(&play.processes[0], name).await;
            play.accounts.push(Account {
                name: name.to_owned(),
                id,
                since: (Some(1), play.stage.clock.uptime(), 0),
            });
        }
        play
    }

    async fn start(&mut self) {
        let process = self.stage.process().await;
        if self.chance.below(3) == 0 {
            let renewer = Renewer::new(process.vault.clone());
            process.tasks.spawn_loop(renewer.run());
        }
        // It starts again and again until the database answers.
        while self.stage.run(process.vault.recover_dead()).await.is_err() {
            self.heal().await;
        }
        process.tasks.spawn_loop(Upkeep::new(process.vault.clone()).run());
        self.processes.push(process);
    }

    /// Lets one thing happen, and everybody go on for a while.
    pub(super) async fn act(&mut self) {
        let process = self.chance.below(self.processes.len());
        let account = self.chance.below(self.accounts.len());
        match self.chance.below(34) {
            0..=9 => self.ask(process, account).await,
            10..=11 => self.replace().await,
            12..=15 => self.pass().await,
            16..=18 => self.processes[process].news.poll().await.unwrap_or(()),
            19..=20 => self.fail_at_the_provider(),
            21 => self.fail_at_the_database(process),
            22 => self.heal().await,
            23 => {
                let gone = self.chance.below(self.callers.len() + 1);
                self.callers.truncate(gone);
            }
            24 => self.end(process, account).await,
            25..=26 => self.connect(process, account).await,
            27 => self.edit(process, account).await,
            28 => self.revoke_at_the_provider(account).await,
            29 => self.stage.world.end_access_tokens(),
            30 => self.die(process).await,
            31..=32 => self.strand(process, account).await,
            _ => self.stage.settle().await,
        }
        for _ in 0..self.chance.below(40) {
            tokio::task::yield_now().await;
            self.listen().await;
        }
    }

    /// Hears the callers that have come to an end.
    async fn listen(&mut self) {
        let mut at = 0;
        while at < self.callers.len() {
            if let Poll::Ready(outcome) = poll!(&mut self.callers[at].work) {
                let caller = self.callers.remove(at);
                self.judge(&caller, &outcome).await;
                if let Ok(token) = outcome {
                    self.served.push((caller.process, caller.account, token));
                }
            } else {
                at += 1;
            }
        }
    }

    async fn call(
        &mut self,
        process: usize,
        account: usize,
        want: Option<u64>,
        work: impl Future<Output = Result<AccessToken, TokenError>> + 'static,
    ) {
        let row = self.stage.store.grant(self.accounts[account].id).await;
        self.callers.push(Caller {
            work: Box::pin(work),
            process,
            account,
            began: self.stage.clock.uptime(),
            version: row.ok().flatten().map(|row| row.version),
            failures: self.outage.is_none().then_some(self.failures),
            want,
        });
    }

    async fn ask(&mut self, process: usize, account: usize) {
        let want = self.chance.pick(&[0, 0, 0, 30, 300]);
        let (caller, id) = (self.processes[process].clone(), self.accounts[account].id);
        let work = async move { caller.token_for(id, want).await };
        self.call(process, account, Some(want), work).await;
    }

    async fn replace(&mut self) {
        if self.served.is_empty() {
            return;
        }
        let at = self.chance.below(self.served.len());
        let (process, account, token) = self.served.swap_remove(at);
        let vault = self.processes[process].vault.clone();
        let work = async move { vault.replace(&token, None).await };
        self.call(process, account, None, work).await;
    }

    async fn pass(&mut self) {
        let lifetime = self.stage.world.with(|ledger| ledger.lifetime);
        let steps = [1, 50, 300, 1_000, 1_500, 9_000].map(Duration::from_millis);
        let step = match self.chance.below(9) {
            6 => lifetime / 2,
            7 => lifetime / 20 * 19,
            8 => lifetime * 3,
            step => steps[step],
        };
        let now = self.stage.clock.uptime();
        if self.outage.is_some_and(|since| now + step > since + LONGEST_OUTAGE) {
            self.heal().await;
        }
        if step > Duration::from_secs(10) {
            // Who is on the way arrives: a process that stands still that long is as good as dead.
            self.stage.settle().await;
        }
        self.stage.clock.advance(step);
    }

    fn fail_at_the_provider(&mut self) {
        let faults = [
            Fault::Down(0),
            Fault::Down(30),
            Fault::Unsent,
            Fault::RequestLost,
            Fault::AnswerLost,
            Fault::Misconfigure,
        ];
        self.stage.world.fail_next(self.chance.pick(&faults));
    }

    fn fail_at_the_database(&mut self, process: usize) {
        self.failures += 1;
        self.outage = self.outage.or(Some(self.stage.clock.uptime()));
        let calls = [
            "grant",
            "reserve",
            "answer",
            "release",
            "commit",
            "note",
            "mark",
            "changes",
            "orphan",
            "owe",
            "claim_debts",
            "settle",
        ];
        let call = self.chance.pick(&calls);
        match self.chance.below(3) {
            0 => {
                for process in &self.processes {
                    process.line.cut(Some(Cut::Calls("")));
                }
            }
            1 => self.processes[process].line.cut(Some(Cut::Calls(call))),
            _ => self.processes[process].line.cut(Some(Cut::Answer(call))),
        }
    }

    async fn heal(&mut self) {
        for process in &self.processes {
            // Everybody polls four times a second and has seen it.
            let _ = process.news.poll().await;
            process.line.cut(None);
        }
        if self.outage.take().is_some() {
            self.stage.live(Duration::from_millis(1_100)).await;
        }
    }

    async fn end(&mut self, process: usize, account: usize) {
        let (owner, id) = (self.stage.owner, self.accounts[account].id);
        let ended = self.processes[process].vault.disconnect(owner, id);
        if self.stage.run(ended).await.is_ok() {
            self.accounts[account].since = (None, self.stage.clock.uptime(), process);
        }
    }

    async fn connect(&mut self, process: usize, account: usize) {
        let name = self.accounts[account].name.clone();
        let connected = self.stage.sign_in(&self.processes[process], "acme", &name, None);
        if let Ok(integration) = self.stage.run(connected).await {
            let since = (Some(integration.epoch), self.stage.clock.uptime(), process);
            self.accounts[account].id = integration.id;
            self.accounts[account].since = since;
            self.served.retain(|(_, of, _)| *of != account);
            self.callers.retain(|caller| caller.account != account);
        }
    }

    async fn edit(&mut self, process: usize, account: usize) {
        let edit =
            Edit { label: Some(self.chance.pick(&["work", "home"]).to_owned()), ..Edit::default() };
        let (owner, id) = (self.stage.owner, self.accounts[account].id);
        let edited = self.processes[process].vault.edit(owner, id, &edit);
        let _ = self.stage.run(edited).await;
    }

    async fn revoke_at_the_provider(&mut self, account: usize) {
        if let Some(stored) = self.stored(account).await {
            let family = self.stage.world.with(|ledger| ledger.family_of(&stored));
            self.stage.world.end_family(family.expect("a family"));
        }
    }

    /// The database goes away right after the provider's answer, and the process dies with it.
    async fn strand(&mut self, process: usize, account: usize) {
        let lifetime = self.stage.world.with(|ledger| ledger.lifetime);
        self.stage.settle().await;
        self.stage.clock.advance(lifetime);
        self.stage.world.answers.close();
        self.ask(process, account).await;
        for _ in 0..4 {
            self.stage.settle().await;
            self.listen().await;
        }
        self.failures += 1;
        self.outage = self.outage.or(Some(self.stage.clock.uptime()));
        let cut = self.chance.pick(&["", "commit"]);
        self.processes[process].line.cut(Some(Cut::Calls(cut)));
        self.stage.world.answers.open();
        self.stage.settle().await;
        self.die(process).await;
    }

    async fn die(&mut self, process: usize) {
        let dead = self.processes.swap_remove(process);
        dead.die();
        self.callers.clear();
        self.served.clear();
        for account in &mut self.accounts {
            account.since.2 = usize::MAX;
        }
        // What it had heard from the provider and kept nowhere, nobody knows.
        let kept = self.kept_answers().await;
        for account in 0..self.accounts.len() {
            if !kept.contains(&self.accounts[account].id)
                && let Some(stored) = self.stored(account).await
            {
                self.stage.world.with(|ledger| ledger.forgotten(&stored));
            }
        }
        self.heal().await;
        self.start().await;
    }

    /// The accounts with an answer in the database or in the spool.
    async fn kept_answers(&self) -> Vec<IntegrationId> {
        let rows = self.stage.store.sealed_otherwise(&"none".into(), u32::MAX).await;
        let staged = rows.expect("the database answers").into_iter();
        let staged =
            staged.filter(|row| row.shelf == Shelf::Answer).map(|row| (row.subject, row.sealed));
        let spooled = self.stage.disk.answers();
        let spooled = spooled.into_iter().map(|(attempt, sealed)| (attempt.to_string(), sealed));
        let open = |(subject, sealed): (String, Sealed)| {
            let place = Place { tenant: "test", subject: &subject, field: Field::Answer, epoch: 0 };
            let plain = self.processes[0].seal.open(place, &sealed).expect("it opens");
            let answer: serde_json::Value = serde_json::from_slice(&plain).expect("JSON");
            answer["id"].as_str().expect("an id").parse().expect("an id")
        };
        staged.chain(spooled).map(open).collect()
    }

    /// Faults end, and time passes: everything works again.
    pub(super) async fn end_well(&mut self) {
        self.stage.world.with(|ledger| ledger.faults.clear());
        self.heal().await;
        self.callers.clear();
        self.stage.settle().await;
        for _ in 0..2 {
            // Intents lapse, rests end.
            self.stage.pass(2 * MINUTE).await;
            // And the first to call finds that the registration works.
            for process in &self.processes {
                let _ = self.stage.run(process.token(self.accounts[0].id)).await;
                let _ = self.stage.run(process.token(self.accounts[1].id)).await;
            }
            for process in 0..self.processes.len() {
                for account in 0..self.accounts.len() {
                    self.must_work(process, account).await;
                }
            }
            let lifetime = self.stage.world.with(|ledger| ledger.lifetime);
            self.stage.pass(3 * lifetime).await;
        }
    }
}
