//! How a series repeats (contract 5.4): read from a body, shown in an answer.

use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

use super::zones::Zone;
use crate::microsoft::sandbox::json::{given, integer, items, one_of, text};

/// `patternedRecurrence`.
#[derive(Debug, Clone)]
pub(in super::super) struct Recurrence {
    pub(in super::super) pattern: Pattern,
    pub(in super::super) start: Date,
    pub(in super::super) end: End,
    /// The zone on whose wall the time of day stays.
    pub(in super::super) zone: Zone,
}

/// `recurrencePattern`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Pattern {
    pub(in super::super) kind: Kind,
    pub(in super::super) interval: u16,
    pub(in super::super) days: Vec<Weekday>,
    pub(in super::super) first_day: Weekday,
    pub(in super::super) day_of_month: i8,
    pub(in super::super) month: i8,
    pub(in super::super) index: Index,
}

/// `recurrencePatternType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Daily,
    Weekly,
    AbsoluteMonthly,
    RelativeMonthly,
    AbsoluteYearly,
    RelativeYearly,
}

/// `weekIndex`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Index {
    /// The nth, from 0.
    Nth(usize),
    /// The last.
    Last,
}

/// Where the range ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum End {
    /// The last possible day.
    Until(Date),
    /// Nowhere.
    Never,
    /// After so many occurrences.
    After(u32),
}

const KINDS: [(&str, Kind); 6] = [
    ("daily", Kind::Daily),
    ("weekly", Kind::Weekly),
    ("absoluteMonthly", Kind::AbsoluteMonthly),
    ("relativeMonthly", Kind::RelativeMonthly),
    ("absoluteYearly", Kind::AbsoluteYearly),
    ("relativeYearly", Kind::RelativeYearly),
];
const DAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const INDEXES: [&str; 5] = ["first", "second", "third", "fourth", "last"];
/// How an unused date is written.
const NO_DATE: &str = "0001-01-01";

impl Recurrence {
    /// Reads a `patternedRecurrence` of an event in `zone`; `None` if a member that the type needs
    /// is missing or cannot be, or if `recurrenceTimeZone` is not the event's (contract 5.4).
    pub(in super::super) fn read(value: &Value, zone: &Zone) -> Option<Self> {
        let range = given(value, "range")?;
        let start = date(range, "startDate")?;
        let end = match one_of(&["endDate", "noEnd", "numbered"], text(range, "type")?)? {
            "endDate" => End::Until(date(range, "endDate").filter(|end| *end >= start)?),
            "numbered" => {
                let count = integer(range, "numberOfOccurrences")?;
                End::After(u32::try_from(count).ok().filter(|count| *count > 0)?)
            }
            _ => End::Never,
        };
        // An empty one and one that is left out are filled from the event.
        let asked = text(range, "recurrenceTimeZone").filter(|name| !name.is_empty());
        if let Some(asked) = asked
            && !Zone::named(asked)?.is_same(zone)
        {
            return None;
        }
        let pattern = Pattern::read(given(value, "pattern")?)?;
        Some(Self { pattern, start, end, zone: zone.clone() })
    }

    /// The answer's form: unused members are filled.
    pub(in super::super) fn show(&self) -> Value {
        let (kind, end, count) = match self.end {
            End::Until(end) => ("endDate", end.to_string(), 0),
            End::Never => ("noEnd", NO_DATE.to_owned(), 0),
            End::After(count) => ("numbered", NO_DATE.to_owned(), count),
        };
        json!({
            "pattern": self.pattern.show(),
            "range": {
                "type": kind,
                "startDate": self.start.to_string(),
                "endDate": end,
                "recurrenceTimeZone": self.zone.name,
                "numberOfOccurrences": count,
            },
        })
    }
}

