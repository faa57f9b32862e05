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
mod keep_alive;
mod manage;
mod notes;
mod obtain;
mod recovery;
mod refresh;
mod registrations;
mod replies;
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
pub use keep_alive::KeepAlive;
pub use registrations::Registration;
pub use rotation::Rotated;

use crate::budget::Budgets;
use crate::grant::{AccessToken, MinLife, renewal_due};
use crate::news::News;
use crate::provider::{
    Actor, Failure, Manifest, Provider, ProviderKey, Providers, Renewal, Replay,
};
use crate::quota::{Drawer, Metered, Quotas};
use crate::repeat::Patience;
use crate::seal::{Field, Place, Ring, Seal};
use crate::spool::{DirSpool, Spool};
use crate::store::{GrantStore, SealedGrant, StoreError, Subject};
use crate::transport::TransportSetupError;
use crate::{
    Clock, Entropy, Grant, HttpLimits, HttpTransport, IntegrationId, Lineage, Secret, SystemClock,
    SystemEntropy, Tasks, Transport, UserId,
};
use cache::Cache;
use flight::{Flights, Need};
use suspension::Suspensions;

/// A token nearer to its end than this is not handed out: it would die on the way.
const LAST_MOMENT: Duration = Duration::from_secs(1);
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
    /// Beside the tokens, since every gateway over this vault shares them.
    budgets: Budgets,
    /// What all processes share of what a provider allows.
    quotas: Quotas,
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
        let budgets = Budgets::new(&parts.providers, Arc::clone(&parts.clock));
        let quotas = Quotas::new(
            Arc::clone(&parts.store),
            Arc::clone(&parts.clock),
            Arc::clone(&parts.entropy),
            parts.tasks.clone(),
        );
        Self(Arc::new(Inner {
            parts,
            budgets,
            quotas,
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

    /// Where work that outlives its caller runs.
    pub fn tasks(&self) -> &Tasks {
        &self.parts().tasks
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
    /// the old token is served with a [`Warning`](crate::grant::Warning).
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
            token.handouts.count(remaining);
            return Ok(AccessToken::new(token, None));
        }
        // Boxed: the slow path's state is large, and every caller would carry room for it.
        Box::pin(self.obtain(owner, id, want, None, None)).await
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

    pub(crate) fn budgets(&self) -> &Budgets {
        &self.0.budgets
    }

    pub(crate) fn quotas(&self) -> &Quotas {
        &self.0.quotas
    }

    /// The transport for what obtains and ends grants: counted, and still while the provider says stop.
    fn metered<'a>(&'a self, provider: &'a dyn Provider) -> Metered<'a> {
        let drawer = Drawer { provider, account: None };
        Metered::new(&*self.0.parts.http, &self.0.quotas, drawer)
    }

    /// The same for somebody who signs in, and who waits for room as long as for an answer to a call.
    fn metered_sign_in<'a>(&'a self, provider: &'a dyn Provider) -> Metered<'a> {
        let patience = Patience::default().at_least(provider.manifest().patience).interactive;
        self.metered(provider).until(self.0.parts.clock.uptime() + patience)
    }

    /// Forgets expired tokens and unused budgets, so that idle integrations cost no memory.
    pub(crate) fn sweep(&self) {
        self.0.budgets.sweep();
        self.0.quotas.sweep();
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
            manifest.renewal == Renewal::Ahead && can_be_renewed(manifest, grant)
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
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("providers", &self.0.parts.providers).finish_non_exhaustive()
    }
}

/// Whether new tokens can be had without the user.
fn can_be_renewed(manifest: &Manifest, grant: &Grant) -> bool {
    manifest.replay == Replay::None || grant.refresh.is_some() || grant.login.is_some()
}

fn no_provider(key: &ProviderKey) -> Failure {
    Failure::new(
        "provider_not_configured",
        Actor::Operator,
        format!("The provider {key} is no longer configured."),
    )
    .remedied_by("The operator puts its section back into the configuration; users stay connected.")
}
