//! The port to the database: what the vault needs to remember, and the few steps that must be atomic.
//!
//! Every finder is scoped to its owner; the two that are not (`grant`, `owner_of`) serve the vault
//! and the operator's own command line. A foreign id and an unknown one give the same `None`.

mod quota;
mod refresh;
mod sync;
mod upkeep;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::fernet::KeyId;
use crate::grant::Version;
use crate::id::{AttemptId, DebtId, HolderId, IntegrationId, Lineage, UserId};
use crate::integration::{Integration, Status};
use crate::provider::{Failure, ProviderKey};
use crate::seal::Sealed;

pub use quota::QuotaStore;
pub use refresh::{
    ANSWER_SETTLES, ATTEMPTS_KEPT, Attempt, Commit, Committed, Ended, Intent, Outcome, Reserved,
};
pub use sync::*;
pub use upkeep::{Debt, Notice, SealedRow, Shelf};

/// The database could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or is busy; the same call may succeed later.
    #[error("the database cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It holds something this version cannot read: the operator must look.
    #[error("the database holds a value that cannot be read: {what}")]
    Inconsistent {
        /// Table, row and column.
        what: String,
    },
}

/// The result of a store call.
pub type Stored<T> = Result<T, StoreError>;

/// A sealed grant as it lies in its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedGrant {
    /// The ciphertext.
    pub sealed: Sealed,
    /// Which refresh token it holds.
    pub lineage: Lineage,
    /// When the access token stops working.
    pub expires_at: Timestamp,
    /// When the renewer should refresh it; `None`: only on demand.
    pub due_at: Option<Timestamp>,
}

/// A grant's row with what decides whether it may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// The integration.
    pub id: IntegrationId,
    /// Who owns it.
    pub owner: UserId,
    /// Its provider.
    pub provider: ProviderKey,
    /// Whether it may be used.
    pub status: Status,
    /// The integration's last change.
    pub revision: i64,
    /// Which grant this is.
    pub version: Version,
    /// The grant.
    pub grant: SealedGrant,
}

/// A sign-in under way. Times out, works once, and only for the user who began it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// SHA-256 of the `state`; the state itself is never stored.
    pub state_hash: [u8; 32],
    /// Who began it.
    pub owner: UserId,
    /// What is being connected.
    pub provider: ProviderKey,
    /// How the user agrees.
    pub way: Way,
    /// Where the browser comes back to.
    pub redirect_uri: String,
    /// The permissions asked for.
    pub scopes: Vec<String>,
    /// The integration being reconnected, if it is one.
    pub integration: Option<IntegrationId>,
    /// PKCE verifier and nonce, or the device code; sealed.
    pub sealed: Sealed,
    /// When it times out.
    pub expires_at: Timestamp,
}

/// How a user agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// On the provider's page, or in a form of ours.
    Direct,
    /// By typing a code on another device.
    Device,
}

impl Way {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Device => "device",
        }
    }
}

/// A connect that is ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIntegration {
    /// The integration as it will be; for a reconnect its id, owner and provider name the row.
    pub integration: Integration,
    /// Its grant, sealed for the integration's epoch.
    pub grant: SealedGrant,
}

/// Something changed that other processes may have in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What changed.
    pub subject: Subject,
    /// Its new revision; revisions grow in the order in which changes become visible.
    pub revision: i64,
}

/// What a [`Change`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An integration was reconnected, disconnected, paused, resumed or marked.
    Integration(IntegrationId),
    /// An access key was made or revoked; the key's own id.
    Key(u128),
}

/// A change a user makes to an integration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// A new name.
    pub label: Option<String>,
    /// `Some(true)` pauses an active one, `Some(false)` resumes a paused one; one that needs a
    /// reconnect stays as it is: resuming it later must not make it look mended.
    pub paused: Option<bool>,
}

impl Edit {
    /// Makes the edit on a copy of the stored integration; an edit may change nothing.
    pub fn apply(&self, integration: &mut Integration) {
        if let Some(label) = &self.label {
            integration.label.clone_from(label);
        }
        match (self.paused, &integration.status) {
            (Some(true), Status::Active) => integration.status = Status::Paused,
            (Some(false), Status::Paused) => integration.status = Status::Active,
            _ => {}
        }
    }
}

