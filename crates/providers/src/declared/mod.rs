//! Providers that are described and not programmed: a declaration says where a plain OAuth 2.0
//! server is and how it behaves.
//!
//! A number of declarations come along as data files; a deployment enables one by giving it a client
//! id and a credential, or declares a provider of its own.

mod adapter;
mod declaration;
mod identity;
#[cfg(feature = "sandbox")]
pub mod sandbox;

use std::collections::BTreeMap;
use std::sync::Arc;

use evergrant::provider::Provider;

use adapter::Declared;
pub use declaration::{
    Answers, Declaration, Identity, IdentitySource, RefreshLifetime, ReplayClass, RevocationScope,
};

use crate::SettingsError;
use crate::oauth2::ClientCredential;
use crate::registrations::Registrations;

/// The declarations that come along.
const SHIPPED: &[(&str, &str)] = &[
    ("atlassian", include_str!("atlassian.toml")),
    ("dropbox", include_str!("dropbox.toml")),
    ("github", include_str!("github.toml")),
    ("gitlab", include_str!("gitlab.toml")),
    ("google", include_str!("google.toml")),
    ("salesforce", include_str!("salesforce.toml")),
    ("slack", include_str!("slack.toml")),
    ("zoom", include_str!("zoom.toml")),
];

/// The operator's registration at one declared provider.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The client id.
    pub client_id: Option<String>,
    /// The credentials in the order in which they are tried.
    pub credentials: Vec<ClientCredential>,
    /// The permissions to ask for, instead of the declaration's.
    pub scopes: Option<Vec<String>>,
    /// What stands for the declaration's `{name}`s, such as the host of one's own instance.
    pub variables: BTreeMap<String, String>,
    /// The declaration, for a provider that does not come along, or instead of the one that does.
    pub declaration: Option<Declaration>,
}

/// The names of the declarations that come along.
pub fn shipped() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// The declared providers; their registrations are entered in `registrations`.
pub(crate) fn providers(
    settings: &BTreeMap<String, Settings>,
    registrations: &mut Registrations,
) -> Result<Vec<Arc<dyn Provider>>, SettingsError> {
    let mut providers: Vec<Arc<dyn Provider>> = Vec::new();
    for (name, settings) in settings {
        let wrong = |field: &str, problem: String| {
            SettingsError::new(format!("declared.{name}.{field}"), problem)
        };
        if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        {
            let problem = "has a name of other characters than a-z, 0-9 and _";
            return Err(SettingsError::new(format!("declared.{name}"), problem));
        }
        let declaration = match &settings.declaration {
            Some(declaration) => declaration.clone(),
            None => find(name).ok_or_else(|| {
                wrong("declaration", "is missing; no provider of this name comes along".to_owned())
            })??,
        };
        let facts = declaration
            .resolve(&settings.variables)
            .map_err(|(field, problem)| wrong(&field, problem))?;
        let declared = Declared::new(name, facts, settings);
        registrations.add(name, declared.client(), settings.credentials.clone()).map_err(
            |error| SettingsError { field: format!("declared.{}", error.field), ..error },
        )?;
        providers.push(Arc::new(declared));
    }
    Ok(providers)
}

fn find(name: &str) -> Option<Result<Declaration, SettingsError>> {
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
    Some(Declaration::parse(text).map_err(|error| SettingsError {
        field: format!("declared.{name}.{}", error.field),
        ..error
    }))
}
