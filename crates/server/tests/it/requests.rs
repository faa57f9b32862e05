//! Requests that cannot be read, each refused with the place of the mistake.

use axum::body::Body;
use evergrant_server::problem::Code;
use http::Request;
use serde_json::{Value, json};

use crate::acme::CALENDAR;
use crate::app::{CALLBACK, INITIATE, TestApp};
use crate::caller::Answer;

async fn raw(t: &TestApp, url: &str, content_type: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(url).header("content-type", content_type);
    t.alice.request(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_mistake_in_the_body_is_pointed_at() {
    let t = TestApp::new().await;
    for (body, pointer, why) in [
        ("{}", "", "Missing field `provider`"),
        (r#"{"provider": 5}"#, "/provider", "Expected a string"),
        (r#"{"provider": "x", "scopes": ["a", 5]}"#, "/scopes/1", "Expected a string"),
        (r#"{"provider": "x", "a/b~c": 1}"#, "/a~1b~0c", "Unknown field `a/b~c`"),
        (r#"{"provider": "x", "redirect_uri": "here"}"#, "/redirect_uri", "Relative URL"),
        (r#"{"provider": "x", "provider": "y"}"#, "", "Duplicate field `provider`"),
        ("[]", "", "Expected an object"),
        (r#"{"provider": "#, "/provider", "EOF while parsing"),
        ("", "", "EOF while parsing"),
        ("\u{0}", "", "Expected value"),
    ] {
        let problem =
            raw(&t, INITIATE, "application/json", body).await.problem(Code::InvalidRequest);
        let error = &problem["errors"][0];
        assert_eq!(error["pointer"], pointer, "{body}: {error}");
        let detail = error["detail"].as_str().unwrap();
        assert!(detail.starts_with(why), "{body}: {detail}");
        assert_eq!(problem["detail"], error["detail"]);
    }
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_is_not_echoed() {
    let t = TestApp::new().await;
    for body in [
        json!({ "provider": CALENDAR, "state": "x", "fields": "hunter2" }),
        json!({ "provider": CALENDAR, "state": "x", "fields": { "password": 7_777_777 } }),
        json!({ "provider": CALENDAR, "state": 7_777_777, "code": "x" }),
    ] {
        let answer = t.alice.post(CALLBACK, body).await;
        answer.problem(Code::InvalidRequest);
        assert!(
            !answer.text().contains("hunter2") && !answer.text().contains("7777777"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn unknown_members_are_refused_by_every_body() {
    let t = TestApp::new().await;
    for (url, body) in [
        (INITIATE, json!({ "provider": CALENDAR, "tenant": "x" })),
        (CALLBACK, json!({ "provider": CALENDAR, "state": "x", "code": "x", "owner": "usr_0" })),
    ] {
        t.alice.post(url, body).await.problem(Code::InvalidRequest);
    }
    assert!(t.acme.seen().is_empty());
}

#[tokio::test]
async fn only_json_is_taken_for_json() {
    let t = TestApp::new().await;
    let body = json!({ "provider": CALENDAR }).to_string();
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json", ""]
    {
        raw(&t, INITIATE, kind, body.clone()).await.problem(Code::UnsupportedMediaType);
    }
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        raw(&t, INITIATE, kind, body.clone()).await.expect(200);
    }
}

#[tokio::test]
async fn a_body_has_one_mebibyte_and_not_a_byte_more() {
    let t = TestApp::new().await;
    let padded = |length: usize| {
        let body = json!({ "provider": CALENDAR }).to_string();
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    raw(&t, INITIATE, "application/json", padded(1 << 20)).await.expect(200);
    let answer = raw(&t, INITIATE, "application/json", padded((1 << 20) + 1)).await;
    answer.problem(Code::BodyTooLarge);
}

#[tokio::test]
async fn a_body_is_not_read_before_the_key_is() {
    let t = TestApp::new().await;
    t.anon.post(INITIATE, Value::Null).await.problem(Code::Unauthenticated);
    t.anon.post(INITIATE, json!({ "x": "x".repeat(1 << 20) })).await.problem(Code::Unauthenticated);
}

#[tokio::test]
async fn deep_nesting_is_refused_and_not_followed() {
    let t = TestApp::new().await;
    let deep = format!(r#"{{"provider":{}"#, "[".repeat(500_000));
    raw(&t, INITIATE, "application/json", deep).await.problem(Code::InvalidRequest);
}
