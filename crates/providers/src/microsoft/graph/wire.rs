//! What all of Graph's JSON has in common: members may be null, and words come in any case.

use evergrant::capability::{Body, BodyFormat, Moment, Person, Weekday};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::microsoft::zones;

/// How important something is.
pub(crate) const IMPORTANCE: &[(&str, &str)] =
    &[("low", "low"), ("normal", "normal"), ("high", "high")];

/// `dayOfWeek` (contract, section 13).
pub(crate) const DAYS: [(&str, Weekday); 7] = [
    ("sunday", Weekday::Sunday),
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
];

/// Somebody: `recipient`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Recipient {
    #[serde(default, rename = "emailAddress")]
    email_address: Option<EmailAddress>,
}

/// `emailAddress`, which a calendar's owner is without a `recipient` around it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct EmailAddress {
    name: Option<String>,
    address: Option<String>,
}

impl Recipient {
    /// Nobody if neither name nor address is known.
    pub(crate) fn person(self) -> Option<Person> {
        self.email_address.and_then(EmailAddress::person)
    }
}

impl EmailAddress {
    /// Nobody if neither name nor address is known.
    pub(crate) fn person(self) -> Option<Person> {
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let person = Person { name: said(self.name), email: said(self.address) };
        (person != Person::default()).then_some(person)
    }
}

/// A text: `itemBody`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ItemBody {
    #[serde(default, deserialize_with = "nullable")]
    content_type: String,
    #[serde(default, deserialize_with = "nullable")]
    content: String,
}

impl ItemBody {
    /// What is not said to be text is HTML, the provider's own default.
    pub(crate) fn body(self) -> Body {
        let text = self.content_type.eq_ignore_ascii_case("text");
        let format = if text { BodyFormat::Text } else { BodyFormat::Html };
        Body { format, content: self.content }
    }
}

/// `dateTimeTimeZone`: what clocks show, without an offset, in a zone by name.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DateTimeTimeZone {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) date_time: String,
    #[serde(default)]
    pub(crate) time_zone: Option<String>,
}

impl DateTimeTimeZone {
    /// The instant, with the offset that holds then in its zone; what clocks show where the zone is
    /// not known.
    pub(crate) fn moment(&self) -> Option<Moment> {
        let wall: DateTime = self.date_time.trim_end_matches('Z').parse().ok()?;
        let zone = self.time_zone.as_deref().and_then(zones::to_iana);
        let moment = zone.and_then(|zone| {
            let at = zone.rules().to_ambiguous_timestamp(wall).compatible().ok()?;
            Some(Moment::within(at, &zone))
        });
        Some(moment.unwrap_or(Moment::Wall(wall)))
    }
}

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

/// Whether everything that was sent is to be seen in what is there now; words in any case.
pub(crate) fn within(sent: &Value, now: &Value) -> bool {
    match (sent, now) {
        (Value::Object(sent), Value::Object(now)) => {
            sent.iter().all(|(name, sent)| now.get(name).is_some_and(|now| within(sent, now)))
        }
        (Value::Array(sent), Value::Array(now)) => {
            sent.len() == now.len() && sent.iter().zip(now).all(|(sent, now)| within(sent, now))
        }
        (Value::String(sent), Value::String(now)) => sent.eq_ignore_ascii_case(now),
        _ => sent == now,
    }
}

/// What the provider said beyond what is known, without its annotations on the format.
pub(crate) fn extra(rest: Map<String, Value>) -> Map<String, Value> {
    rest.into_iter().filter(|(name, _)| !name.contains('@')).collect()
}
