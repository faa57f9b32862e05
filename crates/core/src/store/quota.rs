//! How allowances are counted that all processes share.

use std::time::Duration;

use async_trait::async_trait;

use super::Stored;
use crate::id::TurnId;
use crate::quota::{Came, Drawn, Left, NamedDraw};

/// What the database counts of allowances; by its own clock, so that all replicas agree.
#[async_trait]
pub trait QuotaStore: Send + Sync + 'static {
    /// Draws all of `draws`, which are in the order of their names, or nothing. With `always` only one
    /// that is shut stands in the way. What is drawn counts for its window, and for
    /// [`UNANSWERED`](crate::quota::UNANSWERED) more unless it is answered.
    async fn draw(&self, turn: TurnId, draws: &[NamedDraw], always: bool) -> Stored<Drawn>;

    /// The request of a turn is answered: its draws count for their windows from now on. What was never
    /// sent does not count. Without success, or without an answer for too long, what it took of an amount
    /// that the provider counts is given back, unless the provider has spoken since.
    async fn answered(&self, turn: TurnId, came: Came) -> Stored<()>;

    /// Nothing is drawn from this allowance for so long, nor before it is renewed where the provider has
    /// said when; gives how long that is.
    async fn shut(&self, name: &str, wait: Duration) -> Stored<Duration>;

    /// The provider said what is left.
    async fn left(&self, name: &str, left: Left) -> Stored<()>;
}
