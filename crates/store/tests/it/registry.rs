//! A method that this suite does not call could differ between the stores without anybody noticing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The contents of the Rust files in a folder of this crate, and in those below it.
fn sources(folder: &str) -> String {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
}

fn read(folder: &Path) -> String {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let is_code = |path: &PathBuf| path.is_dir() || path.extension().is_some_and(|end| end == "rs");
    let text = |path: &PathBuf| {
        if path.is_dir() { read(path) } else { std::fs::read_to_string(path).unwrap() }
    };
    entries.iter().filter(|path| is_code(path)).map(text).collect()
}

/// The methods of a port.
fn port(file: &str, name: &str) -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src/store").join(file);
    let port = std::fs::read_to_string(file).unwrap();
    let (_, port) = port.split_once(&format!("pub trait {name}")).unwrap();
    functions(port, "async fn ")
}

/// The names of the functions whose line begins with `opening`.
fn functions(source: &str, opening: &str) -> BTreeSet<String> {
    let lines = source.lines().filter_map(|line| line.trim().strip_prefix(opening));
    lines.filter_map(|rest| rest.split(['(', '<']).next()).map(str::to_owned).collect()
}

#[test]
fn every_method_is_exercised() {
    let mut port_of_all = port("mod.rs", "GrantStore");
    let copies = port("sync.rs", "SyncStore");
    let own = functions(&sources("src"), "pub async fn ");
    assert!(port_of_all.len() >= 35 && port_of_all.contains("claim_due"), "{port_of_all:?}");
    assert!(copies.len() >= 17 && copies.contains("apply"), "{copies:?}");
    assert!(own.len() >= 16 && own.contains("item_changes"), "{own:?}");
    port_of_all.extend(copies);

    // rustfmt breaks a chain of calls over lines.
    let suite: String = sources("tests/it").split_whitespace().collect();
    let called = |name: &str| {
        ["store", "replica", "reopened", "sync", "other"]
            .iter()
            .any(|who| suite.contains(&format!("{who}.{name}(")))
            || suite.contains(&format!("Store::{name}("))
    };
    let missing: Vec<_> = port_of_all.union(&own).filter(|name| !called(name)).collect();
    assert!(missing.is_empty(), "the suite never calls {missing:?}");
}
