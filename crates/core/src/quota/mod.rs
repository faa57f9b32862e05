//! Allowances that all processes share: counted in the database, whoever calls.
//!
//! A [`Budget`](crate::budget) keeps one process within what an account takes at a time. Some providers
//! also count calls by the minute, so few of them that replicas must not each have their own count, and
//! punish overstepping. What a request draws on says its provider ([`Provider::draws`]). The rules, each
//! with a test of its name:
//!
//! 1. Of all processes together never more is drawn within an allowance's window than it holds; a draw
//!    counts from before its request is sent until a window after its answer.
//! 2. A refusal that names an allowance shuts it for everybody, and nothing that draws on it is sent
//!    before it opens; what draws on others goes on.
//! 3. Refreshes are counted, and wait for nobody: calls leave room for them. While an allowance is shut,
//!    they are not sent either. Whoever signs in waits as a call does, so that nobody who tries again and
//!    again uses up what all share.
//! 4. First come, first served within a process, at each allowance; and whoever would have to wait for
//!    longer than its patience hears so at once.
//! 5. A window that the provider calls used up while we counted room in it is doubted: what is allowed is
//!    learned anew before the next call that draws on it.
//! 6. Without the database calls go on, uncounted, until the provider says stop.
//!
//! [`Provider::draws`]: crate::provider::Provider::draws

mod counted;
mod drawer;
mod line;
mod metered;
mod shared;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::provider::{Actor, AuthError, Failure};

pub(crate) use counted::Counted;
pub(crate) use drawer::Drawer;
pub(crate) use metered::Metered;
pub(crate) use shared::Quotas;

/// What one request takes from one allowance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// The kind of allowance, such as `trading`; a refusal names it.
    pub kind: &'static str,
    /// Whose it is at the provider, such as an account's id; empty for the whole registration.
    pub of: String,
    /// How much of it the request takes.
    pub amount: u32,
    /// How it is renewed.
    pub rule: Rule,
}

/// How an allowance is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// So much within any stretch of this length, as we count it. What is more than all of it goes alone.
    Window {
        /// How much.
        most: u32,
        /// The stretch.
        length: Duration,
    },
    /// As much as the provider said is left ([`Api::left`](crate::Api::left)), until it is renewed. What
    /// it never spoke of has no end. Only success takes of it: else a few failed calls would use up what
    /// is renewed in days.
    Left,
}

/// What the provider said is left of an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How much.
    pub amount: u32,
    /// How long until all of it is there again.
    pub renewed_in: Duration,
}

/// A draw as the database counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedDraw {
    /// Names the allowance among all: registration, kind and whose.
    pub name: String,
    /// How much is drawn.
    pub amount: u32,
    /// How it is renewed.
    pub rule: Rule,
}

/// What came of drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drawn {
    /// It is drawn.
    Taken,
    /// Nothing is drawn: this allowance is used up or shut.
    Wait {
        /// Which.
        name: String,
        /// How long at least.
        wait: Duration,
        /// Whether the provider shut it; otherwise it is we who counted.
        shut: bool,
    },
}

/// What became of a request that was drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It never left, and counts for nothing.
    Unsent,
    /// It was answered, and with no success: it counts by the window, but takes nothing of an amount that
    /// the provider counts.
    Refused,
    /// It was answered with success.
    Answered,
}

/// When an allowance that is shut opens: no sooner than was asked, nor than it is renewed.
pub fn opens(asked: Timestamp, renewed_at: Option<Timestamp>) -> Timestamp {
    renewed_at.map_or(asked, |at| at.max(asked))
}

/// How long an allowance is shut where the provider says stop and not for how long.
pub(crate) const STOP: Duration = Duration::from_mins(1);

/// The cause of there being no token while an allowance is shut.
pub(crate) const USED_UP: &str = "allowance_used_up";

/// Nothing was obtained, because nothing may be sent for so long.
pub(crate) fn used_up(wait: Duration) -> AuthError {
    let message = "What the provider allows this registration is used up for the moment.";
    let failure = Failure::new(USED_UP, Actor::Nobody, message)
        .remedied_by("It is tried again as soon as the provider allows it.");
    AuthError::Unavailable { failure, retry_after: Some(wait), sent: false }
}

/// For how long a draw counts whose answer never came: an exchange takes half a minute at most. What it
/// took of an amount that the provider counts is given back then: the provider's next word corrects it.
pub const UNANSWERED: Duration = Duration::from_mins(1);

/// How long a draw is held at most before its request is sent: it would lapse, and keep others waiting.
pub(crate) const HELD: Duration = Duration::from_secs(5);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
