//! Listing and changing integrations.

use std::collections::BTreeSet;

use evergrant_server::problem::Code;
use serde_json::json;

use crate::app::{LIST, TestApp, at};

#[tokio::test]
async fn pages_hold_every_integration_once() {
    let t = TestApp::new().await;
    let mut connected = Vec::new();
    for number in 0..120 {
        connected.push(t.alice.connect(&format!("a{number}")).await);
    }
    t.bob.connect("boris").await;
    for (limit, pages) in
        [("", 3), ("?limit=7", 18), ("?limit=60", 2), ("?limit=120", 1), ("?limit=200", 1)]
    {
        let (mut found, mut turned) = (Vec::new(), 0);
        let mut next = Some(format!("{LIST}{limit}"));
        while let Some(url) = next {
            let page = t.alice.get(&url).await.expect(200).json();
            let results = page["results"].as_array().unwrap();
            found.extend(results.iter().map(|i| i["id"].as_str().unwrap().to_owned()));
            let url =
                page["next"].as_str().map(|url| url.strip_prefix("https://grants.example.com"));
            next = url.map(|url| url.unwrap().to_owned());
            turned += 1;
        }
        assert_eq!(turned, pages, "{limit}");
        let distinct: BTreeSet<_> = found.iter().collect();
        assert_eq!((found.len(), distinct.len()), (120, 120), "{limit}");
        assert_eq!(distinct, connected.iter().collect(), "{limit}");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_asked_for_is_refused_by_name() {
    let t = TestApp::new().await;
    for (query, pointer) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("cursor=int_x", "cursor"),
        ("cursor=", "cursor"),
        ("offset=5", "offset"),
    ] {
        let problem = t.alice.get(&format!("{LIST}?{query}")).await.problem(Code::InvalidRequest);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{query}");
    }
}

#[tokio::test]
async fn a_foreign_cursor_shows_nothing_foreign() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.alice.connect("boris").await;
    let page = t.bob.get(&format!("{LIST}?cursor={id}")).await.expect(200).json();
    assert_eq!(page["results"], json!([]));
}

#[tokio::test]
async fn a_label_is_visible_text() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let it = at(&id, "");
    let long = "é".repeat(200);
    for good in ["Work", "工作 🗓", &long] {
        let shown = t.alice.patch(&it, json!({ "label": good })).await.expect(200).json();
        assert_eq!(shown["label"], good);
    }
    let longer = "é".repeat(201);
    for bad in [
        "",
        "  ",
        "a\r\nSet-Cookie: x=1",
        "a\u{0}b",
        "a\u{1b}[31mb",
        "a\u{85}b",
        "a\u{7f}",
        &longer,
    ] {
        let problem =
            t.alice.patch(&it, json!({ "label": bad })).await.problem(Code::InvalidRequest);
        assert_eq!(problem["errors"][0]["pointer"], "/label");
    }
    assert_eq!(t.alice.get(&it).await.json()["label"], long);
}

#[tokio::test]
async fn an_empty_change_changes_nothing() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let before = t.alice.get(&at(&id, "")).await.json();
    t.pass(std::time::Duration::from_secs(5));
    assert_eq!(t.alice.patch(&at(&id, ""), json!({})).await.expect(200).json(), before);
}

#[tokio::test]
async fn only_what_is_named_can_be_changed() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    for member in ["owner", "status", "epoch", "id", "provider", "account", "created_at"] {
        let body = json!({ "label": "mine", member: "usr_0" });
        let problem = t.alice.patch(&at(&id, ""), body).await.problem(Code::InvalidRequest);
        assert_eq!(problem["errors"][0]["pointer"], format!("/{member}"));
    }
    assert_eq!(t.alice.get(&at(&id, "")).await.json()["label"], "adele@acme.test");
}
