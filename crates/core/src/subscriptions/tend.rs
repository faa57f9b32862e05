//! Looks after one subscription: renews it, makes it, or waits.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use http::StatusCode;
use jiff::Timestamp;
use url::Url;

use super::address::{NewAddress, hash, ours, secret};
use super::{CLAIM, Subscriptions};
use crate::clock::{later, until};
use crate::gateway::{Api, CallError, Denial};
use crate::notification::{Notifications, Renewed, Subscribe};
use crate::store::{Hint, Subscription};
use crate::vault::TokenError;

/// The wait after a first failure; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait, and the one where somebody has to mend something first.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

impl Subscriptions {
    /// Looks after a subscription that is due.
    pub(super) async fn tend(&self, address: &Url, mut row: Subscription) {
        let error = match self.renew_or_make(address, &mut row).await {
            // What was disconnected has no feeds any more.
            Ok(()) | Err(CallError::Token(TokenError::NotFound)) => return,
            Err(error) => error,
        };
        let (id, feed, attempts) = (row.id.integration, row.id.feed, row.attempts);
        let wait = self.wait(&error, attempts);
        if attempts == 0 {
            tracing::warn!(%id, %feed, %error, ?wait, "the provider does not send word of changes");
        } else {
            tracing::debug!(%id, %feed, %error, ?wait, attempts, "still no word of changes");
        }
        row.attempts = attempts.saturating_add(1);
        // Where not even this can be stored it is due again when the claim ends.
        let stored = async {
            row.due_at = later(self.0.vault.parts().store.now().await?, wait);
            self.0.store.put_subscription(&row).await
        };
        if let Err(error) = stored.await {
            tracing::debug!(%id, %feed, %error, "a subscription is looked after again soon");
        }
    }

    async fn renew_or_make(&self, address: &Url, row: &mut Subscription) -> Result<(), CallError> {
        let api = self.0.gateway.open(row.owner, row.id.integration).await?.background();
        let provider = api.provider().clone();
        let Some(notifications) = provider.notifications() else { return Ok(()) };
        if let Some(id) = row.subscription.clone()
            && row.expires_at.is_some_and(|end| end > api.now())
        {
            let ours = ours(address, &row.provider, row.id).map_err(no_url)?;
            match notifications.renew(&api, &id, &ours).await {
                Ok(Renewed::Until(end)) => return self.lives_until(row, end).await.map(drop),
                Err(error) if !is_over(&error) => return Err(error),
                outcome => {
                    tracing::info!(id = %row.id.integration, feed = %row.id.feed, ?outcome, "a subscription is made anew");
                    end_quietly(notifications, &api, &id).await;
                }
            }
        }
        self.make(address, row, &api, notifications).await
    }

    /// Makes a new one in place of whatever was there.
    async fn make(
        &self,
        address: &Url,
        row: &mut Subscription,
        api: &Api,
        notifications: &dyn Notifications,
    ) -> Result<(), CallError> {
        let parts = self.0.vault.parts();
        let address =
            NewAddress::new(address, &row.provider, row.id, &*parts.entropy).map_err(no_url)?;
        let state = secret(&*parts.entropy);
        row.address_hash = Some(address.hash);
        row.state_hash = Some(hash(state.expose()));
        (row.subscription, row.expires_at) = (None, None);
        row.due_at = later(parts.store.now().await.map_err(TokenError::from)?, CLAIM);
        if !self.0.store.put_subscription(row).await.map_err(TokenError::from)? {
            return Ok(());
        }
        let ask =
            Subscribe { feed: row.id.feed, url: &address.url, ours: &address.ours, state: &state };
        let made = notifications.subscribe(api, &ask).await?;
        row.subscription = Some(made.id.clone());
        if !self.lives_until(row, made.expires_at).await? {
            end_quietly(notifications, api, &made.id).await;
            return Ok(());
        }
        tracing::debug!(id = %row.id.integration, feed = %row.id.feed, until = %made.expires_at, "the provider sends word of changes");
        // Of what happened until now nobody was told, or nobody was believed.
        let mut digest_of = [0; 32];
        digest_of.copy_from_slice(digest(&SHA256, made.id.as_bytes()).as_ref());
        let hint = Hint { id: row.id, digest: digest_of, look_after: false };
        self.0.store.take_hints(&[hint]).await.map_err(TokenError::from)?;
        Ok(())
    }

    /// Stores that it lives, and when to renew it; `false` if its feed is no more.
    async fn lives_until(&self, row: &mut Subscription, end: Timestamp) -> Result<bool, CallError> {
        let parts = self.0.vault.parts();
        let now = parts.store.now().await.map_err(TokenError::from)?;
        // At half its life, and not all at once.
        let spread = u32::from(u16::from_be_bytes(crate::entropy::random(&*parts.entropy)));
        let half = until(now, end) / 2;
        row.due_at = later(now, half / 10 * 9 + half / 10 * spread / u32::from(u16::MAX));
        row.expires_at = Some(end);
        row.attempts = 0;
        Ok(self.0.store.put_subscription(row).await.map_err(TokenError::from)?)
    }

    /// How long to wait after this.
    fn wait(&self, error: &CallError, attempts: u32) -> Duration {
        let most = if takes_somebody(error) {
            LONGEST_WAIT
        } else {
            FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempts)).min(LONGEST_WAIT)
        };
        let entropy = &*self.0.vault.parts().entropy;
        let spread = u32::from(u16::from_be_bytes(crate::entropy::random(entropy)));
        let wait = most / 2 + most / 2 * spread / u32::from(u16::MAX);
        let asked = match error {
            CallError::Throttled { retry_after } | CallError::Unavailable { retry_after, .. } => {
                retry_after.unwrap_or_default()
            }
            _ => Duration::ZERO,
        };
        wait.max(asked)
    }
}

fn no_url(_: url::ParseError) -> CallError {
    CallError::InvalidPath("the address for notifications makes no URL")
}

/// Whether there is no subscription to renew, or it cannot be as it is.
fn is_over(error: &CallError) -> bool {
    match error {
        CallError::Denied { denial, .. } => {
            matches!(denial, Denial::ItemNotFound | Denial::Input | Denial::Conflict)
        }
        CallError::Refused { status, .. } => {
            status.is_client_error() && *status != StatusCode::FORBIDDEN
        }
        CallError::Invalid { .. } => true,
        _ => false,
    }
}

/// Whether it stays like this until somebody does something about it.
fn takes_somebody(error: &CallError) -> bool {
    match error {
        CallError::Token(error) => !matches!(
            error,
            TokenError::Unavailable { .. } | TokenError::Storage(_) | TokenError::Changed
        ),
        CallError::TokenRefused | CallError::Denied { .. } | CallError::NotOffered { .. } => true,
        CallError::Refused { status, .. } => *status == StatusCode::FORBIDDEN,
        _ => false,
    }
}

/// Ends one that nobody will know any more; if that fails it ends by itself.
async fn end_quietly(notifications: &dyn Notifications, api: &Api, id: &str) {
    if let Err(error) = notifications.unsubscribe(api, id).await {
        tracing::debug!(id = %api.integration(), %error, "a subscription ends by itself");
    }
}
