//! IG as people and programs ask for it: connected by a form, its markets read, and dealt in once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bench::{Bench, Transcript};
use crate::capabilities::read;

/// A market that never closes.
const EPIC: &str = "TM.D.ALWAYS.CFD.IP";

/// A deployment with IG's registration, and a login in its environment.
async fn bench() -> Bench {
    let mut bench = Bench::new().await;
    let url = format!("{}/gateway/deal", bench.sandbox.https);
    for (name, value) in [
        ("EVERGRANT_IG_URL", url.as_str()),
        ("IG_API_KEY", "sandbox-key"),
        ("IG_IDENTIFIER", "trader"),
        ("IG_PASSWORD", "sandbox"),
    ] {
        bench.set(name, value);
    }
    bench
}

impl Bench {
    /// Runs `evergrant ig ID …` with `--json`, which must end with this code.
    async fn ig(&self, id: &str, code: i32, arguments: &[&str]) -> Value {
        let done = self.run(&[&["ig", id, "--json"][..], arguments].concat()).await;
        assert_eq!(done.code, code, "{arguments:?}: {done:?}");
        read(if done.out.is_empty() { &done.err } else { &done.out })
    }

    /// The ids of the open positions.
    async fn positions(&self, id: &str) -> Vec<String> {
        let found = self.ig(id, 0, &["positions"]).await;
        let positions = found["results"].as_array().unwrap().iter();
        positions.map(|position| position["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn an_account_is_connected_from_the_environment_without_a_question() {
    let mut bench = bench().await;
    let id = bench.ok(&["connect", "ig", "--keep-login"]).await;
    let accounts = bench.ig(&id, 0, &["accounts"]).await;
    let ids: Vec<_> = accounts["results"].as_array().unwrap().iter().map(|a| &a["id"]).collect();
    assert_eq!(ids, ["ABC123", "XYZ987"]);
    // Kept: after more silence than a session lives for, nobody is asked anything.
    bench.sandbox.advance(3600).await;
    bench.ig(&id, 0, &["accounts"]).await;
    let logins = bench.sandbox.requests("ig.session").await.len();
    bench.set("IG_PASSWORD", "wrong");
    let refused = bench.run(&["connect", "ig"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("password") && !refused.err.contains("wrong\""), "{refused:?}");
    assert_eq!(bench.sandbox.requests("ig.session").await.len(), logins + 1, "one attempt");
}

#[tokio::test]
async fn a_token_says_whether_it_is_a_bearer_or_two_headers() {
    let bench = bench().await;
    for (version, kind) in [("3", "Bearer"), ("2", "IG-CST")] {
        let field = format!("--field=session_version={version}");
        let id = bench.ok(&["connect", "ig", &field]).await;
        let token = read(&bench.ok(&["token", &id, "--json"]).await);
        assert_eq!(token["token_type"], kind);
        let secret = token["access_token"].as_str().unwrap();
        assert_eq!(secret.starts_with("CST-") && secret.contains("|XST-"), version == "2");
    }
}

#[tokio::test]
async fn markets_are_walked_searched_and_shown_at_the_terminal() {
    let bench = bench().await;
    let id = bench.ok(&["connect", "ig"]).await;
    let root = bench.ig(&id, 0, &["navigate"]).await;
    let node = root["nodes"][0]["id"].as_str().unwrap();
    assert!(bench.ok(&["ig", &id, "navigate", node]).await.starts_with("NAME"));
    let found = bench.ig(&id, 0, &["search", "FTSE"]).await;
    assert!(found["results"][0]["epic"].is_string(), "{found:#}");
    let shown = bench.ok(&["ig", &id, "market", EPIC]).await;
    for line in ["market ", "epic ", "bid ", "offer "] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "{line}: {shown}");
    }
    let prices = ["prices", EPIC, "--resolution=hour", "--max=3"];
    let found = bench.ig(&id, 0, &prices).await;
    assert_eq!(found["results"].as_array().unwrap().len(), 3);
    assert!(found["allowance"]["remaining"].is_number(), "{found:#}");
    let table = bench.run(&[&["ig", &id][..], &prices].concat()).await;
    assert!(table.out.starts_with("TIME") && table.err.contains("past prices are left"));
    let sentiment = bench.ok(&["ig", &id, "sentiment", "FT100"]).await;
    assert!(sentiment.contains("FT100") && sentiment.contains('%'), "{sentiment}");
    let made = bench.ok(&["ig", &id, "watchlists", "create", "Mine", EPIC]).await;
    assert!(bench.ok(&["ig", &id, "watchlists"]).await.contains("Mine"));
    assert!(bench.ok(&["ig", &id, "watchlists", "show", &made]).await.contains(EPIC));
    assert_eq!(bench.ok(&["ig", &id, "watchlists", "delete", &made]).await, "deleted");
}

#[tokio::test]
async fn a_deal_with_a_name_is_sent_once_and_told_again() {
    let bench = bench().await;
    let id = bench.ok(&["connect", "ig"]).await;
    let open = ["open", EPIC, "buy", "1", "--key=first"];
    let deal = bench.ig(&id, 0, &open).await;
    assert_eq!(deal["outcome"], "done", "{deal:#}");
    assert_eq!(bench.ig(&id, 0, &open).await, deal);
    let position = deal["deal_id"].as_str().unwrap();
    assert_eq!(bench.positions(&id).await, [position]);
    let other = bench.run(&["ig", &id, "open", EPIC, "buy", "2", "--key=first"]).await;
    assert_eq!(other.code, 2, "{other:?}");
    let text = bench.ok(&["ig", &id, "amend", position, "--limit=none", "--key=second"]).await;
    assert!(text.starts_with("reference  ") && text.contains("\noutcome    done"), "{text}");
    let rejected = bench.run(&["ig", &id, "open", EPIC, "buy", "1000000"]).await;
    assert_eq!(rejected.code, 1, "{rejected:?}");
    assert!(rejected.out.contains("outcome    rejected\nreason     "), "{rejected:?}");
    bench.ig(&id, 0, &["close", position]).await;
    assert_eq!(bench.positions(&id).await, [""; 0]);
    assert_eq!(bench.ig(&id, 0, &["--account=XYZ987", "positions"]).await["results"], json!([]));
    let history = bench.ok(&["ig", &id, "history"]).await;
    assert!(history.contains(EPIC), "{history}");
    bench.ok(&["ig", &id, "transactions"]).await;
}

#[tokio::test]
async fn a_deal_whose_answer_is_lost_is_looked_for_under_its_name() {
    let bench = bench().await;
    let id = bench.ok(&["connect", "ig"]).await;
    let lost = json!({
        "where": "ig", "match": { "method": "POST", "path": "/gateway/deal/positions/otc" },
        "times": 1, "do": { "drop_after_commit": true },
    });
    bench.sandbox.script(&lost).await;
    let open = ["open", EPIC, "sell", "1", "--key=lost"];
    let unknown = bench.ig(&id, 4, &open).await;
    assert_eq!(unknown["outcome"], "unknown", "{unknown:#}");
    let reference = unknown["reference"].as_str().unwrap();
    let known = bench.ig(&id, 0, &open).await;
    assert_eq!((&known["outcome"], &known["reference"]), (&"done".into(), &reference.into()));
    assert_eq!(bench.ig(&id, 0, &["confirm", reference]).await["outcome"], "done");
    assert_eq!(bench.positions(&id).await.len(), 1, "it was sent twice");
    let never = bench.ig(&id, 4, &["confirm", "aaaaaaaaaaaaaaaaaaaaaa"]).await;
    assert_eq!(never["outcome"], "unknown");
}

#[tokio::test]
async fn an_order_waits_is_changed_and_cancelled() {
    let bench = bench().await;
    let id = bench.ok(&["connect", "ig"]).await;
    let market = bench.ig(&id, 0, &["market", EPIC]).await;
    let level = (market["bid"].as_f64().unwrap() * 0.9).round();
    let (near, far) = (level.to_string(), (level - 10.0).to_string());
    let placed = bench.ig(&id, 0, &["order", "place", EPIC, "buy", "limit", "1", &near]).await;
    let order = placed["deal_id"].as_str().unwrap().to_owned();
    bench.ig(&id, 0, &["order", "amend", &order, "--level", &far]).await;
    let orders = bench.ig(&id, 0, &["orders"]).await;
    assert_eq!(orders["results"][0]["level"], far.parse::<f64>().unwrap(), "{orders:#}");
    assert!(bench.ok(&["ig", &id, "orders"]).await.contains(&order));
    bench.ig(&id, 0, &["order", "cancel", &order]).await;
    assert_eq!(bench.ig(&id, 0, &["orders"]).await["results"], json!([]));
}

#[tokio::test]
async fn what_ig_refuses_is_said_with_what_helps() {
    let bench = bench().await;
    let id = bench.ok(&["connect", "ig"]).await;
    let mut transcript = Transcript::default();
    for (code, command) in [
        (1, "ig ID market NO.SUCH.EPIC"),
        (1, "ig ID positions --account NOBODY --json"),
        (2, "ig ID open TM.D.ALWAYS.CFD.IP buy 0"),
        (2, "ig ID amend DIAAAAA"),
        (0, "ig ID orders"),
        (0, "ig ID positions --json"),
        (1, "calendar ID"),
    ] {
        let command = command.replace("ID ", &format!("{id} ")).replace(" ID", &format!(" {id}"));
        let arguments: Vec<_> = command.split(' ').collect();
        transcript.run(&bench, code, &arguments).await;
    }
    bench
        .sandbox
        .fault(
            "ig",
            1,
            json!({ "ig_error": "error.public-api.exceeded-account-historical-data-allowance" }),
        )
        .await;
    transcript.run(&bench, 4, &["ig", &id, "prices", EPIC]).await;
    transcript.check("ig");
}

#[tokio::test]
async fn rest_and_the_command_line_say_the_same_of_markets() {
    let bench = bench().await;
    let id = bench.ok(&["connect", "ig"]).await;
    bench.ok(&["users", "add", "reader"]).await;
    let key = bench.ok(&["keys", "create", "--user", "me"]).await;
    let server = bench.serve().await;
    let at = |path: &str| format!("/api/integrations/{id}/{path}");
    for (path, command) in [
        ("markets/navigation/", &["navigate"][..]),
        ("accounts/?account=XYZ987", &["accounts", "--account=XYZ987"]),
        ("watchlists/", &["watchlists"]),
        ("orders/", &["orders"]),
    ] {
        let rest = server.get(&key, &at(path)).await.expect(200);
        assert_eq!(rest, bench.ig(&id, 0, command).await, "{path}");
    }
    let open = json!({ "epic": EPIC, "direction": "buy", "size": 1 });
    let refused = server.call(&key, Method::POST, &at("positions/"), Some(&open)).await;
    assert_eq!(refused.expect(403)["permission"], "markets:trade");
    let create = ["keys", "create", "--user", "me", "--allow", "markets:trade,markets:read"];
    let trader = bench.ok(&create).await;
    let dealt = server.call(&trader, Method::POST, &at("positions/"), Some(&open)).await;
    let address = dealt.headers["location"].to_str().unwrap().to_owned();
    let deal = dealt.expect(201);
    assert_eq!(deal["outcome"], "done", "{deal:#}");
    let path = &address[address.find("/api/").unwrap()..];
    assert_eq!(server.get(&trader, path).await.expect(200)["deal_id"], deal["deal_id"]);
    let position = at(&format!("positions/{}/", deal["deal_id"].as_str().unwrap()));
    let closed = server.call(&trader, Method::DELETE, &position, None).await.expect(200);
    assert_eq!(closed["outcome"], "done", "{closed:#}");
}
