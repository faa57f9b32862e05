//! Which schema the database has, and how it gets the one this program knows.

use evergrant::store::{StoreError, Stored};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection as _, Executor as _};

use crate::db::{Db, args, store_error};
use crate::{OpenError, home};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The number of the schema: how many migrations were applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// What the database has; 0 if it is empty.
    pub applied: i64,
    /// What this program knows.
    pub known: i64,
}

impl Schema {
    /// Whether the database has what this program needs.
    pub fn is_current(self) -> bool {
        self.applied == self.known
    }
}

fn migrator(db: &Db) -> &'static Migrator {
    match db {
        Db::Sqlite(..) => &SQLITE,
        Db::Postgres(_) => &POSTGRES,
    }
}

pub(crate) async fn read(db: &Db) -> Stored<Schema> {
    let table = match db {
        Db::Sqlite(..) => "SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'",
        Db::Postgres(_) => "SELECT 1 WHERE to_regclass('_sqlx_migrations') IS NOT NULL",
    };
    let mut applied = 0;
    if db.one(table, args![]).await?.is_some() {
        let sql = "SELECT COALESCE(MAX(version), 0) AS version FROM _sqlx_migrations";
        if let Some(row) = db.one(sql, args![]).await? {
            applied = row.number("_sqlx_migrations", "version")?;
        }
    }
    let known = migrator(db).iter().map(|migration| migration.version).max();
    Ok(Schema { applied, known: known.unwrap_or_default() })
}

/// Refuses a database that a newer version has been at.
pub(crate) async fn check(db: &Db) -> Result<(), OpenError> {
    let Schema { applied, known } = read(db).await.map_err(|e| OpenError::Schema(e.into()))?;
    if applied > known {
        return Err(OpenError::NewerSchema { applied, known });
    }
    Ok(())
}

pub(crate) async fn migrate(db: &Db) -> Result<(), OpenError> {
    check(db).await?;
    let done = match db {
        Db::Sqlite(pool, _) => {
            // sqlx takes no lock on SQLite: of two processes that migrate at once, one would fail.
            let run = async {
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                SQLITE.run_direct(None, &mut *tx, false).await?;
                Ok(tx.commit().await?)
            };
            run.await
        }
        Db::Postgres(pool) => {
            let run = async {
                // Not given back to the pool: it has no time limit, as a migration may need long.
                let mut connection = pool.acquire().await?.detach();
                connection.execute("SET statement_timeout = 0").await?;
                POSTGRES.run_direct(None, &mut connection, false).await?;
                Ok(connection.close().await?)
            };
            run.await
        }
    };
    done.map_err(|error: MigrateError| OpenError::Schema(error.into()))?;
    home::settle(db).await.map_err(|e| OpenError::Schema(e.into()))
}

/// What names this database; a copy of it has the same name until it is adopted.
pub(crate) async fn deployment(db: &Db) -> Stored<String> {
    let row = db.one("SELECT id FROM deployment", args![]).await?;
    row.ok_or_else(|| StoreError::Inconsistent { what: "deployment has no row".to_owned() })?
        .of("deployment", "id")
        .text("id")
}

/// The clock that all replicas share.
///
/// Replicas on several machines have as many clocks, so the database's own counts there. SQLite's
/// processes run on one machine, which has one.
pub(crate) async fn now(db: &Db, clock: &dyn evergrant::Clock) -> Stored<jiff::Timestamp> {
    match db {
        Db::Sqlite(..) => Ok(clock.now()),
        Db::Postgres(pool) => {
            let sql = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
            let micros: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.map_err(store_error)?;
            jiff::Timestamp::from_microsecond(micros).map_err(|error| StoreError::Inconsistent {
                what: format!("the database's clock: {error}"),
            })
        }
    }
}
