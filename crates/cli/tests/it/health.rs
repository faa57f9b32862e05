//! What load balancers and operators ask.

use serde_json::Value;

use crate::bench::{Answer, Bench, until};

async fn ask(bench: &Bench, base: &str, path: &str) -> Answer {
    Answer::of(bench.http.get(format!("{base}{path}")).send().await.unwrap()).await
}

#[tokio::test]
async fn both_listeners_say_that_all_is_well() {
    let bench = Bench::new().await;
    let server = bench.serve().await;
    for base in [&server.api, &server.admin] {
        for path in ["/health/live", "/health/ready", "/health/ready/"] {
            assert_eq!(ask(&bench, base, path).await.expect(200)["status"], "ok");
        }
    }
    // The operators' listener has nothing of the API.
    assert_eq!(ask(&bench, &server.admin, "/api/integrations/").await.status, 404);
    let told: Value = serde_json::from_str(&server.process.stdout()).unwrap();
    let port = server.api.rsplit_once(':').unwrap().1;
    assert_eq!(told["public_url"], format!("http://localhost:{port}/"));
}

#[tokio::test]
async fn a_database_that_is_gone_is_said_and_its_return_is_noticed() {
    let bench = Bench::on_postgres().await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    let id = server.connect(&bench, &key).await;
    server.token(&key, &id).await.expect(200);
    bench.postgres().reachable(false).await;
    for base in [&server.api, &server.admin] {
        let gone = until("the loss is noticed", async || {
            let answer = ask(&bench, base, "/health/ready").await;
            (answer.status == 503).then_some(answer)
        })
        .await;
        assert_eq!(gone.expect(503)["code"], "storage_unavailable");
        assert!(gone.headers.contains_key("retry-after"), "{gone:?}");
        ask(&bench, base, "/health/live").await.expect(200);
    }
    // The token in memory is good, and nobody can have ended it where nobody can write.
    until("the token comes with a warning", async || {
        let token = server.token(&key, &id).await.expect(200);
        (token["warning"] == "storage_unavailable").then_some(())
    })
    .await;
    let command = bench.run(&["token", &id]).await;
    assert_ne!(command.code, 0, "{command:?}");
    bench.postgres().reachable(true).await;
    for base in [&server.api, &server.admin] {
        until("the return is noticed", async || {
            (ask(&bench, base, "/health/ready").await.status == 200).then_some(())
        })
        .await;
    }
    until("the warning is gone", async || {
        let token = server.token(&key, &id).await.expect(200);
        token.get("warning").is_none().then_some(())
    })
    .await;
}
