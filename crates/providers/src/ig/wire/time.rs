//! IG's dates (contract, section 1): `2020:09:01-05:00:00`, `2020/09/01 05:00:00`, the same with
//! `:millis`, `2020-09-01T04:00:00`, and the latter with a fraction.
//!
//! None names a zone. Only the fields called `…UTC` and those of the third version are in UTC; the
//! others are in the account's own, which nobody says, so that they are no instants.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The instant of a date that is known to be in UTC.
pub(crate) fn utc(text: &str) -> Option<Timestamp> {
    let zoned = text.parse().ok();
    zoned.or_else(|| civil(text)?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp()))
}

/// What clocks show.
fn civil(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let date = text.get(..10)?.replace([':', '/'], "-");
    let Some(time) = text.get(11..) else { return format!("{date}T00:00:00").parse().ok() };
    // `05:00:00:000`: the milliseconds come after a colon.
    let fraction = time.match_indices(':').nth(2).map(|(at, _)| at);
    let time = fraction
        .map_or_else(|| time.to_owned(), |at| format!("{}.{}", &time[..at], &time[at + 1..]));
    format!("{date}T{time}").parse().ok()
}

/// As the third version writes it.
pub(crate) fn v3(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// As the second version writes it.
pub(crate) fn v2(at: Timestamp) -> String {
    at.strftime("%Y/%m/%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_date_is_read() {
        for (text, at) in [
            ("2020:09:01-05:00:00", "2020-09-01T05:00:00Z"),
            ("2020/09/01 05:00:00", "2020-09-01T05:00:00Z"),
            ("2024/06/15 01:41:01:250", "2024-06-15T01:41:01.25Z"),
            ("2020-09-01T04:00:00", "2020-09-01T04:00:00Z"),
            ("2025-10-19T10:15:30.123", "2025-10-19T10:15:30.123Z"),
            ("2024-12-16T17:00", "2024-12-16T17:00:00Z"),
            ("2021-01-28", "2021-01-28T00:00:00Z"),
            ("2021-01-28T01:00:00+01:00", "2021-01-28T00:00:00Z"),
        ] {
            assert_eq!(utc(text).unwrap().to_string(), at, "{text}");
        }
        for none in ["", "-", "-3600000", "12:00:00", "2020-13-01T00:00:00", "2020/09/01 5", "ü"] {
            assert_eq!(utc(none), None, "{none}");
        }
    }

    #[test]
    fn dates_are_written_in_utc() {
        let at = utc("2020-09-01T04:05:06.7").unwrap();
        assert_eq!(v3(at), "2020-09-01T04:05:06");
        assert_eq!(v2(at), "2020/09/01 04:05:06");
    }
}
