//! How events repeat, there and back.

use evergrant::capability::{Event, NewEvent, RecurrencePattern, RecurrenceRange};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use super::{calendar, event, given, lunch, once, with};
use crate::account::{Graph, example};

/// Reads a series as Graph says it.
async fn read(recurrence: &Value, start: &str) -> Event {
    let body = event(json!({
        "type": "seriesMaster",
        "recurrence": recurrence,
        "start": { "dateTime": format!("{start}T19:00:00.0000000"), "timeZone": "UTC" },
        "end": { "dateTime": format!("{start}T20:00:00.0000000"), "timeZone": "UTC" },
    }));
    let graph = Graph::default().answer(200, &body);
    let account = calendar(&graph).await;
    account.calendars().event(&account.api, "id").await.unwrap()
}

/// Creates a series, and gives what was sent.
async fn sent(new: &NewEvent) -> Value {
    let graph = Graph::default().example("event.create.recurring.response");
    let account = calendar(&graph).await;
    account.calendars().create_event(&account.api, once(), new).await.unwrap();
    graph.sent().remove(0)
}

#[tokio::test]
async fn every_pattern_and_range_comes_back_as_it_went() {
    let samples = &example("recurrence.samples")["samples"];
    let mut kinds = Vec::new();
    for (name, sample) in samples.as_object().unwrap() {
        let day = sample["range"]["startDate"].as_str().unwrap();
        let series = read(sample, day).await;
        let recurrence = series.recurrence.clone().unwrap();
        assert_json_snapshot!(name.as_str(), recurrence);
        let new = lunch(json!({
            "start_time": format!("{day}T12:00:00"),
            "end_time": format!("{day}T13:00:00"),
            "recurrence": recurrence,
        }));
        let sent = sent(&new).await["recurrence"].take();
        let zone = json!({ "recurrenceTimeZone": "Pacific Standard Time" });
        // What the sample leaves to Graph's own defaults is said.
        let pattern = match sample["pattern"]["type"].as_str().unwrap() {
            "weekly" => with(sample["pattern"].clone(), json!({ "firstDayOfWeek": "sunday" })),
            _ => sample["pattern"].clone(),
        };
        assert_eq!(sent["pattern"], pattern, "{name}");
        assert_eq!(sent["range"], with(sample["range"].clone(), zone), "{name}");
        kinds.push(sample["pattern"]["type"].as_str().unwrap().to_owned());
        kinds.push(sample["range"]["type"].as_str().unwrap().to_owned());
    }
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds.len(), 6 + 3, "{kinds:?}");
}

#[tokio::test]
async fn what_graph_fills_in_is_not_read_as_something() {
    let filled = json!({
        "pattern": { "type": "Daily", "interval": 1, "month": 0, "dayOfMonth": 0, "daysOfWeek": [],
            "firstDayOfWeek": "sunday", "index": "first" },
        "range": { "type": "noEnd", "startDate": "2026-10-05", "endDate": "0001-01-01",
            "recurrenceTimeZone": "W. Europe Standard Time", "numberOfOccurrences": 0 },
    });
    let series = read(&filled, "2026-10-05").await;
    let recurrence = series.recurrence.unwrap();
    assert_eq!(recurrence.pattern, RecurrencePattern::Daily { interval: 1 });
    let start = Some("2026-10-05".parse().unwrap());
    assert_eq!(recurrence.range, RecurrenceRange::NoEnd { start });
    // The series has moved to another zone since it was made in California.
    assert_eq!(series.time_zone.unwrap().name(), "Europe/Berlin");
    assert_eq!(series.start_time.to_string(), "2026-10-05T21:00:00+02:00");
}

#[tokio::test]
async fn a_pattern_nobody_knows_is_kept_and_cannot_be_written() {
    for (pattern, range) in [("lunar", "noEnd"), ("daily", "untilDoomsday")] {
        let strange = json!({
            "pattern": { "type": pattern, "interval": 1, "phase": "full" },
            "range": { "type": range, "startDate": "2026-10-05" },
        });
        let series = read(&strange, "2026-10-05").await;
        let recurrence = series.recurrence.unwrap();
        let RecurrencePattern::Unknown { raw } = &recurrence.pattern else {
            panic!("{recurrence:?}");
        };
        assert_eq!(Value::Object(raw.clone()), strange);
        let graph = Graph::default();
        let account = calendar(&graph).await;
        let new = NewEvent { recurrence: Some(recurrence), ..lunch(json!({})) };
        let refused = account.calendars().create_event(&account.api, once(), &new).await;
        assert!(refused.unwrap_err().to_string().starts_with("/recurrence/pattern"));
        assert!(graph.asked().is_empty());
    }
}

