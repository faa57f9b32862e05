//! When events begin and end, as Graph takes it: what clocks show, and the zone (contract, sections
//! 4.8 and 5.3).
//!
//! A time goes out in the event's own zone, so that everybody's calendar shows that zone. Two kinds do
//! not: one without a zone, and one that the zone's clocks show twice, since nothing tells which of
//! the two Graph takes. They go out in UTC, which has no such times; a series cannot, because its
//! occurrences keep their time of day.

use evergrant::CallError;
use evergrant::capability::{Moment, Zone};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde_json::{Value, json};

use crate::microsoft::graph::input::invalid;
use crate::microsoft::zones;

/// Where a beginning and an end stand in what the caller gave.
pub(super) const NAMES: [&str; 2] = ["/start_time", "/end_time"];

/// From when to when.
#[derive(Debug)]
pub(super) struct Span {
    /// The beginning, as Graph takes it.
    pub(super) start: Value,
    /// The end, as Graph takes it.
    pub(super) end: Value,
    pub(super) all_day: bool,
    /// The zone both are in, by Graph's name.
    pub(super) zone: String,
    /// The day on which it begins, there.
    pub(super) first_day: Date,
}

impl Span {
    /// From `start` to `end`, or why there is no such time.
    pub(super) fn new(
        start: Moment,
        end: Moment,
        zone: Option<&Zone>,
        repeats: bool,
        [start_name, end_name]: [&str; 2],
    ) -> Result<Self, CallError> {
        if let (Moment::Day(first), Moment::Day(after)) = (start, end) {
            if after <= first {
                return Err(invalid(
                    end_name,
                    "is the first day after it, so later than its first",
                ));
            }
            let midnights = (first.into(), after.into());
            return Ok(Self::of(
                midnights,
                &zone.map_or("UTC".to_owned(), zones::to_windows),
                true,
            ));
        }
        if matches!(start, Moment::Day(_)) != matches!(end, Moment::Day(_)) {
            return Err(invalid(end_name, "is no whole day while the other is, or is one alone"));
        }
        let at = |moment: Moment, name| instant(moment, zone, name);
        let (from, to) = (at(start, start_name)?, at(end, end_name)?);
        if to < from {
            return Err(invalid(end_name, "is before the beginning"));
        }
        let Some(zone) = zone else {
            if repeats {
                return Err(invalid(
                    "/time_zone",
                    "is needed: a series keeps its time of day in it",
                ));
            }
            return Ok(Self::of((wall(from, &Zone::utc()), wall(to, &Zone::utc())), "UTC", false));
        };
        let (first, last) = (shown(from, zone), shown(to, zone));
        if repeats {
            for (shown, name) in [(first, start_name), (last, end_name)] {
                if shown == Shown::Again {
                    return Err(invalid(
                        name,
                        "is shown by clocks for the second time then; a series can only mean the first",
                    ));
                }
            }
        } else if (first, last) != (Shown::Once, Shown::Once) {
            return Ok(Self::of((wall(from, &Zone::utc()), wall(to, &Zone::utc())), "UTC", false));
        }
        Ok(Self::of((wall(from, zone), wall(to, zone)), &zones::to_windows(zone), false))
    }

    fn of((start, end): (DateTime, DateTime), zone: &str, all_day: bool) -> Self {
        let time = |wall: DateTime| json!({ "dateTime": written(wall), "timeZone": zone });
        Self {
            start: time(start),
            end: time(end),
            all_day,
            zone: zone.to_owned(),
            first_day: start.date(),
        }
    }
}

/// The instant a moment names, or why there is none.
pub(in crate::microsoft) fn instant(
    moment: Moment,
    zone: Option<&Zone>,
    name: &str,
) -> Result<Timestamp, CallError> {
    moment.instant(zone).map_err(|error| invalid(name, error.to_string()))
}

/// Which time it is that clocks show this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Once,
    First,
    Again,
}

fn shown(at: Timestamp, zone: &Zone) -> Shown {
    let ambiguous = zone.rules().to_ambiguous_timestamp(wall(at, zone));
    if !ambiguous.is_ambiguous() {
        Shown::Once
    } else if ambiguous.earlier().is_ok_and(|earlier| earlier == at) {
        Shown::First
    } else {
        Shown::Again
    }
}

fn wall(at: Timestamp, zone: &Zone) -> DateTime {
    zone.at(at).datetime()
}

