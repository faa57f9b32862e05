//! Online meetings, to the byte.

use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use http::Method;
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

#[tokio::test]
async fn a_meeting_that_is_an_event_takes_the_permission_for_calendars() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let key = async |permissions: &[Permission]| t.key(t.user("alice").await, permissions).await.0;
    let meetings = key(&[Permission::MeetingsWrite]).await;
    let both = key(&[Permission::MeetingsWrite, Permission::CalendarWrite]).await;
    let (list, change) = (at(&id, "meetings/"), json!({ "subject": "Other" }));
    let new = |event: bool| {
        json!({ "subject": "x", "calendar_event": event,
            "start_time": "2026-03-27T09:00:00Z", "end_time": "2026-03-27T10:00:00Z" })
    };
    let forbidden = meetings.post(&list, new(true)).await.problem(Code::Forbidden);
    assert_eq!(forbidden["permission"], "calendar:write");
    assert_eq!(t.acme.done(), [""; 0]);
    for (event, may) in [(false, true), (true, false)] {
        let made = both.post(&list, new(event)).await.expect(201);
        let url = made.header("location").strip_prefix("https://grants.example.com").unwrap();
        let cancel = format!("{url}cancel/");
        t.acme.done();
        for (method, url, body) in [
            (Method::PATCH, url, Some(&change)),
            (Method::POST, &cancel, Some(&json!({}))),
            (Method::DELETE, url, None),
        ] {
            let answer = meetings.send(method, url, body).await;
            if may && (answer.status.is_success() || answer.json()["code"] == "item_not_found") {
                continue;
            }
            assert_eq!(answer.problem(Code::Forbidden)["permission"], "calendar:write");
        }
        // Cancelled once, and looked for once more.
        assert_eq!(t.acme.done().len(), if may { 2 } else { 0 }, "what Acme was asked for");
        if !may {
            both.patch(url, change.clone()).await.expect(200);
            both.delete(url).await.expect(204);
        }
    }
}
