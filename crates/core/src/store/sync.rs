//! The port to the local copy: feeds, their parts, the items, and who tells of changes.
//!
//! What is done in one method is done in one step: a page and the cursor behind it, or neither.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use super::Stored;
use crate::capability::Cursor;
use crate::feed::{FeedKind, Part, Window};
use crate::id::{HolderId, IntegrationId, LeaseId, UserId};
use crate::provider::{Failure, ProviderKey};

/// The least time between the beginnings of two runs that hints ask for: a mailbox that changes all the time
/// is not read all the time.
pub const HINT_GAP: Duration = Duration::from_secs(10);

/// A feed of an integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedId {
    /// Whose.
    pub integration: IntegrationId,
    /// Which.
    pub feed: FeedKind,
}

/// The right to work on a feed; whoever has lost it changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The feed.
    pub id: FeedId,
    /// The one who may.
    pub lease: LeaseId,
    /// For how long each step extends it.
    pub life: Duration,
}

/// Who takes feeds, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Names what is taken with it.
    pub lease: LeaseId,
    /// The process; when it is known to be dead, others need not wait ([`GrantStore::orphan`](super::GrantStore::orphan)).
    pub holder: HolderId,
    /// For how long, unless it is extended.
    pub life: Duration,
}

/// A feed that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The feed.
    pub id: FeedId,
    /// Whose.
    pub owner: UserId,
    /// At which provider.
    pub provider: ProviderKey,
    /// The run that is begun or goes on.
    pub run: i64,
    /// How often in a row it failed.
    pub attempts: u32,
}

/// One reading of all parts of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Its number; grows.
    pub number: i64,
    /// Its parts, in order.
    pub parts: Vec<PartState>,
}

/// How far a part has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartState {
    /// Its id.
    pub id: String,
    /// Where it goes on; from its beginning without one.
    pub cursor: Option<Cursor>,
    /// Whether it was read to its end in this pass.
    pub is_done: bool,
}

/// An item as the copy keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The provider's id.
    pub id: String,
    /// The series it is an occurrence of.
    pub series: Option<String>,
    /// When it begins, or came: lists are in this order.
    pub at: Timestamp,
    /// When it ends.
    pub until: Option<Timestamp>,
    /// Whether it was read.
    pub is_read: Option<bool>,
    /// The folder or calendar it lies in.
    pub folder: Option<String>,
    /// How important it is.
    pub importance: Option<String>,
    /// The address of who sent it or invites, in lower case.
    pub sender: Option<String>,
    /// The addresses of everybody it is from or to, in lower case.
    pub people: Vec<String>,
    /// What a search looks at.
    pub words: String,
    /// The item itself as JSON, without its body.
    pub json: String,
    /// Its body as JSON, where bodies are kept.
    pub body: Option<String>,
    /// SHA-256 of all of it: what has the same is the same.
    pub digest: [u8; 32],
}

/// One page, ready for the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The part it is of.
    pub part: String,
    /// The items in it; no id twice, and none that is in `gone`.
    pub items: Vec<Item>,
    /// What is not in the part, nor any occurrence of it but for those in `items`.
    pub gone: Vec<String>,
    /// Series, and the occurrences that there are of each, beside those in `items`. An item that has the
    /// series' own id belongs to it, too.
    pub series: Vec<(String, Vec<String>)>,
    /// What is in the part too and stays as it is, if the copy has it; none that is in `items` or `gone`.
    pub still: Vec<String>,
    /// How the part goes on.
    pub next: crate::feed::Next,
}

/// What a page changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Items that were not there before.
    pub added: u64,
    /// Items that are different now.
    pub updated: u64,
}

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassEnd {
    /// How many items have left the copy.
    pub deleted: u64,
    /// How many items this pass did not find. The next one tells whether they are gone or have only
    /// moved to a part that had been read before.
    pub missing: u64,
    /// Whether somebody asked, or a hint came, after it had begun.
    pub is_hinted: bool,
}

