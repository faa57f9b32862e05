//! What holds for every answer, whatever was asked.

use axum::body::Body;
use evergrant_server::problem::Code;
use http::{Method, Request};
use serde_json::json;

use crate::acme::{Answer, CALENDAR};
use crate::app::{INITIATE, LIST, TestApp, at};
use crate::matrix::OPERATIONS;

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.acme.answer(Answer::Panic);
    let form = Request::post(INITIATE).body(Body::empty()).unwrap();
    let answers = [
        t.alice.get(LIST).await.expect(200),
        t.alice.get(&at(&id, "profile/")).await.expect(500),
        t.alice.get(&at(&id, "token/")).await.expect(200),
        t.alice.get("/nowhere").await.expect(404),
        t.alice.get(&at("nothing", "")).await.expect(404),
        t.alice.send(Method::PUT, LIST, None).await.expect(405),
        t.alice.send(Method::OPTIONS, LIST, None).await.expect(405),
        t.anon.get(LIST).await.expect(401),
        t.alice.request(form).await.expect(415),
        t.alice.post(INITIATE, json!("x".repeat(1 << 20))).await.expect(413),
        t.alice.post(INITIATE, json!(1)).await.expect(422),
        t.anon.get("/api/integrations/oauth/callback/x/").await.expect(303),
        t.anon.get("/api/integrations/oauth/done/").await.expect(400),
        t.anon.get("/health/live").await.expect(200),
        t.anon.get("/openapi.json").await.expect(200),
        t.anon.get("/docs/").await.expect(200),
        t.operator.get("/nowhere").await.expect(404),
    ];
    let mut ids = std::collections::BTreeSet::new();
    for answer in &answers {
        let asked = &answer.asked;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{asked}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{asked}");
        assert_eq!(answer.header("cache-control"), "no-store", "{asked}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{asked}");
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{asked}: {policy}");
        }
        assert_eq!(policy.contains("script-src"), asked.ends_with("/docs/"), "{asked}");
        assert!(answer.headers.get("access-control-allow-origin").is_none(), "{asked}");
        assert!(answer.headers.get("set-cookie").is_none(), "{asked}");
        assert!(ids.insert(answer.header("x-request-id").to_owned()), "{asked}");
        if !answer.status.is_success()
            && answer.status != 404
            && asked.contains("/api/integrations/?")
        {
            assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
        }
    }
}

#[tokio::test]
async fn a_method_that_is_not_described_is_answered_with_those_that_are() {
    let t = TestApp::new().await;
    let paths: std::collections::BTreeSet<_> = OPERATIONS.iter().map(|o| o.path).collect();
    for path in paths {
        let described = |method: &Method| {
            OPERATIONS.iter().any(|o| o.path == path && o.method == method.as_str())
        };
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::TRACE,
            Method::OPTIONS,
        ] {
            if described(&method) {
                continue;
            }
            for path in [path, path.trim_end_matches('/')] {
                let answer = t.alice.send(method.clone(), path, None).await;
                answer.problem(Code::MethodNotAllowed);
                let allowed: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
                for operation in OPERATIONS
                    .iter()
                    .filter(|o| o.path.trim_end_matches('/') == path.trim_end_matches('/'))
                {
                    assert!(allowed.contains(&operation.method), "{method} {path}: {allowed:?}");
                }
                assert!(!allowed.contains(&method.as_str()));
            }
        }
    }
}

#[tokio::test]
async fn a_method_cannot_be_overridden() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    for header in ["x-http-method-override", "x-method-override", "x-http-method"] {
        let caller = t.alice.with(header, "DELETE");
        caller.get(&at(&id, "?_method=DELETE")).await.expect(200);
        caller.post(&at(&id, ""), json!({})).await.expect(405);
    }
    t.alice.get(&at(&id, "")).await.expect(200);
}

