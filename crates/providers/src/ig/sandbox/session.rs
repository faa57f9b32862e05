//! The session that there is: read, switch to another account, log out (contract, 2.4 to 2.6).

use serde_json::json;

use super::answer::{Answer, Refused};
use super::call::Call;
use super::login::TIMEZONE_OFFSET;
use super::world::{STREAMS, Who, World};

/// `GET /session`; with `fetchSessionTokens=true` the headers bring a pair for the streams.
pub(super) fn read(world: &mut World, call: &Call, who: &Who) -> Answer {
    let answer = Answer::ok(json!({
        "clientId": who.client_id,
        "accountId": who.account_id,
        "timezoneOffset": TIMEZONE_OFFSET,
        "locale": "en_GB",
        "currency": who.currency,
        "lightstreamerEndpoint": STREAMS,
    }));
    if call.query("fetchSessionTokens").is_none_or(|wanted| !wanted.eq_ignore_ascii_case("true")) {
        return answer;
    }
    match world.sessions.fetch_pair(call, &who.account_id) {
        Some(security) => answer.with("CST", security.cst).with("X-SECURITY-TOKEN", security.xst),
        None => Answer::error("system.error"),
    }
}

/// `PUT /session`.
pub(super) fn switch(world: &mut World, call: &Call, who: &Who) -> Answer {
    switched(world, call, who).into()
}

/// A bearer token alone cannot switch: the pair is what changes. Where both are sent, the pair is
/// meant (contract, 2.5).
fn switched(world: &mut World, call: &Call, who: &Who) -> Refused<Answer> {
    let now = world.backstage.now();
    let pair = world.sessions.of_pair(call, now);
    let current = pair.map(|(_, account)| account.to_owned()).map_err(Answer::error)?;
    let wanted = call.text("accountId")?;
    let wanted = wanted.ok_or_else(|| Answer::error("validation.null-not-allowed.request"))?;
    let as_default = call.flag("defaultAccount")?.unwrap_or(false);
    if wanted == current {
        return Err(Answer::error("error.switch.accountId-must-be-different"));
    }
    let unknown = || Answer::error("error.switch.invalid-accountId");
    let client = world.client_mut(&who.identifier).ok_or_else(unknown)?;
    let trailing_stops = client.account(wanted).ok_or_else(unknown)?.trailing_stops;
    if as_default {
        wanted.clone_into(&mut client.default_account);
    }
    let cst = call.header("cst").unwrap_or_default();
    let xst = world.sessions.switch(cst, wanted).ok_or_else(unknown)?;
    let body = json!({
        "trailingStopsEnabled": trailing_stops,
        "dealingEnabled": true,
        "hasActiveDemoAccounts": true,
        "hasActiveLiveAccounts": true,
    });
    Ok(Answer::ok(body).with("X-SECURITY-TOKEN", xst))
}

/// `DELETE /session`. It ends everything that came out of the login, its refresh tokens too.
pub(super) fn log_out(world: &mut World, call: &Call, _who: &Who) -> Answer {
    world.sessions.log_out(call);
    Answer::nothing()
}
