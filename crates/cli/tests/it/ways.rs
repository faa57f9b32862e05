//! Every way to connect, from its beginning at a terminal or over REST to a call with the token.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use crate::bench::{ADELE, ALEX, Answer, Bench, PROVIDER, Process, Server, until};

const INITIATE: &str = "/api/integrations/oauth/initiate/";
const IMPORT: &str = "/api/integrations/import/";

/// Answers for the person whose device shows `code`.
async fn approve(bench: &Bench, code: &str) {
    let path = format!("microsoft/device-codes/{code}/approve");
    bench.sandbox.change(&path, &json!({ "account": ADELE })).await;
}

/// A `connect --device` that waits, and the code it shows on a line of its own.
async fn device(bench: &Bench) -> (Process, String) {
    let connecting = bench.start(&["connect", PROVIDER, "--device"]);
    connecting.line_of_stderr("type the code").await;
    let code = until("the code is shown", async || {
        let said = connecting.stderr();
        let mut lines = said.lines().skip_while(|line| !line.contains("type the code")).skip(1);
        // Followed by the end of its line.
        said.ends_with('\n').then(|| lines.next().map(str::to_owned)).flatten()
    })
    .await;
    (connecting, code)
}

/// How often it was asked about a code.
async fn polls(bench: &Bench) -> usize {
    bench.sandbox.statuses("microsoft.token").await.len()
}

/// Calls the account's own page of the API.
async fn me(bench: &Bench, id: &str) -> Value {
    serde_json::from_str(&bench.ok(&["call", id, "GET", "/me"]).await).unwrap()
}

async fn integrations(bench: &Bench) -> Value {
    serde_json::from_str(&bench.ok(&["integrations", "--json"]).await).unwrap()
}

#[tokio::test]
async fn a_device_code_connects_once_the_user_has_signed_in_elsewhere() {
    let bench = Bench::new().await;
    let (connecting, code) = device(&bench).await;
    // The user takes two polls' time.
    until("it has asked twice", async || (polls(&bench).await >= 2).then_some(())).await;
    assert_eq!(connecting.stdout(), "");
    approve(&bench, &code).await;
    let done = connecting.done().await;
    assert_eq!(done.code, 0, "{done:?}");
    let id = done.out.strip_suffix('\n').unwrap();
    assert!(id.starts_with("int_") && id.len() == 36, "{done:?}");
    assert!(done.err.contains(ADELE), "{done:?}");
    assert_eq!(me(&bench, id).await["userPrincipalName"], ADELE);
    assert_eq!(polls(&bench).await, 3);
    let asked = bench.sandbox.requests("microsoft.token").await;
    let at = |i: usize| asked[i]["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    for i in 1..asked.len() {
        let pause = at(i).duration_since(at(i - 1)).as_millis();
        assert!(pause >= 4_900, "asked again after {pause} ms");
    }
    assert_eq!(bench.sandbox.count("device_redemptions").await, 1);
    // And it is renewed like any other.
    bench.ok(&["doctor", id]).await;
    assert_eq!(bench.sandbox.count("refreshes").await, 1);
}

#[tokio::test]
async fn a_declined_device_code_is_said_and_connects_nothing() {
    let bench = Bench::new().await;
    let (connecting, code) = device(&bench).await;
    let path = format!("microsoft/device-codes/{code}/decline");
    bench.sandbox.change(&path, &json!({})).await;
    let done = connecting.done().await;
    assert_eq!((done.code, done.out.as_str()), (1, ""), "{done:?}");
    assert!(done.err.contains("error: The permissions were declined."), "{done:?}");
    assert_eq!(integrations(&bench).await, json!([]));
}

