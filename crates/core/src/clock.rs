//! Time as a parameter: nothing in this workspace asks the operating system what time it is.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// Tells the time and waits for it.
///
/// Two readings, because each lies in its own way: the wall clock can be set back, the monotonic
/// one stops while a laptop sleeps. What must not outlive a moment is checked against both.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, in UTC.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment of this process; never goes back.
    fn uptime(&self) -> Duration;

    /// Returns once [`Clock::now`] has reached `at`.
    async fn sleep_until(&self, at: Timestamp);

    /// Returns once `wait` has passed.
    async fn sleep(&self, wait: Duration) {
        self.sleep_until(later(self.now(), wait)).await;
    }
}

/// The machine's own clock, in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the port's real version")]
        let started = std::time::Instant::now();
        Self { started }
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the port's real version")]
        let now = Timestamp::now();
        // Databases keep microseconds: a time that was stored and read back is to be the same time.
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep_until(&self, at: Timestamp) {
        #[expect(clippy::disallowed_methods, reason = "this is the port's real version")]
        tokio::time::sleep(until(self.now(), at)).await;
    }
}

/// `at` moved forward by `by`; the end of time instead of an overflow.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// How long from `now` until `at`; zero once it has passed.
pub fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}
