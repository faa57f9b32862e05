//! A token for a caller: from memory, from the row, or from the one refresh that all callers share.

use std::sync::Arc;
use std::time::Duration;

use super::flight::Need;
use super::{LAST_MOMENT, TokenError, Vault};
use crate::grant::{AccessToken, LiveToken, MinLife, Version, Warning};
use crate::integration::Status;
use crate::measure;
use crate::seal::Field;
use crate::store::GrantRow;
use crate::{Grant, IntegrationId, UserId};

/// How long a caller with a usable token waits for a newer one before it takes the old.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a caller without a usable token waits for one.
const CALLER_LIMIT: Duration = Duration::from_secs(90);
/// After so many tokens in a row that the provider issued and its API refused, stop for a while.
const REFUSED_LIMIT: u8 = 3;
/// How long.
const REFUSED_PAUSE: Duration = Duration::from_mins(1);

impl Vault {
    /// The slow path, measured.
    pub(super) async fn obtain(
        &self,
        owner: UserId,
        id: IntegrationId,
        want: MinLife,
        rejected: Option<&AccessToken>,
        claims: Option<&str>,
    ) -> Result<AccessToken, TokenError> {
        let began = self.parts().clock.uptime();
        let obtained = self.seek(owner, id, want, rejected, claims).await?;
        let token = obtained.live();
        token.handouts.count(self.remaining(token));
        let waited = self.parts().clock.uptime().saturating_sub(began);
        measure::waited(&token.provider, waited);
        Ok(obtained)
    }

    /// The slow path: at most one refresh on behalf of this caller, joined if one is under way.
    pub(super) async fn seek(
        &self,
        owner: UserId,
        id: IntegrationId,
        want: MinLife,
        rejected: Option<&AccessToken>,
        claims: Option<&str>,
    ) -> Result<AccessToken, TokenError> {
        self.must_be_at_home().await?;
        let claims: Option<Arc<str>> = claims.map(Arc::from);
        let than = rejected.map(AccessToken::version);
        let least = want.0.max(LAST_MOMENT);
        let newer = |token: &LiveToken| than.is_none_or(|than| token.version > than);
        let good = |token: &LiveToken| newer(token) && self.remaining(token) >= least;
        let refused = rejected.map_or(0, AccessToken::refused);
        let mut longest = None;
        // Twice, because the first flight may be one that had begun for a reason of its own.
        for _ in 0..2 {
            let (held, warning) = self.hold(owner, id, self.parts().news.fresh()).await?;
            let remaining = self.remaining(&held);
            let usable = good(&held);
            if usable && remaining >= held.margin() {
                return Ok(AccessToken::new(held, warning));
            }
            // Asking for more life than the provider gives must not refresh on every call.
            let lifetime = held.lifetime();
            if newer(&held) && !usable && self.age(&held) < (lifetime / 10).max(LAST_MOMENT) {
                return Err(TokenError::Unattainable { longest: lifetime });
            }
            if !newer(&held) && refused >= REFUSED_LIMIT && self.age(&held) < REFUSED_PAUSE {
                return Err(TokenError::Refused {
                    retry_after: REFUSED_PAUSE.saturating_sub(self.age(&held)),
                });
            }
            if let Some(error) = self.0.flights.resting(id, self.parts().clock.uptime()) {
                // Another process may be luckier.
                if !usable
                    && let (stored, warning) = self.hold(owner, id, false).await?
                    && good(&stored)
                {
                    return Ok(AccessToken::new(stored, warning));
                }
                return self.settle(held, usable, warning, error);
            }
            let beyond = than.map_or(held.version, |than| than.max(held.version));
            let patience =
                if usable { PATIENCE.min(remaining.saturating_sub(least)) } else { CALLER_LIMIT };
            let flown = tokio::select! {
                biased;
                flown = self.fly(id, Need { beyond, refused, claims: claims.clone() }) => flown,
                () = self.parts().clock.sleep(patience) => {
                    if good(&held) {
                        return Ok(AccessToken::new(held, warning));
                    }
                    if usable {
                        // This machine stood still for so long that the token died.
                        continue;
                    }
                    Err(TokenError::timed_out())
                }
            };
            match flown {
                Ok(token) if good(&token) => return Ok(AccessToken::new(token, None)),
                Ok(token) if newer(&token) => longest = Some(token.lifetime()),
                Ok(_) => {}
                Err(error) => return self.settle(held, usable, warning, error),
            }
        }
        Err(longest
            .map_or_else(TokenError::interrupted, |longest| TokenError::Unattainable { longest }))
    }

