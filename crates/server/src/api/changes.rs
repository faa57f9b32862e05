//! What changed in a user's copies, since a cursor.
//!
//! Invariant: whoever asks with the cursor that the last page gave hears of every change to what its
//! key may read, the last state of each once; or that the cursor is too old.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use evergrant::IntegrationId;
use evergrant::clock::later;
use evergrant::feed::FeedKind;
use evergrant_store::{
    ItemChange, ItemChangeKind, ItemChanges, ItemChangesCursor, ItemChangesQuery, LeftReason,
    StoredItem,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::feeds::{FeedBody, Sight};
use super::live::limit;
use super::stored::whole;
use super::sync::LOOK;
use crate::App;
use crate::extract::ApiQuery;
use crate::principal::Principal;
use crate::problem::{Code, Problem};

/// The longest that a caller may wait for a change, in seconds.
const LONGEST_WAIT: u64 = 30;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChangesQuery {
    /// What the last page gave as `cursor`; the beginning unless given, and `now` for what happens from
    /// now on.
    #[param(example = "MSA0NTExMQ")]
    cursor: Option<String>,
    /// How many at most; 50 unless given, 200 at most.
    limit: Option<u32>,
    /// With bodies, where they are kept.
    #[serde(default)]
    #[param(required = false)]
    include_body: bool,
    /// Waits so many seconds for a change where there is none yet; 30 at most, 0 unless given.
    #[serde(default)]
    #[param(required = false)]
    wait: u64,
}

/// Changes, and where to go on.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangesBody {
    results: Vec<ChangeBody>,
    /// Ask with it for what comes after. A page may be shorter than asked for, or empty, and there may
    /// be more all the same.
    #[schema(example = "MSA0NTExMQ")]
    cursor: String,
    /// Whether there is more already.
    #[schema(example = false)]
    more: bool,
    /// Where the copies stand: how old they are, and whether they are cut.
    feeds: Vec<FeedBody>,
}

/// What became of an event or a message.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "change": "deleted", "reason": "deleted", "kind": "message",
    "integration_id": "int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708", "provider": "acme_calendar", "id": "msg-1",
    "changed_at": "2026-01-01T00:00:00Z", "item": null,
}))]
pub(crate) struct ChangeBody {
    /// `added`, `updated` or `deleted`. Who missed several hears of the last state alone: what came and
    /// went in between is not told.
    change: &'static str,
    /// Why it is deleted here: `deleted` at the provider, `left` what is copied (it is out of the span of
    /// time, or beyond the most that is kept), or its integration was `disconnected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// `event` or `message`.
    kind: &'static str,
    #[schema(value_type = String)]
    integration_id: IntegrationId,
    /// The provider's key.
    provider: String,
    /// The provider's id of it.
    id: String,
    /// When the copy learned of it.
    changed_at: Timestamp,
    /// The event or the message, as the lists of what is copied have it; null once it is deleted.
    #[schema(value_type = Option<Object>)]
    item: Option<Box<RawValue>>,
}

impl TryFrom<ItemChange> for ChangeBody {
    type Error = Problem;

    fn try_from(change: ItemChange) -> Result<Self, Problem> {
        let ItemChange { kind, feed, integration, provider, id, at, item } = change;
        let (change, reason) = match kind {
            ItemChangeKind::Added => ("added", None),
            ItemChangeKind::Updated => ("updated", None),
            ItemChangeKind::Deleted(LeftReason::Deleted) => ("deleted", Some("deleted")),
            ItemChangeKind::Deleted(LeftReason::Left) => ("deleted", Some("left")),
            ItemChangeKind::Deleted(LeftReason::Disconnected) => ("deleted", Some("disconnected")),
        };
        let named = provider.to_string();
        let item =
            item.map(|(json, body)| whole(&StoredItem { integration, provider, json, body }));
        Ok(Self {
            change,
            reason,
            kind: match feed {
                FeedKind::Calendar => "event",
                FeedKind::Email => "message",
            },
            integration_id: integration,
            provider: named,
            id,
            changed_at: at,
            item: item.transpose()?,
        })
    }
}

/// What changed in the user's copies
///
/// Events and messages that were added, updated or deleted since the cursor, the oldest change first, each with its last
/// state. Only what the key may read is among them. A cursor stays good for as long as deleted
/// items are remembered, which is 30 days at least.
#[utoipa::path(
    get,
    path = "/api/integrations/changes/",
    tag = "copies",
    params(ChangesQuery),
    security(("access_key" = [])),
    responses(
        (status = 200, description = "The changes, and where to go on", body = ChangesBody),
        (status = 410, description = "`cursor_expired`", content_type = "application/problem+json"),
        (status = 422, description = "`invalid_request`", content_type = "application/problem+json"),
        (status = 503, description = "`server_busy`: more than eight of the user's requests wait already", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn changes(
    State(app): State<App>,
    principal: Principal,
    ApiQuery(query): ApiQuery<ChangesQuery>,
) -> Result<Json<ChangesBody>, Problem> {
    let sight = Sight::of(principal)?;
    let limit = limit(query.limit)?;
    if query.wait > LONGEST_WAIT {
        let why = format!("`wait` must be from 0 to {LONGEST_WAIT}.");
        return Err(Problem::invalid("wait", why));
    }
    let owner = sight.owner;
    let store = &app.0.store;
    let after = match query.cursor.as_deref() {
        None => ItemChangesCursor::default(),
        Some("now") => ItemChangesCursor::since(store.item_revision(owner).await?),
        Some(text) => text.parse::<ItemChangesCursor>().map_err(|_| {
            Problem::invalid("cursor", "`cursor` must be one that an answer gave, or `now`.")
        })?,
    };
    let mut asked =
        ItemChangesQuery { after, feed: sight.only(), bodies: query.include_body, limit };
    let _waits = match query.wait {
        0 => None,
        _ => Some(app.0.waiters.join(owner)?),
    };
    let clock = &app.0.clock;
    let until = later(clock.now(), Duration::from_secs(query.wait));
    loop {
        // Before the changes are read: a copy may be better than it says, and never worse.
        let feeds = sight.feeds(&app, None).await?;
        let ItemChanges::Page { changes, next, more } = store.item_changes(owner, &asked).await?
        else {
            return Err(expired());
        };
        asked.after = next;
        let now = clock.now();
        let over = !changes.is_empty() || more || now >= until;
        let stops = !over
            && tokio::select! {
                () = clock.sleep_until(later(now, LOOK).min(until)) => false,
                () = app.0.vault.tasks().stopped() => true,
            };
        if over || stops {
            let results = changes.into_iter().map(ChangeBody::try_from);
            let results = results.collect::<Result<_, _>>()?;
            return Ok(Json(ChangesBody { results, cursor: next.to_string(), more, feeds }));
        }
    }
}

fn expired() -> Problem {
    Problem::new(Code::CursorExpired, "What was deleted since this cursor may be forgotten by now.")
}
