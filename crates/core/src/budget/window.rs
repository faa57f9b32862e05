//! How much happened within a sliding stretch of time.

use std::collections::VecDeque;
use std::time::Duration;

/// Into how many parts a window is divided: a busy mailbox costs so many numbers and not thousands.
const PARTS: u32 = 64;

/// Counts what happened within the last `length`, and at most a 64th of it longer.
///
/// Invariant: nothing is forgotten sooner than `length` after it happened.
#[derive(Debug)]
pub(super) struct Window {
    length: Duration,
    pub(super) parts: VecDeque<Part>,
    sum: u64,
}

/// What happened from one moment to another, both within a 64th of the window.
#[derive(Debug)]
pub(super) struct Part {
    first: Duration,
    last: Duration,
    amount: u64,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        Self { length, parts: VecDeque::new(), sum: 0 }
    }

    /// Counts what happens at `now`.
    pub(super) fn add(&mut self, now: Duration, amount: u64) {
        self.forget(now);
        self.sum += amount;
        match self.parts.back_mut() {
            // Whoever read the clock first may come second.
            Some(part) if now.saturating_sub(part.first) < self.length / PARTS => {
                (part.last, part.amount) = (part.last.max(now), part.amount + amount);
            }
            _ => self.parts.push_back(Part { first: now, last: now, amount }),
        }
    }

    /// How much counts at `now`.
    pub(super) fn sum(&mut self, now: Duration) -> u64 {
        self.forget(now);
        self.sum
    }

    /// When less counts than now, if anything does.
    pub(super) fn relief(&self) -> Option<Duration> {
        self.parts.front().map(|part| part.last + self.length)
    }

    fn forget(&mut self, now: Duration) {
        while let Some(part) = self.parts.pop_front_if(|part| part.last + self.length <= now) {
            self.sum -= part.amount;
        }
        if self.parts.is_empty() {
            // Idle mailboxes keep no memory.
            self.parts = VecDeque::new();
        }
    }
}