/// Without an offset, and with no more digits than Graph has (contract, section 4.1).
fn written(wall: DateTime) -> String {
    if wall.subsec_nanosecond() == 0 { wall.to_string() } else { format!("{wall:.6}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: &str, end: &str, zone: &str, repeats: bool) -> Result<Span, CallError> {
        let zone: Zone = zone.parse().unwrap();
        Span::new(start.parse().unwrap(), end.parse().unwrap(), Some(&zone), repeats, NAMES)
    }

    fn problem(span: Result<Span, CallError>) -> String {
        let Err(CallError::Invalid { pointer, problem }) = span else { panic!("{span:?}") };
        format!("{pointer} {problem}")
    }

    #[test]
    fn a_time_that_clocks_skip_is_refused() {
        for repeats in [false, true] {
            let skipped =
                span("2026-03-29T02:30:00", "2026-03-29T04:00:00", "Europe/Berlin", repeats);
            assert!(problem(skipped).starts_with("/start_time does not exist in Europe/Berlin"));
            let skipped =
                span("2026-03-29T01:30:00", "2026-03-29T02:00:00", "Europe/Berlin", repeats);
            assert!(problem(skipped).starts_with("/end_time does not exist"));
        }
    }

    #[test]
    fn a_time_that_clocks_show_twice_goes_out_in_utc() {
        let first = span("2026-10-25T02:30:00", "2026-10-25T04:00:00", "Europe/Berlin", false);
        let first = first.unwrap();
        assert_eq!(first.start["dateTime"], "2026-10-25T00:30:00");
        assert_eq!((&first.start["timeZone"], first.zone.as_str()), (&json!("UTC"), "UTC"));
        let second =
            span("2026-10-25T02:30:00+01:00", "2026-10-25T02:45:00+01:00", "Europe/Berlin", false);
        assert_eq!(second.unwrap().start["dateTime"], "2026-10-25T01:30:00");
    }

    #[test]
    fn a_series_keeps_its_zone_and_cannot_begin_in_a_repeated_hour() {
        let first =
            span("2026-10-25T02:30:00", "2026-10-25T04:00:00", "Europe/Berlin", true).unwrap();
        assert_eq!(first.start["dateTime"], "2026-10-25T02:30:00");
        assert_eq!(first.zone, "W. Europe Standard Time");
        let second =
            span("2026-10-25T02:30:00+01:00", "2026-10-25T04:00:00", "Europe/Berlin", true);
        assert!(problem(second).starts_with("/start_time is shown by clocks for the second time"));
    }

    #[test]
    fn an_instant_is_written_as_the_zone_shows_it() {
        let span = span("2026-07-01T07:00:00Z", "2026-07-01T10:00:00+02:00", "Asia/Kolkata", false);
        let span = span.unwrap();
        let time = |at: &str| json!({ "dateTime": at, "timeZone": "India Standard Time" });
        assert_eq!(span.start, time("2026-07-01T12:30:00"));
        assert_eq!(span.end, time("2026-07-01T13:30:00"));
    }

    #[test]
    fn without_a_zone_a_single_event_is_in_utc_and_a_series_is_refused() {
        let at = |text: &str| text.parse().unwrap();
        let (start, end) = (at("2026-07-01T09:00:00+02:00"), at("2026-07-01T09:30:00.5+02:00"));
        let single = Span::new(start, end, None, false, NAMES).unwrap();
        assert_eq!(single.start["dateTime"], "2026-07-01T07:00:00");
        assert_eq!(single.end["dateTime"], "2026-07-01T07:30:00.500000");
        assert!(problem(Span::new(start, end, None, true, NAMES)).starts_with("/time_zone"));
        let bare = Span::new(at("2026-07-01T09:00:00"), end, None, false, NAMES);
        assert!(problem(bare).starts_with("/start_time has no offset"));
    }

    #[test]
    fn whole_days_are_midnights_in_one_zone() {
        let days = span("2026-03-29", "2026-03-30", "Europe/Berlin", false).unwrap();
        assert!(days.all_day);
        assert_eq!(days.start["dateTime"], "2026-03-29T00:00:00");
        assert_eq!(days.end["timeZone"], "W. Europe Standard Time");
        for (start, end) in [
            ("2026-03-29", "2026-03-29"),
            ("2026-03-29", "2026-03-29T12:00:00"),
            ("2026-03-29T12:00:00", "2026-03-30"),
            ("2026-03-29T12:00:00", "2026-03-29T11:00:00"),
        ] {
            let refused = problem(span(start, end, "Europe/Berlin", false));
            assert!(refused.starts_with("/end_time"), "{start} {end}: {refused}");
        }
    }
}
