//! Keeps a right copy of calendars and mailboxes: pull, apply, again while there is more.
//!
//! ```text
//! store.claim_feeds ─► feed.parts ─► store.begin_pass ─► for each part: feed.pull ─► store.apply, while there is more
//!                                                    ─► store.end_pass, again while something is missing ─► store.end_run
//! ```

mod failure;
mod item;
mod room;
mod run;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use tokio::sync::{Notify, Semaphore};

use crate::capability::BodyFormat;
use crate::clock::{later, until};
use crate::feed::{FeedKind, Scope, Window};
use crate::gateway::{CallError, Gateway};
use crate::id::LeaseId;
use crate::measure;
use crate::provider::Provider;
use crate::repeat::Patience;
use crate::store::{
    Asked, Claim, Claimed, FeedId, FeedStatus, FeedStatusState, Lease, Stored, SyncStore,
};
use crate::vault::{TokenError, Vault};
use crate::{IntegrationId, UserId};
use failure::Stop;
use run::{Run, SLICE};

/// How long a lease lasts unless it is extended: so long others wait for one who died, where nobody
/// knows that they did.
const LEASE: Duration = Duration::from_secs(30);
/// The longest sleep: another process may have asked for a run, or taken a hint.
const TICK: Duration = Duration::from_secs(1);
/// How often to look whether something was disconnected.
const TEND: Duration = Duration::from_secs(5);
/// How often who waits for a run looks how far it is.
const WATCH: Duration = Duration::from_millis(250);
/// The sleep while the database is away, or is a copy.
const AWAY: Duration = Duration::from_secs(15);

/// What the operator decides about copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncSettings {
    /// How often a feed is read.
    pub every: Duration,
    /// How often where the provider sends word of changes: what was lost is found then.
    pub every_notified: Duration,
    /// How many days of the calendar before today.
    pub days_back: u16,
    /// How many days of the calendar after today.
    pub days_ahead: u16,
    /// How many events at most.
    pub events: Option<u32>,
    /// How many messages at most.
    pub messages: Option<u32>,
    /// Whether bodies are kept, and in which format.
    pub bodies: Option<BodyFormat>,
    /// Whether this deployment asks providers for word of changes.
    pub notified: bool,
    /// How many feeds one process reads at once.
    pub at_once: usize,
}

impl Default for SyncSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_mins(5),
            every_notified: Duration::from_hours(1),
            days_back: 30,
            days_ahead: 30,
            events: Some(100),
            messages: Some(50),
            bodies: None,
            notified: false,
            at_once: 16,
        }
    }
}

impl SyncSettings {
    /// What of a feed belongs into the copy today.
    pub fn scope(&self, feed: FeedKind, now: Timestamp) -> Scope {
        let midnight =
            now.to_zoned(TimeZone::UTC).start_of_day().map_or(now, |day| day.timestamp());
        let days = |days: i32| midnight.saturating_add((days * 24).hours()).unwrap_or(midnight);
        let (window, limit) = match feed {
            FeedKind::Calendar => {
                let window = Window {
                    from: days(-i32::from(self.days_back)),
                    today: midnight,
                    to: days(i32::from(self.days_ahead) + 1),
                };
                (Some(window), self.events)
            }
            FeedKind::Email => (None, self.messages),
        };
        Scope { window, limit, bodies: self.bodies }
    }
}

/// The feeds that a provider has.
pub fn feeds_of(provider: &dyn Provider) -> impl Iterator<Item = FeedKind> {
    let has = [
        provider.calendar_feed().map(|_| FeedKind::Calendar),
        provider.email_feed().map(|_| FeedKind::Email),
    ];
    has.into_iter().flatten()
}

/// Reads feeds into the copy. Cheap to clone; all clones share their slots.
#[derive(Clone)]
pub struct Syncer(Arc<Inner>);

struct Inner {
    vault: Vault,
    gateway: Gateway,
    store: Arc<dyn SyncStore>,
    settings: SyncSettings,
    /// Up to which revision integrations have their feeds.
    enrolled: AtomicI64,
    slots: Arc<Semaphore>,
    /// Rings when somebody asked for a run in this process, or a slot is free.
    asked: Notify,
}

