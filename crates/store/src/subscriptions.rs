//! Subscriptions to changes, and the hints that come of them.

use std::collections::BTreeMap;
use std::time::Duration;

use evergrant::IntegrationId;
use evergrant::clock::later;
use evergrant::provider::ProviderKey;
use evergrant::store::{FeedId, Hint, Stored, Subscription};
use jiff::{SignedDuration, Timestamp};

use crate::db::{Db, args};
use crate::feeds::{gap, kind};
use crate::row::Row;

/// For how long the same notification is the same.
const HINT_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How many rows are made, or forgotten, in one transaction.
const AT_ONCE: i64 = 1_000;

/// What [`subscription`] reads.
macro_rules! columns {
    () => {
        "integration, feed, owner, provider, address_hash, state_hash, subscription, expires_at, \
         due_at, attempts"
    };
}

pub(crate) async fn claim(
    db: &Db,
    now: Timestamp,
    providers: &[ProviderKey],
    again: Duration,
    limit: u32,
) -> Stored<Vec<Subscription>> {
    let mut taken = Vec::new();
    for provider in providers {
        make(db, now, provider).await?;
        let left = i64::from(limit) - i64::try_from(taken.len()).unwrap_or(i64::MAX);
        let due = "SELECT feed FROM subscriptions WHERE provider = $1 AND due_at <= $2 LIMIT 1";
        if left <= 0 || db.one(due, args![provider.as_str(), now]).await?.is_none() {
            continue;
        }
        // The conditions stand twice, as in `grants.rs`.
        let sql = concat!(
            "UPDATE subscriptions SET due_at = $3 \
             WHERE due_at <= $2 AND (integration, feed) IN ( \
                 SELECT integration, feed FROM subscriptions \
                 WHERE provider = $1 AND due_at <= $2 ORDER BY due_at LIMIT $4) RETURNING ",
            columns!()
        );
        let args = args![provider.as_str(), now, later(now, again), left];
        for row in db.all(sql, args).await? {
            taken.push(subscription(&row)?);
        }
    }
    Ok(taken)
}

/// Makes rows for feeds that have none.
async fn make(db: &Db, now: Timestamp, provider: &ProviderKey) -> Stored<()> {
    // Most often there is none, and whoever only looks takes no lock.
    let sql = "SELECT feed FROM feeds WHERE provider = $1 AND subscribed = 0 LIMIT 1";
    if db.one(sql, args![provider.as_str()]).await?.is_none() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    let sql = "UPDATE feeds SET subscribed = 1 \
               WHERE subscribed = 0 AND (integration, feed) IN ( \
                   SELECT integration, feed FROM feeds \
                   WHERE provider = $1 AND subscribed = 0 LIMIT $2) \
               RETURNING integration, feed, owner";
    for row in tx.all(sql, args![provider.as_str(), AT_ONCE]).await? {
        let fields = row.of("feeds", "integration");
        let (integration, feed, owner) =
            (fields.text("integration")?, fields.text("feed")?, fields.text("owner")?);
        let sql = "INSERT INTO subscriptions (integration, feed, owner, provider, due_at, attempts) \
                   VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT DO NOTHING";
        tx.run(sql, args![integration, feed, owner, provider.as_str(), now]).await?;
    }
    tx.commit().await
}

pub(crate) async fn put(db: &Db, it: &Subscription) -> Stored<bool> {
    let (integration, feed) = (it.id.integration, it.id.feed.name());
    let mut tx = db.begin().await?;
    let sql = "UPDATE feeds SET subscribed = 1 \
               WHERE integration = $1 AND feed = $2 AND EXISTS ( \
                   SELECT 1 FROM integrations WHERE id = $1 AND disconnected_at IS NULL)";
    if tx.run(sql, args![integration, feed]).await? == 0 {
        tx.rollback().await?;
        return Ok(false);
    }
    let sql = "INSERT INTO subscriptions (integration, feed, owner, provider, address_hash, state_hash, \
                                          subscription, expires_at, due_at, attempts) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
               ON CONFLICT (integration, feed) DO UPDATE \
               SET address_hash = excluded.address_hash, state_hash = excluded.state_hash, \
                   subscription = excluded.subscription, expires_at = excluded.expires_at, \
                   due_at = excluded.due_at, attempts = excluded.attempts";
    let args = args![
        integration,
        feed,
        it.owner,
        it.provider.as_str(),
        it.address_hash,
        it.state_hash,
        it.subscription.clone(),
        it.expires_at,
        it.due_at,
        i64::from(it.attempts),
    ];
    tx.run(sql, args).await?;
    tx.commit().await?;
    Ok(true)
}

