//! Keeps providers telling of changes, and takes in what they tell.
//!
//! ```text
//! store.claim_subscriptions ─► provider.subscribe or .renew ─► store.put_subscription
//! provider ─► address ─► provider.read ─► store.take_hints, then the answer
//! ```
//!
//! The rules, each with a test of its name:
//!
//! 1. An address is known before the provider is asked: it calls back before it answers.
//! 2. Neither address nor state is kept, only their hashes: nobody who reads the database can make a
//!    notification.
//! 3. What is believed names its subscription and carries its state, is of the account's organisation, and
//!    nothing speaks against it. All else leaves no trace but an audit line and a count, and its sender
//!    learns nothing from the answer.
//! 4. A notification is a hint, whatever it says: the feed is read, or the provider asked.
//! 5. What was answered as taken is in the database.
//! 6. After a subscription was made the feed is read: what happened before it was told to nobody.
//! 7. One slow provider holds up no other.

mod address;
mod receive;
mod tend;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Notify, Semaphore};
use url::Url;

pub use receive::{Address, ReceiveError, Received};

use crate::gateway::{CallError, Gateway};
use crate::provider::ProviderKey;
use crate::repeat::Patience;
use crate::store::{Subscription, SyncStore};
use crate::syncer::feeds_of;
use crate::vault::{TokenError, Vault};
use crate::{IntegrationId, UserId};

/// How many subscriptions of one provider are tended at once.
const AT_ONCE: usize = 8;
/// How long no other process takes what this one has claimed; longer than tending may take.
const CLAIM: Duration = Duration::from_mins(5);
/// How often to look for what is due: other processes and newly connected accounts ring no bell here.
const EVERY: Duration = Duration::from_secs(10);
/// How long somebody who disconnects waits for the subscriptions' end; they end by themselves anyway.
const SHORT: Duration = Duration::from_secs(3);

/// Subscriptions to changes. Cheap to clone; all clones share their slots.
#[derive(Clone)]
pub struct Subscriptions(Arc<Inner>);

struct Inner {
    vault: Vault,
    gateway: Gateway,
    store: Arc<dyn SyncStore>,
    /// Where providers reach us; `None`: nobody is asked for word.
    address: Option<Url>,
    /// For each provider that sends word.
    slots: BTreeMap<ProviderKey, Arc<Semaphore>>,
    /// Rings when there may be something to do at once.
    due: Notify,
}

impl Subscriptions {
    /// Subscriptions of this vault's integrations, to be told at addresses below `address`, such as
    /// `https://grants.example.com/api/notifications/`. Without one all goes by the schedule.
    pub fn new(vault: Vault, store: Arc<dyn SyncStore>, address: Option<Url>) -> Self {
        // Whoever waits holds a slot: what takes longer is tried again later.
        let patience =
            Patience { background: Duration::from_secs(20), interactive: Duration::from_secs(1) };
        let gateway = Gateway::new(vault.clone()).with_patience(patience);
        let told = vault.providers().iter().filter(|provider| {
            provider.notifications().is_some() && feeds_of(&***provider).next().is_some()
        });
        let slots = told
            .map(|provider| (provider.manifest().key.clone(), Arc::new(Semaphore::new(AT_ONCE))))
            .collect();
        Self(Arc::new(Inner { vault, gateway, store, address, slots, due: Notify::new() }))
    }

    /// Tends subscriptions for as long as the process runs. Start it with
    /// [`Tasks::spawn_loop`](crate::Tasks::spawn_loop).
    pub async fn run(self) {
        let Some(address) = &self.0.address else { return };
        loop {
            if let Err(error) = self.tend_due(address).await {
                tracing::debug!(%error, "the subscriptions wait");
            }
            tokio::select! {
                () = self.0.vault.parts().clock.sleep(EVERY) => {}
                () = self.0.due.notified() => {}
            }
        }
    }

    /// Begins to tend everything that is due, as far as there are slots.
    async fn tend_due(&self, address: &Url) -> Result<(), TokenError> {
        if self.0.vault.is_copy().await? {
            return Ok(());
        }
        for (provider, slots) in &self.0.slots {
            let free = u32::try_from(slots.available_permits()).unwrap_or(u32::MAX);
            if free == 0 {
                continue;
            }
            let providers = std::slice::from_ref(provider);
            for row in self.0.store.claim_subscriptions(providers, CLAIM, free).await? {
                let Ok(slot) = Arc::clone(slots).acquire_owned().await else { break };
                let (all, slots, address) = (self.clone(), Arc::clone(slots), address.clone());
                self.0.vault.tasks().spawn(async move {
                    all.tend(&address, row).await;
                    let last = slots.available_permits() == 0;
                    drop(slot);
                    if last {
                        all.0.due.notify_one();
                    }
                });
            }
        }
        Ok(())
    }

    /// Ends the subscriptions of an integration that is about to be disconnected, as far as that is done
    /// soon: those that stay end by themselves, and what they tell is not believed.
    pub async fn end(&self, owner: UserId, id: IntegrationId) {
        tokio::select! {
            biased;
            ended = self.end_all(owner, id) => {
                if let Err(error) = ended {
                    tracing::debug!(%id, %error, "subscriptions end by themselves");
                }
            }
            () = self.0.vault.parts().clock.sleep(SHORT) => {
                tracing::debug!(%id, "subscriptions end by themselves: the provider takes its time");
            }
        }
    }

    async fn end_all(&self, owner: UserId, id: IntegrationId) -> Result<(), CallError> {
        let mut rows = self.0.store.subscriptions(id).await.map_err(TokenError::from)?;
        rows.retain(|row| row.owner == owner && row.subscription.is_some());
        let ended = rows.iter().map(|row| self.unsubscribe(row));
        join_all(ended).await.into_iter().collect()
    }

    async fn unsubscribe(&self, row: &Subscription) -> Result<(), CallError> {
        let api = self.0.gateway.open(row.owner, row.id.integration).await?;
        match (api.provider().notifications(), &row.subscription) {
            (Some(notifications), Some(id)) => notifications.unsubscribe(&api, id).await,
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscriptions").finish_non_exhaustive()
    }
}
