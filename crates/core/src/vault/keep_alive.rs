//! Sessions that are kept open for as long as somebody uses them.

use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::{TokenError, Vault};
use crate::{IntegrationId, MinLife, UserId};

/// How long to wait after a failure of which nobody knows when it passes.
const AGAIN: Duration = Duration::from_secs(5);

/// Keeps an integration's token fresh until it is dropped.
#[derive(Debug)]
#[must_use = "dropped, it keeps nothing alive"]
pub struct KeepAlive(#[expect(dead_code, reason = "it works by being dropped")] DropGuard);

impl Vault {
    /// Refreshes the integration's token ahead of need for as long as the guard lives, also where the
    /// provider is otherwise asked only on demand: while a program works with a session, a stream is
    /// open, or a page is shown. Ends by itself once the user must reconnect, has paused it, or has
    /// disconnected it.
    pub fn keep_alive(&self, owner: UserId, id: IntegrationId) -> KeepAlive {
        let (vault, dropped) = (self.clone(), CancellationToken::new());
        let guard = dropped.clone().drop_guard();
        self.tasks().spawn_loop(async move {
            tokio::select! {
                () = dropped.cancelled() => {}
                () = vault.renew_while_kept(owner, id) => {}
            }
        });
        KeepAlive(guard)
    }

    async fn renew_while_kept(&self, owner: UserId, id: IntegrationId) {
        let clock = &self.parts().clock;
        loop {
            let wait = match self.token(owner, id, MinLife::default()).await {
                Ok(token) if token.warning().is_some() => AGAIN,
                Ok(token) => {
                    let live = token.live();
                    // From its margin on the next one is fetched.
                    let good = self.remaining(live).saturating_sub(live.margin());
                    good + Duration::from_millis(1)
                }
                Err(
                    error @ (TokenError::NotFound
                    | TokenError::Paused
                    | TokenError::ReconnectRequired { .. }
                    | TokenError::Unreadable(_)),
                ) => {
                    tracing::info!(%id, %error, "a session is no longer kept alive");
                    return;
                }
                Err(TokenError::Unavailable { retry_after, .. }) => retry_after.max(AGAIN),
                Err(_) => AGAIN,
            };
            clock.sleep(wait).await;
        }
    }
}
