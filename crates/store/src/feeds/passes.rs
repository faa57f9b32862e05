//! Passes: which parts there are, where each goes on, and what has left at the end.

use std::collections::HashMap;

use evergrant::clock::later;
use evergrant::feed::{Part, Window};
use evergrant::store::{FeedId, GrantStore as _, Lease, PartState, Pass, PassEnd, Stored};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::held;
use crate::Store;
use crate::db::{Arg, Db, Tx, args};
use crate::dialect::{list, parameters, slices};
use crate::items::{LeftReason, MISSED_AT_ONCE, leave};
use crate::row::Row;

/// How many items leave in one transaction. Where there are more the pass is ended in several, each of
/// them good on its own: a pass that was left there is ended by whoever has the feed next.
const AT_ONCE: usize = 5_000;

/// A part as it lies in its row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PartRow {
    id: String,
    cursor: Option<String>,
    mark: i64,
    done_pass: i64,
}

pub(crate) async fn open_pass(db: &Db, now: Timestamp, lease: &Lease) -> Stored<Option<()>> {
    let sql = "UPDATE feeds \
               SET lease_until = $4, pass_began_at = COALESCE(pass_began_at, $5), \
                   pass = CASE WHEN pass_began_at IS NULL THEN pass + 1 ELSE pass END, \
                   hinted = CASE WHEN pass_began_at IS NULL THEN 0 ELSE hinted END \
               WHERE integration = $1 AND feed = $2 AND lease = $3";
    let (id, until) = (lease.id, later(now, lease.life));
    let args = args![id.integration, id.feed.name(), lease.lease, until, now];
    Ok((db.run(sql, args).await? == 1).then_some(()))
}

pub(crate) async fn begin_pass(
    store: &Store,
    lease: &Lease,
    scope: &str,
    parts: &[Part],
    anew: bool,
) -> Stored<Option<Pass>> {
    let now = store.now().await?;
    let mut tx = store.db.begin().await?;
    let Some(feed) = held(&mut tx, lease, now).await? else {
        tx.rollback().await?;
        return Ok(None);
    };
    let begins = feed.pass_began_at.is_none();
    let number = feed.pass + i64::from(begins);
    let all = anew || feed.scope.as_deref() != Some(scope);
    let mut known = known(&mut tx, lease.id).await?;
    // One mark serves all readings that begin now.
    let mark = feed.mark + 1;
    let (mut pass, mut written) = (Vec::with_capacity(parts.len()), Vec::new());
    // Of what is only followed, not all there is comes to be seen; and a run that goes on has some behind it.
    let mut expected: Option<u64> = None;
    for part in parts {
        let was = known.remove(&part.id);
        let mut row = was.clone().unwrap_or_else(|| PartRow {
            id: part.id.clone(),
            cursor: None,
            mark: 0,
            done_pass: 0,
        });
        let is_done = row.done_pass == number;
        if all || (row.cursor.is_none() && row.mark == 0 && !is_done) {
            (row.cursor, row.mark, row.done_pass) = (None, mark, 0);
        }
        if let (true, Some(more)) = (row.mark != 0, part.expected) {
            expected = Some(expected.unwrap_or_default().saturating_add(more));
        }
        pass.push(PartState {
            id: row.id.clone(),
            cursor: row.cursor.clone().map(evergrant::capability::Cursor),
            is_done: row.done_pass == number,
        });
        if was.as_ref() != Some(&row) {
            written.push(row);
        }
    }
    put(&mut tx, lease.id, &written).await?;
    for part in known.keys() {
        forget(&mut tx, lease.id, part, number).await?;
    }
    let sql = "UPDATE feeds SET pass = $3, pass_began_at = COALESCE(pass_began_at, $4), mark = $5, \
                                scope = $6, \
                                expected = CASE WHEN $7 IS NULL OR expected >= $7 THEN expected \
                                                ELSE $7 END, \
                                hinted = CASE WHEN pass_began_at IS NULL THEN 0 ELSE hinted END \
               WHERE integration = $1 AND feed = $2";
    let (integration, name) = (lease.id.integration, lease.id.feed.name());
    let expected = expected.map(|expected| i64::try_from(expected).unwrap_or(i64::MAX));
    tx.run(sql, args![integration, name, number, now, mark, scope, expected]).await?;
    tx.commit().await?;
    Ok(Some(Pass { number, parts: pass }))
}

async fn known(tx: &mut Tx, id: FeedId) -> Stored<HashMap<String, PartRow>> {
    let sql = "SELECT part, cursor, mark, done_pass FROM feed_parts \
               WHERE integration = $1 AND feed = $2";
    let rows = tx.all(sql, args![id.integration, id.feed.name()]).await?;
    let part = |row: &Row| {
        let fields = row.of("feed_parts", "part");
        let part = PartRow {
            id: fields.text("part")?,
            cursor: fields.text_or_null("cursor")?,
            mark: fields.int("mark")?,
            done_pass: fields.int("done_pass")?,
        };
        Ok((part.id.clone(), part))
    };
    rows.iter().map(part).collect()
}

