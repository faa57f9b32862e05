//! Accounts, positions and orders (contract, sections 4.4 and 4.5), in the second version and in what
//! the first calls otherwise.

use evergrant::CallError;
use evergrant::capability::{Direction, Order, OrderKind, Position, TimeInForce, TradingAccount};

use super::market::market;
use super::{Members, lacks};

/// An account with its money, which may be missing.
pub(crate) fn account(mut members: Members) -> TradingAccount {
    let mut money = members.inner("balance");
    let m = &mut members;
    TradingAccount {
        id: m.text("accountId").unwrap_or_default(),
        name: m.text("accountName").unwrap_or_default(),
        alias: m.text("accountAlias"),
        kind: m.text("accountType"),
        status: m.text("status"),
        default: m.flag("preferred").unwrap_or(false),
        currency: m.text("currency"),
        balance: money.number("balance"),
        deposit: money.number("deposit"),
        profit_loss: money.number("profitLoss"),
        available: money.number("available"),
        extra: members.rest(),
    }
}

/// A position beside its market. One without id, direction or size is none: whoever closed it would not
/// know what.
pub(crate) fn position(mut members: Members) -> Result<Position, CallError> {
    let mut position = members.inner("position");
    let p = &mut position;
    Ok(Position {
        id: p.text("dealId").ok_or_else(|| lacks("id of a position"))?,
        reference: p.text("dealReference"),
        direction: direction(p).ok_or_else(|| lacks("direction of a position"))?,
        size: p
            .number("size")
            .or_else(|| p.number("dealSize"))
            .ok_or_else(|| lacks("size of a position"))?,
        level: p.number("level").or_else(|| p.number("openLevel")),
        currency: p.text("currency"),
        stop_level: p.number("stopLevel"),
        limit_level: p.number("limitLevel"),
        trailing_stop_distance: p.number("trailingStopDistance"),
        trailing_step: p.number("trailingStep"),
        guaranteed_stop: p.flag("controlledRisk"),
        opened_at: p.instant("createdDateUTC"),
        market: market(members.inner("market")),
        extra: position.rest(),
    })
}

/// An order beside its market.
pub(crate) fn order(mut members: Members) -> Result<Order, CallError> {
    let mut order = members.inner("workingOrderData");
    let o = &mut order;
    let kind = o.text("orderType").or_else(|| o.text("requestType"));
    let mut market = market(members.inner("marketData"));
    if let Some(epic) = o.text("epic") {
        market.epic = epic;
    }
    Ok(Order {
        id: o.text("dealId").ok_or_else(|| lacks("id of an order"))?,
        direction: direction(o).ok_or_else(|| lacks("direction of an order"))?,
        kind: kind.map(|kind| order_kind(&kind)).ok_or_else(|| lacks("kind of an order"))?,
        size: o
            .number("orderSize")
            .or_else(|| o.number("size"))
            .ok_or_else(|| lacks("size of an order"))?,
        level: o.number("orderLevel").or_else(|| o.number("level")),
        currency: o.text("currencyCode"),
        stop_distance: o.number("stopDistance").or_else(|| o.number("contingentStop")),
        limit_distance: o.number("limitDistance").or_else(|| o.number("contingentLimit")),
        guaranteed_stop: o.flag("guaranteedStop").or_else(|| o.flag("controlledRisk")),
        time_in_force: o
            .word("timeInForce", TimeInForce::WORDS)
            .or_else(|| o.text("goodTill").map(|word| good_till(&word))),
        good_till: o.instant("goodTillDateISO"),
        created_at: o.instant("createdDateUTC"),
        market,
        extra: order.rest(),
    })
}

fn direction(members: &mut Members) -> Option<Direction> {
    members.word("direction", Direction::WORDS)
}

/// The first version says `STOP_ORDER`.
fn order_kind(theirs: &str) -> OrderKind {
    let short = theirs.strip_suffix("_ORDER").unwrap_or(theirs).to_ascii_lowercase();
    match OrderKind::from(&*short) {
        OrderKind::Other(_) => OrderKind::Other(theirs.to_owned()),
        known => known,
    }
}

/// The first version says `GTC`, or a date.
fn good_till(theirs: &str) -> TimeInForce {
    if theirs == "GTC" { TimeInForce::GoodTillCancelled } else { TimeInForce::GoodTillDate }
}
