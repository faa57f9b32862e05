//! `$filter`: what it says, and whether an entity is meant.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::Value;

use super::parse::parse;
use super::{Kind, at};
use crate::microsoft::sandbox::graph::reply::Denied;

/// A filter that was understood.
#[derive(Debug)]
pub(in super::super) struct Filter(Term);

/// A part of a filter.
#[derive(Debug)]
pub(super) enum Term {
    And(Box<Term>, Box<Term>),
    Or(Box<Term>, Box<Term>),
    Not(Box<Term>),
    /// A path, how it relates to a value, and the value.
    Relation(String, Relation, Value),
    /// A collection, and what one of its items must be.
    Any(String, Option<Box<Term>>),
}

/// How a property relates to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Unequal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    StartsWith,
    EndsWith,
    Contains,
}

impl Filter {
    /// Reads a filter over entities of a type.
    pub(super) fn parse(text: &str, kind: &'static Kind) -> Result<Self, Denied> {
        parse(text, kind).map(Self)
    }

    /// The properties it names, in the order of their first mention.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.0.name_paths(&mut paths);
        paths
    }

    /// Whether it lets `entity` through.
    pub(in super::super) fn matches(&self, entity: &Value) -> bool {
        self.0.matches(entity)
    }
}

impl Term {
    fn name_paths(&self, paths: &mut Vec<String>) {
        match self {
            Self::And(one, other) | Self::Or(one, other) => {
                one.name_paths(paths);
                other.name_paths(paths);
            }
            Self::Not(term) => term.name_paths(paths),
            Self::Relation(path, ..) | Self::Any(path, _) => {
                if !paths.iter().any(|known| known.eq_ignore_ascii_case(path)) {
                    paths.push(path.clone());
                }
            }
        }
    }

    fn matches(&self, entity: &Value) -> bool {
        match self {
            Self::And(one, other) => one.matches(entity) && other.matches(entity),
            Self::Or(one, other) => one.matches(entity) || other.matches(entity),
            Self::Not(term) => !term.matches(entity),
            Self::Relation(path, relation, value) => relation.holds(at(entity, path), value),
            Self::Any(path, condition) => {
                let meant = |item: &Value| condition.as_ref().is_none_or(|term| term.matches(item));
                at(entity, path).as_array().is_some_and(|items| items.iter().any(meant))
            }
        }
    }
}

impl Relation {
    fn holds(self, found: &Value, wanted: &Value) -> bool {
        let order = || compare(found, wanted);
        let texts = |test: fn(&str, &str) -> bool| match (found.as_str(), wanted.as_str()) {
            (Some(found), Some(wanted)) => test(&found.to_lowercase(), &wanted.to_lowercase()),
            _ => false,
        };
        match self {
            Self::Equal => order() == Some(Ordering::Equal),
            Self::Unequal => order() != Some(Ordering::Equal),
            Self::Greater => order() == Some(Ordering::Greater),
            Self::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
            Self::Less => order() == Some(Ordering::Less),
            Self::LessOrEqual => order().is_some_and(Ordering::is_le),
            Self::StartsWith => texts(|found, wanted| found.starts_with(wanted)),
            Self::EndsWith => texts(|found, wanted| found.ends_with(wanted)),
            Self::Contains => texts(|found, wanted| found.contains(wanted)),
        }
    }
}

/// The order of two values of one type: times by time, other texts without their case. Null comes
/// before everything when sorting, and relates to nothing but null in a filter.
pub(super) fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Bool(one), Value::Bool(other)) => Some(one.cmp(other)),
        (Value::Number(one), Value::Number(other)) => one.as_f64()?.partial_cmp(&other.as_f64()?),
        (Value::String(one), Value::String(other)) => Some(compare_texts(one, other)),
        _ => None,
    }
}

fn compare_texts(one: &str, other: &str) -> Ordering {
    let starts_with_year = |text: &str| text.as_bytes().get(4) == Some(&b'-');
    if starts_with_year(one) && starts_with_year(other) {
        if let (Ok(one), Ok(other)) = (one.parse::<Timestamp>(), other.parse::<Timestamp>()) {
            return one.cmp(&other);
        }
        if let (Ok(one), Ok(other)) = (one.parse::<DateTime>(), other.parse::<DateTime>()) {
            return one.cmp(&other);
        }
    }
    one.to_lowercase().cmp(&other.to_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Kind;
    use super::Filter;

    static KIND: Kind = Kind {
        name: "microsoft.graph.message",
        usual: &["subject", "isRead", "receivedDateTime", "from", "toRecipients", "categories"],
        on_request: &[],
        expandable: &[],
        most: 1000,
        sorts_by_filter: true,
    };

    fn meant(filter: &str) -> bool {
        let entity: Value = json!({
            "id": "x",
            "subject": "It's a Concert",
            "isRead": false,
            "receivedDateTime": "2026-10-01T03:15:08Z",
            "from": { "emailAddress": { "address": "alex@contoso.example", "name": null } },
            "toRecipients": [{ "emailAddress": { "address": "adele@contoso.example" } }],
            "categories": ["Red category"],
        });
        Filter::parse(filter, &KIND).unwrap_or_else(|_| panic!("{filter}")).matches(&entity)
    }

    #[test]
    fn filters_mean_what_they_say() {
        for filter in [
            "subject eq 'it''s a concert'",
            "isRead eq false",
            "not (isRead eq true)",
            "not isRead",
            "receivedDateTime ge 2026-10-01T03:15:08.000Z and receivedDateTime lt 2026-10-02",
            "isRead eq true or startswith(subject, 'It')",
            "isRead eq true and isRead eq true or isRead eq false",
            "endsWith(subject,'concert') and contains(Subject,'s A')",
            "startswith(subject,'It') eq true",
            "from/emailAddress/address eq 'ALEX@contoso.example'",
            "from/emailAddress/name eq null",
            "toRecipients/any(r:r/emailAddress/address eq 'adele@contoso.example')",
            "categories/any(c:c eq 'red category')",
            "categories/any()",
            "tolower(subject) ne 'x'",
        ] {
            assert!(meant(filter), "{filter}");
        }
        for filter in ["isRead", "subject gt 'z'", "from/emailAddress/address eq null"] {
            assert!(!meant(filter), "{filter}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused() {
        for filter in [
            "",
            "subject",
            "subject eq",
            "subject eq 'x",
            "shoeSize eq 3",
            "subject eq 'x' and",
            "(isRead eq true",
            "isRead eq true)",
            "subject is 'x'",
            "length(subject) gt 3",
        ] {
            let is_bare = filter == "subject";
            assert!(is_bare || Filter::parse(filter, &KIND).is_err(), "{filter}");
        }
    }
}
