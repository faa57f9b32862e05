//! What goes wrong, by who can do what about it: the exit code and the words.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::bench::{Bench, Transcript};

#[tokio::test]
async fn the_user_must_reconnect_is_3() {
    let bench = Bench::new().await;
    let id = bench.expired(&[]).await;
    bench.sandbox.revoke_sessions().await;
    let mut transcript = Transcript::default();
    transcript.run(&bench, 3, &["token", &id]).await;
    transcript.run(&bench, 3, &["token", &id, "--json"]).await;
    transcript.run(&bench, 3, &["call", &id, "GET", "/me"]).await;
    transcript.run(&bench, 3, &["doctor", &id]).await;
    transcript.run(&bench, 0, &["integrations"]).await;
    assert_eq!(bench.connect(&["--integration", &id]).await, id);
    transcript.remark("after `evergrant connect`");
    transcript.run(&bench, 0, &["doctor", &id]).await;
    transcript.check("exit_3");
}

#[tokio::test]
async fn try_again_later_is_4() {
    let mut bench = Bench::new().await;
    let id = bench.expired(&[]).await;
    let mut transcript = Transcript::default();
    bench.sandbox.fault("microsoft.token", 3, json!({ "status": 503 })).await;
    transcript.run(&bench, 4, &["token", &id]).await;
    transcript.run(&bench, 4, &["token", &id, "--json"]).await;
    transcript.run(&bench, 4, &["doctor", &id]).await;
    bench.ok(&["token", &id]).await;
    // Longer than anybody at a terminal waits: the answer is shown as it is.
    bench.sandbox.fault("graph", 1, json!({ "status": 503, "retry_after": 60 })).await;
    transcript.run(&bench, 4, &["call", &id, "GET", "/me"]).await;
    transcript.remark("a database that nobody answers for");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    bench.set("EVERGRANT_DATABASE_URL", &format!("postgres://evergrant:hunter2@{free}/evergrant"));
    transcript.run(&bench, 4, &["token", &id]).await;
    transcript.run(&bench, 4, &["serve"]).await;
    transcript.run(&bench, 4, &["doctor"]).await;
    transcript.run(&bench, 4, &["migrate", "--json"]).await;
    transcript.check("exit_4");
}

#[tokio::test]
async fn the_operator_must_act_is_5() {
    let mut bench = Bench::new().await;
    let id = bench.expired(&[]).await;
    let mut transcript = Transcript::default();
    let expired = json!({ "aadsts": 7_000_222 });
    bench.sandbox.fault("microsoft.token", 3, expired).await;
    transcript.run(&bench, 5, &["token", &id]).await;
    transcript.run(&bench, 5, &["token", &id, "--json"]).await;
    transcript.run(&bench, 5, &["doctor", &id]).await;
    bench.ok(&["token", &id]).await;
    transcript.remark("without MICROSOFT_CLIENT_ID");
    let client = bench.environment.remove("MICROSOFT_CLIENT_ID").unwrap();
    transcript.run(&bench, 5, &["connect", "microsoft_calendar", "--no-browser"]).await;
    transcript.run(&bench, 5, &["doctor"]).await;
    bench.set("MICROSOFT_CLIENT_ID", &client);
    transcript.remark("with something else than a key");
    bench.set("EVERGRANT_ENCRYPTION_KEYS", "hunter2");
    transcript.run(&bench, 5, &["users"]).await;
    bench.environment.remove("EVERGRANT_ENCRYPTION_KEYS");
    transcript.remark("with a file of keys that is not there");
    bench.set("EVERGRANT_ENCRYPTION_KEYS_FILE", "missing.keys");
    transcript.run(&bench, 5, &["users"]).await;
    transcript.run(&bench, 5, &["serve"]).await;
    bench.environment.remove("EVERGRANT_ENCRYPTION_KEYS_FILE");
    transcript.remark("with a key file that is a folder");
    std::fs::create_dir(bench.path("folder")).unwrap();
    bench.set("EVERGRANT_ENCRYPTION_KEY_FILE", "folder");
    transcript.run(&bench, 5, &["users"]).await;
    bench.environment.remove("EVERGRANT_ENCRYPTION_KEY_FILE");
    transcript.remark("with a database in a folder that is not there");
    bench.set("EVERGRANT_DATABASE_URL", "sqlite:missing/evergrant.db");
    transcript.run(&bench, 5, &["users"]).await;
    bench.environment.remove("EVERGRANT_DATABASE_URL");
    transcript.remark("with roots that are not there");
    bench.set("EVERGRANT_TLS_CA_FILE", "missing.pem");
    transcript.run(&bench, 5, &["users"]).await;
    transcript.check("exit_5");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_2_and_says_where() {
    let mut bench = Bench::new().await;
    let mut transcript = Transcript::default();
    let variables = [
        ("EVERGRANT_SERVER_LISTN", "127.0.0.1:1"),
        ("EVERGRANT_SERVER_LISTEN", "somewhere"),
        ("EVERGRANT_SEVER_LISTEN", "127.0.0.1:1"),
        ("EVERGRANT_LISTEN", "127.0.0.1:1"),
        ("EVERGRANT_MICROSOFT_GRAPH_URL", "http://graph.example"),
        ("EVERGRANT_DATABASE_URL", "mysql://evergrant:hunter2@localhost/evergrant"),
        ("MICROSOFT_CLIENT_SECRET_FILE", "secret"),
    ];
    for (name, value) in variables {
        let before = bench.environment.clone();
        bench.set(name, value);
        transcript.remark(&format!("with {name}={value}"));
        transcript.run(&bench, 2, &["users"]).await;
        bench.environment = before;
    }
    for text in [
        "[server]\nlisten = ",
        "[server]\nlisten = \"127.0.0.1:8400\"\n[microsoft]\nclient_secret = \"hunter2",
        "[server]\nport = 8400",
        "listen = 1",
        "[microsoft]\nclient_secret = 1234567",
    ] {
        std::fs::write(bench.path("evergrant.toml"), text).unwrap();
        transcript.remark(&format!("with an evergrant.toml of {text:?}"));
        transcript.run(&bench, 2, &["users"]).await;
    }
    std::fs::remove_file(bench.path("evergrant.toml")).unwrap();
    transcript.run(&bench, 2, &["users", "--config", "missing.toml"]).await;
    transcript.run(&bench, 2, &["users", "--config", "missing.toml", "--json"]).await;
    transcript.check("configuration");
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_setting() {
    let mut bench = Bench::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    bench.ok(&["migrate"]).await;
    let mut transcript = Transcript::default();
    for setting in ["EVERGRANT_SERVER_LISTEN", "EVERGRANT_ADMIN_LISTEN"] {
        let before = bench.environment.clone();
        bench.set(setting, &address);
        transcript.run(&bench, 1, &["serve"]).await;
        bench.environment = before;
    }
    bench.set("EVERGRANT_SANDBOX_HTTP", &address);
    transcript.run(&bench, 1, &["sandbox"]).await;
    transcript.run(&bench, 1, &["serve", "--sandbox"]).await;
    transcript.check("port_in_use");
}

#[tokio::test]
async fn a_key_file_that_others_own_is_not_replaced() {
    let bench = Bench::new().await;
    let path = bench.path("evergrant.key");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let done = bench.run(&["users"]).await;
    assert_eq!(done.code, 5, "{done:?}");
    assert!(done.err.contains("evergrant.key"), "{done:?}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "");
}
