//! Passwords that are sent encrypted (contract, 2.3).

use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeySize, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The one key of this process: making one takes long enough to be felt in tests.
fn key() -> Option<&'static PrivateDecryptingKey> {
    static KEY: OnceLock<Option<PrivateDecryptingKey>> = OnceLock::new();
    KEY.get_or_init(|| PrivateDecryptingKey::generate(KeySize::Rsa2048).ok()).as_ref()
}

/// The public key: base64 of its X.509 form.
pub(super) fn public_key() -> Option<String> {
    let der = key()?.public_key().as_der().ok()?;
    Some(STANDARD.encode(der.as_ref()))
}

/// The password in `base64(RSA(base64(password|timestamp)))`; none if it is anything else. The
/// inner base64 is part of the format.
pub(super) fn open(encrypted: &str) -> Option<String> {
    let key = Pkcs1PrivateDecryptingKey::new(key()?.clone()).ok()?;
    let encrypted = STANDARD.decode(encrypted).ok()?;
    let mut room = vec![0; key.min_output_size()];
    let decrypted = key.decrypt(&encrypted, &mut room).ok()?;
    let text = String::from_utf8(STANDARD.decode(decrypted).ok()?).ok()?;
    let (password, timestamp) = text.rsplit_once('|')?;
    timestamp.parse::<i64>().ok()?;
    Some(password.to_owned())
}