    /// Serves the old token where it is still good and waiting is all that helps. That it could not
    /// be checked whether the integration is still there weighs more than why there is no newer one.
    pub(super) fn settle(
        &self,
        held: Arc<LiveToken>,
        usable: bool,
        unchecked: Option<Warning>,
        error: TokenError,
    ) -> Result<AccessToken, TokenError> {
        match error.warning() {
            Some(warning) if usable && self.remaining(&held) >= LAST_MOMENT => {
                Ok(AccessToken::new(held, unchecked.or(Some(warning))))
            }
            _ => Err(error),
        }
    }

    /// The current token as far as known without refreshing: from memory if that may be relied on,
    /// else from its row. While the database is away, memory is all there is.
    pub(super) async fn hold(
        &self,
        owner: UserId,
        id: IntegrationId,
        fresh: bool,
    ) -> Result<(Arc<LiveToken>, Option<Warning>), TokenError> {
        let cached = self.0.cache.find(id).filter(|token| token.owner == owner);
        match cached {
            Some(token) if fresh => Ok((token, None)),
            cached => match (self.read(owner, id).await, cached) {
                (Err(TokenError::Storage(_)), Some(token)) => {
                    Ok((token, Some(Warning::StorageUnavailable)))
                }
                (read, _) => read.map(|token| (token, None)),
            },
        }
    }

    /// Reads a row into memory; once more if it changes meanwhile.
    pub(super) async fn read(
        &self,
        owner: UserId,
        id: IntegrationId,
    ) -> Result<Arc<LiveToken>, TokenError> {
        loop {
            let row = self.parts().store.grant(id).await?;
            let row = row.filter(|row| row.owner == owner);
            match self.admit(&row.ok_or(TokenError::NotFound)?, 0) {
                Err(TokenError::Changed) => {}
                admitted => return admitted,
            }
        }
    }

    /// Opens a row into memory, if its status lets it be used.
    pub(super) fn admit(&self, row: &GrantRow, refused: u8) -> Result<Arc<LiveToken>, TokenError> {
        match &row.status {
            Status::Active => {}
            Status::Paused => return Err(TokenError::Paused),
            Status::NeedsReconnect { why, since } => {
                return Err(TokenError::ReconnectRequired { why: why.clone(), since: *since });
            }
        }
        if let Some(token) = self.0.cache.find(row.id)
            && token.version == row.version
            && token.revision == row.revision
        {
            return Ok(token);
        }
        let grant = self.open(row)?;
        self.remember(row, &grant, row.version, refused)
    }

    /// Puts a grant into memory; fails if its integration has changed since the row was read.
    pub(super) fn remember(
        &self,
        row: &GrantRow,
        grant: &Grant,
        version: Version,
        refused: u8,
    ) -> Result<Arc<LiveToken>, TokenError> {
        let clock = &self.0.parts.clock;
        // More than its whole life left means that the wall clock was set back since.
        let left = crate::clock::until(clock.now(), grant.expires_at).min(grant.lifetime());
        let provider = self.0.parts.providers.find(&row.provider);
        let token = Arc::new(LiveToken {
            id: row.id,
            owner: row.owner,
            provider: row.provider.clone(),
            handouts: measure::Handouts::of(&row.provider),
            version,
            revision: row.revision,
            secret: grant.access.clone(),
            kind: provider.map_or("Bearer", |provider| provider.token_type(grant)),
            scopes: grant.scopes.clone(),
            obtained_at: grant.obtained_at,
            expires_at: grant.expires_at,
            expires_uptime: clock.uptime() + left,
            refused,
            accepted: false.into(),
        });
        if self.0.cache.put(&token) { Ok(token) } else { Err(TokenError::Changed) }
    }

    pub(super) fn open(&self, row: &GrantRow) -> Result<Grant, TokenError> {
        let subject = row.id.to_string();
        let place = self.place(&subject, Field::Grant, row.version.epoch);
        let plain = self.0.parts.seal.open(place, &row.grant.sealed)?;
        Ok(Grant::from_plain(&plain)?)
    }

    pub(super) fn remaining(&self, token: &LiveToken) -> Duration {
        let clock = &self.0.parts.clock;
        token.remaining(clock.now(), clock.uptime())
    }

    pub(super) fn age(&self, token: &LiveToken) -> Duration {
        let clock = &self.0.parts.clock;
        token.age(clock.now(), clock.uptime())
    }
}
