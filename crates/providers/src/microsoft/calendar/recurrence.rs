//! How events repeat, in Graph's JSON (contract, section 5.4).

use evergrant::CallError;
use evergrant::capability::{
    Moment, Recurrence, RecurrencePattern, RecurrenceRange, Week, Weekday, Zone,
};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::microsoft::graph::input::invalid;
use crate::microsoft::graph::wire::DAYS;
use crate::microsoft::zones;

const WEEKS: [(&str, Week); 5] = [
    ("first", Week::First),
    ("second", Week::Second),
    ("third", Week::Third),
    ("fourth", Week::Fourth),
    ("last", Week::Last),
];

/// What Graph says, in our words. A pattern or range of a kind that is not known here is kept whole.
pub(super) fn read(raw: &Value) -> Recurrence {
    let range = read_range(&raw["range"]);
    let known = read_pattern(&raw["pattern"]).filter(|_| range.is_some());
    let raw_whole = || raw.as_object().cloned().unwrap_or_default();
    Recurrence {
        pattern: known.unwrap_or_else(|| RecurrencePattern::Unknown { raw: raw_whole() }),
        range: range.unwrap_or(RecurrenceRange::NoEnd { start: None }),
        time_zone: zone(raw),
    }
}

/// The zone in which a recurrence counts its days.
pub(super) fn zone(raw: &Value) -> Option<Zone> {
    zones::to_iana(raw["range"]["recurrenceTimeZone"].as_str()?)
}

/// The zone that a series of whole days is written in where the event names none: the recurrence's own.
pub(super) fn zone_of_days(start: Moment, recurrence: &Recurrence) -> Option<Zone> {
    let days = matches!(start, Moment::Day(_));
    recurrence.time_zone.clone().filter(|_| days)
}

fn read_pattern(raw: &Value) -> Option<RecurrencePattern> {
    let number = |name: &str| raw[name].as_u64().and_then(|n| u32::try_from(n).ok());
    let interval = number("interval").filter(|n| *n > 0).unwrap_or(1);
    let (month, day) = (number("month"), number("dayOfMonth"));
    let days = || {
        let days = raw["daysOfWeek"].as_array()?;
        days.iter().map(|day| known(&DAYS, day.as_str()?)).collect::<Option<Vec<Weekday>>>()
    };
    let week = || known(&WEEKS, raw["index"].as_str().unwrap_or("first"));
    Some(match raw["type"].as_str()?.to_ascii_lowercase().as_str() {
        "daily" => RecurrencePattern::Daily { interval },
        "weekly" => {
            let first_day = known(&DAYS, raw["firstDayOfWeek"].as_str().unwrap_or("sunday"))?;
            RecurrencePattern::Weekly { interval, days: days()?, first_day }
        }
        "absolutemonthly" => RecurrencePattern::AbsoluteMonthly { interval, day: day? },
        "relativemonthly" => {
            RecurrencePattern::RelativeMonthly { interval, days: days()?, week: week()? }
        }
        "absoluteyearly" => {
            RecurrencePattern::AbsoluteYearly { interval, month: month?, day: day? }
        }
        "relativeyearly" => RecurrencePattern::RelativeYearly {
            interval,
            month: month?,
            days: days()?,
            week: week()?,
        },
        _ => return None,
    })
}

fn read_range(raw: &Value) -> Option<RecurrenceRange> {
    // What is not used is filled with the first day there is.
    let date = |name: &str| {
        let date: Date = raw[name].as_str()?.parse().ok()?;
        (date.year() > 1).then_some(date)
    };
    let start = date("startDate");
    Some(match raw["type"].as_str()?.to_ascii_lowercase().as_str() {
        "noend" => RecurrenceRange::NoEnd { start },
        "enddate" => RecurrenceRange::EndDate { start, end: date("endDate")? },
        "numbered" => {
            let count = raw["numberOfOccurrences"].as_u64()?;
            RecurrenceRange::Numbered { start, count: u32::try_from(count).ok()? }
        }
        _ => return None,
    })
}

fn known<T: Copy>(table: &[(&str, T)], theirs: &str) -> Option<T> {
    let row = table.iter().find(|(name, _)| name.eq_ignore_ascii_case(theirs));
    row.map(|(_, ours)| *ours)
}

