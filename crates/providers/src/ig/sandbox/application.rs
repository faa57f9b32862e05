//! `/operations/application`: the keys of a client and what they are allowed (contract, 4.4).

use serde_json::{Value, json};

use super::allowances::{self, Figures};
use super::answer::{Answer, Refused};
use super::call::Call;
use super::world::{ApiKey, KeyStatus, Who, World};

/// `GET /operations/application`: a list.
pub(super) fn list(world: &mut World, _call: &Call, who: &Who) -> Answer {
    let figures = world.allowances.figures();
    let own = world.keys.iter().filter(|key| key.client == who.identifier);
    Answer::ok(own.map(|key| shown(key, figures)).collect())
}

/// `PUT /operations/application`. An allowance can be lowered, and not raised.
pub(super) fn change(world: &mut World, call: &Call, who: &Who) -> Answer {
    changed(world, call, who).into()
}

fn changed(world: &mut World, call: &Call, who: &Who) -> Refused<Answer> {
    let figures = world.allowances.figures();
    let key = call.text("apiKey")?.unwrap_or(&who.key).to_owned();
    let lowered = |name: &str, now: usize| match call.member(name).map(Value::as_u64) {
        None => Ok(None),
        Some(Some(wanted)) => match usize::try_from(wanted) {
            Ok(wanted) if wanted <= now => Ok(Some(wanted)),
            _ => Err(Answer::error("invalid.input")),
        },
        Some(None) => Err(Answer::error(format!("invalid.request.{name}"))),
    };
    let change = allowances::Change {
        account: lowered("allowanceAccountOverall", figures.account)?,
        trading: lowered("allowanceAccountTrading", figures.trading)?,
        ..allowances::Change::default()
    };
    let status = match call.text("status")? {
        None => None,
        Some("ENABLED") => Some(KeyStatus::Enabled),
        Some("DISABLED") => Some(KeyStatus::Disabled),
        Some("REVOKED") => Some(KeyStatus::Revoked),
        Some(_) => return Err(Answer::error("invalid.request.status")),
    };
    let found = world.keys.iter_mut().find(|one| one.key == key && one.client == who.identifier);
    let found = found.ok_or_else(|| Answer::error("invalid.input"))?;
    found.status = status.unwrap_or(found.status);
    world.allowances.set(&change);
    let figures = world.allowances.figures();
    Ok(Answer::ok(shown(found, figures)))
}

/// `PUT /operations/application/disable`: the key of the call is good for nothing from now on.
pub(super) fn disable(world: &mut World, _call: &Call, who: &Who) -> Answer {
    let figures = world.allowances.figures();
    match world.keys.iter_mut().find(|one| one.key == who.key) {
        Some(key) => {
            key.status = KeyStatus::Disabled;
            Answer::ok(shown(key, figures))
        }
        None => Answer::error("system.error"),
    }
}

fn shown(key: &ApiKey, figures: Figures) -> Value {
    json!({
        "name": key.name,
        "apiKey": key.key,
        "status": key.status,
        "allowanceApplicationOverall": figures.application,
        "allowanceAccountTrading": figures.trading,
        "allowanceAccountOverall": figures.account,
        "allowanceAccountHistoricalData": figures.historical,
        "concurrentSubscriptionsLimit": 40,
        "allowEquities": false,
        "allowQuoteOrders": false,
        "createdDate": "2015-01-01",
    })
}