async fn put(tx: &mut Tx, id: FeedId, parts: &[PartRow]) -> Stored<()> {
    for slice in slices(parts) {
        let rows = list(slice.len(), |row| format!("($1, $2, {})", parameters(3 + 4 * row, 4)));
        let sql = format!(
            "INSERT INTO feed_parts (integration, feed, part, cursor, mark, done_pass) VALUES {rows} \
             ON CONFLICT (integration, feed, part) DO UPDATE \
             SET cursor = excluded.cursor, mark = excluded.mark, done_pass = excluded.done_pass"
        );
        let mut args: Vec<Arg> = vec![id.integration.into(), id.feed.name().into()];
        for part in slice {
            args.extend([
                part.id.as_str().into(),
                part.cursor.clone().into(),
                part.mark.into(),
                part.done_pass.into(),
            ]);
        }
        tx.run(AssertSqlSafe(sql), &args).await?;
    }
    Ok(())
}

/// The part is no more: what lies in it is missing; and what was missing already may have been in it, which
/// it can no longer say.
async fn forget(tx: &mut Tx, id: FeedId, part: &str, pass: i64) -> Stored<()> {
    let (integration, feed) = (id.integration, id.feed.name());
    let sql = "DELETE FROM feed_parts WHERE integration = $1 AND feed = $2 AND part = $3";
    tx.run(sql, args![integration, feed, part]).await?;
    let sql = "UPDATE items SET missing = $4 \
               WHERE integration = $1 AND feed = $2 AND id IN ( \
                   SELECT id FROM items \
                   WHERE integration = $1 AND feed = $2 AND (part = $3 OR missing IS NOT NULL) \
                     AND (missing IS NULL OR missing < $4) AND gone IS NULL LIMIT $5)";
    while tx.run(sql, args![integration, feed, part, pass, MISSED_AT_ONCE]).await? > 0 {}
    Ok(())
}

pub(crate) async fn restart(store: &Store, lease: &Lease, part: &str) -> Stored<Option<()>> {
    let now = store.now().await?;
    let mut tx = store.db.begin().await?;
    let Some(feed) = held(&mut tx, lease, now).await? else {
        tx.rollback().await?;
        return Ok(None);
    };
    let (integration, name, mark) = (lease.id.integration, lease.id.feed.name(), feed.mark + 1);
    let sql = "UPDATE feed_parts SET cursor = NULL, mark = $4, done_pass = 0 \
               WHERE integration = $1 AND feed = $2 AND part = $3";
    tx.run(sql, args![integration, name, part, mark]).await?;
    let sql = "UPDATE feeds SET mark = $3 WHERE integration = $1 AND feed = $2";
    tx.run(sql, args![integration, name, mark]).await?;
    tx.commit().await?;
    Ok(Some(()))
}

pub(crate) async fn end_pass(
    store: &Store,
    lease: &Lease,
    cut: bool,
    window: Option<Window>,
) -> Stored<Option<PassEnd>> {
    let (integration, name) = (lease.id.integration, lease.id.feed.name());
    let mut deleted = 0;
    loop {
        let now = store.now().await?;
        let mut tx = store.db.begin().await?;
        let Some(feed) = held(&mut tx, lease, now).await? else {
            tx.rollback().await?;
            return Ok(None);
        };
        let sql = "SELECT id, at, until FROM items \
                   WHERE integration = $1 AND feed = $2 AND missing < $3 LIMIT $4";
        let rows = tx.all(sql, args![integration, name, feed.pass, AT_ONCE as u64]).await?;
        // What is missing since the last pass may have been cut off by it.
        let cut_off = cut || feed.truncated;
        let gone: Vec<_> =
            rows.iter().map(|row| left(row, cut_off, window)).collect::<Stored<_>>()?;
        leave(&mut tx, feed.owner, lease.id, now, &gone).await?;
        deleted += gone.len() as u64;
        let sql = "UPDATE feeds SET items = items - $3 WHERE integration = $1 AND feed = $2";
        tx.run(sql, args![integration, name, gone.len() as u64]).await?;
        if rows.len() == AT_ONCE {
            tx.commit().await?;
            continue;
        }
        let sql = "SELECT COUNT(*) AS missing FROM items \
                   WHERE integration = $1 AND feed = $2 AND missing IS NOT NULL";
        let row = tx.one(sql, args![integration, name]).await?;
        let missing = row.map_or(Ok(0), |row| row.number("items", "missing"))?;
        let sql = "UPDATE feeds \
                   SET as_of = CASE $4 WHEN 0 THEN COALESCE(pass_began_at, as_of) ELSE as_of END, \
                       pass_began_at = NULL, truncated = $3 \
                   WHERE integration = $1 AND feed = $2 RETURNING hinted";
        let row = tx.one(sql, args![integration, name, i64::from(cut), missing]).await?;
        let is_hinted = row.map_or(Ok(0), |row| row.number("feeds", "hinted"))? == 1;
        tx.commit().await?;
        return Ok(Some(PassEnd { deleted, missing: missing.unsigned_abs(), is_hinted }));
    }
}

/// Why an item that is found no more has left.
fn left(row: &Row, cut: bool, window: Option<Window>) -> Stored<(String, LeftReason)> {
    let fields = row.of("items", "id");
    let at: Timestamp = fields.time("at")?;
    let until = fields.time_or_null("until")?.unwrap_or(at);
    let is_outside = window.is_some_and(|window| until <= window.from || at >= window.to);
    let why = if cut || is_outside { LeftReason::Left } else { LeftReason::Deleted };
    Ok((fields.text("id")?, why))
}
