//! The Fernet format: `0x80 ‖ time ‖ IV ‖ AES-128-CBC ‖ HMAC-SHA256`, base64url.
//!
//! Written from the format's specification (version 0x80) rather than taken from a library,
//! because storage needs two things that the libraries refuse: reading must ignore the time stamp
//! (a clock set back must not make stored tokens unreadable), and nothing may be computed from it
//! before the MAC is checked.

use aws_lc_rs::cipher::{
    AES_128, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::Secret;

/// Writes padding, as the format says; reads with or without, as other tools write.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const VERSION: u8 = 0x80;
const IV_AT: usize = 9;
const CIPHERTEXT_AT: usize = 25;
const MAC_LEN: usize = 32;
const BLOCK: usize = 16;

/// A text that is not a Fernet key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a Fernet key is 32 bytes in base64url, 44 characters")]
pub struct InvalidKey;

/// A token that this key did not make, or that was changed since.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a Fernet token of this key")]
pub struct InvalidToken;

/// One Fernet key: 16 bytes that sign, 16 that encrypt.
pub struct Fernet {
    signing: hmac::Key,
    encrypting: Zeroizing<[u8; 16]>,
    id: KeyId,
}

/// Names a key without telling anything of it: the first 16 hexadecimal digits of a hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// The id as it stands beside a ciphertext.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for KeyId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Fernet {
    /// Reads a key in its text form; the standard base64 alphabet and missing padding are accepted.
    pub fn from_text(text: &str) -> Result<Self, InvalidKey> {
        let text = Zeroizing::new(to_url_alphabet(text.trim()));
        let bytes = Zeroizing::new(BASE64.decode(text.as_bytes()).map_err(|_| InvalidKey)?);
        let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| InvalidKey)?;
        Ok(Self::from_bytes(bytes))
    }

    fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut encrypting = Zeroizing::new([0; 16]);
        encrypting.copy_from_slice(&bytes[16..]);
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(b"evergrant key id");
        hash.update(bytes);
        let digest = hash.finish();
        let id = u64::from_be_bytes(std::array::from_fn(|i| digest.as_ref()[i]));
        Self {
            signing: hmac::Key::new(hmac::HMAC_SHA256, &bytes[..16]),
            encrypting,
            id: KeyId(format!("{id:016x}")),
        }
    }

    /// A key in its text form, from 32 random bytes.
    pub fn key_text(random: &Zeroizing<[u8; 32]>) -> Secret {
        BASE64.encode(random.as_slice()).into()
    }

    /// The key's name.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Encrypts `plain`; `seconds` since 1970 and `iv` stand in clear in the token.
    ///
    /// # Panics
    /// Never: AES-128-CBC with padding takes every plaintext.
    pub fn encrypt(&self, plain: &[u8], seconds: u64, iv: [u8; 16]) -> String {
        // With room for the padding: growing would leave a copy of the plaintext in freed memory.
        let mut body = Vec::with_capacity(plain.len() + BLOCK);
        body.extend_from_slice(plain);
        #[expect(
            clippy::expect_used,
            reason = "a 16-byte key and any plaintext are always accepted"
        )]
        UnboundCipherKey::new(&AES_128, self.encrypting.as_slice())
            .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
            .and_then(|key| {
                key.less_safe_encrypt(&mut body, EncryptionContext::Iv128(FixedLength::from(iv)))
            })
            .expect("AES-128-CBC encrypts");
        let mut token = Vec::with_capacity(CIPHERTEXT_AT + body.len() + MAC_LEN);
        token.push(VERSION);
        token.extend_from_slice(&seconds.to_be_bytes());
        token.extend_from_slice(&iv);
        token.extend_from_slice(&body);
        let mac = hmac::sign(&self.signing, &token);
        token.extend_from_slice(mac.as_ref());
        BASE64.encode(token)
    }

    /// Decrypts a token of this key, whatever time it was made at.
    pub fn decrypt(&self, token: &str) -> Result<Zeroizing<Vec<u8>>, InvalidToken> {
        let token = BASE64.decode(to_url_alphabet(token.trim())).map_err(|_| InvalidToken)?;
        let body = token.len().checked_sub(CIPHERTEXT_AT + MAC_LEN).ok_or(InvalidToken)?;
        if token[0] != VERSION || body == 0 || !body.is_multiple_of(BLOCK) {
            return Err(InvalidToken);
        }
        let (signed, mac) = token.split_at(token.len() - MAC_LEN);
        hmac::verify(&self.signing, signed, mac).map_err(|_| InvalidToken)?;
        let iv: [u8; 16] = signed[IV_AT..CIPHERTEXT_AT].try_into().map_err(|_| InvalidToken)?;
        let mut plain = Zeroizing::new(signed[CIPHERTEXT_AT..].to_vec());
        let length = UnboundCipherKey::new(&AES_128, self.encrypting.as_slice())
            .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
            .and_then(|key| {
                key.decrypt(&mut plain, DecryptionContext::Iv128(FixedLength::from(iv)))
                    .map(|plain| plain.len())
            })
            .map_err(|_| InvalidToken)?;
        plain.truncate(length);
        Ok(plain)
    }
}

impl std::fmt::Debug for Fernet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Fernet").field(&self.id).finish()
    }
}

fn to_url_alphabet(text: &str) -> String {
    text.replace('+', "-").replace('/', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the format's specification.
    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const TOKEN: &str = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

    fn iv() -> [u8; 16] {
        std::array::from_fn(|i| u8::try_from(i).unwrap())
    }

    #[test]
    fn the_specifications_example_opens_and_is_made_again() {
        let fernet = Fernet::from_text(KEY).unwrap();
        assert_eq!(fernet.decrypt(TOKEN).unwrap().as_slice(), b"hello");
        assert_eq!(fernet.encrypt(b"hello", 499_162_800, iv()), TOKEN);
    }

    #[test]
    fn every_changed_bit_is_refused() {
        let fernet = Fernet::from_text(KEY).unwrap();
        let bytes = BASE64.decode(TOKEN).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(fernet.decrypt(&BASE64.encode(changed)), Err(InvalidToken), "bit {bit}");
        }
    }

    #[test]
    fn a_time_stamp_of_any_year_is_read() {
        let fernet = Fernet::from_text(KEY).unwrap();
        for seconds in [0, 1, u64::from(u32::MAX), u64::MAX] {
            let token = fernet.encrypt(b"x", seconds, iv());
            assert_eq!(fernet.decrypt(&token).unwrap().as_slice(), b"x");
        }
    }

    #[test]
    fn cut_tokens_and_keys_are_refused_without_a_panic() {
        let fernet = Fernet::from_text(KEY).unwrap();
        for end in 0..TOKEN.len() - 2 {
            assert!(fernet.decrypt(&TOKEN[..end]).is_err());
        }
        for end in 0..KEY.len() - 1 {
            assert!(Fernet::from_text(&KEY[..end]).is_err());
        }
    }

    #[test]
    fn what_other_tools_write_is_accepted() {
        let fernet = Fernet::from_text(&KEY.replace('_', "/").replace('-', "+")).unwrap();
        let standard = TOKEN.trim_end_matches('=').replace('_', "/").replace('-', "+");
        assert_eq!(fernet.decrypt(&format!(" {standard}\n")).unwrap().as_slice(), b"hello");
        assert!(Fernet::from_text(KEY.trim_end_matches('=')).is_ok());
    }
}
