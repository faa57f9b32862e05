//! The queues before allowances, one for each that somebody waits for.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, OwnedMutexGuard};

use super::{NamedDraw, lock};
use crate::Clock;
use crate::budget::TooLong;

/// The queues of one process.
pub(super) struct Lines {
    clock: Arc<dyn Clock>,
    lines: Mutex<HashMap<String, Arc<Line>>>,
}

/// One queue. Times are the clock's uptime.
#[derive(Default)]
struct Line {
    head: Arc<tokio::sync::Mutex<()>>,
    /// Whoever is at the head does not get on before, as far as is known.
    until: Mutex<Duration>,
    /// Rings when that is later than it was.
    later: Notify,
}

/// The place at the head of a queue, until it is dropped.
pub(super) struct Head {
    pub(super) name: String,
    line: Arc<Line>,
    clock: Arc<dyn Clock>,
    _place: OwnedMutexGuard<()>,
}

impl Lines {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, lines: Mutex::default() }
    }

    /// The first of these allowances that somebody stands in line for.
    pub(super) fn occupied<'a>(&self, draws: &'a [NamedDraw]) -> Option<&'a str> {
        let lines = lock(&self.lines);
        // Whoever stands in a line holds on to it.
        let taken = |name| lines.get(name).is_some_and(|line| Arc::strong_count(line) > 1);
        draws.iter().map(|draw| draw.name.as_str()).find(|name| taken(*name))
    }

    /// Stands in line until it is at the head, or knows that this takes too long.
    pub(super) async fn stand(&self, name: &str, deadline: Duration) -> Result<Head, TooLong> {
        let line = Arc::clone(lock(&self.lines).entry(name.to_owned()).or_default());
        let mut head = pin!(Arc::clone(&line.head).lock_owned());
        loop {
            // Listened to from before the time is read, so that no ring between the two is missed.
            let later = line.later.notified();
            let (now, until) = (self.clock.uptime(), *lock(&line.until));
            if until > deadline || now > deadline {
                return Err(line.too_long(now));
            }
            tokio::select! {
                biased;
                place = &mut head => {
                    let (name, clock) = (name.to_owned(), Arc::clone(&self.clock));
                    return Ok(Head { name, line: Arc::clone(&line), clock, _place: place });
                }
                () = later => {}
                () = self.clock.sleep(deadline.saturating_sub(now)) => {
                    return Err(line.too_long(self.clock.uptime()));
                }
            }
        }
    }

    /// Nobody in this line gets on before then.
    pub(super) fn hold_up(&self, name: &str, until: Duration) {
        let line = lock(&self.lines).get(name).map(Arc::clone);
        if let Some(line) = line {
            line.hold_up(until);
        }
    }

    /// Forgets queues that nobody stands in.
    pub(super) fn sweep(&self) {
        lock(&self.lines).retain(|_, line| Arc::strong_count(line) > 1);
    }
}

impl Line {
    fn too_long(&self, now: Duration) -> TooLong {
        let wait = lock(&self.until).saturating_sub(now);
        TooLong { retry_after: (!wait.is_zero()).then_some(wait) }
    }

    fn hold_up(&self, until: Duration) {
        let mut known = lock(&self.until);
        if until > *known {
            *known = until;
            self.later.notify_waiters();
        }
    }
}

impl Head {
    /// Waits at the head, and tells those behind; until then, or until it is later than that.
    pub(super) async fn wait_until(&self, until: Duration) {
        self.line.hold_up(until);
        let later = self.line.later.notified();
        tokio::select! {
            () = later => {}
            () = self.clock.sleep(until.saturating_sub(self.clock.uptime())) => {}
        }
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        // Who is next finds out by itself.
        *lock(&self.line.until) = Duration::ZERO;
    }
}
