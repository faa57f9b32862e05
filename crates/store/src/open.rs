//! From a URL to an open database, or to a sentence that says who has to do what.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use evergrant::Clock;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection};

use crate::db::Db;

/// How long a caller waits for a connection before it is told that there is none.
const ACQUIRE: Duration = Duration::from_secs(3);

/// How long SQLite waits for another's write; longer than any transaction here takes.
const BUSY: Duration = Duration::from_secs(10);

/// Why the database cannot be used. No text here holds the URL's password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one that names a database.
    #[error("the database URL {0}; write sqlite:evergrant.db or postgres://user@host/database")]
    Url(&'static str),
    /// Nobody answers there.
    #[error("PostgreSQL at {place} cannot be reached; check the URL and that the server runs")]
    Unreachable {
        /// Host, port and database.
        place: String,
        /// What the network said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server answers, and says no.
    #[error("PostgreSQL at {place} refuses: {reason}; its administrator must let this user in")]
    Refused {
        /// Host, port and database.
        place: String,
        /// Its own words.
        reason: String,
    },
    /// The server may lose what it said it stored, and with it a refresh token.
    #[error(
        "PostgreSQL at {place} runs with synchronous_commit=off, which may lose stored grants; \
         its administrator must turn it on for this user or database"
    )]
    AsynchronousCommit {
        /// Host, port and database.
        place: String,
    },
    /// The file cannot be created or written.
    #[error("the database file {path} cannot be written; check its folder's owner and free space")]
    NotWritable {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A newer Evergrant has been here.
    #[error(
        "the database has schema {applied} and this version knows {known}; run a newer Evergrant"
    )]
    NewerSchema {
        /// What the database has.
        applied: i64,
        /// What this program knows.
        known: i64,
    },
    /// The schema could not be read or brought up to date.
    #[error("the database's schema cannot be brought up to date; see the cause, then try again")]
    Schema(#[source] Box<dyn std::error::Error + Send + Sync>),
}

pub(crate) async fn open(url: &str, clock: &dyn Clock) -> Result<Db, OpenError> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        return sqlite(path.strip_prefix("//").unwrap_or(path)).await;
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return postgres(url, clock).await;
    }
    Err(OpenError::Url("has a scheme that is not known here"))
}

async fn sqlite(path: &str) -> Result<Db, OpenError> {
    match path {
        "" => return Err(OpenError::Url("names no file")),
        ":memory:" => {
            return Err(OpenError::Url(
                "names a database in memory, which would forget every grant",
            ));
        }
        _ if path.contains('?') => {
            return Err(OpenError::Url("has parameters, which SQLite's has none of"));
        }
        _ => {}
    }
    let not_writable = |source| OpenError::NotWritable { path: path.to_owned(), source };
    create_private(Path::new(path)).map_err(|e| not_writable(e.into()))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that was answered must survive a power cut: a refresh token rotates once.
        .synchronous(SqliteSynchronous::Full)
        // What is deleted is overwritten wherever that costs no further write.
        .pragma("secure_delete", "FAST")
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(8)
        .acquire_timeout(BUSY)
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|e| not_writable(e.into()))?;
    // A file on a read-only disk opens; only a write lock tells.
    let probe = pool.begin_with("BEGIN IMMEDIATE").await;
    match probe {
        Ok(tx) => tx.rollback().await,
        Err(error) => Err(error),
    }
    .map_err(|e| not_writable(e.into()))?;
    Ok(Db::sqlite(pool))
}

/// Creates the file for its owner alone; SQLite gives its journals the same permissions.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

async fn postgres(url: &str, clock: &dyn Clock) -> Result<Db, OpenError> {
    // The parser's own error may quote what it could not read, so it is dropped.
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| OpenError::Url("cannot be read"))?
        .application_name("evergrant")
        .disable_statement_logging();
    let place = format!(
        "{}:{}/{}",
        options.get_host(),
        options.get_port(),
        options.get_database().unwrap_or_default()
    );
    // A connection of its own first: the pool would retry until its timeout and lose the reason.
    let mut first = tokio::select! {
        connection = PgConnection::connect_with(&options) => {
            connection.map_err(|e| why_not(e, place.clone()))?
        }
        () = clock.sleep(ACQUIRE) => {
            let source = "no answer within 3 seconds".into();
            return Err(OpenError::Unreachable { place, source });
        }
    };
    let commit: Result<String, _> =
        sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&mut first).await;
    if commit.map_err(|e| why_not(e, place.clone()))? == "off" {
        return Err(OpenError::AsynchronousCommit { place });
    }
    first.close().await.map_err(|e| why_not(e, place))?;
    let pool = PgPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(ACQUIRE)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(LIMITS).await.map(drop) })
        })
        .connect_lazy_with(options);
    Ok(Db::Postgres(pool))
}

/// A replica that hangs between two statements would hold its locks for ever: the database ends
/// its transaction. So does a statement that takes longer than anything here should.
const LIMITS: &str =
    "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'";

fn why_not(error: sqlx::Error, place: String) -> OpenError {
    match error {
        sqlx::Error::Database(refusal) if !passes(refusal.code().as_deref()) => {
            OpenError::Refused { place, reason: refusal.message().to_owned() }
        }
        other => OpenError::Unreachable { place, source: other.into() },
    }
}

/// Whether waiting helps: the server starts, stops, or has too many callers at the moment.
fn passes(code: Option<&str>) -> bool {
    matches!(code, Some("57P01" | "57P02" | "57P03" | "53300"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sqlite_writes_ahead_and_syncs_every_commit() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("evergrant.db").display());
        let db = open(&url, &evergrant::SystemClock::default()).await.unwrap();
        let Db::Sqlite(pool, _) = &db else {
            panic!("{db:?}");
        };
        // Every connection has its own settings: look at several.
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(pool.acquire().await.unwrap());
        }
        for connection in &mut held {
            let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
                .fetch_one(&mut **connection)
                .await
                .unwrap();
            assert_eq!(mode, "wal");
            for (pragma, expected) in [
                ("PRAGMA synchronous", 2), // FULL
                ("PRAGMA foreign_keys", 1),
                ("PRAGMA busy_timeout", 10_000),
                ("PRAGMA secure_delete", 2), // FAST
            ] {
                let value: i64 =
                    sqlx::query_scalar(pragma).fetch_one(&mut **connection).await.unwrap();
                assert_eq!(value, expected, "{pragma}");
            }
        }
    }
}
