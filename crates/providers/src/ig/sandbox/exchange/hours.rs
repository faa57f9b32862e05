//! When a market is open: the same hours each week, in UTC.

const MINUTE: i64 = 60;
pub(super) const DAY: i64 = 24 * 60 * MINUTE;

/// The weekly hours of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hours {
    /// Never closed: crypto currencies, the weekend's markets, and the market for tests.
    Always,
    /// Sunday 22:00 to Friday 22:00, as currencies and indices are quoted.
    Week,
    /// Monday to Friday between two minutes of the day.
    Exchange(i64, i64),
}

/// Monday is 0. The epoch was a Thursday.
fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

impl Hours {
    /// The open minutes of a weekday, which are one stretch.
    fn on(self, weekday: i64) -> Option<(i64, i64)> {
        match (self, weekday) {
            (Self::Always, _) | (Self::Week, 0..=3) => Some((0, 24 * 60)),
            (Self::Week, 4) => Some((0, 22 * 60)),
            (Self::Week, 6) => Some((22 * 60, 24 * 60)),
            (Self::Exchange(open, close), 0..=4) => Some((open, close)),
            _ => None,
        }
    }

    /// Whether the market is open at this second.
    pub(super) fn open_at(self, second: i64) -> bool {
        self.last_open(second) == second
    }

    /// The last second at which the market was open: `second` itself while it is. What is quoted
    /// while it is closed is what was quoted then.
    pub(super) fn last_open(self, second: i64) -> i64 {
        if self == Self::Always {
            return second;
        }
        let today = second.div_euclid(DAY);
        let earlier = (0..=7).filter_map(|back| {
            let day = today - back;
            let (open, close) = self.on(weekday(day))?;
            let (open, close) = (day * DAY + open * MINUTE, day * DAY + close * MINUTE);
            (open <= second).then(|| second.min(close - 1))
        });
        earlier.max().unwrap_or(second)
    }

    /// Whether it is the weekend, on which even edits rest.
    pub(super) fn is_weekend(self, second: i64) -> bool {
        self != Self::Always && weekday(second.div_euclid(DAY)) >= 5
    }

    /// The hours as IG shows them, `HH:MM`; none for a market without a pause.
    pub(super) fn shown(self) -> Option<(String, String)> {
        let clock = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        match self {
            Self::Exchange(open, close) => Some((clock(open), clock(close))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2026-11-16T00:00:00Z.
    const MONDAY: i64 = 1_794_787_200;

    #[test]
    fn currencies_rest_from_friday_22_to_sunday_22() {
        let friday = MONDAY + 4 * DAY + 22 * 60 * MINUTE;
        assert!(Hours::Week.open_at(friday - 1));
        assert!(!Hours::Week.open_at(friday));
        assert_eq!(Hours::Week.last_open(friday + DAY), friday - 1);
        let sunday = MONDAY + 6 * DAY + 22 * 60 * MINUTE;
        assert!(!Hours::Week.open_at(sunday - 1));
        assert!(Hours::Week.open_at(sunday));
        assert!(Hours::Week.open_at(sunday + 3 * 60 * MINUTE), "and through the night");
    }

    #[test]
    fn an_exchange_keeps_its_hours_and_a_crypto_currency_none() {
        let hours = Hours::Exchange(8 * 60, 16 * 60);
        let noon = MONDAY + DAY / 2;
        assert!(hours.open_at(noon));
        assert!(!hours.open_at(MONDAY));
        assert_eq!(hours.last_open(MONDAY), MONDAY - 2 * DAY - 8 * 60 * MINUTE - 1);
        assert!(hours.is_weekend(MONDAY - 1) && !hours.is_weekend(MONDAY));
        assert!(Hours::Always.open_at(MONDAY - 1));
    }
}
