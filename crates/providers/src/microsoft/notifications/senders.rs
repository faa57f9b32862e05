//! Who vouches for notifications that carry what changed: the tokens that come with them (contract,
//! section 8.5).

use std::collections::BTreeSet;

use evergrant::provider::AuthError;
use evergrant::{Secret, Transport};
use jiff::Timestamp;
use serde_json::Value;

use crate::microsoft::identity::Identity;

/// The application that sends change notifications.
const SENDER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
/// The most tokens that are looked at: there is one for each tenant.
const MOST_TOKENS: usize = 100;

/// The tenants for which the sender of a delivery has proven itself.
#[derive(Default)]
pub(super) struct Senders {
    /// Whether it says that it can.
    claimed: bool,
    tenants: BTreeSet<String>,
    /// Whether the keys could not be had. Then the state that came has to do: a hint too many costs
    /// nothing, and one that is lost an hour.
    unproven: bool,
}

impl Senders {
    pub(super) async fn of(
        identity: &Identity,
        http: &dyn Transport,
        now: Timestamp,
        tokens: &Value,
    ) -> Self {
        let mut tenants = BTreeSet::new();
        let mut unproven = false;
        let told = tokens.as_array().map(Vec::as_slice).unwrap_or_default();
        for token in told.iter().take(MOST_TOKENS).filter_map(Value::as_str) {
            match identity.sender(http, now, &Secret::from(token)).await {
                Ok(claims) => {
                    let text = |name: &str| claims.get(name).and_then(Value::as_str);
                    // `appid` in tokens of version 1, `azp` in those of version 2.
                    if text("azp").or(text("appid")) == Some(SENDER) {
                        tenants.extend(text("tid").map(str::to_ascii_lowercase));
                    }
                }
                Err(AuthError::Unavailable { .. }) => {
                    unproven = true;
                    break;
                }
                Err(error) => tracing::debug!(%error, "a notification's token proves nothing"),
            }
        }
        Self { claimed: !told.is_empty(), tenants, unproven }
    }

    /// Whether tokens came along at all.
    pub(super) fn is_claimed(&self) -> bool {
        self.claimed
    }

    /// Whether the sender is proven for this tenant.
    pub(super) fn vouch_for(&self, tenant: Option<&str>) -> bool {
        self.unproven
            || tenant.is_some_and(|tenant| self.tenants.contains(&tenant.to_ascii_lowercase()))
    }
}
