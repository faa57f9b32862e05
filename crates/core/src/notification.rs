//! Change notifications: a provider that says of itself that something changed.
//!
//! A notification is a hint: what changed is read from the [`Feed`](crate::feed::Feed), with the owner's
//! own token. So whoever forges or repeats one gains nothing, and one that is lost costs time alone.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use url::Url;

use crate::feed::FeedKind;
use crate::gateway::{Api, CallError};
use crate::integration::Account;
use crate::{Secret, Transport};

/// Sends word when something changes. Implemented by vendors.
#[async_trait]
pub trait Notifications: Send + Sync {
    /// Asks for word about a feed. The provider calls `ask.url` before it answers.
    async fn subscribe(&self, api: &Api, ask: &Subscribe<'_>) -> Result<Subscribed, CallError>;

    /// Lets a subscription live on whose addresses begin with `ours` ([`Subscribe::ours`]), and proves that
    /// the account's access does. One that is gone is
    /// [`Denial::ItemNotFound`](crate::Denial::ItemNotFound).
    async fn renew(&self, api: &Api, id: &str, ours: &str) -> Result<Renewed, CallError>;

    /// Ends a subscription; one that is gone is as good.
    async fn unsubscribe(&self, api: &Api, id: &str) -> Result<(), CallError>;

    /// The organisation of an account as [`Note::tenant`] names it, where that is known.
    fn tenant<'a>(&self, account: &'a Account) -> Option<&'a str>;

    /// Reads what came to the address of a subscription; whoever sent it.
    ///
    /// What the provider signed or sealed is verified here, for notifications that `is_known` knows by their
    /// subscription and state: on others no work is spent. The rest is verified by whoever asked for word. `http` reaches the
    /// provider's published keys, which are asked for seldom.
    async fn read(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        query: Option<&str>,
        body: &Bytes,
        is_known: &IsKnown<'_>,
    ) -> Result<Word, NotWord>;
}

/// Whether there is a subscription of this id that was made with this state.
pub type IsKnown<'a> = dyn Fn(&str, Option<&Secret>) -> bool + Send + Sync + 'a;

/// What to send word about, and where to.
#[derive(Debug, Clone, Copy)]
pub struct Subscribe<'a> {
    /// What about.
    pub feed: FeedKind,
    /// Where to; nobody else knows it.
    pub url: &'a Url,
    /// What the addresses of all subscriptions that were ever made for this feed of this integration begin
    /// with, and no others. Whatever the provider still has of them is known to nobody any more.
    pub ours: &'a str,
    /// Comes along with every notification.
    pub state: &'a Secret,
}

/// What became of a subscription that was to live on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// It ends then, unless it is renewed again.
    Until(Timestamp),
    /// It sends word to an address that is ours no more: we are reached elsewhere since.
    Elsewhere,
}

/// A subscription that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// The provider's id.
    pub id: String,
    /// When it ends unless it is renewed.
    pub expires_at: Timestamp,
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// The provider asks whether there is anybody: this text is the answer, as plain text and nothing else.
    Handshake(String),
    /// Notifications.
    Notes(Vec<Note>),
}

/// One notification.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The subscription it says it belongs to.
    pub subscription: String,
    /// The state it says the subscription was made with.
    pub state: Option<Secret>,
    /// What happened.
    pub event: NoteEvent,
    /// The account's organisation, where it is named.
    pub tenant: Option<String>,
    /// The same for the same notification, and for no other.
    pub digest: [u8; 32],
    /// Why it must not be believed, if its signature or its content says so.
    pub doubt: Option<&'static str>,
}

/// What a notification tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteEvent {
    /// Something changed.
    Changed,
    /// The subscription needs to be renewed.
    Expiring,
    /// The subscription is gone.
    Removed,
    /// Notifications were lost.
    Missed,
    /// Something that is not known here.
    Unknown,
}

/// What came is not a notification at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotWord(pub &'static str);
