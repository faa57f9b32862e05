//! Dates as each version of an endpoint writes them (contract, section 1).

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::ig::sandbox::login::TIMEZONE_OFFSET;

/// Of version 1.
pub(super) const V1: &str = "%Y:%m:%d-%H:%M:%S";
/// Of version 2.
pub(super) const V2: &str = "%Y/%m/%d %H:%M:%S";
/// Of version 2 in a path.
pub(super) const V2_PATH: &str = "%Y-%m-%d %H:%M:%S";
/// Of version 3, and of every member that ends with `UTC`.
pub(super) const V3: &str = "%Y-%m-%dT%H:%M:%S";
/// A day, as clients send it to the history of version 2.
pub(super) const DAY: &str = "%Y-%m-%d";
/// A day in a path of the history of version 1.
pub(super) const DAY_V1: &str = "%d-%m-%Y";

/// The second that a text means in one of these forms, in UTC.
pub(super) fn read(text: &str, forms: &[&str]) -> Option<i64> {
    let time = |form: &&str| {
        let day = || jiff::civil::Date::strptime(form, text).ok().map(|day| day.at(0, 0, 0, 0));
        let time = DateTime::strptime(form, text).ok().or_else(day)?;
        Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
    };
    forms.iter().find_map(time)
}

/// A second in UTC.
pub(super) fn utc(second: i64, form: &str) -> String {
    civil(second).strftime(form).to_string()
}

/// A second as the clients' clocks show it, by the `timezoneOffset` of their sessions.
pub(super) fn local(second: i64, form: &str) -> String {
    civil(second + i64::from(TIMEZONE_OFFSET) * 3_600).strftime(form).to_string()
}

/// A second as `createdDate` has it, with milliseconds that are always none.
pub(super) fn created(second: i64) -> String {
    format!("{}:000", local(second, V2))
}

/// The first second of the month and of the one after it.
pub(super) fn month(second: i64) -> (i64, i64) {
    let first = civil(second).date().first_of_month();
    let begin = |day: jiff::civil::Date| {
        day.to_zoned(TimeZone::UTC).map_or(second, |day| day.timestamp().as_second())
    };
    (begin(first), begin(first.saturating_add(1.month())))
}

fn civil(second: i64) -> DateTime {
    Timestamp::from_second(second).unwrap_or_default().to_zoned(TimeZone::UTC).datetime()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_own_form() {
        let second = 1_602_535_800;
        assert_eq!(utc(second, V3), "2020-10-12T20:50:00");
        assert_eq!(local(second, V2), "2020/10/12 21:50:00");
        assert_eq!(local(second, V1), "2020:10:12-21:50:00");
        assert_eq!(created(second), "2020/10/12 21:50:00:000");
        assert_eq!(read("2020-10-12T20:50:00", &[V3, DAY]), Some(second));
        assert_eq!(read("2020-10-12 20:50:00", &[V2_PATH]), Some(second));
        assert_eq!(read("12-10-2020", &[DAY_V1]), Some(second - 20 * 3_600 - 3_000));
        assert_eq!(read("2020-10-12T20:50:00", &[V2]), None);
    }
}
