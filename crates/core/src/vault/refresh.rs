//! The refresh itself: intent, exchange, durable answer, commit; and what follows from a failure.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::exchange::{Exchange, Kept};
use super::flight::{Landed, Landing, Need, REST};
use super::suspension::Rejection;
use super::{TokenError, Vault, no_provider};
use crate::clock::{later, until};
use crate::failpoint::{FailPoint, storage_is_away};
use crate::grant::{LiveToken, Version};
use crate::measure;
use crate::provider::{
    Actor, AuthError, Connect, Failure, Manifest, Provider, ProviderKey, RefreshAsk, Replay,
};
use crate::store::{
    Attempt, Commit, Committed, Ended, GrantRow, Intent, Outcome, Reserved, StoreError,
};
use crate::{AttemptId, Grant, IntegrationId, Lineage};

/// When others may take the writer of an intent for dead. A request leaves within [`SEND_WITHIN`] of
/// it or not at all, and an exchange takes half a minute at most: nobody takes over from the living.
const INTENT_LIFE: Duration = Duration::from_secs(45);
/// How long after its intent a request may still be sent.
pub(super) const SEND_WITHIN: Duration = Duration::from_secs(12);
/// How often to look whether another process has finished.
const BUSY_POLL: Duration = Duration::from_millis(100);
/// The longest `Retry-After` that is believed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(15);
/// How long the database may take to store a grant before its callers are served without it.
const COMMIT_LIMIT: Duration = Duration::from_secs(5);
/// How often to try to store a grant while the database is away.
const COMMIT_RETRY: Duration = Duration::from_secs(1);
/// How long after the database's return those go first who obtained a grant while it was away.
const COMMITS_FIRST: Duration = Duration::from_secs(2);

/// One attempt to refresh, from its intent to its end.
struct Try<'a> {
    row: GrantRow,
    attempt: AttemptId,
    /// When others may take us for dead.
    deadline: Timestamp,
    /// When the exchange began.
    began: Timestamp,
    /// Since when it is unknown whether the token in hand was spent before.
    unknown: Option<Timestamp>,
    spent: &'a Grant,
    provider: &'a dyn Provider,
    refused: u8,
}

impl Vault {
    /// Adopts a newer grant if somebody stored one, else spends the refresh token.
    pub(super) async fn refresh(&self, id: IntegrationId, need: &Need, land: &Landing) -> Landed {
        let parts = &self.0.parts;
        let attempt = AttemptId::new(&*parts.clock, &*parts.entropy);
        // Whatever can fail without the provider fails before an intent is written.
        loop {
            let row = parts.store.grant(id).await?.ok_or(TokenError::NotFound)?;
            let held = self.admit(&row, need.refused)?;
            if held.version > need.beyond {
                return Ok(held);
            }
            let spent = self.open(&row)?;
            let provider = self.ready(&row.provider)?;
            // Whoever obtained a grant while the database was away stores it first: its intent may
            // have lapsed meanwhile, and it holds the only live token.
            if let Some(back_for) = parts.news.back_for()
                && back_for < COMMITS_FIRST
            {
                // The database answered just now, whatever the loop has seen of it so far.
                if back_for.is_zero() {
                    parts.news.poll().await?;
                }
                parts.clock.sleep(COMMITS_FIRST.saturating_sub(back_for)).await;
                continue;
            }
            let uptime = parts.clock.uptime();
            let registration = &provider.manifest().registration;
            let admission = self.0.suspensions.admit(registration, uptime);
            let admission = admission.map_err(TokenError::Misconfigured)?;
            if let Err(error) = provider.prepare(&*parts.http, parts.clock.now()).await {
                if matches!(error, AuthError::Misconfigured(_)) {
                    admission.call();
                }
                return Err(self.spared(&row, &*provider, error).await);
            }
            let started_at = parts.store.now().await?;
            let deadline = later(started_at, INTENT_LIFE);
            let holder = parts.spool.holder();
            let intent = Intent { id, seen: row.version, attempt, holder, started_at, deadline };
            FailPoint::BeforeIntent.pass().await;
            let (row, unknown) = match parts.store.reserve(&intent).await? {
                Reserved::Granted { row, unknown } => (row, unknown),
                Reserved::Answered { row, attempt, answer } => {
                    self.recover(&row, attempt, &answer).await?;
                    continue;
                }
                Reserved::Moved(_) => continue,
                Reserved::Gone => return Err(TokenError::NotFound),
                Reserved::Busy { .. } => {
                    drop(admission);
                    parts.clock.sleep(BUSY_POLL).await;
                    continue;
                }
            };
            let provider = &*provider;
            if unknown.is_some() && self.answer_was_left(provider, &row).await? {
                parts.store.release(id, attempt, Ended::Unspent).await?;
                continue;
            }
            if let Some(since) = unknown
                && let Some(wait) = self.too_early(provider, since, started_at, &held, need)
            {
                let ended = Ended::Unknown { until: started_at };
                parts.store.release(id, attempt, ended).await?;
                return Err(unknown_outcome(wait));
            }
            admission.call();
            let (began, refused) = (parts.clock.now(), need.refused);
            let spent = &spent;
            let the = Try { row, attempt, deadline, began, unknown, spent, provider, refused };
            return self.exchange(&the, need.claims.as_deref(), land).await;
        }
    }

