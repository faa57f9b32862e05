//! What can be changed behind everybody's back: `POST /_sandbox/world/microsoft/…`.

use std::time::Duration;

use evergrant::clock::later;
use evergrant_sandbox::{ClientKey, Problem};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::MicrosoftAct;
use super::aadsts::Trouble;
use super::graph::{CALENDAR_PATHS, DELTA_PATHS, SUBSCRIPTION_PATHS};
use super::mailbox_changes;
use super::registration::Registration;
use super::world::{Challenge, Demand};

/// What can be changed, for the page that lists it.
pub(super) const PATHS: &[&str] = &[
    "rotate-keys",
    "consent {\"users_may_consent\":bool}",
    "users/{upn}/revoke-sessions",
    "users/{upn}/revoke-access-tokens",
    "users/{upn}/disable",
    "users/{upn}/enable",
    "users/{upn}/remove-consent",
    "users/{upn}/require-admin-consent",
    "users/{upn}/waive-admin-consent",
    "users/{upn}/claims-challenge",
    "users/{upn}/refuse-claims {\"aadsts\"?:number,\"error\"?:text}",
    "users/{upn}/accept-claims",
    "device-codes/{user_code}/approve {\"account\":upn}",
    "device-codes/{user_code}/decline",
    "registrations/{client_id}/secrets {\"secret\":text,\"expires_in_seconds\":number|null}",
    "registrations/{client_id}/secrets/expire {\"secret\":text}",
    "registrations/{client_id}/secrets/remove {\"secret\":text}",
    "registrations/{client_id}/certificates {\"pem\":text}",
    "registrations/{client_id}/certificates/remove {\"x5t#S256\":text}",
    "registrations/{client_id}/remove-admin-consent",
];

/// Everything that can be changed.
pub(super) fn all_paths() -> Vec<&'static str> {
    [PATHS, mailbox_changes::PATHS, CALENDAR_PATHS, DELTA_PATHS, SUBSCRIPTION_PATHS].concat()
}

