//! Somebody who can be sent what only they can read: the certificate of an RSA key.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use x509_parser::parse_x509_certificate;

/// The sizes of key that are good enough and not too slow, in bits.
const SIZES: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The public key of a certificate, to encrypt small secrets with.
#[derive(Debug, Clone)]
pub struct Recipient {
    key: PublicEncryptingKey,
    thumbprint: String,
}

/// Why nothing can be encrypted for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// It is no X.509 certificate in DER.
    #[error("it is no certificate")]
    Certificate,
    /// Its key is none of RSA, or not of 2048 to 4096 bits.
    #[error("its key is not an RSA key of 2048 to 4096 bits")]
    Key,
    /// The secret is longer than the key can take.
    #[error("the secret is too long for the key")]
    TooLong,
}

impl Recipient {
    /// Reads a certificate in DER; nothing but its key counts, it may be self-signed.
    pub fn from_certificate(der: &[u8]) -> Result<Self, RecipientError> {
        let (_, parsed) = parse_x509_certificate(der).map_err(|_| RecipientError::Certificate)?;
        let key = PublicEncryptingKey::from_der(parsed.public_key().raw)
            .map_err(|_| RecipientError::Key)?;
        if !SIZES.contains(&key.key_size_bits()) {
            return Err(RecipientError::Key);
        }
        let mut thumbprint = String::new();
        for byte in digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref() {
            // Writing to a `String` cannot fail.
            let _ = write!(thumbprint, "{byte:02X}");
        }
        Ok(Self { key, thumbprint })
    }

    /// The SHA-1 of the certificate in hexadecimal digits.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Encrypts a secret: RSA-OAEP with SHA-1 and no label (RFC 8017, 7.1).
    pub fn encrypt(&self, secret: &[u8]) -> Result<Vec<u8>, RecipientError> {
        let key =
            OaepPublicEncryptingKey::new(self.key.clone()).map_err(|_| RecipientError::Key)?;
        let mut out = vec![0; key.ciphertext_size()];
        let written = key.encrypt(&OAEP_SHA1_MGF1SHA1, secret, &mut out, None);
        let length = written.map_err(|_| RecipientError::TooLong)?.len();
        out.truncate(length);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey};

    use super::*;

    #[test]
    fn only_the_recipient_reads_the_secret() {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = private.as_der().unwrap();
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(
            &der.as_ref().into(),
            &rcgen::PKCS_RSA_SHA256,
        )
        .unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap();
        let recipient = Recipient::from_certificate(certificate.der()).unwrap();
        assert_eq!(recipient.thumbprint().len(), 40);
        let sealed = recipient.encrypt(b"a secret").unwrap();
        let private = OaepPrivateDecryptingKey::new(private).unwrap();
        let mut out = vec![0; private.min_output_size()];
        let opened = private.decrypt(&OAEP_SHA1_MGF1SHA1, &sealed, &mut out, None).unwrap();
        assert_eq!(opened, b"a secret");
    }

    #[test]
    fn what_is_no_rsa_certificate_is_refused() {
        let refused = |der: &[u8]| Recipient::from_certificate(der).unwrap_err();
        assert_eq!(refused(b"FAKE"), RecipientError::Certificate);
        let pair = rcgen::KeyPair::generate().unwrap();
        let elliptic = rcgen::CertificateParams::default().self_signed(&pair).unwrap();
        assert_eq!(refused(elliptic.der()), RecipientError::Key);
    }
}
