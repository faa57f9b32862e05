//! The operator's registrations, whose credentials can be replaced while everything runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use evergrant::provider::Credential;

use crate::SettingsError;
use crate::oauth2::ClientCredential;

/// What proves who a registration is, and can be replaced.
pub(crate) trait Replaceable: Send + Sync {
    /// What is known of the credentials.
    fn credentials(&self) -> Vec<Credential>;

    /// Replaces them, in the order in which they are to be tried. On an error, which names the
    /// credential, the old ones stay.
    fn replace(&self, credentials: Vec<ClientCredential>) -> Result<(), (String, &'static str)>;
}

/// The registrations of all providers by name ([`Manifest::registration`]).
///
/// [`Manifest::registration`]: evergrant::provider::Manifest::registration
#[derive(Clone, Default)]
pub struct Registrations(BTreeMap<String, Arc<dyn Replaceable>>);

impl Registrations {
    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What is known of one's credentials; nothing if there is no such registration.
    pub fn credentials(&self, name: &str) -> Vec<Credential> {
        self.0.get(name).map(|one| one.credentials()).unwrap_or_default()
    }

    /// Replaces the credentials of one, in the order in which they are to be tried. What is in
    /// progress ends with the old ones, the next exchange takes the new ones. On an error the old
    /// ones stay.
    pub fn replace(
        &self,
        name: &str,
        credentials: Vec<ClientCredential>,
    ) -> Result<(), SettingsError> {
        let one = self.0.get(name).ok_or_else(|| SettingsError::new(name, "is no registration"))?;
        one.replace(credentials).map_err(|(credential, problem)| {
            SettingsError::new(format!("{name}.{credential}"), problem)
        })
    }

    /// Enters a registration and gives it its first credentials.
    pub(crate) fn add<R: Replaceable + 'static>(
        &mut self,
        name: &str,
        registration: &Arc<R>,
        credentials: Vec<ClientCredential>,
    ) -> Result<(), SettingsError> {
        let registration: Arc<dyn Replaceable> = Arc::<R>::clone(registration);
        self.0.insert(name.to_owned(), registration);
        self.replace(name, credentials)
    }
}

impl fmt::Debug for Registrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
