//! Against days and instants computed by hand.

use serde_json::{Value, json};

use crate::microsoft::sandbox::graph::calendar::recurrence::Recurrence;
use crate::microsoft::sandbox::graph::calendar::when::{Moment, Span};
use crate::microsoft::sandbox::graph::calendar::zones::Zone;
use jiff::ToSpan as _;

/// Asserts which days a pattern from a day on has; the list is the beginning of an endless series.
fn assert_days(what: &str, pattern: &Value, from: &str, expected: &[&str]) {
    assert_eq!(days(pattern, &no_end(from), expected.len()), expected, "{what}");
}

/// The first days of a series, as texts.
fn days(pattern: &Value, range: &Value, count: usize) -> Vec<String> {
    let value = json!({ "pattern": pattern, "range": range });
    let recurrence = Recurrence::read(&value, &Zone::utc()).expect("a recurrence");
    recurrence.days().take(count).map(|day| day.to_string()).collect()
}

fn no_end(start: &str) -> Value {
    json!({ "type": "noEnd", "startDate": start })
}

fn daily(interval: u32) -> Value {
    json!({ "type": "daily", "interval": interval })
}

fn weekly(interval: u32, days: &[&str]) -> Value {
    json!({ "type": "weekly", "interval": interval, "daysOfWeek": days })
}

fn monthly(interval: u32, day: u32) -> Value {
    json!({ "type": "absoluteMonthly", "interval": interval, "dayOfMonth": day })
}

fn monthly_on(interval: u32, index: &str, days: &[&str]) -> Value {
    json!({ "type": "relativeMonthly", "interval": interval, "index": index, "daysOfWeek": days })
}

fn yearly(interval: u32, day: u32, month: u32) -> Value {
    json!({ "type": "absoluteYearly", "interval": interval, "dayOfMonth": day, "month": month })
}

fn yearly_on(interval: u32, index: &str, day: &str, month: u32) -> Value {
    json!({
        "type": "relativeYearly", "interval": interval, "index": index, "daysOfWeek": [day], "month": month,
    })
}

#[test]
fn daily_series_are_those_computed_by_hand() {
    let across = ["2026-10-30", "2026-11-01", "2026-11-03"];
    assert_days("every second day", &daily(2), "2026-10-30", &across);
    let leap = ["2028-02-19", "2028-02-29", "2028-03-10"];
    assert_days("every tenth day, over a leap day", &daily(10), "2028-02-19", &leap);
    assert_days("over the new year", &daily(1), "2026-12-31", &["2026-12-31", "2027-01-01"]);
}

#[test]
fn weekly_series_are_those_computed_by_hand() {
    let wednesday = ["2026-10-07", "2026-10-12", "2026-10-14"];
    assert_days(
        "from within a week",
        &weekly(1, &["monday", "wednesday"]),
        "2026-10-07",
        &wednesday,
    );
    let ordered = ["2026-10-05", "2026-10-09", "2026-10-12"];
    assert_days("in the week's order", &weekly(1, &["friday", "monday"]), "2026-10-05", &ordered);
    let every_second = weekly(2, &["tuesday", "sunday"]);
    let from_sunday = ["2026-10-06", "2026-10-18", "2026-10-20", "2026-11-01"];
    assert_days("weeks from Sunday", &every_second, "2026-10-06", &from_sunday);
    let mut from_monday = every_second;
    from_monday["firstDayOfWeek"] = json!("monday");
    let days = ["2026-10-06", "2026-10-11", "2026-10-20", "2026-10-25"];
    assert_days("weeks from Monday", &from_monday, "2026-10-06", &days);
    let far = ["2026-10-10", "2028-09-02"];
    assert_days("every 99th week", &weekly(99, &["saturday"]), "2026-10-10", &far);
}