/// What the vault remembers.
#[async_trait]
pub trait GrantStore: QuotaStore {
    /// The clock that all replicas share; leases are measured by it alone.
    async fn now(&self) -> Stored<Timestamp>;

    /// Remembers a sign-in under way, and forgets those that timed out before `now`.
    async fn put_flow(&self, flow: &Flow, now: Timestamp) -> Stored<()>;

    /// Takes a flow out, once. `None` if it is unknown, used, timed out, of another provider or,
    /// where `owner` is given, of another user; a flow that does not match stays as it was.
    async fn take_flow(
        &self,
        state_hash: &[u8; 32],
        provider: &ProviderKey,
        owner: Option<UserId>,
        now: Timestamp,
    ) -> Stored<Option<Flow>>;

    /// Looks at a flow that [`take_flow`](Self::take_flow) would give, and leaves it.
    async fn find_flow(
        &self,
        state_hash: &[u8; 32],
        provider: &ProviderKey,
        owner: Option<UserId>,
        now: Timestamp,
    ) -> Stored<Option<Flow>>;

    /// The owner's live integration of this account, if there is one.
    async fn find_account(
        &self,
        owner: UserId,
        provider: &ProviderKey,
        account: &str,
    ) -> Stored<Option<Integration>>;

    /// Stores a new integration with its grant, as generation 0. `false` if the owner has one of the
    /// same account.
    async fn connect(&self, new: &NewIntegration) -> Stored<bool>;

    /// Replaces account, scopes and grant, sets the status to active and the epoch to the new
    /// one's, which must be the stored one plus 1; ends any intent. `false` if it is not, or if
    /// the owner has another integration of the new account.
    async fn reconnect(&self, new: &NewIntegration) -> Stored<bool>;

    /// The owner's integration.
    async fn integration(&self, owner: UserId, id: IntegrationId) -> Stored<Option<Integration>>;

    /// The owner's integrations after `after` in the order of their ids, at most `limit`.
    async fn integrations(
        &self,
        owner: UserId,
        after: Option<IntegrationId>,
        limit: u32,
    ) -> Stored<Vec<Integration>>;

    /// Whose integration this is; for the operator's command line.
    async fn owner_of(&self, id: IntegrationId) -> Stored<Option<UserId>>;

    /// Applies the owner's edit; gives the integration as it is then. An edit that changes nothing
    /// takes no revision.
    async fn edit(
        &self,
        owner: UserId,
        id: IntegrationId,
        edit: &Edit,
        now: Timestamp,
    ) -> Stored<Option<Integration>>;

    /// Ends the owner's integration: its grant and any intent are deleted, its epoch grows, and it
    /// is found no more. Gives what was there. Where `debt` is given, the grant becomes a debt of
    /// this id in the same step, due at once: it is revoked even if this process dies now.
    async fn disconnect(
        &self,
        owner: UserId,
        id: IntegrationId,
        now: Timestamp,
        debt: Option<DebtId>,
    ) -> Stored<Option<GrantRow>>;

    /// The grant of a live integration, whoever owns it.
    async fn grant(&self, id: IntegrationId) -> Stored<Option<GrantRow>>;

    /// Writes the intent if the grant is still the one its writer saw, the integration is active and
    /// no other intent is in force at `intent.started_at`. An intent past its deadline is replaced, and
    /// the same attempt may ask again. A grant that moved is [`Reserved::Moved`], busy or not. An
    /// intent with an answer is never replaced: it is [`Reserved::Busy`] until the answer has had
    /// [`ANSWER_SETTLES`] to be committed by its writer, or the deadline has passed, and
    /// [`Reserved::Answered`] from then on.
    async fn reserve(&self, intent: &Intent) -> Stored<Reserved>;

    /// Keeps the provider's answer beside the intent before anyone interprets it. `false` if the
    /// intent is no longer this attempt's.
    async fn answer(
        &self,
        id: IntegrationId,
        attempt: AttemptId,
        answer: &Sealed,
        at: Timestamp,
    ) -> Stored<bool>;

