//! What processes that died have left behind: intents, and answers nobody has interpreted.

use std::time::Duration;

use super::exchange::{Answer, Replayed};
use super::{TokenError, Vault};
use crate::failpoint::FailPoint;
use crate::measure;
use crate::provider::{AuthError, RefreshAsk};
use crate::seal::{Field, SealError, Sealed};
use crate::store::{Commit, Committed, Ended, GrantRow, Outcome};
use crate::{AttemptId, Grant, Secret};

impl Vault {
    /// Takes over from the processes of this machine that died: the answers in their spools become
    /// grants, and then their intents lose their force. No token is sent to anybody.
    ///
    /// Run it before the loops start; [`Upkeep`](crate::Upkeep) repeats it.
    pub async fn recover_dead(&self) -> Result<(), TokenError> {
        if self.is_copy().await? {
            return Ok(());
        }
        let parts = self.parts();
        let spool = &parts.spool;
        let dead = spool.dead().await.map_err(TokenError::spool)?;
        for holder in &dead {
            spool.bury(*holder).await.map_err(TokenError::spool)?;
            tracing::info!(%holder, "took over from a process that died");
        }
        let answers = spool.answers().await.map_err(TokenError::spool)?;
        measure::spool_depth(u32::try_from(answers.len()).unwrap_or(u32::MAX));
        let mut left = 0;
        for (attempt, sealed) in answers {
            match self.adopt(attempt, &sealed).await {
                Ok(()) => self.forget_answer(attempt).await,
                // The database is away still, or the operator must give a key: it stays.
                Err(error) => {
                    left += 1;
                    tracing::warn!(%attempt, %error, "an answer stays in the spool");
                }
            }
        }
        // Only now: as long as an answer waits, nobody may present the token that it replaces.
        if left == 0 {
            for holder in dead {
                parts.store.orphan(holder).await?;
            }
        }
        Ok(())
    }

    /// Makes a grant of an answer that lies beside its intent.
    pub(super) async fn recover(
        &self,
        row: &GrantRow,
        attempt: AttemptId,
        sealed: &Sealed,
    ) -> Result<(), TokenError> {
        match self.adopt(attempt, sealed).await {
            // Altered, moved, or not for this version: as good as lost. A key that is missing the
            // operator can give, and until then the answer stays.
            Err(
                error @ (TokenError::Sealed(SealError::Altered | SealError::Misplaced)
                | TokenError::Unreadable(_)),
            ) => {
                tracing::error!(id = %row.id, %error, "a kept answer cannot be read");
                Ok(self.drop_answer(row, attempt).await?)
            }
            adopted => adopted,
        }
    }

    async fn adopt(&self, attempt: AttemptId, sealed: &Sealed) -> Result<(), TokenError> {
        let parts = self.parts();
        let subject = attempt.to_string();
        let plain = parts.seal.open(self.place(&subject, Field::Answer, 0), sealed)?;
        let answer = Answer::from_plain(&plain).ok_or(crate::grant::UnreadableGrant)?;
        let Some(row) = parts.store.grant(answer.id).await? else {
            tracing::info!(id = %answer.id, "an answer for a grant that is gone: discarded");
            return Ok(());
        };
        let current = row.version.epoch == answer.epoch && row.grant.lineage == answer.spent;
        let stored = self.open(&row)?;
        // Committed before its process died; or the refresh token is the same, and the grant newer.
        let done = !current && row.grant.lineage == answer.next;
        if done || (current && answer.began() < stored.obtained_at) {
            return Ok(parts.store.release(row.id, attempt, Ended::Unspent).await?);
        }
        let spent_row = GrantRow {
            version: crate::grant::Version { epoch: answer.epoch, ..row.version },
            ..row.clone()
        };
        if !current {
            // Nothing of the grant that came since may get into this one, which is revoked.
            let ghost = Grant {
                access: Secret::from("gone"),
                refresh: Some(Secret::from("gone")),
                login: None,
                ..stored.clone()
            };
            return match self.interpret(&row, &answer, &ghost).await? {
                Some(grant) if grant.refresh != ghost.refresh => {
                    self.too_late(&spent_row, &grant).await
                }
                _ => Ok(()),
            };
        }
        let Some(grant) = self.interpret(&row, &answer, &stored).await? else {
            return self.drop_answer(&row, attempt).await;
        };
        let rotated = stored.refresh != grant.refresh;
        let lineage = if rotated { answer.next } else { answer.spent };
        let mut note = self.note_of(row.id, attempt, answer.began());
        note.outcome = Outcome::Recovered;
        let sealed = self.sealed(row.id, answer.epoch, &row.provider, lineage, &grant);
        let commit = Commit { epoch: answer.epoch, spent: answer.spent, grant: sealed, note };
        let committed = parts.store.commit(&commit).await?;
        FailPoint::AfterAdoption.pass().await;
        match committed {
            Committed::Stored(version) => {
                self.0.cache.forget(row.id);
                self.0.flights.rested(row.id);
                self.0.due.notify_one();
                measure::refreshed(&row.provider, Outcome::Recovered, Duration::ZERO);
                tracing::info!(id = %row.id, generation = version.generation, "grant recovered");
                Ok(())
            }
            Committed::Stale => self.too_late(&spent_row, &grant).await,
        }
    }

    /// The grant that an answer makes of the one that was spent; `None` if it makes none.
    async fn interpret(
        &self,
        row: &GrantRow,
        answer: &Answer,
        spent: &Grant,
    ) -> Result<Option<Grant>, TokenError> {
        let provider = self.ready(&row.provider)?;
        // The answer stays where it is until its provider is known well enough to read it.
        let parts = self.parts();
        if let Err(error) = provider.prepare(&*parts.http, parts.clock.now()).await {
            return Err(self.spared(row, &*provider, error).await);
        }
        let ask = RefreshAsk { grant: spent, claims: None };
        match provider.refresh(&Replayed::new(answer), answer.began(), ask).await {
            Ok(grant) => Ok(Some(grant)),
            // It stays until the operator has seen to it.
            Err(AuthError::Misconfigured(why)) => Err(TokenError::Misconfigured(why)),
            Err(error) => {
                tracing::warn!(id = %row.id, %error, "a kept answer makes no grant");
                Ok(None)
            }
        }
    }

    /// An answer is of no use: whether the refresh token was spent is unknown.
    async fn drop_answer(&self, row: &GrantRow, attempt: AttemptId) -> Result<(), TokenError> {
        let store = &self.parts().store;
        let ended = Ended::Unknown { until: store.now().await? };
        Ok(store.release(row.id, attempt, ended).await?)
    }

    /// Removes an answer from the spool. One that stays is found again, and found to be committed.
    pub(super) async fn forget_answer(&self, attempt: AttemptId) {
        if let Err(error) = self.parts().spool.remove(attempt).await {
            tracing::warn!(%attempt, %error, "a spooled answer could not be removed");
        }
    }
}
