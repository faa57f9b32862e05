//! Runs: taken, held, ended, given back, asked for.

use evergrant::clock::later;
use evergrant::feed::FeedKind;
use evergrant::id::HolderId;
use evergrant::provider::Failure;
use evergrant::store::{Asked, Claim, Claimed, FeedId, HINT_GAP, Lease, Stored};
use evergrant::{IntegrationId, UserId};
use jiff::Timestamp;

use super::kind;
use crate::db::{Db, args, json};
use crate::row::Row;

/// Takes feeds that match.
macro_rules! take {
    ($where:literal) => {
        concat!(
            "UPDATE feeds \
             SET lease = $1, holder = $2, lease_until = $3, mended = 0, run = run + 1 - run_open, \
                 run_open = 1, seen = seen * run_open, \
                 expected = CASE run_open WHEN 1 THEN expected END, \
                 began_at = CASE run_open WHEN 1 THEN began_at ELSE $4 END \
             WHERE (lease_until IS NULL OR lease_until <= $4) AND ",
            $where,
            " RETURNING integration, feed, owner, provider, run, attempts"
        )
    };
}

pub(crate) async fn claim(
    db: &Db,
    now: Timestamp,
    claim: Claim,
    limit: u32,
    this: Option<FeedId>,
) -> Stored<Vec<Claimed>> {
    let (lease, holder, until) = (claim.lease, claim.holder, later(now, claim.life));
    let rows = if let Some(id) = this {
        let sql = take!("integration = $5 AND feed = $6");
        let (integration, feed) = (id.integration, id.feed.name());
        db.all(sql, args![lease, holder, until, now, integration, feed]).await?
    } else {
        // The conditions stand twice, as in `grants.rs`.
        let sql = take!(
            "next_at <= $4 AND (integration, feed) IN ( \
                 SELECT integration, feed FROM feeds \
                 WHERE next_at <= $4 AND (lease_until IS NULL OR lease_until <= $4) \
                 ORDER BY next_at LIMIT $5)"
        );
        // Most often nothing is due, and whoever only looks takes no lock.
        let due = "SELECT feed FROM feeds WHERE next_at <= $1 \
                   AND (lease_until IS NULL OR lease_until <= $1) LIMIT 1";
        if db.one(due, args![now]).await?.is_none() {
            return Ok(Vec::new());
        }
        db.all(sql, args![lease, holder, until, now, i64::from(limit)]).await?
    };
    rows.iter().map(claimed).collect()
}

fn claimed(row: &Row) -> Stored<Claimed> {
    let fields = row.of("feeds", "integration");
    let attempts = fields.int("attempts")?;
    Ok(Claimed {
        id: FeedId { integration: fields.id("integration")?, feed: kind(&fields)? },
        owner: fields.id("owner")?,
        provider: fields.text("provider")?.as_str().into(),
        run: fields.int("run")?,
        attempts: u32::try_from(attempts).map_err(|e| fields.unreadable("attempts", e))?,
    })
}

pub(crate) async fn next(db: &Db) -> Stored<Option<Timestamp>> {
    // Those that somebody has come due when their leases end.
    let sql = "SELECT 'one' AS id, MIN(at) AS at FROM ( \
                   SELECT * FROM (SELECT next_at AS at FROM feeds \
                                  WHERE next_at IS NOT NULL AND lease_until IS NULL \
                                  ORDER BY next_at LIMIT 1) AS free \
                   UNION ALL \
                   SELECT CASE WHEN next_at > lease_until THEN next_at ELSE lease_until END \
                   FROM feeds WHERE next_at IS NOT NULL AND lease_until IS NOT NULL) AS due";
    let row = db.one(sql, args![]).await?;
    Ok(row.map(|row| row.of("feeds", "id").time_or_null("at")).transpose()?.flatten())
}

pub(crate) async fn hold(db: &Db, now: Timestamp, lease: &Lease) -> Stored<bool> {
    let sql = "UPDATE feeds SET lease_until = $4 \
               WHERE integration = $1 AND feed = $2 AND lease = $3";
    let (id, until) = (lease.id, later(now, lease.life));
    let held = db.run(sql, args![id.integration, id.feed.name(), lease.lease, until]).await?;
    Ok(held == 1)
}

pub(crate) async fn end_run(db: &Db, lease: &Lease, next: Timestamp) -> Stored<Option<()>> {
    let sql = "UPDATE feeds \
               SET run_open = 0, done_run = run, attempts = 0, failure = NULL, \
                   next_at = CASE WHEN hinted = 1 AND began_at + $5 < $4 THEN began_at + $5 ELSE $4 END, \
                   lease = NULL, holder = NULL, lease_until = NULL \
               WHERE integration = $1 AND feed = $2 AND lease = $3";
    let id = lease.id;
    let args = args![id.integration, id.feed.name(), lease.lease, next, gap()];
    Ok((db.run(sql, args).await? == 1).then_some(()))
}

pub(crate) async fn leave_run(
    db: &Db,
    now: Timestamp,
    lease: &Lease,
    next: Option<Timestamp>,
    failure: Option<&Failure>,
) -> Stored<Option<()>> {
    // Where the integration was mended meanwhile, nobody comes to mend it once more.
    let sql = "UPDATE feeds \
               SET next_at = CASE WHEN $4 IS NULL AND mended = 1 THEN $5 ELSE $4 END, \
                   attempts = attempts + $6, failure = COALESCE($7, failure), \
                   lease = NULL, holder = NULL, lease_until = NULL \
               WHERE integration = $1 AND feed = $2 AND lease = $3";
    let id = lease.id;
    let failed = i64::from(failure.is_some());
    let failure = failure.map(json);
    let args = args![id.integration, id.feed.name(), lease.lease, next, now, failed, failure];
    Ok((db.run(sql, args).await? == 1).then_some(()))
}

pub(crate) async fn ask(
    db: &Db,
    now: Timestamp,
    owner: UserId,
    integration: IntegrationId,
    feeds: &[FeedKind],
) -> Stored<Vec<Asked>> {
    let mut asked = Vec::new();
    let mut tx = db.begin().await?;
    for feed in feeds {
        let sql = "UPDATE feeds \
                   SET next_at = $4, hinted = CASE WHEN pass_began_at IS NULL THEN hinted ELSE 1 END, run = run + 1 - run_open, run_open = 1, seen = seen * run_open, \
                 expected = CASE run_open WHEN 1 THEN expected END, \
                       began_at = CASE run_open WHEN 1 THEN began_at ELSE $4 END \
                   WHERE integration = $1 AND feed = $2 AND owner = $3 AND EXISTS ( \
                       SELECT 1 FROM integrations WHERE id = $1 AND disconnected_at IS NULL) \
                   RETURNING run";
        if let Some(row) = tx.one(sql, args![integration, feed.name(), owner, now]).await? {
            asked.push(Asked { feed: *feed, run: row.number("feeds", "run")? });
        }
    }
    tx.commit().await?;
    Ok(asked)
}

/// The least time between the beginnings of two runs that hints ask for, in microseconds.
pub(crate) fn gap() -> i64 {
    i64::try_from(HINT_GAP.as_micros()).unwrap_or_default()
}

/// The holder is dead: others need not wait for its leases to end.
pub(crate) async fn orphan(db: &Db, holder: HolderId) -> Stored<()> {
    let sql = "UPDATE feeds SET lease = NULL, holder = NULL, lease_until = NULL WHERE holder = $1";
    db.run(sql, args![holder]).await.map(drop)
}