impl Syncer {
    /// A syncer of this vault's integrations.
    pub fn new(vault: Vault, store: Arc<dyn SyncStore>, settings: SyncSettings) -> Self {
        // Whoever waits holds a slot: what takes longer is tried again by the schedule.
        let patience = Patience { background: Duration::from_secs(20), ..Patience::default() };
        let gateway = Gateway::new(vault.clone()).with_patience(patience);
        Self(Arc::new(Inner {
            vault,
            gateway,
            store,
            slots: Arc::new(Semaphore::new(settings.at_once)),
            settings,
            enrolled: AtomicI64::new(0),
            asked: Notify::new(),
        }))
    }

    /// Asks for a run now of this feed of the owner's integration, or of all it has; joins one that is
    /// under way. It is carried out by the loop of whichever process comes first.
    pub async fn ask(
        &self,
        owner: UserId,
        id: IntegrationId,
        feed: Option<FeedKind>,
    ) -> Result<Vec<Asked>, CallError> {
        let feeds = self.offered(owner, id, feed).await?;
        self.enrol().await.map_err(TokenError::from)?;
        let asked = self.0.store.ask(owner, id, &feeds).await.map_err(TokenError::from)?;
        self.0.asked.notify_one();
        Ok(asked)
    }

    /// Where the feeds of the owner's integration stand.
    pub async fn status(
        &self,
        owner: UserId,
        id: IntegrationId,
    ) -> Result<Vec<FeedStatus>, CallError> {
        self.0.vault.integration(owner, id).await?;
        Ok(self.0.store.feeds(owner, Some(id)).await.map_err(TokenError::from)?)
    }

    /// Reads what is due for as long as the process runs. Start it with
    /// [`Tasks::spawn_loop`](crate::Tasks::spawn_loop); runs that were begun are tasks of their own.
    pub async fn run(self) {
        tokio::join!(self.read_due(), self.clone().tend());
    }

    /// Lets what was disconnected leave the copy, for as long as the process runs; where nothing is read on
    /// a schedule, this has to be done all the same.
    pub async fn tend(self) {
        let clock = &self.0.vault.parts().clock;
        loop {
            let rest = match self.take_away().await {
                Ok(true) => Duration::ZERO,
                Ok(false) => TEND,
                Err(error) => {
                    tracing::debug!(%error, "what was disconnected stays for now");
                    AWAY
                }
            };
            clock.sleep(rest).await;
        }
    }

    async fn take_away(&self) -> Stored<bool> {
        if self.0.vault.is_copy().await? {
            return Ok(false);
        }
        self.enrol().await?;
        self.0.store.take_away().await
    }

    async fn read_due(&self) {
        let clock = &self.0.vault.parts().clock;
        loop {
            let rest = match self.begin_due().await {
                Ok(rest) => rest,
                Err(error) => {
                    tracing::warn!(%error, "the feeds that are due could not be read");
                    AWAY
                }
            };
            tokio::select! {
                () = clock.sleep(rest) => {}
                () = self.0.asked.notified() => {}
            }
        }
    }

    /// Begins a run of everything that is due and has a slot; says how long there is nothing to do.
    async fn begin_due(&self) -> Stored<Duration> {
        if self.0.vault.is_copy().await? {
            return Ok(AWAY);
        }
        self.enrol().await?;
        let free = u32::try_from(self.0.slots.available_permits()).unwrap_or(u32::MAX);
        // Whoever gives a slot back rings.
        if free == 0 {
            return Ok(TICK);
        }
        for claimed in self.claim(free, None).await? {
            let Ok(slot) = Arc::clone(&self.0.slots).acquire_owned().await else { break };
            let syncer = self.clone();
            self.0.vault.tasks().spawn(async move {
                syncer.carry_out(&claimed).await;
                drop(slot);
                syncer.0.asked.notify_one();
            });
        }
        let next = self.0.store.next_feed().await?;
        let now = self.0.now().await?;
        Ok(next.map_or(TICK, |next| until(now, next).clamp(Duration::from_millis(100), TICK)))
    }

    /// Finishes everything that is due, and says how many runs that were.
    pub async fn work_once(&self) -> Stored<usize> {
        self.enrol().await?;
        let claimed = self.claim(u32::MAX, None).await?;
        join_all(claimed.iter().map(|claimed| self.carry_out(claimed))).await;
        Ok(claimed.len())
    }

