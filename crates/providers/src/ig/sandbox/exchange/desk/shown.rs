//! Positions and orders, as IG lists them.

use serde_json::{Map, Value, json};

use super::super::floor::{Floor, members};
use super::super::when;
use super::{Book, Order, Position};

impl Book {
    /// `/positions`.
    pub(super) fn positions_shown(&self, floor: &Floor<'_>, version: u32) -> Value {
        let shown = self.positions.iter().filter_map(|one| position(one, floor, version));
        json!({ "positions": shown.collect::<Vec<_>>() })
    }

    /// `/positions/{dealId}`.
    pub(super) fn position_shown(
        &self,
        deal_id: &str,
        floor: &Floor<'_>,
        version: u32,
    ) -> Option<Value> {
        position(self.positions.get(self.position(deal_id)?)?, floor, version)
    }

    /// `/workingorders`.
    pub(super) fn orders_shown(&self, floor: &Floor<'_>, version: u32) -> Value {
        let shown = self.orders.iter().filter_map(|one| order(one, floor, version));
        json!({ "workingOrders": shown.collect::<Vec<_>>() })
    }
}

fn position(position: &Position, floor: &Floor<'_>, version: u32) -> Option<Value> {
    let market = floor.find(&position.epic)?;
    let exits = &position.exits;
    let mut shown = members(json!({
        "contractSize": market.contract,
        "createdDate": when::created(position.created),
        "dealId": position.deal_id,
        "direction": position.direction.name(),
        "limitLevel": exits.limit,
        "currency": position.currency,
        "controlledRisk": exits.guaranteed,
        "stopLevel": exits.stop,
        "trailingStep": exits.trailing.map(|trailing| trailing.step),
        "trailingStopDistance": exits.trailing.map(|trailing| trailing.distance),
        "limitedRiskPremium": null,
    }));
    shown.extend(match version {
        1 => members(json!({ "dealSize": position.size, "openLevel": position.level })),
        _ => members(json!({
            "size": position.size,
            "level": position.level,
            "dealReference": position.reference,
            "createdDateUTC": when::utc(position.created, when::V3),
        })),
    });
    Some(json!({ "position": shown, "market": floor.beside(market, version) }))
}

fn order(order: &Order, floor: &Floor<'_>, version: u32) -> Option<Value> {
    let market = floor.find(&order.epic)?;
    let mut shown = members(json!({
        "dealId": order.deal_id,
        "direction": order.direction.name(),
        "epic": order.epic,
        "createdDate": when::created(order.created),
        "currencyCode": order.currency,
        "dma": false,
        "limitedRiskPremium": null,
    }));
    shown.extend(if version == 1 { old(order) } else { new(order) });
    Some(json!({ "workingOrderData": shown, "marketData": floor.ordered(market, version) }))
}

fn new(order: &Order) -> Map<String, Value> {
    members(json!({
        "orderSize": order.size,
        "orderLevel": order.level,
        "timeInForce":
            if order.good_till.is_some() { "GOOD_TILL_DATE" } else { "GOOD_TILL_CANCELLED" },
        "createdDateUTC": when::utc(order.created, when::V3),
        "goodTillDate": order.good_till.map(|end| when::utc(end, when::V2)),
        "goodTillDateISO": order.good_till.map(|end| when::utc(end, when::V3)),
        "guaranteedStop": order.guaranteed,
        "orderType": order.kind.name(),
        "stopDistance": order.stop_distance,
        "limitDistance": order.limit_distance,
    }))
}

fn old(order: &Order) -> Map<String, Value> {
    members(json!({
        "size": order.size,
        "level": order.level,
        "goodTill": order.good_till.map_or("GTC".to_owned(), |end| when::utc(end, when::V1)),
        "controlledRisk": order.guaranteed,
        "trailingTriggerIncrement": null,
        "trailingTriggerDistance": null,
        "trailingStopDistance": null,
        "trailingStopIncrement": null,
        "requestType": format!("{}_ORDER", order.kind.name()),
        "contingentStop": order.stop_distance,
        "contingentLimit": order.limit_distance,
    }))
}
