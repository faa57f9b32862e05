//! What all of Graph's JSON has in common: members may be null, and words come in any case.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// `null` is the default, as a member that is left out is.
pub(crate) fn nullable<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// An instant; one that cannot be read is none: it must not cost the whole answer.
pub(crate) fn instant(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(|text| text.parse().ok())
}

/// Our word for one of the provider's, whatever its case; one that is not in the table stays as it
/// came.
pub(crate) fn word<T: for<'a> From<&'a str>>(table: &[(&str, &str)], theirs: &str) -> T {
    let row = table.iter().find(|(name, _)| name.eq_ignore_ascii_case(theirs));
    T::from(row.map_or(theirs, |(_, ours)| ours))
}

/// The provider's word for one of ours.
pub(crate) fn their_word(table: &[(&'static str, &str)], ours: &str) -> Option<&'static str> {
    table.iter().find(|(_, word)| *word == ours).map(|(name, _)| *name)
}

/// What the provider said beyond what is known, without its annotations on the format.
pub(crate) fn extra(rest: Map<String, Value>) -> Map<String, Value> {
    rest.into_iter().filter(|(name, _)| !name.contains('@')).collect()
}
