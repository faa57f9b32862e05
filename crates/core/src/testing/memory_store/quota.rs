//! Allowances, counted.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::MemoryStore;
use crate::clock::{later, until};
use crate::id::TurnId;
use crate::quota::{Came, Drawn, Left, NamedDraw, Rule, UNANSWERED, opens};
use crate::store::{QuotaStore, Stored};

#[derive(Debug, Default)]
pub(super) struct Quota {
    shut_until: Timestamp,
    /// What the provider said is left, and when all of it is there again.
    left: Option<(i64, Timestamp)>,
    turns: HashMap<TurnId, Turn>,
}

#[derive(Debug)]
struct Turn {
    amount: u32,
    until: Timestamp,
    /// The window; none where the provider counts.
    length: Duration,
}

impl Quota {
    /// Forgets what no longer counts. What was never answered is given back.
    fn lapse(&mut self, now: Timestamp) {
        let Self { turns, left, .. } = self;
        turns.retain(|_, turn| {
            if turn.until > now {
                return true;
            }
            if let (Some((left, _)), true) = (&mut *left, turn.length.is_zero()) {
                *left += i64::from(turn.amount);
            }
            false
        });
    }

    /// What stands in the way of a draw, if anything does.
    fn obstacle(&mut self, draw: &NamedDraw, always: bool, now: Timestamp) -> Option<Drawn> {
        self.lapse(now);
        let wait = |at: Timestamp, shut| {
            Some(Drawn::Wait { name: draw.name.clone(), wait: until(now, at), shut })
        };
        if self.shut_until > now {
            return wait(self.shut_until, true);
        }
        if always {
            return None;
        }
        match (draw.rule, self.left) {
            (Rule::Left, Some((left, renewed)))
                if left < i64::from(draw.amount) && renewed > now =>
            {
                wait(renewed, false)
            }
            (Rule::Left, _) => None,
            (Rule::Window { most, .. }, _) => {
                let used: u32 = self.turns.values().map(|turn| turn.amount).sum();
                // An answer may still come to what has none, and then a window passes.
                let relief = |turn: &Turn| turn.until.min(later(now, turn.length));
                let first = self.turns.values().map(relief).min()?;
                (used.saturating_add(draw.amount) > most).then(|| wait(first, false))?
            }
        }
    }
}

#[async_trait]
impl QuotaStore for MemoryStore {
    async fn draw(&self, turn: TurnId, draws: &[NamedDraw], always: bool) -> Stored<Drawn> {
        let now = self.clock.now();
        self.call(|state| {
            for draw in draws {
                let quota = state.quotas.entry(draw.name.clone()).or_default();
                if let Some(obstacle) = quota.obstacle(draw, always, now) {
                    return obstacle;
                }
            }
            for draw in draws {
                let quota = state.quotas.entry(draw.name.clone()).or_default();
                let length = match draw.rule {
                    Rule::Window { length, .. } => length,
                    Rule::Left => Duration::ZERO,
                };
                let until = later(now, length + UNANSWERED);
                quota.turns.insert(turn, Turn { amount: draw.amount, until, length });
                if let (Rule::Left, Some((left, _))) = (draw.rule, &mut quota.left) {
                    *left -= i64::from(draw.amount);
                }
            }
            Drawn::Taken
        })
    }

    async fn answered(&self, turn: TurnId, came: Came) -> Stored<()> {
        let now = self.clock.now();
        self.call(|state| {
            for quota in state.quotas.values_mut() {
                let Some(taken) = quota.turns.get_mut(&turn) else { continue };
                let counted_there = taken.length.is_zero();
                taken.until = later(now, taken.length);
                if came != Came::Answered
                    && let (Some((left, _)), true) = (&mut quota.left, counted_there)
                {
                    *left += i64::from(taken.amount);
                }
                if came == Came::Unsent || counted_there {
                    quota.turns.remove(&turn);
                }
            }
        })
    }

    async fn shut(&self, name: &str, wait: Duration) -> Stored<Duration> {
        let now = self.clock.now();
        self.call(|state| {
            let quota = state.quotas.entry(name.to_owned()).or_default();
            let renewed = quota.left.map(|(_, renewed)| renewed);
            let opens = opens(later(now, wait), renewed);
            quota.shut_until = quota.shut_until.max(opens);
            until(now, quota.shut_until)
        })
    }

    async fn left(&self, name: &str, left: Left) -> Stored<()> {
        let now = self.clock.now();
        self.call(|state| {
            let quota = state.quotas.entry(name.to_owned()).or_default();
            quota.left = Some((left.amount.into(), later(now, left.renewed_in)));
            // It knows of what was drawn before it spoke.
            quota.turns.retain(|_, turn| !turn.length.is_zero());
        })
    }
}
