//! What callers were answered, sealed so that it can be given again.

use zeroize::Zeroizing;

use super::Vault;
use crate::seal::{Field, SealError, Sealed};

impl Vault {
    /// Seals an answer for the effect of this id.
    pub fn seal_reply(&self, effect: &str, body: &[u8]) -> Sealed {
        self.parts().seal.seal(self.place(effect, Field::Reply, 0), body)
    }

    /// The answer that was sealed for the effect of this id.
    pub fn open_reply(&self, effect: &str, body: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.parts().seal.open(self.place(effect, Field::Reply, 0), body)
    }
}
