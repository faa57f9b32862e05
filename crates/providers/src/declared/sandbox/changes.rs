//! What can be changed behind everybody's back: `POST /_sandbox/world/oauth/{name}/…`.

use evergrant_sandbox::{ClientKey, Problem};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::OAuthAct;
use super::client::METHODS;
use super::discovery::nobody;
use super::provider::Provider;
use super::users::user;

/// What can be changed, for the page that lists it.
pub(super) const PATHS: &[&str] = &[
    "{name}/users/{login}/revoke",
    "{name}/users/{login}/revoke-access-tokens",
    "{name}/secret {\"secret\":text,\"client_id\"?:text}",
    "{name}/keys {\"pem\":text}|{\"jwk\":object} (\"client_id\"?:text)",
    "{name}/keys/remove {\"client_id\"?:text}",
    "{name}/auth-method {\"method\":text|null,\"client_id\"?:text}",
    "{name}/device-codes/{user_code}/approve {\"account\":login}",
    "{name}/device-codes/{user_code}/decline",
];

/// The client that a change is about, if it names no other.
fn usual() -> String {
    "acme-client".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    secret: String,
    #[serde(default = "usual")]
    client_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    pem: Option<String>,
    jwk: Option<Value>,
    #[serde(default = "usual")]
    client_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(default = "usual")]
    client_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthMethod {
    method: Option<String>,
    #[serde(default = "usual")]
    client_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    account: String,
}

fn read<T: DeserializeOwned>(body: &Value) -> Result<T, Problem> {
    T::deserialize(body).map_err(|error| Problem::unusable(error.to_string()))
}

/// Carries out a change; the answer is what was changed, as it is now.
pub(super) fn change(act: &OAuthAct, path: &str, body: &Value) -> Result<Value, Problem> {
    let unknown = || Problem::unknown(format!("there are: {}", PATHS.join(", ")));
    let (name, rest) = path.trim_end_matches('/').split_once('/').ok_or_else(unknown)?;
    let provider = act.provider(name).ok_or_else(|| nobody(name))?;
    match rest.split('/').collect::<Vec<_>>().as_slice() {
        ["users", login, change @ ("revoke" | "revoke-access-tokens")] => {
            let Nothing {} = read(body)?;
            let found = user(login);
            let found =
                found.ok_or_else(|| Problem::unknown(format!("there is no user `{login}`")))?;
            let why = "the user has revoked it";
            if *change == "revoke" {
                provider.grants.revoke(found.email, why);
            }
            provider.revoke_access(why, |_, access| access.account.as_deref() == Some(found.email));
            Ok(json!(found))
        }
        ["secret"] => {
            let Secret { secret, client_id } = read(body)?;
            provider.change_client(&client_id, |client| {
                if client.secret.is_none() {
                    return Err(Problem::unusable("a public client has no secret"));
                }
                client.secret = Some(secret);
                Ok(())
            })
        }
        ["keys"] => {
            let Key { pem, jwk, client_id } = read(body)?;
            let key = match (pem, jwk) {
                (Some(pem), None) => ClientKey::from_pem(&pem),
                (None, Some(jwk)) => ClientKey::from_jwk(&jwk),
                _ => return Err(Problem::unusable("give either `pem` or `jwk`")),
            };
            let key = key.map_err(|error| Problem::unusable(error.to_string()))?;
            provider.change_client(&client_id, |client| {
                client.keys.push(key);
                Ok(())
            })
        }
        ["keys", "remove"] => {
            let Named { client_id } = read(body)?;
            provider.change_client(&client_id, |client| {
                client.keys.clear();
                Ok(())
            })
        }
        ["auth-method"] => {
            let AuthMethod { method, client_id } = read(body)?;
            let known = |method: &str| METHODS.iter().copied().find(|known| *known == method);
            let method = match method.as_deref().map(known) {
                None => None,
                Some(Some(method)) => Some(method),
                Some(None) => {
                    let detail = format!("the methods are: {}", METHODS.join(", "));
                    return Err(Problem::unusable(detail));
                }
            };
            provider.change_client(&client_id, |client| {
                client.method = method;
                Ok(())
            })
        }
        ["device-codes", user_code, "approve"] => {
            let Approval { account } = read(body)?;
            provider.direct_device(user_code, Some(&account))
        }
        ["device-codes", user_code, "decline"] => {
            let Nothing {} = read(body)?;
            provider.direct_device(user_code, None)
        }
        _ => Err(unknown()),
    }
}

impl Provider {
    fn change_client(
        &self,
        client_id: &str,
        change: impl FnOnce(&mut super::client::Client) -> Result<(), Problem>,
    ) -> Result<Value, Problem> {
        let mut clients = self.clients();
        let client = clients.get_mut(client_id);
        let client =
            client.ok_or_else(|| Problem::unknown(format!("there is no client `{client_id}`")))?;
        change(client)?;
        Ok(clients.shown())
    }

    fn direct_device(&self, user_code: &str, account: Option<&str>) -> Result<Value, Problem> {
        if self.devices.asked(user_code).is_none() {
            return Err(Problem::unknown(format!("no device waits with the code `{user_code}`")));
        }
        if !self.answer_device(user_code, account) {
            return Err(Problem::unusable("there is no such account"));
        }
        Ok(json!({ "user_code": user_code, "approved": account.is_some() }))
    }
}
