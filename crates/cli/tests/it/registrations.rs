//! A registration that the provider refuses is the operator's affair: no user notices before a token
//! is over, none is marked, and what mends it is taken over without a restart.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::bench::{ADELE, ALEX, Answer, Bench, Server, until};

const SECRETS: &str = "microsoft/registrations/sandbox-client/secrets";
const FIRST: &str = "sandbox-secret";
const SECOND: &str = "the-second-secret";

async fn adds(bench: &Bench, secret: &str) {
    bench.sandbox.change(SECRETS, &json!({ "secret": secret })).await;
}

async fn expires(bench: &Bench, secret: &str) {
    let path = format!("{SECRETS}/expire");
    bench.sandbox.change(&path, &json!({ "secret": secret })).await;
}

/// What the token endpoint has answered.
async fn answered(bench: &Bench) -> Vec<u64> {
    bench.sandbox.statuses("microsoft.token").await
}

/// The gauge about Microsoft's registration.
async fn gauge(bench: &Bench, server: &Server) -> Option<String> {
    let scrape = bench.http.get(format!("{}/metrics", server.admin)).send().await.unwrap();
    let text = Answer::of(scrape).await.text;
    let series = "evergrant_registration_suspended{registration=\"microsoft\"} ";
    text.lines().find_map(|line| line.strip_prefix(series)).map(str::to_owned)
}

/// What the operator reads of the registration.
async fn registration(server: &Server, operator: &str) -> Value {
    let all = server.get(operator, "/api/registrations/").await.expect(200);
    let results = all["results"].as_array().unwrap();
    results.iter().find(|one| one["name"] == "microsoft").unwrap().clone()
}

/// The kinds of what the operator was told about the registration, oldest first.
async fn notices(server: &Server, operator: &str) -> Vec<Value> {
    let all = server.get(operator, "/api/notices/").await.expect(200);
    all["results"].as_array().unwrap().iter().map(|notice| notice["kind"].clone()).collect()
}

async fn operator(bench: &Bench) -> String {
    let create = ["keys", "create", "--service", "ops", "--allow", "operations:read"];
    bench.ok(&create).await
}

/// Waits until the token is over and gives the answer that says so; counts the warnings before.
async fn served_to_its_end(server: &Server, key: &str, id: &str) -> (Answer, u32) {
    let mut warned = 0;
    let end = until("the token is over", async || {
        let answer = server.token(key, id).await;
        if answer.status != 200 {
            return Some(answer);
        }
        if let Some(warning) = answer.expect(200).get("warning") {
            assert_eq!(warning, "registration_misconfigured");
            warned += 1;
        }
        None
    })
    .await;
    (end, warned)
}

#[tokio::test]
async fn the_second_secret_takes_over_within_the_request_that_meets_the_expired_one() {
    let mut bench = Bench::new().await;
    bench.set("EVERGRANT_MICROSOFT_CLIENT_SECRET_2", SECOND);
    adds(&bench, SECOND).await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    let id = server.connect(&bench, &key).await;
    let first = server.token(&key, &id).await.expect(200);
    expires(&bench, FIRST).await;

    // The API refused the token: the next one is asked for with the first secret, then the second.
    let path = format!("/api/integrations/{id}/token/");
    let refused = json!({ "refused": first["access_token"] });
    let next = server.call(&key, Method::POST, &path, Some(&refused)).await.expect(200);
    assert_eq!(next.get("warning"), None, "{next}");
    assert_ne!(next["access_token"], first["access_token"]);
    assert_eq!(answered(&bench).await, [200, 401, 200]);
    assert_eq!(bench.sandbox.count("refreshes").await, 1);

    // From now on the second is the first to be tried.
    let refused = json!({ "refused": next["access_token"] });
    server.call(&key, Method::POST, &path, Some(&refused)).await.expect(200);
    assert_eq!(answered(&bench).await, [200, 401, 200, 200]);

    let shown = server.get(&key, "/api/integrations/").await.expect(200);
    assert_eq!(shown["results"][0]["status"], "active");
    assert_eq!(gauge(&bench, &server).await.unwrap_or("0".to_owned()), "0");
    let operator = operator(&bench).await;
    let told = registration(&server, &operator).await;
    assert_eq!(told["status"], "working", "{told}");
    assert_eq!(told["credentials"][0]["name"], "client_secret");
    assert_eq!(told["credentials"][0]["refused"]["code"], "client_secret_expired", "{told}");
    assert_eq!(told["credentials"][1].get("refused"), None, "{told}");
    assert!(notices(&server, &operator).await.is_empty());
}

