//! The house's own rules, checked: which crate may use which, where a vendor's name may stand, and
//! which crates are never built in.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every `.rs` file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_arrows_between_the_crates_are_the_ones_of_the_plan() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = [
        ("core", vec![]),
        ("sandbox", vec!["core"]),
        ("providers", vec!["core", "sandbox"]),
        ("store", vec!["core"]),
        ("server", vec!["core", "store"]),
        ("cli", vec!["core", "providers", "sandbox", "server", "store"]),
    ]
    .map(|(from, to)| (from, to.into_iter().collect()))
    .into();
    for (name, allowed) in &allowed {
        let manifest = std::fs::read_to_string(root().join("crates").join(name).join("Cargo.toml"));
        let manifest: toml::Table = manifest.unwrap().parse().unwrap();
        let uses: BTreeSet<String> = manifest["dependencies"]
            .as_table()
            .unwrap()
            .keys()
            .filter(|dependency| dependency.starts_with("evergrant"))
            .map(|d| d.strip_prefix("evergrant-").unwrap_or("core").to_owned())
            .collect();
        let uses: BTreeSet<&str> = uses.iter().map(String::as_str).collect();
        assert_eq!(&uses, allowed, "crates/{name} depends on something else than the plan says");
    }
    let crates = std::fs::read_dir(root().join("crates")).unwrap().count();
    assert_eq!(crates, allowed.len(), "a crate that the plan does not know");
}

#[test]
fn core_knows_no_web_framework_and_no_sql() {
    let manifest = std::fs::read_to_string(root().join("crates/core/Cargo.toml")).unwrap();
    for banned in ["axum", "sqlx", "tower", "clap"] {
        assert!(!manifest.contains(banned), "core depends on {banned}");
    }
}

#[test]
fn a_vendors_name_stands_in_its_own_folder_alone() {
    let vendors = ["microsoft", "outlook", "entra", "msgraph", "ig.com", "lightstreamer"];
    let word = |line: &str, vendor: &str| {
        line.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').any(|word| word == vendor)
    };
    let mut strays = Vec::new();
    for name in ["core", "sandbox", "server", "store"] {
        for path in sources(&root().join("crates").join(name).join("src")) {
            let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
            for (number, line) in text.lines().enumerate() {
                if vendors.iter().any(|vendor| word(line, vendor)) {
                    strays.push(format!("{}:{}: {line}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

#[test]
fn only_one_crypto_provider_is_built_in() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--workspace", "--all-features"])
        .args(["--prefix", "none", "--edges", "all"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let built: BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(built.contains("aws-lc-rs"));
    for banned in ["ring", "openssl", "openssl-sys", "native-tls", "rsa"] {
        assert!(!built.contains(banned), "{banned} is built in; `cargo tree -i {banned}` says why");
    }
}

#[test]
fn the_ambient_ports_have_one_real_version_each() {
    // Clippy bans the globals; each exception stands in a port's real version, with its reason.
    let expected = BTreeMap::from([
        ("cli/src/settings/mod.rs", 1),
        ("core/src/clock.rs", 3),
        ("core/src/transport.rs", 1),
    ]);
    let mut found = BTreeMap::new();
    for name in ["core", "providers", "sandbox", "server", "store", "cli"] {
        for path in sources(&root().join("crates").join(name).join("src")) {
            let text = std::fs::read_to_string(&path).unwrap();
            let exceptions = text.matches("clippy::disallowed_methods").count();
            if exceptions > 0 {
                let file = path.strip_prefix(root().join("crates")).unwrap();
                let file = file.to_string_lossy().into_owned();
                *found.entry(file).or_insert(0) += exceptions;
            }
        }
    }
    let found: BTreeMap<&str, usize> = found.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    assert_eq!(found, expected);
}
