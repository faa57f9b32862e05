//! No secret is found anywhere but where it belongs, with every log turned up.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use crate::bench::{ADELE, Answer, Bench, PROVIDER, Recorder, Secrets, Server, search, until};

/// As much as anybody could ask for.
const LOGS: &str = "trace,hyper=trace,hyper::proto=trace,hyper_util::client=trace,reqwest::connect=trace,\
    sqlx=trace,sqlx::query=trace";

/// Where nothing secret may stand.
type Sinks = BTreeMap<String, Vec<u8>>;

/// A deployment whose every output is kept.
struct Watched {
    bench: Bench,
    recorder: Recorder,
    server: Server,
    key: String,
    /// By which the lost grant was reconnected.
    link: String,
    sinks: Sinks,
}

impl Watched {
    async fn start() -> Self {
        let mut bench = Bench::new().await;
        let recorder = Recorder::start(&bench.sandbox).await;
        bench.set("EVERGRANT_MICROSOFT_LOGIN_URL", &recorder.url);
        bench.set("EVERGRANT_MICROSOFT_GRAPH_URL", &recorder.url);
        bench.set("EVERGRANT_LOG_FILTER", LOGS);
        // From a file, so that the environment has nothing to tell.
        bench.environment.remove("MICROSOFT_CLIENT_SECRET");
        std::fs::write(bench.path("client.secret"), "sandbox-secret\n").unwrap();
        bench.set("MICROSOFT_CLIENT_SECRET_FILE", "client.secret");
        let key = bench.user("adele").await;
        let server = bench.serve().await;
        Self { bench, recorder, server, key, link: String::new(), sinks: Sinks::new() }
    }

    fn keep(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        let name = format!("{} {}", self.sinks.len(), name.into());
        self.sinks.insert(name, bytes.into());
    }

    fn keep_answer(&mut self, name: &str, answer: &Answer) {
        let text = format!("{:?}\n{}", answer.headers, answer.text);
        self.keep(format!("the answer to {name}"), text);
    }

    /// A call whose answer must hold no secret.
    async fn call(&mut self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let name = format!("{method} {path}");
        let answer = self.server.call(&self.key, method, path, body.as_ref()).await;
        self.keep_answer(&name, &answer);
        answer
    }

    /// What the browser does, from the provider's page to the server's own.
    async fn sign_in(&mut self, address: &str) -> Answer {
        let back = self.bench.sign_in(address, ADELE).await;
        let answer = Answer::of(self.bench.http.get(back).send().await.unwrap()).await;
        self.keep_answer("the browser's callback", &answer);
        answer
    }

    /// A command of which stderr must hold no secret; nor may stdout, unless it is the token's.
    async fn command(&mut self, code: i32, arguments: &[&str]) {
        let done = self.bench.run(arguments).await;
        assert_eq!(done.code, code, "{arguments:?}: {done:?}");
        if arguments[0] != "token" {
            self.keep(format!("stdout of {}", arguments[0]), done.out);
        }
        self.keep(format!("stderr of {}", arguments[0]), done.err);
    }

    /// What lies on the disk, in the server's logs, and in the kernel's notes of the server.
    fn look_around(&mut self, when: &str) {
        for file in ["evergrant.db", "evergrant.db-wal", "evergrant.db-shm"] {
            if let Ok(bytes) = std::fs::read(self.bench.path(file)) {
                self.keep(format!("{file} {when}"), bytes);
            }
        }
    }
}

/// An account is connected, used, and refused in many ways; gives its integration.
async fn a_life_with_errors(watched: &mut Watched) -> String {
    let initiate = "/api/integrations/oauth/initiate/";
    let callback = "/api/integrations/oauth/callback/";
    let ask = json!({ "provider": PROVIDER });
    let begun = watched.call(Method::POST, initiate, Some(ask.clone())).await.expect(200);
    let connected = watched.sign_in(begun["authorization_url"].as_str().unwrap()).await;
    assert_eq!(connected.status, 303);
    let done = connected.headers["location"].to_str().unwrap().to_owned();
    let done = Answer::of(watched.bench.http.get(done).send().await.unwrap()).await;
    assert!(done.text.contains("is connected"), "{done:?}");
    watched.keep_answer("the page at the end", &done);
    let list = watched.call(Method::GET, "/api/integrations/", None).await.expect(200);
    let id = list["results"][0]["id"].as_str().unwrap().to_owned();
    let profile = format!("/api/integrations/{id}/profile/");
    watched.server.token(&watched.key, &id).await.expect(200);
    watched.call(Method::GET, &profile, None).await.expect(200);

    // A code that comes with the wrong state, twice, or not at all.
    let begun = watched.call(Method::POST, initiate, Some(ask.clone())).await.expect(200);
    let address = begun["authorization_url"].as_str().unwrap();
    let back = watched.bench.sign_in(address, ADELE).await;
    let (_, code) = back.query_pairs().find(|(name, _)| name == "code").unwrap();
    let body = json!({ "provider": PROVIDER, "state": "wrong", "code": code });
    watched.call(Method::POST, callback, Some(body)).await.expect(400);
    let mut strange =
        Url::parse(&watched.server.api).unwrap().join(&format!("{callback}{PROVIDER}/")).unwrap();
    strange.set_query(Some(&format!("code={code}&state=wrong")));
    let answer = Answer::of(watched.bench.http.get(strange).send().await.unwrap()).await;
    assert_eq!(answer.status, 303);
    watched.keep_answer("a callback with a wrong state", &answer);
    let body = json!({ "provider": PROVIDER, "state": begun["state"], "code": format!("{code}x") });
    watched.call(Method::POST, callback, Some(body)).await.expect(400);

    // A refusal of the API costs a refresh; the token endpoint fails in several ways.
    watched.bench.sandbox.revoke_access_tokens().await;
    watched.call(Method::GET, &profile, None).await.expect(200);
    for fault in [
        json!({ "status": 503 }),
        json!({ "aadsts": 7_000_215 }),
        json!({ "drop_after_commit": true }),
        json!({ "status": 200, "body": "not JSON" }),
    ] {
        watched.bench.sandbox.fault("microsoft.token", 1, fault).await;
        let done = watched.bench.run(&["doctor", &id]).await;
        assert_ne!(done.code, 0, "{done:?}");
        watched.keep("a doctor's finding", format!("{}{}", done.out, done.err));
    }
    watched.command(0, &["doctor", &id]).await;
    watched.command(0, &["token", &id]).await;
    watched.command(0, &["token", &id, "--json"]).await;
    watched.command(0, &["call", &id, "GET", "/me"]).await;
    watched.command(1, &["call", &id, "GET", "/nothing"]).await;
    watched.look_around("while the grant is there");
    id
}

