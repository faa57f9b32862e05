//! One change at a time of one thing.
//!
//! A change replaces everything (contract, section 4.5): two at once would each put back what the other
//! has just taken away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use evergrant::capability::{Deal, DealOutcome};
use evergrant::{Api, CallError};
use serde::Serialize;
use tokio::sync::OwnedMutexGuard;

use super::effect::login_of;
use super::settle::SETTLING;
use crate::ig::call::in_time;

/// Where changes of the same position or order stand in line, as far as this process makes them.
#[derive(Debug, Default)]
pub(crate) struct Queues(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Queues {
    /// The turn of one change of `id`; from the reading until it is known what came of it.
    pub(super) async fn turn(&self, api: &Api, id: &str) -> OwnedMutexGuard<()> {
        let account = api.chosen().unwrap_or(&api.account().name);
        let name = format!("{}\n{account}\n{id}", login_of(api));
        let queue = {
            let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            queues.retain(|_, queue| queue.strong_count() > 0);
            let there = queues.get(&name).and_then(Weak::upgrade);
            there.unwrap_or_else(|| {
                let queue = Arc::default();
                queues.insert(name, Arc::downgrade(&queue));
                queue
            })
        };
        queue.lock_owned().await
    }
}

/// Says of a change that was done if something else is not as it was before: another process, or somebody at
/// IG's own pages, changed that at the same time, and one of the two may be lost.
pub(super) async fn compared<T: Serialize>(
    api: &Api,
    deal: Deal,
    before: &T,
    others: &[&str],
    after: impl Future<Output = Result<T, CallError>>,
) -> Deal {
    if deal.outcome != DealOutcome::Done || others.is_empty() {
        return deal;
    }
    let Ok(after) = in_time(api, SETTLING, after).await else { return deal };
    let told = |one: &T| serde_json::to_value(one).unwrap_or_default();
    let (before, after) = (told(before), told(&after));
    let differs = |name: &&&str| before.get(**name) != after.get(**name);
    let names: Vec<&str> = others.iter().filter(differs).copied().collect();
    if names.is_empty() {
        return deal;
    }
    let message = format!(
        "It was done. Meanwhile this changed as well, or was put back: {}. Look at it again.",
        names.join(", ")
    );
    Deal { reason: Some("changed_meanwhile".to_owned()), message: Some(message), ..deal }
}
