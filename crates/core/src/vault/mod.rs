//! Keeps every grant alive and hands out access tokens that are valid.
//!
//! The rules, each with a test of its name:
//!
//! 1. The margin is a quarter of a token's life, at most five minutes ([`crate::grant::margin`]).
//! 2. Callers join one flight per integration, and the flight is a task of its own: a web framework
//!    drops a handler whose client hangs up, and a refresh cut between the provider's answer and our
//!    commit would lose a rotated refresh token for ever (`flight.rs`).
//! 3. Across processes a durable intent decides who spends the refresh token. No intent, no refresh.
//! 4. A commit succeeds by lineage, not by lock: a late winner holds the only live token.
//! 5. The provider's answer is durable before it is interpreted (`exchange.rs`).
//! 6. A rejected token is replaced only if it is still the current one.
//! 7. An outage while the old token is good serves the old token. Only a rejection of the current
//!    lineage asks the user to reconnect, and only after the row was read again.
//! 8. A registration that needs the operator is suspended; no integration is ever marked for it
//!    (`suspension.rs`).
//! 9. After an unknown outcome the provider's replay class decides: what may be presented again is,
//!    a strict provider sees the token once more, late, and a loss is called `lost_response`.
//! 10. Reconnect and disconnect bump the epoch; a result of an older epoch is discarded and revoked.
//! 11. A copied database calls nobody until it is adopted.
//! 12. Nothing deletes a refresh token because of an error.

mod cache;
mod connect;
mod consent;
mod debts;
mod diagnosis;
mod error;
mod exchange;
mod flight;
mod manage;
mod notes;
mod recovery;
mod refresh;
mod registrations;
mod rotation;
mod suspension;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use connect::{Begin, Begun, Imported, Next, Proof};
pub use consent::{CONSENT_LIFE, Consent};
pub use diagnosis::{Decoded, Diagnosis, Forecast, HeldToken, Permissions, Skew};
pub use error::{ConnectError, TokenError};
use jiff::Timestamp;
pub use registrations::Registration;
pub use rotation::Rotated;

use crate::grant::renewal_due;
use crate::grant::{AccessToken, LiveToken, MinLife, Version, Warning};
use crate::integration::Status;
use crate::measure;
use crate::news::News;
use crate::provider::{Actor, Failure, ProviderKey, Providers, Renewal, Replay};
use crate::seal::{Field, Place, Ring, Seal};
use crate::spool::{DirSpool, Spool};
use crate::store::{GrantRow, GrantStore, SealedGrant, StoreError, Subject};
use crate::transport::TransportSetupError;
use crate::{
    Clock, Entropy, Grant, HttpLimits, HttpTransport, IntegrationId, Lineage, Secret, SystemClock,
    SystemEntropy, Tasks, Transport, UserId,
};
use cache::Cache;
use flight::{Flights, Need};
use suspension::Suspensions;

/// How long a caller with a usable token waits for a newer one before it takes the old.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a caller without a usable token waits for one.
const CALLER_LIMIT: Duration = Duration::from_secs(90);
/// A token nearer to its end than this is not handed out: it would die on the way.
const LAST_MOMENT: Duration = Duration::from_secs(1);
/// After so many tokens in a row that the provider issued and its API refused, stop for a while.
const REFUSED_LIMIT: u8 = 3;
/// How long.
const REFUSED_PAUSE: Duration = Duration::from_mins(1);

/// What a vault is made of.
#[derive(Clone)]
pub struct Parts {
    /// Where grants are kept.
    pub store: Arc<dyn GrantStore>,
    /// Where a provider's answer waits while the store is away.
    pub spool: Arc<dyn Spool>,
    /// What can be connected.
    pub providers: Providers,
    /// Encrypts grants at rest.
    pub seal: Seal,
    /// Carries requests to providers.
    pub http: Arc<dyn Transport>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Where work that outlives its caller runs.
    pub tasks: Tasks,
    /// What changed in other processes. Without its loop running, every read asks the database.
    pub news: Arc<News>,
    /// Names this deployment's tenant inside every ciphertext.
    pub tenant: String,
}

impl Parts {
    /// The machine's own clock, randomness and HTTPS over this store, with these providers and keys,
    /// and a spool in the folder `spool`.
    ///
    /// Every part can be replaced afterwards. Start the three loops beside the vault to have tokens
    /// served from memory, renewed ahead of need, and nothing left undone: [`News::run`],
    /// [`Renewer::run`](crate::Renewer::run) and [`Upkeep::run`](crate::Upkeep::run).
    pub async fn begin(
        store: Arc<dyn GrantStore>,
        spool: &Path,
        providers: Providers,
        ring: Ring,
    ) -> Result<Self, BeginError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
        Ok(Self {
            news: News::begin(Arc::clone(&store), Arc::clone(&clock)).await?,
            store,
            spool: Arc::new(DirSpool::open(spool, &*clock, &*entropy)?),
            providers,
            seal: Seal::new(ring, Arc::clone(&clock), Arc::clone(&entropy)),
            http: Arc::new(HttpTransport::new(HttpLimits::default(), None)?),
            clock,
            entropy,
            tasks: Tasks::default(),
            tenant: "default".to_owned(),
        })
    }
}

