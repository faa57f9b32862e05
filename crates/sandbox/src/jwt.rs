//! JSON Web Tokens, signed for real (RS256), and the key sets to check them with.

use std::error::Error;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

/// An RSA key with a certificate, as identity providers publish them.
#[derive(Debug)]
pub struct SigningKey {
    pair: RsaKeyPair,
    certificate: Vec<u8>,
    thumbprint: String,
}

/// Why a token is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefusal {
    /// It is not a signed token at all.
    Malformed,
    /// None of the keys made its signature.
    Signature,
}

impl SigningKey {
    /// A new key of 2048 bits; this takes a moment.
    ///
    /// # Panics
    /// When the system has no random bytes or no memory.
    pub fn generate(subject: &str) -> Self {
        Self::try_generate(subject)
            .unwrap_or_else(|problem| panic!("no signing key could be made: {problem}"))
    }

    fn try_generate(subject: &str) -> Result<Self, Box<dyn Error>> {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)?;
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, subject);
        let certificate = params.self_signed(&pair)?.der().to_vec();
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate));
        let pair = RsaKeyPair::from_pkcs8(pair.serialized_der())?;
        Ok(Self { pair, certificate, thumbprint })
    }

    /// The key's id: the thumbprint of its certificate.
    pub fn kid(&self) -> &str {
        &self.thumbprint
    }

    /// The public key as a member of a key set.
    pub fn jwk(&self) -> Value {
        json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.thumbprint,
            "x5t": self.thumbprint,
            "n": URL_SAFE_NO_PAD.encode(self.modulus()),
            "e": "AQAB",
            "x5c": [STANDARD.encode(&self.certificate)],
        })
    }

    /// The public key is DER of two integers, the modulus and then 65537 in five bytes.
    fn modulus(&self) -> &[u8] {
        let der = self.pair.public_key().as_ref();
        let end = der.len().saturating_sub(5);
        let start = end.saturating_sub(self.pair.public_modulus_len());
        der.get(start..end).unwrap_or_default()
    }

    /// Signs `claims`; `header` is added to `typ`, `alg` and `kid`.
    ///
    /// # Panics
    /// When the system has no memory: the key itself signs anything.
    pub fn sign(&self, mut header: Map<String, Value>, claims: &Value) -> String {
        header.insert("typ".to_owned(), json!("JWT"));
        header.insert("alg".to_owned(), json!("RS256"));
        header.insert("kid".to_owned(), json!(self.thumbprint));
        let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
        let signed = format!(
            "{}.{}",
            encode(&Value::Object(header).to_string()),
            encode(&claims.to_string())
        );
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let outcome = self.pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        );
        assert!(outcome.is_ok(), "the key does not sign");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The claims of a token that one of `keys` has signed. Times are not looked at.
    pub fn verify<'a>(
        token: &str,
        keys: impl IntoIterator<Item = &'a Self>,
    ) -> Result<Value, TokenRefusal> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenRefusal::Malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenRefusal::Malformed)?;
        let claims = Self::claims(token).ok_or(TokenRefusal::Malformed)?;
        let is_by = |key: &Self| {
            let public = key.pair.public_key();
            let key =
                aws_lc_rs::signature::UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
            key.verify(signed.as_bytes(), &signature).is_ok()
        };
        let signed_here = keys.into_iter().any(is_by);
        if signed_here { Ok(claims) } else { Err(TokenRefusal::Signature) }
    }

    /// The claims of a token, whoever made it.
    pub fn claims(token: &str) -> Option<Value> {
        let mut parts = token.split('.');
        let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_accepted_unchanged_and_from_the_key_that_signed_it() {
        let key = SigningKey::generate("one");
        let other = SigningKey::generate("other");
        let token = key.sign(Map::new(), &json!({"sub": "adele"}));
        assert_eq!(SigningKey::verify(&token, [&other, &key]), Ok(json!({"sub": "adele"})));
        assert_eq!(SigningKey::verify(&token, [&other]), Err(TokenRefusal::Signature));
        assert_eq!(SigningKey::verify("a.b", [&key]), Err(TokenRefusal::Malformed));
        let forged = key.sign(Map::new(), &json!({"sub": "alex"}));
        let (head, _) = forged.rsplit_once('.').unwrap();
        let (_, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(key.jwk()["n"].as_str().unwrap().len(), 342);
        let mixed = format!("{head}.{signature}");
        assert_eq!(SigningKey::verify(&mixed, [&key]), Err(TokenRefusal::Signature));
    }
}
