//! The spool in a folder: what is put there survives its process, and nobody takes it from the living.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use evergrant::seal::{Field, Place, Ring, Seal, Sealed};
use evergrant::spool::{DirSpool, Spool as _};
use evergrant::testing::{SeededEntropy, TestClock};
use evergrant::{AttemptId, SystemEntropy};

fn sealed(text: &[u8]) -> Sealed {
    let (clock, entropy) = (Arc::new(TestClock::default()), Arc::new(SystemEntropy::default()));
    let ring = Ring::parse(&Ring::generate(&*entropy)).unwrap();
    let place = Place { tenant: "t", subject: "s", field: Field::Answer, epoch: 0 };
    Seal::new(ring, clock, entropy).seal(place, text)
}

fn spool(root: &std::path::Path, seed: u64) -> DirSpool {
    DirSpool::open(root, &TestClock::default(), &SeededEntropy::new(seed)).unwrap()
}

fn attempt(seed: u64) -> AttemptId {
    AttemptId::new(&TestClock::default(), &SeededEntropy::new(seed))
}

#[tokio::test]
async fn answers_of_a_dead_process_are_taken_over_and_those_of_a_living_one_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("spool");
    let (dead, alive) = (spool(&root, 1), spool(&root, 2));
    dead.put(attempt(10), &sealed(b"one")).await.unwrap();
    alive.put(attempt(11), &sealed(b"two")).await.unwrap();
    let next = spool(&root, 3);
    assert_eq!(next.dead().await.unwrap(), [], "they live");
    let holder = dead.holder();
    drop(dead);
    assert_eq!(next.dead().await.unwrap(), [holder]);
    assert_eq!(alive.dead().await.unwrap(), [], "one takes over, not two");
    next.bury(holder).await.unwrap();
    let answers = next.answers().await.unwrap();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].0, attempt(10));
    assert_eq!(next.dead().await.unwrap(), []);
    next.remove(attempt(10)).await.unwrap();
    next.remove(attempt(10)).await.unwrap();
    assert!(next.answers().await.unwrap().is_empty());
    assert_eq!(alive.answers().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_torn_at_any_byte_is_ignored_or_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, entropy) = (Arc::new(TestClock::default()), Arc::new(SystemEntropy::default()));
    let ring = Ring::parse(&Ring::generate(&*entropy)).unwrap();
    let seal = Seal::new(ring, clock, entropy);
    let place = Place { tenant: "t", subject: "s", field: Field::Answer, epoch: 0 };
    let spool = spool(folder.path(), 1);
    spool.put(attempt(10), &seal.seal(place, b"an answer")).await.unwrap();
    let file =
        folder.path().join(spool.holder().to_string()).join(format!("{}.answer", attempt(10)));
    let whole = std::fs::read(&file).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&file, &whole[..length]).unwrap();
        for (_, torn) in spool.answers().await.unwrap() {
            assert!(seal.open(place, &torn).is_err(), "torn at {length}");
        }
    }
    std::fs::write(&file, &whole).unwrap();
    let answers = spool.answers().await.unwrap();
    assert_eq!(&**seal.open(place, &answers[0].1).unwrap(), b"an answer");
}

#[tokio::test]
async fn a_spool_that_nothing_was_left_in_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("spool");
    drop(spool(&root, 1));
    assert!(!root.exists());
    let kept = spool(&root, 2);
    kept.put(attempt(10), &sealed(b"x")).await.unwrap();
    drop(kept);
    assert!(root.exists(), "an answer was thrown away");
    assert_eq!(std::fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
}
