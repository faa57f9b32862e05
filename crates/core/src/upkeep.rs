//! What has to be done from time to time: take over from the dead, revoke what is owed, say which
//! credentials end soon, and forget what timed out.

use std::time::Duration;

use crate::vault::{TokenError, Vault};

/// How often to look.
const EVERY: Duration = Duration::from_secs(5);
/// How often to look at the credentials' ends and to tidy up, in the same loop.
const SELDOM: Duration = Duration::from_hours(1);

/// The background loop beside the [`Renewer`](crate::Renewer).
#[derive(Debug)]
pub struct Upkeep {
    vault: Vault,
}

impl Upkeep {
    /// The upkeep of this vault.
    pub fn new(vault: Vault) -> Self {
        Self { vault }
    }

    /// Works for as long as the process runs. Start it with [`Tasks::spawn_loop`](crate::Tasks::spawn_loop).
    pub async fn run(self) {
        let clock = &self.vault.parts().clock;
        let mut seldom_at = Duration::ZERO;
        loop {
            if let Err(error) = self.work().await {
                tracing::debug!(%error, "the upkeep waits");
            }
            if clock.uptime() >= seldom_at {
                self.vault.announce_ends().await;
                if let Err(error) = self.vault.parts().store.tidy().await {
                    tracing::debug!(%error, "what timed out stays for now");
                }
                seldom_at = clock.uptime() + SELDOM;
            }
            clock.sleep(EVERY).await;
        }
    }

    async fn work(&self) -> Result<(), TokenError> {
        if self.vault.is_copy().await? {
            return Ok(());
        }
        // One has nothing to do with the other.
        let recovered = self.vault.recover_dead().await;
        self.vault.settle_debts().await.and(recovered)
    }
}
