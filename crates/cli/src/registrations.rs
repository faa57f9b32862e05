//! The operator's registrations at declared providers, as the configuration has them.

use evergrant::Secret;
use evergrant_providers::declared::{self, Declaration};
use evergrant_providers::{ClientCredential, CredentialKind};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// What can be given as `EVERGRANT_PROVIDERS_NAME_FIELD`, and whether it can be given as a file.
pub(crate) const FIELDS: [(&str, bool); 7] = [
    ("client_id", false),
    ("client_secret_expires_at", false),
    ("client_secret_2_expires_at", false),
    ("client_secret_2", true),
    ("client_secret", true),
    ("client_key", true),
    ("client_key_id", false),
];

/// `[providers.NAME]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Registration {
    client_id: Option<String>,
    #[serde(deserialize_with = "secret")]
    client_secret: Option<Secret>,
    client_secret_expires_at: Option<Timestamp>,
    #[serde(deserialize_with = "secret")]
    client_secret_2: Option<Secret>,
    client_secret_2_expires_at: Option<Timestamp>,
    /// A private key in PEM, for providers that verify signatures instead of secrets.
    #[serde(deserialize_with = "secret")]
    client_key: Option<Secret>,
    client_key_id: Option<String>,
    /// Whether an RSA key signs as RS256.
    client_key_rs256: bool,
    scopes: Option<Vec<String>>,
    variables: BTreeMap<String, String>,
    /// For a provider that does not come along.
    declaration: Option<Declaration>,
}

impl Registration {
    /// The adapter's form of it.
    pub(crate) fn settings(self) -> declared::Settings {
        let mut credentials = Vec::new();
        if let Some(key) = self.client_key {
            let kind =
                CredentialKind::Key { key, kid: self.client_key_id, rs256: self.client_key_rs256 };
            let name = "client_key".to_owned();
            credentials.push(ClientCredential { name, kind, expires_at: None });
        }
        for (name, secret, expires_at) in [
            ("client_secret", self.client_secret, self.client_secret_expires_at),
            ("client_secret_2", self.client_secret_2, self.client_secret_2_expires_at),
        ] {
            if let Some(secret) = secret.filter(|secret| !secret.expose().is_empty()) {
                let kind = CredentialKind::Secret(secret);
                credentials.push(ClientCredential { name: name.to_owned(), kind, expires_at });
            }
        }
        declared::Settings {
            client_id: self.client_id.filter(|id| !id.is_empty()),
            credentials,
            scopes: self.scopes,
            variables: self.variables,
            declaration: self.declaration,
        }
    }
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    Option::<String>::deserialize(from).map(|text| text.map(Secret::from))
}
