//! Where a database is at home, and how a copy of it is found out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use evergrant::store::GrantStore as _;
use evergrant::testing::{MemoryStore, TestClock};
use evergrant_store::Store;

use crate::bench::{Database, on_both_databases, on_database};

on_both_databases!(
    a_database_is_at_home_where_it_was_first_started,
    a_copy_is_one_until_it_is_adopted,
    a_home_that_names_less_is_compared_by_what_it_names,
);

async fn started(url: &str) -> Store {
    let store = Store::open(url, Arc::new(TestClock::default())).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// The file, and what SQLite keeps beside it.
fn files(path: &Path) -> Vec<PathBuf> {
    ["", "-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", path.display()))).into()
}

fn file_of(url: &str) -> PathBuf {
    url.strip_prefix("sqlite:").unwrap().into()
}

async fn a_database_is_at_home_where_it_was_first_started(d: &Database) {
    for _ in 0..2 {
        assert!(!d.store.is_copy().await.unwrap());
        let reopened = started(&d.url).await;
        assert!(!reopened.is_copy().await.unwrap());
        reopened.close().await;
    }
    // One that an older version made is at home where it is started first.
    d.meddle("UPDATE deployment SET home = NULL").await;
    assert!(!d.store.is_copy().await.unwrap());
    d.replica.migrate().await.unwrap();
    let elsewhere = "UPDATE deployment SET home = home || '0' WHERE home <> ''";
    d.meddle(elsewhere).await;
    assert!(d.store.is_copy().await.unwrap(), "a home was set");
}

async fn a_copy_is_one_until_it_is_adopted(d: &Database) {
    let held = d.bench().connected().await;
    let name = d.store.deployment().await.unwrap();
    let (url, folder) = d.copy().await;
    for _ in 0..2 {
        let copy = started(&url).await;
        assert!(copy.is_copy().await.unwrap(), "a start does not adopt it");
        assert_eq!(copy.deployment().await.unwrap(), name);
        copy.close().await;
    }
    let copy = started(&url).await;
    copy.adopt().await.unwrap();
    assert!(!copy.is_copy().await.unwrap());
    let given = copy.deployment().await.unwrap();
    assert!(given != name && given.len() == 32, "{given}");
    let reopened = started(&url).await;
    assert!(!reopened.is_copy().await.unwrap());
    assert_eq!(reopened.deployment().await.unwrap(), given);
    assert!(reopened.grant(held.integration.id).await.unwrap().is_some());
    reopened.close().await;
    copy.close().await;
    // The one it was made of stays what it was.
    let original = started(&d.url).await;
    assert!(!original.is_copy().await.unwrap());
    assert_eq!(original.deployment().await.unwrap(), name);
    original.close().await;
    d.discard(&url, folder).await;
}

async fn a_home_that_names_less_is_compared_by_what_it_names(d: &Database) {
    // What is left is the inode of a file, or the number of a database.
    let (less, other) = if d.url.starts_with("sqlite:") {
        ("SUBSTR(home, 1, INSTR(home, ' ') - 1)", "'inode:1'")
    } else {
        ("SPLIT_PART(home, ' ', 2)", "'database:1'")
    };
    d.meddle(&format!("UPDATE deployment SET home = {less}")).await;
    assert!(!d.store.is_copy().await.unwrap());
    d.meddle(&format!("UPDATE deployment SET home = {other}")).await;
    assert!(d.store.is_copy().await.unwrap());
}

#[tokio::test]
async fn a_file_that_is_moved_is_no_copy() {
    on_database(Database::sqlite().await, async |d: &Database| {
        d.store.close().await;
        d.replica.close().await;
        let old = file_of(&d.url);
        let new = old.with_file_name("moved.db");
        for (from, to) in files(&old).into_iter().zip(files(&new)) {
            if from.exists() {
                std::fs::rename(from, to).unwrap();
            }
        }
        let moved = started(&format!("sqlite:{}", new.display())).await;
        assert!(!moved.is_copy().await.unwrap());
        moved.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_copy_in_the_place_of_the_original_is_a_copy() {
    on_database(Database::sqlite().await, async |d: &Database| {
        d.store.close().await;
        d.replica.close().await;
        let (path, backup) = (file_of(&d.url), file_of(&d.url).with_file_name("backup.db"));
        std::fs::copy(&path, &backup).unwrap();
        std::fs::rename(&backup, &path).unwrap();
        let restored = started(&d.url).await;
        assert!(restored.is_copy().await.unwrap());
        restored.close().await;
    })
    .await;
}

/// PostgreSQL lets an administrator keep the server's identifier from a user.
#[tokio::test]
async fn a_server_that_does_not_tell_its_identifier_tells_the_database() {
    on_database(Database::postgres().await, async |d: &Database| {
        d.meddle("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC").await;
        let role = format!("evg_{}", d.store.deployment().await.unwrap());
        d.meddle(&format!("CREATE ROLE {role} LOGIN")).await;
        d.meddle(&format!("GRANT SELECT ON deployment, _sqlx_migrations TO {role}")).await;
        let mut url: url::Url = d.url.parse().unwrap();
        url.set_username(&role).unwrap();
        let poor = Store::open(url.as_str(), Arc::new(TestClock::default())).await.unwrap();
        assert!(!poor.is_copy().await.unwrap());
        d.meddle("UPDATE deployment SET home = 'cluster:1 database:1'").await;
        assert!(poor.is_copy().await.unwrap());
        poor.close().await;
        d.meddle(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    })
    .await;
}

#[tokio::test]
async fn the_double_is_a_copy_when_it_is_told_so() {
    let store = MemoryStore::new(Arc::new(TestClock::default()));
    assert!(!store.is_copy().await.unwrap());
    store.set_copied();
    assert!(store.is_copy().await.unwrap());
    store.adopt().await.unwrap();
    assert!(!store.is_copy().await.unwrap());
}
