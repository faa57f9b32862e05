//! How an event repeats, as it is typed: `weekly:mon,wed/2` is Monday and Wednesday of every other week.

use std::fmt::Write;
use std::str::FromStr;

use evergrant::capability::{Recurrence, RecurrencePattern, RecurrenceRange, Week, Weekday};
use jiff::civil::Date;
use serde::Serialize;

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

const WEEKS: [(&str, Week); 5] = [
    ("first", Week::First),
    ("second", Week::Second),
    ("third", Week::Third),
    ("fourth", Week::Fourth),
    ("last", Week::Last),
];

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

#[derive(clap::Args, Serialize)]
pub(super) struct Repeats {
    /// How it repeats: daily, weekly:mon,wed, monthly:15, monthly:last-fri, yearly:12-24 or
    /// yearly:last-mon-may; with /2 at the end every other day, week, month or year, and so on. Weeks
    /// begin on Sunday
    #[arg(long, value_name = "PATTERN")]
    repeat: Option<Pattern>,
    /// How often it takes place
    #[arg(long, value_name = "N", requires = "repeat", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// The last day on which it may take place; with neither this nor --count it has no end
    #[arg(long, value_name = "DAY", requires = "repeat", conflicts_with = "count")]
    until: Option<Date>,
}

impl Repeats {
    pub(super) fn recurrence(&self) -> Option<Recurrence> {
        let Pattern(pattern) = self.repeat.clone()?;
        let range = match (self.count, self.until) {
            (Some(count), _) => RecurrenceRange::Numbered { start: None, count },
            (None, Some(end)) => RecurrenceRange::EndDate { start: None, end },
            (None, None) => RecurrenceRange::NoEnd { start: None },
        };
        Some(Recurrence { pattern, range, time_zone: None })
    }
}

/// The days on which an event repeats.
#[derive(Clone, Serialize)]
struct Pattern(RecurrencePattern);

impl FromStr for Pattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map(Self).ok_or(
            "expected daily, weekly:mon,wed, monthly:15, monthly:last-fri, yearly:12-24 or \
             yearly:last-mon-may, and at the end /2 for every other",
        )
    }
}

fn parse(text: &str) -> Option<RecurrencePattern> {
    let (text, interval) = match text.rsplit_once('/') {
        Some((text, every)) => (text, every.parse().ok().filter(|every| *every > 0)?),
        None => (text, 1),
    };
    let (kind, on) = text.split_once(':').unwrap_or((text, ""));
    let parts: Vec<_> = on.split('-').collect();
    Some(match (kind, &*parts) {
        ("daily", [""]) => RecurrencePattern::Daily { interval },
        ("weekly", [list]) => {
            let first_day = Weekday::Sunday;
            RecurrencePattern::Weekly { interval, days: days(list)?, first_day }
        }
        ("monthly", [day]) => {
            RecurrencePattern::AbsoluteMonthly { interval, day: number(day, 31)? }
        }
        ("monthly", [which, list]) => {
            RecurrencePattern::RelativeMonthly { interval, days: days(list)?, week: week(which)? }
        }
        ("yearly", [name, day]) => {
            let (month, day) = (month(name)?, number(day, 31)?);
            RecurrencePattern::AbsoluteYearly { interval, month, day }
        }
        ("yearly", [which, list, name]) => {
            let (month, days, week) = (month(name)?, days(list)?, week(which)?);
            RecurrencePattern::RelativeYearly { interval, month, days, week }
        }
        _ => return None,
    })
}

fn days(list: &str) -> Option<Vec<Weekday>> {
    list.split(',').map(|day| Some(DAYS.iter().find(|(name, _)| *name == day)?.1)).collect()
}

fn week(which: &str) -> Option<Week> {
    Some(WEEKS.iter().find(|(name, _)| *name == which)?.1)
}

/// A month by its name or number.
fn month(name: &str) -> Option<u32> {
    match MONTHS.iter().position(|month| *month == name) {
        Some(place) => u32::try_from(place + 1).ok(),
        None => number(name, 12),
    }
}

fn number(text: &str, most: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (1..=most).contains(number))
}

/// A recurrence as one would type it.
pub(super) fn typed(recurrence: &Recurrence) -> String {
    let mut text = pattern(&recurrence.pattern);
    // Writing to a string cannot fail.
    let _ = match recurrence.range {
        RecurrenceRange::NoEnd { .. } => Ok(()),
        RecurrenceRange::EndDate { end, .. } => write!(text, " until {end}"),
        RecurrenceRange::Numbered { count, .. } => write!(text, ", {count} times"),
    };
    text
}

fn pattern(pattern: &RecurrencePattern) -> String {
    let list = |days: &[Weekday]| {
        let name = |day: &Weekday| DAYS.iter().find(|(_, each)| each == day).map(|(name, _)| *name);
        days.iter().filter_map(name).collect::<Vec<_>>().join(",")
    };
    let which = |week: &Week| {
        WEEKS.iter().find(|(_, each)| each == week).map(|(name, _)| *name).unwrap_or_default()
    };
    let (text, interval) = match pattern {
        RecurrencePattern::Daily { interval } => ("daily".to_owned(), interval),
        RecurrencePattern::Weekly { interval, days, .. } => {
            (format!("weekly:{}", list(days)), interval)
        }
        RecurrencePattern::AbsoluteMonthly { interval, day } => {
            (format!("monthly:{day}"), interval)
        }
        RecurrencePattern::RelativeMonthly { interval, days, week } => {
            (format!("monthly:{}-{}", which(week), list(days)), interval)
        }
        RecurrencePattern::AbsoluteYearly { interval, month, day } => {
            (format!("yearly:{month}-{day}"), interval)
        }
        RecurrencePattern::RelativeYearly { interval, month, days, week } => {
            (format!("yearly:{}-{}-{month}", which(week), list(days)), interval)
        }
        RecurrencePattern::Unknown { .. } => return "by a pattern not known here".to_owned(),
    };
    if *interval == 1 { text } else { format!("{text}/{interval}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_pattern_can_be_typed_and_is_shown_as_typed() {
        for (text, meant) in [
            ("daily", json!({ "type": "daily" })),
            (
                "weekly:mon,wed/2",
                json!({ "type": "weekly", "interval": 2, "days": ["monday", "wednesday"] }),
            ),
            ("monthly:15", json!({ "type": "absolute_monthly", "day": 15 })),
            (
                "monthly:last-fri/3",
                json!({ "type": "relative_monthly", "interval": 3, "days": ["friday"], "week": "last" }),
            ),
            ("yearly:12-24", json!({ "type": "absolute_yearly", "month": 12, "day": 24 })),
            (
                "yearly:last-mon-5",
                json!({ "type": "relative_yearly", "days": ["monday"], "week": "last", "month": 5 }),
            ),
        ] {
            let meant: RecurrencePattern = serde_json::from_value(meant).unwrap();
            assert_eq!(parse(text), Some(meant), "{text}");
            assert_eq!(pattern(&parse(text).unwrap()), text);
        }
        assert_eq!(parse("yearly:last-mon-may"), parse("yearly:last-mon-5"));
        assert_eq!(parse("yearly:dec-24"), parse("yearly:12-24"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "",
            "dayly",
            "daily/0",
            "daily/x",
            "daily:mon",
            "weekly",
            "weekly:",
            "weekly:monday",
            "monthly:0",
            "monthly:32",
            "monthly:fifth-mon",
            "yearly:13-1",
            "yearly:24",
            "yearly:last-mon-may-1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
