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
                let invalid = $crate::id::InvalidId { prefix: $prefix };
                let digits = text.strip_prefix($prefix).ok_or_else(|| invalid.clone())?;
                let canonical = digits.len() == 32
                    && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                if !canonical {
                    return Err(invalid);
                }
                u128::from_str_radix(digits, 16).map(Self).map_err(|_| invalid)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
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
