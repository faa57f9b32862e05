//! PKCE: what a client promises when it asks for a code, and proves when it redeems it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A PKCE challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// The verifier itself.
    Plain(String),
    /// The SHA-256 of the verifier.
    S256(String),
}

/// Why a challenge cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeError {
    /// Not 43 to 128 unreserved characters.
    Form,
    /// Neither `plain` nor `S256`.
    Method,
}

impl Challenge {
    /// Reads the two request parameters; `plain` is assumed without a method, as RFC 7636 says.
    pub fn parse(value: &str, method: Option<&str>) -> Result<Self, ChallengeError> {
        let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        if !(43..=128).contains(&value.len()) || !value.chars().all(unreserved) {
            return Err(ChallengeError::Form);
        }
        match method {
            Some("S256") => Ok(Self::S256(value.to_owned())),
            Some("plain") | None => Ok(Self::Plain(value.to_owned())),
            Some(_) => Err(ChallengeError::Method),
        }
    }

    pub(super) fn is_met_by(&self, verifier: &str) -> bool {
        match self {
            Self::Plain(challenge) => challenge == verifier,
            Self::S256(challenge) => {
                let hash = digest(&SHA256, verifier.as_bytes());
                *challenge == URL_SAFE_NO_PAD.encode(hash)
            }
        }
    }
}
