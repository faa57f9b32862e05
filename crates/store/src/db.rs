//! The whole of the dialect question: one SQL text with `$1` parameters, run by either driver.
//!
//! What stands here and in `dialect.rs` knows both databases; nothing else in this crate does, the
//! migrations and `open.rs` excepted. sqlx binds `$N` by its number on SQLite too (a test holds it to that).

use std::ops::ControlFlow;
use std::sync::Arc;

use evergrant::store::{StoreError, Stored};
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use sqlx::{PgPool, Postgres, SqlSafeStr, Sqlite, SqlitePool, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::row::Row;

/// One of the two databases.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    Sqlite(SqlitePool, Turns),
    Postgres(PgPool),
}

/// Whose turn it is to write, in the order of asking: SQLite has one writer at a time, and who waits
/// for it in here holds no connection, so those who read get one.
type Turns = Arc<Semaphore>;

/// A transaction on either; dropped without [`Tx::commit`], it never was.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>, Turn),
    Postgres(Transaction<'static, Postgres>),
}

type Turn = OwnedSemaphorePermit;

/// A parameter of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// The parameters `$1`, `$2`, … of a statement.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Arg::from($value)),*] };
}
pub(crate) use args;

/// Runs the same statement on whichever database it is, and makes its answer one type.
macro_rules! run {
    ($who:ident, $target:ident => $conn:expr, $sql:ident, $args:ident, $fetch:ident, $same:expr) => {
        match $who {
            Self::Sqlite($target, ..) => bind!($sql, $args).$fetch($conn).await.map($same),
            Self::Postgres($target) => bind!($sql, $args).$fetch($conn).await.map($same),
        }
        .map_err(store_error)
    };
}

macro_rules! bind {
    ($sql:ident, $args:ident) => {{
        let mut query = sqlx::query($sql);
        for arg in $args {
            query = match arg {
                Arg::Int(value) => query.bind(*value),
                Arg::Text(value) => query.bind(value.as_deref()),
                Arg::Bytes(value) => query.bind(value.as_deref()),
            };
        }
        query
    }};
}

impl Db {
    pub(crate) fn sqlite(pool: SqlitePool) -> Self {
        Self::Sqlite(pool, Arc::new(Semaphore::new(1)))
    }

    /// Every row.
    pub(crate) async fn all(&self, sql: impl SqlSafeStr, args: &[Arg]) -> Stored<Vec<Row>> {
        run!(self, pool => pool, sql, args, fetch_all, |rows| rows
            .into_iter()
            .map(Row::from)
            .collect())
    }

    /// The first row.
    pub(crate) async fn one(&self, sql: impl SqlSafeStr, args: &[Arg]) -> Stored<Option<Row>> {
        run!(self, pool => pool, sql, args, fetch_optional, |row| row.map(Row::from))
    }

    /// One row after the other, as long as `take` wants more.
    pub(crate) async fn each(
        &self,
        sql: impl SqlSafeStr,
        args: &[Arg],
        mut take: impl FnMut(Row) -> Stored<ControlFlow<()>>,
    ) -> Stored<()> {
        macro_rules! each {
            ($pool:expr) => {{
                let mut rows = bind!(sql, args).fetch($pool);
                while let Some(row) = rows.try_next().await.map_err(store_error)? {
                    if take(row.into())?.is_break() {
                        break;
                    }
                }
            }};
        }
        match self {
            Self::Sqlite(pool, _) => each!(pool),
            Self::Postgres(pool) => each!(pool),
        }
        Ok(())
    }

    /// How many rows it changed.
    pub(crate) async fn run(&self, sql: impl SqlSafeStr, args: &[Arg]) -> Stored<u64> {
        let _turn = match self {
            Self::Sqlite(_, turns) => Some(turn(turns).await?),
            Self::Postgres(_) => None,
        };
        run!(self, pool => pool, sql, args, execute, |done| done.rows_affected())
    }

