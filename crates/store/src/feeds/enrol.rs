//! Feeds follow their integrations: made, set going again, stopped, taken away.

use std::collections::HashMap;

use evergrant::feed::FeedKind;
use evergrant::provider::ProviderKey;
use evergrant::store::{FeedId, Stored};
use evergrant::{IntegrationId, UserId};
use jiff::Timestamp;

use super::kind;
use crate::db::{Db, Tx, args};
use crate::items::{LeftReason, leave};
use crate::row::Fields;

/// How many integrations are looked at, and how many items leave, in one step.
const AT_ONCE: i64 = 1_000;

pub(crate) async fn enrol(
    db: &Db,
    now: Timestamp,
    since: i64,
    offers: &[(ProviderKey, FeedKind)],
) -> Stored<i64> {
    let sql = "SELECT id, owner, provider, status, epoch, revision, disconnected_at \
               FROM integrations WHERE revision > $1 ORDER BY revision LIMIT $2";
    let rows = db.all(sql, args![since, AT_ONCE]).await?;
    let mut changed: Vec<_> =
        rows.iter().map(|row| changed(&row.of("integrations", "id"))).collect::<Stored<_>>()?;
    let Some(last) = changed.last().map(|it| it.revision) else { return Ok(since) };
    let enrolled = enrolled(db, since, last).await?;
    // In the order in which hints are taken, so that no two wait for each other.
    changed.sort_by_key(|it| it.id);
    let mut steps = Vec::new();
    for it in &changed {
        let feeds = enrolled.get(&it.id).map(Vec::as_slice).unwrap_or_default();
        // Most are as they were: whoever starts looks at all.
        let is_new = |feed: FeedKind| {
            let known = feeds.iter().find(|(known, _)| *known == feed);
            known.is_none_or(|(_, revision)| *revision < it.revision)
        };
        match it.state {
            State::Gone if !feeds.is_empty() => steps.push((it, None)),
            State::Gone => {}
            State::Halted if feeds.iter().any(|(feed, _)| is_new(*feed)) => steps.push((it, None)),
            State::Halted => {}
            State::Active => {
                let offered = offers.iter().filter(|(provider, _)| *provider == it.provider);
                let new = offered.filter(|(_, feed)| is_new(*feed));
                steps.extend(new.map(|(_, feed)| (it, Some(*feed))));
            }
        }
    }
    if !steps.is_empty() {
        let mut tx = db.begin().await?;
        for (it, feed) in steps {
            match (&it.state, feed) {
                (_, Some(feed)) => go(&mut tx, it, feed, now).await?,
                (State::Gone, None) => end(&mut tx, it).await?,
                (_, None) => halt(&mut tx, it).await?,
            }
        }
        tx.commit().await?;
    }
    Ok(last)
}

/// An integration that changed.
struct Changed {
    id: IntegrationId,
    owner: UserId,
    provider: ProviderKey,
    epoch: i64,
    revision: i64,
    state: State,
}

enum State {
    Active,
    /// It is paused or needs a reconnect.
    Halted,
    /// It was disconnected.
    Gone,
}

fn changed(fields: &Fields<'_>) -> Stored<Changed> {
    let state = match fields.text("status")?.as_str() {
        _ if fields.int_or_null("disconnected_at")?.is_some() => State::Gone,
        "active" => State::Active,
        _ => State::Halted,
    };
    Ok(Changed {
        id: fields.id("id")?,
        owner: fields.id("owner")?,
        provider: fields.text("provider")?.as_str().into(),
        epoch: fields.int("epoch")?,
        revision: fields.int("revision")?,
        state,
    })
}

/// The feeds of those integrations, each with the revision it has followed.
async fn enrolled(
    db: &Db,
    since: i64,
    last: i64,
) -> Stored<HashMap<IntegrationId, Vec<(FeedKind, i64)>>> {
    let sql = "SELECT f.integration, f.feed, f.revision \
               FROM integrations i JOIN feeds f ON f.integration = i.id \
               WHERE i.revision > $1 AND i.revision <= $2";
    let mut enrolled: HashMap<_, Vec<_>> = HashMap::new();
    for row in db.all(sql, args![since, last]).await? {
        let fields = row.of("feeds", "integration");
        let feed = (kind(&fields)?, fields.int("revision")?);
        enrolled.entry(fields.id("integration")?).or_default().push(feed);
    }
    Ok(enrolled)
}