pub(crate) async fn at(
    db: &Db,
    provider: &ProviderKey,
    address_hash: &[u8; 32],
) -> Stored<Option<Subscription>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM subscriptions s WHERE address_hash = $1 AND provider = $2 AND EXISTS ( \
              SELECT 1 FROM integrations i WHERE i.id = s.integration AND i.disconnected_at IS NULL)"
    );
    let row = db.one(sql, args![address_hash, provider.as_str()]).await?;
    row.as_ref().map(subscription).transpose()
}

pub(crate) async fn of(db: &Db, integration: IntegrationId) -> Stored<Vec<Subscription>> {
    let sql =
        concat!("SELECT ", columns!(), " FROM subscriptions WHERE integration = $1 ORDER BY feed");
    let rows = db.all(sql, args![integration]).await?;
    rows.iter().map(subscription).collect()
}

fn subscription(row: &Row) -> Stored<Subscription> {
    let fields = row.of("subscriptions", "integration");
    let attempts = fields.int("attempts")?;
    Ok(Subscription {
        id: FeedId { integration: fields.id("integration")?, feed: kind(&fields)? },
        owner: fields.id("owner")?,
        provider: fields.text("provider")?.as_str().into(),
        address_hash: fields.bytes32_or_null("address_hash")?,
        state_hash: fields.bytes32_or_null("state_hash")?,
        subscription: fields.text_or_null("subscription")?,
        expires_at: fields.time_or_null("expires_at")?,
        due_at: fields.time("due_at")?,
        attempts: u32::try_from(attempts).map_err(|e| fields.unreadable("attempts", e))?,
    })
}

pub(crate) async fn take_hints(db: &Db, now: Timestamp, hints: &[Hint]) -> Stored<u64> {
    // In one order, so that no two who take some wait for each other.
    let mut hints: Vec<_> = hints.iter().collect();
    hints.sort_by_key(|hint| (hint.id, hint.digest));
    let old = now.saturating_sub(HINT_KEPT).unwrap_or(Timestamp::MIN);
    let (mut new, mut told) = (0, BTreeMap::new());
    let mut tx = db.begin().await?;
    for hint in hints {
        let (integration, feed) = (hint.id.integration, hint.id.feed.name());
        let sql = "INSERT INTO hints (integration, feed, digest, seen_at) \
                   SELECT integration, feed, $3, $4 FROM feeds \
                   WHERE integration = $1 AND feed = $2 \
                   ON CONFLICT (integration, feed, digest) DO UPDATE SET seen_at = excluded.seen_at \
                   WHERE hints.seen_at <= $5";
        if tx.run(sql, args![integration, feed, &hint.digest, now, old]).await? == 0 {
            continue;
        }
        new += 1;
        *told.entry(hint.id).or_insert(false) |= hint.look_after;
    }
    for (id, look_after) in told {
        let (integration, feed) = (id.integration, id.feed.name());
        // What somebody has to mend first is not mended by a hint, nor is what fails.
        let sql = "UPDATE feeds \
                   SET hinted = 1, \
                       next_at = CASE WHEN attempts > 0 OR next_at <= $3 THEN next_at \
                                      WHEN began_at + $4 <= $3 OR began_at IS NULL THEN $3 \
                                      WHEN began_at + $4 < next_at THEN began_at + $4 \
                                      ELSE next_at END \
                   WHERE integration = $1 AND feed = $2";
        tx.run(sql, args![integration, feed, now, gap()]).await?;
        if look_after {
            // What fails is not asked sooner.
            let sql = "UPDATE subscriptions SET due_at = $3 \
                       WHERE integration = $1 AND feed = $2 AND due_at > $3 AND attempts = 0";
            tx.run(sql, args![integration, feed, now]).await?;
        }
    }
    tx.commit().await?;
    Ok(new)
}

/// Forgets notifications that came long ago.
pub(crate) async fn tidy(db: &Db, now: Timestamp) -> Stored<()> {
    let old = now.saturating_sub(HINT_KEPT).unwrap_or(Timestamp::MIN);
    let sql = "DELETE FROM hints WHERE (integration, feed, digest) IN ( \
                   SELECT integration, feed, digest FROM hints WHERE seen_at <= $1 LIMIT $2)";
    while db.run(sql, args![old, AT_ONCE]).await? > 0 {}
    Ok(())
}
