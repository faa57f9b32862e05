//! Clients that prove themselves by a signature: registered keys, and the assertions they sign
//! (RFC 7523).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value};
use x509_parser::parse_x509_certificate;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A public key that a client has registered, with its certificate if it has one.
#[derive(Debug, Clone)]
pub struct ClientKey {
    /// An RSA key in DER or a point of P-256.
    key: Vec<u8>,
    kid: Option<String>,
    certificate: Option<Certificate>,
}

#[derive(Debug, Clone)]
struct Certificate {
    der: Vec<u8>,
    /// Seconds of the first and the last moment it is valid.
    valid: (i64, i64),
}

/// Why a key cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientKeyError {
    /// Neither a certificate nor a public key in PEM.
    #[error("it is neither a `CERTIFICATE` nor a `PUBLIC KEY` in PEM")]
    Pem,
    /// Not a key this sandbox can verify with.
    #[error("it is not an RSA or P-256 public key as a JWK")]
    Jwk,
}

impl ClientKey {
    /// Reads the first certificate or public key of a PEM file.
    pub fn from_pem(pem: &str) -> Result<Self, ClientKeyError> {
        let (_, pem) = parse_x509_pem(pem.as_bytes()).map_err(|_| ClientKeyError::Pem)?;
        match pem.label.as_str() {
            "CERTIFICATE" => Self::from_certificate(&pem.contents).ok_or(ClientKeyError::Pem),
            "PUBLIC KEY" => {
                let (_, info) = SubjectPublicKeyInfo::from_der(&pem.contents)
                    .map_err(|_| ClientKeyError::Pem)?;
                let key = info.subject_public_key.data.to_vec();
                Ok(Self { key, kid: None, certificate: None })
            }
            _ => Err(ClientKeyError::Pem),
        }
    }

    /// Reads a certificate in DER.
    fn from_certificate(der: &[u8]) -> Option<Self> {
        let (_, parsed) = parse_x509_certificate(der).ok()?;
        let valid = parsed.validity();
        let certificate = Certificate {
            der: der.to_vec(),
            valid: (valid.not_before.timestamp(), valid.not_after.timestamp()),
        };
        let key = parsed.public_key().subject_public_key.data.to_vec();
        Some(Self { key, kid: None, certificate: Some(certificate) })
    }

    /// Reads a public JSON Web Key (RFC 7517), with its `kid`.
    pub fn from_jwk(jwk: &Value) -> Result<Self, ClientKeyError> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let number = |name: &str| text(name).and_then(decode).ok_or(ClientKeyError::Jwk);
        let key = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => {
                let components = PublicKeyComponents { n: number("n")?, e: number("e")? };
                components.as_der().map_err(|_| ClientKeyError::Jwk)?.as_ref().to_vec()
            }
            (Some("EC"), Some("P-256")) => [vec![4], number("x")?, number("y")?].concat(),
            _ => return Err(ClientKeyError::Jwk),
        };
        Ok(Self { key, kid: text("kid").map(str::to_owned), certificate: None })
    }

    /// The `kid` it was registered with.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The SHA-256 of the certificate, base64url (`x5t#S256`).
    pub fn thumbprint(&self) -> Option<String> {
        let certificate = self.certificate.as_ref()?;
        Some(URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate.der)))
    }

    /// The SHA-1 of the certificate, base64url (`x5t`).
    pub fn legacy_thumbprint(&self) -> Option<String> {
        let certificate = self.certificate.as_ref()?;
        Some(URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate.der)))
    }

    /// Whether the certificate is valid at this time; a bare key always is.
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        let within = |certificate: &Certificate| {
            (certificate.valid.0..=certificate.valid.1).contains(&at.as_second())
        };
        self.certificate.as_ref().is_none_or(within)
    }
}

/// A signed statement of a client about itself, read without being believed.
#[derive(Debug, Clone)]
pub struct Assertion {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signed: String,
    signature: Vec<u8>,
}

