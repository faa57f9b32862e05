//! How an event repeats.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::time::Zone;

/// How an event repeats: on which days, and from when to when.
///
/// The time of day is the event's own, in the zone of the series: 09:00 stays 09:00 when clocks
/// change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Recurrence {
    /// On which days.
    pub pattern: RecurrencePattern,
    /// From when to when.
    pub range: RecurrenceRange,
    /// The zone its days are counted in; the event's own unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Zone>,
}

/// On which days an event repeats. `interval` counts days, weeks, months or years: 2 is every other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RecurrencePattern {
    /// Every so many days.
    Daily {
        /// How many.
        #[serde(default = "one")]
        interval: u32,
    },
    /// On these days of every so many weeks.
    Weekly {
        /// How many.
        #[serde(default = "one")]
        interval: u32,
        /// Which days, at least one.
        days: Vec<Weekday>,
        /// Where a week begins, which matters for intervals above 1.
        #[serde(default = "sunday")]
        first_day: Weekday,
    },
    /// On a day of every so many months, such as the 15th.
    AbsoluteMonthly {
        /// How many.
        #[serde(default = "one")]
        interval: u32,
        /// The day of the month, 1 to 31.
        day: u32,
    },
    /// On a day of a week of every so many months, such as the last Friday.
    RelativeMonthly {
        /// How many.
        #[serde(default = "one")]
        interval: u32,
        /// Any one of these days.
        days: Vec<Weekday>,
        /// Which of them in the month.
        #[serde(default = "first")]
        week: Week,
    },
    /// On a date of every so many years.
    AbsoluteYearly {
        /// How many.
        #[serde(default = "one")]
        interval: u32,
        /// The month, 1 to 12.
        month: u32,
        /// The day of the month, 1 to 31.
        day: u32,
    },
    /// On a day of a week of a month of every so many years.
    RelativeYearly {
        /// How many.
        #[serde(default = "one")]
        interval: u32,
        /// The month, 1 to 12.
        month: u32,
        /// Any one of these days.
        days: Vec<Weekday>,
        /// Which of them in the month.
        #[serde(default = "first")]
        week: Week,
    },
    /// A pattern that is not known here, as the provider wrote it. It can be read and not written.
    Unknown {
        /// The provider's own words.
        #[cfg_attr(feature = "schema", schema(value_type = Object))]
        raw: Map<String, Value>,
    },
}

fn one() -> u32 {
    1
}

fn sunday() -> Weekday {
    Weekday::Sunday
}

fn first() -> Week {
    Week::First
}

/// From when to when an event repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RecurrenceRange {
    /// For ever.
    NoEnd {
        /// The first day; the event's own unless given.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = Date))]
        start: Option<Date>,
    },
    /// Until a day.
    EndDate {
        /// The first day; the event's own unless given.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = Date))]
        start: Option<Date>,
        /// The last day on which it may take place.
        #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
        end: Date,
    },
    /// So many times.
    Numbered {
        /// The first day; the event's own unless given.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = Date))]
        start: Option<Date>,
        /// How often.
        count: u32,
    },
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Sunday,
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
}

/// Which of a month's days of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Week {
    First,
    Second,
    Third,
    Fourth,
    Last,
}