#[tokio::test]
async fn a_series_keeps_its_time_of_day_when_clocks_change() {
    // 12:00 in California before and after the change of clocks on 2026-11-01.
    let graph = Graph::default().answer(
        200,
        &json!({ "value": [
            event(json!({ "id": "a", "type": "occurrence", "seriesMasterId": "s" })),
            event(json!({
                "id": "b", "type": "occurrence", "seriesMasterId": "s",
                "start": { "dateTime": "2026-11-05T20:00:00.0000000", "timeZone": "UTC" },
                "end": { "dateTime": "2026-11-05T22:00:00.0000000", "timeZone": "UTC" },
            })),
        ] }),
    );
    let account = calendar(&graph).await;
    let query = evergrant::capability::EventQuery {
        calendar: None,
        series: None,
        from: "2026-10-01T00:00:00Z".parse().unwrap(),
        to: "2026-12-01T00:00:00Z".parse().unwrap(),
        zone: None,
        limit: 10,
    };
    let page = account.calendars().events(&account.api, &query, None).await.unwrap();
    let starts: Vec<String> = page.results.iter().map(|e| e.start_time.to_string()).collect();
    assert_eq!(starts, ["2026-10-15T12:00:00-07:00", "2026-11-05T12:00:00-08:00"]);
}

#[tokio::test]
async fn a_series_of_whole_days_and_a_zone_of_its_own_are_written() {
    let new = given(json!({
        "subject": "Fair",
        "start_time": "2026-10-05",
        "end_time": "2026-10-07",
        "time_zone": "Europe/Vienna",
        "recurrence": {
            "pattern": { "type": "daily", "interval": 7 },
            "range": { "type": "numbered", "count": 3 },
            // Another name for the zone that Graph has for both.
            "time_zone": "Europe/Berlin",
        },
    }));
    let sent = sent(&new).await;
    assert_eq!(sent["isAllDay"], true);
    let time = |at: &str| json!({ "dateTime": at, "timeZone": "W. Europe Standard Time" });
    assert_eq!(sent["start"], time("2026-10-05T00:00:00"));
    assert_eq!(sent["end"], time("2026-10-07T00:00:00"));
    assert_eq!(sent["recurrence"]["range"]["recurrenceTimeZone"], "W. Europe Standard Time");
}

/// Mondays as whole days, counted in Berlin.
fn mondays() -> Value {
    event(json!({
        "type": "seriesMaster", "isAllDay": true,
        "start": { "dateTime": "2026-10-05T00:00:00.0000000", "timeZone": "UTC" },
        "end": { "dateTime": "2026-10-06T00:00:00.0000000", "timeZone": "UTC" },
        "recurrence": {
            "pattern": { "type": "weekly", "interval": 1, "daysOfWeek": ["monday"],
                "firstDayOfWeek": "sunday" },
            "range": { "type": "noEnd", "startDate": "2026-10-05",
                "recurrenceTimeZone": "W. Europe Standard Time" },
        },
    }))
}

#[tokio::test]
async fn a_series_of_whole_days_keeps_its_zone_and_can_be_written_as_it_was_read() {
    let graph = (0..5).fold(Graph::default(), |graph, _| graph.answer(200, &mondays()));
    let account = calendar(&graph).await;
    let read = account.calendars().event(&account.api, "id").await.unwrap();
    assert_eq!(read.time_zone, None);
    let moved = json!({ "start_time": "2026-10-12", "end_time": "2026-10-13" });
    let as_read = json!({ "recurrence": read.recurrence });
    for changes in [&moved, &as_read] {
        let changes = given(changes.clone());
        account.calendars().update_event(&account.api, "id", &changes, None).await.unwrap();
    }
    let new = lunch(json!({
        "start_time": "2026-10-05", "end_time": "2026-10-06", "time_zone": null,
        "recurrence": read.recurrence,
    }));
    let sent = [&graph.sent()[..], &[sent(&new).await]].concat();
    for (sent, day) in sent.iter().zip(["2026-10-12", "2026-10-05", "2026-10-05"]) {
        let range = json!({ "type": "noEnd", "startDate": day,
            "recurrenceTimeZone": "W. Europe Standard Time" });
        assert_eq!(sent["recurrence"]["range"], range);
        let start = json!({ "dateTime": format!("{day}T00:00:00"),
            "timeZone": "W. Europe Standard Time" });
        assert_eq!(sent["start"], start);
    }
    assert_eq!(sent.len(), 3);
}
