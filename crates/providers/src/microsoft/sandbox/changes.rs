//! What can be changed behind everybody's back: `POST /_sandbox/world/microsoft/…`.

use evergrant_sandbox::Problem;
use serde_json::{Value, json};

use super::MicrosoftAct;

/// Carries out a change; the answer is the user or the key as it is now.
pub(super) fn change(act: &MicrosoftAct, path: &str, body: &Value) -> Result<Value, Problem> {
    if body.as_object().is_none_or(|members| !members.is_empty()) {
        return Err(Problem::unusable("these changes take no members: send `{}` or nothing"));
    }
    match path.trim_end_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["rotate-keys"] => Ok(json!({ "kid": act.keys().rotate() })),
        ["users", user, change] => act.change_user(user, change),
        _ => Err(Problem::unknown("there are: rotate-keys, users/{upn}/{change}")),
    }
}

impl MicrosoftAct {
    fn change_user(&self, upn: &str, change: &str) -> Result<Value, Problem> {
        let mut world = self.stage_world();
        let user = world
            .user_mut(upn)
            .ok_or_else(|| Problem::unknown(format!("there is no user `{upn}`")))?;
        match change {
            "revoke-sessions" => {
                user.tokens_valid_from = Some(self.backstage().now());
                self.grants().revoke(user.upn, "the user's sessions were revoked");
            }
            "revoke-access-tokens" => user.access_epoch += 1,
            "disable" => user.enabled = false,
            "enable" => user.enabled = true,
            "remove-consent" => user.consents.clear(),
            "require-admin-consent" => user.needs_admin_consent = true,
            "waive-admin-consent" => user.needs_admin_consent = false,
            _ => {
                return Err(Problem::unknown(
                    "the changes of a user are: revoke-sessions, revoke-access-tokens, disable, enable, \
                     remove-consent, require-admin-consent, waive-admin-consent",
                ));
            }
        }
        Ok(json!(user))
    }

    /// Revokes the sessions of a user, as the user's own request does.
    pub(super) fn revoke_sessions(&self, upn: &str) {
        // The user exists: the caller has just proved to be the one.
        let _ = self.change_user(upn, "revoke-sessions");
    }
}
