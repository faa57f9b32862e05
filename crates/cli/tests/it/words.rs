//! The words users read, compared with those of the repository: `cargo insta review` shows changes.

use crate::bench::{Bench, Transcript};

#[tokio::test]
async fn help_texts() {
    let bench = Bench::new().await;
    let mut transcript = Transcript::default();
    transcript.run(&bench, 0, &["--help"]).await;
    for command in [
        "demo",
        "serve",
        "sandbox",
        "connect",
        "import",
        "consent",
        "integrations",
        "token",
        "call",
        "sync",
        "calendar",
        "calendar events",
        "calendar create",
        "calendar update",
        "calendar respond",
        "calendar cancel",
        "calendar delete",
        "calendar availability",
        "calendar times",
        "mail",
        "mail list",
        "mail send",
        "mail draft",
        "mail reply",
        "mail forward",
        "mail mark",
        "mail save",
        "mail settings",
        "meet",
        "meetings",
        "meetings update",
        "meetings cancel",
        "ig",
        "ig prices",
        "ig sentiment",
        "ig open",
        "ig amend",
        "ig close",
        "ig order place",
        "ig order amend",
        "ig watchlists",
        "ig history",
        "ig transactions",
        "disconnect",
        "users",
        "keys",
        "keys create",
        "migrate",
        "doctor",
        "completions",
        "man",
        "adopt",
        "encryption",
        "encryption rotate",
    ] {
        let arguments: Vec<_> = command.split(' ').chain(["--help"]).collect();
        transcript.run(&bench, 0, &arguments).await;
    }
    transcript.check("help");
}

#[tokio::test]
async fn a_first_session() {
    let bench = Bench::new().await;
    let mut transcript = Transcript::default();
    for command in
        ["users", "integrations", "keys", "users add adele", "users", "users list --json"]
    {
        let arguments: Vec<_> = command.split(' ').collect();
        transcript.run(&bench, 0, &arguments).await;
    }
    for command in
        ["keys create --user adele", "keys create --service ops --allow tokens:read", "keys"]
    {
        let arguments: Vec<_> = command.split(' ').collect();
        transcript.run(&bench, 0, &arguments).await;
    }
    let id = bench.connect(&[]).await;
    for command in
        ["integrations", "integrations --json", "token ID", "doctor", "doctor ID", "migrate"]
            .into_iter()
            .chain(["encryption status", "encryption rotate", "adopt"])
    {
        let command = command.replace("ID", &id);
        let arguments: Vec<_> = command.split(' ').collect();
        transcript.run(&bench, 0, &arguments).await;
    }
    transcript.run(&bench, 0, &["disconnect", &id]).await;
    transcript.check("first_session");
}

#[tokio::test]
async fn wrong_usage() {
    let bench = Bench::new().await;
    let mut transcript = Transcript::default();
    for (code, command) in [
        (2, ""),
        (2, "conect"),
        (2, "token"),
        (2, "token int_1"),
        (1, "token int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708"),
        (1, "token int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 --json"),
        (1, "call int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 GET /me"),
        (2, "calendar"),
        (1, "calendar int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708"),
        (2, "calendar int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 create Planning"),
        (2, "calendar int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 events --from yesterday"),
        (2, "mail int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 send --to a@b.example --subject x"),
        (
            2,
            "mail int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 send --to a@b.example --subject x --body-file missing",
        ),
        (2, "mail int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 list --limit 0"),
        (2, "mail int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 mark m1"),
        (2, "mail int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 settings --time-zone Nowhere"),
        (
            2,
            "calendar int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 create Planning --start 2026-03-27 --all-day --repeat weekly",
        ),
        (
            2,
            "calendar int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 create Planning --start 2026-03-27 --all-day --count 3",
        ),
        (
            2,
            "meet int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 Planning --start 2026-03-27T09:00:00Z --end 2026-03-27T10:00:00Z --passcode --key k",
        ),
        (2, "meet int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 Planning --start 2026-03-27T09:00:00Z"),
        (
            2,
            "meet int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 Planning --start 2026-03-27T09:00:00Z --end 2026-03-27T10:00:00Z --lobby nobody",
        ),
        (2, "ig int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708"),
        (1, "ig int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 positions"),
        (2, "ig int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 open IX.D.FTSE.CFD.IP hold 1"),
        (2, "ig int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 open IX.D.FTSE.CFD.IP buy nan"),
        (
            2,
            "ig int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 open IX.D.FTSE.CFD.IP buy 1 --stop 1 --stop-distance 2",
        ),
        (2, "ig int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708 prices IX.D.FTSE.CFD.IP --resolution year"),
        (2, "connect microsoft_calendar --no-browser --keep-login"),
        (1, "disconnect int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708"),
        (1, "doctor int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708"),
        (2, "connect google"),
        (2, "connect google --json"),
        (2, "connect microsoft_calendar --no-browser --scopes Files.Read"),
        (2, "connect microsoft_calendar --user nobody"),
        (2, "connect microsoft_calendar --device --no-browser"),
        (2, "connect microsoft_calendar --field password"),
        (2, "connect microsoft_calendar --field password=@missing"),
        (2, "import microsoft_calendar"),
        (2, "import microsoft_calendar --token-file missing"),
        (2, "import google"),
        (2, "consent google"),
        (2, "keys create"),
        (2, "keys create --user nobody"),
        (2, "keys create --service ops"),
        (2, "keys create --service ops --allow everything"),
        (1, "keys revoke key_0198c5a6b7c8d9e0f1a2b3c4d5e6f708"),
    ] {
        let arguments: Vec<_> = command.split_whitespace().collect();
        transcript.run(&bench, code, &arguments).await;
    }
    bench.ok(&["users", "add", "adele"]).await;
    transcript.run(&bench, 2, &["users", "add", "adele"]).await;
    transcript.run(&bench, 2, &["users", "add", " "]).await;
    bench.ok(&["users", "add", "alex"]).await;
    transcript.run(&bench, 2, &["connect", "microsoft_calendar"]).await;
    let id = bench.connect(&["--user", "alex"]).await;
    transcript.run(&bench, 2, &["token", &id, "--min-seconds", "100000"]).await;
    transcript.run(&bench, 2, &["call", &id, "GET", "https://elsewhere.example/"]).await;
    transcript.run(&bench, 1, &["call", &id, "GET", "/nothing"]).await;
    transcript.check("wrong_usage");
}
