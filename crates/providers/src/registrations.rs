//! The operator's registrations, whose credentials can be replaced while everything runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use evergrant::provider::Credential;

use crate::SettingsError;
use crate::oauth2::{Client, ClientCredential};

/// The registrations of all providers by name ([`Manifest::registration`]).
///
/// [`Manifest::registration`]: evergrant::provider::Manifest::registration
#[derive(Debug, Clone, Default)]
pub struct Registrations(BTreeMap<String, Arc<Client>>);

impl Registrations {
    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What is known of one's credentials; nothing if there is no such registration.
    pub fn credentials(&self, name: &str) -> Vec<Credential> {
        self.0.get(name).map(|client| client.credentials()).unwrap_or_default()
    }

    /// Replaces the credentials of one, in the order in which they are to be tried. What is in
    /// progress ends with the old ones, the next exchange takes the new ones. On an error the old
    /// ones stay.
    pub fn replace(
        &self,
        name: &str,
        credentials: Vec<ClientCredential>,
    ) -> Result<(), SettingsError> {
        let client =
            self.0.get(name).ok_or_else(|| SettingsError::new(name, "is no registration"))?;
        client.replace_credentials(credentials).map_err(|(credential, problem)| {
            SettingsError::new(format!("{name}.{credential}"), problem)
        })
    }

    /// Enters a registration and gives it its first credentials.
    pub(crate) fn add(
        &mut self,
        name: &str,
        client: &Arc<Client>,
        credentials: Vec<ClientCredential>,
    ) -> Result<(), SettingsError> {
        self.0.insert(name.to_owned(), Arc::clone(client));
        self.replace(name, credentials)
    }
}
