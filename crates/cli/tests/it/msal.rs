//! The sandbox against an implementation that we have not written.

use std::path::Path;

use tokio::process::Command;

use crate::bench::{Bench, Process};

#[tokio::test]
async fn an_unmodified_msal_takes_the_sandbox_for_microsoft() {
    let python = std::env::var("EVERGRANT_TEST_PYTHON").expect(
        "EVERGRANT_TEST_PYTHON is not set: run through `make test`, or name the Python of an \
         environment that `scripts/python-env FOLDER tests/python/requirements.txt` has made",
    );
    let bench = Bench::new().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/msal_check.py");
    let mut command = Command::new(python);
    command.arg(script).args(["--base", &bench.sandbox.https, "--ca"]).arg(bench.path("ca.pem"));
    let done = Process::start(&mut command).done().await;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.lines().count() > 10, "{}", done.out);
}
