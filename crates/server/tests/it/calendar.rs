//! Calendars and events, to the byte.

use serde_json::json;

use crate::app::{TestApp, at};
use crate::shelf::segment;
use crate::snapshot;

#[tokio::test]
async fn calendars_are_listed_whole() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    snapshot!("calendars", t.alice.get(&at(&id, "calendars/")).await.expect(200));
}

#[tokio::test]
async fn events_come_in_pages() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, "calendar-events/?start_date=2026-01-02&end_date=2026-01-02&limit=1");
    snapshot!("events", t.alice.get(&url).await.expect(200));
}

#[tokio::test]
async fn days_are_meant_from_midnight_to_midnight_in_the_zone_that_is_named() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    for (query, from, to) in [
        ("", "2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z"),
        ("?time_zone=Asia/Tokyo", "2025-12-31T15:00:00Z", "2026-01-30T15:00:00Z"),
        (
            "?start_date=2026-03-29&end_date=2026-03-29",
            "2026-03-29T00:00:00Z",
            "2026-03-30T00:00:00Z",
        ),
        (
            "?start_date=2026-03-29&end_date=2026-03-29&time_zone=Europe/Berlin",
            "2026-03-28T23:00:00Z",
            "2026-03-29T22:00:00Z",
        ),
        (
            "?start_date=2026-03-27T09:00:00%2B01:00&end_date=2026-03-27T10:00:00+01:00",
            "2026-03-27T08:00:00Z",
            "2026-03-27T09:00:00Z",
        ),
    ] {
        t.alice.get(&at(&id, &format!("calendar-events/{query}"))).await.expect(200);
        let asked = t.acme.done().join("");
        assert!(asked.contains(&format!("from: {from}, to: {to}")), "{query}: {asked}");
    }
}

#[tokio::test]
async fn an_event_is_created_read_changed_and_deleted() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let new = json!({
        "subject": "Planning",
        "start_time": "2026-03-27T09:00:00",
        "end_time": "2026-03-27T10:00:00",
        "time_zone": "Europe/Berlin",
        "recurrence": {
            "pattern": { "type": "weekly", "days": ["friday"] },
            "range": { "type": "numbered", "count": 8 },
        },
    });
    let created = t.alice.post(&at(&id, "calendar-events/"), new).await.expect(201);
    snapshot!("event_created", created);
    let url = created.header("location").strip_prefix("https://grants.example.com").unwrap();
    assert_eq!(t.alice.get(url).await.expect(200).json(), created.json());
    let changes = json!({ "subject": "Other" });
    assert_eq!(t.alice.patch(url, changes).await.expect(200).json()["subject"], "Other");
    t.alice.delete(url).await.expect(204);
}

#[tokio::test]
async fn one_event() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, &format!("calendar-events/{}/", segment("evt", 1)));
    snapshot!("event", t.alice.get(&url).await.expect(200));
}

#[tokio::test]
async fn a_meeting_is_cancelled_with_words_or_without() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = at(&id, &format!("calendar-events/{}/cancel/", segment("evt", 1)));
    t.alice.post(&url, json!({ "comment": "I am ill." })).await.expect(204);
    t.alice.send(http::Method::POST, &url, None).await.expect(204);
    assert_eq!(t.acme.done(), ["cancel evt/1+a=: Some(\"I am ill.\")", "cancel evt/1+a=: None"]);
}

#[tokio::test]
async fn an_invitation_is_answered() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let event = at(&id, &format!("calendar-events/{}/", segment("evt", 1)));
    let answer = json!({ "response": "declined" });
    t.alice.post(&format!("{event}respond/"), answer).await.expect(204);
    assert_eq!(t.alice.get(&event).await.expect(200).json()["response"], "declined");
}

#[tokio::test]
async fn who_has_time_when() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let (start, end) = ("2026-03-27T09:00:00+01:00", "2026-03-27T17:00:00+01:00");
    let ask = json!({ "emails": ["alex@example.com"], "start_time": start, "end_time": end });
    snapshot!("availability", t.alice.post(&at(&id, "availability/"), ask).await.expect(200));
    let ask = json!({ "start_time": start, "end_time": end });
    snapshot!("meeting_times", t.alice.post(&at(&id, "meeting-times/"), ask).await.expect(200));
}
