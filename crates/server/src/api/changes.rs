//! What changed in a user's copies, since a cursor.
//!
//! Invariant: whoever asks with the cursor that the last page gave hears of every change to what its
//! key may read, the last state of each once; or that the cursor is too old.

use std::time::Duration;

use aws_lc_rs::digest;
use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::clock::later;
use evergrant::feed::FeedKind;
use evergrant::{IntegrationId, UserId};
use evergrant_store::{ItemChange, ItemChangeKind, ItemChanges, LeftReason, StoredItem};
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
    #[param(example = "AAAAAAAAABGn9WbK")]
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
    #[schema(example = "AAAAAAAAABGn9WbK")]
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

impl ChangeBody {
    fn of(change: ItemChange, bodies: bool) -> Result<Self, Problem> {
        let ItemChange { kind, feed, integration, provider, id, at, item } = change;
        let (change, reason) = match kind {
            ItemChangeKind::Added => ("added", None),
            ItemChangeKind::Updated => ("updated", None),
            ItemChangeKind::Deleted(LeftReason::Deleted) => ("deleted", Some("deleted")),
            ItemChangeKind::Deleted(LeftReason::Left) => ("deleted", Some("left")),
            ItemChangeKind::Deleted(LeftReason::Disconnected) => ("deleted", Some("disconnected")),
        };
        let named = provider.to_string();
        let item = item.map(|(json, body)| {
            let body = body.filter(|_| bodies);
            whole(&StoredItem { integration, provider, json, body })
        });
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

/// A place in what happened to a user's copies, as text: its number, and four bytes that tell it from
/// what somebody made up, or from another user's.
struct Place(UserId, i64);

impl Place {
    fn write(&self) -> String {
        let number = self.1.to_be_bytes();
        let mut text = [0; 12];
        text[..8].copy_from_slice(&number);
        text[8..].copy_from_slice(&self.check()[..4]);
        URL_SAFE_NO_PAD.encode(text)
    }

    fn read(owner: UserId, text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (number, check) = bytes.split_first_chunk::<8>()?;
        let place = Self(owner, i64::from_be_bytes(*number));
        (*check == place.check()[..4]).then_some(place)
    }

    fn check(&self) -> [u8; 32] {
        let Self(owner, number) = self;
        let text = format!("evergrant changes {owner} {number}");
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        hash
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
    let mut after = match query.cursor.as_deref() {
        None => 0,
        Some("now") => app.0.store.item_revision(owner).await?,
        Some(text) => {
            let why = "`cursor` must be one that an answer gave to this user, or `now`.";
            Place::read(owner, text).ok_or_else(|| Problem::invalid("cursor", why))?.1
        }
    };
    let clock = &app.0.clock;
    let until = later(clock.now(), Duration::from_secs(query.wait));
    loop {
        // Before the changes are read: a copy may be better than it says, and never worse.
        let feeds = sight.feeds(&app, None).await?;
        let (found, next, more) = page(&app, owner, after, limit).await?;
        let seen = found.into_iter().filter(|change| sight.has(change.feed));
        let results = seen.map(|change| ChangeBody::of(change, query.include_body));
        let results = results.collect::<Result<Vec<_>, _>>()?;
        after = next;
        let now = clock.now();
        if !results.is_empty() || more || now >= until {
            let cursor = Place(owner, after).write();
            return Ok(Json(ChangesBody { results, cursor, more, feeds }));
        }
        tokio::select! {
            () = clock.sleep_until(later(now, LOOK).min(until)) => {}
            () = app.0.vault.tasks().stopped() => {
                let cursor = Place(owner, after).write();
                return Ok(Json(ChangesBody { results, cursor, more, feeds }));
            }
        }
    }
}

/// What comes after a place, the place after it, and whether there is more.
async fn page(
    app: &App,
    owner: UserId,
    after: i64,
    limit: u32,
) -> Result<(Vec<ItemChange>, i64, bool), Problem> {
    let store = &app.0.store;
    match store.item_changes(owner, after, limit).await? {
        // After a database was restored from a backup its numbers are given anew: whoever saw the
        // first ones would miss the others.
        ItemChanges::Page { changes, .. }
            if changes.is_empty() && store.item_revision(owner).await? < after =>
        {
            Err(expired())
        }
        ItemChanges::Page { changes, next, more } => Ok((changes, next, more)),
        ItemChanges::Forgotten => Err(expired()),
    }
}

fn expired() -> Problem {
    Problem::new(Code::CursorExpired, "What was deleted since this cursor may be forgotten by now.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_its_users_own_and_cannot_be_made_up() {
        let (alice, bob) = (UserId::from_u128(1), UserId::from_u128(2));
        for number in [0, 1, 17, i64::MAX] {
            let text = Place(alice, number).write();
            assert_eq!(Place::read(alice, &text).unwrap().1, number);
            assert!(Place::read(bob, &text).is_none());
            for at in 0..text.len() {
                assert!(Place::read(alice, &text[..at]).is_none());
            }
            assert!(Place::read(alice, &format!("{text}AAAA")).is_none());
        }
        assert!(Place::read(alice, "").is_none() && Place::read(alice, "17").is_none());
    }
}
