use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::Clock;
use crate::clock::later;

/// A clock that stands still until a test moves it.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    moved: Notify,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    uptime: Duration,
    sleepers: BinaryHeap<Reverse<Timestamp>>,
}

impl Default for TestClock {
    /// Starts at 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::at(Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_767_225_600))
    }
}

impl TestClock {
    /// A clock that says `now`.
    pub fn at(now: Timestamp) -> Self {
        let state = State { now, uptime: Duration::ZERO, sleepers: BinaryHeap::new() };
        Self(Arc::new(Shared { state: Mutex::new(state), moved: Notify::new() }))
    }

    /// Lets time pass and wakes who waited for it.
    pub fn advance(&self, by: Duration) {
        self.with(|state| {
            state.now = later(state.now, by);
            state.uptime += by;
        });
        self.0.moved.notify_waiters();
    }

    /// Sets the wall clock alone, as an operator or NTP does.
    pub fn set(&self, now: Timestamp) {
        self.with(|state| state.now = now);
        self.0.moved.notify_waiters();
    }

    /// The earliest moment somebody sleeps until.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        self.with(|state| {
            while state.sleepers.peek().is_some_and(|at| at.0 <= state.now) {
                state.sleepers.pop();
            }
            state.sleepers.peek().map(|at| at.0)
        })
    }

    /// Whether somebody sleeps, or slept, until this very moment, which is still to come.
    pub fn is_awaited(&self, at: Timestamp) -> bool {
        self.with(|state| at > state.now && state.sleepers.iter().any(|other| other.0 == at))
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.with(|state| state.now)
    }

    fn uptime(&self) -> Duration {
        self.with(|state| state.uptime)
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.with(|state| state.sleepers.push(Reverse(at)));
        loop {
            let moved = self.0.moved.notified();
            tokio::pin!(moved);
            // Registered before the time is read, so that no move between the two is missed.
            moved.as_mut().enable();
            if self.now() >= at {
                return;
            }
            moved.await;
        }
    }
}