/// Makes the feed, or sets it going again if it had stopped or there is another grant; with another grant
/// its subscription is looked after, too. What has changed again since it was read is left to who reads that.
async fn go(tx: &mut Tx, it: &Changed, feed: FeedKind, now: Timestamp) -> Stored<()> {
    let sql = "UPDATE subscriptions SET due_at = $4 \
               WHERE integration = $1 AND feed = $2 AND due_at > $4 AND EXISTS ( \
                   SELECT 1 FROM feeds f WHERE f.integration = $1 AND f.feed = $2 \
                                           AND (f.halted = 1 OR f.epoch <> $3))";
    tx.run(sql, args![it.id, feed.name(), it.epoch, now]).await?;
    let sql = "INSERT INTO feeds (integration, feed, owner, provider, revision, epoch, halted, mended, \
                                  ended, next_at, run, run_open, done_run, attempts, pass, mark, hinted, \
                                  truncated, items, seen, subscribed) \
               SELECT id, $2, owner, provider, revision, epoch, 0, 0, 0, $4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 \
               FROM integrations WHERE id = $1 AND revision = $3 AND disconnected_at IS NULL \
               ON CONFLICT (integration, feed) DO UPDATE \
               SET revision = excluded.revision, epoch = excluded.epoch, halted = 0, mended = 1, \
                   next_at = CASE WHEN feeds.next_at IS NULL OR feeds.halted = 1 \
                                    OR feeds.epoch <> excluded.epoch \
                                  THEN excluded.next_at ELSE feeds.next_at END, \
                   attempts = CASE WHEN feeds.halted = 1 OR feeds.epoch <> excluded.epoch \
                                   THEN 0 ELSE feeds.attempts END, \
                   failure = CASE WHEN feeds.halted = 1 OR feeds.epoch <> excluded.epoch \
                                  THEN NULL ELSE feeds.failure END \
               WHERE feeds.revision < excluded.revision";
    tx.run(sql, args![it.id, feed.name(), it.revision, now]).await.map(drop)
}

/// Stops the integration's feeds, whoever has them.
async fn halt(tx: &mut Tx, it: &Changed) -> Stored<()> {
    let sql = "UPDATE feeds SET revision = $2, halted = 1, next_at = NULL, lease = NULL, holder = NULL, \
                                lease_until = NULL \
               WHERE integration = $1 AND revision < $2";
    tx.run(sql, args![it.id, it.revision]).await.map(drop)
}

/// Stops the feeds of an integration that was disconnected; [`take_away`] does the rest.
async fn end(tx: &mut Tx, it: &Changed) -> Stored<()> {
    let sql = "UPDATE feeds SET ended = 1, halted = 1, next_at = NULL, lease = NULL, holder = NULL, \
                                lease_until = NULL \
               WHERE integration = $1 AND ended = 0";
    tx.run(sql, args![it.id]).await.map(drop)
}

/// One step: some items of a feed that was ended leave, or, once there are none, the feed goes. Its row
/// goes last: by it the rest is found if this process dies in between.
pub(crate) async fn take_away(db: &Db, now: Timestamp) -> Stored<bool> {
    let sql = "SELECT integration, feed, owner FROM feeds WHERE ended = 1 \
               ORDER BY integration, feed LIMIT 1";
    // Most often there is none, and whoever only looks takes no lock.
    let Some(row) = db.one(sql, args![]).await? else { return Ok(false) };
    let fields = row.of("feeds", "integration");
    let id = FeedId { integration: fields.id("integration")?, feed: kind(&fields)? };
    let owner = fields.id("owner")?;
    let (integration, feed) = (id.integration, id.feed.name());
    let mut tx = db.begin().await?;
    // One at a time: others who take it away wait, and find less.
    let sql = "UPDATE feeds SET ended = 1 WHERE integration = $1 AND feed = $2";
    if tx.run(sql, args![integration, feed]).await? == 0 {
        tx.rollback().await?;
        return Ok(true);
    }
    // The order is the index's: what has left already is not walked again.
    let sql = "SELECT id FROM items WHERE integration = $1 AND feed = $2 AND gone IS NULL \
               ORDER BY part LIMIT $3";
    let rows = tx.all(sql, args![integration, feed, AT_ONCE]).await?;
    let left =
        |row: &crate::row::Row| Ok((row.of("items", "id").text("id")?, LeftReason::Disconnected));
    let items: Vec<_> = rows.iter().map(left).collect::<Stored<_>>()?;
    leave(&mut tx, owner, id, now, &items).await?;
    if items.is_empty() {
        for sql in [
            "DELETE FROM feed_parts WHERE integration = $1 AND feed = $2",
            "DELETE FROM subscriptions WHERE integration = $1 AND feed = $2",
            "DELETE FROM feeds WHERE integration = $1 AND feed = $2",
        ] {
            tx.run(sql, args![integration, feed]).await?;
        }
    }
    tx.commit().await?;
    Ok(true)
}
