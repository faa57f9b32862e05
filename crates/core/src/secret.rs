//! Values that must never be seen: no `Display`, no `Serialize`, and a `Debug` that tells nothing.

use std::fmt;

use zeroize::Zeroizing;

/// A token, password or key; wiped from memory when dropped.
///
/// The one way to the text is [`Secret::expose`], so that every use can be found by name.
///
/// ```compile_fail
/// println!("{}", evergrant::Secret::from("refresh token"));
/// ```
/// ```compile_fail
/// serde_json::to_string(&evergrant::Secret::from("refresh token")).unwrap();
/// ```
/// ```
/// assert_eq!(format!("{:?}", evergrant::Secret::from("refresh token")), "[redacted]");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Box<str>>);

impl Secret {
    /// The text itself. Hand it on to a header, a form or a cipher; never to a log.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first and last characters, for a person who has to tell two tokens apart.
    ///
    /// Shows at most six characters, and nothing of a secret shorter than 32.
    pub fn hint(&self) -> String {
        let text = self.expose();
        match (text.get(..3), text.get(text.len().saturating_sub(3)..)) {
            (Some(head), Some(tail)) if text.len() >= 32 => format!("{head}…{tail}"),
            _ => "…".to_owned(),
        }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text.into_boxed_str()))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