/// Why a vault could not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The spool's folder cannot be used.
    #[error("the spool's folder cannot be used")]
    Spool(#[from] std::io::Error),
    /// HTTPS could not be set up.
    #[error(transparent)]
    Transport(#[from] TransportSetupError),
}

/// Keeps grants alive. Cheap to clone; all clones share one memory.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    parts: Parts,
    cache: Arc<Cache>,
    flights: Arc<Flights>,
    suspensions: Suspensions,
    /// Whether the database is known to be no copy.
    at_home: AtomicBool,
    /// Rings when a grant was stored that may come due before all others.
    due: tokio::sync::Notify,
}

impl Vault {
    /// A vault over these parts.
    pub fn new(parts: Parts) -> Self {
        let (cache, flights) = (Arc::new(Cache::default()), Arc::new(Flights::default()));
        let (memory, rests, clock) = (cache.clone(), flights.clone(), parts.clock.clone());
        parts.news.subscribe(move |change| {
            if let Subject::Integration(id) = change.subject {
                memory.raise(id, change.revision, clock.uptime());
                rests.rested(id);
            }
        });
        Self(Arc::new(Inner {
            parts,
            cache,
            flights,
            suspensions: Suspensions::default(),
            at_home: AtomicBool::new(false),
            due: tokio::sync::Notify::new(),
        }))
    }

    /// What can be connected.
    pub fn providers(&self) -> &Providers {
        &self.0.parts.providers
    }