    /// Carries out a run of this feed of the owner's integration, or of all it has, in this process;
    /// where another process has it, waits for that. `progress` is told from time to time where they
    /// stand; the end is either their run's, or the first failure of each.
    pub async fn work_on(
        &self,
        owner: UserId,
        id: IntegrationId,
        feed: Option<FeedKind>,
        mut progress: impl FnMut(&[FeedStatus]) + Send,
    ) -> Result<Vec<FeedStatus>, CallError> {
        let asked = self.ask(owner, id, feed).await?;
        let clock = &self.0.vault.parts().clock;
        loop {
            let mut status = self.status(owner, id).await?;
            status.retain(|status| asked.iter().any(|asked| asked.feed == status.feed));
            progress(&status);
            let open: Vec<_> = asked
                .iter()
                .filter(|asked| status.iter().any(|status| status.is_open(**asked)))
                .collect();
            if open.is_empty() {
                return Ok(status);
            }
            let work = join_all(open.iter().map(|asked| async {
                let this = FeedId { integration: id, feed: asked.feed };
                let claimed = self.claim(1, Some(this)).await.unwrap_or_default();
                join_all(claimed.iter().map(|claimed| self.carry_out(claimed))).await;
            }));
            let mut work = std::pin::pin!(work);
            loop {
                tokio::select! {
                    _ = &mut work => break,
                    () = clock.sleep(WATCH) => {
                        let mut status = self.status(owner, id).await?;
                        status.retain(|status| asked.iter().any(|it| it.feed == status.feed));
                        progress(&status);
                    }
                }
            }
            clock.sleep(WATCH).await;
        }
    }

    /// Gives feeds to what was connected meanwhile, and takes them from what is gone.
    async fn enrol(&self) -> Stored<()> {
        let offers: Vec<_> = (self.0.vault.providers().iter())
            .flat_map(|it| feeds_of(&**it).map(|feed| (it.manifest().key.clone(), feed)))
            .collect();
        loop {
            let since = self.0.enrolled.load(Ordering::Acquire);
            let reached = self.0.store.enrol(since, &offers).await?;
            if reached == since {
                return Ok(());
            }
            self.0.enrolled.fetch_max(reached, Ordering::AcqRel);
        }
    }

    async fn claim(&self, limit: u32, this: Option<FeedId>) -> Stored<Vec<(Claimed, Lease)>> {
        let parts = self.0.vault.parts();
        let lease = LeaseId::new(&*parts.clock, &*parts.entropy);
        let claim = Claim { lease, holder: parts.spool.holder(), life: LEASE };
        let claimed = self.0.store.claim_feeds(claim, limit, this).await?;
        let with = |claimed: Claimed| {
            let lease = Lease { id: claimed.id, lease, life: LEASE };
            (claimed, lease)
        };
        Ok(claimed.into_iter().map(with).collect())
    }

    /// Reads one feed until its run ends, it has had its time, or something stands in the way.
    async fn carry_out(&self, (claimed, lease): &(Claimed, Lease)) {
        let parts = self.0.vault.parts();
        let ends = parts.clock.uptime() + SLICE;
        let run = Run { syncer: &self.0, claimed, lease: *lease, ends };
        let read = tokio::select! {
            biased;
            read = run.read() => read,
            () = self.lost(lease) => Err(Stop::Lost),
            // Another process goes on at once.
            () = parts.tasks.stopped() => Err(Stop::Slice),
        };
        let (id, feed) = (claimed.id.integration, claimed.id.feed);
        let outcome = match &read {
            Ok(()) => "done",
            Err(Stop::Slice) => "continued",
            Err(Stop::Failed(_)) => "failed",
            Err(Stop::Lost | Stop::Store(_)) => "interrupted",
        };
        measure::synced(feed, outcome);
        match read {
            Err(Stop::Lost) => tracing::debug!(%id, %feed, "somebody else has the feed"),
            read => {
                let read = read.map_err(|stop| match stop {
                    Stop::Store(error) => {
                        tracing::warn!(%id, %feed, %error, "a run was interrupted");
                        Stop::not_stored()
                    }
                    stop => stop,
                });
                if let Err(error) = self.settle(claimed, lease, read).await {
                    tracing::warn!(%id, %feed, %error, "a run's end could not be written");
                }
            }
        }
    }

