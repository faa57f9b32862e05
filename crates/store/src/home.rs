//! Where a database lies: how a copy is told from the database it was made of.
//!
//! Two copies of one database would both spend its refresh tokens. So a database remembers the
//! place where it was first started. A place is a list of parts, `name:value`; only the parts that
//! both places name are compared, as a system may not tell them all.

use evergrant::store::{StoreError, Stored};
use sqlx::PgPool;

use crate::db::{Db, args, store_error};

/// Makes this place its home unless it has one.
pub(crate) async fn settle(db: &Db) -> Stored<()> {
    let home = here(db).await?;
    let sql = "UPDATE deployment SET home = $1 WHERE home IS NULL";
    db.run(sql, args![home]).await.map(drop)
}

pub(crate) async fn is_copy(db: &Db) -> Stored<bool> {
    let row = db.one("SELECT id, home FROM deployment", args![]).await?;
    let row =
        row.ok_or_else(|| StoreError::Inconsistent { what: "deployment has no row".to_owned() })?;
    match row.of("deployment", "id").text_or_null("home")? {
        Some(home) => Ok(!same(&home, &here(db).await?)),
        None => Ok(false),
    }
}

pub(crate) async fn adopt(db: &Db) -> Stored<()> {
    let home = here(db).await?;
    // The name is made as the first migration made it.
    let sql = match db {
        Db::Sqlite(..) => "UPDATE deployment SET home = $1, id = LOWER(HEX(RANDOMBLOB(16)))",
        Db::Postgres(_) => {
            "UPDATE deployment SET home = $1, \
                                   id = REPLACE(CAST(gen_random_uuid() AS TEXT), '-', '')"
        }
    };
    db.run(sql, args![home]).await.map(drop)
}

async fn here(db: &Db) -> Stored<String> {
    match db {
        Db::Sqlite(..) => {
            let row = db.one("PRAGMA database_list", args![]).await?;
            let row = row.ok_or_else(|| StoreError::Inconsistent {
                what: "SQLite names no main database".to_owned(),
            })?;
            let file = row.of("database_list", "name").text("file")?;
            let metadata = tokio::fs::metadata(&file).await;
            Ok(file_place(&metadata.map_err(|e| StoreError::Unavailable(e.into()))?))
        }
        Db::Postgres(pool) => server_place(pool).await.map_err(store_error),
    }
}

/// A file that is moved keeps both parts; a copy has another number, or is younger.
fn file_place(metadata: &std::fs::Metadata) -> String {
    let mut parts = Vec::new();
    #[cfg(unix)]
    parts.push(format!("inode:{}", std::os::unix::fs::MetadataExt::ino(metadata)));
    let born = metadata.created().ok();
    if let Some(born) = born.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()) {
        parts.push(format!("born:{}", born.as_nanos()));
    }
    parts.join(" ")
}

/// Another server has another identifier, and another database on this one another number.
async fn server_place(pool: &PgPool) -> Result<String, sqlx::Error> {
    let mut parts = Vec::new();
    let may = "SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')";
    if sqlx::query_scalar(may).fetch_one(pool).await? {
        let sql = "SELECT system_identifier FROM pg_catalog.pg_control_system()";
        let cluster: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
        parts.push(format!("cluster:{cluster}"));
    }
    let sql = "SELECT CAST(oid AS BIGINT) FROM pg_catalog.pg_database \
               WHERE datname = current_database()";
    let database: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
    parts.push(format!("database:{database}"));
    Ok(parts.join(" "))
}

/// Whether two places agree in every part that both name.
fn same(one: &str, other: &str) -> bool {
    let parts = |place: &str| -> Vec<(String, String)> {
        let parts = place.split(' ').filter_map(|part| part.split_once(':'));
        parts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let others = parts(other);
    parts(one)
        .iter()
        .all(|(name, value)| others.iter().all(|(other, theirs)| other != name || theirs == value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parts_that_both_places_name_are_compared() {
        for (one, other, expected) in [
            ("inode:7 born:9", "inode:7 born:9", true),
            ("inode:7 born:9", "inode:7", true),
            ("inode:7", "inode:8 born:9", false),
            ("inode:7 born:9", "inode:7 born:8", false),
            ("database:5", "cluster:-3 database:5", true),
            ("cluster:4 database:5", "cluster:-3 database:5", false),
            ("", "inode:7", true),
        ] {
            assert_eq!(same(one, other), expected, "{one} and {other}");
            assert_eq!(same(other, one), expected, "{other} and {one}");
        }
    }
}
