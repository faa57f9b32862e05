//! Orders that wait for their price (contract, section 4.5).

use evergrant::capability::{
    Deal, NewOrder, Once, Order, OrderChanges, OrderKind, Patch, TimeInForce, Trading,
};
use evergrant::gateway::Denial;
use evergrant::provider::{Actor, Failure};
use evergrant::{Api, CallError};
use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::amend::{becomes, changed, patched, set, stays};
use super::effect::{Effect, Sought};
use super::open::{Dealt, Exits, direction};
use super::queues::compared;
use super::settle::{Trace, named};
use super::{besides, reference_of, unsent};
use crate::ig::Ig;
use crate::ig::wire::given::{self, invalid, segment};
use crate::ig::wire::time;

/// Where orders are dealt in.
const DEALS: &str = "/workingorders/otc";
const UNTIL_CANCELLED: &str = "GOOD_TILL_CANCELLED";
const UNTIL_A_TIME: &str = "GOOD_TILL_DATE";

impl Ig {
    pub(super) async fn place(
        &self,
        api: &Api,
        once: Once,
        order: &NewOrder,
    ) -> Result<Deal, CallError> {
        let mut body = placing(order)?;
        let trace = named(once);
        if once.tried() {
            return Ok(self.tried(api, &trace).await);
        }
        still_to_come(order.good_till, api.now())?;
        let market = Dealt::of(order.expiry.as_deref(), order.currency.as_deref());
        market.complete(self, &besides(api), &order.epic, &mut body).await.map_err(unsent)?;
        body.insert("dealReference".to_owned(), reference_of(once).into());
        let sent = self.send_once(api, Method::POST, 2, DEALS, Some(&body.into())).await;
        self.settle(api, sent, &trace).await
    }

    pub(super) async fn amend_waiting(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        changes: &OrderChanges,
    ) -> Result<Deal, CallError> {
        let wanted = wanted(changes)?;
        let effect = Effect::OrderAmended { id: id.to_owned(), wanted };
        let trace = Trace::Effect(Sought::of(api, effect));
        let path = format!("{DEALS}/{}", segment("/id", id)?);
        if once.tried() {
            return Ok(self.tried(api, &trace).await);
        }
        still_to_come(patched(&changes.good_till, None), api.now())?;
        let _turn = self.changes.turn(api, id).await;
        let urgent = besides(api);
        let there = async || self.order_of(&urgent, id).await?.ok_or_else(no_such_order);
        let order = there().await.map_err(unsent)?;
        let body = amended(&order, changes)?;
        let sent = self.send_once(api, Method::PUT, 2, &path, Some(&body)).await;
        let deal = self.settle(api, sent, &trace).await?;
        Ok(compared(api, deal, &order, &others(changes), there()).await)
    }

    pub(super) async fn cancel(&self, api: &Api, once: Once, id: &str) -> Result<Deal, CallError> {
        let path = format!("{DEALS}/{}", segment("/id", id)?);
        let effect = Effect::Cancelled { id: id.to_owned() };
        let trace = Trace::Effect(Sought::of(api, effect));
        if once.tried() {
            return Ok(self.tried(api, &trace).await);
        }
        let sent = self.send_once(&besides(api), Method::DELETE, 2, &path, None).await;
        self.settle(api, sent, &trace).await
    }

    /// One order; IG gives them all or none.
    pub(super) async fn order_of(&self, api: &Api, id: &str) -> Result<Option<Order>, CallError> {
        Ok(self.orders(api).await?.into_iter().find(|order| order.id == id))
    }
}

/// The request but for what the market says.
fn placing(order: &NewOrder) -> Result<Map<String, Value>, CallError> {
    given::epic("/epic", &order.epic)?;
    given::size("/size", order.size)?;
    given::level("/level", Some(order.level))?;
    Dealt::of(order.expiry.as_deref(), order.currency.as_deref()).check()?;
    let exits = Exits {
        stop_level: order.stop_level,
        stop_distance: order.stop_distance,
        limit_level: order.limit_level,
        limit_distance: order.limit_distance,
        guaranteed: order.guaranteed_stop,
    };
    exits.check()?;
    let mut body = Map::from_iter([
        ("epic".to_owned(), order.epic.as_str().into()),
        ("direction".to_owned(), direction(&order.direction)?.into()),
        ("type".to_owned(), kind(&order.kind)?.into()),
        ("size".to_owned(), order.size.into()),
        ("level".to_owned(), order.level.into()),
    ]);
    good_till(&mut body, order.good_till.map(time::v2));
    exits.put(&mut body, order.force_open);
    Ok(body)
}

