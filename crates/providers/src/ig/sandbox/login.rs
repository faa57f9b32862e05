//! `POST /session` in all its versions, `POST /session/refresh-token`, and the key for passwords
//! (contract, 2.1 to 2.3 and 2.7).

use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::call::Call;
use super::cipher;
use super::sessions::Tokens;
use super::world::{STREAMS, World};

/// The hours between the clients' clocks and UTC.
pub(super) const TIMEZONE_OFFSET: i32 = 1;

/// `POST /session`.
pub(super) fn log_in(world: &mut World, call: &Call, key: &str) -> Answer {
    admit(world, call, key).into()
}

fn admit(world: &mut World, call: &Call, key: &str) -> Refused<Answer> {
    if !call.body.is_object() {
        return Err(Answer::error("validation.null-not-allowed.request"));
    }
    let identifier = required(call, "identifier")?.to_owned();
    let is_identifier = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if identifier.len() > 30 || !identifier.chars().all(is_identifier) {
        return Err(Answer::error("validation.pattern.invalid.authenticationRequest.identifier"));
    }
    let password = required(call, "password")?;
    let is_encrypted = call.flag("encryptedPassword")?.unwrap_or(false);
    if world.is_locked(&identifier) {
        return Err(Answer::error("error.security.too-many-failed-attempts"));
    }
    let demanding = world.client(&identifier).is_some_and(|client| client.encryption_required);
    if demanding && (call.version == 1 || !is_encrypted) {
        return Err(Answer::error("error.public-api.failure.encryption.required"));
    }
    let plain = if is_encrypted { cipher::open(password) } else { Some(password.to_owned()) };
    let client = world.client(&identifier);
    let Some(client) = client.filter(|client| plain.as_ref() == Some(&client.password)) else {
        world.failed(&identifier);
        return Err(Answer::error("error.security.invalid-details"));
    };
    let client = client.clone();
    world.unlock(&identifier);
    if !world.keys.iter().any(|one| one.key == key && one.client == client.identifier) {
        return Err(Answer::error("unauthorised.clientId.api-key.mismatch"));
    }
    let default = client.account(&client.default_account);
    let Some(account) = default else {
        return Err(Answer::error("error.public-api.failure.preferred.account.not.set"));
    };
    if call.version == 3 {
        let tokens = world.sessions.log_in(&identifier, key);
        return Ok(Answer::ok(json!({
            "clientId": client.number,
            "accountId": account.id,
            "timezoneOffset": TIMEZONE_OFFSET,
            "lightstreamerEndpoint": STREAMS,
            "oauthToken": token_object(&tokens),
        })));
    }
    let now = world.backstage.now();
    world.exchange.settle(now);
    let money = world.exchange.money(account.id, now);
    let security = world.sessions.log_in_v2(&identifier, key, account.id);
    let body = json!({
        "accountType": account.kind,
        "accountInfo": money.json(),
        "currencyIsoCode": account.currency,
        "currencySymbol": "£",
        "currentAccountId": account.id,
        "lightstreamerEndpoint": STREAMS,
        "accounts": client.accounts_listed(),
        "clientId": client.number,
        "timezoneOffset": TIMEZONE_OFFSET,
        "hasActiveDemoAccounts": true,
        "hasActiveLiveAccounts": true,
        "trailingStopsEnabled": account.trailing_stops,
        "reroutingEnvironment": null,
        "dealingEnabled": true,
    });
    Ok(Answer::ok(body).with("CST", security.cst).with("X-SECURITY-TOKEN", security.xst))
}

/// `POST /session/refresh-token`. Nothing but the key and the body counts: clients send their old
/// tokens along.
pub(super) fn refresh(world: &mut World, call: &Call, key: &str) -> Answer {
    if !call.body.is_object() {
        return Answer::error("validation.null-not-allowed.request");
    }
    let token = match required(call, "refresh_token") {
        Ok(token) => token,
        Err(refusal) => return refusal,
    };
    match world.sessions.renew(token, key) {
        Ok(tokens) => Answer::ok(token_object(&tokens)),
        Err(code) => Answer::error(code),
    }
}

/// `GET /session/encryptionKey`.
pub(super) fn encryption_key(world: &mut World, _call: &Call, _key: &str) -> Answer {
    match cipher::public_key() {
        Some(key) => Answer::ok(json!({
            "encryptionKey": key,
            "timeStamp": world.backstage.now().as_millisecond(),
        })),
        None => Answer::error("system.error"),
    }
}

/// The bare token object; its `expires_in` is a text.
fn token_object(tokens: &Tokens) -> Value {
    json!({
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "scope": "profile",
        "token_type": "Bearer",
        "expires_in": tokens.expires_in.to_string(),
    })
}

/// A member that must be there.
fn required<'a>(call: &'a Call, name: &str) -> Refused<&'a str> {
    let missing = || {
        let what =
            if name == "refresh_token" { "refreshTokenRequest" } else { "authenticationRequest" };
        Answer::error(format!("validation.null-not-allowed.{what}.{name}"))
    };
    call.text(name)?.filter(|text| !text.is_empty()).ok_or_else(missing)
}
