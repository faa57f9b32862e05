//! Proving who asks by a signature instead of a secret (RFC 7523, section 2.2).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::Secret;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::pem;

/// How long an assertion is good, in seconds; servers take five to ten minutes.
const LIFE: i64 = 600;

/// What `client_assertion_type` has to say.
pub(super) const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A private key that signs assertions.
pub(super) struct Signer {
    key: Key,
    header: Value,
    rs256: bool,
}

enum Key {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl Signer {
    /// Signs with the key of a certificate, which the header names by its digest. Returns when the
    /// certificate expires, too.
    pub(super) fn certificate(
        certificate: &str,
        key: &Secret,
    ) -> Result<(Self, Option<Timestamp>), &'static str> {
        let (_, der) = pem::block(certificate, "CERTIFICATE")
            .ok_or("is no certificate in PEM (-----BEGIN CERTIFICATE-----)")?;
        let mut signer = Self::key(key, None, false)?;
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &der));
        signer.header["x5t#S256"] = Value::String(thumbprint);
        Ok((signer, pem::not_after(&der)))
    }

    /// Signs with a plain key, which the header may name; `rs256` for servers that are not up to PSS.
    pub(super) fn key(key: &Secret, kid: Option<&str>, rs256: bool) -> Result<Self, &'static str> {
        let (label, der) = pem::block(key.expose(), "PRIVATE KEY")
            .ok_or("is no private key in PEM (-----BEGIN PRIVATE KEY-----)")?;
        if label.starts_with("ENCRYPTED") {
            return Err("is encrypted; decrypt it with `openssl pkcs8 -in KEY -out PLAIN`");
        }
        let ec = || {
            EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).map(Key::Ec)
        };
        let key = RsaKeyPair::from_pkcs8(&der)
            .or_else(|_| RsaKeyPair::from_der(&der))
            .map(Key::Rsa)
            .or_else(|_| ec())
            .map_err(|_| "is neither an RSA key of 2048 bits or more nor an EC key on P-256")?;
        let algorithm = match key {
            Key::Rsa(_) if rs256 => "RS256",
            Key::Rsa(_) => "PS256",
            Key::Ec(_) => "ES256",
        };
        let mut header = json!({"alg": algorithm, "typ": "JWT"});
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        Ok(Self { key, header, rs256 })
    }

    /// An assertion for `audience`. `request` makes it unique: no two requests carry the same token
    /// or code at the same time.
    pub(super) fn sign(
        &self,
        client_id: &str,
        audience: &str,
        now: Timestamp,
        request: &str,
    ) -> Option<Secret> {
        let (seconds, unique) =
            (now.as_second(), format!("{client_id} {} {request}", now.as_nanosecond()));
        let claims = json!({
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "jti": URL_SAFE_NO_PAD.encode(&digest(&SHA256, unique.as_bytes()).as_ref()[..16]),
            "iat": seconds,
            "nbf": seconds,
            "exp": seconds.saturating_add(LIFE),
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&self.header), part(&claims));
        // The randomness of a signature protects the key and is nobody's to replay.
        let random = SystemRandom::new();
        let signature = match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let scheme: &'static dyn RsaEncoding =
                    if self.rs256 { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
                key.sign(scheme, &random, message.as_bytes(), &mut signature).ok()?;
                signature
            }
            Key::Ec(key) => key.sign(&random, message.as_bytes()).ok()?.as_ref().to_vec(),
        };
        Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
    }
}