    /// Writes down how a run ended.
    async fn settle(
        &self,
        claimed: &Claimed,
        lease: &Lease,
        read: Result<(), Stop>,
    ) -> Stored<Option<()>> {
        let store = &self.0.store;
        let now = self.0.now().await?;
        match read {
            Ok(()) => {
                let word = store.subscriptions(claimed.id.integration).await?;
                let is_told = self.0.settings.notified
                    && word.iter().any(|it| {
                        it.id == claimed.id
                            && it.subscription.is_some()
                            && it.expires_at.is_some_and(|ends| ends > now)
                    });
                let settings = &self.0.settings;
                let every = if is_told { settings.every_notified } else { settings.every };
                store.end_run(lease, later(now, self.spread(every))).await
            }
            Err(Stop::Failed(failed)) => {
                let (id, feed) = (claimed.id.integration, claimed.id.feed);
                tracing::info!(%id, %feed, code = failed.failure.code, "a feed could not be read");
                let wait = failed.again.wait(claimed.attempts);
                let next = wait.map(|wait| later(now, self.spread(wait)));
                store.leave_run(lease, next, Some(&failed.failure)).await
            }
            Err(_) => store.leave_run(lease, Some(now), None).await,
        }
    }

    /// Extends the lease for as long as it can be; returns once it is lost.
    async fn lost(&self, lease: &Lease) {
        let clock = &self.0.vault.parts().clock;
        loop {
            clock.sleep(LEASE / 3).await;
            // What the database says later it says to whoever applies the next page.
            if let Ok(false) = self.0.store.hold(lease).await {
                return;
            }
        }
    }

    /// A time and up to a tenth more, so that what began together does not stay together.
    fn spread(&self, time: Duration) -> Duration {
        let random =
            u32::from(u16::from_be_bytes(crate::entropy::random(&*self.0.vault.parts().entropy)));
        time + time / 10 * random / u32::from(u16::MAX)
    }

    /// The feeds that are meant, if the integration has them.
    async fn offered(
        &self,
        owner: UserId,
        id: IntegrationId,
        feed: Option<FeedKind>,
    ) -> Result<Vec<FeedKind>, CallError> {
        let integration = self.0.vault.integration(owner, id).await?;
        let provider = self.0.vault.providers().find(&integration.provider);
        let offered: Vec<_> = provider.into_iter().flat_map(|p| feeds_of(&**p)).collect();
        let meant: Vec<_> =
            offered.into_iter().filter(|it| feed.is_none_or(|feed| feed == *it)).collect();
        if meant.is_empty() {
            let provider = provider
                .map_or_else(|| integration.provider.to_string(), |p| p.manifest().label.clone());
            let capability = feed.map_or("calendar or mailbox to copy", |feed| match feed {
                FeedKind::Calendar => "calendar to copy",
                FeedKind::Email => "mailbox to copy",
            });
            return Err(CallError::NotOffered { provider, capability });
        }
        Ok(meant)
    }
}

impl Inner {
    async fn now(&self) -> Stored<Timestamp> {
        self.vault.parts().store.now().await
    }
}

impl FeedStatus {
    /// Whether the run that was asked for may still come to an end by itself, soon.
    pub fn is_open(&self, asked: Asked) -> bool {
        use FeedStatusState::{Queued, Running};
        self.feed == asked.feed
            && self.done_run < asked.run
            && (matches!(self.state, Queued | Running) || self.run < asked.run)
    }
}

impl std::fmt::Debug for Syncer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Syncer").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(feed: FeedKind, now: &str) -> Scope {
        SyncSettings::default().scope(feed, now.parse().unwrap())
    }

    #[test]
    fn the_window_slides_with_the_days_and_not_within_one() {
        let morning = scope(FeedKind::Calendar, "2026-03-10T00:00:00Z");
        assert_eq!(
            morning.to_string(),
            "2026-02-08T00:00:00Z/2026-04-10T00:00:00Z 100 bare",
            "30 days before today, today, and 30 days after it"
        );
        assert_eq!(scope(FeedKind::Calendar, "2026-03-10T23:59:59Z"), morning);
        let tomorrow = scope(FeedKind::Calendar, "2026-03-11T00:00:00Z");
        assert_ne!(tomorrow.to_string(), morning.to_string());
    }

    #[test]
    fn what_is_copied_of_a_mailbox_does_not_depend_on_the_day() {
        let today = scope(FeedKind::Email, "2026-03-10T09:00:00Z");
        assert_eq!(today.to_string(), "all 50 bare");
        assert_eq!(scope(FeedKind::Email, "2027-01-01T00:00:00Z"), today);
    }
}
