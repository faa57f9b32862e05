use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::gateway::{Api, CallError};

/// The account behind an integration, as its provider describes it now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// The provider's id of the account.
    pub id: String,
    /// The person's name.
    pub name: Option<String>,
    /// The person's e-mail address.
    pub email: Option<String>,
    /// The name the person signs in with.
    pub username: Option<String>,
    /// Everything the provider said, under the provider's own names.
    pub raw: Map<String, Value>,
}

/// Reads the account behind an integration.
#[async_trait]
pub trait Profiles: Send + Sync {
    /// The account's profile, asked from the provider now.
    async fn profile(&self, api: &Api) -> Result<Profile, CallError>;
}
