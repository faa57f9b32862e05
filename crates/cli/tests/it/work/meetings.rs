//! Meetings: one each, with a link, an id and a passcode, and seen in the calendar.

use serde_json::{Value, json};

use super::{Desk, whole};
use crate::bench::{ADELE, ALEX};

fn planning() -> Value {
    json!({
        "subject": "Planning",
        "start_time": "2027-03-03T09:00:00+01:00",
        "end_time": "2027-03-03T09:30:00+01:00",
        "time_zone": "Europe/Berlin",
        "participants": [{ "email": ALEX }],
        "passcode_required": true,
        "calendar_event": true,
    })
}

const ITS_DAY: &str = "/calendar-events/?start_date=2027-03-03&end_date=2027-03-04";

#[tokio::test]
async fn a_meeting_has_a_link_an_id_and_a_passcode_and_is_seen_in_both_calendars() {
    let desk = Desk::of("microsoft_teams").await;
    let made = desk.post("/meetings/", &planning()).await.expect(201);
    let join = made["join_url"].as_str().unwrap();
    assert!(join.starts_with("https://"), "{made}");
    assert!(made["meeting_id"].as_str().unwrap().bytes().all(|b| b.is_ascii_digit()), "{made}");
    assert!(!made["passcode"].as_str().unwrap().is_empty(), "{made}");
    let event = made["event_id"].as_str().unwrap();
    let event: String = url::form_urlencoded::byte_serialize(event.as_bytes()).collect();
    let seen = desk.get(&format!("/calendar-events/{event}/")).await.expect(200);
    assert_eq!(seen["online_meeting"]["join_url"], join, "{seen}");
    assert_eq!(seen["start_time"], "2027-03-03T09:00:00+01:00");
    assert_eq!(seen["attendees"][0]["email"], ALEX);

    let alex = Desk { at: desk.also("microsoft_calendar", ALEX).await, ..desk };
    let invited = whole(&alex, ITS_DAY).await;
    let invitation = invited.iter().find(|event| event["subject"] == "Planning").unwrap();
    assert_eq!(invitation["online_meeting"]["join_url"], join, "{invitation}");
    assert_eq!(invitation["organizer"]["email"], ADELE);
}

#[tokio::test]
async fn a_meeting_without_an_event_can_ask_for_a_passcode_or_not() {
    let desk = Desk::of("microsoft_teams").await;
    for wanted in [false, true] {
        let mut ask = planning();
        ask["calendar_event"] = false.into();
        ask["passcode_required"] = wanted.into();
        let made = desk.post("/meetings/", &ask).await.expect(201);
        assert!(made["join_url"].is_string(), "{made}");
        assert!(made["meeting_id"].is_string(), "{made}");
        assert_eq!(made["passcode"].is_string(), wanted, "{made}");
        assert!(made["event_id"].is_null(), "{made}");
    }
    assert!(whole(&desk, ITS_DAY).await.iter().all(|event| event["subject"] != "Planning"));
}

#[tokio::test]
async fn without_a_licence_it_says_so_and_leaves_nothing_behind() {
    let megan = "megan@contoso.example";
    let desk = Desk::of_account("microsoft_teams", megan).await;
    for event in [true, false] {
        let mut ask = planning();
        ask["calendar_event"] = event.into();
        let refused = desk.post("/meetings/", &ask).await.expect(403);
        assert_eq!(refused["code"], "license_missing", "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains("Teams"), "{refused}");
    }
    assert!(whole(&desk, ITS_DAY).await.is_empty());
}

#[tokio::test]
async fn the_same_key_twice_is_one_meeting() {
    let desk = Desk::of("microsoft_teams").await;
    let key = [("idempotency-key", "planning-2027-03-03")];
    let planned = planning();
    let once = || desk.call(reqwest::Method::POST, "/meetings/", &planned, &key);
    let (first, again) = (once().await, once().await);
    first.expect(201);
    assert_eq!(again.status, 201);
    assert_eq!(first.text, again.text);
    let mut other = planning();
    other["subject"] = "Another".into();
    let refused = desk.call(reqwest::Method::POST, "/meetings/", &other, &key).await.expect(422);
    assert_eq!(refused["code"], "idempotency_key_reused", "{refused}");
    let events = whole(&desk, ITS_DAY).await;
    assert_eq!(events.iter().filter(|event| event["subject"] == "Planning").count(), 1);
    assert!(events.iter().all(|event| event["subject"] != "Another"));
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_one_meeting() {
    for deed in [json!({ "drop_after_commit": true }), json!({ "drop": true })] {
        let desk = Desk::of("microsoft_teams").await;
        desk.fault(json!({ "method": "POST", "path": "/v1.0/me/events" }), 1, deed).await;
        desk.post("/meetings/", &planning()).await.expect(201);
        let events = whole(&desk, ITS_DAY).await;
        assert_eq!(events.iter().filter(|event| event["subject"] == "Planning").count(), 1);
        assert_eq!(desk.seen("POST", "/me/events").await, 2, "it was asked for again");
    }
}

#[tokio::test]
async fn a_meeting_can_be_read_changed_and_cancelled_with_its_event() {
    let desk = Desk::of("microsoft_teams").await;
    let made = desk.post("/meetings/", &planning()).await.expect(201);
    let id: String =
        url::form_urlencoded::byte_serialize(made["id"].as_str().unwrap().as_bytes()).collect();
    let path = format!("/meetings/{id}/");
    let read = desk.get(&path).await.expect(200);
    for same in ["id", "join_url", "meeting_id", "passcode", "event_id"] {
        assert_eq!(read[same], made[same], "{same}: {read}");
    }
    let later = json!({
        "subject": "Planning, later",
        "start_time": "2027-03-03T11:00:00+01:00",
        "end_time": "2027-03-03T11:30:00+01:00",
        "lobby": "everyone",
    });
    let changed = desk.call(reqwest::Method::PATCH, &path, &later, &[]).await.expect(200);
    assert_eq!(changed["subject"], "Planning, later");
    assert_eq!(changed["lobby"], "everyone");
    let events = whole(&desk, ITS_DAY).await;
    let event = events.iter().find(|event| event["subject"] == "Planning, later").unwrap();
    assert_eq!(event["start_time"], "2027-03-03T11:00:00+01:00", "{event}");
    let bye = json!({ "comment": "Not needed any more." });
    assert_eq!(desk.post(&format!("{path}cancel/"), &bye).await.status, 204);
    assert!(whole(&desk, ITS_DAY).await.iter().all(|e| e["subject"] != "Planning, later"));
    assert_eq!(desk.get(&path).await.expect(404)["code"], "item_not_found");
}

#[tokio::test]
async fn a_join_link_that_comes_late_is_waited_for() {
    let desk = Desk::of("microsoft_teams").await;
    let late = json!({ "seconds": 2 });
    desk.bench.sandbox.change(&format!("microsoft/users/{ADELE}/late-join-link"), &late).await;
    let made = desk.post("/meetings/", &planning()).await.expect(201);
    assert!(made["join_url"].is_string(), "{made}");
}
