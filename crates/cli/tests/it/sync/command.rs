//! `evergrant sync`: what it prints, and what its exit codes say.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use super::{CALENDAR, MAIL, elsewhere};
use crate::bench::{Bench, Transcript};
use crate::capabilities::read;

#[tokio::test]
async fn a_sync_at_the_terminal_says_what_is_copied_and_what_was_cut() {
    let mut bench = Bench::new().await;
    let mail = bench.connect_to(MAIL, &[]).await;
    let mut transcript = Transcript::default();
    transcript.run(&bench, 0, &["sync", &mail]).await;
    transcript.run(&bench, 0, &["sync", &mail, "--type=email", "--json"]).await;
    transcript.remark("what it has not, and what is none");
    transcript.run(&bench, 1, &["sync", &mail, "--type=calendar"]).await;
    transcript.run(&bench, 2, &["sync", &mail, "--type=contacts"]).await;
    let unknown = format!("int_{:032}", 0);
    transcript.run(&bench, 1, &["sync", &unknown, "--json"]).await;
    transcript.remark("with EVERGRANT_SYNC_UNLIMITED=true");
    bench.set("EVERGRANT_SYNC_UNLIMITED", "true");
    let all = read(&bench.ok(&["sync", &mail, "--json"]).await);
    let all = &all["feeds"][0];
    assert_eq!(all["truncated"], false);
    assert!(all["items"].as_u64().unwrap() > 2_000, "{all}");
    transcript.check("sync");
}

#[tokio::test]
async fn a_sync_follows_a_calendar() {
    let bench = Bench::new().await;
    let id = bench.connect_to(CALENDAR, &[]).await;
    let count = async || {
        let done = read(&bench.ok(&["sync", &id, "--type", "calendar", "--json"]).await);
        assert_eq!(
            (&done["state"], &done["feeds"][0]["truncated"]),
            (&"done".into(), &false.into())
        );
        done["feeds"][0]["items"].as_u64().unwrap()
    };
    let before = count().await;
    elsewhere(&bench, "events/fill", &json!({ "count": 5 })).await;
    assert_eq!(count().await, before + 5);
    let told = bench.ok(&["sync", &id]).await;
    assert!(told.starts_with(&format!("calendar: {} events as of ", before + 5)), "{told}");
    let told = bench.ok(&["doctor", &id]).await;
    assert!(told.contains("ok    its calendar could be copied the last time"), "{told}");
    assert!(
        told.contains(&format!("copy          calendar: {} events as of ", before + 5)),
        "{told}"
    );
}

#[tokio::test]
async fn the_exit_code_of_a_sync_says_who_must_act() {
    let bench = Bench::new().await;
    let mut transcript = Transcript::default();
    bench.sandbox.token_lifetime(Some(2)).await;
    let id = bench.connect_to(MAIL, &[]).await;
    bench.sandbox.token_lifetime(None).await;
    bench.ok(&["sync", &id]).await;
    transcript.remark("the provider asks to wait for an hour");
    bench.sandbox.fault("graph", 1, json!({ "status": 429, "retry_after": 3_600 })).await;
    transcript.run(&bench, 4, &["sync", &id]).await;
    bench.sandbox.forget_faults().await;
    let told = bench.ok(&["doctor", &id]).await;
    assert!(told.contains("warn  its mailbox could be copied the last time"), "{told}");
    bench.ok(&["sync", &id]).await;
    transcript.remark("the client secret has expired");
    bench.sandbox.revoke_access_tokens().await;
    bench.sandbox.fault("microsoft.token", 3, json!({ "aadsts": 7_000_222 })).await;
    transcript.run(&bench, 5, &["sync", &id]).await;
    transcript.remark("the user has another password");
    bench.sandbox.forget_faults().await;
    bench.sandbox.revoke_sessions().await;
    transcript.run(&bench, 3, &["sync", &id, "--json"]).await;
    transcript.run(&bench, 3, &["sync", &id]).await;
    transcript.check("sync_exits");
}

#[tokio::test]
async fn on_a_terminal_a_sync_shows_how_far_it_is_and_leaves_it_clean() {
    let mut bench = Bench::new().await;
    let id = bench.connect_to(MAIL, &[]).await;
    bench.set("EVERGRANT_SYNC_UNLIMITED", "true");
    bench.set("TERM", "xterm");
    let (mut screen, terminal) = terminal();
    let mut command = bench.command(&["sync", &id]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(terminal);
    let running = command.spawn().unwrap();
    // Only the process has the terminal's other end now.
    drop(command);
    let reading = tokio::task::spawn_blocking(move || {
        let mut shown = Vec::new();
        // A terminal whose last program has ended answers with an error.
        let _ = screen.read_to_end(&mut shown);
        String::from_utf8(shown).unwrap()
    });
    let done = running.wait_with_output().await.unwrap();
    let shown = reading.await.unwrap();
    assert!(done.status.success(), "{shown}");
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(said.starts_with("email: ") && !said.contains('\u{1b}'), "{said}");
    for part in ["email", "running", "\u{2588}"] {
        assert!(shown.contains(part), "{part}: {shown:?}");
    }
    // The last thing done to the line of the bar is to empty it.
    assert!(shown.trim_end().ends_with("\u{1b}[2K"), "{shown:?}");
}

/// Both ends of a terminal.
fn terminal() -> (File, File) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let path = OsStr::from_bytes(name.to_bytes());
    let terminal = File::options().read(true).write(true).open(path).unwrap();
    (File::from(screen), terminal)
}