#[tokio::test]
async fn with_no_secret_left_tokens_are_served_to_their_end_and_the_registration_is_left_alone() {
    let mut bench = Bench::new().await;
    bench.set("EVERGRANT_MICROSOFT_CLIENT_SECRET_2", SECOND);
    adds(&bench, SECOND).await;
    let keys = [bench.user("adele").await, bench.user("alex").await];
    let server = bench.serve().await;
    // Ten integrations, with tokens that end within two seconds of each other.
    bench.sandbox.token_lifetime(Some(8)).await;
    let mut connected = Vec::new();
    for provider in ["microsoft_calendar", "microsoft_outlook", "microsoft_teams"] {
        for login in [ADELE, ALEX] {
            for key in &keys {
                if connected.len() < 10 {
                    let id = server.connect_to(&bench, key, provider, login).await;
                    connected.push((key, id));
                }
            }
        }
    }
    bench.sandbox.token_lifetime(None).await;
    expires(&bench, FIRST).await;
    expires(&bench, SECOND).await;
    let before = answered(&bench).await.len();

    let (mut refusals, mut warnings) = (0, 0);
    for (key, id) in &connected {
        let (end, warned) = served_to_its_end(&server, key, id).await;
        let problem = end.expect(503);
        assert_eq!(problem["code"], "registration_misconfigured", "{problem}");
        refusals += 1;
        warnings += warned;
    }
    assert_eq!(refusals, 10);
    assert!(warnings > 0, "nobody was warned");
    // The others stay over; asking costs the provider nothing.
    for (key, id) in connected.iter().cycle().take(100) {
        server.token(key, id).await.expect(503);
    }
    let calls = answered(&bench).await.split_off(before);
    println!("{} calls of the token endpoint, {warnings} warnings", calls.len());
    assert!(calls.iter().all(|status| *status == 401), "{calls:?}");
    // Each attempt is two calls, one with each secret: a first one, and probes after 1, 2 and 4 s.
    assert!(calls.len() <= 12, "{calls:?}");

    let alone = bench.run(&["token", &connected[0].1]).await;
    assert_eq!((alone.code, alone.out.as_str()), (5, ""), "{alone:?}");
    for key in &keys {
        let list = server.get(key, "/api/integrations/").await.expect(200);
        let results = list["results"].as_array().unwrap();
        assert_eq!(results.len(), 5);
        assert!(results.iter().all(|shown| shown["status"] == "active"), "{list}");
    }
}

/// A server whose registration the provider has begun to refuse, with an account whose token is over.
struct Suspended {
    bench: Bench,
    server: Server,
    key: String,
    operator: String,
    id: String,
}

impl Suspended {
    async fn new() -> Self {
        let mut bench = Bench::new().await;
        bench.environment.remove("MICROSOFT_CLIENT_SECRET");
        std::fs::write(bench.path("secret"), FIRST).unwrap();
        bench.set("MICROSOFT_CLIENT_SECRET_FILE", "secret");
        let (key, operator) = (bench.user("adele").await, operator(&bench).await);
        let server = bench.serve().await;
        bench.sandbox.token_lifetime(Some(4)).await;
        let id = server.connect(&bench, &key).await;
        bench.sandbox.token_lifetime(None).await;
        assert_eq!(registration(&server, &operator).await["status"], "working");
        expires(&bench, FIRST).await;
        let (end, _) = served_to_its_end(&server, &key, &id).await;
        assert_eq!(end.expect(503)["code"], "registration_misconfigured");
        let this = Self { bench, server, key, operator, id };
        this.is_told().await;
        this
    }

    /// Everybody who can ask is told so.
    async fn is_told(&self) {
        let Self { bench, server, operator, id, .. } = self;
        assert_eq!(gauge(bench, server).await.as_deref(), Some("1"));
        let told = registration(server, operator).await;
        assert_eq!(told["status"], "suspended", "{told}");
        assert_eq!(told["reason"]["code"], "client_secret_expired", "{told}");
        assert_eq!(told["reason"]["actor"], "operator", "{told}");
        assert!(told["since"].is_string(), "{told}");
        assert_eq!(notices(server, operator).await, ["registration_suspended"]);
        let doctor = bench.run(&["doctor"]).await;
        assert!(
            doctor.out.contains("warn  the provider takes the registration microsoft"),
            "{doctor:?}"
        );
        let doctor = bench.run(&["doctor", id]).await;
        assert_eq!(doctor.code, 5, "{doctor:?}");
        assert_eq!(bench.run(&["token", id]).await.code, 5);
        // Each of these processes was refused itself; the operator is told once.
        assert_eq!(notices(server, operator).await, ["registration_suspended"]);
    }

