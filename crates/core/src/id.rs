//! Ids that say what they name: `int_…` can not be passed where `usr_…` is meant.

use uuid::Uuid;

use crate::{Clock, Entropy};

/// A text that is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}…")]
pub struct InvalidId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

/// A random version 7 UUID: ids made later sort later.
pub fn new_uuid(clock: &dyn Clock, entropy: &dyn Entropy) -> Uuid {
    let millis = u64::try_from(clock.now().as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &crate::entropy::random(entropy)).into_uuid()
}

/// The number in 32 lower-case hexadecimal digits, the one text form an id has.
pub fn from_digits(digits: &str) -> Option<u128> {
    let half = |digits: &[u8]| {
        digits.iter().try_fold(0_u64, |number, digit| {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            Some(number << 4 | u64::from(value))
        })
    };
    let (high, low) = digits.as_bytes().split_at_checked(16)?;
    let whole = u128::from(half(high)?) << 64 | u128::from(half(low)?);
    (low.len() == 16).then_some(whole)
}

/// Defines an id type: a UUID with a prefix in its text form (`int_0198c5…`, 32 hexadecimal digits).
#[macro_export]
macro_rules! define_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u128);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &str = $prefix;

            /// A new id; ids made later sort later.
            pub fn new(clock: &dyn $crate::Clock, entropy: &dyn $crate::Entropy) -> Self {
                Self($crate::id::new_uuid(clock, entropy).as_u128())
            }

            /// The id as a number.
            pub const fn as_u128(self) -> u128 {
                self.0
            }

            /// The id of this number.
            pub const fn from_u128(number: u128) -> Self {
                Self(number)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}{:032x}", $prefix, self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::id::InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix($prefix)
                    .and_then($crate::id::from_digits)
                    .map(Self)
                    .ok_or($crate::id::InvalidId { prefix: $prefix })
            }
        }

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
    };
}

define_id!(
    /// One user's connected account at one provider.
    IntegrationId,
    "int_"
);
define_id!(
    /// A user of Evergrant: who owns integrations.
    UserId,
    "usr_"
);
define_id!(
    /// One attempt to refresh a grant.
    AttemptId,
    "att_"
);
define_id!(
    /// Names one refresh token without telling anything of it.
    ///
    /// A grant keeps its lineage as long as it keeps its refresh token. Commits compare lineages,
    /// so that nothing derived from the token itself has to be stored.
    Lineage,
    "lin_"
);
define_id!(
    /// One process as the holder of intents; as long as it lives nobody else has this id.
    HolderId,
    "hld_"
);
define_id!(
    /// A grant that must still be revoked at its provider.
    DebtId,
    "dbt_"
);

define_id!(
    /// One draw on allowances that all processes share.
    TurnId,
    "trn_"
);
define_id!(
    /// The right of one worker to a feed.
    LeaseId,
    "lse_"
);
