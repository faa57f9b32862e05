//! Where copies stand, and who sees which.
//!
//! Invariant: a key starts and sees what its permissions let it read, and nothing of the rest.

use evergrant::feed::FeedKind;
use evergrant::store::{FeedStatus, FeedStatusState, SyncStore};
use evergrant::{IntegrationId, UserId};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::integrations::ReasonBody;
use crate::App;
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// What somebody sees of copies.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    /// Whose copies.
    pub(super) owner: UserId,
    kinds: Vec<FeedKind>,
    principal: Principal,
}

impl Sight {
    /// What this key lets see, which is something.
    pub(super) fn of(principal: Principal) -> Result<Self, Problem> {
        let may = |kind: &FeedKind| principal.may(reads(*kind)).is_ok();
        let kinds: Vec<_> = FeedKind::ALL.into_iter().filter(may).collect();
        if kinds.is_empty() {
            principal.may(Permission::CalendarRead)?;
        }
        Ok(Self { owner: principal.user(), kinds, principal })
    }

    /// The same for who wants to see these.
    pub(super) fn with(principal: Principal, kind: FeedKind) -> Result<Self, Problem> {
        principal.may(reads(kind))?;
        Self::of(principal)
    }

    /// Whether it has these.
    pub(super) fn has(&self, kind: FeedKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Refuses who does not see these.
    pub(super) fn must_have(&self, kind: FeedKind) -> Result<(), Problem> {
        self.principal.may(reads(kind)).map(drop)
    }

    /// The only kind it has; none where it has all.
    pub(super) fn only(&self) -> Option<FeedKind> {
        match self.kinds[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Where the user's feeds stand; those of one integration, or all.
    pub(super) async fn feeds(
        &self,
        app: &App,
        integration: Option<IntegrationId>,
    ) -> Result<Vec<FeedBody>, Problem> {
        let status = app.0.store.feeds(self.owner, integration).await?;
        Ok(status.into_iter().filter(|feed| self.has(feed.feed)).map(Into::into).collect())
    }
}

/// What a key needs to see these.
fn reads(kind: FeedKind) -> Permission {
    match kind {
        FeedKind::Calendar => Permission::CalendarRead,
        FeedKind::Email => Permission::MailRead,
    }
}

/// Where the copy of a calendar or of a mailbox stands.
#[derive(Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "integration_id": "int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708", "provider": "acme_calendar", "feed": "calendar",
    "state": "idle", "run": 12, "done_run": 12, "as_of": "2026-01-01T00:00:00Z", "truncated": false,
    "items": 87, "seen": 87, "expected": null, "began_at": "2026-01-01T00:00:00Z",
    "next_at": "2026-01-01T00:05:00Z", "attempts": 0, "failure": null, "notified_until": null,
}))]
pub(crate) struct FeedBody {
    #[schema(value_type = String)]
    pub(super) integration_id: IntegrationId,
    /// The provider's key.
    pub(super) provider: String,
    /// `calendar` or `email`.
    pub(super) feed: FeedKind,
    /// What it is doing: `idle` until `next_at`, `queued`, `running`, `waiting` to be tried again at
    /// `next_at`, or `stopped` until somebody has mended what is wrong.
    state: FeedStatusState,
    /// The number of the run that is under way, or was last.
    run: i64,
    /// The number of the last run that came to its end; 0 if none has.
    done_run: i64,
    /// The copy holds everything that happened at the provider up to then; null before the first run's end.
    as_of: Option<Timestamp>,
    /// Whether there was more at the provider than the copy may hold.
    truncated: bool,
    /// How many items the copy holds.
    items: u64,
    /// How many items the run has seen so far.
    seen: u64,
    /// How many there are to see, where the provider says so.
    expected: Option<u64>,
    /// When the run began.
    began_at: Option<Timestamp>,
    /// When the next one begins, or this one goes on; null while somebody has to mend it first.
    next_at: Option<Timestamp>,
    /// How often in a row it failed.
    attempts: u32,
    /// Why it failed last, until it succeeds.
    failure: Option<ReasonBody>,
    /// Until when the provider sends word of changes; null where all goes by the schedule.
    notified_until: Option<Timestamp>,
}

impl From<FeedStatus> for FeedBody {
    fn from(status: FeedStatus) -> Self {
        Self {
            integration_id: status.integration_id,
            provider: status.provider.to_string(),
            feed: status.feed,
            state: status.state,
            run: status.run,
            done_run: status.done_run,
            as_of: status.as_of,
            truncated: status.truncated,
            items: status.items,
            seen: status.seen,
            expected: status.expected,
            began_at: status.began_at,
            next_at: status.next_at,
            attempts: status.attempts,
            failure: status.failure.map(|failure| failure.shown().into()),
            notified_until: status.notified_until,
        }
    }
}
