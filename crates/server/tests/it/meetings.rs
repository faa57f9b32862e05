//! Online meetings, to the byte.

use serde_json::json;

use crate::app::{TestApp, at};
use crate::shelf::segment;
use crate::snapshot;

#[tokio::test]
async fn a_meeting_has_what_people_need_to_join() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let new = json!({
        "subject": "My Meeting",
        "start_time": "2026-03-27T09:00:00+01:00",
        "end_time": "2026-03-27T10:00:00+01:00",
        "passcode_required": true,
        "calendar_event": true,
    });
    let created = t.alice.post(&at(&id, "meetings/"), new).await.expect(201);
    snapshot!("meeting_created", created);
    let url = created.header("location").strip_prefix("https://grants.example.com").unwrap();
    assert_eq!(t.alice.get(url).await.expect(200).json(), created.json());
    let changes = json!({ "subject": "Our Meeting" });
    assert_eq!(t.alice.patch(url, changes).await.expect(200).json()["subject"], "Our Meeting");
    t.alice.delete(url).await.expect(204);
}

#[tokio::test]
async fn a_meeting_is_cancelled_with_words() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, &format!("meetings/{}/cancel/", segment("mtg", 1)));
    t.alice.post(&url, json!({ "comment": "I am ill." })).await.expect(204);
    assert_eq!(t.acme.done(), ["cancel mtg/1+a=: Some(\"I am ill.\")"]);
}