#[tokio::test]
async fn a_program_asks_about_a_device_code_until_it_is_connected() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let stranger = bench.user("alex").await;
    let server = bench.serve().await;
    let ask = json!({ "provider": PROVIDER, "way": "device_code" });
    let begun = server.call(&key, Method::POST, INITIATE, Some(&ask)).await.expect(200);
    assert_eq!(begun.get("authorization_url"), None, "{begun}");
    let shown = &begun["device"];
    assert_eq!(shown["interval"], 5, "{begun}");
    let question = json!({ "provider": PROVIDER, "state": begun["state"] });
    // It is nobody else's.
    assert_eq!(server.callback(&stranger, &question).await.expect(400)["code"], "invalid_state");
    let first = server.callback(&key, &question).await;
    assert_eq!(first.headers["retry-after"], "5", "{first:?}");
    assert_eq!(first.expect(202), json!({ "status": "pending", "retry_after": 5 }));
    // Asked at once again: not yet, still.
    let again = server.callback(&key, &question).await.expect(202);
    let pause = Duration::from_secs(again["retry_after"].as_u64().unwrap());
    approve(&bench, shown["user_code"].as_str().unwrap()).await;
    let asked = Instant::now();
    until("the pause is over", async || (asked.elapsed() >= pause).then_some(())).await;
    let connected = server.callback(&key, &question).await.expect(201);
    assert_eq!(connected["account"]["username"], ADELE);
    let id = connected["id"].as_str().unwrap();
    server.get(&key, &format!("/api/integrations/{id}/profile/")).await.expect(200);
    assert_eq!(server.callback(&key, &question).await.expect(400)["code"], "invalid_state");
}

/// A refresh token of Adele's that other code of the same registration has obtained.
async fn obtained_elsewhere(bench: &Bench) -> String {
    let back = "http://localhost:5000/callback";
    let mut page = Url::parse(&bench.sandbox.https).unwrap();
    page.set_path("/common/oauth2/v2.0/authorize");
    page.query_pairs_mut()
        .append_pair("client_id", "sandbox-client")
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", back)
        .append_pair("scope", "offline_access openid profile User.Read Calendars.Read");
    let back_with = bench.sign_in(page.as_str(), ADELE).await;
    let code = back_with.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "sandbox-client"),
        ("client_secret", "sandbox-secret"),
        ("code", &code),
        ("redirect_uri", back),
    ];
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = bench
        .http
        .post(format!("{}/common/oauth2/v2.0/token", bench.sandbox.https))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let answer = Answer::of(request.send().await.unwrap()).await.expect(200);
    answer["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refresh_token_from_elsewhere_is_imported_and_a_wrong_one_leaves_nothing() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let refresh = obtained_elsewhere(&bench).await;
    let import = ["import", PROVIDER, "--scopes", "Calendars.Read,User.Read"];

    let wrong = bench.run_with(&import, "not-a-refresh-token\n").await;
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""), "{wrong:?}");
    assert!(!wrong.err.contains("not-a-refresh-token"), "{wrong:?}");
    let empty = bench.run_with(&import, "\n").await;
    assert_eq!(empty.code, 2, "{empty:?}");
    assert_eq!(integrations(&bench).await, json!([]));

    let done = bench.run_with(&import, &format!("{refresh}\n")).await;
    assert_eq!(done.code, 0, "{done:?}");
    let id = done.out.trim_end();
    assert_eq!(me(&bench, id).await["userPrincipalName"], ADELE);
    bench.ok(&["doctor", id]).await;

    // Over REST it is the same account, and the same integration.
    let server = bench.serve().await;
    let body = json!({ "provider": PROVIDER, "refresh_token": "not-a-refresh-token" });
    let refused = server.call(&key, Method::POST, IMPORT, Some(&body)).await.expect(400);
    assert_eq!(refused["code"], "connect_refused", "{refused}");
    let body = json!({ "provider": PROVIDER, "refresh_token": refresh, "scopes": ["User.Read"] });
    let again = server.call(&key, Method::POST, IMPORT, Some(&body)).await.expect(201);
    assert_eq!(again["id"], id);
    assert_eq!(integrations(&bench).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_administrator_agrees_and_then_the_user_connects() {
    let mut bench = Bench::new().await;
    let key = bench.user("adele").await;
    let forbids = json!({ "users_may_consent": false });
    bench.sandbox.change("microsoft/consent", &forbids).await;
    let server = bench.serve().await;
    // The command prints addresses of this server.
    bench.set("EVERGRANT_SERVER_PUBLIC_URL", &server.api.replace("127.0.0.1", "localhost"));

    let (page, _) = server.initiate(&key).await;
    let back = bench.sign_in(&page, ADELE).await;
    let request = bench.http.get(back).header("accept", "application/json");
    let refused = Answer::of(request.send().await.unwrap()).await.expect(409);
    assert_eq!(refused["code"], "consent_required", "{refused}");
    let told = refused["admin_consent_url"].as_str().expect("the administrator's page");
    assert!(told.contains("adminconsent"), "{told}");
    // At a terminal likewise.
    let connecting = bench.start(&["connect", PROVIDER, "--no-browser", "--user", "adele"]);
    let page = connecting.line_of_stderr("https://").await;
    let back = bench.sign_in(&page, ADELE).await;
    bench.http.get(back).send().await.unwrap();
    let done = connecting.done().await;
    assert_eq!((done.code, done.out.as_str()), (3, ""), "{done:?}");
    assert!(done.err.contains("evergrant consent"), "{done:?}");

    let page = bench.ok(&["consent", PROVIDER, "--tenant", "contoso.example"]).await;
    assert!(page.contains("/contoso.example/"), "{page}");
    // A user is no administrator.
    let back = bench.sign_in(&page, ADELE).await;
    let request = bench.http.get(back).header("accept", "application/json");
    Answer::of(request.send().await.unwrap()).await.expect(400);
    let page = bench.ok(&["consent", PROVIDER, "--tenant", "contoso.example"]).await;
    let back = bench.sign_in(&page, "admin@contoso.example").await;
    let request = bench.http.get(back).header("accept", "application/json");
    let granted = Answer::of(request.send().await.unwrap()).await.expect(200);
    assert_eq!(granted, json!({ "status": "consented", "provider": PROVIDER }));

    let id = server.connect(&bench, &key).await;
    server.get(&key, &format!("/api/integrations/{id}/profile/")).await.expect(200);
}

#[tokio::test]
async fn an_application_is_connected_and_renewed_without_any_user() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.run(&["connect", "microsoft_application"]).await.code, 2, "without a tenant");
    bench.set("MICROSOFT_TENANT", "contoso.example");
    bench.sandbox.token_lifetime(Some(2)).await;
    let done = bench.run(&["connect", "microsoft_application"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.err.contains("everybody in the organisation"), "{done:?}");
    let id = done.out.trim_end().to_owned();
    let first = bench.ok(&["token", &id]).await;
    until("the token is over", async || {
        (bench.sandbox.call_api("v1.0/users/alex@contoso.example", &first).await == 401)
            .then_some(())
    })
    .await;
    bench.sandbox.token_lifetime(None).await;
    let path = format!("/users/{ALEX}");
    let alex: Value = serde_json::from_str(&bench.ok(&["call", &id, "GET", &path]).await).unwrap();
    assert_eq!(alex["userPrincipalName"], ALEX);
    assert_ne!(bench.ok(&["token", &id]).await, first);
    // There is nobody who could be me.
    assert_eq!(bench.run(&["call", &id, "GET", "/me"]).await.code, 1);
    assert_eq!(bench.sandbox.count("refresh_tokens_issued").await, 0);
    assert_eq!(bench.sandbox.statuses("microsoft.token").await, [200, 200]);
}