#[test]
fn monthly_series_are_those_computed_by_hand() {
    let fifteenth = ["2026-10-15", "2026-11-15", "2026-12-15", "2027-01-15"];
    assert_days("the 15th", &monthly(1, 15), "2026-10-15", &fifteenth);
    assert_days("begun after it", &monthly(1, 15), "2026-10-16", &fifteenth[1..]);
    let last = ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"];
    assert_days("the 31st, or the last day", &monthly(1, 31), "2027-01-31", &last);
    let thirds = ["2026-08-31", "2026-11-30", "2027-02-28", "2027-05-31"];
    assert_days("the 31st of every third month", &monthly(3, 31), "2026-08-31", &thirds);
    let thursdays = ["2026-10-08", "2027-01-14", "2027-04-08", "2027-07-08"];
    let second = monthly_on(3, "second", &["thursday"]);
    assert_days("the second Thursday of every third month", &second, "2026-10-08", &thursdays);
    let mondays = ["2027-02-01", "2027-03-01", "2027-04-05"];
    assert_days("the first Monday", &monthly_on(1, "first", &["monday"]), "2027-02-01", &mondays);
    let fridays = ["2026-10-30", "2026-11-27", "2026-12-25", "2027-01-29"];
    assert_days("the last Friday", &monthly_on(1, "last", &["friday"]), "2026-10-30", &fridays);
    let work = ["monday", "tuesday", "wednesday", "thursday", "friday"];
    let last = ["2026-10-30", "2026-11-30", "2026-12-31", "2027-01-29"];
    assert_days("the last working day", &monthly_on(1, "last", &work), "2026-10-30", &last);
    let fourth = ["2026-10-11", "2026-11-14", "2026-12-13"];
    let weekend = monthly_on(1, "fourth", &["saturday", "sunday"]);
    assert_days("the fourth day of a weekend", &weekend, "2026-10-01", &fourth);
}

#[test]
fn yearly_series_are_those_computed_by_hand() {
    let march = ["2027-03-15", "2028-03-15"];
    assert_days("March 15", &yearly(1, 15, 3), "2027-03-15", &march);
    assert_days("begun after it", &yearly(1, 15, 3), "2027-03-16", &march[1..]);
    let leap = ["2028-02-29", "2029-02-28", "2030-02-28"];
    assert_days("the leap day", &yearly(1, 29, 2), "2028-02-29", &leap);
    let fourth = ["2028-02-29", "2032-02-29", "2036-02-29"];
    assert_days("the leap day of every fourth year", &yearly(4, 29, 2), "2028-02-29", &fourth);
    let fridays = ["2026-11-27", "2027-11-26", "2028-11-24"];
    let last = yearly_on(1, "last", "friday", 11);
    assert_days("the last Friday of November", &last, "2026-11-27", &fridays);
    let thursdays = ["2026-05-21", "2028-05-18", "2030-05-16"];
    let third = yearly_on(2, "third", "thursday", 5);
    assert_days("the third Thursday of every second May", &third, "2026-05-21", &thursdays);
}

#[test]
fn ranges_end_where_they_say() {
    let until =
        |start: &str, end: &str| json!({ "type": "endDate", "startDate": start, "endDate": end });
    let count = |start: &str, count: u32| json!({ "type": "numbered", "startDate": start, "numberOfOccurrences": count });
    let mondays = weekly(1, &["monday"]);
    let thursdays = monthly_on(3, "second", &["thursday"]);
    for (what, pattern, range, expected) in [
        (
            "the end date belongs to it",
            &daily(1),
            until("2026-10-05", "2026-10-06"),
            ["2026-10-05", "2026-10-06"],
        ),
        (
            "the end date is none of it",
            &mondays,
            until("2026-12-21", "2026-12-31"),
            ["2026-12-21", "2026-12-28"],
        ),
        (
            "an end date a year later",
            &thursdays,
            until("2027-07-01", "2027-10-14"),
            ["2027-07-08", "2027-10-14"],
        ),
        ("numbered", &daily(1), count("2026-12-31", 2), ["2026-12-31", "2027-01-01"]),
        (
            "only days that match count",
            &mondays,
            count("2026-10-06", 2),
            ["2026-10-12", "2026-10-19"],
        ),
    ] {
        assert_eq!(days(pattern, &range, 100), expected, "{what}");
    }
}

