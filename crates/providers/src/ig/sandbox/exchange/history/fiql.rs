//! Filters of the history: `channel==WEB;status!=REJECTED,type==SYSTEM` (FIQL). `;` is and, `,` is
//! or, and the former binds closer.

use crate::ig::sandbox::answer::{Answer, Refused};

/// Whether something passes a filter; `field` gives the values of its fields.
pub(super) fn passes<'a>(
    filter: &str,
    field: impl Fn(&str) -> Option<&'a str> + Copy,
) -> Refused<bool> {
    let mut any = false;
    for all in filter.split(',') {
        let mut every = true;
        for test in all.split(';') {
            every &= holds(test.trim_matches(['(', ')', ' ']), field)?;
        }
        any |= every;
    }
    Ok(any)
}

fn holds<'a>(test: &str, field: impl Fn(&str) -> Option<&'a str>) -> Refused<bool> {
    let (name, value, wanted) = match (test.split_once("=="), test.split_once("!=")) {
        (Some((name, value)), _) => (name, value, true),
        (None, Some((name, value))) => (name, value, false),
        (None, None) => return Err(Answer::error("invalid.input")),
    };
    let actual = field(name).ok_or_else(|| Answer::error("invalid.input"))?;
    Ok((actual == value) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn and_binds_closer_than_or() {
        let field = |name: &str| match name {
            "channel" => Some("WEB"),
            "status" => Some("REJECTED"),
            _ => None,
        };
        let passed = |filter| passes(filter, field).unwrap_or_else(|_| panic!("{filter}"));
        assert!(passed("channel==WEB"));
        assert!(!passed("channel!=WEB"));
        assert!(!passed("channel==WEB;status==ACCEPTED"));
        assert!(passed("channel==WEB;status==ACCEPTED,status==REJECTED"));
        assert!(passes("colour==red", field).is_err());
        assert!(passes("channel", field).is_err());
    }
}