#[tokio::test]
async fn a_certificate_takes_the_place_of_a_secret() {
    let mut bench = Bench::new().await;
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["app.example".to_owned()]).unwrap().self_signed(&pair);
    let certificate = certificate.unwrap().pem();
    std::fs::write(bench.path("app.pem"), &certificate).unwrap();
    std::fs::write(bench.path("app.key"), pair.serialize_pem()).unwrap();
    let registration = "microsoft/registrations/sandbox-client";
    let register = json!({ "pem": certificate });
    bench.sandbox.change(&format!("{registration}/certificates"), &register).await;
    let secret = json!({ "secret": "sandbox-secret" });
    bench.sandbox.change(&format!("{registration}/secrets/remove"), &secret).await;
    bench.environment.remove("MICROSOFT_CLIENT_SECRET");
    bench.set("EVERGRANT_MICROSOFT_CERTIFICATE_FILE", "app.pem");
    bench.set("EVERGRANT_MICROSOFT_CERTIFICATE_KEY_FILE", "app.key");

    let id = bench.connect(&[]).await;
    bench.ok(&["doctor", &id]).await;
    assert_eq!(me(&bench, &id).await["userPrincipalName"], ADELE);
    assert_eq!(bench.sandbox.statuses("microsoft.token").await, [200, 200]);
    assert_eq!(bench.sandbox.count("refreshes").await, 1);
    let doctor: Value = serde_json::from_str(&bench.ok(&["doctor", "--json"]).await).unwrap();
    let registrations = doctor["deployment"]["registrations"].as_array().unwrap();
    let known = registrations.iter().find(|found| found["name"] == "microsoft").unwrap();
    let known = &known["credentials"];
    assert_eq!(known[0]["name"], "certificate", "{doctor}");
    assert!(known[0]["expires_at"].is_string(), "{doctor}");
    // Once it is gone from the registration, nobody is asked to connect again.
    let removed = certificate_id(&bench, registration, &certificate).await;
    let gone = json!({ "x5t#S256": removed });
    bench.sandbox.change(&format!("{registration}/certificates/remove"), &gone).await;
    assert_eq!(bench.run(&["doctor", &id]).await.code, 5);
    assert_eq!(integrations(&bench).await[0]["status"], "active");
}

