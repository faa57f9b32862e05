//! Copies an account's calendar and mailbox now, and shows how far it is.

mod progress;

use std::process::ExitCode;

use evergrant::feed::FeedKind;
use evergrant::integration::Status;
use evergrant::provider::{Actor, Failure};
use evergrant::store::{FeedStatus, FeedStatusState};
use evergrant::{IntegrationId, TokenError, UserId};
use serde_json::json;

use crate::compose::Parts;
use crate::output::{FeedError, Output, plain};
use crate::settings::Settings;
use progress::Progress;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The integration, int_…
    id: IntegrationId,
    /// What of it
    #[arg(long = "type", value_name = "TYPE", default_value = "full")]
    kind: Kind,
}

/// What of an integration is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Everything it has
    Full,
    /// Its calendar
    Calendar,
    /// Its mailbox
    Email,
}

impl Kind {
    fn feed(self) -> Option<FeedKind> {
        match self {
            Self::Full => None,
            Self::Calendar => Some(FeedKind::Calendar),
            Self::Email => Some(FeedKind::Email),
        }
    }
}

pub(crate) async fn run(
    settings: Settings,
    output: Output,
    args: Args,
) -> anyhow::Result<ExitCode> {
    let parts = Parts::of(settings).await?;
    let owner = parts.owner_of(args.id).await?;
    may_be_copied(&parts, owner, args.id).await?;
    let mut progress = Progress::new(output);
    let done = parts
        .syncer
        .work_on(owner, args.id, args.kind.feed(), &mut |feeds: &[FeedStatus]| progress.show(feeds))
        .await;
    progress.end();
    let mut feeds = done?;
    if feeds.is_empty() {
        // It was paused or disconnected in this very moment.
        return Err(TokenError::Changed.into());
    }
    for feed in &mut feeds {
        feed.failure = feed.failure.as_ref().map(Failure::shown);
    }
    let error = feeds.iter().filter_map(error_of).max_by_key(FeedError::weight);
    let body = json!({
        "integration_id": args.id,
        "sync_type": args.kind,
        "state": state(&feeds),
        "feeds": feeds,
    });
    let lines: Vec<_> = feeds.iter().map(line).collect();
    output.value(&body, &lines.join("\n"))?;
    parts.finish().await;
    match error {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => Err(error.into()),
    }
}

/// Whoever has to do something first is told so at once.
async fn may_be_copied(parts: &Parts, owner: UserId, id: IntegrationId) -> Result<(), TokenError> {
    match parts.vault.integration(owner, id).await?.status {
        Status::Active if parts.vault.is_copy().await? => Err(TokenError::Copied),
        Status::Active => Ok(()),
        Status::Paused => Err(TokenError::Paused),
        Status::NeedsReconnect { why, since } => Err(TokenError::ReconnectRequired { why, since }),
    }
}

/// Where the whole stands, in the REST API's words.
fn state(feeds: &[FeedStatus]) -> &'static str {
    let failed = |state| feeds.iter().any(|feed| feed.state == state);
    if failed(FeedStatusState::Waiting) {
        "waiting"
    } else if failed(FeedStatusState::Stopped) {
        "stopped"
    } else {
        "done"
    }
}

/// Why a feed's run has not come to its end.
fn error_of(feed: &FeedStatus) -> Option<FeedError> {
    let failure = match (&feed.failure, feed.state) {
        (Some(failure), _) => failure.clone(),
        (None, FeedStatusState::Stopped) => {
            // It was paused or disconnected meanwhile.
            Failure::new("integration_changed", Actor::Nobody, "The integration has changed.")
        }
        (None, _) => return None,
    };
    Some(FeedError { feed: feed.feed, failure })
}

/// Where a feed stands, in one line.
pub(crate) fn line(feed: &FeedStatus) -> String {
    let what = match (feed.feed, feed.items) {
        (FeedKind::Calendar, 1) => "event",
        (FeedKind::Calendar, _) => "events",
        (FeedKind::Email, 1) => "message",
        (FeedKind::Email, _) => "messages",
    };
    let mut line = format!("{}: {}", feed.feed, feed.items);
    match feed.expected.filter(|there| feed.truncated && *there > feed.items) {
        Some(there) => line = format!("{line} of {there} {what}"),
        None => line = format!("{line} {what}"),
    }
    if let Some(as_of) = feed.as_of {
        line = format!("{line} as of {as_of:.0}");
    }
    if feed.truncated {
        let setting = match feed.feed {
            FeedKind::Calendar => "EVENTS",
            FeedKind::Email => "MESSAGES",
        };
        line = format!(
            "{line}; there are more: set EVERGRANT_SYNC_{setting}, or EVERGRANT_SYNC_UNLIMITED=true \
             for all of them"
        );
    }
    if let Some(until) = feed.notified_until {
        line = format!("{line}; changes are sent word of until {until:.0}");
    }
    if let Some(failure) = &feed.failure {
        line = format!("{line}; failed: {}", plain(&failure.message));
    }
    line
}
