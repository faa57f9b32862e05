//! The sections of the configuration, and the defaults of what is not given.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use evergrant::Secret;
use evergrant_providers::ig::Environment;
use evergrant_providers::microsoft::Cloud;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use url::Url;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    #[serde(deserialize_with = "address")]
    pub(crate) listen: SocketAddr,
    /// `http://` and the listen address unless given.
    pub(crate) public_url: Option<Url>,
    #[serde(deserialize_with = "list")]
    pub(crate) redirect_uris: Vec<Url>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Admin {
    #[serde(deserialize_with = "address")]
    pub(crate) listen: SocketAddr,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    #[serde(deserialize_with = "secret")]
    pub(crate) url: Secret,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Encryption {
    #[serde(deserialize_with = "optional_secret")]
    pub(crate) keys: Option<Secret>,
    pub(crate) key_file: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Spool {
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Microsoft {
    pub(crate) client_id: Option<String>,
    #[serde(deserialize_with = "optional_secret")]
    pub(crate) client_secret: Option<Secret>,
    pub(crate) client_secret_expires_at: Option<Timestamp>,
    #[serde(deserialize_with = "optional_secret")]
    pub(crate) client_secret_2: Option<Secret>,
    pub(crate) client_secret_2_expires_at: Option<Timestamp>,
    pub(crate) certificate: Option<String>,
    #[serde(deserialize_with = "optional_secret")]
    pub(crate) certificate_key: Option<Secret>,
    pub(crate) notification_certificate: Option<String>,
    #[serde(deserialize_with = "optional_secret")]
    pub(crate) notification_certificate_key: Option<Secret>,
    pub(crate) tenant: Option<String>,
    pub(crate) cloud: Cloud,
    pub(crate) login_url: Option<Url>,
    pub(crate) graph_url: Option<Url>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ig {
    #[serde(deserialize_with = "optional_secret")]
    pub(crate) api_key: Option<Secret>,
    pub(crate) environment: Environment,
    pub(crate) url: Option<Url>,
    /// What `evergrant connect ig` fills its form with.
    pub(crate) identifier: Option<String>,
    #[serde(deserialize_with = "optional_secret")]
    pub(crate) password: Option<Secret>,
    pub(crate) account_id: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sandbox {
    #[serde(deserialize_with = "address")]
    pub(crate) http: SocketAddr,
    #[serde(deserialize_with = "address")]
    pub(crate) https: SocketAddr,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// A filter such as `info` or `evergrant=debug`.
    pub(crate) filter: Option<String>,
    pub(crate) format: LogFormat,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Telemetry {
    /// The base of a collector that takes OTLP over HTTP.
    pub(crate) otlp_endpoint: Option<Url>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

/// What is copied, and how often.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sync {
    #[serde(deserialize_with = "value")]
    pub(crate) enabled: bool,
    #[serde(deserialize_with = "value")]
    pub(crate) interval_seconds: u32,
    #[serde(deserialize_with = "value")]
    pub(crate) notified_interval_seconds: u32,
    #[serde(deserialize_with = "value")]
    pub(crate) days_back: u16,
    #[serde(deserialize_with = "value")]
    pub(crate) days_ahead: u16,
    #[serde(deserialize_with = "value")]
    pub(crate) events: u32,
    #[serde(deserialize_with = "value")]
    pub(crate) messages: u32,
    /// Whether `events` and `messages` do not count.
    #[serde(deserialize_with = "value")]
    pub(crate) unlimited: bool,
    pub(crate) bodies: Bodies,
    #[serde(deserialize_with = "value")]
    pub(crate) concurrency: u16,
    pub(crate) notifications: Notify,
}

/// Whether the copy keeps bodies, and in which format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Bodies {
    #[default]
    None,
    Text,
    Html,
}

/// Whether providers are asked to send word of changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Notify {
    /// Where the operator has given a public address that they can reach.
    #[default]
    Auto,
    On,
    Off,
}

impl Default for Server {
    fn default() -> Self {
        Self { listen: local(8400), public_url: None, redirect_uris: Vec::new() }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: local(8401) }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self { url: "sqlite:evergrant.db".into() }
    }
}

impl Default for Encryption {
    fn default() -> Self {
        Self { keys: None, key_file: "evergrant.key".into() }
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self { dir: "evergrant.spool".into() }
    }
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            enabled: true,
            interval_seconds: 300,
            notified_interval_seconds: 3_600,
            days_back: 30,
            days_ahead: 30,
            events: 100,
            messages: 50,
            unlimited: false,
            bodies: Bodies::default(),
            concurrency: 16,
            notifications: Notify::default(),
        }
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self { http: local(8410), https: local(8443) }
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let wrong = "write an IP address and a port, such as 127.0.0.1:8400";
    let text = String::deserialize(from)?;
    text.parse().map_err(|_| serde::de::Error::custom(wrong))
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::from)
}

/// A number or a truth value; variables have them as text.
fn value<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + FromStr<Err: fmt::Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a whole number from 0 on, or true or false, was expected")]
    enum Either<T> {
        Value(T),
        Text(String),
    }
    match Either::deserialize(from)? {
        Either::Value(value) => Ok(value),
        Either::Text(text) => text.trim().parse().map_err(serde::de::Error::custom),
    }
}

/// Text, or a list of texts that is joined by commas.
fn optional_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text, or a list of texts, was expected")]
    enum Either {
        One(String),
        Many(Vec<String>),
    }
    Ok(Some(match Either::deserialize(from)? {
        Either::One(text) => text.into(),
        Either::Many(texts) => texts.join(",").into(),
    }))
}

/// A list, or a text with commas.
fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Url>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a list of URLs was expected")]
    enum Either {
        Text(String),
        List(Vec<Url>),
    }
    match Either::deserialize(from)? {
        Either::List(urls) => Ok(urls),
        Either::Text(text) => text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| Url::parse(part).map_err(serde::de::Error::custom))
            .collect(),
    }
}
