//! Completions and manual pages, which come from the definitions that also parse the arguments.

use crate::bench::Bench;

/// Every command that the help lists.
async fn commands(bench: &Bench) -> Vec<String> {
    let help = bench.ok(&["--help"]).await;
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let (listed, _) = listed.split_once("\n\n").unwrap();
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    let names: Vec<_> = names.filter(|name| *name != "help").map(str::to_owned).collect();
    assert!(names.len() >= 14 && names.contains(&"doctor".to_owned()), "{names:?}");
    names
}

#[tokio::test]
async fn every_shell_completes_every_command() {
    let bench = Bench::new().await;
    let commands = commands(&bench).await;
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = bench.ok(&["completions", shell]).await;
        for command in &commands {
            assert!(script.contains(command.as_str()), "{shell}: {command}");
        }
        assert!(script.contains("no-browser"), "{shell}: options are missing");
        // It completes the binary's name, which is not the package's.
        assert!(!script.contains("evergrant-cli"), "{shell}");
    }
    assert_eq!(bench.run(&["completions", "cmd.exe"]).await.code, 2);
}

#[tokio::test]
async fn the_manual_has_every_command_and_a_page_for_each() {
    let bench = Bench::new().await;
    let page = bench.ok(&["man"]).await;
    bench.ok(&["man", "--out", "share/man1"]).await;
    let folder = bench.path("share/man1");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(page.starts_with(".ie") && page.contains(".SH SUBCOMMANDS"), "{page}");
    for command in commands(&bench).await {
        let name = format!("evergrant\\-{command}(1)");
        assert!(page.contains(&name), "{name}: {page}");
        assert!(read(&format!("evergrant-{command}.1")).contains(".SH SYNOPSIS"), "{command}");
    }
    assert!(read("evergrant-keys-create.1").contains("allow"));
    assert!(read("evergrant-calendar-create.1").contains("weekly:mon,wed"));
    assert!(read("evergrant-meetings-update.1").contains("lobby"));
    assert!(read("evergrant-ig-open.1").contains("stop\\-distance"));
    assert!(read("evergrant.1").contains(".SH SUBCOMMANDS"));
}

#[tokio::test]
async fn both_work_where_the_configuration_does_not() {
    let mut bench = Bench::new().await;
    bench.set("EVERGRANT_SERVER_LISTEN", "nowhere");
    bench.ok(&["completions", "bash"]).await;
    bench.ok(&["man"]).await;
}