    /// A transaction that may write.
    ///
    /// On SQLite it waits for its turn and takes the write lock at once: one that read first and asked for the lock later
    /// would fail whenever somebody else wrote in between, and no waiting could help it.
    pub(crate) async fn begin(&self) -> Stored<Tx> {
        match self {
            Self::Sqlite(pool, turns) => {
                let turn = turn(turns).await?;
                pool.begin_with("BEGIN IMMEDIATE").await.map(|tx| Tx::Sqlite(tx, turn))
            }
            Self::Postgres(pool) => pool.begin().await.map(Tx::Postgres),
        }
        .map_err(store_error)
    }
}

impl Tx {
    pub(crate) async fn all(&mut self, sql: impl SqlSafeStr, args: &[Arg]) -> Stored<Vec<Row>> {
        run!(self, tx => &mut **tx, sql, args, fetch_all, |rows| rows
            .into_iter()
            .map(Row::from)
            .collect())
    }

    pub(crate) async fn one(&mut self, sql: impl SqlSafeStr, args: &[Arg]) -> Stored<Option<Row>> {
        run!(self, tx => &mut **tx, sql, args, fetch_optional, |row| row.map(Row::from))
    }

    pub(crate) async fn run(&mut self, sql: impl SqlSafeStr, args: &[Arg]) -> Stored<u64> {
        run!(self, tx => &mut **tx, sql, args, execute, |done| done.rows_affected())
    }

    pub(crate) async fn commit(self) -> Stored<()> {
        match self {
            Self::Sqlite(tx, _turn) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
        .map_err(store_error)
    }

    /// Undoes it now rather than when the connection is used next.
    pub(crate) async fn rollback(self) -> Stored<()> {
        match self {
            Self::Sqlite(tx, _turn) => tx.rollback().await,
            Self::Postgres(tx) => tx.rollback().await,
        }
        .map_err(store_error)
    }
}

async fn turn(turns: &Turns) -> Stored<Turn> {
    Arc::clone(turns).acquire_owned().await.map_err(|e| StoreError::Unavailable(Box::new(e)))
}

/// Sorts what the driver says into what the caller can do about it.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    let passes = match &error {
        E::Io(_)
        | E::Tls(_)
        | E::Protocol(_)
        | E::BeginFailed
        | E::PoolTimedOut
        | E::PoolClosed
        | E::WorkerCrashed => true,
        E::Database(refusal) => refusal.code().is_some_and(|code| refusal_passes(&code)),
        _ => false,
    };
    if passes {
        StoreError::Unavailable(Box::new(error))
    } else {
        StoreError::Inconsistent { what: error.to_string() }
    }
}