    /// Looks once more for the answer that somebody else may have had and could not store: its process
    /// may be dead, and the answer in the spool. `true` if it was there, and is a grant now.
    async fn answer_was_left(
        &self,
        provider: &dyn Provider,
        row: &GrantRow,
    ) -> Result<bool, TokenError> {
        if !may_be_lost(provider.manifest().replay) {
            return Ok(false);
        }
        if let Err(error) = self.recover_dead().await {
            tracing::warn!(id = %row.id, %error, "the spool could not be looked through");
        }
        let stored = self.0.parts.store.grant(row.id).await?.ok_or(TokenError::NotFound)?;
        Ok(stored.version != row.version)
    }

    /// How long it is too early to present a refresh token that may have been spent already.
    ///
    /// Where spending does not end a token, or not yet, it never is. A strict provider may take it for
    /// theft, so it is presented once nothing is left to lose: callers use the old token until then.
    fn too_early(
        &self,
        provider: &dyn Provider,
        since: Timestamp,
        now: Timestamp,
        held: &LiveToken,
        need: &Need,
    ) -> Option<Duration> {
        let safe = match provider.manifest().replay {
            Replay::NonRevoking | Replay::None => true,
            Replay::Grace(time) => until(since, now) < time,
            Replay::Strict => false,
        };
        let left = self.remaining(held).saturating_sub(held.margin());
        (!safe && need.refused == 0 && !left.is_zero()).then_some(left)
    }

    async fn exchange(&self, the: &Try<'_>, claims: Option<&str>, land: &Landing) -> Landed {
        let metered = self.metered(the.provider);
        let exchange = Exchange::new(self, &metered, &the.row, the.attempt, the.began);
        let ask = RefreshAsk { grant: the.spent, claims };
        let answered = metered.explain(the.provider.refresh(&exchange, the.began, ask).await);
        let seen = exchange.seen();
        let mut note = self.note_of(the.row.id, the.attempt, the.began);
        note.skew_ms = seen.skew_ms;
        let key = &the.row.provider;
        let took = until(the.began, self.parts().clock.now());
        match answered {
            Ok(grant) => {
                let next = if grant.refresh == the.spent.refresh {
                    the.row.grant.lineage
                } else {
                    exchange.next
                };
                let committed = self.store_refreshed(the, next, &grant, note, land).await;
                match &committed {
                    Ok(_) => measure::refreshed(key, Outcome::Refreshed, took),
                    Err(TokenError::Changed) => measure::refreshed(key, Outcome::Stale, took),
                    // Neither came of it yet: the answer waits in the spool.
                    Err(_) => {}
                }
                // Whatever came of it: it needs nobody else any more.
                if seen.kept == Kept::Spool && !matches!(committed, Err(TokenError::Storage(_))) {
                    self.forget_answer(the.attempt).await;
                }
                committed
            }
            Err(error) => {
                if seen.kept == Kept::Spool {
                    self.forget_answer(the.attempt).await;
                }
                note.outcome = outcome_of(&error);
                measure::refreshed(key, note.outcome, took);
                self.refused(the, error, note, seen.kept != Kept::Nowhere).await
            }
        }
    }