fn wanted(changes: &OrderChanges) -> Result<Map<String, Value>, CallError> {
    given::level("/level", changes.level)?;
    given::distance("/stop_distance", set(&changes.stop_distance))?;
    given::distance("/limit_distance", set(&changes.limit_distance))?;
    changes.kind.as_ref().map(kind).transpose()?;
    let until = match &changes.good_till {
        Patch::Keep => None,
        Patch::Clear => Some(Value::Null),
        Patch::Set(until) => {
            // IG keeps whole seconds.
            let kept = Timestamp::from_second(until.as_second()).unwrap_or(*until);
            Some(kept.to_string().into())
        }
    };
    changed([
        ("type", changes.kind.as_ref().map(|kind| kind.as_str().into())),
        ("level", changes.level.map(Value::from)),
        ("good_till", until),
        ("stop_distance", becomes(&changes.stop_distance)),
        ("limit_distance", becomes(&changes.limit_distance)),
    ])
}

/// What is to stay as it is.
fn others(changes: &OrderChanges) -> Vec<&'static str> {
    let others = [
        ("type", changes.kind.is_none()),
        ("level", changes.level.is_none()),
        ("good_till", stays(&changes.good_till)),
        ("stop_distance", stays(&changes.stop_distance)),
        ("limit_distance", stays(&changes.limit_distance)),
    ];
    others.into_iter().filter_map(|(name, stays)| stays.then_some(name)).collect()
}

/// The whole order as it is to be.
fn amended(order: &Order, changes: &OrderChanges) -> Result<Value, CallError> {
    let until = match &changes.good_till {
        // A date without a zone goes back as it came.
        Patch::Keep => order.good_till.map(time::v2).or_else(|| {
            let dated = order.time_in_force == Some(TimeInForce::GoodTillDate);
            let raw = order.extra.get("goodTillDate").filter(|_| dated)?;
            raw.as_str().map(str::to_owned)
        }),
        Patch::Clear => None,
        Patch::Set(until) => Some(time::v2(*until)),
    };
    let stop = patched(&changes.stop_distance, order.stop_distance);
    let mut body = Map::from_iter([
        ("type".to_owned(), kind(changes.kind.as_ref().unwrap_or(&order.kind))?.into()),
        ("level".to_owned(), changes.level.or(order.level).into()),
        ("stopDistance".to_owned(), stop.into()),
        ("limitDistance".to_owned(), patched(&changes.limit_distance, order.limit_distance).into()),
        (
            "guaranteedStop".to_owned(),
            (order.guaranteed_stop == Some(true) && stop.is_some()).into(),
        ),
    ]);
    good_till(&mut body, until);
    Ok(json!(body))
}

/// Until when it waits.
fn good_till(body: &mut Map<String, Value>, until: Option<String>) {
    let word = if until.is_some() { UNTIL_A_TIME } else { UNTIL_CANCELLED };
    body.insert("timeInForce".to_owned(), word.into());
    if let Some(until) = until {
        body.insert("goodTillDate".to_owned(), until.into());
    }
}

fn kind(kind: &OrderKind) -> Result<String, CallError> {
    given::word("/type", kind.as_str(), OrderKind::WORDS)
}

/// Looked at only before a first attempt: by the time of the next one it may have passed, which says
/// nothing of what the first did.
fn still_to_come(until: Option<Timestamp>, now: Timestamp) -> Result<(), CallError> {
    match until {
        Some(until) if until <= now => Err(invalid("/good_till", "has passed")),
        _ => Ok(()),
    }
}

fn no_such_order() -> CallError {
    let failure =
        Failure::new("item_not_found", Actor::User, "There is no such order, or no longer.")
            .remedied_by("Look for it anew; it may have met its price or been cancelled.");
    CallError::Denied { denial: Denial::ItemNotFound, failure: Box::new(failure) }
}