/// The grant is lost, reconnected by the link and from the terminal, and ended.
async fn the_end_of_it(watched: &mut Watched, id: &str) {
    let profile = format!("/api/integrations/{id}/profile/");
    watched.bench.sandbox.revoke_sessions().await;
    watched.bench.sandbox.revoke_access_tokens().await;
    // The one answer that has the link; nothing else may.
    let refused = watched.server.get(&watched.key, &profile).await.expect(409);
    watched.command(3, &["token", id]).await;
    let link = refused["reconnect_url"].as_str().unwrap();
    // It begins with a key's id and a time, which are no secrets.
    let sealed = link.trim_end_matches('/');
    sealed[sealed.len() - 60..].clone_into(&mut watched.link);
    let onward = Answer::of(watched.bench.http.get(link).send().await.unwrap()).await;
    watched.keep_answer("the reconnect link", &onward);
    let address = onward.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(watched.sign_in(&address).await.status, 303);
    let terminal = watched.bench.start(&["connect", PROVIDER, "--no-browser", "--integration", id]);
    let address = terminal.line_of_stderr("http://").await;
    let address = &address[address.find("http://").unwrap()..];
    let back = watched.bench.sign_in(address, ADELE).await;
    watched.bench.http.get(back).send().await.unwrap();
    let done = terminal.done().await;
    assert_eq!(done.code, 0, "{done:?}");
    watched.keep("a connect from the terminal", format!("{}{}", done.out, done.err));
    watched.call(Method::GET, &profile, None).await.expect(200);

    watched.call(Method::DELETE, &format!("/api/integrations/{id}/"), None).await.expect(204);
    watched.command(1, &["token", id]).await;
    watched.command(0, &["keys"]).await;
    watched.command(0, &["integrations", "--json"]).await;
    let server = watched.server.process.id();
    for file in ["cmdline", "environ"] {
        let bytes = std::fs::read(format!("/proc/{server}/{file}")).unwrap();
        assert!(!bytes.is_empty());
        watched.keep(format!("/proc/PID/{file}"), bytes);
    }
    watched.look_around("after the disconnect");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_found_where_it_does_not_belong() {
    let mut watched = Watched::start().await;
    let id = a_life_with_errors(&mut watched).await;
    the_end_of_it(&mut watched, &id).await;
    let scrape = format!("{}/metrics", watched.server.admin);
    let scrape = Answer::of(watched.bench.http.get(scrape).send().await.unwrap()).await;
    assert!(scrape.text.contains("evergrant_calls_total"), "{scrape:?}");
    watched.keep_answer("a scrape", &scrape);
    // With the process gone, its journal is part of the database.
    let server = &watched.server.process;
    server.terminate().await;
    until("the server has ended", async || {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", server.id()));
        state.map_or(true, |state| state.contains(") Z ")).then_some(())
    })
    .await;
    let (out, err) = (server.stdout(), server.stderr());
    assert!(err.contains("\"DEBUG\""), "the logs are not turned up");
    assert!(!err.contains("\"target\":\"hyper"), "the HTTP client tells what it carries");
    watched.keep("the server's stdout", out);
    watched.keep("the server's stderr", err);
    watched.look_around("after the end");

    let mut secrets: Secrets = watched.recorder.secrets();
    secrets.insert(("access key", watched.key.clone()));
    secrets.insert(("reconnect link", watched.link.clone()));
    let kinds: BTreeSet<_> = secrets.iter().map(|(kind, _)| *kind).collect();
    let expected = [
        "access key",
        "access_token",
        "client_secret",
        "code",
        "code_verifier",
        "id_token",
        "reconnect link",
        "refresh_token",
    ];
    assert_eq!(kinds, expected.into(), "not every kind of secret was there");
    assert!(secrets.len() > 20, "only {} secrets", secrets.len());
    let mut found = Vec::new();
    for (sink, bytes) in &watched.sinks {
        for (kind, secret) in &secrets {
            for form in search::find(secret, bytes) {
                found.push(format!("{kind} as {form} in {sink}"));
            }
        }
    }
    assert!(found.is_empty(), "{} hits: {found:#?}", found.len());
}
