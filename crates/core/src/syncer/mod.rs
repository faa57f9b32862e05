//! Keeps a right copy of calendars and mailboxes: pull, apply, again while there is more.
//!
//! ```text
//! store.claim_feeds ─► feed.parts ─► store.begin_pass ─► for each part: feed.pull ─► store.apply, while there is more
//!                                                    ─► store.end_pass, again while something is missing ─► store.end_run
//! ```

use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use tokio::sync::Notify;

use crate::capability::BodyFormat;
use crate::feed::{FeedKind, Scope, Window};
use crate::gateway::{CallError, Gateway};
use crate::provider::Provider;
use crate::repeat::Patience;
use crate::store::{Asked, FeedStatus, SyncStore};
use crate::vault::{TokenError, Vault};
use crate::{IntegrationId, UserId};

/// What the operator decides about copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncSettings {
    /// How often a feed is read.
    pub every: Duration,
    /// How often where the provider sends word of changes: what was lost is found then.
    pub every_notified: Duration,
    /// How many days of the calendar before today.
    pub days_back: u16,
    /// How many days of the calendar after today.
    pub days_ahead: u16,
    /// How many events at most.
    pub events: Option<u32>,
    /// How many messages at most.
    pub messages: Option<u32>,
    /// Whether bodies are kept, and in which format.
    pub bodies: Option<BodyFormat>,
    /// How many feeds one process reads at once.
    pub at_once: usize,
}

impl Default for SyncSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_mins(5),
            every_notified: Duration::from_hours(1),
            days_back: 30,
            days_ahead: 30,
            events: Some(100),
            messages: Some(50),
            bodies: None,
            at_once: 16,
        }
    }
}

impl SyncSettings {
    /// What of a feed belongs into the copy today.
    pub fn scope(&self, feed: FeedKind, now: Timestamp) -> Scope {
        let midnight =
            now.to_zoned(TimeZone::UTC).start_of_day().map_or(now, |day| day.timestamp());
        let days = |days: i32| midnight.saturating_add((days * 24).hours()).unwrap_or(midnight);
        let (window, limit) = match feed {
            FeedKind::Calendar => {
                let window = Window {
                    from: days(-i32::from(self.days_back)),
                    today: midnight,
                    to: days(i32::from(self.days_ahead) + 1),
                };
                (Some(window), self.events)
            }
            FeedKind::Email => (None, self.messages),
        };
        Scope { window, limit, bodies: self.bodies }
    }
}

/// The feeds that a provider has.
pub fn feeds_of(provider: &dyn Provider) -> impl Iterator<Item = FeedKind> {
    let has = [
        provider.calendar_feed().map(|_| FeedKind::Calendar),
        provider.email_feed().map(|_| FeedKind::Email),
    ];
    has.into_iter().flatten()
}

/// Reads feeds into the copy. Cheap to clone; all clones share their slots.
#[derive(Clone)]
pub struct Syncer(Arc<Inner>);

struct Inner {
    vault: Vault,
    gateway: Gateway,
    store: Arc<dyn SyncStore>,
    settings: SyncSettings,
    /// Rings when somebody asked for a run in this process.
    asked: Notify,
}

impl Syncer {
    /// A syncer of this vault's integrations.
    pub fn new(vault: Vault, store: Arc<dyn SyncStore>, settings: SyncSettings) -> Self {
        // Whoever waits holds a slot: what takes longer is tried again by the schedule.
        let patience = Patience { background: Duration::from_secs(20), ..Patience::default() };
        let gateway = Gateway::new(vault.clone()).with_patience(patience);
        Self(Arc::new(Inner { vault, gateway, store, settings, asked: Notify::new() }))
    }

    /// Asks for a run now of this feed of the owner's integration, or of all it has; joins one that is
    /// under way. It is carried out by the loop of whichever process comes first.
    pub async fn ask(
        &self,
        owner: UserId,
        id: IntegrationId,
        feed: Option<FeedKind>,
    ) -> Result<Vec<Asked>, CallError> {
        let feeds = self.offered(owner, id, feed).await?;
        let asked = self.0.store.ask(owner, id, &feeds).await.map_err(TokenError::from)?;
        self.0.asked.notify_one();
        Ok(asked)
    }

    /// Where the feeds of the owner's integration stand.
    pub async fn status(
        &self,
        owner: UserId,
        id: IntegrationId,
    ) -> Result<Vec<FeedStatus>, CallError> {
        self.0.vault.integration(owner, id).await?;
        Ok(self.0.store.feeds(owner, Some(id)).await.map_err(TokenError::from)?)
    }

    /// The feeds that are meant, if the integration has them.
    async fn offered(
        &self,
        owner: UserId,
        id: IntegrationId,
        feed: Option<FeedKind>,
    ) -> Result<Vec<FeedKind>, CallError> {
        let integration = self.0.vault.integration(owner, id).await?;
        let provider = self.0.vault.providers().find(&integration.provider);
        let offered: Vec<_> = provider.into_iter().flat_map(|p| feeds_of(&**p)).collect();
        let meant: Vec<_> =
            offered.into_iter().filter(|it| feed.is_none_or(|feed| feed == *it)).collect();
        if meant.is_empty() {
            let provider = provider
                .map_or_else(|| integration.provider.to_string(), |p| p.manifest().label.clone());
            let capability = feed.map_or("calendar or mailbox to copy", |feed| match feed {
                FeedKind::Calendar => "calendar to copy",
                FeedKind::Email => "mailbox to copy",
            });
            return Err(CallError::NotOffered { provider, capability });
        }
        Ok(meant)
    }
}

impl std::fmt::Debug for Syncer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Syncer").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
