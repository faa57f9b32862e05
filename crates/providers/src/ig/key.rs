//! The operator's API key, which can be replaced while everything runs.

use std::sync::{PoisonError, RwLock};

use aws_lc_rs::digest;
use evergrant::Secret;
use evergrant::provider::{Credential, Failure};

use crate::oauth2::{ClientCredential, CredentialKind};
use crate::registrations::Replaceable;

/// The API key and what is known of it.
#[derive(Default)]
pub(super) struct Key(RwLock<Option<Held>>);

struct Held {
    name: String,
    key: Secret,
    refused: Option<Failure>,
}

impl Key {
    /// The key, where there is one.
    pub(super) fn get(&self) -> Option<Secret> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|held| held.key.clone())
    }

    /// A short name of the key that does not tell it; empty where there is none.
    pub(super) fn mark(&self) -> String {
        let Some(key) = self.get() else { return String::new() };
        let digest = digest::digest(&digest::SHA256, key.expose().as_bytes());
        // Enough to tell a few keys apart.
        let bytes = digest.as_ref().iter().take(6);
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    /// Notes why IG refused this key, or that it takes it.
    pub(super) fn refused(&self, key: &Secret, why: Option<&Failure>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.as_mut().filter(|held| held.key == *key) {
            held.refused = why.cloned();
        }
    }
}

impl Replaceable for Key {
    fn credentials(&self) -> Vec<Credential> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = held.iter().map(|held| Credential {
            name: held.name.clone(),
            expires_at: None,
            refused: held.refused.clone(),
        });
        known.collect()
    }

    fn replace(&self, credentials: Vec<ClientCredential>) -> Result<(), (String, &'static str)> {
        let mut first = None;
        for ClientCredential { name, kind, .. } in credentials {
            let CredentialKind::Secret(key) = kind else { return Err((name, "is no key")) };
            if key.expose().is_empty() || !key.expose().bytes().all(|b| b.is_ascii_graphic()) {
                return Err((name, "is no API key: those are visible ASCII without spaces"));
            }
            first.get_or_insert(Held { name, key, refused: None });
        }
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // What is known of a key that stays is kept.
        let same = |new: &Held, old: &Held| new.key == old.key && new.name == old.name;
        if !matches!((&first, &*held), (Some(new), Some(old)) if same(new, old)) {
            *held = first;
        }
        Ok(())
    }
}
