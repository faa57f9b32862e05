//! Intents: who may spend a refresh token, since when, and what the provider answered.

use evergrant::integration::Status;
use evergrant::seal::Sealed;
use evergrant::store::{ANSWER_SETTLES, Ended, GrantRow, Intent, Reserved, Stored};
use evergrant::{AttemptId, IntegrationId};
use evergrant::{clock::later, id::HolderId};
use jiff::Timestamp;

use crate::db::{Db, Tx, args};
use crate::grants;

/// Writes the intent first and looks at the grant afterwards.
///
/// Under READ COMMITTED each statement sees what was committed when it began. Whoever commits a
/// grant deletes its intent in the same transaction; if that one is under way, the insert waits for
/// it, and the read that follows sees its grant. The other way round, the read could see the old
/// grant and the insert find the intent gone: the old refresh token would be spent twice.
///
/// Who commits so late that the intent is another's already has no such shelter: between two of its
/// statements the old grant can be read still. It takes a refresh that outlived its intent, and a
/// second process at that very moment.
pub(crate) async fn reserve(db: &Db, intent: &Intent) -> Stored<Reserved> {
    let mut tx = db.begin().await?;
    // Whoever replaces another's intent inherits the doubt about it.
    let sql = "INSERT INTO intents (id, attempt, holder, started_at, deadline) \
               VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (id) DO UPDATE \
               SET unknown_since = CASE \
                       WHEN intents.moot = 1 THEN NULL \
                       WHEN intents.attempt = excluded.attempt THEN intents.unknown_since \
                       ELSE COALESCE(intents.unknown_since, intents.started_at) END, \
                   attempt = excluded.attempt, holder = excluded.holder, \
                   started_at = excluded.started_at, deadline = excluded.deadline, moot = 0 \
               WHERE intents.token IS NULL \
                 AND (intents.deadline <= excluded.started_at OR intents.attempt = excluded.attempt) \
               RETURNING id, unknown_since";
    let args = args![intent.id, intent.attempt, intent.holder, intent.started_at, intent.deadline];
    let written = tx.one(sql, args).await?;

    let Some(row) = grants::find_in(&mut tx, intent.id).await? else {
        tx.rollback().await?;
        return Ok(Reserved::Gone);
    };
    if row.version != intent.seen || row.status != Status::Active {
        tx.rollback().await?;
        return Ok(Reserved::Moved(row));
    }
    if let Some(written) = written {
        let unknown = written.of("intents", "id").time_or_null("unknown_since")?;
        tx.commit().await?;
        return Ok(Reserved::Granted { row, unknown });
    }
    let refused = refused(&mut tx, intent, row).await;
    tx.rollback().await?;
    refused
}

/// Why the intent in the table is not replaced.
async fn refused(tx: &mut Tx, intent: &Intent, row: GrantRow) -> Stored<Reserved> {
    // The refused update has locked the other's intent, so it is still there.
    let sql = "SELECT id, attempt, deadline, key_id, token, answered_at FROM intents WHERE id = $1";
    let Some(other) = tx.one(sql, args![intent.id]).await? else {
        return Ok(Reserved::Busy { until: intent.started_at });
    };
    let other = other.of("intents", "id");
    let deadline = other.time("deadline")?;
    let Some(token) = other.text_or_null("token")? else {
        return Ok(Reserved::Busy { until: deadline });
    };
    let settled = later(other.time("answered_at")?, ANSWER_SETTLES).min(deadline);
    if settled > intent.started_at {
        return Ok(Reserved::Busy { until: settled });
    }
    let answer = Sealed { key: other.text("key_id")?.as_str().into(), token };
    Ok(Reserved::Answered { row, attempt: other.id("attempt")?, answer })
}

pub(crate) async fn answer(
    db: &Db,
    id: IntegrationId,
    attempt: AttemptId,
    answer: &Sealed,
    at: Timestamp,
) -> Stored<bool> {
    let sql = "UPDATE intents SET key_id = $3, token = $4, answered_at = $5 \
               WHERE id = $1 AND attempt = $2 AND moot = 0";
    let args = args![id, attempt, answer.key.as_str(), answer.token.as_str(), at];
    Ok(db.run(sql, args).await? == 1)
}

/// Ends the attempt. Its answer goes too: it was interpreted, and held no grant.
pub(crate) async fn release(
    db: &Db,
    id: IntegrationId,
    attempt: AttemptId,
    ended: Ended,
) -> Stored<()> {
    match ended {
        Ended::Unspent => {
            let sql =
                "DELETE FROM intents WHERE id = $1 AND attempt = $2 AND unknown_since IS NULL";
            if db.run(sql, args![id, attempt]).await? == 1 {
                return Ok(());
            }
            // What an earlier attempt left open stays open, for whoever comes next.
            let sql = "UPDATE intents \
                       SET deadline = 0, key_id = NULL, token = NULL, answered_at = NULL \
                       WHERE id = $1 AND attempt = $2";
            db.run(sql, args![id, attempt]).await.map(drop)
        }
        Ended::Unknown { until } => {
            let sql = "UPDATE intents \
                       SET deadline = $3, key_id = NULL, token = NULL, answered_at = NULL, \
                           unknown_since = CASE WHEN moot = 1 THEN NULL \
                                                ELSE COALESCE(unknown_since, started_at) END \
                       WHERE id = $1 AND attempt = $2";
            db.run(sql, args![id, attempt, until]).await.map(drop)
        }
    }
}

/// Every time is after 0: these intents are past their deadline at once.
pub(crate) async fn orphan(db: &Db, holder: HolderId) -> Stored<()> {
    let sql = "UPDATE intents SET deadline = 0 WHERE holder = $1";
    db.run(sql, args![holder]).await.map(drop)
}

/// Deletes the intent if it is this attempt's; whether it was.
pub(crate) async fn end_own(tx: &mut Tx, id: IntegrationId, attempt: AttemptId) -> Stored<bool> {
    let sql = "DELETE FROM intents WHERE id = $1 AND attempt = $2";
    Ok(tx.run(sql, args![id, attempt]).await? == 1)
}

/// Another attempt has committed a newer grant than the one this intent is for.
///
/// Its holder may still be at it, so others wait; but the doubt whether it spent the old grant is no
/// doubt about the new one, and its answer must not be committed over it.
pub(crate) async fn outdate(tx: &mut Tx, id: IntegrationId) -> Stored<()> {
    let sql = "UPDATE intents SET moot = 1, unknown_since = NULL, key_id = NULL, token = NULL, \
                                  answered_at = NULL \
               WHERE id = $1";
    tx.run(sql, args![id]).await.map(drop)
}

/// Deletes the intent, even one that is being written.
///
/// A plain `DELETE` does not see another transaction's insert; an insert of our own waits for it.
pub(crate) async fn end_any(tx: &mut Tx, id: IntegrationId) -> Stored<()> {
    let seize = "INSERT INTO intents (id, attempt, holder, started_at, deadline) \
                 VALUES ($1, '', '', 0, 0) \
                 ON CONFLICT (id) DO UPDATE SET attempt = '', deadline = 0";
    tx.run(seize, args![id]).await?;
    let delete = "DELETE FROM intents WHERE id = $1";
    tx.run(delete, args![id]).await.map(drop)
}
