//! Revisions: how other processes learn that what they have in memory is out of date.

use evergrant::store::{Change, Stored, Subject};

use crate::AccessKeyId;
use crate::db::{Db, Tx, args};

/// At most this many changes at once.
const PAGE: i64 = 1_000;

/// Takes the next revision.
///
/// This is the first statement of every transaction that changes an integration or an access key.
/// The row stays locked until that transaction ends, so the next number is given out only after
/// this one can be seen: a reader that has seen revision 8 has missed no 7. It also means that such
/// transactions run one after the other, and what one of them reads of an integration is still true
/// when it writes. One that is undone gives its number back.
pub(crate) async fn next_revision(tx: &mut Tx) -> Stored<i64> {
    let sql = "UPDATE sequence SET value = value + 1 RETURNING value";
    value(tx.one(sql, args![]).await?)
}

pub(crate) async fn revision(db: &Db) -> Stored<i64> {
    value(db.one("SELECT value FROM sequence", args![]).await?)
}

fn value(row: Option<crate::row::Row>) -> Stored<i64> {
    let row = row.ok_or_else(|| evergrant::store::StoreError::Inconsistent {
        what: "sequence has no row".to_owned(),
    })?;
    row.number("sequence", "value")
}

pub(crate) async fn changes(db: &Db, after: i64) -> Stored<Vec<Change>> {
    let sql = "SELECT id, revision FROM integrations WHERE revision > $1 \
               UNION ALL SELECT id, revision FROM access_keys WHERE revision > $1 \
               ORDER BY revision LIMIT $2";
    let rows = db.all(sql, args![after, PAGE]).await?;
    let change = |row: &crate::row::Row| {
        let fields = row.of("changes", "id");
        let subject = if fields.text("id")?.starts_with(AccessKeyId::PREFIX) {
            Subject::Key(fields.id::<AccessKeyId>("id")?.as_u128())
        } else {
            Subject::Integration(fields.id("id")?)
        };
        Ok(Change { subject, revision: fields.int("revision")? })
    };
    rows.iter().map(change).collect()
}
