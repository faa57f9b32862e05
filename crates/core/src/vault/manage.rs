//! What happens to an integration between its connect and its end, and the end.

use std::future::Future;
use std::time::Duration;

use super::{ConnectError, TokenError, Vault};
use crate::clock::later;
use crate::failpoint::FailPoint;
use crate::integration::Integration;
use crate::seal::{Field, Sealed};
use crate::store::Edit;
use crate::{DebtId, IntegrationId, Secret, UserId};

/// How long a link to reconnect works.
const LINK_LIFE: Duration = Duration::from_hours(24);

impl Vault {
    /// Ends an integration. From this moment no token of it is handed out here, and from one second
    /// later on none anywhere; the grant is revoked at the provider as far as that lets us.
    pub async fn disconnect(&self, owner: UserId, id: IntegrationId) -> Result<(), TokenError> {
        let vault = self.clone();
        let ended = self.to_its_end(async move { vault.end(owner, id).await });
        ended.await.unwrap_or(Err(TokenError::interrupted()))
    }

    async fn end(&self, owner: UserId, id: IntegrationId) -> Result<(), TokenError> {
        self.must_be_at_home().await?;
        let parts = self.parts();
        let now = parts.clock.now();
        // Whether its provider can revoke it at all, whoever that is, is seen when it is tried.
        let debt = DebtId::new(&*parts.clock, &*parts.entropy);
        let row = parts.store.disconnect(owner, id, now, Some(debt)).await?;
        let row = row.ok_or(TokenError::NotFound)?;
        self.0.cache.raise(id, row.revision + 1, parts.clock.uptime());
        self.0.flights.rested(id);
        tracing::info!(%id, provider = %row.provider, "account disconnected");
        FailPoint::DuringDisconnect.pass().await;
        self.settle_soon();
        Ok(())
    }

    /// Renames, pauses or resumes an integration.
    pub async fn edit(
        &self,
        owner: UserId,
        id: IntegrationId,
        edit: &Edit,
    ) -> Result<Integration, TokenError> {
        let parts = self.parts();
        let edited = parts.store.edit(owner, id, edit, parts.clock.now()).await?;
        let edited = edited.ok_or(TokenError::NotFound)?;
        self.changed_here(id).await;
        Ok(edited)
    }

    /// The owner's integration.
    pub async fn integration(
        &self,
        owner: UserId,
        id: IntegrationId,
    ) -> Result<Integration, TokenError> {
        self.parts().store.integration(owner, id).await?.ok_or(TokenError::NotFound)
    }

    /// The owner's integrations after `after`, oldest first, at most `limit`.
    pub async fn integrations(
        &self,
        owner: UserId,
        after: Option<IntegrationId>,
        limit: u32,
    ) -> Result<Vec<Integration>, TokenError> {
        Ok(self.parts().store.integrations(owner, after, limit).await?)
    }

    /// A text that lets whoever holds it begin to reconnect this integration, for a day.
    ///
    /// It gives nothing away: whoever follows it must sign in as the integration's own account.
    pub fn reconnect_link(&self, owner: UserId, id: IntegrationId) -> Secret {
        let until = later(self.parts().clock.now(), LINK_LIFE).as_second();
        let plain = format!("{owner} {id} {until}");
        self.parts()
            .seal
            .seal(self.place("reconnect", Field::Link, 0), plain.as_bytes())
            .into_text()
    }

    /// Whose integration a link is about, unless it is made up or too old.
    pub fn follow_link(&self, link: &Secret) -> Result<(UserId, IntegrationId), ConnectError> {
        let sealed = Sealed::from_text(link.expose()).ok_or(ConnectError::InvalidState)?;
        let place = self.place("reconnect", Field::Link, 0);
        let plain =
            self.parts().seal.open(place, &sealed).map_err(|_| ConnectError::InvalidState)?;
        let parsed = || {
            let mut words = std::str::from_utf8(&plain).ok()?.split(' ');
            let owner = words.next()?.parse().ok()?;
            let id = words.next()?.parse().ok()?;
            let until: i64 = words.next()?.parse().ok()?;
            (until > self.parts().clock.now().as_second()).then_some((owner, id))
        };
        parsed().ok_or(ConnectError::InvalidState)
    }

    /// Forgets what was read before a change of this process's own, and takes note of its revision
    /// the way every process does.
    pub(super) async fn changed_here(&self, id: IntegrationId) {
        self.0.cache.forget(id);
        if let Err(error) = self.parts().news.poll().await {
            tracing::warn!(%id, %error, "the change is stored but could not be read back");
        }
    }

    /// Runs `work` to its end even if the caller goes away; `None` if it panics.
    pub(super) async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, ended) = tokio::sync::oneshot::channel();
        self.parts().tasks.spawn(async move {
            // Nobody waiting any more is no reason to stop.
            let _ = done.send(work.await);
        });
        ended.await.ok()
    }
}
