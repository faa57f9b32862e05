//! A page and the cursor behind it, in one step and few statements.

use std::collections::{HashMap, HashSet};

use evergrant::feed::Next;
use evergrant::store::{Applied, Batch, FeedId, GrantStore as _, Lease, Stored};
use sqlx::AssertSqlSafe;

use super::write::{self, Page};
use crate::Store;
use crate::db::{Arg, Tx, args};
use crate::dialect::{parameters, slices};
use crate::feeds;

/// How many items one statement calls missing.
pub(crate) const MISSED_AT_ONCE: i64 = 5_000;

pub(crate) async fn apply(store: &Store, lease: &Lease, batch: &Batch) -> Stored<Option<Applied>> {
    let now = store.now().await?;
    let mut tx = store.db.begin().await?;
    let held = feeds::held(&mut tx, lease, now).await?;
    let mark = mark(&mut tx, lease.id, &batch.part).await?;
    let (Some(feed), Some(mark)) = (held, mark) else {
        tx.rollback().await?;
        return Ok(None);
    };
    let part = batch.part.as_str();
    // First, so that nothing the page tells of is missing at its end.
    miss_gone(&mut tx, lease.id, part, feed.pass, &batch.gone).await?;
    for (series, occurrences) in &batch.series {
        miss_others(&mut tx, lease.id, part, feed.pass, series, occurrences).await?;
    }

    let known = known(&mut tx, lease.id, batch).await?;
    let mut applied = Applied::default();
    let mut put = Vec::new();
    let mut touched: Vec<_> = batch.still.iter().map(String::as_str).collect();
    for item in &batch.items {
        match known.get(&item.id) {
            None => {
                applied.added += 1;
                put.push(item);
            }
            Some(known) if known.digest != item.digest => {
                applied.updated += 1;
                put.push(item);
            }
            Some(known) if known.is_missing || known.part != part || mark != 0 => {
                touched.push(item.id.as_str());
            }
            Some(_) => {}
        }
    }
    let page = Page { id: lease.id, feed: &feed, part, mark, now };
    write::touch(&mut tx, page, &touched).await?;
    write::put(&mut tx, page, &put).await?;

    go_on(&mut tx, page, &batch.next).await?;
    let sql = "UPDATE feeds SET seen = seen + $3, items = items + $4, attempts = 0 \
               WHERE integration = $1 AND feed = $2";
    let (seen, added) = (batch.items.len() as u64, applied.added);
    let args = args![lease.id.integration, lease.id.feed.name(), seen, added];
    tx.run(sql, args).await?;
    tx.commit().await?;
    Ok(Some(applied))
}

/// What the items of this part that are seen are marked with; 0 unless it is read from its beginning.
async fn mark(tx: &mut Tx, id: FeedId, part: &str) -> Stored<Option<i64>> {
    let sql = "SELECT part, mark FROM feed_parts \
               WHERE integration = $1 AND feed = $2 AND part = $3";
    let row = tx.one(sql, args![id.integration, id.feed.name(), part]).await?;
    row.map(|row| row.of("feed_parts", "part").int("mark")).transpose()
}

/// An item that the copy holds already.
struct Known {
    digest: [u8; 32],
    part: String,
    is_missing: bool,
}

async fn known(tx: &mut Tx, id: FeedId, batch: &Batch) -> Stored<HashMap<String, Known>> {
    let mut known = HashMap::with_capacity(batch.items.len());
    for slice in slices(&batch.items) {
        let ids = parameters(3, slice.len());
        let sql = format!(
            "SELECT id, digest, part, missing, gone FROM items \
             WHERE integration = $1 AND feed = $2 AND id IN ({ids})"
        );
        let mut args = args![id.integration, id.feed.name()].to_vec();
        args.extend(slice.iter().map(|item| Arg::from(item.id.as_str())));
        for row in tx.all(AssertSqlSafe(sql), &args).await? {
            let fields = row.of("items", "id");
            // Not asked of the database: whoever asks for what is there may be led along another index, from
            // one end of the feed to the other.
            if fields.text_or_null("gone")?.is_some() {
                continue;
            }
            let item = Known {
                digest: fields.bytes32("digest")?,
                part: fields.text("part")?,
                is_missing: fields.int_or_null("missing")?.is_some(),
            };
            known.insert(fields.text("id")?, item);
        }
    }
    Ok(known)
}

