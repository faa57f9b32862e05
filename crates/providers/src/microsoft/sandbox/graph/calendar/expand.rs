//! The days on which a series takes place.
//!
//! Only days are computed here. The time of day is the first occurrence's, on the wall of the
//! series' zone: what begins at nine begins at nine before and after summer time begins.

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};

use super::recurrence::{End, Index, Kind, Pattern, Recurrence};

/// No series is followed further than this many periods: a pattern such as the 30th of February
/// must end, and so must a search in a far future.
const MOST_PERIODS: u32 = 50_000;

impl Recurrence {
    /// The days of all occurrences, in order.
    pub(in super::super) fn days(&self) -> impl Iterator<Item = Date> + '_ {
        let (last, most) = match self.end {
            End::Until(last) => (last, usize::MAX),
            End::Never => (Date::MAX, usize::MAX),
            End::After(count) => (Date::MAX, usize::try_from(count).unwrap_or(usize::MAX)),
        };
        (0..MOST_PERIODS)
            .map_while(move |period| self.pattern.period(self.start, period))
            .flatten()
            .filter(move |day| *day >= self.start)
            .take_while(move |day| *day <= last)
            .take(most)
    }

    /// Whether an occurrence falls on this day.
    pub(in super::super) fn is_on(&self, day: Date) -> bool {
        self.days().take_while(|next| *next <= day).any(|next| next == day)
    }
}

impl Pattern {
    /// The days of the pattern in its nth period, counted from the one in which the series begins;
    /// `None` when the calendar ends. Periods between are left out by the interval.
    fn period(&self, start: Date, n: u32) -> Option<Vec<Date>> {
        let step = i64::from(n) * i64::from(self.interval);
        let begin = |span: jiff::Span, from: Date| from.checked_add(span).ok();
        match self.kind {
            Kind::Daily => Some(vec![begin(step.days(), start)?]),
            Kind::Weekly => {
                let week = begin(step.weeks(), week_of(start, self.first_day))?;
                let week = week.series(1.day()).take(7);
                Some(week.filter(|day| self.days.contains(&day.weekday())).collect())
            }
            Kind::AbsoluteMonthly => {
                let month = begin(step.months(), start.first_of_month())?;
                Some(vec![self.day_in(month)?])
            }
            Kind::RelativeMonthly => {
                let month = begin(step.months(), start.first_of_month())?;
                Some(self.indexed_in(month).into_iter().collect())
            }
            Kind::AbsoluteYearly => {
                let year = begin(step.years(), start.first_of_year())?;
                Some(vec![self.day_in(month_of(year, self.month)?)?])
            }
            Kind::RelativeYearly => {
                let year = begin(step.years(), start.first_of_year())?;
                Some(self.indexed_in(month_of(year, self.month)?).into_iter().collect())
            }
        }
    }

    /// The day of the month; where the month is shorter, its last one (documentation of the
    /// `DayOfMonth` element of Exchange Web Services; the contract is silent).
    fn day_in(&self, month: Date) -> Option<Date> {
        let day = self.day_of_month.min(month.days_in_month());
        Date::new(month.year(), month.month(), day).ok()
    }

    /// The nth of those days of the month that are one of the days of the week.
    fn indexed_in(&self, month: Date) -> Option<Date> {
        let days = usize::try_from(month.days_in_month()).unwrap_or_default();
        let mut matching =
            month.series(1.day()).take(days).filter(|day| self.days.contains(&day.weekday()));
        match self.index {
            Index::Nth(n) => matching.nth(n),
            Index::Last => matching.last(),
        }
    }
}

/// The first day of the week that `day` is in.
fn week_of(day: Date, first_day: Weekday) -> Date {
    let into = i64::from(day.weekday().since(first_day));
    day.checked_sub(into.days()).unwrap_or(day)
}

