//! What changed in other processes: at most one second old, or known to be older.
//!
//! A token in memory may be handed out without asking the database, and yet never later than one
//! second after a disconnect anywhere. So every process polls the changes four times a second, and
//! what it remembers counts as fresh only while its last complete poll *began* less than a second
//! ago. Any change visible before that poll began was seen by it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::Clock;
use crate::clock::later;
use crate::store::{Change, GrantStore, Stored};

/// How long after the start of a poll its result may be relied on.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// How often to poll.
const EVERY: Duration = Duration::from_millis(250);

/// Called with every change, in order.
type Listener = Box<dyn Fn(Change) + Send + Sync>;

/// The feed of changes, polled.
pub struct News {
    store: Arc<dyn GrantStore>,
    clock: Arc<dyn Clock>,
    listeners: RwLock<Vec<Listener>>,
    /// The last revision seen.
    seen: Mutex<i64>,
    /// Microseconds of uptime until which memory is fresh.
    fresh_until: AtomicU64,
    /// The same by the wall clock, in microseconds since 1970: uptime stands still while a machine
    /// sleeps.
    fresh_until_wall: AtomicI64,
    /// Whether the last poll failed.
    away: AtomicBool,
    /// Microseconds of uptime at the first poll that succeeded after one that failed; 0 if none has.
    back_at: AtomicU64,
}

impl News {
    /// A feed that begins now: what its listeners remember must have been read later than this.
    pub async fn begin(store: Arc<dyn GrantStore>, clock: Arc<dyn Clock>) -> Stored<Arc<Self>> {
        let seen = Mutex::new(store.revision().await?);
        Ok(Arc::new(Self {
            store,
            clock,
            listeners: RwLock::default(),
            seen,
            fresh_until: AtomicU64::new(0),
            fresh_until_wall: AtomicI64::new(0),
            away: AtomicBool::new(false),
            back_at: AtomicU64::new(0),
        }))
    }

    /// Calls `listener` with every change from now on.
    pub fn subscribe(&self, listener: impl Fn(Change) + Send + Sync + 'static) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    /// Whether memory may be relied on without asking the database.
    pub fn fresh(&self) -> bool {
        self.fresh_at(self.clock.now(), self.clock.uptime())
    }

    /// The same for who has read both clocks already.
    pub(crate) fn fresh_at(&self, now: Timestamp, uptime: Duration) -> bool {
        micros(uptime) < self.fresh_until.load(Ordering::Acquire)
            && now.as_microsecond() < self.fresh_until_wall.load(Ordering::Acquire)
    }

    /// How long the database has been answering since this process last found it away; zero while it
    /// is, `None` if it never was.
    pub(crate) fn back_for(&self) -> Option<Duration> {
        if self.away.load(Ordering::Acquire) {
            return Some(Duration::ZERO);
        }
        let back_at = self.back_at.load(Ordering::Acquire);
        let since = micros(self.clock.uptime()).saturating_sub(back_at);
        (back_at > 0).then(|| Duration::from_micros(since))
    }

    /// Reads all changes since the last poll and tells the listeners.
    pub async fn poll(&self) -> Stored<()> {
        let polled = self.catch_up().await;
        if polled.is_err() {
            self.away.store(true, Ordering::Release);
        } else if self.away.load(Ordering::Acquire) {
            // From now on, and not from when the poll began: it may have waited for the database.
            self.back_at.store(micros(self.clock.uptime()).max(1), Ordering::Release);
            self.away.store(false, Ordering::Release);
        }
        polled
    }

    async fn catch_up(&self) -> Stored<()> {
        let mut seen = self.seen.lock().await;
        let (began, began_wall) = (self.clock.uptime(), self.clock.now());
        loop {
            let changes = self.store.changes(*seen).await?;
            let Some(last) = changes.last() else { break };
            let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
            for change in &changes {
                listeners.iter().for_each(|listener| listener(*change));
            }
            *seen = last.revision;
        }
        self.fresh_until.store(micros(began + FRESH_FOR), Ordering::Release);
        self.fresh_until_wall
            .store(later(began_wall, FRESH_FOR).as_microsecond(), Ordering::Release);
        Ok(())
    }

    /// Polls for as long as the process runs. Start it with [`Tasks::spawn_loop`](crate::Tasks::spawn_loop).
    pub async fn run(self: Arc<Self>) {
        let mut reachable = true;
        loop {
            let polled = self.poll().await;
            if polled.is_ok() != reachable {
                reachable = polled.is_ok();
                match polled {
                    Ok(()) => tracing::info!("the database answers again"),
                    Err(error) => tracing::warn!(%error, "the database does not answer"),
                }
            }
            self.clock.sleep(EVERY).await;
        }
    }
}

impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("News").field("fresh", &self.fresh()).finish_non_exhaustive()
    }
}

fn micros(uptime: Duration) -> u64 {
    u64::try_from(uptime.as_micros()).unwrap_or(u64::MAX)
}
