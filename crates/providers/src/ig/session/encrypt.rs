//! Passwords that must not travel as they are (contract, section 2.3).

use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant::provider::AuthError;
use evergrant::{Secret, Transport};
use http::Method;
use serde_json::Value;
use zeroize::Zeroizing;

use super::answer::id;
use super::wire::{self, Ask, Refused};
use super::{Sessions, secret};
use crate::ig::limits::Whose;

/// The password, encrypted with the key that IG gives for the moment.
pub(super) async fn password(
    sessions: &Sessions,
    http: &dyn Transport,
    plain: &Secret,
    whose: Option<Whose>,
) -> Result<Secret, AuthError> {
    let ask = Ask::new(Method::GET, 1, "/session/encryptionKey").counted(whose).aside();
    let response = sessions.send(http, ask).await.map_err(Refused::error)?;
    let said: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let key = said.get("encryptionKey").and_then(Value::as_str);
    // Documented as a number, and seen as a text.
    let time = id(&said, "timeStamp");
    let encrypted = key.zip(time).and_then(|(key, time)| encrypted(key, &time, plain));
    encrypted.ok_or_else(|| wire::unreadable(response.status()))
}

/// `base64(RSA PKCS#1 v1.5(base64(password|time)))`; the inner base64 is meant.
fn encrypted(key: &str, time: &str, plain: &Secret) -> Option<Secret> {
    let key = STANDARD.decode(key).ok()?;
    let key = PublicEncryptingKey::from_der(&key).ok()?;
    let key = Pkcs1PublicEncryptingKey::new(key).ok()?;
    let text = Zeroizing::new(format!("{}|{time}", plain.expose()));
    let text = Zeroizing::new(STANDARD.encode(text.as_bytes()));
    let mut out = vec![0; key.ciphertext_size()];
    let cipher = key.encrypt(text.as_bytes(), &mut out).ok()?;
    Some(secret(STANDARD.encode(cipher)))
}
