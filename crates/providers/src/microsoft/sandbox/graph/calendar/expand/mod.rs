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
    pub(in crate::microsoft::sandbox::graph) fn days(&self) -> impl Iterator<Item = Date> + '_ {
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
    pub(in crate::microsoft::sandbox::graph) fn is_on(&self, day: Date) -> bool {
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
mod tests;