    /// The keys that open what it stores.
    pub fn ring(&self) -> &Ring {
        self.parts().seal.ring()
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    /// Returns once a grant was stored; the renewer's alarm clock.
    pub(crate) async fn grant_stored(&self) {
        self.0.due.notified().await;
    }

    /// An access token that is valid now and for at least `want` more.
    ///
    /// A good token in memory is served without touching the database. Otherwise the caller joins the
    /// one refresh of this integration; if that fails while the old token is still good for `want`,
    /// the old token is served with a [`Warning`].
    pub async fn token(
        &self,
        owner: UserId,
        id: IntegrationId,
        want: MinLife,
    ) -> Result<AccessToken, TokenError> {
        let parts = self.parts();
        let (now, uptime) = (parts.clock.now(), parts.clock.uptime());
        if let Some(token) = self.0.cache.find(id)
            && token.owner == owner
            && parts.news.fresh_at(now, uptime)
            && let remaining = token.remaining(now, uptime)
            && remaining >= token.margin().max(want.0).max(LAST_MOMENT)
        {
            measure::handed_out(&token.provider, remaining);
            return Ok(AccessToken::new(token, None));
        }
        // Boxed: the slow path's state is large, and every caller would carry room for it.
        Box::pin(self.obtain(owner, id, want, None, None)).await
    }

    /// The slow path, measured.
    async fn obtain(
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
        measure::handed_out(&token.provider, self.remaining(token));
        let waited = self.parts().clock.uptime().saturating_sub(began);
        measure::waited(&token.provider, waited);
        Ok(obtained)
    }

    /// A token to use instead of one that the provider's API has just refused, carrying the `claims`
    /// it demanded, if it did.
    ///
    /// Refreshes only if `rejected` is still the current token: a storm of refusals costs one refresh.
    pub async fn replace(
        &self,
        rejected: &AccessToken,
        claims: Option<&str>,
    ) -> Result<AccessToken, TokenError> {
        let old = rejected.live();
        self.obtain(old.owner, old.id, MinLife::default(), Some(rejected), claims).await
    }

    /// A token to use instead of `refused`, by its text: for callers who call the provider themselves
    /// and met a refusal. Refreshes only if `refused` is still the current token.
    pub async fn replace_refused(
        &self,
        owner: UserId,
        id: IntegrationId,
        refused: &Secret,
        claims: Option<&str>,
    ) -> Result<AccessToken, TokenError> {
        self.must_be_at_home().await?;
        let (held, _) = self.hold(owner, id, self.parts().news.fresh()).await?;
        if held.secret == *refused {
            return self.replace(&AccessToken::new(held, None), claims).await;
        }
        self.token(owner, id, MinLife::default()).await
    }

    /// Whether the database is a copy that nobody has adopted; then nobody may be called.
    pub async fn is_copy(&self) -> Result<bool, StoreError> {
        if self.0.at_home.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let copy = self.parts().store.is_copy().await?;
        self.0.at_home.store(!copy, Ordering::Relaxed);
        Ok(copy)
    }

    async fn must_be_at_home(&self) -> Result<(), TokenError> {
        if self.is_copy().await? { Err(TokenError::Copied) } else { Ok(()) }
    }

    /// Forgets tokens that have expired, so that idle integrations cost no memory.
    pub(crate) fn sweep(&self) {
        self.0.cache.sweep(|token| self.remaining(token).is_zero());
    }

    /// Refreshes now, however young the token is; to see whether it works.
    pub async fn refresh_now(
        &self,
        owner: UserId,
        id: IntegrationId,
    ) -> Result<AccessToken, TokenError> {
        self.must_be_at_home().await?;
        let (held, _) = self.hold(owner, id, false).await?;
        Ok(AccessToken::new(self.fly(id, Need::newer(held.version)).await?, None))
    }

    /// Refreshes ahead of need, whoever owns it; for the renewer, which claimed it until `claimed`.
    pub(crate) async fn renew(
        &self,
        id: IntegrationId,
        claimed: Timestamp,
    ) -> Result<(), TokenError> {
        let parts = self.parts();
        self.must_be_at_home().await?;
        let row = parts.store.grant(id).await?.ok_or(TokenError::NotFound)?;
        // While the claim waited for its turn, somebody else has seen to it.
        if row.grant.due_at.is_none_or(|due| due > claimed) {
            return Ok(());
        }
        if let Some(error) = self.0.flights.resting(id, parts.clock.uptime()) {
            return Err(error);
        }
        let token = self.admit(&row, 0)?;
        self.fly(token.id, Need::newer(token.version)).await.map(|_| ())
    }

    /// The slow path: at most one refresh on behalf of this caller, joined if one is under way.
    async fn seek(
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
    fn settle(
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
    async fn hold(
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
    async fn read(&self, owner: UserId, id: IntegrationId) -> Result<Arc<LiveToken>, TokenError> {
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
    fn admit(&self, row: &GrantRow, refused: u8) -> Result<Arc<LiveToken>, TokenError> {
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
    fn remember(
        &self,
        row: &GrantRow,
        grant: &Grant,
        version: Version,
        refused: u8,
    ) -> Result<Arc<LiveToken>, TokenError> {
        let clock = &self.0.parts.clock;
        // More than its whole life left means that the wall clock was set back since.
        let left = crate::clock::until(clock.now(), grant.expires_at).min(grant.lifetime());
        let token = Arc::new(LiveToken {
            id: row.id,
            owner: row.owner,
            provider: row.provider.clone(),
            version,
            revision: row.revision,
            secret: grant.access.clone(),
            scopes: grant.scopes.clone(),
            obtained_at: grant.obtained_at,
            expires_at: grant.expires_at,
            expires_uptime: clock.uptime() + left,
            refused,
            accepted: false.into(),
        });
        if self.0.cache.put(&token) { Ok(token) } else { Err(TokenError::Changed) }
    }

    fn open(&self, row: &GrantRow) -> Result<Grant, TokenError> {
        let subject = row.id.to_string();
        let place = self.place(&subject, Field::Grant, row.version.epoch);
        let plain = self.0.parts.seal.open(place, &row.grant.sealed)?;
        Ok(Grant::from_plain(&plain)?)
    }

    /// A grant ready for its row.
    fn sealed(
        &self,
        id: IntegrationId,
        epoch: i64,
        provider: &ProviderKey,
        lineage: Lineage,
        grant: &Grant,
    ) -> SealedGrant {
        let manifest = self.0.parts.providers.find(provider).map(|p| p.manifest());
        let ahead = manifest.is_some_and(|manifest| {
            let can = grant.refresh.is_some() || manifest.replay == Replay::None;
            manifest.renewal == Renewal::Ahead && can
        });
        let spread = u16::from_be_bytes(crate::entropy::random(&*self.0.parts.entropy));
        let subject = id.to_string();
        let place = self.place(&subject, Field::Grant, epoch);
        SealedGrant {
            sealed: self.0.parts.seal.seal(place, &grant.to_plain()),
            lineage,
            expires_at: grant.expires_at,
            due_at: ahead.then(|| renewal_due(grant.obtained_at, grant.expires_at, spread)),
        }
    }

    fn place<'a>(&'a self, subject: &'a str, field: Field, epoch: i64) -> Place<'a> {
        Place { tenant: &self.0.parts.tenant, subject, field, epoch }
    }

    fn remaining(&self, token: &LiveToken) -> Duration {
        let clock = &self.0.parts.clock;
        token.remaining(clock.now(), clock.uptime())
    }

    fn age(&self, token: &LiveToken) -> Duration {
        let clock = &self.0.parts.clock;
        token.age(clock.now(), clock.uptime())
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("providers", &self.0.parts.providers).finish_non_exhaustive()
    }
}

fn no_provider(key: &ProviderKey) -> Failure {
    Failure::new(
        "provider_not_configured",
        Actor::Operator,
        format!("The provider {key} is no longer configured."),
    )
    .remedied_by("The operator puts its section back into the configuration; users stay connected.")
}
