//! Grants and the intents to refresh them.

use evergrant::grant::Version;
use evergrant::integration::Status;
use evergrant::seal::Sealed;
use evergrant::store::{Committed, GrantRow, Intent, Reserved, SealedGrant, Stored};
use evergrant::{AttemptId, IntegrationId, Lineage};
use jiff::Timestamp;

use crate::db::{Db, Tx, args};
use crate::integrations::status;
use crate::row::Row;

const FIND: &str = "SELECT i.id, i.owner, i.provider, i.status, i.why, i.since, i.revision, \
                           g.epoch, g.generation, g.key_id, g.token, g.lineage, g.expires_at, g.due_at \
                    FROM grants g JOIN integrations i ON i.id = g.id WHERE g.id = $1";

pub(crate) async fn find(db: &Db, id: IntegrationId) -> Stored<Option<GrantRow>> {
    let row = db.one(FIND, args![id]).await?;
    row.map(|row| grant_row(&row, &row)).transpose()
}

/// Writes the intent first and looks at the grant afterwards.
///
/// Under READ COMMITTED each statement sees what was committed when it began. Whoever commits a
/// grant deletes its intent in the same transaction; if that one is under way, the insert waits for
/// it, and the read that follows sees its grant. The other way round, the read could see the old
/// grant and the insert find the intent gone: the old refresh token would be spent twice.
pub(crate) async fn reserve(db: &Db, intent: &Intent) -> Stored<Reserved> {
    let mut tx = db.begin().await?;
    let sql = "INSERT INTO intents (id, attempt, deadline) VALUES ($1, $2, $3) \
               ON CONFLICT (id) DO UPDATE \
               SET attempt = excluded.attempt, deadline = excluded.deadline \
               WHERE intents.deadline <= $4 OR intents.attempt = excluded.attempt";
    let args = args![intent.id, intent.attempt, intent.deadline, intent.started_at];
    let written = tx.run(sql, args).await? == 1;

    let Some(row) = tx.one(FIND, args![intent.id]).await? else {
        tx.rollback().await?;
        return Ok(Reserved::Gone);
    };
    let found = grant_row(&row, &row)?;
    if found.version != intent.seen || found.status != Status::Active {
        tx.rollback().await?;
        return Ok(Reserved::Moved(found));
    }
    if written {
        tx.commit().await?;
        return Ok(Reserved::Granted(found));
    }
    // The refused update has locked the other's intent, so it is still there.
    let sql = "SELECT id, deadline FROM intents WHERE id = $1";
    let other = tx.one(sql, args![intent.id]).await?;
    let until = other.map(|row| row.of("intents", "id").time("deadline"));
    tx.rollback().await?;
    Ok(Reserved::Busy { until: until.transpose()?.unwrap_or(intent.started_at) })
}

pub(crate) async fn release(db: &Db, id: IntegrationId, attempt: AttemptId) -> Stored<()> {
    let sql = "DELETE FROM intents WHERE id = $1 AND attempt = $2";
    db.run(sql, args![id, attempt]).await.map(drop)
}

pub(crate) async fn commit(
    db: &Db,
    id: IntegrationId,
    attempt: AttemptId,
    epoch: i64,
    spent: Lineage,
    grant: &SealedGrant,
) -> Stored<Committed> {
    let mut tx = db.begin().await?;
    let sql = "UPDATE grants \
               SET generation = generation + 1, key_id = $4, token = $5, lineage = $6, \
                   expires_at = $7, due_at = $8 \
               WHERE id = $1 AND epoch = $2 AND lineage = $3 RETURNING generation";
    let args = args![
        id,
        epoch,
        spent,
        grant.sealed.key.as_str(),
        grant.sealed.token.as_str(),
        grant.lineage,
        grant.expires_at,
        grant.due_at,
    ];
    let mut row = tx.one(sql, args).await?;
    if row.is_none() {
        // Nothing to do, or done before: then its answer was lost, and whoever took it for stale
        // would revoke the live grant.
        let sql = "SELECT generation FROM grants WHERE id = $1 AND epoch = $2 AND lineage = $3";
        row = tx.one(sql, args![id, epoch, grant.lineage]).await?;
    }
    let sql = "DELETE FROM intents WHERE id = $1 AND attempt = $2";
    tx.run(sql, args![id, attempt]).await?;
    tx.commit().await?;
    let Some(row) = row else {
        return Ok(Committed::Stale);
    };
    Ok(Committed::Stored(Version { epoch, generation: row.number("grants", "generation")? }))
}

pub(crate) async fn claim_due(
    db: &Db,
    now: Timestamp,
    again: Timestamp,
    limit: u32,
) -> Stored<Vec<IntegrationId>> {
    // The condition stands twice: a replica that waited for another's claim looks at the row anew,
    // and only the outer one is asked again then.
    let sql = "UPDATE grants SET due_at = $2 \
               WHERE due_at <= $1 AND id IN ( \
                   SELECT g.id FROM grants g JOIN integrations i ON i.id = g.id \
                   WHERE g.due_at <= $1 AND i.status = 'active' \
                   ORDER BY g.due_at, g.id LIMIT $3) \
               RETURNING id";
    let rows = db.all(sql, args![now, again, i64::from(limit)]).await?;
    rows.iter().map(|row| row.of("grants", "id").id("id")).collect()
}

