//! One refresh at a time: single flight in the process, an intent across processes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::{TokenError, Vault};
use crate::clock::later;
use crate::grant::{LiveToken, Version, renewal_due};
use crate::provider::{
    Actor, AuthError, Failure, Provider, ProviderKey, RefreshAsk, Renewal, Replay,
};
use crate::seal::Field;
use crate::store::{
    Attempt, Commit, Committed, Ended, GrantRow, Intent, Outcome, Reserved, SealedGrant, StoreError,
};
use crate::{AttemptId, Grant, IntegrationId, Lineage};

/// When others may take the writer of an intent for dead: longer than the transport's whole
/// exchange, so that nobody takes over from the living.
const INTENT_LIFE: Duration = Duration::from_secs(45);
/// How often to look whether another process has finished.
const BUSY_POLL: Duration = Duration::from_millis(100);
/// The first and the longest rest after a failed refresh.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// The longest `Retry-After` that is believed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(15);
/// How often to try to store a grant while the database is away.
const COMMIT_RETRY: Duration = Duration::from_secs(1);
/// How long after the database's return those go first who obtained a grant while it was away.
const COMMITS_FIRST: Duration = Duration::from_secs(2);

type Landed = Result<Arc<LiveToken>, TokenError>;

/// The refreshes under way in this process, and the rests after failed ones.
#[derive(Default)]
pub(super) struct Flights {
    flying: Mutex<HashMap<IntegrationId, watch::Receiver<Option<Landed>>>>,
    rests: Mutex<HashMap<IntegrationId, Rest>>,
}

struct Rest {
    failures: u32,
    until: Duration,
    error: TokenError,
}

impl Flights {
    /// Why no refresh may start at the moment, if so.
    pub(super) fn resting(&self, id: IntegrationId, uptime: Duration) -> Option<TokenError> {
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = rests.get(&id).filter(|rest| uptime < rest.until)?;
        let mut error = rest.error.clone();
        if let TokenError::Unavailable { retry_after, .. } = &mut error {
            *retry_after = rest.until.saturating_sub(uptime);
        }
        Some(error)
    }

