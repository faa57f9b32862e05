//! Folders, messages and settings, to the byte.

use serde_json::json;

use crate::app::{TestApp, at};
use crate::shelf::segment;
use crate::snapshot;

#[tokio::test]
async fn folders_are_listed_whole() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    snapshot!("folders", t.alice.get(&at(&id, "folders/")).await.expect(200));
}

#[tokio::test]
async fn messages_come_in_pages() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, "email-messages/?is_read=false&since=2026-01-01&until=2026-01-01&limit=1");
    snapshot!("messages", t.alice.get(&url).await.expect(200));
    let asked = t.acme.done().join("");
    let span = "since: Some(2026-01-01T00:00:00Z), until: Some(2026-01-02T00:00:00Z)";
    assert!(asked.contains(span) && asked.contains("is_read: Some(false)"), "{asked}");
}

#[tokio::test]
async fn a_message_comes_as_html_or_text() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, &format!("email-messages/{}/", segment("msg", 1)));
    snapshot!("message", t.alice.get(&url).await.expect(200));
    let text = t.alice.get(&format!("{url}?body=text")).await.expect(200).json();
    assert_eq!(text["body"]["format"], "text");
}

#[tokio::test]
async fn a_message_is_sent() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let new = json!({
        "to": [{ "email": "alex@example.com" }],
        "subject": "Planning",
        "body": { "content": "See you there." },
        "attachments": [{ "name": "notes.txt", "content": "aGVsbG8=" }],
    });
    snapshot!("message_sent", t.alice.post(&at(&id, "email-messages/"), new).await.expect(201));
}

#[tokio::test]
async fn a_draft_is_written_changed_and_sent() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let new = json!({ "to": [{ "email": "alex@example.com" }], "subject": "Draft" });
    let draft = t.alice.post(&at(&id, "email-messages/?draft=true"), new).await.expect(201);
    snapshot!("draft_created", draft);
    let url = draft.header("location").strip_prefix("https://grants.example.com").unwrap();
    t.alice.patch(url, json!({ "subject": "Better" })).await.expect(200);
    let sent = t.alice.send(http::Method::POST, &format!("{url}send/"), None).await.expect(201);
    assert!(sent.json()["message_id"].is_string());
}

#[tokio::test]
async fn a_message_is_answered_forwarded_moved_and_deleted() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, &format!("email-messages/{}/", segment("msg", 1)));
    t.alice.post(&format!("{url}reply/"), json!({ "all": true })).await.expect(201);
    let to = json!({ "to": [{ "email": "alex@example.com" }] });
    t.alice.post(&format!("{url}forward/"), to).await.expect(201);
    let archive = json!({ "folder": "archive" });
    let moved = t.alice.post(&format!("{url}move/"), archive).await.expect(200);
    assert_eq!(moved.json()["folder_id"], "archive");
    t.alice.delete(&format!("{url}?for_good=true")).await.expect(204);
    let done: Vec<_> = t.acme.done();
    for (done, begins) in done.iter().zip([
        "reply to msg/1+a=, all: true",
        "forward msg/1+a=",
        "delete msg/1+a=, for good: true",
    ]) {
        assert!(done.starts_with(begins), "{done}");
    }
}

#[tokio::test]
async fn a_mailboxs_settings_are_read_and_changed() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, "mailbox-settings/");
    snapshot!("mailbox_settings", t.alice.get(&url).await.expect(200));
    let changes = json!({ "language": "de-DE", "automatic_replies": null });
    assert_eq!(t.alice.patch(&url, changes).await.expect(200).json()["language"], "de-DE");
}

#[tokio::test]
async fn a_message_may_have_36_mebibytes_and_not_more() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, "email-messages/");
    let message = |length: usize| json!({ "subject": "x".repeat(length) });
    t.alice.post(&url, message((36 << 20) - 64)).await.expect(201);
    let answer = t.alice.post(&url, message(36 << 20)).await;
    let problem = answer.problem(evergrant_server::problem::Code::BodyTooLarge);
    assert_eq!(problem["detail"], "The body is longer than 36 MiB.");
}