impl Pattern {
    fn read(value: &Value) -> Option<Self> {
        let named = text(value, "type")?;
        let (_, kind) = KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(named))?;
        let interval = u16::try_from(integer(value, "interval").unwrap_or(1)).ok()?;
        let days = items(value, "daysOfWeek").iter().map(|day| weekday(day.as_str()?));
        let days = days.collect::<Option<Vec<_>>>()?;
        let first_day = match text(value, "firstDayOfWeek") {
            Some(day) => weekday(day)?,
            None => Weekday::Sunday,
        };
        let index = match text(value, "index") {
            Some(index) => INDEXES.iter().position(|known| known.eq_ignore_ascii_case(index))?,
            None => 0,
        };
        let index = if index == 4 { Index::Last } else { Index::Nth(index) };
        let small = |name| i8::try_from(integer(value, name).unwrap_or_default()).ok();
        let pattern = Self {
            kind: *kind,
            interval,
            days,
            first_day,
            day_of_month: small("dayOfMonth")?,
            month: small("month")?,
            index,
        };
        let has_day_of_month = (1..=31).contains(&pattern.day_of_month);
        let has_month = (1..=12).contains(&pattern.month);
        let is_whole = match pattern.kind {
            Kind::Daily => true,
            Kind::Weekly | Kind::RelativeMonthly => !pattern.days.is_empty(),
            Kind::AbsoluteMonthly => has_day_of_month,
            Kind::AbsoluteYearly => has_day_of_month && has_month,
            Kind::RelativeYearly => !pattern.days.is_empty() && has_month,
        };
        (is_whole && interval > 0).then_some(pattern)
    }

    fn show(&self) -> Value {
        let (name, _) = KINDS.iter().find(|(_, kind)| *kind == self.kind).unwrap_or(&KINDS[0]);
        let index = match self.index {
            Index::Nth(n) => INDEXES.get(n).copied().unwrap_or("first"),
            Index::Last => "last",
        };
        let has_days =
            matches!(self.kind, Kind::Weekly | Kind::RelativeMonthly | Kind::RelativeYearly);
        let has_day_of_month = matches!(self.kind, Kind::AbsoluteMonthly | Kind::AbsoluteYearly);
        let has_month = matches!(self.kind, Kind::AbsoluteYearly | Kind::RelativeYearly);
        let has_index = matches!(self.kind, Kind::RelativeMonthly | Kind::RelativeYearly);
        let days: Vec<_> = self.days.iter().map(|day| day_name(*day)).collect();
        json!({
            "type": name,
            "interval": self.interval,
            "month": if has_month { self.month } else { 0 },
            "dayOfMonth": if has_day_of_month { self.day_of_month } else { 0 },
            "daysOfWeek": if has_days { days } else { Vec::new() },
            "firstDayOfWeek": if self.kind == Kind::Weekly { day_name(self.first_day) } else { "sunday" },
            "index": if has_index { index } else { "first" },
        })
    }
}

/// A day by its name, in any case.
pub(in super::super) fn weekday(name: &str) -> Option<Weekday> {
    let position = DAYS.iter().position(|known| known.eq_ignore_ascii_case(name))?;
    Weekday::from_sunday_zero_offset(i8::try_from(position).ok()?).ok()
}

/// The name of a day.
fn day_name(day: Weekday) -> &'static str {
    let position = usize::try_from(day.to_sunday_zero_offset()).unwrap_or_default();
    DAYS.get(position).copied().unwrap_or("sunday")
}

/// A plain date; the one that means none is none.
fn date(value: &Value, name: &str) -> Option<Date> {
    text(value, name).filter(|text| *text != NO_DATE)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Zone {
        Zone::named("Europe/Berlin").unwrap()
    }

    #[test]
    fn unused_members_are_filled() {
        let sent = json!({
            "pattern": { "type": "Weekly", "interval": 1, "daysOfWeek": ["Monday"] },
            "range": { "type": "endDate", "startDate": "2026-10-05", "endDate": "2026-12-31" },
        });
        let shown = Recurrence::read(&sent, &berlin()).unwrap().show();
        assert_eq!(
            shown,
            json!({
                "pattern": {
                    "type": "weekly", "interval": 1, "month": 0, "dayOfMonth": 0, "daysOfWeek": ["monday"],
                    "firstDayOfWeek": "sunday", "index": "first",
                },
                "range": {
                    "type": "endDate", "startDate": "2026-10-05", "endDate": "2026-12-31",
                    "recurrenceTimeZone": "Europe/Berlin", "numberOfOccurrences": 0,
                },
            })
        );
        assert_eq!(Recurrence::read(&shown, &berlin()).unwrap().show(), shown, "and read again");
    }

    #[test]
    fn what_a_type_needs_must_be_there() {
        let range = json!({ "type": "noEnd", "startDate": "2026-10-05" });
        for pattern in [
            json!({ "type": "hourly", "interval": 1 }),
            json!({ "type": "daily", "interval": 0 }),
            json!({ "type": "weekly", "interval": 1 }),
            json!({ "type": "absoluteMonthly", "interval": 1, "dayOfMonth": 32 }),
            json!({ "type": "relativeMonthly", "interval": 1, "index": "first" }),
            json!({ "type": "absoluteYearly", "interval": 1, "dayOfMonth": 1 }),
            json!({ "type": "relativeYearly", "interval": 1, "daysOfWeek": ["friday"] }),
        ] {
            let value = json!({ "pattern": pattern, "range": range });
            assert!(Recurrence::read(&value, &berlin()).is_none(), "{pattern}");
        }
        for range in [
            json!({ "type": "endDate", "startDate": "2026-10-05" }),
            json!({ "type": "endDate", "startDate": "2026-10-05", "endDate": "2026-10-04" }),
            json!({ "type": "numbered", "startDate": "2026-10-05", "numberOfOccurrences": 0 }),
            json!({ "type": "noEnd" }),
            json!({ "type": "noEnd", "startDate": "2026-10-05", "recurrenceTimeZone": "UTC" }),
        ] {
            let value = json!({ "pattern": { "type": "daily", "interval": 1 }, "range": range });
            assert!(Recurrence::read(&value, &berlin()).is_none(), "{range}");
        }
    }
}
