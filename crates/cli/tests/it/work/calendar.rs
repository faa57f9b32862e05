//! Calendars: what was written is read back, across zones and changes of the clocks.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, whole};

fn encoded(id: &Value) -> String {
    url::form_urlencoded::byte_serialize(id.as_str().unwrap().as_bytes()).collect()
}

/// Mondays at nine in Berlin; the last Sunday of March 2027 is the 28th.
const MONDAYS: &str = "/calendar-events/?start_date=2027-03-15&end_date=2027-04-14";

#[tokio::test]
async fn a_series_with_an_exception_crosses_the_change_to_summer_time() {
    let desk = Desk::of("microsoft_calendar").await;
    let series = json!({
        "subject": "Monday at nine",
        "start_time": "2027-03-15T09:00:00",
        "end_time": "2027-03-15T09:30:00",
        "time_zone": "Europe/Berlin",
        "recurrence": {
            "pattern": { "type": "weekly", "interval": 1, "days": ["monday"], "first_day": "monday" },
            "range": { "type": "numbered", "start": "2027-03-15", "count": 5 },
        },
    });
    let made = desk.post("/calendar-events/", &series).await.expect(201);
    assert_eq!(made["kind"], "series");
    let starts = async || -> Vec<(String, String)> {
        let mut events = whole(&desk, MONDAYS).await;
        events.retain(|event| event["series_id"] == made["id"]);
        let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
        events.iter().map(|e| (text(e, "start_time"), text(e, "kind"))).collect()
    };
    let at = |time: &str, kind: &str| (time.to_owned(), kind.to_owned());
    assert_eq!(
        starts().await,
        [
            at("2027-03-15T09:00:00+01:00", "occurrence"),
            at("2027-03-22T09:00:00+01:00", "occurrence"),
            at("2027-03-29T09:00:00+02:00", "occurrence"),
            at("2027-04-05T09:00:00+02:00", "occurrence"),
            at("2027-04-12T09:00:00+02:00", "occurrence"),
        ]
    );
    // The first after the change is moved to the afternoon, the second is called off.
    let events = whole(&desk, MONDAYS).await;
    let of = |day: &str| {
        let is_it = |event: &&Value| {
            event["series_id"] == made["id"]
                && event["start_time"].as_str().unwrap().starts_with(day)
        };
        events.iter().find(is_it).unwrap_or_else(|| panic!("{day}"))
    };
    let moved = format!("/calendar-events/{}/", encoded(&of("2027-03-29")["id"]));
    let later = json!({
        "start_time": "2027-03-29T14:00:00", "end_time": "2027-03-29T14:30:00", "time_zone": "Europe/Berlin",
    });
    let exception = desk.call(Method::PATCH, &moved, &later, &[]).await.expect(200);
    assert_eq!(exception["kind"], "exception", "{exception}");
    let gone = format!("/calendar-events/{}/", encoded(&of("2027-04-05")["id"]));
    assert_eq!(desk.call(Method::DELETE, &gone, &json!({}), &[]).await.status, 204);
    assert_eq!(
        starts().await,
        [
            at("2027-03-15T09:00:00+01:00", "occurrence"),
            at("2027-03-22T09:00:00+01:00", "occurrence"),
            at("2027-03-29T14:00:00+02:00", "exception"),
            at("2027-04-12T09:00:00+02:00", "occurrence"),
        ]
    );
    // The series reads back as it was written, and written back it stays.
    let path = format!("/calendar-events/{}/", encoded(&made["id"]));
    let read = desk.get(&path).await.expect(200);
    assert_eq!(read["recurrence"]["pattern"], series["recurrence"]["pattern"], "{read}");
    assert_eq!(read["recurrence"]["range"], series["recurrence"]["range"], "{read}");
    assert_eq!(read["time_zone"], "Europe/Berlin");
    let renamed = json!({ "subject": "Monday, nine o'clock" });
    desk.call(Method::PATCH, &path, &renamed, &[]).await.expect(200);
    let again = desk.get(&path).await.expect(200);
    assert_eq!(again["recurrence"], read["recurrence"]);
    assert_eq!(again["start_time"], read["start_time"]);
    assert_eq!(starts().await.len(), 4, "the exception and the gap stay");
}

#[tokio::test]
async fn whole_days_stay_whole_days_wherever_they_are_read() {
    let desk = Desk::of("microsoft_calendar").await;
    let fair = json!({ "subject": "Fair", "start_time": "2027-03-27", "end_time": "2027-03-30" });
    let made = desk.post("/calendar-events/", &fair).await.expect(201);
    assert_eq!(made["is_all_day"], true);
    for zone in ["Pacific/Auckland", "America/Los_Angeles", "UTC"] {
        let path =
            format!("/calendar-events/?start_date=2027-03-20&end_date=2027-04-02&time_zone={zone}");
        let events = whole(&desk, &path).await;
        let event = events.iter().find(|event| event["subject"] == "Fair").unwrap();
        assert_eq!(event["start_time"], "2027-03-27", "{zone}");
        assert_eq!(event["end_time"], "2027-03-30", "{zone}");
    }
}

#[tokio::test]
async fn a_time_that_clocks_skip_is_refused_and_one_they_show_twice_is_kept_apart() {
    let desk = Desk::of("microsoft_calendar").await;
    let event = |start: &str, end: &str| json!({ "subject": "Night", "start_time": start, "end_time": end, "time_zone": "Europe/Berlin" });
    let skipped = event("2027-03-28T02:30:00", "2027-03-28T03:30:00");
    let refused = desk.post("/calendar-events/", &skipped).await.expect(422);
    assert_eq!(refused["errors"][0]["pointer"], "/start_time", "{refused}");
    // Half past two, the second time that night.
    let second = event("2027-10-31T02:30:00+01:00", "2027-10-31T03:30:00+01:00");
    let made = desk.post("/calendar-events/", &second).await.expect(201);
    let path = format!("/calendar-events/{}/", encoded(&made["id"]));
    let read = desk.get(&path).await.expect(200);
    let start: jiff::Timestamp = read["start_time"].as_str().unwrap().parse().unwrap();
    assert_eq!(start, "2027-10-31T01:30:00Z".parse().unwrap(), "{read}");
}

#[tokio::test]
async fn a_lost_answer_leaves_one_event() {
    let desk = Desk::of("microsoft_calendar").await;
    let event = json!({
        "subject": "Once", "start_time": "2027-03-03T09:00:00Z", "end_time": "2027-03-03T10:00:00Z",
    });
    desk.fault(json!({ "method": "POST" }), 1, json!({ "drop_after_commit": true })).await;
    desk.post("/calendar-events/", &event).await.expect(201);
    let events = whole(&desk, "/calendar-events/?start_date=2027-03-03&end_date=2027-03-04").await;
    assert_eq!(events.iter().filter(|event| event["subject"] == "Once").count(), 1);
}
