//! A method that this suite does not call could differ between the stores without anybody noticing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The contents of the Rust files in a folder of this crate.
fn sources(folder: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect();
    files.sort();
    files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The names of the functions whose line begins with `opening`.
fn functions(source: &str, opening: &str) -> BTreeSet<String> {
    let lines = source.lines().filter_map(|line| line.trim().strip_prefix(opening));
    lines.filter_map(|rest| rest.split(['(', '<']).next()).map(str::to_owned).collect()
}

#[test]
fn every_method_is_exercised() {
    let port = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src/store/mod.rs");
    let port = std::fs::read_to_string(port).unwrap();
    let (_, port) = port.split_once("pub trait GrantStore").unwrap();
    let port = functions(port, "async fn ");
    let own = functions(&sources("src"), "pub async fn ");
    assert!(port.len() >= 35 && port.contains("claim_due"), "{port:?}");
    assert!(own.len() >= 13 && own.contains("revoke_key"), "{own:?}");

    // rustfmt breaks a chain of calls over lines.
    let suite: String = sources("tests/it").split_whitespace().collect();
    let called = |name: &str| {
        ["store", "replica", "reopened"].iter().any(|who| suite.contains(&format!("{who}.{name}(")))
            || suite.contains(&format!("Store::{name}("))
    };
    let missing: Vec<_> = port.union(&own).filter(|name| !called(name)).collect();
    assert!(missing.is_empty(), "the suite never calls {missing:?}");
}
