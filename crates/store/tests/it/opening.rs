//! Opening, migrating, closing, and what becomes of a database that is broken or gone.

use std::error::Error;
use std::sync::Arc;

use evergrant::SystemClock;
use evergrant::store::{GrantStore as _, Reserved, StoreError, Way};
use evergrant_store::{OpenError, Store};

use crate::bench::{Database, PROVIDER, on_both_databases};

on_both_databases!(
    a_migration_is_applied_once_however_many_begin_it,
    a_newer_schema_is_refused,
    the_first_schemas_rows_survive,
    a_database_keeps_its_name,
    a_closed_store_is_unavailable,
    an_unreadable_value_is_named_by_table_row_and_column,
    a_store_without_its_schema_says_so,
);

async fn open(url: &str) -> Result<Store, OpenError> {
    Store::open(url, Arc::new(SystemClock::default())).await
}

async fn a_migration_is_applied_once_however_many_begin_it(d: &Database) {
    let schema = d.replica.schema().await.unwrap();
    assert!(schema.is_current() && schema.known >= 5, "{schema:?}");
    d.meddle(
        "DROP TABLE subscriptions; DROP TABLE feed_parts; DROP TABLE feeds; DROP TABLE items; \
         DROP TABLE IF EXISTS items_words; DROP TABLE item_heads; DROP TABLE hints",
    )
    .await;
    d.meddle("DROP TABLE flows; DROP TABLE intents; DROP TABLE grants; DROP TABLE integrations")
        .await;
    d.meddle(
        "DROP TABLE access_keys; DROP TABLE users; DROP TABLE deployment; DROP TABLE sequence",
    )
    .await;
    d.meddle(
        "DROP TABLE attempts; DROP TABLE debts; DROP TABLE notices; DROP TABLE effects; \
         DROP TABLE quotas; DROP TABLE quota_turns; DROP TABLE _sqlx_migrations",
    )
    .await;
    let schema = d.store.schema().await.unwrap();
    assert!(!schema.is_current() && schema.applied == 0, "{schema:?}");
    let (a, b) = tokio::join!(d.store.migrate(), d.replica.migrate());
    a.unwrap();
    b.unwrap();
    d.store.migrate().await.unwrap();
    assert!(d.store.schema().await.unwrap().is_current());
    d.bench().connected().await;
}

