//! The operator's registration at Microsoft, and where Microsoft is.

use evergrant::Secret;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::oauth2::{ClientCredential, CredentialKind};

/// The operator's registration, and where Microsoft is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The application (client) id.
    pub client_id: Option<String>,
    /// The client secret's value.
    pub client_secret: Option<Secret>,
    /// When it expires.
    pub client_secret_expires_at: Option<Timestamp>,
    /// A second secret, so that one can be replaced without a gap.
    pub client_secret_2: Option<Secret>,
    /// When the second one expires.
    pub client_secret_2_expires_at: Option<Timestamp>,
    /// A certificate in PEM; it is tried before the secrets.
    pub certificate: Option<String>,
    /// Its private key in PEM (PKCS#8).
    pub certificate_key: Option<Secret>,
    /// A certificate in PEM for notifications that carry what changed; without it they carry nothing.
    pub notification_certificate: Option<String>,
    /// Its private key in PEM (PKCS#8).
    pub notification_certificate_key: Option<Secret>,
    /// `common`, `organizations`, `consumers`, a tenant's id or a verified domain.
    pub tenant: String,
    /// Which of Microsoft's clouds.
    pub cloud: Cloud,
    /// Where the identity platform is, if not where the cloud has it.
    pub login_url: Option<Url>,
    /// Where Graph is, without the version, if not where the cloud has it.
    pub graph_url: Option<Url>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            client_id: None,
            client_secret: None,
            client_secret_expires_at: None,
            client_secret_2: None,
            client_secret_2_expires_at: None,
            certificate: None,
            certificate_key: None,
            notification_certificate: None,
            notification_certificate_key: None,
            tenant: "common".to_owned(),
            cloud: Cloud::default(),
            login_url: None,
            graph_url: None,
        }
    }
}

impl Settings {
    /// The credentials in the order in which they are tried.
    pub fn credentials(&self) -> Vec<ClientCredential> {
        let mut credentials = Vec::new();
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.certificate_key) {
            credentials.push(ClientCredential {
                name: "certificate".to_owned(),
                kind: CredentialKind::Certificate {
                    certificate: certificate.clone(),
                    key: key.clone(),
                },
                expires_at: None,
            });
        }
        for (name, secret, expires_at) in [
            ("client_secret", &self.client_secret, self.client_secret_expires_at),
            ("client_secret_2", &self.client_secret_2, self.client_secret_2_expires_at),
        ] {
            if let Some(secret) = secret.as_ref().filter(|s| !s.expose().is_empty()) {
                let kind = CredentialKind::Secret(secret.clone());
                credentials.push(ClientCredential { name: name.to_owned(), kind, expires_at });
            }
        }
        credentials
    }

    pub(super) fn login(&self) -> Url {
        self.login_url.clone().unwrap_or_else(|| self.cloud.login())
    }

    pub(super) fn graph(&self) -> Url {
        self.graph_url.clone().unwrap_or_else(|| self.cloud.graph())
    }
}

/// Microsoft's clouds (contract, section 2.1). Registrations and tokens belong to one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    /// The worldwide one.
    #[default]
    Global,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5 (DoD).
    UsDod,
    /// China, run by 21Vianet.
    China,
}

impl Cloud {
    fn login(self) -> Url {
        url(match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGov | Self::UsDod => "https://login.microsoftonline.us",
            Self::China => "https://login.partner.microsoftonline.cn",
        })
    }

    fn graph(self) -> Url {
        url(match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::UsDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        })
    }

    /// Where users see and remove what they granted.
    pub(super) fn manage(self) -> Option<Url> {
        match self {
            Self::Global => Some(url("https://myapps.microsoft.com")),
            Self::UsGov | Self::UsDod => Some(url("https://myapps.microsoft.us")),
            Self::China => None,
        }
    }
}

fn url(text: &str) -> Url {
    #[expect(clippy::expect_used, reason = "constants")]
    Url::parse(text).expect("a valid address")
}