    /// Waits until the account works again; gives how long that took.
    async fn resumes(self) -> Duration {
        let Self { bench, server, key, operator, id } = self;
        let began = Instant::now();
        let token = until("the account works again", async || {
            let answer = server.token(&key, &id).await;
            (answer.status == 200).then(|| answer.expect(200))
        })
        .await;
        let took = began.elapsed();
        assert_eq!(token.get("warning"), None, "{token}");
        assert_eq!(gauge(&bench, &server).await.as_deref(), Some("0"));
        let told = registration(&server, &operator).await;
        assert_eq!(told["status"], "working", "{told}");
        assert_eq!(told["credentials"][0].get("refused"), None, "{told}");
        until("the operator is told", async || {
            let kinds = notices(&server, &operator).await;
            (kinds == ["registration_suspended", "registration_resumed"]).then_some(())
        })
        .await;
        bench.ok(&["doctor", &id]).await;
        let doctor = bench.ok(&["doctor"]).await;
        assert!(doctor.contains("ok    the provider takes the registration microsoft"), "{doctor}");
        took
    }
}

#[tokio::test]
async fn a_new_secret_in_its_file_resumes_everything_without_a_restart() {
    let at = Suspended::new().await;
    adds(&at.bench, SECOND).await;
    std::fs::write(at.bench.path("secret"), format!("{SECOND}\n")).unwrap();
    let took = at.resumes().await;
    println!("resumed after {took:?}");
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[tokio::test]
async fn a_secret_that_the_provider_takes_again_resumes_everything_by_itself() {
    let at = Suspended::new().await;
    let again = json!({ "secret": FIRST, "expires_in_seconds": null });
    at.bench.sandbox.change(SECRETS, &again).await;
    let took = at.resumes().await;
    println!("resumed after {took:?}");
    assert!(took < Duration::from_secs(36), "{took:?}");
}

#[tokio::test]
async fn a_provider_that_ends_a_grant_has_taken_the_registration() {
    let at = Suspended::new().await;
    at.bench.sandbox.revoke_sessions().await;
    let again = json!({ "secret": FIRST, "expires_in_seconds": null });
    at.bench.sandbox.change(SECRETS, &again).await;
    let Suspended { bench, server, key, operator, id } = at;
    let refused = until("the provider judges the grant", async || {
        let answer = server.token(&key, &id).await;
        (answer.status == 409).then(|| answer.expect(409))
    })
    .await;
    assert_eq!(refused["code"], "reconnect_required", "{refused}");
    assert_eq!(registration(&server, &operator).await["status"], "working");
    assert_eq!(gauge(&bench, &server).await.as_deref(), Some("0"));
    until("the operator is told", async || {
        let kinds = notices(&server, &operator).await;
        (kinds == ["registration_suspended", "registration_resumed"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_restart_with_a_new_secret_ends_what_the_operator_was_told() {
    let at = Suspended::new().await;
    adds(&at.bench, SECOND).await;
    std::fs::write(at.bench.path("secret"), SECOND).unwrap();
    let Suspended { bench, server, key, operator, id } = at;
    server.stop().await;
    let server = bench.serve().await;
    server.token(&key, &id).await.expect(200);
    until("the operator is told", async || {
        let kinds = notices(&server, &operator).await;
        (kinds == ["registration_suspended", "registration_resumed"]).then_some(())
    })
    .await;
    let doctor = bench.ok(&["doctor"]).await;
    assert!(doctor.contains("ok    the provider takes the registration microsoft"), "{doctor}");
}

#[tokio::test]
async fn a_secrets_file_that_is_empty_for_a_moment_changes_nothing() {
    let mut bench = Bench::new().await;
    bench.environment.remove("MICROSOFT_CLIENT_SECRET");
    std::fs::write(bench.path("secret"), FIRST).unwrap();
    bench.set("MICROSOFT_CLIENT_SECRET_FILE", "secret");
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    let id = server.connect(&bench, &key).await;
    let path = format!("/api/integrations/{id}/token/");
    let replaced = async || {
        let token = server.token(&key, &id).await.expect(200);
        let refused = json!({ "refused": token["access_token"] });
        server.call(&key, Method::POST, &path, Some(&refused)).await.expect(200);
    };
    std::fs::write(bench.path("secret"), "").unwrap();
    server.process.line_of_stderr("keeps the old ones").await;
    replaced().await;
    adds(&bench, SECOND).await;
    std::fs::write(bench.path("secret"), SECOND).unwrap();
    server.process.line_of_stderr("took over new credentials").await;
    expires(&bench, FIRST).await;
    replaced().await;
    assert_eq!(answered(&bench).await, [200, 200, 200]);
}
