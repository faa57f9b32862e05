//! The providers Evergrant can connect: one folder per vendor, and [`all`] is the one list.

pub mod declared;
mod dictionary;
mod id_token;
pub mod ig;
pub mod microsoft;
mod oauth2;
mod registrations;
#[cfg(feature = "sandbox")]
pub mod sandbox;

use std::collections::BTreeMap;

use evergrant::provider::Providers;

pub use dictionary::{Class, DenialRow, FailureRow, denials, failures};
pub use oauth2::{ClientAuth, ClientCredential, CredentialKind};
pub use registrations::Registrations;

/// The operator's registrations and addresses, by vendor.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Microsoft 365.
    pub microsoft: microsoft::Settings,
    /// IG.
    pub ig: ig::Settings,
    /// Declared providers by key.
    pub declared: BTreeMap<String, declared::Settings>,
}

impl Settings {
    /// The credentials of every registration, by its name.
    pub fn credentials(&self) -> BTreeMap<String, Vec<ClientCredential>> {
        let declared = self.declared.iter();
        let declared = declared.map(|(name, one)| (name.clone(), one.credentials.clone()));
        let microsoft = (microsoft::REGISTRATION.to_owned(), self.microsoft.credentials());
        let ig = (ig::REGISTRATION.to_owned(), self.ig.credentials());
        declared.chain([microsoft, ig]).collect()
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct SettingsError {
    /// Which one, such as `microsoft.certificate`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl SettingsError {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// Every provider there is, and the registrations behind them, whose credentials can be replaced
/// later.
pub fn all(settings: &Settings) -> Result<(Providers, Registrations), SettingsError> {
    let mut registrations = Registrations::default();
    let mut providers = microsoft::providers(&settings.microsoft, &mut registrations)?;
    providers.push(ig::provider(&settings.ig, &mut registrations)?);
    for declared in declared::providers(&settings.declared, &mut registrations)? {
        let key = &declared.manifest().key;
        if providers.iter().any(|p| p.manifest().key == *key)
            || [microsoft::REGISTRATION, ig::REGISTRATION]
                .contains(&declared.manifest().registration.as_str())
        {
            return Err(SettingsError::new(
                format!("declared.{key}"),
                "is the name of a provider that is built in",
            ));
        }
        providers.push(declared);
    }
    Ok((providers.into_iter().collect(), registrations))
}

/// `host`, with the port if it is not the scheme's own.
pub(crate) fn authority(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