/// What the provider calls the certificate.
async fn certificate_id(bench: &Bench, registration: &str, certificate: &str) -> String {
    let path = format!("{registration}/certificates");
    let shown = bench.sandbox.change(&path, &json!({ "pem": certificate })).await;
    println!("{shown}");
    let found = shown["certificates"][0].clone();
    let found = found.as_str().map(str::to_owned);
    found.unwrap_or_else(|| shown["certificates"][0]["x5t#S256"].as_str().unwrap().to_owned())
}

/// The permissions an integration has.
async fn scopes(server: &Server, key: &str, id: &str) -> Vec<String> {
    let shown = server.get(key, &format!("/api/integrations/{id}/")).await.expect(200);
    serde_json::from_value(shown["scopes"].clone()).unwrap()
}

#[tokio::test]
async fn more_permissions_later_come_on_top_and_the_id_stays() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    let connect = async |ask: Value| {
        let begun = server.call(&key, Method::POST, INITIATE, Some(&ask)).await.expect(200);
        let back = bench.sign_in(begun["authorization_url"].as_str().unwrap(), ADELE).await;
        let request = bench.http.get(back).header("accept", "application/json");
        let connected = Answer::of(request.send().await.unwrap()).await.expect(201);
        connected["id"].as_str().unwrap().to_owned()
    };
    let little = ["Calendars.Read", "User.Read"];
    let id = connect(json!({ "provider": PROVIDER, "scopes": little })).await;
    let has = scopes(&server, &key, &id).await;
    assert!(!has.iter().any(|scope| scope == "Calendars.ReadWrite"), "{has:?}");
    let more =
        json!({ "provider": PROVIDER, "integration": id, "scopes": ["Calendars.ReadWrite"] });
    assert_eq!(connect(more).await, id);
    let has = scopes(&server, &key, &id).await;
    for scope in ["Calendars.Read", "User.Read", "Calendars.ReadWrite"] {
        assert!(has.iter().any(|known| known == scope), "{scope}: {has:?}");
    }
    // The same from the terminal.
    let connecting = bench.start(&[
        "connect",
        PROVIDER,
        "--no-browser",
        "--integration",
        &id,
        "--scopes",
        "Calendars.Read.Shared",
    ]);
    let page = connecting.line_of_stderr("https://").await;
    let back = bench.sign_in(&page, ADELE).await;
    bench.http.get(back).send().await.unwrap();
    let done = connecting.done().await;
    assert_eq!((done.code, done.out.trim_end()), (0, &*id), "{done:?}");
    until("the server knows", async || {
        let has = scopes(&server, &key, &id).await;
        let all = ["Calendars.Read", "User.Read", "Calendars.ReadWrite", "Calendars.Read.Shared"];
        all.iter().all(|scope| has.iter().any(|known| known == scope)).then_some(())
    })
    .await;
    assert_eq!(integrations(&bench).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_declared_provider_is_connected_from_the_terminal() {
    let bench = Bench::new().await;
    bench.declare("strict", "strict");
    let connecting = bench.start(&["connect", "strict", "--no-browser"]);
    let page = connecting.line_of_stderr("https://").await;
    let back = bench.sign_in(&page, "adele").await;
    assert_eq!(bench.http.get(back).send().await.unwrap().status(), 200);
    let done = connecting.done().await;
    assert_eq!(done.code, 0, "{done:?}");
    let id = done.out.trim_end();
    assert_eq!(me(&bench, id).await["email"], "adele@acme.example");
    for refreshes in 1..=2 {
        bench.ok(&["doctor", id]).await;
        assert_eq!(bench.sandbox.count("refreshes").await, refreshes);
    }
    assert_eq!(bench.sandbox.count("families_revoked").await, 0);
    bench.ok(&["disconnect", id]).await;
    assert_eq!(bench.sandbox.count("grants_revoked").await, 1);
}
