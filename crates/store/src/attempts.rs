//! The last attempts to refresh each grant.

use evergrant::store::{ATTEMPTS_KEPT, Attempt, Outcome, Stored};
use evergrant::{IntegrationId, UserId};

use crate::db::{Db, Tx, args};
use crate::row::Row;

pub(crate) async fn note(db: &Db, attempt: &Attempt) -> Stored<()> {
    let mut tx = db.begin().await?;
    // Holds the grant still, as a commit does: notes of one grant are written one after the other,
    // and none is left behind by a disconnect.
    let hold = "UPDATE grants SET lineage = lineage WHERE id = $1";
    if tx.run(hold, args![attempt.id]).await? == 0 {
        return tx.rollback().await;
    }
    write(&mut tx, attempt).await?;
    tx.commit().await
}

/// Notes the attempt and forgets the oldest; the caller holds the grant.
pub(crate) async fn write(tx: &mut Tx, attempt: &Attempt) -> Stored<()> {
    let sql = "INSERT INTO attempts (integration, attempt, began_at, took_ms, outcome, code, \
                                     provider_code, trace_id, correlation_id, skew_ms) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let args = args![
        attempt.id,
        attempt.attempt,
        attempt.at,
        attempt.took_ms,
        attempt.outcome.name(),
        attempt.code.clone(),
        attempt.provider_code.clone(),
        attempt.trace_id.clone(),
        attempt.correlation_id.clone(),
        attempt.skew_ms,
    ];
    tx.run(sql, args).await?;
    // With fewer than that there is no such place, and nothing is before it.
    let sql = "DELETE FROM attempts WHERE integration = $1 AND place <= ( \
                   SELECT place FROM attempts WHERE integration = $1 \
                   ORDER BY place DESC LIMIT 1 OFFSET $2)";
    tx.run(sql, args![attempt.id, i64::from(ATTEMPTS_KEPT)]).await.map(drop)
}

pub(crate) async fn list(db: &Db, owner: UserId, id: IntegrationId) -> Stored<Vec<Attempt>> {
    let sql = "SELECT a.integration, a.attempt, a.began_at, a.took_ms, a.outcome, a.code, \
                      a.provider_code, a.trace_id, a.correlation_id, a.skew_ms \
               FROM attempts a JOIN integrations i ON i.id = a.integration \
               WHERE i.id = $1 AND i.owner = $2 AND i.disconnected_at IS NULL \
               ORDER BY a.place DESC";
    let rows = db.all(sql, args![id, owner]).await?;
    rows.iter().map(attempt).collect()
}

pub(crate) async fn forget(tx: &mut Tx, id: IntegrationId) -> Stored<()> {
    tx.run("DELETE FROM attempts WHERE integration = $1", args![id]).await.map(drop)
}

fn attempt(row: &Row) -> Stored<Attempt> {
    let fields = row.of("attempts", "attempt");
    let outcome = fields.text("outcome")?;
    let known = Outcome::ALL.into_iter().find(|known| known.name() == outcome);
    Ok(Attempt {
        id: fields.id("integration")?,
        attempt: fields.id("attempt")?,
        at: fields.time("began_at")?,
        took_ms: fields.int("took_ms")?,
        outcome: known.ok_or_else(|| {
            fields.unreadable("outcome", format_args!("unknown outcome {outcome:?}"))
        })?,
        code: fields.text_or_null("code")?,
        provider_code: fields.text_or_null("provider_code")?,
        trace_id: fields.text_or_null("trace_id")?,
        correlation_id: fields.text_or_null("correlation_id")?,
        skew_ms: fields.int_or_null("skew_ms")?,
    })
}
