//! One intended effect, by name.

use std::fmt;

use uuid::Uuid;

use crate::{Entropy, IntegrationId};

/// Names one intended effect at a provider, so that asking for it twice has it once.
///
/// A vendor hands it to the provider where that recognises repetitions by such a name, and finds by
/// it what an earlier attempt left behind where its answer was lost. It must not be used for anything
/// else, and names nothing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Once {
    name: Uuid,
    tried: bool,
}

impl Once {
    /// For an effect that nobody will ask for again.
    pub fn random(entropy: &dyn Entropy) -> Self {
        let bytes = crate::entropy::random(entropy);
        Self { name: uuid::Builder::from_random_bytes(bytes).into_uuid(), tried: false }
    }

    /// The one that belongs to a caller's own key, always the same for the same integration, purpose
    /// and key. `purpose` names the operation, so that one key used for two things is two effects.
    pub fn from_key(integration: IntegrationId, purpose: &str, key: &str) -> Self {
        let named = format!("{integration}\n{purpose}\n{key}");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, named.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_ref()[..16]);
        // RFC 9562, section 5.8: version 8 is for names like this one.
        Self { name: uuid::Builder::from_custom_bytes(bytes).into_uuid(), tried: false }
    }

    /// The same, of an effect that an earlier attempt may have had already.
    #[must_use]
    pub fn again(self) -> Self {
        Self { tried: true, ..self }
    }

    /// Whether an earlier attempt may have had the effect. A vendor then looks whether it is there
    /// before it asks for it, and takes what is there as done.
    pub fn tried(self) -> bool {
        self.tried
    }

    /// As a UUID.
    pub fn as_uuid(self) -> Uuid {
        self.name
    }
}

impl fmt::Display for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repetition_has_the_same_name_and_says_that_it_is_one() {
        let first = Once::from_key(IntegrationId::from_u128(1), "send", "k");
        let again = first.again();
        assert_eq!(again.as_uuid(), first.as_uuid());
        assert_eq!(again.to_string(), first.to_string());
        assert_eq!((first.tried(), again.tried()), (false, true));
        assert!(!Once::random(&crate::testing::SeededEntropy::new(7)).tried());
    }
}