/// Where a feed stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FeedStatus {
    /// Whose.
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708"))]
    pub integration_id: IntegrationId,
    /// At which provider.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub provider: ProviderKey,
    /// Which.
    pub feed: FeedKind,
    /// What it is doing.
    pub state: FeedStatusState,
    /// The number of the run that is under way, or was last.
    pub run: i64,
    /// The number of the last run that came to its end; 0 if none has.
    pub done_run: i64,
    /// The copy holds everything that happened at the provider up to then; `null` before the first run's end.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub as_of: Option<Timestamp>,
    /// Whether there was more at the provider than the copy may hold.
    pub truncated: bool,
    /// How many items the copy holds.
    pub items: u64,
    /// How many items the run has seen so far.
    pub seen: u64,
    /// How many there are to see, where the provider says so.
    pub expected: Option<u64>,
    /// When the run began.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub began_at: Option<Timestamp>,
    /// When the next one begins, or this one goes on; `null` while somebody has to mend it first.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub next_at: Option<Timestamp>,
    /// How often in a row it failed.
    pub attempts: u32,
    /// Why it failed last, until it succeeds.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub failure: Option<Failure>,
    /// Until when the provider sends word of changes; `null` where all goes by the schedule.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub notified_until: Option<Timestamp>,
}

/// What a feed is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FeedStatusState {
    /// Nothing until `next_at`.
    Idle,
    /// It is due and waits for its turn.
    Queued,
    /// It is read now.
    Running,
    /// It failed, and is tried again at `next_at`.
    Waiting,
    /// It failed, and somebody has to mend it first.
    Stopped,
}

/// A run that somebody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The feed.
    pub feed: FeedKind,
    /// The run.
    pub run: i64,
}

/// A subscription to a feed's changes, as it lies in its row. Neither secret is in it, only their
/// hashes: nobody who reads the database can make a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The feed.
    pub id: FeedId,
    /// Whose.
    pub owner: UserId,
    /// At which provider.
    pub provider: ProviderKey,
    /// SHA-256 of the secret in its address; `None` before it was first asked for.
    pub address_hash: Option<[u8; 32]>,
    /// SHA-256 of the state it was made with.
    pub state_hash: Option<[u8; 32]>,
    /// The provider's id, once it is made.
    pub subscription: Option<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When something is to be done about it.
    pub due_at: Timestamp,
    /// How often in a row that failed.
    pub attempts: u32,
}

/// A notification that was believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// The feed it is about.
    pub id: FeedId,
    /// The notification's digest: the same one twice is one.
    pub digest: [u8; 32],
    /// Whether the subscription has to be looked after, too.
    pub look_after: bool,
}

