//! Grants at rest: Fernet tokens whose plaintext says where it belongs.
//!
//! Fernet authenticates a ciphertext but not its place: two rows swapped would both open. So the
//! plaintext is framed with tenant, subject, field and epoch, and a frame that does not name the
//! place it was read from is refused. Any Fernet tool with the key still opens the tokens.
//!
//! Keys form an ordered ring: the first encrypts, any decrypts. The key's id stands beside each
//! ciphertext, so that a rotation knows which rows are left to do.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::fernet::{Fernet, InvalidKey, KeyId};
use crate::{Clock, Entropy, Secret};

/// Begins every frame: three letters and the frame's version.
const MAGIC: [u8; 4] = *b"EVG\x01";

/// What kind of value a ciphertext holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// A grant: access token, refresh token, lifetimes.
    Grant,
    /// A provider's answer to a refresh, before anyone has interpreted it.
    Answer,
    /// What a caller was answered, to be given again.
    Reply,
    /// The secrets of a sign-in under way: PKCE verifier and nonce.
    Flow,
    /// A link by which a user may begin to reconnect one integration.
    Link,
    /// What an administrator's consent comes back with.
    Consent,
    /// A text that a browser carries from one page to the next.
    Note,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Answer => "answer",
            Self::Reply => "reply",
            Self::Flow => "flow",
            Self::Link => "link",
            Self::Consent => "consent",
            Self::Note => "note",
        }
    }
}

/// The one place a ciphertext belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The tenant of this deployment.
    pub tenant: &'a str,
    /// The id of the row's subject, such as an integration's.
    pub subject: &'a str,
    /// Which of the subject's values it is.
    pub field: Field,
    /// The subject's epoch when it was written.
    pub epoch: i64,
}

/// A ciphertext with the id of the key that opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which key of the ring made it.
    pub key: KeyId,
    /// The Fernet token.
    pub token: String,
}

impl Sealed {
    /// One text with both, for where there is no second column.
    pub(crate) fn into_text(self) -> Secret {
        format!("{}.{}", self.key.as_str(), self.token).into()
    }

    /// Reads what [`Sealed::into_text`] wrote.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let (key, token) = text.split_once('.')?;
        Some(Self { key: key.into(), token: token.to_owned() })
    }
}

/// Why a ciphertext does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key that made it is not in the ring: the operator must give it.
    #[error("the encryption key {0:?} is not configured; add it to EVERGRANT_ENCRYPTION_KEYS")]
    UnknownKey(String),
    /// It was changed, or made with another key.
    #[error("a stored secret was altered or made with another key")]
    Altered,
    /// It is genuine but belongs to another row, field or epoch.
    #[error("a stored secret was moved from another place")]
    Misplaced,
}

/// An ordered list of Fernet keys; never empty.
#[derive(Debug)]
pub struct Ring {
    first: Fernet,
    rest: Vec<Fernet>,
}

/// A list of keys that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// The list holds no key.
    #[error("no encryption key is configured")]
    Empty,
    /// One of the keys is not a Fernet key.
    #[error("encryption key number {position}: {source}")]
    Key {
        /// Its place in the list, from 1.
        position: usize,
        /// What is wrong with it.
        source: InvalidKey,
    },
}

impl Ring {
    /// Reads keys separated by commas or white space; the first one encrypts.
    pub fn parse(list: &Secret) -> Result<Self, RingError> {
        let mut keys = list
            .expose()
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|key| !key.is_empty())
            .enumerate()
            .map(|(at, key)| {
                Fernet::from_text(key).map_err(|source| RingError::Key { position: at + 1, source })
            });
        let first = keys.next().ok_or(RingError::Empty)??;
        Ok(Self { first, rest: keys.collect::<Result<_, _>>()? })
    }

    /// A new key in its text form.
    pub fn generate(entropy: &dyn Entropy) -> Secret {
        Fernet::key_text(&Zeroizing::new(crate::entropy::random(entropy)))
    }

    /// Whether the key with this id is among them.
    pub fn knows(&self, id: &str) -> bool {
        self.find(&id.into()).is_some()
    }

    /// The id of the key that encrypts.
    pub fn first(&self) -> &KeyId {
        self.first.id()
    }

    /// The ids of all of them, in their order: the first encrypts.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys().map(Fernet::id)
    }

    fn find(&self, id: &KeyId) -> Option<&Fernet> {
        self.keys().find(|key| key.id() == id)
    }

    fn keys(&self) -> impl Iterator<Item = &Fernet> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

/// Seals and opens.
#[derive(Clone)]
pub struct Seal {
    ring: Arc<Ring>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Seal {
    /// The ring it seals and opens with.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// A seal with these keys.
    pub fn new(ring: Ring, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { ring: Arc::new(ring), clock, entropy }
    }

    /// Encrypts `plain` for `place` with the ring's first key.
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Sealed {
        let mut framed = Zeroizing::new(frame(place));
        framed.extend_from_slice(plain);
        let seconds = u64::try_from(self.clock.now().as_second()).unwrap_or_default();
        let iv = crate::entropy::random(&*self.entropy);
        Sealed {
            key: self.ring.first.id().clone(),
            token: self.ring.first.encrypt(&framed, seconds, iv),
        }
    }

    /// Decrypts what was sealed for exactly this `place`.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let key = self
            .ring
            .find(&sealed.key)
            .ok_or_else(|| SealError::UnknownKey(sealed.key.as_str().to_owned()))?;
        let mut framed = key.decrypt(&sealed.token).map_err(|_| SealError::Altered)?;
        let frame = frame(place);
        if !framed.starts_with(&frame) {
            return Err(SealError::Misplaced);
        }
        framed.drain(..frame.len());
        Ok(framed)
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Seal").field(&self.ring).finish()
    }
}

/// `magic ‖ len ‖ tenant ‖ len ‖ subject ‖ len ‖ field ‖ epoch`: lengths make it prefix-free.
fn frame(place: Place<'_>) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for part in [place.tenant, place.subject, place.field.name()] {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes.extend_from_slice(&place.epoch.to_be_bytes());
    bytes
}
