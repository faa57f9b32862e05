//! `calendarView`: windows, overlaps, order.

use serde_json::json;

use super::{adele, at, refusal, start};
use crate::play::Play;

#[tokio::test]
async fn a_window_must_be_given_and_not_too_long() {
    let play = Play::new();
    let adele = adele(&play).await;
    for query in ["", "?startDateTime=2031-01-01T00:00:00Z", "?endDateTime=2031-01-01T00:00:00Z"] {
        let answer = adele.get(&format!("calendarView{query}")).await;
        assert_eq!(refusal(&answer), (400, "ErrorInvalidParameter"), "{query}");
    }
    let bad = adele.get("calendarView?startDateTime=tomorrow&endDateTime=2031-01-01").await;
    assert_eq!(refusal(&bad), (400, "ErrorInvalidParameter"));
    // 1825 days, and one second more.
    let longest = "startDateTime=2031-01-01T00:00:00Z&endDateTime=2035-12-31T00:00:00Z";
    assert_eq!(adele.get(&format!("calendarView?{longest}")).await.status, 200);
    let longer = longest.replace("31T00:00:00Z", "31T00:00:01Z");
    let longer = adele.get(&format!("calendarView?{longer}")).await;
    assert_eq!(refusal(&longer), (400, "ErrorInvalidRequest"));
}

#[tokio::test]
async fn not_everything_can_be_selected_in_a_view() {
    let play = Play::new();
    let adele = adele(&play).await;
    adele.create(at("Ten", "2031-05-05T10:00:00", "2031-05-05T11:00:00", "UTC")).await;
    let view =
        "calendarView?startDateTime=2031-05-05T00:00:00Z&endDateTime=2031-05-06T00:00:00Z&$select=";
    for name in ["createdDateTime", "lastModifiedDateTime"] {
        let answer = adele.get(&format!("{view}subject,{name}")).await;
        assert_eq!(refusal(&answer), (400, "BadRequest"), "{name}");
        assert_eq!(adele.get(&format!("events?$select={name}")).await.status, 200);
        let whole = adele.get(view).await.ok();
        assert!(whole["value"][0][name].is_string(), "{name} comes without being asked for");
    }
    assert_eq!(adele.get(&format!("{view}subject")).await.status, 200);
}

#[tokio::test]
async fn offsets_in_a_window_are_honoured() {
    let play = Play::new();
    let adele = adele(&play).await;
    adele.create(at("Ten", "2031-05-05T10:00:00", "2031-05-05T11:00:00", "UTC")).await;
    let count = async |from: &str, to: &str| adele.view(from, to).await.len();
    assert_eq!(count("2031-05-05T10:30:00Z", "2031-05-05T12:00:00Z").await, 1);
    assert_eq!(count("2031-05-05T10:30:00", "2031-05-05T12:00:00").await, 1, "no offset is UTC");
    assert_eq!(count("2031-05-05T12:30:00%2B02:00", "2031-05-05T14:00:00%2B02:00").await, 1);
    assert_eq!(
        count("2031-05-05T12:30:00+02:00", "2031-05-05T14:00:00+02:00").await,
        1,
        "unescaped"
    );
    assert_eq!(count("2031-05-05T10:30:00-08:00", "2031-05-05T12:00:00-08:00").await, 0);
}

#[tokio::test]
async fn what_touches_the_window_only_at_its_edge_is_not_in_it() {
    let play = Play::new();
    let adele = adele(&play).await;
    adele.create(at("Ten", "2031-05-05T10:00:00", "2031-05-05T11:00:00", "UTC")).await;
    for (from, to, count) in [
        ("10:59:59", "12:00:00", 1),
        ("11:00:00", "12:00:00", 0),
        ("09:00:00", "10:00:00", 0),
        ("09:00:00", "10:00:01", 1),
        ("10:15:00", "10:30:00", 1),
    ] {
        let seen = adele.view(&format!("2031-05-05T{from}Z"), &format!("2031-05-05T{to}Z")).await;
        assert_eq!(seen.len(), count, "{from} to {to}");
    }
}

#[tokio::test]
async fn whole_days_are_matched_as_utc_midnights() {
    let play = Play::new();
    let adele = adele(&play).await;
    let mut day = at("Day", "2031-05-05T00:00:00", "2031-05-06T00:00:00", "Pacific Standard Time");
    day["isAllDay"] = json!(true);
    adele.create(day).await;
    // On the Pacific wall the day ends at 07:00Z.
    assert_eq!(adele.view("2031-05-06T01:00:00Z", "2031-05-06T06:00:00Z").await.len(), 0);
    assert_eq!(adele.view("2031-05-05T01:00:00Z", "2031-05-05T06:00:00Z").await.len(), 1);
}

#[tokio::test]
async fn a_view_is_in_order_and_moved_occurrences_are_where_they_moved() {
    let play = Play::new();
    let adele = adele(&play).await;
    let mut daily = at("Daily", "2031-05-05T09:00:00", "2031-05-05T09:30:00", "Europe/Berlin");
    daily["recurrence"] = json!({
        "pattern": { "type": "daily", "interval": 7 },
        "range": { "type": "noEnd", "startDate": "2031-05-05" },
    });
    adele.create(daily).await;
    adele.create(at("Between", "2031-05-07T09:00:00", "2031-05-07T10:00:00", "UTC")).await;
    let seen = adele.view("2031-05-05T00:00:00Z", "2031-05-13T00:00:00Z").await;
    let subjects: Vec<_> = seen.iter().map(|one| one["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["Daily", "Between", "Daily"]);
    let moved = at("Moved", "2031-05-15T09:00:00", "2031-05-15T09:30:00", "UTC");
    adele.patch(&super::event(&seen[2]["id"]), moved).await.ok();
    assert_eq!(adele.view("2031-05-12T00:00:00Z", "2031-05-13T00:00:00Z").await.len(), 0);
    let there = adele.view("2031-05-15T00:00:00Z", "2031-05-16T00:00:00Z").await;
    assert_eq!(start(&there[0]), "2031-05-15T09:00:00.0000000");
    let far = adele.view("2046-01-01T00:00:00Z", "2046-01-08T00:00:00Z").await;
    assert_eq!(far.len(), 1, "a series without an end goes on");
}