    /// Stores what was obtained. While the database is away the token is served from memory and
    /// storing it is tried again and again: it may be the only live one.
    async fn store_refreshed(
        &self,
        the: &Try<'_>,
        next: Lineage,
        grant: &Grant,
        note: Attempt,
        land: &Landing,
    ) -> Landed {
        let parts = &self.0.parts;
        let (row, id, epoch) = (&the.row, the.row.id, the.row.version.epoch);
        let sealed = self.sealed(id, epoch, &row.provider, next, grant);
        let commit = Commit { epoch, spent: row.grant.lineage, grant: sealed, note };
        let mut served = false;
        let committed = loop {
            let tried = if storage_is_away() {
                Err(StoreError::Unavailable("away for a test".into()))
            } else {
                // A database that hangs is as good as away; a commit that comes late all the same is
                // recognised by its lineage.
                tokio::select! {
                    biased;
                    tried = parts.store.commit(&commit) => tried,
                    () = parts.clock.sleep(COMMIT_LIMIT) => {
                        Err(StoreError::Unavailable("it does not answer in time".into()))
                    }
                }
            };
            match tried {
                Ok(committed) => break committed,
                Err(error @ StoreError::Unavailable(_)) => {
                    let outcome = if served {
                        // Who comes now has no use for that token, and this is why there is none.
                        Err(error.into())
                    } else {
                        tracing::warn!(%id, %error, "a refreshed grant waits for the database");
                        let next =
                            Version { generation: row.version.generation + 1, ..row.version };
                        self.remember(row, grant, next, the.refused)
                    };
                    served = true;
                    land.send_replace(Some(outcome));
                    parts.clock.sleep(COMMIT_RETRY).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        FailPoint::AfterCommit.pass().await;
        self.accepted(the.provider, id);
        match committed {
            Committed::Stored(version) => {
                self.0.due.notify_one();
                tracing::info!(%id, generation = version.generation, "Token refreshed successfully");
                self.remember(row, grant, version, the.refused)
            }
            Committed::Stale => {
                self.too_late(row, grant).await?;
                Err(TokenError::Changed)
            }
        }
    }

    /// A grant came when its integration had been reconnected or disconnected. It is revoked, unless
    /// that would end the one that came first as well.
    pub(super) async fn too_late(&self, row: &GrantRow, grant: &Grant) -> Result<(), TokenError> {
        let (id, epoch) = (row.id, row.version.epoch);
        let stored = self.parts().store.grant(id).await?;
        let ended = stored.as_ref().is_none_or(|stored| stored.version.epoch != epoch);
        tracing::info!(%id, ended, "a refreshed grant came too late: discarded");
        let live = stored.as_ref().map(|stored| self.open(stored)).transpose()?;
        let in_use = live.is_some_and(|live| live.refresh == grant.refresh);
        if ended && !in_use {
            self.owe(row, grant, stored.is_some()).await?;
        }
        Ok(())
    }

    /// Nothing was obtained: who must act?
    async fn refused(
        &self,
        the: &Try<'_>,
        error: AuthError,
        mut note: Attempt,
        answered: bool,
    ) -> Landed {
        let (store, row) = (&self.0.parts.store, &the.row);
        let replay = the.provider.manifest().replay;
        // After an unknown outcome a strict provider must not see the token again soon: the
        // intent stays in force until its deadline. An answer of success that makes no grant may
        // have spent the token as well.
        let unknown =
            note.outcome == Outcome::Unknown || (answered && note.outcome != Outcome::Rejected);
        let ended = match (unknown, replay) {
            (true, Replay::Strict) => Ended::Unknown { until: the.deadline },
            (true, Replay::Grace(_)) => Ended::Unknown { until: the.began },
            _ => Ended::Unspent,
        };
        // The answer counts even so: an intent that stays lapses by itself.
        if let Err(error) = store.release(row.id, the.attempt, ended).await {
            tracing::warn!(id = %row.id, %error, "an intent could not be ended");
        }
        let error = match error {
            // Either the first answer got lost on its way to us, or the provider took our asking
            // again for theft. The user has done nothing to end it, and must not be told so.
            // Where a login is kept, it is what was refused: a lost token does not matter then.
            AuthError::Rejected(why)
                if the.unknown.is_some() && may_be_lost(replay) && the.spent.login.is_none() =>
            {
                AuthError::Rejected(lost_response(why))
            }
            error => error,
        };
        note.explain(&error);
        if let Err(error) = store.note(&note).await {
            tracing::warn!(id = %row.id, %error, "an attempt could not be noted");
        }
        match error {
            AuthError::Rejected(why) => self.rejected(the, why).await,
            error => Err(self.spared(row, the.provider, error).await),
        }
    }

    /// What follows from a failure that is not the grant's: nobody is marked.
    pub(super) async fn spared(
        &self,
        row: &GrantRow,
        provider: &dyn Provider,
        error: AuthError,
    ) -> TokenError {
        let (failure, retry_after) = match error {
            AuthError::Misconfigured(failure) => {
                self.suspend(provider, &failure).await;
                return TokenError::Misconfigured(failure);
            }
            AuthError::Unavailable { failure, retry_after, .. } => (failure, retry_after),
            // Nothing of the grant's was shown to anybody yet: what is said of it passes.
            AuthError::Rejected(failure) => (failure, None),
            // No refresh asks whether somebody has signed in.
            AuthError::Pending { .. } => return TokenError::interrupted(),
        };
        tracing::warn!(
            id = %row.id, code = %failure.code, provider_code = failure.provider_code,
            trace_id = failure.trace_id, "a refresh failed and will be tried again"
        );
        let retry_after = retry_after.unwrap_or(REST.0).min(LONGEST_RETRY_AFTER);
        TokenError::Unavailable { failure, retry_after }
    }

    /// The provider ended the grant: its user must reconnect, if it still is the current one.
    async fn rejected(&self, the: &Try<'_>, why: Failure) -> Landed {
        let (parts, row) = (self.parts(), &the.row);
        let Manifest { registration, connect, .. } = the.provider.manifest();
        let (sessions, uptime) = (matches!(connect, Connect::Form { .. }), parts.clock.uptime());
        match self.0.suspensions.rejected(registration, row.id, uptime, sessions) {
            Rejection::Suspicious => {
                let why = mass_rejection(registration, &why);
                self.suspend(the.provider, &why).await;
                return Err(TokenError::Misconfigured(why));
            }
            Rejection::Own { resumed: true } => self.resumed(registration),
            Rejection::Own { resumed: false } => {}
        }
        // Losing a race looks the same as being revoked: read again before judging.
        let now = parts.clock.now();
        let (epoch, lineage) = (row.version.epoch, row.grant.lineage);
        if parts.store.mark(row.id, epoch, lineage, &why, now).await? {
            self.0.cache.forget(row.id);
            tracing::warn!(
                id = %row.id, code = %why.code, provider_code = why.provider_code,
                trace_id = why.trace_id, "the provider ended a grant: its user must reconnect"
            );
        }
        Err(TokenError::Changed)
    }

    /// The provider, if this deployment is in a state to talk to it.
    pub(super) fn ready(&self, key: &ProviderKey) -> Result<Arc<dyn Provider>, TokenError> {
        let provider = self.0.parts.providers.find(key);
        let provider = provider.ok_or_else(|| TokenError::Misconfigured(no_provider(key)))?;
        provider.ready().map_err(TokenError::Misconfigured)?;
        Ok(Arc::clone(provider))
    }

    pub(super) fn note_of(
        &self,
        id: IntegrationId,
        attempt: AttemptId,
        began: Timestamp,
    ) -> Attempt {
        let took = until(began, self.parts().clock.now());
        Attempt {
            id,
            attempt,
            at: began,
            took_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
            outcome: Outcome::Refreshed,
            code: None,
            provider_code: None,
            trace_id: None,
            correlation_id: None,
            skew_ms: None,
        }
    }
}

fn outcome_of(error: &AuthError) -> Outcome {
    match error {
        AuthError::Rejected(_) => Outcome::Rejected,
        AuthError::Misconfigured(_) => Outcome::Misconfigured,
        AuthError::Unavailable { sent: true, .. } => Outcome::Unknown,
        AuthError::Unavailable { .. } | AuthError::Pending { .. } => Outcome::Unavailable,
    }
}

impl Attempt {
    fn explain(&mut self, error: &AuthError) {
        let (AuthError::Rejected(failure)
        | AuthError::Misconfigured(failure)
        | AuthError::Unavailable { failure, .. }) = error
        else {
            return;
        };
        self.code = Some(failure.code.clone());
        self.provider_code.clone_from(&failure.provider_code);
        self.trace_id.clone_from(&failure.trace_id);
        self.correlation_id.clone_from(&failure.correlation_id);
    }
}

/// Whether a refresh token may be gone because an answer got lost.
fn may_be_lost(replay: Replay) -> bool {
    matches!(replay, Replay::Strict | Replay::Grace(_))
}

/// A loss that nobody willed: the answer with the next refresh token never arrived.
fn lost_response(why: Failure) -> Failure {
    Failure {
        code: "lost_response".to_owned(),
        actor: Actor::User,
        message: "The provider's answer to a refresh was lost on its way here, and it does not \
                  give its refresh tokens twice."
            .to_owned(),
        remedy: "Connect the account again; nothing was wrong with it.".to_owned(),
        ..why
    }
}

fn mass_rejection(registration: &str, why: &Failure) -> Failure {
    Failure {
        code: "mass_rejection".to_owned(),
        actor: Actor::Operator,
        message: format!(
            "The provider refuses most grants of the registration {registration} at once."
        ),
        remedy:
            "The operator checks the registration at the provider: its client id, its permissions, \
                 and whether it was deleted and made anew; users stay connected."
                .to_owned(),
        ..why.clone()
    }
}

fn unknown_outcome(retry_after: Duration) -> TokenError {
    TokenError::Unavailable {
        failure: Failure::new(
            "outcome_unknown",
            Actor::Nobody,
            "The answer to a refresh was lost, and this provider must not be asked again too soon.",
        )
        .remedied_by("It is asked again when the token in hand has ended."),
        retry_after: retry_after.clamp(REST.0, REST.1),
    }
}
