//! What can be changed behind everybody's back: `POST /_sandbox/world/ig/…`.

use std::time::Duration;

use evergrant_sandbox::{Problem, Rotation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::world::{KeyStatus, World};
use super::{allowances, exchange};

const PATHS: &[&str] = &[
    "weekend",
    "expire {\"identifier\"?:text}",
    "revoke {\"identifier\"?:text}",
    "rotation {\"kind\":\"strict\"|\"grace\"|\"reusable\",\"seconds\"?:number}",
    "reuse {\"ends_session\":bool}",
    "logout {\"ends_refresh\":bool}",
    "lifetime {\"claimed\":number|null}",
    "second_login {\"kills\":bool}",
    "password {\"identifier\":text,\"password\":text}",
    "unlock {\"identifier\":text}",
    "encryption {\"identifier\":text,\"required\":bool}",
    "key {\"key\":text,\"status\":\"ENABLED\"|\"DISABLED\"|\"REVOKED\"}",
    "allowances {\"application\"?:number,\"account\"?:number,\"trading\"?:number,\"historical\"?:number}",
    "balance {\"account\":text,\"balance\":number}",
    "navigation {\"gone\":bool}",
    "faithful_nulls {\"on\":bool}",
];

/// What can be changed, for the page that lists it.
pub(super) fn all() -> Vec<&'static str> {
    [PATHS, exchange::PATHS].concat()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    identifier: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turning {
    kind: String,
    seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reuse {
    ends_session: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Logout {
    ends_refresh: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifetime {
    claimed: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecondLogin {
    kills: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    identifier: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unlock {
    identifier: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Encryption {
    identifier: String,
    required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyChange {
    key: String,
    status: KeyStatus,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Balance {
    account: String,
    balance: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Navigation {
    gone: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaithfulNulls {
    on: bool,
}

/// Carries out a change; the answer is what was changed, as it is now.
pub(super) fn change(world: &mut World, path: &str, body: &Value) -> Result<Value, Problem> {
    match path.trim_end_matches('/') {
        "weekend" => {
            let Nothing {} = read(body)?;
            world.sessions.end(None, "maintenance at the weekend");
        }
        "expire" => {
            let Whose { identifier } = read(body)?;
            world.sessions.expire(known(world, identifier.as_deref())?);
        }
        "revoke" => {
            let Whose { identifier } = read(body)?;
            let meant = known(world, identifier.as_deref())?;
            world.sessions.end(meant, "revoked");
        }
        "rotation" => return turn(world, &read(body)?),
        "reuse" => {
            let Reuse { ends_session } = read(body)?;
            world.sessions.reuse_ends = ends_session;
        }
        "logout" => {
            let Logout { ends_refresh } = read(body)?;
            world.sessions.outlives_logout = !ends_refresh;
        }
        "lifetime" => {
            let Lifetime { claimed } = read(body)?;
            world.sessions.claimed = claimed;
        }
        "second_login" => {
            let SecondLogin { kills } = read(body)?;
            world.sessions.second_login_kills = kills;
        }
        "password" => {
            let Password { identifier, password } = read(body)?;
            let client = world.client_mut(&identifier).ok_or_else(|| no_client(&identifier))?;
            client.password = password;
            world.unlock(&identifier);
        }
        "unlock" => {
            let Unlock { identifier } = read(body)?;
            world.unlock(&identifier);
        }
        "encryption" => {
            let Encryption { identifier, required } = read(body)?;
            let client = world.client_mut(&identifier).ok_or_else(|| no_client(&identifier))?;
            client.encryption_required = required;
        }
        "key" => {
            let KeyChange { key, status } = read(body)?;
            let found = world.keys.iter_mut().find(|found| found.key == key);
            let found =
                found.ok_or_else(|| Problem::unknown(format!("there is no key `{key}`")))?;
            found.status = status;
            return Ok(json!(found));
        }
        "allowances" => {
            let change: allowances::Change = read(body)?;
            world.allowances.set(&change);
            return Ok(json!(world.allowances.figures()));
        }
        "balance" => {
            let Balance { account, balance } = read(body)?;
            if !world.clients.iter().any(|client| client.account(&account).is_some()) {
                return Err(Problem::unknown(format!("there is no account `{account}`")));
            }
            world.exchange.set_balance(&account, balance);
        }
        "navigation" => {
            let Navigation { gone } = read(body)?;
            world.navigation_gone = gone;
        }
        "faithful_nulls" => {
            let FaithfulNulls { on } = read(body)?;
            world.exchange.faithful_nulls = on;
        }
        path => {
            let (now, clients) = (world.backstage.now(), &world.clients);
            let account = |id: &str| clients.iter().find_map(|client| client.account(id));
            let changed = world.exchange.change(path, body, account, now);
            let unknown = || Err(Problem::unknown(format!("there are: {}", all().join(", "))));
            return changed.unwrap_or_else(unknown);
        }
    }
    Ok(body.clone())
}

fn turn(world: &mut World, wanted: &Turning) -> Result<Value, Problem> {
    let rotation = match (wanted.kind.as_str(), wanted.seconds) {
        ("strict", None) => Rotation::Once,
        ("grace", seconds) => Rotation::Grace(Duration::from_secs(seconds.unwrap_or(30))),
        ("reusable", None) => Rotation::Lenient,
        ("strict" | "reusable", Some(_)) => {
            return Err(Problem::unusable("only `grace` takes `seconds`"));
        }
        _ => return Err(Problem::unusable("`kind` is `strict`, `grace` or `reusable`")),
    };
    world.sessions.rotation = rotation;
    Ok(json!({ "rotation": wanted.kind }))
}

fn known<'a>(world: &World, identifier: Option<&'a str>) -> Result<Option<&'a str>, Problem> {
    match identifier {
        Some(identifier) if world.client(identifier).is_none() => Err(no_client(identifier)),
        identifier => Ok(identifier),
    }
}

pub(super) fn read<T: DeserializeOwned>(body: &Value) -> Result<T, Problem> {
    T::deserialize(body).map_err(|error| Problem::unusable(error.to_string()))
}

fn no_client(identifier: &str) -> Problem {
    Problem::unknown(format!("nobody logs in as `{identifier}`"))
}