/// What the syncer remembers. Times are the database's, as [`GrantStore::now`](super::GrantStore::now) has them.
///
/// Invariants:
/// - A lease that was lost changes nothing: methods that take a [`Lease`] give `None` then, and otherwise
///   extend it.
/// - An item takes a revision when it is added, when its digest changes, and when it leaves the copy; and at
///   no other time. So a page that is applied twice tells nobody anything the second time. Revisions of one
///   owner become visible in the order of their numbers.
/// - An item that is missing leaves the copy at the end of the next pass in which no page tells of it,
///   neither that it is there nor that it is gone. So whatever moves from part to part, however often, does
///   not leave, as long as each part that it left says so.
#[async_trait]
pub trait SyncStore: Send + Sync + 'static {
    /// Makes feeds of what was connected, resumed or reconnected after revision `since`, due now, and
    /// stops those of what was paused, needs a reconnect or was disconnected; what a disconnected one
    /// had in the copy leaves it, for the reason `disconnected`, by and by
    /// ([`take_away`](Self::take_away)). `offers` says which providers have which
    /// feeds; others get none. Looks at most at 1,000 integrations; gives the revision it came to, which
    /// is `since` once there are no more.
    async fn enrol(&self, since: i64, offers: &[(ProviderKey, FeedKind)]) -> Stored<i64>;

    /// Takes up to `limit` feeds that are due and that nobody has, those due longest; only `this` where
    /// it is given, due or not, unless somebody has it. A run that was ended begins anew.
    async fn claim_feeds(
        &self,
        claim: Claim,
        limit: u32,
        this: Option<FeedId>,
    ) -> Stored<Vec<Claimed>>;

    /// When the next feed comes due.
    async fn next_feed(&self) -> Stored<Option<Timestamp>>;

    /// Extends the lease; `false` if it is lost.
    async fn hold(&self, lease: &Lease) -> Stored<bool>;

    /// Notes that a pass begins now, unless one is under way: the copy will be as of now, and heeds the hints
    /// up to now. To be called before the provider is asked for anything.
    async fn open_pass(&self, lease: &Lease) -> Stored<Option<()>>;

    /// Begins the pass that was opened over these parts, or goes on with it. A part that is new begins at
    /// its beginning, as all do where `scope` is not what it was; with `anew` all do in any case. What lies
    /// in parts that are no more is missing, and what was missing may have been there: it counts as told of.
    async fn begin_pass(
        &self,
        lease: &Lease,
        scope: &str,
        parts: &[Part],
        anew: bool,
    ) -> Stored<Option<Pass>>;

    /// Applies a page and moves the part's cursor; what was stored has not failed, so failures are counted
    /// anew. At the end of a part that was read from its beginning,
    /// what was in it before and was not told of is missing.
    async fn apply(&self, lease: &Lease, batch: &Batch) -> Stored<Option<Applied>>;

    /// Sends a part back to its beginning, because the provider no longer knows its cursor.
    async fn restart(&self, lease: &Lease, part: &str) -> Stored<Option<()>>;

    /// Ends the pass: what was missing in an earlier one and was not told of in this leaves the copy. The
    /// reason is `deleted`; or `left` where the item is outside of `window`, or where the copy was cut, in this
    /// pass or the last, and nobody can tell. The copy is then as of the pass's beginning, unless something is
    /// missing still.
    async fn end_pass(
        &self,
        lease: &Lease,
        cut: bool,
        window: Option<Window>,
    ) -> Stored<Option<PassEnd>>;

    /// Ends the run and gives the lease back. The next begins at `next`, or [`HINT_GAP`] after this one's
    /// beginning where a hint came after the last pass had begun.
    async fn end_run(&self, lease: &Lease, next: Timestamp) -> Stored<Option<()>>;

    /// Gives the lease back; the run goes on at `next`. With a failure that is one more attempt that
    /// failed, and without `next` it goes on once somebody has mended what is wrong.
    async fn leave_run(
        &self,
        lease: &Lease,
        next: Option<Timestamp>,
        failure: Option<&Failure>,
    ) -> Stored<Option<()>>;

    /// Asks for a run of these feeds now, whoever holds them: one that is under way is joined, and is hinted
    /// that there may be something to read once more; otherwise another begins. Feeds that the owner's integration does not have are left out.
    async fn ask(
        &self,
        owner: UserId,
        integration: IntegrationId,
        feeds: &[FeedKind],
    ) -> Stored<Vec<Asked>>;

    /// Where the owner's feeds stand; those of one integration, or all.
    async fn feeds(
        &self,
        owner: UserId,
        integration: Option<IntegrationId>,
    ) -> Stored<Vec<FeedStatus>>;

    /// Makes a row, due now, for each feed at these providers that has no subscription; then takes up to
    /// `limit` that are due, and sets them due again after `again`.
    async fn claim_subscriptions(
        &self,
        providers: &[ProviderKey],
        again: Duration,
        limit: u32,
    ) -> Stored<Vec<Subscription>>;

    /// Stores a subscription over the one of its feed; `false` if the feed is no more.
    async fn put_subscription(&self, subscription: &Subscription) -> Stored<bool>;

    /// The subscription at this address, if there is one.
    async fn subscription_at(
        &self,
        provider: &ProviderKey,
        address_hash: &[u8; 32],
    ) -> Stored<Option<Subscription>>;

    /// The subscriptions of an integration.
    async fn subscriptions(&self, integration: IntegrationId) -> Stored<Vec<Subscription>>;

    /// Takes one step of what is left to do about disconnected feeds: up to 1,000 of their items leave the
    /// copy, and in the end the feed itself. Whether there is more to do.
    async fn take_away(&self) -> Stored<bool>;

    /// Takes hints, each digest of a feed once in a day: their feeds are due now, but no sooner than
    /// [`HINT_GAP`] after their last run's beginning, and one that failed not before it would be. How many
    /// were new.
    async fn take_hints(&self, hints: &[Hint]) -> Stored<u64>;
}