/// The UTC instants of a series that begins at `wall` in `zone`.
fn instants(zone: &str, wall: &str, minutes: i64, pattern: &Value, count: usize) -> Vec<String> {
    let start = Moment::read(&json!({ "dateTime": wall, "timeZone": zone })).expect("a moment");
    let end =
        Moment { wall: start.wall.saturating_add(minutes.minutes()), zone: start.zone.clone() };
    let range = no_end(&start.wall.date().to_string());
    let value = json!({ "pattern": pattern, "range": range });
    let recurrence = Recurrence::read(&value, &start.zone).expect("a recurrence");
    let span = Span { start, end, is_all_day: false };
    let spans = recurrence.days().take(count).map(|day| span.on(day).matched());
    spans.map(|(start, end)| format!("{start}/{}", (end - start).get_seconds() / 60)).collect()
}

#[test]
fn nine_stays_nine_when_the_clocks_change() {
    let weekly = |day: &str| json!({ "type": "weekly", "interval": 1, "daysOfWeek": [day] });
    let daily = json!({ "type": "daily", "interval": 1 });
    let cases: &[(&str, &str, i64, Value, &[&str])] = &[
        (
            "Europe/Berlin",
            "2026-10-19T09:00:00",
            60,
            weekly("monday"),
            &["2026-10-19T07:00:00Z/60", "2026-10-26T08:00:00Z/60"],
        ),
        (
            "W. Europe Standard Time",
            "2027-03-22T09:00:00",
            60,
            weekly("monday"),
            &["2027-03-22T08:00:00Z/60", "2027-03-29T07:00:00Z/60"],
        ),
        (
            "Pacific Standard Time",
            "2026-10-31T12:00:00",
            120,
            daily.clone(),
            &["2026-10-31T19:00:00Z/120", "2026-11-01T20:00:00Z/120"],
        ),
        (
            "Pacific Standard Time",
            "2027-03-13T12:00:00",
            120,
            daily.clone(),
            &["2027-03-13T20:00:00Z/120", "2027-03-14T19:00:00Z/120"],
        ),
        (
            "AUS Eastern Standard Time",
            "2026-10-03T09:00:00",
            30,
            daily.clone(),
            &["2026-10-02T23:00:00Z/30", "2026-10-03T22:00:00Z/30"],
        ),
        (
            "Pacific/Auckland",
            "2027-04-03T09:00:00",
            30,
            daily.clone(),
            &["2027-04-02T20:00:00Z/30", "2027-04-03T21:00:00Z/30"],
        ),
        (
            "India Standard Time",
            "2026-10-24T09:00:00",
            30,
            daily.clone(),
            &["2026-10-24T03:30:00Z/30", "2026-10-25T03:30:00Z/30"],
        ),
        // In the skipped hour it is moved; it still lasts as long.
        (
            "Europe/Berlin",
            "2027-03-27T02:30:00",
            20,
            daily.clone(),
            &["2027-03-27T01:30:00Z/20", "2027-03-28T01:30:00Z/20", "2027-03-29T00:30:00Z/20"],
        ),
        // In the double hour the first one is meant.
        (
            "Europe/Berlin",
            "2026-10-24T02:30:00",
            20,
            daily.clone(),
            &["2026-10-24T00:30:00Z/20", "2026-10-25T00:30:00Z/20", "2026-10-26T01:30:00Z/20"],
        ),
        // Both ends stay on the wall, so a night of a change is shorter or longer.
        (
            "Europe/Berlin",
            "2026-10-24T23:00:00",
            480,
            daily,
            &["2026-10-24T21:00:00Z/540", "2026-10-25T22:00:00Z/480"],
        ),
    ];
    for (zone, wall, minutes, pattern, expected) in cases {
        assert_eq!(
            instants(zone, wall, *minutes, pattern, expected.len()),
            *expected,
            "{zone} {wall}"
        );
    }
}

#[test]
fn a_series_without_days_ends() {
    let value = json!({
        "pattern": { "type": "relativeMonthly", "interval": 1, "daysOfWeek": ["monday"], "index": "first" },
        "range": no_end("9999-11-01"),
    });
    let recurrence = Recurrence::read(&value, &Zone::utc()).expect("a recurrence");
    assert_eq!(recurrence.days().count(), 2);
}