impl Assertion {
    /// Reads a JSON Web Token; base64url may be padded, as some clients write it.
    pub fn read(token: &str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| serde_json::from_slice(&decode(part)?).ok();
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signed: signed.to_owned(),
            signature: decode(signature)?,
        })
    }

    /// A text of the header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// A text among the claims.
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// A time among the claims in seconds: a number, with or without a fraction, or a text of one.
    pub fn time(&self, name: &str) -> Option<i64> {
        let seconds = match self.claims.get(name)? {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        #[expect(clippy::cast_possible_truncation, reason = "a time beyond the range saturates")]
        Some(seconds as i64)
    }

    /// For whom it is meant.
    pub fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(audience)) => vec![audience],
            Some(Value::Array(audiences)) => audiences.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The key of the first certificate it carries: `x5c` as a list, or joined by commas.
    pub fn carried(&self) -> Option<ClientKey> {
        let first = match self.header.get("x5c")? {
            Value::String(joined) => joined.split(',').next()?,
            Value::Array(chain) => chain.first()?.as_str()?,
            _ => return None,
        };
        ClientKey::from_certificate(&decode(first.trim())?)
    }

    /// Whether its header names this key: by the certificate's thumbprint, by the certificate
    /// itself, or by `kid`. One that names none means any.
    pub fn names(&self, key: &ClientKey) -> bool {
        let plain = |text: &str| text.trim_end_matches('=').to_owned();
        let kid = self.header("kid");
        if let Some(thumbprint) = self.header("x5t#S256") {
            return key.thumbprint() == Some(plain(thumbprint));
        }
        if let Some(thumbprint) = self.header("x5t") {
            return key.legacy_thumbprint() == Some(plain(thumbprint));
        }
        if let Some(carried) = self.carried() {
            return carried.thumbprint() == key.thumbprint();
        }
        match (kid, key.kid()) {
            (Some(kid), Some(registered)) => kid == registered,
            (Some(kid), None) if key.certificate.is_some() => {
                [key.thumbprint(), key.legacy_thumbprint()].contains(&Some(plain(kid)))
            }
            _ => true,
        }
    }

    /// Whether this key signed it, by `RS256`, `PS256` or `ES256`.
    pub fn is_signed_by(&self, key: &ClientKey) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match self.header("alg") {
            Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
            Some("PS256") => &RSA_PSS_2048_8192_SHA256,
            Some("ES256") => &ECDSA_P256_SHA256_FIXED,
            _ => return false,
        };
        let public = UnparsedPublicKey::new(algorithm, &key.key);
        public.verify(self.signed.as_bytes(), &self.signature).is_ok()
    }
}

/// Decodes base64 of either alphabet, with or without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::SigningKey;

    #[test]
    fn times_come_in_every_form() {
        let claims = json!({"a": 12, "b": 12.5, "c": "12", "d": [12]});
        let token = SigningKey::generate("client").sign(Map::new(), &claims);
        let assertion = Assertion::read(&token).unwrap();
        for name in ["a", "b", "c"] {
            assert_eq!(assertion.time(name), Some(12), "{name}");
        }
        assert_eq!(assertion.time("d"), None);
    }

    #[test]
    fn a_key_is_the_same_as_a_jwk_and_in_a_certificate() {
        let key = SigningKey::generate("client");
        let jwk = key.jwk();
        let assertion = Assertion::read(&key.sign(Map::new(), &json!({}))).unwrap();
        let registered = ClientKey::from_jwk(&jwk).unwrap();
        assert!(assertion.names(&registered) && assertion.is_signed_by(&registered));
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            jwk["x5c"][0].as_str().unwrap()
        );
        let certified = ClientKey::from_pem(&pem).unwrap();
        assert!(assertion.is_signed_by(&certified));
        assert_eq!(certified.legacy_thumbprint().as_deref(), jwk["x5t"].as_str());
        let other = SigningKey::generate("other").jwk();
        assert!(!assertion.is_signed_by(&ClientKey::from_jwk(&other).unwrap()));
        assert!(ClientKey::from_jwk(&json!({"kty": "oct", "k": "x"})).is_err());
        assert!(ClientKey::from_pem("nonsense").is_err());
    }
}
