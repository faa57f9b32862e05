//! Accounts and their preferences (contract, 4.4).

use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::call::Call;
use super::world::{Account, Who, World};

/// `GET /accounts`.
pub(super) fn list(world: &mut World, _call: &Call, who: &Who) -> Answer {
    let now = world.backstage.now();
    world.exchange.settle(now);
    let world = &*world;
    let Some(client) = world.client(&who.identifier) else {
        return Answer::error("system.error");
    };
    let listed = |account: &Account| {
        let is_default = account.id == client.default_account;
        // IG leaves the balance out for an account that is not the client's first.
        let balance = if world.exchange.faithful_nulls && !is_default {
            Value::Null
        } else {
            world.exchange.money(account.id, now).json()
        };
        json!({
            "accountId": account.id,
            "accountName": account.name,
            "accountAlias": null,
            "status": "ENABLED",
            "accountType": account.kind,
            "preferred": is_default,
            "balance": balance,
            "currency": account.currency,
            "canTransferFrom": true,
            "canTransferTo": true,
        })
    };
    let accounts: Vec<_> = client.accounts.iter().map(listed).collect();
    Answer::ok(json!({ "accounts": accounts }))
}

/// `GET /accounts/preferences`.
pub(super) fn preferences(world: &mut World, _call: &Call, who: &Who) -> Answer {
    match account(world, who) {
        Some(account) => Answer::ok(json!({ "trailingStopsEnabled": account.trailing_stops })),
        None => Answer::error("system.error"),
    }
}

/// `PUT /accounts/preferences`.
pub(super) fn prefer(world: &mut World, call: &Call, who: &Who) -> Answer {
    preferred(world, call, who).into()
}

fn preferred(world: &mut World, call: &Call, who: &Who) -> Refused<Answer> {
    let wanted = call.flag("trailingStopsEnabled")?;
    let wanted = wanted.ok_or_else(|| Answer::error("validation.null-not-allowed.request"))?;
    if let Some(account) = account(world, who) {
        account.trailing_stops = wanted;
    }
    Ok(Answer::ok(json!({ "status": "SUCCESS" })))
}

fn account<'a>(world: &'a mut World, who: &Who) -> Option<&'a mut Account> {
    let client = world.client_mut(&who.identifier)?;
    client.accounts.iter_mut().find(|account| account.id == who.account_id)
}
