//! Encryption keys: made once, exchanged, missing, wrong.

use std::os::unix::fs::PermissionsExt as _;

use crate::bench::{Bench, Server};

const KEYS: &str = "EVERGRANT_ENCRYPTION_KEYS";
/// 32 bytes each.
const OTHER: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

#[tokio::test]
async fn the_first_start_makes_a_key_for_its_owner_alone_and_says_so() {
    let bench = Bench::new().await;
    let first = bench.run(&["users"]).await;
    let mode = bench.path("evergrant.key").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        first.err.contains("made an encryption key") && first.err.contains("evergrant.key"),
        "{first:?}"
    );
    let key = std::fs::read_to_string(bench.path("evergrant.key")).unwrap();
    assert!(!first.err.contains(key.trim()), "the key itself is said");
    assert!(!bench.run(&["users"]).await.err.contains("made an encryption key"));
    let server = bench.serve().await;
    assert!(!server.process.stderr().contains("made an encryption key"));
    let left = std::fs::read_dir(bench.path("")).unwrap();
    let drafts = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with("evergrant.key.")
    });
    assert_eq!(drafts.count(), 0);
}

#[tokio::test]
async fn processes_that_start_at_once_agree_on_one_key() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    std::fs::remove_file(bench.path("evergrant.key")).unwrap();
    let servers: [Server; 4] =
        tokio::join!(bench.serve(), bench.serve(), bench.serve(), bench.serve()).into();
    let made =
        servers.iter().filter(|server| server.process.stderr().contains("made an encryption key"));
    assert_eq!(made.count(), 1);
    let id = servers[0].connect(&bench, &key).await;
    for server in &servers {
        server.token(&key, &id).await.expect(200);
    }
}

#[tokio::test]
async fn a_new_first_key_leaves_what_the_old_one_sealed_readable() {
    let mut bench = Bench::new().await;
    let id = bench.connect(&[]).await;
    let token = bench.ok(&["token", &id]).await;
    let old = std::fs::read_to_string(bench.path("evergrant.key")).unwrap();
    bench.set(KEYS, &format!("{OTHER},{}", old.trim()));
    assert_eq!(bench.ok(&["token", &id]).await, token);
    // What is written from now on needs the new key alone.
    bench.ok(&["doctor", &id]).await;
    bench.set(KEYS, OTHER);
    bench.ok(&["call", &id, "GET", "/me"]).await;
}

#[tokio::test]
async fn a_missing_key_is_named_and_nothing_is_destroyed() {
    let mut bench = Bench::new().await;
    let id = bench.connect(&[]).await;
    let token = bench.ok(&["token", &id]).await;
    let key = std::fs::read_to_string(bench.path("evergrant.key")).unwrap();

    bench.set(KEYS, OTHER);
    let wrong = bench.run(&["token", &id]).await;
    assert_eq!((wrong.code, wrong.out.as_str()), (5, ""), "{wrong:?}");
    let named = wrong.err.split('"').nth(1).expect("a key's id in quotes");
    assert_eq!(named.len(), 16, "{wrong:?}");
    assert!(wrong.err.contains(KEYS), "{wrong:?}");
    let doctor = bench.run(&["doctor"]).await;
    assert_eq!(doctor.code, 5, "{doctor:?}");
    assert!(doctor.out.contains(named), "{doctor:?}");
    let server = bench.serve().await;
    server.process.line_of_stderr(named).await;
    assert_eq!(server.process.stop().await.code, 0);

    // Without the file no second key is made beside what the first one sealed.
    bench.environment.remove(KEYS);
    std::fs::rename(bench.path("evergrant.key"), bench.path("away")).unwrap();
    let missing = bench.run(&["users"]).await;
    assert_eq!(missing.code, 5, "{missing:?}");
    assert!(missing.err.contains(named), "{missing:?}");
    assert!(!bench.path("evergrant.key").exists());

    bench.set(KEYS, key.trim());
    assert_eq!(bench.ok(&["token", &id]).await, token);
}