/// The keys that grants are sealed with, and how many are with each.
pub(crate) async fn sealing_keys(db: &Db) -> Stored<Vec<(String, i64)>> {
    let sql = "SELECT key_id, COUNT(*) AS grants FROM grants GROUP BY key_id ORDER BY key_id";
    let rows = db.all(sql, args![]).await?;
    rows.iter()
        .map(|row| {
            let row = row.of("grants", "key_id");
            Ok((row.text("key_id")?, row.int("grants")?))
        })
        .collect()
}

pub(crate) async fn next_due(db: &Db) -> Stored<Option<Timestamp>> {
    let sql = "SELECT g.id, g.due_at FROM grants g JOIN integrations i ON i.id = g.id \
               WHERE g.due_at IS NOT NULL AND i.status = 'active' ORDER BY g.due_at LIMIT 1";
    let row = db.one(sql, args![]).await?;
    row.map(|row| row.of("grants", "id").time("due_at")).transpose()
}

pub(crate) async fn insert(
    tx: &mut Tx,
    id: IntegrationId,
    epoch: i64,
    grant: &SealedGrant,
) -> Stored<()> {
    let sql = "INSERT INTO grants (id, epoch, generation, key_id, token, lineage, expires_at, due_at) \
               VALUES ($1, $2, 0, $3, $4, $5, $6, $7)";
    write(tx, sql, id, epoch, grant).await
}

/// Another grant in the place of the old one, whichever that is by now.
pub(crate) async fn replace(
    tx: &mut Tx,
    id: IntegrationId,
    epoch: i64,
    grant: &SealedGrant,
) -> Stored<()> {
    let sql = "UPDATE grants SET epoch = $2, key_id = $3, token = $4, lineage = $5, \
                                 expires_at = $6, due_at = $7 WHERE id = $1";
    write(tx, sql, id, epoch, grant).await
}

async fn write(
    tx: &mut Tx,
    sql: &'static str,
    id: IntegrationId,
    epoch: i64,
    grant: &SealedGrant,
) -> Stored<()> {
    let args = args![
        id,
        epoch,
        grant.sealed.key.as_str(),
        grant.sealed.token.as_str(),
        grant.lineage,
        grant.expires_at,
        grant.due_at,
    ];
    tx.run(sql, args).await.map(drop)
}

/// Deletes the grant and gives its row.
pub(crate) async fn delete(tx: &mut Tx, id: IntegrationId) -> Stored<Option<Row>> {
    let sql = "DELETE FROM grants WHERE id = $1 \
               RETURNING id, epoch, generation, key_id, token, lineage, expires_at, due_at";
    tx.one(sql, args![id]).await
}

/// Locks the grant if it still is this one.
pub(crate) async fn hold(
    tx: &mut Tx,
    id: IntegrationId,
    epoch: i64,
    lineage: Lineage,
) -> Stored<bool> {
    let sql = "UPDATE grants SET lineage = $3 WHERE id = $1 AND epoch = $2 AND lineage = $3";
    Ok(tx.run(sql, args![id, epoch, lineage]).await? == 1)
}

/// Deletes the intent, even one that is being written.
///
/// A plain `DELETE` does not see another transaction's insert; an insert of our own waits for it.
pub(crate) async fn end_intent(tx: &mut Tx, id: IntegrationId) -> Stored<()> {
    let seize = "INSERT INTO intents (id, attempt, deadline) VALUES ($1, '', 0) \
                 ON CONFLICT (id) DO UPDATE SET attempt = '', deadline = 0";
    tx.run(seize, args![id]).await?;
    let delete = "DELETE FROM intents WHERE id = $1";
    tx.run(delete, args![id]).await.map(drop)
}

/// The row of an integration and the row of its grant, which may be the same.
pub(crate) fn grant_row(integration: &Row, grant: &Row) -> Stored<GrantRow> {
    let whose = integration.of("integrations", "id");
    let what = grant.of("grants", "id");
    Ok(GrantRow {
        id: whose.id("id")?,
        owner: whose.id("owner")?,
        provider: whose.text("provider")?.as_str().into(),
        status: status(&whose)?,
        revision: whose.int("revision")?,
        version: Version { epoch: what.int("epoch")?, generation: what.int("generation")? },
        grant: SealedGrant {
            sealed: Sealed {
                key: what.text("key_id")?.as_str().into(),
                token: what.text("token")?,
            },
            lineage: what.id("lineage")?,
            expires_at: what.time("expires_at")?,
            due_at: what.time_or_null("due_at")?,
        },
    })
}
