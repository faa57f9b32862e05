//! What callers gave, checked before anything is sent (contract, sections 1 and 4.5).

use std::fmt::Write as _;

use evergrant::CallError;

/// How many decimals a size may have.
const DECIMALS: usize = 12;

/// Something in the input is wrong.
pub(crate) fn invalid(pointer: &str, problem: impl Into<String>) -> CallError {
    CallError::Invalid { pointer: pointer.to_owned(), problem: problem.into() }
}

/// `[A-Za-z0-9._]{6,30}`.
pub(crate) fn epic<'a>(pointer: &str, epic: &'a str) -> Result<&'a str, CallError> {
    if is(epic, 6..=30, b"._") && !epic.contains("..") {
        return Ok(epic);
    }
    Err(invalid(pointer, "is not an epic such as IX.D.FTSE.CFD.IP"))
}

/// Whether it can be a deal's reference: `[A-Za-z0-9_-]{1,30}`.
pub(crate) fn is_reference(text: &str) -> bool {
    is(text, 1..=30, b"_-")
}

/// `(\d{2}-)?[A-Z]{3}-\d{2}|-|DFB`.
pub(crate) fn expiry(pointer: &str, expiry: &str) -> Result<(), CallError> {
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    let month = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
    let parts: Vec<&str> = expiry.split('-').collect();
    let dated = match parts[..] {
        [day, name, year] => digits(day) && month(name) && digits(year),
        [name, year] => month(name) && digits(year),
        _ => false,
    };
    if dated || matches!(expiry, "-" | "DFB") {
        return Ok(());
    }
    Err(invalid(pointer, "is not an expiry such as -, DFB, SEP-26 or 17-JUL-26"))
}

/// `[A-Z]{3}`.
pub(crate) fn currency(pointer: &str, code: &str) -> Result<(), CallError> {
    if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(invalid(pointer, "is not a currency's code such as GBP"))
}

/// More than nothing, with as many decimals as IG takes.
pub(crate) fn size(pointer: &str, size: f64) -> Result<(), CallError> {
    distance(pointer, Some(size))?;
    let text = size.to_string();
    if text.split_once('.').is_some_and(|(_, decimals)| decimals.len() > DECIMALS) {
        return Err(invalid(pointer, "has more than 12 decimals"));
    }
    Ok(())
}

/// A distance, or a step, where there is one.
pub(crate) fn distance(pointer: &str, distance: Option<f64>) -> Result<(), CallError> {
    match distance {
        Some(distance) if !(distance.is_finite() && distance > 0.0) => {
            Err(invalid(pointer, "is not more than 0"))
        }
        _ => Ok(()),
    }
}

/// A price, where there is one; some markets have had prices below zero.
pub(crate) fn level(pointer: &str, level: Option<f64>) -> Result<(), CallError> {
    match level {
        Some(level) if !level.is_finite() => Err(invalid(pointer, "is not a number")),
        _ => Ok(()),
    }
}

/// IG's word for one of ours; a word that is not ours is refused, naming those that are.
pub(crate) fn word(pointer: &str, ours: &str, words: &[&str]) -> Result<String, CallError> {
    if words.contains(&ours) {
        return Ok(ours.to_ascii_uppercase());
    }
    Err(invalid(pointer, format!("is not one of {}", words.join(", "))))
}

/// An id as one segment of a path.
pub(crate) fn segment(pointer: &str, id: &str) -> Result<String, CallError> {
    if matches!(id, "" | "." | "..") || id.len() > 100 || id.contains(['/', '\\']) {
        return Err(invalid(pointer, "is not an id of this provider"));
    }
    Ok(encoded(id))
}

/// A query, its values percent-encoded; what has no value is left out.
pub(crate) fn query(parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let pairs: Vec<String> =
        given.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

/// Everything but unreserved characters percent-encoded (RFC 3986, section 2.3).
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

fn is(text: &str, length: std::ops::RangeInclusive<usize>, besides: &[u8]) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || besides.contains(&b);
    length.contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_patterns_of_the_contract() {
        for good in ["IX.D.FTSE.CFD.IP", "EZ.D.WEWGREY.Month2.IP"] {
            assert!(epic("/epic", good).is_ok(), "{good}");
        }
        for bad in ["", "short", "IX.D.FTSE/CFD.IP", "IX.D..FTSE", &"A".repeat(31)] {
            assert!(epic("/epic", bad).is_err(), "{bad}");
        }
        for good in ["-", "DFB", "SEP-26", "17-JUL-26"] {
            assert!(expiry("/expiry", good).is_ok(), "{good}");
        }
        for bad in ["", "dfb", "SEPT-26", "7-JUL-26", "JUL-2026", "1-2-3-4"] {
            assert!(expiry("/expiry", bad).is_err(), "{bad}");
        }
        assert!(currency("/currency", "GBP").is_ok());
        for bad in ["gbp", "GB", "£", "GBPX"] {
            assert!(currency("/currency", bad).is_err(), "{bad}");
        }
        assert!(is_reference("a-B_9") && !is_reference("a.b") && !is_reference(""));
        assert!(!is_reference(&"a".repeat(31)));
    }

    #[test]
    fn a_size_is_more_than_nothing_with_at_most_12_decimals() {
        for good in [1.0, 0.5, 10_000.0, 0.000_000_000_001] {
            assert!(size("/size", good).is_ok(), "{good}");
        }
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 0.000_000_000_000_1] {
            assert!(size("/size", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_is_one_segment_or_nothing() {
        assert_eq!(segment("/id", "a b+c=").unwrap(), "a%20b%2Bc%3D");
        for bad in ["", ".", "..", "a/b", "a\\b"] {
            assert!(segment("/id", bad).is_err(), "{bad}");
        }
    }
}
