//! Everything that is sealed, whatever it is: which keys it needs, and how it gets another.

use evergrant::fernet::KeyId;
use evergrant::seal::Sealed;
use evergrant::store::{SealedRow, Shelf, Stored};
use jiff::Timestamp;

use crate::db::{Db, args};

/// Each shelf with what reads, in the order of its ids, the values that another key sealed.
const OTHERWISE: [(Shelf, &str); 4] = [
    (
        Shelf::Grant,
        "SELECT id, id AS subject, epoch, key_id, token FROM grants \
         WHERE key_id <> $1 ORDER BY id LIMIT $2",
    ),
    (
        Shelf::Answer,
        "SELECT id, attempt AS subject, CAST(0 AS BIGINT) AS epoch, key_id, token FROM intents \
         WHERE key_id <> $1 ORDER BY id LIMIT $2",
    ),
    (
        Shelf::Debt,
        "SELECT id, integration AS subject, epoch, key_id, token FROM debts \
         WHERE key_id <> $1 ORDER BY id LIMIT $2",
    ),
    (
        Shelf::Effect,
        "SELECT id, id AS subject, CAST(0 AS BIGINT) AS epoch, key_id, token FROM effects \
         WHERE key_id <> $1 ORDER BY id LIMIT $2",
    ),
];

pub(crate) async fn otherwise(db: &Db, key: &KeyId, limit: u32) -> Stored<Vec<SealedRow>> {
    let limit = limit as usize;
    let mut found = Vec::new();
    for (shelf, sql) in OTHERWISE {
        let left = i64::try_from(limit - found.len()).unwrap_or(i64::MAX);
        if left == 0 {
            break;
        }
        for row in db.all(sql, args![key.as_str(), left]).await? {
            let fields = row.of(table(shelf), "id");
            found.push(SealedRow {
                shelf,
                row: fields.text("id")?,
                subject: fields.text("subject")?,
                epoch: fields.int("epoch")?,
                sealed: Sealed {
                    key: fields.text("key_id")?.as_str().into(),
                    token: fields.text("token")?,
                },
            });
        }
    }
    Ok(found)
}

fn table(shelf: Shelf) -> &'static str {
    match shelf {
        Shelf::Grant => "grants",
        Shelf::Answer => "intents",
        Shelf::Debt => "debts",
        Shelf::Effect => "effects",
    }
}

/// One statement that compares the whole ciphertext, which no other value shares: whoever wrote
/// the row meanwhile, even while this statement waited for them, has the last word.
pub(crate) async fn reseal(db: &Db, row: &SealedRow, sealed: &Sealed) -> Stored<bool> {
    macro_rules! replace {
        ($table:literal) => {
            concat!(
                "UPDATE ",
                $table,
                " SET key_id = $4, token = $5 WHERE id = $1 AND key_id = $2 AND token = $3"
            )
        };
    }
    let sql = match row.shelf {
        Shelf::Grant => replace!("grants"),
        Shelf::Answer => replace!("intents"),
        Shelf::Debt => replace!("debts"),
        Shelf::Effect => replace!("effects"),
    };
    let args = args![
        row.row.as_str(),
        row.sealed.key.as_str(),
        row.sealed.token.as_str(),
        sealed.key.as_str(),
        sealed.token.as_str(),
    ];
    Ok(db.run(sql, args).await? == 1)
}

/// Flows count while they are good; nobody seals them anew, for they live for minutes.
pub(crate) async fn keys(db: &Db, now: Timestamp) -> Stored<Vec<(KeyId, i64)>> {
    let sql = "SELECT key_id, COUNT(*) AS uses FROM ( \
                   SELECT key_id FROM grants \
                   UNION ALL SELECT key_id FROM intents WHERE key_id IS NOT NULL \
                   UNION ALL SELECT key_id FROM debts \
                   UNION ALL SELECT key_id FROM effects WHERE key_id IS NOT NULL \
                   UNION ALL SELECT key_id FROM flows WHERE expires_at > $1) AS sealed \
               GROUP BY key_id ORDER BY key_id";
    let rows = db.all(sql, args![now]).await?;
    let key = |row: &crate::row::Row| {
        let row = row.of("keys", "key_id");
        Ok((row.text("key_id")?.as_str().into(), row.int("uses")?))
    };
    rows.iter().map(key).collect()
}
