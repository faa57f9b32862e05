//! Notices: what the operator should know, said once however many replicas found it out.

use evergrant::store::{Notice, StoreError, Stored};

use crate::db::{Db, args, json};
use crate::row::Row;

/// Places are given out as revisions are (`changes.rs`): whoever reads on from a place misses none.
pub(crate) async fn announce(db: &Db, notice: &Notice) -> Stored<bool> {
    // Most are said again and again; these take no lock.
    let known = "SELECT place FROM notices WHERE key = $1";
    if db.one(known, args![notice.key.as_str()]).await?.is_some() {
        return Ok(false);
    }
    let mut tx = db.begin().await?;
    let next = "UPDATE sequence SET notices = notices + 1 RETURNING notices";
    let place = tx.one(next, args![]).await?;
    let place = place
        .ok_or_else(|| StoreError::Inconsistent { what: "sequence has no row".to_owned() })?
        .number("sequence", "notices")?;
    let sql = "INSERT INTO notices (place, key, kind, found_at, detail) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key) DO NOTHING";
    let args =
        args![place, notice.key.as_str(), notice.kind.as_str(), notice.at, json(&notice.detail),];
    let new = tx.run(sql, args).await? == 1;
    if new {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(new)
}

pub(crate) async fn list(db: &Db, after: i64, limit: u32) -> Stored<Vec<(i64, Notice)>> {
    let sql = "SELECT place, key, kind, found_at, detail FROM notices \
               WHERE place > $1 ORDER BY place LIMIT $2";
    let rows = db.all(sql, args![after, i64::from(limit)]).await?;
    rows.iter().map(notice).collect()
}

fn notice(row: &Row) -> Stored<(i64, Notice)> {
    let fields = row.of("notices", "key");
    let notice = Notice {
        key: fields.text("key")?,
        kind: fields.text("kind")?,
        at: fields.time("found_at")?,
        detail: fields.json("detail")?,
    };
    Ok((fields.int("place")?, notice))
}
