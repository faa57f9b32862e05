//! Rows of items as they are written: added and changed, touched, missing, gone.
//!
//! Invariant: whoever takes a revision holds the owner's head until commit, so an owner's revisions
//! become visible in the order of their numbers. Rows are locked in one order, `feeds`, `item_heads`,
//! and what has left the copy only by who holds the head: no two wait for each other.

use evergrant::UserId;
use evergrant::store::{FeedId, Item, StoreError, Stored};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::words;
use crate::db::{Arg, Tx, args};
use crate::dialect::{Dialect, list, parameters, slices};
use crate::feeds::Feed;

/// Why an item has left the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftReason {
    /// It is no more at its provider.
    Deleted,
    /// It lies outside of what is copied.
    Left,
    /// Its integration was disconnected.
    Disconnected,
}

impl LeftReason {
    pub(crate) const ALL: [Self; 3] = [Self::Deleted, Self::Left, Self::Disconnected];

    /// Its name in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Left => "left",
            Self::Disconnected => "disconnected",
        }
    }
}

/// Takes so many revisions of the owner, and gives the first.
async fn revisions(tx: &mut Tx, owner: UserId, count: usize) -> Stored<i64> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let sql = "INSERT INTO item_heads (owner, head, forgotten) VALUES ($1, $2, 0) \
               ON CONFLICT (owner) DO UPDATE SET head = item_heads.head + $2 RETURNING head";
    let row = tx.one(sql, args![owner, count]).await?;
    let row =
        row.ok_or_else(|| StoreError::Inconsistent { what: "item_heads: no row".to_owned() })?;
    Ok(row.number("item_heads", "head")? - count + 1)
}

/// What the rows of one page have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) id: FeedId,
    pub(super) feed: &'a Feed,
    pub(super) part: &'a str,
    pub(super) mark: i64,
    pub(super) now: Timestamp,
}

/// Adds items, or puts them in the place of what they were.
pub(super) async fn put(tx: &mut Tx, page: Page<'_>, items: &[&Item]) -> Stored<()> {
    let mut revision = match items {
        [] => return Ok(()),
        _ => revisions(tx, page.feed.owner, items.len()).await?,
    };
    for slice in slices(items) {
        let mut args = vec![
            page.id.integration.into(),
            page.id.feed.name().into(),
            page.feed.owner.into(),
            page.feed.provider.as_str().into(),
            page.part.into(),
            page.mark.into(),
            page.now.into(),
        ];
        for item in slice {
            row(&mut args, item, revision, words::tokens(page.feed.owner, item));
            revision += 1;
        }
        let sql = put_sql(tx.dialect(), slice.len());
        tx.run(AssertSqlSafe(sql), &args).await?;
    }
    Ok(())
}

/// The parameters of one row, in the order of [`put_sql`].
fn row(args: &mut Vec<Arg>, item: &Item, revision: i64, tokens: String) {
    args.extend([
        item.id.as_str().into(),
        revision.into(),
        (&item.digest).into(),
        item.series.clone().into(),
        item.at.into(),
        item.until.into(),
        item.is_read.map(i64::from).into(),
        item.folder.clone().into(),
        item.importance.clone().into(),
        tokens.into(),
        item.json.as_str().into(),
        item.body.clone().into(),
    ]);
}

fn put_sql(dialect: Dialect, rows: usize) -> String {
    let row = |row: usize| {
        let n = |column: usize| 8 + 12 * row + column;
        // It takes one revision: in which it changed, and was added if it is new.
        let (id, revision) = (n(0), n(1));
        let plain = parameters(n(2), 7);
        let tokens = dialect.tokens(n(9));
        let texts = parameters(n(10), 2);
        format!(
            "($1, $2, $3, $4, $5, $6, $7, ${id}, ${revision}, ${revision}, ${revision}, {plain}, \
             {tokens}, {texts})"
        )
    };
    let rows = list(rows, row);
    format!(
        "INSERT INTO items (integration, feed, owner, provider, part, seen, changed_at, id, revision, \
                            added_revision, first_revision, digest, series, at, until, is_read, folder, \
                            importance, words, json, body) \
         VALUES {rows} \
         ON CONFLICT (integration, feed, id) DO UPDATE \
         SET part = excluded.part, seen = excluded.seen, missing = NULL, \
             revision = excluded.revision, changed_at = excluded.changed_at, gone = NULL, \
             added_revision = CASE WHEN items.gone IS NULL THEN items.added_revision \
                                   ELSE excluded.added_revision END, \
             left_revision = CASE WHEN items.gone IS NULL THEN items.left_revision \
                                  ELSE items.revision END, \
             digest = excluded.digest, series = excluded.series, at = excluded.at, \
             until = excluded.until, is_read = excluded.is_read, folder = excluded.folder, \
             importance = excluded.importance, words = excluded.words, json = excluded.json, \
             body = excluded.body"
    )
}

/// Notes that items that are as they were were seen in this part.
pub(super) async fn touch(tx: &mut Tx, page: Page<'_>, ids: &[&str]) -> Stored<()> {
    for slice in slices(ids) {
        let ids = parameters(5, slice.len());
        let sql = format!(
            "UPDATE items SET part = CASE WHEN gone IS NULL THEN $3 ELSE part END, seen = $4, \
                              missing = NULL \
             WHERE integration = $1 AND feed = $2 AND id IN ({ids})"
        );
        let mut args = vec![
            page.id.integration.into(),
            page.id.feed.name().into(),
            page.part.into(),
            page.mark.into(),
        ];
        args.extend(slice.iter().copied().map(Arg::from));
        tx.run(AssertSqlSafe(sql), &args).await?;
    }
    Ok(())
}

/// Lets items leave the copy: what is left of them says which, when and why, and nothing they held.
pub(crate) async fn leave(
    tx: &mut Tx,
    owner: UserId,
    id: FeedId,
    now: Timestamp,
    items: &[(String, LeftReason)],
) -> Stored<()> {
    let mut revision = match items {
        [] => return Ok(()),
        _ => revisions(tx, owner, items.len()).await?,
    };
    for slice in slices(items) {
        let rows = list(slice.len(), |row| format!("({})", parameters(5 + 3 * row, 3)));
        // Columns of VALUES are called so by both databases.
        let sql = format!(
            "UPDATE items \
             SET revision = v.column2, gone = v.column3, changed_at = $3, missing = NULL, part = '', \
                 digest = $4, series = NULL, at = 0, until = NULL, is_read = NULL, folder = NULL, \
                 importance = NULL, words = '', json = '', body = NULL \
             FROM (VALUES {rows}) AS v \
             WHERE items.integration = $1 AND items.feed = $2 AND items.id = v.column1 \
               AND items.gone IS NULL"
        );
        let no_digest = Arg::Bytes(Some(Vec::new()));
        let mut args = vec![id.integration.into(), id.feed.name().into(), now.into(), no_digest];
        for (item, why) in slice {
            args.extend([item.as_str().into(), revision.into(), why.name().into()]);
            revision += 1;
        }
        tx.run(AssertSqlSafe(sql), &args).await?;
    }
    Ok(())
}
