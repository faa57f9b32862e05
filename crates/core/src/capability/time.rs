//! Moments and zones as calendars write them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// A time zone by its IANA name, such as `Europe/Berlin`.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// There is no time zone of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the IANA name of a time zone, such as Europe/Berlin")]
pub struct UnknownZone(pub String);

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Its IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Its rules.
    pub fn rules(&self) -> &TimeZone {
        &self.0
    }

    /// This instant as clocks in the zone show it.
    pub fn at(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.0.clone())
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        if name.eq_ignore_ascii_case("utc") {
            return Ok(Self::utc());
        }
        TimeZone::get(name).map(Self).map_err(|_| UnknownZone(name.to_owned()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When something begins or ends.
///
/// As JSON one string: `2026-03-27T09:00:00+01:00` is an instant, `2026-03-27T09:00:00` what clocks
/// show in the zone that is given beside it, `2026-03-27` the beginning of a day wherever one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// An instant, written with this offset.
    At(Timestamp, Offset),
    /// What clocks show in a zone that is named beside it.
    Wall(DateTime),
    /// The beginning of a day, in whatever zone one is.
    Day(Date),
}

/// A text that is no moment, or a moment that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// Not one of the three forms.
    #[error(
        "expected a time such as 2026-03-27T09:00:00+01:00, or 2026-03-27T09:00:00 with `time_zone`, or a day such as 2026-03-27"
    )]
    Form,
    /// Wall-clock time without a zone.
    #[error("has no offset; add one, or name the zone in `time_zone`")]
    ZoneMissing,
    /// Clocks skip it.
    #[error("does not exist in {zone}: clocks are put forward then")]
    Skipped {
        /// The zone.
        zone: String,
    },
    /// A day has no instant.
    #[error("is a day; expected a time")]
    Day,
}

impl Moment {
    /// This instant in UTC.
    pub fn utc(at: Timestamp) -> Self {
        Self::At(at, Offset::UTC)
    }

    /// This instant with the offset that holds then in `zone`.
    pub fn within(at: Timestamp, zone: &Zone) -> Self {
        Self::At(at, zone.rules().to_offset(at))
    }

    /// The instant it names. Of a time that clocks show twice it is the first (RFC 5545, section
    /// 3.3.5).
    pub fn instant(&self, zone: Option<&Zone>) -> Result<Timestamp, MomentError> {
        match self {
            Self::At(at, _) => Ok(*at),
            Self::Day(_) => Err(MomentError::Day),
            Self::Wall(wall) => {
                let zone = zone.ok_or(MomentError::ZoneMissing)?;
                let ambiguous = zone.rules().to_ambiguous_timestamp(*wall);
                let skipped = || MomentError::Skipped { zone: zone.to_string() };
                if matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
                    return Err(skipped());
                }
                ambiguous.compatible().map_err(|_| skipped())
            }
        }
    }

    /// The first instant that it means: a day begins at midnight, in UTC where no zone is named.
    pub fn first_instant(&self, zone: Option<&Zone>) -> Result<Timestamp, MomentError> {
        match self {
            Self::Day(day) => midnight(*day, zone),
            other => other.instant(zone),
        }
    }

    /// The instant at which it is over: that of a day is the next midnight.
    pub fn end_instant(&self, zone: Option<&Zone>) -> Result<Timestamp, MomentError> {
        match self {
            Self::Day(day) => midnight(day.tomorrow().map_err(|_| MomentError::Form)?, zone),
            other => other.instant(zone),
        }
    }
}

/// Where clocks skip midnight, a day begins when they go on.
fn midnight(day: Date, zone: Option<&Zone>) -> Result<Timestamp, MomentError> {
    let rules = zone.map_or(TimeZone::UTC, |zone| zone.rules().clone());
    day.to_zoned(rules).map(|day| day.timestamp()).map_err(|_| MomentError::Form)
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        // Forms that jiff reads besides, such as week dates or a zone in brackets, would surprise.
        let plain = |b: u8| b.is_ascii_digit() || b"-+:.TtZz".contains(&b);
        if !text.bytes().all(plain) {
            return Err(MomentError::Form);
        }
        if text.len() == 10 {
            return text.parse().map(Self::Day).map_err(|_| MomentError::Form);
        }
        let time = text.get(10..).unwrap_or_default();
        if !time.starts_with(['T', 't']) {
            return Err(MomentError::Form);
        }
        if time.ends_with(['Z', 'z']) {
            return text.parse().map(Self::utc).map_err(|_| MomentError::Form);
        }
        if let Some(sign) = time.find(['+', '-']) {
            let at = text.parse().map_err(|_| MomentError::Form)?;
            let zero = format!("1970-01-01T00:00:00{}", &time[sign..]);
            let zero: Timestamp = zero.parse().map_err(|_| MomentError::Form)?;
            let seconds = i32::try_from(-zero.as_second()).map_err(|_| MomentError::Form)?;
            let offset = Offset::from_seconds(seconds).map_err(|_| MomentError::Form)?;
            return Ok(Self::At(at, offset));
        }
        text.parse().map(Self::Wall).map_err(|_| MomentError::Form)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at, Offset::UTC) => at.fmt(f),
            Self::At(at, offset) => at.display_with_offset(*offset).fmt(f),
            Self::Wall(wall) => wall.fmt(f),
            Self::Day(day) => day.fmt(f),
        }
    }
}

/// JSON strings, by `Display` and `FromStr`.
macro_rules! text {
    ($name:ident, $description:literal, $example:literal) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some($description))
                    .examples([$example])
                    .into()
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::ToSchema for $name {}
    };
}

text!(Zone, "A time zone by its IANA name", "Europe/Berlin");
text!(
    Moment,
    "An instant with its offset (RFC 3339), what clocks show in `time_zone` (without an offset), or a whole day (`2026-03-27`)",
    "2026-03-27T09:00:00+01:00"
);
