//! The certificate to which notifications are encrypted that carry what changed (contract,
//! section 8.5).

use std::fmt::Write as _;

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::{cipher, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant::Secret;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::oauth2::pem;

/// How long an item's key is, in bytes.
const KEY: usize = 32;
/// The sizes of keys that the provider takes, in bits.
const SIZES: std::ops::RangeInclusive<usize> = 2048..=4096;

/// A certificate and its private key.
pub(super) struct Certificate {
    /// Its thumbprint, by which notifications say that they are for it.
    id: String,
    /// The certificate (DER) in base64.
    encoded: String,
    key: OaepPrivateDecryptingKey,
}

/// What a notification carries.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Encrypted {
    data: String,
    data_key: String,
    data_signature: String,
    encryption_certificate_id: String,
}

impl Certificate {
    /// Reads both from PEM.
    pub(super) fn parse(certificate: &str, key: &Secret) -> Result<Self, &'static str> {
        let (_, der) = pem::block(certificate, "CERTIFICATE")
            .ok_or("is no certificate in PEM (-----BEGIN CERTIFICATE-----)")?;
        let key = pem::block(key.expose(), "PRIVATE KEY")
            .filter(|(label, _)| *label == "PRIVATE KEY")
            .and_then(|(_, key)| PrivateDecryptingKey::from_pkcs8(&key).ok())
            .filter(|key| SIZES.contains(&key.key_size_bits()))
            .ok_or("needs an RSA key of 2048 to 4096 bits in PEM (PKCS#8, not encrypted)")?;
        // A certificate holds its public key in this very form (RFC 5280, section 4.1).
        let public = key.public_key().as_der().map_err(|_| "has a key that cannot be read")?;
        if !der.windows(public.as_ref().len()).any(|part| part == public.as_ref()) {
            return Err("is not the certificate of the private key");
        }
        let thumbprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, &der);
        let id = thumbprint.as_ref().iter().fold(String::new(), |mut id, byte| {
            // Writing to a string does not fail.
            let _ = write!(id, "{byte:02X}");
            id
        });
        let key =
            OaepPrivateDecryptingKey::new(key).map_err(|_| "has a key that cannot decrypt")?;
        Ok(Self { id, encoded: STANDARD.encode(der), key })
    }

    /// Has notifications encrypted to it.
    pub(super) fn put_into(&self, subscription: &mut Value) {
        subscription["encryptionCertificate"] = self.encoded.as_str().into();
        subscription["encryptionCertificateId"] = self.id.as_str().into();
    }

    /// What a notification carries, if it was not changed on its way. Why not, otherwise: whatever is
    /// wrong with key or signature reads the same.
    pub(super) fn open(&self, content: &Encrypted) -> Result<Vec<u8>, &'static str> {
        const CHANGED: &str = "what it carries was not signed with the key that came along";
        if content.encryption_certificate_id != self.id {
            return Err("what it carries is encrypted to another certificate");
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| CHANGED);
        let (mut data, wrapped) = (decode(&content.data)?, decode(&content.data_key)?);
        let mut room = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let key = self
            .key
            .decrypt(&OAEP_SHA1_MGF1SHA1, &wrapped, &mut room, None)
            .map_err(|_| CHANGED)?;
        let key = <&[u8; KEY]>::try_from(&*key).map_err(|_| CHANGED)?;
        // Before anything is decrypted, and in constant time.
        let signing = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::verify(&signing, &data, &decode(&content.data_signature)?).map_err(|_| CHANGED)?;
        let plain = decrypt(key, &mut data).ok_or("what it carries does not decrypt")?;
        Ok(plain.to_vec())
    }
}

/// AES-256-CBC; the initialisation vector is the beginning of the key, as the contract has it.
fn decrypt<'a>(key: &[u8; KEY], data: &'a mut [u8]) -> Option<&'a [u8]> {
    let (iv, _) = key.split_first_chunk::<{ cipher::AES_CBC_IV_LEN }>()?;
    let context = DecryptionContext::Iv128(FixedLength::from(*iv));
    let key = UnboundCipherKey::new(&AES_256, key).ok()?;
    let plain = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?.decrypt(data, context).ok()?;
    Some(plain)
}
