//! Grants: read, replaced by a commit, claimed when they are due.

use evergrant::grant::Version;
use evergrant::seal::Sealed;
use evergrant::store::{Commit, Committed, GrantRow, SealedGrant, Stored};
use evergrant::{IntegrationId, Lineage};
use jiff::Timestamp;

use crate::db::{Db, Tx, args};
use crate::integrations::status;
use crate::row::Row;
use crate::{attempts, intents};

const FIND: &str = "SELECT i.id, i.owner, i.provider, i.status, i.why, i.since, i.revision, \
                           g.epoch, g.generation, g.key_id, g.token, g.lineage, g.expires_at, g.due_at \
                    FROM grants g JOIN integrations i ON i.id = g.id WHERE g.id = $1";

pub(crate) async fn find(db: &Db, id: IntegrationId) -> Stored<Option<GrantRow>> {
    let row = db.one(FIND, args![id]).await?;
    row.map(|row| grant_row(&row, &row)).transpose()
}

/// The same, as this transaction sees it.
pub(crate) async fn find_in(tx: &mut Tx, id: IntegrationId) -> Stored<Option<GrantRow>> {
    let row = tx.one(FIND, args![id]).await?;
    row.map(|row| grant_row(&row, &row)).transpose()
}

/// Rows are locked in the order `grants`, `intents`; whoever holds the grant writes its notes.
pub(crate) async fn commit(db: &Db, commit: &Commit) -> Stored<Committed> {
    let Commit { epoch, spent, grant, note } = commit;
    let mut tx = db.begin().await?;
    let sql = "UPDATE grants \
               SET generation = generation + 1, key_id = $4, token = $5, lineage = $6, \
                   expires_at = $7, due_at = $8 \
               WHERE id = $1 AND epoch = $2 AND lineage = $3 RETURNING generation";
    let args = args![
        note.id,
        *epoch,
        *spent,
        grant.sealed.key.as_str(),
        grant.sealed.token.as_str(),
        grant.lineage,
        grant.expires_at,
        grant.due_at,
    ];
    let mut row = tx.one(sql, args).await?;
    let ended = intents::end_own(&mut tx, note.id, note.attempt).await?;
    if row.is_some() {
        if !ended {
            intents::outdate(&mut tx, note.id).await?;
        }
        attempts::write(&mut tx, note).await?;
    } else {
        // Nothing to do, or done before: then its answer was lost, and whoever took it for stale
        // would revoke the live grant.
        let sql = "SELECT generation FROM grants WHERE id = $1 AND epoch = $2 AND lineage = $3";
        row = tx.one(sql, args![note.id, *epoch, grant.lineage]).await?;
    }
    tx.commit().await?;
    let Some(row) = row else {
        return Ok(Committed::Stale);
    };
    let generation = row.number("grants", "generation")?;
    Ok(Committed::Stored(Version { epoch: *epoch, generation }))
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