#[tokio::test]
async fn a_trailing_slash_makes_no_difference() {
    let t = TestApp::new().await;
    // For a browser some answers are sealed, and no two of those are alike.
    let program = t.alice.with("accept", "application/json");
    for operation in OPERATIONS {
        let with = operation.path.trim_end_matches('/').to_owned() + "/";
        let without = with.trim_end_matches('/');
        for query in ["", "?limit=3", "?x=/"] {
            let ask = async |path: &str| {
                let method = operation.method.parse().unwrap();
                let url = format!("{path}{query}");
                program.send(method, &url, Some(&json!({ "unknown": 1 }))).await.anonymous()
            };
            assert_eq!(ask(&with).await, ask(without).await, "{} {with}{query}", operation.method);
        }
        // An address that is nobody's is to look like a path that leads nowhere.
        if without.contains("{secret}") {
            continue;
        }
        let answer = t.alice.send(operation.method.parse().unwrap(), without, None).await;
        assert!(!answer.text().contains(Code::NotFound.title()), "{without}");
    }
    for nowhere in
        ["/", "//", "/api", "/api//integrations/", "/health/live//", "/nowhere/", "/?x=/"]
    {
        t.alice.get(nowhere).await.problem(Code::NotFound);
    }
    // A second slash stands where a name is missing: what it names is not the whole.
    let id = t.alice.connect("adele").await;
    let beyond = t.alice.delete(&at(&id, "/")).await;
    beyond.problem(Code::NotFound);
    t.alice.get(&at(&id, "")).await.expect(200);
    t.alice.get(&at("", "")).await.problem(Code::IntegrationNotFound);
}

#[tokio::test]
async fn control_characters_never_come_back_raw() {
    let t = TestApp::new().await;
    let hostile = "a\r\nset-cookie: x=1\r\n\u{0}\u{1b}[31m\u{7f}\u{85}\u{2028}";
    let encoded = "a%0D%0Aset-cookie:%20x=1%00%1B%5B31m";
    let program = t.anon.with("accept", "application/json");
    let answers = [
        t.alice.post(INITIATE, json!({ "provider": hostile })).await,
        t.alice.post(INITIATE, json!({ "provider": CALENDAR, "scopes": [hostile] })).await,
        t.alice.post(INITIATE, json!({ "provider": CALENDAR, "redirect_uri": format!("https://x/{hostile}") })).await,
        t.alice.post(INITIATE, json!({ "provider": CALENDAR, hostile: 1 })).await,
        t.alice.finish(hostile, "adele").await,
        t.alice.get(&format!("{LIST}?cursor={encoded}")).await,
        t.alice.get(&format!("{LIST}?{encoded}=1")).await,
        t.alice.get(&at(encoded, "")).await,
        t.alice.get(&format!("/{encoded}")).await,
        program.get(&format!("/api/integrations/oauth/callback/{encoded}/?state=x&code=y")).await,
        t.anon.ends_on(&format!("/api/integrations/oauth/callback/{encoded}/?state=x&code=y")).await,
        t.anon.get(&format!("/api/integrations/oauth/done/?note={encoded}")).await,
        program.get(&format!("/api/integrations/oauth/callback/{CALENDAR}/?state=x&error={encoded}&error_description={encoded}")).await,
    ];
    for answer in answers {
        let done = answer.asked.contains("/oauth/done/?note=") && answer.status == 200;
        assert!(answer.status.is_client_error() || done, "{}", answer.asked);
        assert!(answer.headers.get("set-cookie").is_none());
        assert!(!answer.body.iter().any(u8::is_ascii_control), "{}\n{answer}", answer.asked);
    }
    let log = t.logged();
    assert!(!log.contains("\nset-cookie") && !log.contains('\u{1b}') && !log.contains('\u{0}'));
}

#[tokio::test]
async fn the_log_has_one_line_for_a_failure_and_no_query() {
    let t = TestApp::new().await;
    t.store.close().await;
    t.anon.get("/health/ready?secret=in-the-query").await.expect(503);
    let log = t.logged();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("request failed")).collect();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("storage_unavailable") && lines[0].contains("/health/ready"));
    assert!(!log.contains("in-the-query"));
}