/// Whether the database refuses for now, rather than for what was asked.
fn refusal_passes(code: &str) -> bool {
    // SQLite's codes are numbers whose low byte is the kind: BUSY, LOCKED, READONLY, IOERR, FULL,
    // CANTOPEN. A number of five digits is PostgreSQL's; SQLite's do not get that long.
    if code.len() < 5
        && let Ok(number) = code.parse::<u32>()
    {
        return matches!(number & 0xff, 5 | 6 | 8 | 10 | 13 | 14);
    }
    // PostgreSQL: connection lost, read-only replica, sign-in refused, no such database, serialisation and deadlock,
    // out of resources, database closed to connections, lock not available, shut down or cancelled, system error.
    ["08", "25006", "28", "3D", "40", "53", "55000", "55P03", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<u64> for Arg {
    fn from(value: u64) -> Self {
        i64::try_from(value).unwrap_or(i64::MAX).into()
    }
}

impl From<Option<i64>> for Arg {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<Timestamp> for Arg {
    fn from(at: Timestamp) -> Self {
        at.as_microsecond().into()
    }
}

impl From<Option<Timestamp>> for Arg {
    fn from(at: Option<Timestamp>) -> Self {
        Self::Int(at.map(Timestamp::as_microsecond))
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Arg {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8; 32]> for Arg {
    fn from(bytes: &[u8; 32]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

impl From<Option<[u8; 32]>> for Arg {
    fn from(bytes: Option<[u8; 32]>) -> Self {
        Self::Bytes(bytes.map(|bytes| bytes.to_vec()))
    }
}

/// Ids are stored in their text form.
macro_rules! id_args {
    ($($id:ty),*) => {$(
        impl From<$id> for Arg {
            fn from(id: $id) -> Self {
                id.to_string().into()
            }
        }

        impl From<Option<$id>> for Arg {
            fn from(id: Option<$id>) -> Self {
                Self::Text(id.map(|id| id.to_string()))
            }
        }
    )*};
}

id_args!(
    evergrant::IntegrationId,
    evergrant::UserId,
    evergrant::AttemptId,
    evergrant::Lineage,
    evergrant::id::HolderId,
    evergrant::id::DebtId,
    evergrant::id::LeaseId,
    evergrant::id::TurnId,
    crate::AccessKeyId,
    crate::ClaimId
);

/// Lists and records that are only ever read as a whole are JSON text.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    #[expect(clippy::expect_used, reason = "records of strings always serialise")]
    serde_json::to_string(value).expect("a record serialises")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sqlite_binds_parameters_by_number_in_whatever_order_they_appear() {
        let db = Db::sqlite(SqlitePool::connect("sqlite::memory:").await.unwrap());
        let sql = "SELECT $3 AS c, $1 AS a, $3 AS again, $2 AS b, $1 AS id";
        let row = db.one(sql, args!["one", "two", "three"]).await.unwrap();
        let row = row.unwrap();
        let fields = row.of("none", "id");
        for (column, value) in [("a", "one"), ("b", "two"), ("c", "three"), ("again", "three")] {
            assert_eq!(fields.text(column).unwrap(), value, "column {column}");
        }
    }

    #[tokio::test]
    async fn writers_that_wait_keep_nobody_from_reading() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("evergrant.db").display());
        let db = crate::open::open(&url, &evergrant::SystemClock::default()).await.unwrap();
        db.run("CREATE TABLE t (n INTEGER) STRICT", args![]).await.unwrap();
        let writing = db.begin().await.unwrap();
        let mut others = tokio::task::JoinSet::new();
        for n in 0..16_u64 {
            let db = db.clone();
            others.spawn(async move {
                if n % 2 == 0 {
                    return db.run("INSERT INTO t VALUES ($1)", args![n]).await.map(drop);
                }
                let mut tx = db.begin().await?;
                tx.run("INSERT INTO t VALUES ($1)", args![n]).await?;
                tx.commit().await
            });
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let Db::Sqlite(pool, _) = &db else { panic!("{db:?}") };
        assert!(pool.size() <= 2, "{} connections", pool.size());
        db.one("SELECT 1 AS id", args![]).await.unwrap();
        writing.rollback().await.unwrap();
        for written in others.join_all().await {
            written.unwrap();
        }
        let row = db.one("SELECT COUNT(*) AS n FROM t", args![]).await.unwrap().unwrap();
        assert_eq!(row.number("t", "n").unwrap(), 16);
    }

    #[test]
    fn what_may_pass_is_told_from_what_never_will() {
        // SQLite: BUSY, BUSY_SNAPSHOT, READONLY, FULL; CONSTRAINT_UNIQUE, CORRUPT, ERROR.
        // PostgreSQL: lost, too many clients, deadlock, cancelled, shut down; unique, no table.
        for code in ["5", "517", "8", "13", "08006", "53300", "40P01", "57014", "57P01"] {
            assert!(refusal_passes(code), "{code}");
        }
        for code in ["2067", "11", "1", "23505", "42P01", "22021"] {
            assert!(!refusal_passes(code), "{code}");
        }
    }
}
