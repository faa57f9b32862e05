//! Moments: the two ways in which Graph writes them, and which of them overlap.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::zones::Zone;
use crate::microsoft::sandbox::json::member;

/// Why a moment cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Unreadable {
    /// It is not a date and a time.
    Time,
    /// There is no such zone.
    Zone(String),
}

/// A wall time and the zone whose wall it is: `dateTimeTimeZone` (contract 5.3).
#[derive(Debug, Clone)]
pub(in super::super) struct Moment {
    pub(in super::super) wall: DateTime,
    pub(in super::super) zone: Zone,
}

impl Moment {
    /// Reads `{dateTime, timeZone}`; without a zone it is UTC. A `dateTime` with an offset, which
    /// some clients send, is the instant that it names.
    pub(in super::super) fn read(value: &Value) -> Result<Self, Unreadable> {
        let text = member(value, "dateTime").and_then(Value::as_str).ok_or(Unreadable::Time)?;
        let zone = match member(value, "timeZone").and_then(Value::as_str) {
            Some(name) => Zone::named(name).ok_or_else(|| Unreadable::Zone(name.to_owned()))?,
            None => Zone::utc(),
        };
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Ok(Self { wall: instant.to_zoned(zone.rules.clone()).datetime(), zone });
        }
        let wall = text.parse().map_err(|_| Unreadable::Time)?;
        Ok(Self { wall, zone })
    }

    /// The instant. A wall time that summer time skips is moved past the gap; of one that comes
    /// twice, the first is meant.
    pub(in super::super) fn instant(&self) -> Timestamp {
        let zoned = self.wall.to_zoned(self.zone.rules.clone());
        zoned.map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
    }

    /// An instant on the wall of `zone`.
    pub(in super::super) fn at(instant: Timestamp, zone: &Zone) -> Self {
        Self { wall: instant.to_zoned(zone.rules.clone()).datetime(), zone: zone.clone() }
    }

    /// The same time of day, another day.
    pub(in super::super) fn on(&self, date: Date) -> Self {
        Self { wall: date.to_datetime(self.wall.time()), zone: self.zone.clone() }
    }

    /// `{dateTime, timeZone}` in `zone`, with seven digits of a fraction and no offset.
    pub(in super::super) fn show(&self, zone: &Zone) -> Value {
        shown(Self::at(self.instant(), zone).wall, zone)
    }

    /// The same for a day that begins everywhere at its own midnight (contract 5.3, `isAllDay`).
    pub(in super::super) fn show_floating(&self, zone: &Zone) -> Value {
        shown(self.wall.date().to_datetime(Time::midnight()), zone)
    }
}

/// A wall time of `zone` in the form of answers.
fn shown(wall: DateTime, zone: &Zone) -> Value {
    json!({ "dateTime": wall.strftime("%Y-%m-%dT%H:%M:%S.%7f").to_string(), "timeZone": zone.name })
}

/// From when to when; the end does not belong to it.
#[derive(Debug, Clone)]
pub(in super::super) struct Span {
    pub(in super::super) start: Moment,
    pub(in super::super) end: Moment,
    pub(in super::super) is_all_day: bool,
}

impl Span {
    /// Start and end in `zone`; whole days begin at midnight in every zone.
    pub(in super::super) fn shown(&self, zone: &Zone) -> (Value, Value) {
        let show = |moment: &Moment| {
            if self.is_all_day { moment.show_floating(zone) } else { moment.show(zone) }
        };
        (show(&self.start), show(&self.end))
    }

    /// The span on another day: both ends keep their time on the wall.
    pub(in super::super) fn on(&self, date: Date) -> Self {
        let days = date.duration_since(self.start.wall.date());
        let start = self.start.on(date);
        let end_date = self.end.wall.date().saturating_add(days);
        let mut end = self.end.on(end_date);
        // Where summer time begins, a start in the gap is moved, perhaps past the end.
        if end.instant() <= start.instant() && self.lasts() > SignedDuration::ZERO {
            let moved = start.instant().saturating_add(self.lasts()).unwrap_or(start.instant());
            end = Moment::at(moved, &self.end.zone);
        }
        Self { start, end, is_all_day: self.is_all_day }
    }

    /// How long it lasts on the wall.
    fn lasts(&self) -> SignedDuration {
        self.end.wall.duration_since(self.start.wall)
    }