    /// Ends an attempt that obtained nothing, and forgets its answer: it was of no use. What an
    /// earlier attempt left unknown stays known as such until a grant is committed.
    async fn release(&self, id: IntegrationId, attempt: AttemptId, ended: Ended) -> Stored<()>;

    /// Ends the force of every intent of a holder that is known to be dead.
    async fn orphan(&self, holder: HolderId) -> Stored<()>;

    /// Stores a refreshed grant if the stored one has this `epoch` and this `spent` lineage, ends
    /// the attempt and notes it. It does not matter whether the intent is still in force: a late
    /// winner holds the only live token. Where the stored grant has the new grant's lineage already,
    /// this very commit was made before and its answer lost: it is [`Committed::Stored`], not stale.
    async fn commit(&self, commit: &Commit) -> Stored<Committed>;

    /// Notes how an attempt ended; the last [`ATTEMPTS_KEPT`] of an integration are kept.
    async fn note(&self, attempt: &Attempt) -> Stored<()>;

    /// The owner's integration's last attempts, the latest first.
    async fn attempts(&self, owner: UserId, id: IntegrationId) -> Stored<Vec<Attempt>>;

    /// Marks an active integration for reconnect if its grant still has this epoch and lineage.
    async fn mark(
        &self,
        id: IntegrationId,
        epoch: i64,
        lineage: Lineage,
        why: &Failure,
        since: Timestamp,
    ) -> Stored<bool>;

    /// Takes up to `limit` active integrations whose grant is due at `now`, those due longest, and
    /// sets them due again at `again`, so that no other process takes them meanwhile. In no order.
    async fn claim_due(
        &self,
        now: Timestamp,
        again: Timestamp,
        limit: u32,
    ) -> Stored<Vec<IntegrationId>>;

    /// When the next grant comes due.
    async fn next_due(&self) -> Stored<Option<Timestamp>>;

    /// What changed after revision `after`, in order, at most 1,000 at once.
    async fn changes(&self, after: i64) -> Stored<Vec<Change>>;

    /// The latest revision.
    async fn revision(&self) -> Stored<i64>;

    /// Takes note of a grant that must still be revoked at its provider.
    async fn owe(&self, debt: &Debt) -> Stored<()>;

    /// Takes up to `limit` debts that are due at `now`, and sets them due again at `again`, with one
    /// more try.
    async fn claim_debts(&self, now: Timestamp, again: Timestamp, limit: u32) -> Stored<Vec<Debt>>;

    /// Forgets a debt: it was settled, or is given up.
    async fn settle(&self, debt: DebtId) -> Stored<()>;

    /// How many debts there are.
    async fn debts(&self) -> Stored<i64>;

    /// Up to `limit` sealed values that are not sealed with `key`, in the order of their rows.
    async fn sealed_otherwise(&self, key: &KeyId, limit: u32) -> Stored<Vec<SealedRow>>;

    /// Replaces a sealed value if it is still the one that was read.
    async fn reseal(&self, row: &SealedRow, sealed: &Sealed) -> Stored<bool>;

    /// The keys that stored values are sealed with, and how many are with each.
    async fn sealing_keys(&self) -> Stored<Vec<(KeyId, i64)>>;

    /// Forgets what timed out, such as sign-ins that nobody finished.
    async fn tidy(&self) -> Stored<()>;

    /// Whether this database is a copy that nobody has adopted: it lies elsewhere than when it was
    /// last started in earnest.
    async fn is_copy(&self) -> Stored<bool>;

    /// Makes this place the database's home, and gives it a new name.
    async fn adopt(&self) -> Stored<()>;

    /// Keeps a notice unless there is one with its key; `true` if it is new.
    async fn announce(&self, notice: &Notice) -> Stored<bool>;

    /// The notices after this place in their order, at most `limit`, each with its place.
    async fn notices(&self, after: i64, limit: u32) -> Stored<Vec<(i64, Notice)>>;
}