/// Carries out a change; the answer is what was changed, as it is now.
pub(super) fn change(act: &MicrosoftAct, path: &str, body: &Value) -> Result<Value, Problem> {
    let steps: Vec<_> = path.trim_end_matches('/').split('/').collect();
    if let ["users", user, change @ ..] = steps.as_slice()
        && let Some(outcome) = act.change_calendar(user, change, body)
    {
        return outcome;
    }
    match steps.as_slice() {
        ["rotate-keys"] => {
            nothing(body)?;
            Ok(json!({ "kid": act.keys().rotate() }))
        }
        ["consent"] => {
            let Consent { users_may_consent } = read(body)?;
            act.stage_world().users_may_consent = users_may_consent;
            Ok(json!({ "users_may_consent": users_may_consent }))
        }
        ["limits"] => act.change_limits(body),
        ["notifications" | "subscriptions", ..] => act.change_subscriptions(&steps, body),
        ["users", user, change @ ("mailbox" | "messages" | "folders" | "changes"), rest @ ..] => {
            act.change_mailbox(user, &[&[*change], rest].concat(), body)
        }
        ["users", user, change @ ("delta" | "expire-delta-tokens")] => {
            act.change_deltas(user, change, body)
        }
        ["users", user, "refuse-claims"] => act.refuse_claims(user, &read(body)?),
        ["users", user, change] => {
            nothing(body)?;
            act.change_user(user, change)
        }
        ["device-codes", user_code, answer] => {
            let Approval { account } = read(body)?;
            act.direct_device(user_code, answer, account.as_deref())
        }
        ["registrations", client_id, change @ ..] => {
            act.change_registration(client_id, change, body)
        }
        _ => Err(Problem::unknown(format!("there are: {}", all_paths().join(", ")))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consent {
    users_may_consent: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    account: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    aadsts: Option<u32>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSecret {
    secret: String,
    expires_in_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldSecret {
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pem {
    pem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thumbprint {
    #[serde(rename = "x5t#S256")]
    thumbprint: String,
}

pub(super) fn read<T: DeserializeOwned>(body: &Value) -> Result<T, Problem> {
    T::deserialize(body).map_err(|error| Problem::unusable(error.to_string()))
}

pub(super) fn nothing(body: &Value) -> Result<(), Problem> {
    if body.as_object().is_none_or(|members| !members.is_empty()) {
        return Err(Problem::unusable("this change takes no members: send `{}` or nothing"));
    }
    Ok(())
}

impl MicrosoftAct {
    fn change_user(&self, upn: &str, change: &str) -> Result<Value, Problem> {
        let now = self.backstage().now();
        let mut world = self.stage_world();
        let user = world.user_mut(upn).ok_or_else(|| no_user(upn))?;
        match change {
            "revoke-sessions" => {
                user.tokens_valid_from = Some(now);
                self.grants().revoke(user.upn, "the user's sessions were revoked");
            }
            "revoke-access-tokens" => user.access_epoch += 1,
            "disable" => user.enabled = false,
            "enable" => user.enabled = true,
            "remove-consent" => user.consents.clear(),
            "require-admin-consent" => user.needs_admin_consent = true,
            "waive-admin-consent" => user.needs_admin_consent = false,
            "claims-challenge" => {
                let level = user.challenge.level + 1;
                user.challenge = Challenge { level, not_before: now.as_second() };
            }
            "accept-claims" => user.demand = None,
            _ => {
                let of_users: Vec<_> =
                    PATHS.iter().filter_map(|path| path.strip_prefix("users/{upn}/")).collect();
                let detail = format!("the changes of a user are: {}", of_users.join(", "));
                return Err(Problem::unknown(detail));
            }
        }
        Ok(json!(user))
    }

    /// From now on a refresh with claims needs the person; a sign-in satisfies it.
    fn refuse_claims(&self, upn: &str, refusal: &Refusal) -> Result<Value, Problem> {
        let aadsts = refusal.aadsts.unwrap_or(50_076);
        if Trouble::known(aadsts).is_none() {
            return Err(Problem::unusable(format!("there is no error AADSTS{aadsts}")));
        }
        let error = match refusal.error.as_deref() {
            None => None,
            Some("interaction_required") => Some("interaction_required"),
            Some("invalid_grant") => Some("invalid_grant"),
            Some(_) => {
                let detail = "`error` is `interaction_required` or `invalid_grant`";
                return Err(Problem::unusable(detail));
            }
        };
        let mut world = self.stage_world();
        let user = world.user_mut(upn).ok_or_else(|| no_user(upn))?;
        user.demand = Some(Demand { aadsts, error });
        Ok(json!(user))
    }

    fn change_registration(
        &self,
        client_id: &str,
        change: &[&str],
        body: &Value,
    ) -> Result<Value, Problem> {
        let now = self.backstage().now();
        let mut world = self.stage_world();
        let registration = world.registration_mut(client_id);
        let registration = registration
            .ok_or_else(|| Problem::unknown(format!("there is no registration `{client_id}`")))?;
        let confidential = |registration: &Registration| {
            let detail = "a public registration has neither secrets nor certificates";
            if registration.is_public() { Err(Problem::unusable(detail)) } else { Ok(()) }
        };
        let found = match change {
            ["secrets"] => {
                confidential(registration)?;
                let NewSecret { secret, expires_in_seconds } = read(body)?;
                let end = expires_in_seconds.map(|life| later(now, Duration::from_secs(life)));
                registration.put_secret(&secret, end);
                true
            }
            ["secrets", "expire"] => {
                let OldSecret { secret } = read(body)?;
                registration.expire_secret(&secret, now)
            }
            ["secrets", "remove"] => {
                let OldSecret { secret } = read(body)?;
                registration.remove_secret(&secret)
            }
            ["certificates"] => {
                confidential(registration)?;
                let Pem { pem } = read(body)?;
                let key = ClientKey::from_pem(&pem).ok().filter(|key| key.thumbprint().is_some());
                let key = key.ok_or_else(|| Problem::unusable("`pem` is not a certificate"))?;
                registration.add_certificate(key);
                true
            }
            ["certificates", "remove"] => {
                let Thumbprint { thumbprint } = read(body)?;
                registration.remove_certificate(&thumbprint)
            }
            ["remove-admin-consent"] => {
                nothing(body)?;
                registration.admin_consent.clear();
                true
            }
            _ => {
                let detail = "the changes of a registration are: secrets, secrets/expire, secrets/remove, \
                              certificates, certificates/remove, remove-admin-consent";
                return Err(Problem::unknown(detail));
            }
        };
        if !found {
            return Err(Problem::unknown("the registration has nothing like this"));
        }
        Ok(registration.shown())
    }

    /// Revokes the sessions of a user, as the user's own request does.
    pub(super) fn revoke_sessions(&self, upn: &str) {
        // The user exists: the caller has just proved to be the one.
        let _ = self.change_user(upn, "revoke-sessions");
    }
}

fn no_user(upn: &str) -> Problem {
    Problem::unknown(format!("there is no user `{upn}`"))
}