    /// Ends a rest: the integration was reconnected or refreshed.
    pub(super) fn rested(&self, id: IntegrationId) {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// Takes a flight off the board however it ends, a panic included.
struct Landing {
    vault: Vault,
    id: IntegrationId,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let flights = &self.vault.0.flights;
        flights.flying.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Vault {
    /// Waits for a token newer than `beyond`, starting a flight unless one is under way.
    ///
    /// The flight runs on whether or not anybody still waits for it.
    pub(super) async fn fly(&self, id: IntegrationId, beyond: Version, refused: u8) -> Landed {
        let mut landed = {
            let mut flying = self.0.flights.flying.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(flight) = flying.get(&id) {
                flight.clone()
            } else {
                let (land, landed) = watch::channel(None);
                flying.insert(id, landed.clone());
                let landing = Landing { vault: self.clone(), id };
                self.0.parts.tasks.spawn(async move {
                    let vault = &landing.vault;
                    vault.flight(id, beyond, refused, &land).await;
                });
                landed
            }
        };
        match landed.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            _ => Err(TokenError::interrupted()),
        }
    }

    async fn flight(
        &self,
        id: IntegrationId,
        beyond: Version,
        refused: u8,
        land: &watch::Sender<Option<Landed>>,
    ) {
        let outcome = loop {
            match self.refresh(id, beyond, refused, land).await {
                // The row moved under us; what it says now decides.
                Err(TokenError::Changed) => {}
                outcome => break outcome,
            }
        };
        match &outcome {
            Ok(_) => self.0.flights.rested(id),
            Err(error) => self.rest(id, error),
        }
        land.send_replace(Some(outcome));
    }

    /// Adopts a newer grant if somebody stored one, else spends the refresh token.
    async fn refresh(
        &self,
        id: IntegrationId,
        beyond: Version,
        refused: u8,
        land: &watch::Sender<Option<Landed>>,
    ) -> Landed {
        let parts = &self.0.parts;
        let attempt = AttemptId::new(&*parts.clock, &*parts.entropy);
        // Whatever can fail without the provider fails before an intent is written.
        let (row, spent, provider) = loop {
            let row = parts.store.grant(id).await?.ok_or(TokenError::NotFound)?;
            let held = self.admit(&row, refused)?;
            if held.version > beyond {
                return Ok(held);
            }
            let spent = self.open(&row)?;
            let provider = self.ready(&row.provider).map_err(misconfigured(&row))?;
            // Whoever obtained a grant while the database was away stores it first: its intent may
            // have lapsed meanwhile, and it holds the only live token.
            if let Some(back_for) = parts.news.back_for()
                && back_for < COMMITS_FIRST
            {
                parts.clock.sleep(COMMITS_FIRST.saturating_sub(back_for)).await;
                continue;
            }
            let started_at = parts.store.now().await?;
            let deadline = later(started_at, INTENT_LIFE);
            let holder = self.0.holder;
            let intent = Intent { id, seen: row.version, attempt, holder, started_at, deadline };
            match parts.store.reserve(&intent).await? {
                Reserved::Granted { row, .. } => break (row, spent, provider),
                Reserved::Answered { .. } => {}
                Reserved::Moved(_) => {}
                Reserved::Gone => return Err(TokenError::NotFound),
                Reserved::Busy { .. } => parts.clock.sleep(BUSY_POLL).await,
            }
        };
        let began = parts.clock.now();
        let ask = RefreshAsk { grant: &spent, claims: None };
        match provider.refresh(&*parts.http, began, ask).await {
            Ok(grant) => self.store_refreshed(&row, attempt, &spent, &grant, refused, land).await,
            Err(error) => self.refused(&row, attempt, error).await,
        }
    }

    /// The provider, if this deployment is in a state to talk to it.
    fn ready(&self, key: &ProviderKey) -> Result<Arc<dyn Provider>, Failure> {
        let provider = self.0.parts.providers.find(key);
        let provider = provider.ok_or_else(|| no_provider(key))?;
        provider.ready().map(|()| Arc::clone(provider))
    }

    /// Stores what was obtained. While the database is away the token is served from memory and
    /// storing it is tried again and again: it may be the only live one.
    async fn store_refreshed(
        &self,
        row: &GrantRow,
        attempt: AttemptId,
        spent: &Grant,
        grant: &Grant,
        refused: u8,
        land: &watch::Sender<Option<Landed>>,
    ) -> Landed {
        let parts = &self.0.parts;
        let (id, epoch) = (row.id, row.version.epoch);
        let lineage = if grant.refresh == spent.refresh {
            row.grant.lineage
        } else {
            Lineage::new(&*parts.clock, &*parts.entropy)
        };
        let sealed = self.sealed(id, epoch, &row.provider, lineage, grant);
        let note = Attempt {
            id,
            attempt,
            at: parts.clock.now(),
            took_ms: 0,
            outcome: Outcome::Refreshed,
            code: None,
            provider_code: None,
            trace_id: None,
            correlation_id: None,
            skew_ms: None,
        };
        let commit = Commit { epoch, spent: row.grant.lineage, grant: sealed, note };
        let mut served = false;
        let committed = loop {
            match parts.store.commit(&commit).await {
                Ok(committed) => break committed,
                Err(error @ StoreError::Unavailable(_)) => {
                    let outcome = if served {
                        // Who comes now has no use for that token, and this is why there is none.
                        Err(error.into())
                    } else {
                        tracing::warn!(%id, %error, "a refreshed grant waits in memory for the database");
                        let next =
                            Version { generation: row.version.generation + 1, ..row.version };
                        self.remember(row, grant, next, refused)
                    };
                    served = true;
                    land.send_replace(Some(outcome));
                    parts.clock.sleep(COMMIT_RETRY).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        match committed {
            Committed::Stored(version) => {
                self.0.due.notify_one();
                tracing::info!(%id, generation = version.generation, "grant refreshed");
                self.remember(row, grant, version, refused)
            }
            Committed::Stale => {
                // Within one epoch, whoever came first spent the same token: at some providers
                // revoking ours would end theirs too.
                let stored = parts.store.grant(id).await?;
                let ended = stored.is_none_or(|stored| stored.version.epoch != epoch);
                tracing::info!(%id, ended, "a refreshed grant came too late: discarded");
                if ended {
                    self.revoke(&row.provider, grant).await;
                }
                Err(TokenError::Changed)
            }
        }
    }

    /// A grant ready for its row.
    pub(super) fn sealed(
        &self,
        id: IntegrationId,
        epoch: i64,
        provider: &ProviderKey,
        lineage: Lineage,
        grant: &Grant,
    ) -> SealedGrant {
        let renewal = self.0.parts.providers.find(provider).map(|p| p.manifest().renewal);
        let spread = u16::from_be_bytes(crate::entropy::random(&*self.0.parts.entropy));
        let place_of = id.to_string();
        SealedGrant {
            sealed: self
                .0
                .parts
                .seal
                .seal(self.place(&place_of, Field::Grant, epoch), &grant.to_plain()),
            lineage,
            expires_at: grant.expires_at,
            due_at: (renewal == Some(Renewal::Ahead) && grant.refresh.is_some())
                .then(|| renewal_due(grant.obtained_at, grant.expires_at, spread)),
        }
    }

    /// Nothing was obtained: who must act?
    async fn refused(&self, row: &GrantRow, attempt: AttemptId, error: AuthError) -> Landed {
        let store = &self.0.parts.store;
        let replay = self.0.parts.providers.find(&row.provider).map(|p| p.manifest().replay);
        // After an unknown outcome a strict provider must not see the token again soon: the
        // intent stays in force until its deadline.
        let unknown = matches!(&error, AuthError::Unavailable { sent: true, .. });
        if !unknown || replay == Some(Replay::NonRevoking) {
            // The answer counts even so: an intent that stays lapses by itself.
            if let Err(error) = store.release(row.id, attempt, Ended::Unspent).await {
                tracing::warn!(id = %row.id, %error, "an intent could not be ended");
            }
        }
        match error {
            AuthError::Rejected(why) => {
                // Losing a race looks the same as being revoked: read again before judging.
                let now = self.0.parts.clock.now();
                let (epoch, lineage) = (row.version.epoch, row.grant.lineage);
                if store.mark(row.id, epoch, lineage, &why, now).await? {
                    self.0.cache.forget(row.id);
                    tracing::warn!(
                        id = %row.id, code = %why.code, provider_code = why.provider_code,
                        trace_id = why.trace_id, "the provider ended a grant: its user must reconnect"
                    );
                }
                Err(TokenError::Changed)
            }
            AuthError::Misconfigured(failure) => Err(misconfigured(row)(failure)),
            AuthError::Unavailable { failure, retry_after, .. } => {
                tracing::warn!(
                    id = %row.id, code = %failure.code, provider_code = failure.provider_code,
                    trace_id = failure.trace_id, "a refresh failed and will be tried again"
                );
                let retry_after = retry_after.unwrap_or(REST.0).min(LONGEST_RETRY_AFTER);
                Err(TokenError::Unavailable { failure, retry_after })
            }
            // No refresh asks whether somebody has signed in.
            AuthError::Pending { .. } => Err(TokenError::interrupted()),
        }
    }

    /// Rests after a failure that waiting may mend: twice as long each time, longer if the
    /// provider says so, never the same for all.
    fn rest(&self, id: IntegrationId, error: &TokenError) {
        let asked = match error {
            TokenError::Unavailable { retry_after, .. } => *retry_after,
            TokenError::Misconfigured(_) | TokenError::Storage(_) => REST.0,
            _ => return,
        };
        let parts = &self.0.parts;
        let mut rests = self.0.flights.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = rests.get(&id).map_or(0, |rest| rest.failures);
        let [jitter] = crate::entropy::random(&*parts.entropy);
        let wait = (REST.0 * 2_u32.saturating_pow(failures.min(8))).min(REST.1).max(asked);
        let until = parts.clock.uptime() + wait + wait / 5 * u32::from(jitter) / 255;
        rests.insert(id, Rest { failures: failures + 1, until, error: error.clone() });
    }
}

fn misconfigured(row: &GrantRow) -> impl FnOnce(Failure) -> TokenError {
    |failure| {
        tracing::error!(
            provider = %row.provider, code = %failure.code, provider_code = failure.provider_code,
            trace_id = failure.trace_id, "the registration at the provider needs the operator"
        );
        TokenError::Misconfigured(failure)
    }
}

fn no_provider(key: &ProviderKey) -> Failure {
    Failure::new(
        "provider_not_configured",
        Actor::Operator,
        format!("The provider {key} is no longer configured."),
    )
}
