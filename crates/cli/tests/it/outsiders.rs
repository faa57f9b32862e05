//! Programs that we have not written, or that our readers will: an unmodified SDK, and the guides' own code.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::bench::{Bench, Process};

/// A script of `tests/python`, with the Python that `make test` has prepared.
fn script(name: &str) -> Command {
    let python = std::env::var("EVERGRANT_TEST_PYTHON").expect(
        "EVERGRANT_TEST_PYTHON is not set: run through `make test`, or name the Python of an \
         environment that `scripts/python-env FOLDER tests/python/requirements.txt` has made",
    );
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python").join(name));
    command
}

#[tokio::test]
async fn an_unmodified_msal_takes_the_sandbox_for_microsoft() {
    let bench = Bench::new().await;
    let mut command = script("msal_check.py");
    command.args(["--base", &bench.sandbox.https, "--ca"]).arg(bench.path("ca.pem"));
    let done = Process::start(&mut command).done().await;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.lines().count() > 10, "{}", done.out);
}

#[tokio::test]
async fn an_unmodified_graph_sdk_takes_the_sandbox_for_graph() {
    let bench = Bench::new().await;
    let mut command = script("msgraph_check.py");
    command.args(["--base", &bench.sandbox.https, "--ca"]).arg(bench.path("ca.pem"));
    let done = Process::start(&mut command).done_within(Duration::from_mins(2)).await;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.contains("the SDK takes the sandbox for Graph"), "{}", done.out);
}

#[tokio::test]
async fn an_unmodified_trading_ig_takes_the_sandbox_for_ig() {
    let bench = Bench::new().await;
    let mut command = script("ig_check.py");
    command.args(["--base", &bench.sandbox.https, "--ca"]).arg(bench.path("ca.pem"));
    let done = Process::start(&mut command).done_within(Duration::from_mins(2)).await;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.contains("the library takes the sandbox for IG"), "{}", done.out);
}

#[tokio::test]
async fn every_guide_does_what_it_says() {
    let mut command = script("guides_check.py");
    command.args(["--evergrant", env!("CARGO_BIN_EXE_evergrant")]);
    let done = Process::start(&mut command).done_within(Duration::from_mins(5)).await;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.contains("every guide does what it says"), "{}", done.out);
}
