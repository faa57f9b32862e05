//! What mail and calendar have in common.

use serde::{Deserialize, Serialize};

use super::words::words;

/// Somebody with an e-mail address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name people read.
    #[serde(default)]
    pub name: Option<String>,
    /// The address. Providers leave it out for people of their own whom they do not resolve.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(example = "alex@example.com"))]
    pub email: Option<String>,
}

/// A text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// What it is written in.
    #[serde(default)]
    pub format: BodyFormat,
    /// The text itself.
    #[cfg_attr(feature = "schema", schema(example = "<p>See you there.</p>"))]
    pub content: String,
}

/// What a text is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// Plain text.
    #[default]
    Text,
    /// HTML; providers remove what is dangerous, but whoever shows it must not rely on that.
    Html,
}

words! {
    /// How important something is.
    Importance {
        /// Less than usual.
        Low = "low",
        /// As usual.
        Normal = "normal",
        /// More than usual.
        High = "high",
    }
}