/// What is not in the part, nor any occurrence of it, is missing; what was missing already was elsewhere
/// meanwhile, and is looked for once more. What has left is in no part, and never missing.
async fn miss_gone(tx: &mut Tx, id: FeedId, part: &str, pass: i64, gone: &[String]) -> Stored<()> {
    for slice in slices(gone) {
        for column in ["id", "series"] {
            let ids = parameters(5, slice.len());
            let sql = format!(
                "UPDATE items SET missing = $4 \
                 WHERE integration = $1 AND feed = $2 AND (part = $3 OR missing IS NOT NULL) \
                   AND {column} IN ({ids})"
            );
            let mut args = args![id.integration, id.feed.name(), part, pass].to_vec();
            args.extend(slice.iter().map(|id| Arg::from(id.as_str())));
            tx.run(AssertSqlSafe(sql), &args).await?;
        }
    }
    Ok(())
}

/// Occurrences of the series in the part that are not these are missing, as in [`miss_gone`].
async fn miss_others(
    tx: &mut Tx,
    id: FeedId,
    part: &str,
    pass: i64,
    series: &str,
    occurrences: &[String],
) -> Stored<()> {
    let sql = "SELECT id FROM items \
               WHERE integration = $1 AND feed = $2 AND (part = $3 OR missing IS NOT NULL) \
                 AND (series = $4 OR id = $4)";
    let rows = tx.all(sql, args![id.integration, id.feed.name(), part, series]).await?;
    let there: HashSet<&str> = occurrences.iter().map(String::as_str).collect();
    let all = rows.iter().map(|row| row.of("items", "id").text("id"));
    let mut others: Vec<_> = all.collect::<Stored<_>>()?;
    others.retain(|item: &String| !there.contains(item.as_str()));
    for slice in slices(&others) {
        let ids = parameters(4, slice.len());
        let sql = format!(
            "UPDATE items SET missing = $3 WHERE integration = $1 AND feed = $2 AND id IN ({ids})"
        );
        let mut args = args![id.integration, id.feed.name(), pass].to_vec();
        args.extend(slice.iter().map(|id| Arg::from(id.as_str())));
        tx.run(AssertSqlSafe(sql), &args).await?;
    }
    Ok(())
}

/// Moves the part's cursor. At the end of a reading from the beginning, what was in the part and was not
/// seen is missing.
async fn go_on(tx: &mut Tx, page: Page<'_>, next: &Next) -> Stored<()> {
    let (integration, feed, pass) = (page.id.integration, page.id.feed.name(), page.feed.pass);
    let cursor = match next {
        Next::More(cursor) => {
            let sql = "UPDATE feed_parts SET cursor = $4 \
                       WHERE integration = $1 AND feed = $2 AND part = $3";
            let args = args![integration, feed, page.part, cursor.0.as_str()];
            return tx.run(sql, args).await.map(drop);
        }
        Next::Done(cursor) => cursor.as_ref().map(|cursor| cursor.0.clone()),
    };
    let sql = "UPDATE feed_parts SET cursor = $4, mark = 0, done_pass = $5 \
               WHERE integration = $1 AND feed = $2 AND part = $3";
    tx.run(sql, args![integration, feed, page.part, cursor, pass]).await?;
    if page.mark != 0 {
        // In steps that no statement's time runs out for.
        let sql = "UPDATE items SET missing = $5 \
                   WHERE integration = $1 AND feed = $2 AND id IN ( \
                       SELECT id FROM items \
                       WHERE integration = $1 AND feed = $2 AND part = $3 AND seen <> $4 \
                         AND missing IS NULL AND gone IS NULL LIMIT $6)";
        let args = args![integration, feed, page.part, page.mark, pass, MISSED_AT_ONCE];
        while tx.run(sql, args).await? > 0 {}
    }
    Ok(())
}