    /// The instants it is matched by. An all-day event is matched as UTC midnights, in whatever
    /// zone it was made (contract 5.5).
    pub(in super::super) fn matched(&self) -> (Timestamp, Timestamp) {
        if self.is_all_day {
            let midnight = |moment: &Moment| {
                let wall = moment.wall.date().to_datetime(Time::midnight());
                Moment { wall, zone: Zone::utc() }.instant()
            };
            return (midnight(&self.start), midnight(&self.end));
        }
        (self.start.instant(), self.end.instant())
    }

    /// The overlap test of contract 5.5. What lasts no time overlaps where it stands.
    pub(in super::super) fn overlaps(&self, from: Timestamp, to: Timestamp) -> bool {
        let (start, end) = self.matched();
        start < to && (end > from || (start == end && start >= from))
    }
}

/// A `DateTimeOffset` of a query or a body: with an offset or `Z`; without one it is UTC.
pub(in super::super) fn instant(text: &str) -> Option<Timestamp> {
    // A plus sign that nobody escaped arrives as a space.
    let text = text.trim().replace(' ', "+");
    text.parse::<Timestamp>().ok().or_else(|| {
        let wall: DateTime = text.parse().ok()?;
        Some(Moment { wall, zone: Zone::utc() }.instant())
    })
}

/// A `DateTimeOffset` of an answer, seven digits of a fraction.
pub(in super::super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%7fZ").to_string()
}

/// A `DateTimeOffset` of an answer, to the second.
pub(in super::super) fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall: &str, zone: &str) -> Moment {
        Moment::read(&json!({ "dateTime": wall, "timeZone": zone })).unwrap()
    }

    #[test]
    fn a_moment_is_shown_on_the_wall_that_was_asked_for() {
        let lunch = moment("2026-10-15T12:00:00", "Pacific Standard Time");
        let shown = |zone| lunch.show(&Zone::named(zone).unwrap())["dateTime"].clone();
        assert_eq!(shown("UTC"), "2026-10-15T19:00:00.0000000");
        assert_eq!(shown("Pacific Standard Time"), "2026-10-15T12:00:00.0000000");
        assert_eq!(shown("Australia/Sydney"), "2026-10-16T06:00:00.0000000");
    }

    #[test]
    fn an_offset_in_a_moment_is_honoured() {
        let moment = moment("2026-01-01T10:00:00+02:00", "Europe/Berlin");
        assert_eq!(moment.instant().to_string(), "2026-01-01T08:00:00Z");
    }

    #[test]
    fn a_skipped_hour_is_moved_and_a_double_one_is_its_first() {
        let gap = moment("2026-03-29T02:30:00", "Europe/Berlin");
        assert_eq!(gap.instant().to_string(), "2026-03-29T01:30:00Z");
        let fold = moment("2026-10-25T02:30:00", "Europe/Berlin");
        assert_eq!(fold.instant().to_string(), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn a_span_never_ends_before_it_begins() {
        let span = Span {
            start: moment("2026-03-28T02:30:00", "Europe/Berlin"),
            end: moment("2026-03-28T03:00:00", "Europe/Berlin"),
            is_all_day: false,
        };
        let (start, end) = span.on(jiff::civil::date(2026, 3, 29)).matched();
        assert_eq!((end - start).get_minutes() + (end - start).get_seconds() / 60, 30);
    }

    #[test]
    fn all_day_spans_are_matched_as_utc_midnights() {
        let day = Span {
            start: moment("2026-10-15T00:00:00", "Pacific Standard Time"),
            end: moment("2026-10-16T00:00:00", "Pacific Standard Time"),
            is_all_day: true,
        };
        let at = |text| instant(text).unwrap();
        assert!(day.overlaps(at("2026-10-14T23:00:00Z"), at("2026-10-15T00:00:01Z")));
        assert!(!day.overlaps(at("2026-10-16T00:00:00Z"), at("2026-10-16T05:00:00Z")));
        assert_eq!(
            day.start.show_floating(&Zone::utc())["dateTime"],
            "2026-10-15T00:00:00.0000000"
        );
    }

    #[test]
    fn instants_are_read_with_and_without_an_offset() {
        for text in [
            "2026-10-01T08:00:00Z",
            "2026-10-01T08:00:00",
            "2026-10-01T00:00:00-08:00",
            "2026-10-01T10:00:00 02:00",
        ] {
            assert_eq!(instant(text).unwrap().to_string(), "2026-10-01T08:00:00Z", "{text}");
        }
        assert!(instant("tomorrow").is_none());
    }
}