fn name<T: PartialEq>(table: &[(&'static str, T)], ours: &T) -> Option<&'static str> {
    table.iter().find(|(_, word)| word == ours).map(|(name, _)| *name)
}

/// As Graph takes it, for an event that begins on `first` in the zone that Graph calls `zone`.
///
/// Graph refuses a recurrence in another zone than the event's, and wants the range to begin on the
/// day of the event.
pub(super) fn written(
    recurrence: &Recurrence,
    first: Date,
    zone: &str,
) -> Result<Value, CallError> {
    if recurrence.time_zone.as_ref().is_some_and(|own| zones::to_windows(own) != zone) {
        return Err(invalid("/recurrence/time_zone", "is not the event's own zone"));
    }
    let pattern = write_pattern(&recurrence.pattern)?;
    let (kind, start) = match recurrence.range {
        RecurrenceRange::NoEnd { start } => ("noEnd", start),
        RecurrenceRange::EndDate { start, .. } => ("endDate", start),
        RecurrenceRange::Numbered { start, .. } => ("numbered", start),
    };
    if start.is_some_and(|start| start != first) {
        let problem = format!("is not the day on which the event begins, {first}");
        return Err(invalid("/recurrence/range/start", problem));
    }
    let mut range = Map::new();
    range.insert("type".to_owned(), json!(kind));
    range.insert("startDate".to_owned(), json!(first.to_string()));
    match recurrence.range {
        RecurrenceRange::NoEnd { .. } => {}
        RecurrenceRange::EndDate { end, .. } if end < first => {
            return Err(invalid("/recurrence/range/end", "is before the first day"));
        }
        RecurrenceRange::EndDate { end, .. } => {
            range.insert("endDate".to_owned(), json!(end.to_string()));
        }
        RecurrenceRange::Numbered { count: 0, .. } => {
            return Err(invalid("/recurrence/range/count", "is at least 1"));
        }
        RecurrenceRange::Numbered { count, .. } => {
            range.insert("numberOfOccurrences".to_owned(), json!(count));
        }
    }
    range.insert("recurrenceTimeZone".to_owned(), json!(zone));
    Ok(json!({ "pattern": pattern, "range": range }))
}

fn write_pattern(pattern: &RecurrencePattern) -> Result<Value, CallError> {
    let (kind, interval, rest) = match pattern {
        RecurrencePattern::Daily { interval } => ("daily", interval, json!({})),
        RecurrencePattern::Weekly { interval, days, first_day } => {
            let rest =
                json!({ "daysOfWeek": names(days)?, "firstDayOfWeek": name(&DAYS, first_day) });
            ("weekly", interval, rest)
        }
        RecurrencePattern::AbsoluteMonthly { interval, day } => {
            ("absoluteMonthly", interval, json!({ "dayOfMonth": day_of(*day, None)? }))
        }
        RecurrencePattern::RelativeMonthly { interval, days, week } => {
            let rest = json!({ "daysOfWeek": names(days)?, "index": name(&WEEKS, week) });
            ("relativeMonthly", interval, rest)
        }
        RecurrencePattern::AbsoluteYearly { interval, month, day } => {
            let month = month_of(*month)?;
            let rest = json!({ "dayOfMonth": day_of(*day, Some(month))?, "month": month });
            ("absoluteYearly", interval, rest)
        }
        RecurrencePattern::RelativeYearly { interval, month, days, week } => {
            let week = name(&WEEKS, week);
            let rest =
                json!({ "daysOfWeek": names(days)?, "index": week, "month": month_of(*month)? });
            ("relativeYearly", interval, rest)
        }
        RecurrencePattern::Unknown { .. } => {
            return Err(invalid("/recurrence/pattern", "can be read and not written"));
        }
    };
    if *interval == 0 {
        return Err(invalid("/recurrence/pattern/interval", "is at least 1"));
    }
    let mut written = json!({ "type": kind, "interval": interval });
    if let (Value::Object(written), Value::Object(rest)) = (&mut written, rest) {
        written.extend(rest);
    }
    Ok(written)
}

fn names(days: &[Weekday]) -> Result<Vec<&'static str>, CallError> {
    if days.is_empty() {
        return Err(invalid("/recurrence/pattern/days", "names no day"));
    }
    Ok(days.iter().filter_map(|day| name(&DAYS, day)).collect())
}

fn month_of(month: u32) -> Result<u32, CallError> {
    let there = (1..=12).contains(&month);
    there.then_some(month).ok_or_else(|| invalid("/recurrence/pattern/month", "is 1 to 12"))
}

/// A day that the month has in some year.
fn day_of(day: u32, month: Option<u32>) -> Result<u32, CallError> {
    let most = match month {
        Some(2) => 29,
        Some(4 | 6 | 9 | 11) => 30,
        _ => 31,
    };
    let there = (1..=most).contains(&day);
    there
        .then_some(day)
        .ok_or_else(|| invalid("/recurrence/pattern/day", format!("is 1 to {most} in that month")))
}

/// What Graph said, for an event that now begins on `first` in `zone`.
pub(super) fn moved(raw: &Value, first: Date, zone: &str) -> Result<Value, CallError> {
    let mut recurrence = read(raw);
    if matches!(recurrence.pattern, RecurrencePattern::Unknown { .. }) {
        let mut raw = raw.clone();
        raw["range"]["startDate"] = json!(first.to_string());
        raw["range"]["recurrenceTimeZone"] = json!(zone);
        return Ok(raw);
    }
    recurrence.time_zone = None;
    let (RecurrenceRange::NoEnd { start }
    | RecurrenceRange::EndDate { start, .. }
    | RecurrenceRange::Numbered { start, .. }) = &mut recurrence.range;
    *start = None;
    written(&recurrence, first, zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(recurrence: Value) -> String {
        let recurrence: Recurrence = serde_json::from_value(recurrence).unwrap();
        match written(&recurrence, "2026-10-05".parse().unwrap(), "UTC") {
            Err(CallError::Invalid { pointer, .. }) => pointer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_cannot_repeat_is_refused_where_it_is_wrong() {
        let no_end = json!({ "type": "no_end" });
        let with = |pattern: Value| refused(json!({ "pattern": pattern, "range": no_end }));
        let range =
            |range: Value| refused(json!({ "pattern": { "type": "daily" }, "range": range }));
        assert_eq!(with(json!({ "type": "daily", "interval": 0 })), "/recurrence/pattern/interval");
        assert_eq!(with(json!({ "type": "weekly", "days": [] })), "/recurrence/pattern/days");
        let april = json!({ "type": "absolute_yearly", "month": 4, "day": 31 });
        assert_eq!(with(april), "/recurrence/pattern/day");
        let thirteenth = json!({ "type": "absolute_yearly", "month": 13, "day": 1 });
        assert_eq!(with(thirteenth), "/recurrence/pattern/month");
        assert_eq!(with(json!({ "type": "unknown", "raw": {} })), "/recurrence/pattern");
        assert_eq!(range(json!({ "type": "numbered", "count": 0 })), "/recurrence/range/count");
        let ends = json!({ "type": "end_date", "end": "2026-10-04" });
        assert_eq!(range(ends), "/recurrence/range/end");
        let begins = json!({ "type": "no_end", "start": "2026-10-04" });
        assert_eq!(range(begins), "/recurrence/range/start");
    }

    #[test]
    fn a_series_that_moves_takes_its_range_along() {
        let raw = json!({
            "pattern": { "type": "weekly", "interval": 1, "month": 0, "dayOfMonth": 0,
                "daysOfWeek": ["monday"], "firstDayOfWeek": "sunday", "index": "first" },
            "range": { "type": "noEnd", "startDate": "2026-10-05", "endDate": "0001-01-01",
                "recurrenceTimeZone": "Pacific Standard Time", "numberOfOccurrences": 0 },
        });
        let first = "2026-10-12".parse().unwrap();
        let moved = moved(&raw, first, "W. Europe Standard Time").unwrap();
        assert_eq!(moved["range"]["startDate"], "2026-10-12");
        assert_eq!(moved["range"]["recurrenceTimeZone"], "W. Europe Standard Time");
        assert_eq!(moved["pattern"]["daysOfWeek"], json!(["monday"]));
    }
}