/// As version 0.1 left it: an attempt and a sign-in under way.
async fn the_first_schemas_rows_survive(d: &Database) {
    let tables = "subscriptions feed_parts feeds items items_words item_heads hints quota_turns quotas effects attempts debts notices flows intents grants integrations access_keys users \
                  deployment sequence";
    for table in tables.split(' ') {
        // SQLite keeps words in a table of their own.
        d.meddle(&format!("DROP TABLE IF EXISTS {table}")).await;
    }
    d.meddle("DELETE FROM _sqlx_migrations WHERE version > 1").await;
    let (first, hash) = if d.url.starts_with("sqlite:") {
        (include_str!("../../migrations/sqlite/0001_grants.sql"), "ZEROBLOB(32)")
    } else {
        (
            include_str!("../../migrations/postgres/0001_grants.sql"),
            "decode(repeat('00', 32), 'hex')",
        )
    };
    d.meddle(first).await;
    let t = &d.bench();
    let (id, attempt, account) = (t.id(), t.attempt(), r#"{"id":"ada","name":"Ada"}"#);
    let (owner, deadline) = (t.alice, t.in_secs(30).as_microsecond());
    d.meddle(&format!(
        "INSERT INTO integrations (id, owner, provider, label, account_id, account, scopes, status, \
                                   created_at, updated_at, epoch, revision) \
         VALUES ('{id}', '{owner}', '{PROVIDER}', 'L', 'ada', '{account}', '[]', 'active', 1, 1, 1, 1); \
         INSERT INTO grants (id, epoch, generation, key_id, token, lineage, expires_at) \
         VALUES ('{id}', 1, 0, 'k', 't', 'lin_{:032x}', 1); \
         INSERT INTO intents (id, attempt, deadline) VALUES ('{id}', '{attempt}', {deadline}); \
         INSERT INTO flows (state_hash, owner, provider, redirect_uri, scopes, key_id, token, \
                            expires_at) \
         VALUES ({hash}, '{owner}', '{PROVIDER}', 'https://x', '[]', 'k', 't', {deadline})",
        7
    ))
    .await;
    d.store.migrate().await.unwrap();

    let flow = t.store.find_flow(&[0; 32], &PROVIDER.into(), None, t.now()).await.unwrap();
    assert_eq!(flow.map(|flow| flow.way), Some(Way::Direct));
    let mut next = t.intent(id).await;
    let busy = t.store.reserve(&next).await.unwrap();
    assert_eq!(busy, Reserved::Busy { until: t.in_secs(30) });
    next.started_at = t.in_secs(30);
    let granted = t.store.reserve(&next).await.unwrap();
    let (row, unknown) = (t.row(id).await, Some(t.in_secs(30)));
    assert_eq!(granted, Reserved::Granted { row, unknown });
    assert!(!t.store.is_copy().await.unwrap());
}

async fn a_newer_schema_is_refused(d: &Database) {
    let known = d.store.schema().await.unwrap().known;
    let newest = "(SELECT MAX(version) FROM _sqlx_migrations)";
    d.meddle(&format!("UPDATE _sqlx_migrations SET version = 9999 WHERE version = {newest}")).await;
    for refused in [open(&d.url).await.map(drop), d.store.migrate().await] {
        match refused {
            Err(OpenError::NewerSchema { applied, known: k }) => {
                assert_eq!((applied, k), (9999, known));
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn a_database_keeps_its_name(d: &Database) {
    let name = d.store.deployment().await.unwrap();
    assert_eq!(name.len(), 32);
    let reopened = open(&d.url).await.unwrap();
    reopened.migrate().await.unwrap();
    assert_eq!(reopened.deployment().await.unwrap(), name);
    reopened.close().await;
}

async fn a_closed_store_is_unavailable(d: &Database) {
    d.store.ping().await.unwrap();
    d.store.close().await;
    let error = d.store.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    d.replica.ping().await.unwrap();
}

async fn an_unreadable_value_is_named_by_table_row_and_column(d: &Database) {
    let t = &d.bench();
    let id = t.connected().await.integration.id;
    for (sql, place) in [
        ("UPDATE integrations SET account = '{'", format!("integrations {id}, column account: ")),
        ("UPDATE integrations SET owner = 'usr_1'", format!("integrations {id}, column owner: ")),
        ("UPDATE grants SET lineage = '?'", format!("grants {id}, column lineage: ")),
    ] {
        d.meddle(sql).await;
        let error = match &*place {
            place if place.contains("account") => t.store.integration(t.alice, id).await.err(),
            _ => t.store.grant(id).await.err(),
        };
        let Some(StoreError::Inconsistent { what }) = error else {
            panic!("{place}{error:?}");
        };
        assert!(what.starts_with(&*place), "{what}");
        d.meddle(&format!("UPDATE integrations SET owner = '{}'", t.alice)).await;
    }
}

async fn a_store_without_its_schema_says_so(d: &Database) {
    d.meddle("DROP TABLE sequence").await;
    let error = d.store.revision().await.unwrap_err();
    let StoreError::Inconsistent { what } = error else {
        panic!("{error:?}");
    };
    assert!(what.contains("sequence"), "{what}");
}

/// An error with all its causes, in both forms.
fn in_full(error: &OpenError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text} {error} {error:?}");
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn an_error_never_prints_the_password() {
    let t = Database::postgres().await;
    let folder = t.url.split_once("host=").unwrap().1;
    for url in [
        "postgres://ada:hunter2@127.0.0.1:1/evergrant".to_owned(),
        "postgres://ada:hunter2@127.0.0.1:notaport/evergrant".to_owned(),
        "postgres://ada:hunter2@[::/evergrant".to_owned(),
        "postgres://ada:hunter2@localhost/x?sslmode=hunter2".to_owned(),
        format!("postgres://postgres:hunter2@localhost/no_such_database?host={folder}"),
        format!("postgres://no_such_user:hunter2@localhost/postgres?host={folder}"),
        "mysql://ada:hunter2@localhost/evergrant".to_owned(),
    ] {
        let error = in_full(&open(&url).await.unwrap_err());
        assert!(!error.contains("hunter2"), "{error}");
    }
    t.remove().await;
}

#[tokio::test]
async fn each_refusal_says_what_it_is() {
    let kind = async |url: &str| open(url).await.unwrap_err();
    for url in ["", "mysql://x", "evergrant.db", "sqlite:", "sqlite::memory:", "sqlite:a?mode=ro"] {
        let error = kind(url).await;
        assert!(matches!(error, OpenError::Url(_)), "{url}: {error:?}");
    }
    let error = kind("postgres://ada@127.0.0.1:1/evergrant").await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:1/evergrant"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("no/such/folder/evergrant.db")] {
        let error = kind(&format!("sqlite:{}", path.display())).await;
        assert!(matches!(error, OpenError::NotWritable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_may_lose_commits_is_refused() {
    let t = Database::postgres().await;
    let url = format!("{}&options=-c%20synchronous_commit%3Doff", t.url);
    let error = open(&url).await.unwrap_err();
    assert!(matches!(error, OpenError::AsynchronousCommit { .. }), "{error:?}");
    t.remove().await;
}

#[tokio::test]
async fn a_database_that_vanishes_is_unavailable() {
    let t = Database::postgres().await;
    let store = open(&t.url).await.unwrap();
    store.ping().await.unwrap();
    t.remove().await;
    for _ in 0..3 {
        let error = store.revision().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_database_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let t = Database::sqlite().await;
    let path = t.url.strip_prefix("sqlite:").unwrap();
    for file in [path.to_owned(), format!("{path}-wal")] {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    t.remove().await;
}

#[tokio::test]
async fn sqlite_takes_the_time_from_the_machine_and_postgresql_from_the_server() {
    let sqlite = Database::sqlite().await;
    let test_time = sqlite.bench().now();
    assert_eq!(sqlite.store.now().await.unwrap(), test_time);
    sqlite.remove().await;
    let postgres = Database::postgres().await;
    let server_time = postgres.store.now().await.unwrap();
    assert!(server_time > test_time, "{server_time}");
    postgres.remove().await;
}
