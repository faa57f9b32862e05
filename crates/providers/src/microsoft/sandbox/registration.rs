//! App registrations: by what they prove who they are, and what is granted to them for everybody.

use std::collections::BTreeSet;

use evergrant_sandbox::ClientKey;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The application permissions of every confidential registration here.
const ROLES: &[&str] = &[
    "Calendars.ReadWrite",
    "Mail.ReadWrite",
    "Mail.Send",
    "OnlineMeetings.ReadWrite.All",
    "Organization.Read.All",
    "User.Read.All",
];

/// An app registration.
#[derive(Debug, Clone)]
pub(super) struct Registration {
    pub(super) client_id: &'static str,
    pub(super) name: &'static str,
    /// Permissions that an administrator has consented to for the whole tenant.
    pub(super) admin_consent: BTreeSet<String>,
    is_public: bool,
    secrets: Vec<Secret>,
    certificates: Vec<ClientKey>,
}

/// A client secret.
#[derive(Debug, Clone)]
struct Secret {
    value: String,
    expires: Option<Timestamp>,
}

/// How a client proved who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Not at all: it is public.
    None,
    /// By a secret.
    Secret,
    /// By a certificate.
    Certificate,
}

impl Proof {
    /// The `appidacr` of a token.
    pub(super) fn digit(self) -> &'static str {
        match self {
            Self::None => "0",
            Self::Secret => "1",
            Self::Certificate => "2",
        }
    }
}

/// What is wrong with a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretRefusal {
    /// It is none of the registration's.
    Wrong,
    /// Its time is over.
    Expired,
}

impl Registration {
    /// A registration with one secret that does not expire.
    pub(super) fn confidential(client_id: &'static str, name: &'static str, secret: &str) -> Self {
        let secret = Secret { value: secret.to_owned(), expires: None };
        Self { secrets: vec![secret], is_public: false, ..Self::public(client_id, name) }
    }

    /// A registration that keeps no secret.
    pub(super) fn public(client_id: &'static str, name: &'static str) -> Self {
        Self {
            client_id,
            name,
            admin_consent: BTreeSet::new(),
            is_public: true,
            secrets: Vec::new(),
            certificates: Vec::new(),
        }
    }

    /// Whether it cannot keep a secret.
    pub(super) fn is_public(&self) -> bool {
        self.is_public
    }

    /// The application permissions it has in the tenant.
    pub(super) fn roles(&self) -> &'static [&'static str] {
        if self.is_public { &[] } else { ROLES }
    }

    /// The keys of its certificates.
    pub(super) fn certificates(&self) -> &[ClientKey] {
        &self.certificates
    }

    /// Whether this is one of its secrets, and still good.
    pub(super) fn check_secret(&self, value: &str, now: Timestamp) -> Result<(), SecretRefusal> {
        let secret = self.secrets.iter().find(|secret| secret.value == value);
        let secret = secret.ok_or(SecretRefusal::Wrong)?;
        match secret.expires {
            Some(end) if now >= end => Err(SecretRefusal::Expired),
            _ => Ok(()),
        }
    }

    /// Adds a secret, or gives one that exists another end.
    pub(super) fn put_secret(&mut self, value: &str, expires: Option<Timestamp>) {
        self.remove_secret(value);
        self.secrets.push(Secret { value: value.to_owned(), expires });
    }

    /// Ends the life of a secret at once; false if there is none like this.
    pub(super) fn expire_secret(&mut self, value: &str, now: Timestamp) -> bool {
        let secret = self.secrets.iter_mut().find(|secret| secret.value == value);
        secret.map(|secret| secret.expires = Some(now)).is_some()
    }

    /// Removes a secret; false if there was none like this.
    pub(super) fn remove_secret(&mut self, value: &str) -> bool {
        let before = self.secrets.len();
        self.secrets.retain(|secret| secret.value != value);
        self.secrets.len() < before
    }

    /// Adds a certificate.
    pub(super) fn add_certificate(&mut self, key: ClientKey) {
        self.certificates.push(key);
    }

    /// Removes the certificate with this `x5t#S256`; false if there was none like this.
    pub(super) fn remove_certificate(&mut self, thumbprint: &str) -> bool {
        let before = self.certificates.len();
        self.certificates.retain(|key| key.thumbprint().as_deref() != Some(thumbprint));
        self.certificates.len() < before
    }

    /// All of it, for a person.
    pub(super) fn shown(&self) -> Value {
        let secrets = self
            .secrets
            .iter()
            .map(|secret| json!({ "secret": secret.value, "expires_at": secret.expires }));
        let certificates = self
            .certificates
            .iter()
            .map(|key| json!({ "x5t#S256": key.thumbprint(), "x5t": key.legacy_thumbprint() }));
        json!({
            "client_id": self.client_id,
            "client_secret": self.first_secret(),
            "secrets": secrets.collect::<Vec<_>>(),
            "certificates": certificates.collect::<Vec<_>>(),
            "name": self.name,
            "redirect_uris": "http(s)://localhost:*/* and http(s)://127.0.0.1:*/*",
            "roles": self.roles(),
            "admin_consent": self.admin_consent,
        })
    }

    /// The oldest of its secrets.
    pub(super) fn first_secret(&self) -> Option<&str> {
        self.secrets.first().map(|secret| secret.value.as_str())
    }
}
