//! The one command of a newcomer.

use std::net::TcpListener;

use serde_json::Value;

use crate::bench::{Process, binary};

/// The demo's usual ports: a demo looks whether they are free before it takes them, and nobody here
/// is to take them in between.
static PORTS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn demo_once_shows_every_step_and_leaves_nothing_behind() {
    let _ports = PORTS.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    // Taken here or by somebody else: either way the demo cannot have its usual ports.
    let taken = [8400, 8401, 8410].map(|port| TcpListener::bind(("127.0.0.1", port)));
    let mut command = binary(folder.path(), &["demo", "--once", "--json"]);
    let done = Process::start(command.env("TMPDIR", &temporary)).done().await;
    drop(taken);
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", done.out);
    let lines: Vec<Value> =
        done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<_> = lines.iter().map(|line| line["step"].as_str().unwrap()).collect();
    assert_eq!(
        steps,
        [
            "connect", "token", "refresh", "profile", "calendar", "mail", "meeting", "ig", "sync",
            "list"
        ]
    );
    assert!(lines.iter().all(|line| line["ok"] == true && line["detail"].is_object()));
    let refresh = &lines[2]["detail"];
    assert_eq!(refresh["refreshes_at_the_provider"], 1);
    assert_eq!(refresh["failed"], 0);
    assert_eq!(lines[7]["detail"]["refreshes_at_the_provider"], 1);
    let copied = &lines[8]["detail"];
    assert_eq!((&copied["messages"], &copied["told"]), (&50.into(), &"message updated".into()));
    assert_ne!(copied["events"], 0);
    let left: Vec<_> = walk(folder.path());
    assert_eq!(left, ["tmp"], "files were left behind");
}

#[tokio::test]
async fn a_demo_that_is_stopped_leaves_nothing_behind() {
    let _ports = PORTS.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary(folder.path(), &["demo"]);
    let demo = Process::start(command.env("TMPDIR", folder.path()));
    demo.line_of_stderr("stays up").await;
    let told = demo.stderr();
    assert!(told.contains("http://127.0.0.1:") && told.contains("evg_"), "{told}");
    let done = demo.stop().await;
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(walk(folder.path()), [""; 0]);
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        if path.is_dir() {
            names.extend(walk(&path));
        }
    }
    names
}