/// The first of a month of a year.
fn month_of(year: Date, month: i8) -> Option<Date> {
    Date::new(year.year(), month, 1).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::when::{Moment, Span};
    use super::super::zones::Zone;
    use super::*;

    /// The first days of a series, as texts.
    fn days(pattern: &Value, range: &Value, count: usize) -> Vec<String> {
        let value = json!({ "pattern": pattern, "range": range });
        let recurrence = Recurrence::read(&value, &Zone::utc()).expect("a recurrence");
        recurrence.days().take(count).map(|day| day.to_string()).collect()
    }

    fn no_end(start: &str) -> Value {
        json!({ "type": "noEnd", "startDate": start })
    }

    #[test]
    fn days_are_those_computed_by_hand() {
        let cases: &[(&str, Value, Value, &[&str])] = &[
            (
                "every second day",
                json!({ "type": "daily", "interval": 2 }),
                no_end("2026-10-30"),
                &["2026-10-30", "2026-11-01", "2026-11-03"],
            ),
            (
                "every tenth day into a leap day",
                json!({ "type": "daily", "interval": 10 }),
                no_end("2028-02-19"),
                &["2028-02-19", "2028-02-29", "2028-03-10"],
            ),
            (
                "numbered",
                json!({ "type": "daily", "interval": 1 }),
                json!({ "type": "numbered", "startDate": "2026-12-31", "numberOfOccurrences": 2 }),
                &["2026-12-31", "2027-01-01"],
            ),
            (
                "the end date belongs to it",
                json!({ "type": "daily", "interval": 1 }),
                json!({ "type": "endDate", "startDate": "2026-10-05", "endDate": "2026-10-07" }),
                &["2026-10-05", "2026-10-06", "2026-10-07"],
            ),
            (
                "Mondays",
                json!({ "type": "weekly", "interval": 1, "daysOfWeek": ["monday"] }),
                json!({ "type": "endDate", "startDate": "2026-12-14", "endDate": "2026-12-31" }),
                &["2026-12-14", "2026-12-21", "2026-12-28"],
            ),
            (
                "Mondays and Wednesdays, from a Wednesday on",
                json!({ "type": "weekly", "interval": 1, "daysOfWeek": ["monday", "wednesday"] }),
                no_end("2026-10-07"),
                &["2026-10-07", "2026-10-12", "2026-10-14"],
            ),
            (
                "days in the order of the week, not of the list",
                json!({ "type": "weekly", "interval": 1, "daysOfWeek": ["friday", "monday"] }),
                no_end("2026-10-05"),
                &["2026-10-05", "2026-10-09", "2026-10-12"],
            ),
            (
                "every second week of Sunday to Saturday",
                json!({ "type": "weekly", "interval": 2, "daysOfWeek": ["tuesday", "sunday"] }),
                no_end("2026-10-06"),
                &["2026-10-06", "2026-10-18", "2026-10-20", "2026-11-01"],
            ),
            (
                "every second week of Monday to Sunday",
                json!({ "type": "weekly", "interval": 2, "daysOfWeek": ["tuesday", "sunday"], "firstDayOfWeek": "monday" }),
                no_end("2026-10-06"),
                &["2026-10-06", "2026-10-11", "2026-10-20", "2026-10-25"],
            ),
            (
                "numbered counts only days that match",
                json!({ "type": "weekly", "interval": 1, "daysOfWeek": ["monday"] }),
                json!({ "type": "numbered", "startDate": "2026-10-06", "numberOfOccurrences": 2 }),
                &["2026-10-12", "2026-10-19"],
            ),
            (
                "the 15th",
                json!({ "type": "absoluteMonthly", "interval": 1, "dayOfMonth": 15 }),
                no_end("2026-10-15"),
                &["2026-10-15", "2026-11-15", "2026-12-15", "2027-01-15"],
            ),
            (
                "the 15th, begun after it",
                json!({ "type": "absoluteMonthly", "interval": 1, "dayOfMonth": 15 }),
                no_end("2026-10-16"),
                &["2026-11-15", "2026-12-15"],
            ),
            (
                "the 31st is the last day of shorter months",
                json!({ "type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31 }),
                no_end("2027-01-31"),
                &["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"],
            ),
            (
                "the 31st of every third month",
                json!({ "type": "absoluteMonthly", "interval": 3, "dayOfMonth": 31 }),
                no_end("2026-08-31"),
                &["2026-08-31", "2026-11-30", "2027-02-28", "2027-05-31"],
            ),
            (
                "the second Thursday of every third month",
                json!({ "type": "relativeMonthly", "interval": 3, "daysOfWeek": ["thursday"], "index": "second" }),
                json!({ "type": "endDate", "startDate": "2026-10-08", "endDate": "2027-10-08" }),
                &["2026-10-08", "2027-01-14", "2027-04-08", "2027-07-08"],
            ),
            (
                "the first Monday, where the month begins with one",
                json!({ "type": "relativeMonthly", "interval": 1, "daysOfWeek": ["monday"], "index": "first" }),
                no_end("2027-02-01"),
                &["2027-02-01", "2027-03-01", "2027-04-05"],
            ),
            (
                "the last Friday",
                json!({ "type": "relativeMonthly", "interval": 1, "daysOfWeek": ["friday"], "index": "last" }),
                no_end("2026-10-30"),
                &["2026-10-30", "2026-11-27", "2026-12-25", "2027-01-29"],
            ),
            (
                "the last working day",
                json!({ "type": "relativeMonthly", "interval": 1, "index": "last",
                     "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"] }),
                no_end("2026-10-30"),
                &["2026-10-30", "2026-11-30", "2026-12-31", "2027-01-29"],
            ),
            (
                "the fourth of the weekend's days",
                json!({ "type": "relativeMonthly", "interval": 1, "index": "fourth", "daysOfWeek": ["saturday", "sunday"] }),
                no_end("2026-10-01"),
                &["2026-10-11", "2026-11-14", "2026-12-13"],
            ),
            (
                "March 15",
                json!({ "type": "absoluteYearly", "interval": 1, "dayOfMonth": 15, "month": 3 }),
                no_end("2027-03-15"),
                &["2027-03-15", "2028-03-15"],
            ),
            (
                "March 15, begun after it",
                json!({ "type": "absoluteYearly", "interval": 1, "dayOfMonth": 15, "month": 3 }),
                no_end("2027-03-16"),
                &["2028-03-15"],
            ),
            (
                "the leap day",
                json!({ "type": "absoluteYearly", "interval": 1, "dayOfMonth": 29, "month": 2 }),
                no_end("2028-02-29"),
                &["2028-02-29", "2029-02-28", "2030-02-28"],
            ),
            (
                "the leap day of every fourth year",
                json!({ "type": "absoluteYearly", "interval": 4, "dayOfMonth": 29, "month": 2 }),
                no_end("2028-02-29"),
                &["2028-02-29", "2032-02-29", "2036-02-29"],
            ),
            (
                "the last Friday of November",
                json!({ "type": "relativeYearly", "interval": 1, "daysOfWeek": ["friday"], "index": "last", "month": 11 }),
                no_end("2026-11-27"),
                &["2026-11-27", "2027-11-26", "2028-11-24"],
            ),
            (
                "the third Thursday of every second May",
                json!({ "type": "relativeYearly", "interval": 2, "daysOfWeek": ["thursday"], "index": "third", "month": 5 }),
                no_end("2026-05-21"),
                &["2026-05-21", "2028-05-18", "2030-05-16"],
            ),
            (
                "every 99th week",
                json!({ "type": "weekly", "interval": 99, "daysOfWeek": ["saturday"] }),
                no_end("2026-10-10"),
                &["2026-10-10", "2028-09-02"],
            ),
        ];
        for (what, pattern, range, expected) in cases {
            // A series with an end is followed past it.
            let count = if range["type"] == "noEnd" { expected.len() } else { 100 };
            assert_eq!(days(pattern, range, count), *expected, "{what}");
        }
    }

    /// The UTC instants of a series that begins at `wall` in `zone`.
    fn instants(
        zone: &str,
        wall: &str,
        minutes: i64,
        pattern: &Value,
        count: usize,
    ) -> Vec<String> {
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
}
