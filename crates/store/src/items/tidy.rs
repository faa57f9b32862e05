//! What has left the copy is known for thirty days.

use std::collections::BTreeMap;

use evergrant::UserId;
use evergrant::store::Stored;
use jiff::{SignedDuration, Timestamp};
use sqlx::AssertSqlSafe;

use crate::db::{Arg, Db, args};
use crate::dialect::{parameters, slices};

/// For how long those who ask for changes are told what has left.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How many rows are forgotten in one go.
const AT_ONCE: i64 = 1_000;

/// Forgets what left long ago, and remembers up to which revision of its owner.
pub(crate) async fn tidy(db: &Db, now: Timestamp) -> Stored<()> {
    let old = now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
    loop {
        let sql = "SELECT id, owner, revision FROM items \
                   WHERE gone IS NOT NULL AND changed_at <= $1 ORDER BY changed_at LIMIT $2";
        let rows = db.all(sql, args![old, AT_ONCE]).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut owners: BTreeMap<UserId, Vec<i64>> = BTreeMap::new();
        for row in rows {
            let fields = row.of("items", "id");
            owners.entry(fields.id("owner")?).or_default().push(fields.int("revision")?);
        }
        for (owner, revisions) in owners {
            forget(db, owner, &revisions).await?;
        }
    }
}

/// One that has come back meanwhile has another revision.
async fn forget(db: &Db, owner: UserId, revisions: &[i64]) -> Stored<()> {
    let last = revisions.iter().copied().max().unwrap_or_default();
    let mut tx = db.begin().await?;
    let sql = "UPDATE item_heads SET forgotten = $2 WHERE owner = $1 AND forgotten < $2";
    tx.run(sql, args![owner, last]).await?;
    for slice in slices(revisions) {
        let sql = format!(
            "DELETE FROM items WHERE owner = $1 AND revision IN ({}) AND gone IS NOT NULL",
            parameters(2, slice.len())
        );
        let mut args: Vec<Arg> = vec![owner.into()];
        args.extend(slice.iter().copied().map(Arg::from));
        tx.run(AssertSqlSafe(sql), &args).await?;
    }
    tx.commit().await
}
