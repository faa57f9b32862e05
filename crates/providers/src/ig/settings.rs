//! The operator's registration at IG, and where IG is.

use evergrant::Secret;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::oauth2::{ClientCredential, CredentialKind};

/// The operator's registration, and where IG is.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The API key.
    pub api_key: Option<Secret>,
    /// Which of IG's two worlds the key and its clients' logins belong to.
    pub environment: Environment,
    /// Where IG is, `/gateway/deal` included, if not where the environment has it.
    pub url: Option<Url>,
}

impl Settings {
    /// The API key as a credential.
    pub fn credentials(&self) -> Vec<ClientCredential> {
        let key = self.api_key.iter().filter(|key| !key.expose().is_empty());
        let credential = |key: &Secret| ClientCredential {
            name: "api_key".to_owned(),
            kind: CredentialKind::Secret(key.clone()),
            expires_at: None,
        };
        key.map(credential).collect()
    }

    /// Where IG is, without a slash at its end: what is below begins with one.
    pub(super) fn base_url(&self) -> Url {
        let mut url = self.url.clone().unwrap_or_else(|| self.environment.url());
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        url
    }
}

/// IG's two worlds (contract, section 1). Keys, logins and accounts belong to one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Money that is none.
    #[default]
    Demo,
    /// Money.
    Live,
}

impl Environment {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Live => "live",
        }
    }

    /// Its name for people.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Demo => "IG Markets (demo)",
            Self::Live => "IG Markets",
        }
    }

    fn url(self) -> Url {
        let url = match self {
            Self::Demo => "https://demo-api.ig.com/gateway/deal",
            Self::Live => "https://api.ig.com/gateway/deal",
        };
        #[expect(clippy::expect_used, reason = "constants")]
        Url::parse(url).expect("a valid address")
    }
}
