//! Refreshes ahead of need, earliest deadline first.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::{later, until};
use crate::store::Stored;
use crate::vault::{TokenError, Vault};

/// How many refreshes it has under way at once. On-demand refreshes are not counted, so a herd of
/// expired grants after an outage never keeps a caller waiting.
const CONCURRENCY: usize = 20;
/// How many due grants it takes at once.
const BATCH: u32 = 100;
/// How long no other process takes what this one has claimed; also the pause before the next try
/// when a refresh failed.
const CLAIM: Duration = Duration::from_mins(1);
/// The longest sleep: a grant stored by another process may have come due meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(15);

/// The background loop that keeps tokens young.
#[derive(Debug)]
pub struct Renewer {
    vault: Vault,
    slots: Arc<Semaphore>,
}

impl Renewer {
    /// A renewer for this vault's grants.
    pub fn new(vault: Vault) -> Self {
        Self { vault, slots: Arc::new(Semaphore::new(CONCURRENCY)) }
    }

    /// Renews for as long as the process runs. Start it with [`Tasks::spawn_loop`](crate::Tasks::spawn_loop).
    pub async fn run(self) {
        loop {
            let rest = match self.renew_due().await {
                Ok(rest) => rest,
                Err(error) => {
                    tracing::warn!(%error, "the due grants could not be read");
                    LONGEST_SLEEP
                }
            };
            tokio::select! {
                () = self.vault.parts().clock.sleep(rest) => {}
                () = self.vault.grant_stored() => {}
            }
            self.vault.sweep();
        }
    }

    /// Starts a refresh of everything that is due; says how long there is nothing to do.
    async fn renew_due(&self) -> Stored<Duration> {
        let parts = self.vault.parts();
        loop {
            let now = parts.store.now().await?;
            let again = later(now, CLAIM);
            let due = parts.store.claim_due(now, again, BATCH).await?;
            if due.is_empty() {
                let next = parts.store.next_due().await?;
                return Ok(next.map_or(LONGEST_SLEEP, |next| until(now, next).min(LONGEST_SLEEP)));
            }
            for id in due {
                let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else {
                    break;
                };
                let vault = self.vault.clone();
                parts.tasks.spawn(async move {
                    let _slot = slot;
                    match vault.renew(id, again).await {
                        // What needs a person or time was logged where it was found out.
                        Ok(()) | Err(TokenError::NotFound | TokenError::Paused) => {}
                        Err(error) => tracing::debug!(%id, %error, "not renewed"),
                    }
                });
            }
        }
    }
}
