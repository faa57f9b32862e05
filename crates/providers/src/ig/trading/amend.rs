//! Changing a position's stop and limit (contract, section 4.5).
//!
//! The request replaces them all, so that what is to stay is read first and sent along.

use evergrant::capability::{Deal, Once, Patch, Position, PositionChanges, Trading};
use evergrant::{Api, CallError};
use http::Method;
use serde_json::{Map, Value, json};

use super::effect::{Effect, Sought};
use super::queues::compared;
use super::settle::Trace;
use super::{besides, unsent};
use crate::ig::Ig;
use crate::ig::wire::given::{self, invalid, segment};

impl Ig {
    pub(super) async fn amend(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        changes: &PositionChanges,
    ) -> Result<Deal, CallError> {
        let wanted = wanted(changes)?;
        let effect = Effect::Amended { id: id.to_owned(), wanted };
        let trace = Trace::Effect(Sought::of(api, effect));
        let path = format!("/positions/otc/{}", segment("/id", id)?);
        if once.tried() {
            return Ok(self.tried(api, &trace).await);
        }
        let _turn = self.changes.turn(api, id).await;
        let urgent = besides(api);
        let position = self.position(&urgent, id).await.map_err(unsent)?;
        let body = levels(&position, changes)?;
        let sent = self.send_once(api, Method::PUT, 2, &path, Some(&body)).await;
        let deal = self.settle(api, sent, &trace).await?;
        let after = self.position(&urgent, id);
        Ok(compared(api, deal, &position, &others(&position, changes), after).await)
    }
}

/// What is to stay as it is. What concerns the stop changes together, and a stop that follows the price
/// moves by itself.
fn others(position: &Position, changes: &PositionChanges) -> Vec<&'static str> {
    let kept = [&changes.stop_level, &changes.trailing_stop_distance, &changes.trailing_step];
    let mut others = Vec::new();
    if kept.iter().all(|patch| stays(patch)) {
        others.extend(["trailing_stop_distance", "trailing_step"]);
        others.extend(position.trailing_stop_distance.is_none().then_some("stop_level"));
    }
    others.extend(stays(&changes.limit_level).then_some("limit_level"));
    others
}

/// Whether a patch leaves what there is.
pub(super) fn stays<T>(patch: &Patch<T>) -> bool {
    matches!(patch, Patch::Keep)
}

/// What a patch makes of what there is.
pub(super) fn patched<T: Copy>(patch: &Patch<T>, there: Option<T>) -> Option<T> {
    match patch {
        Patch::Keep => there,
        Patch::Clear => None,
        Patch::Set(value) => Some(*value),
    }
}

/// What a patch sets.
pub(super) fn set(patch: &Patch<f64>) -> Option<f64> {
    patched(patch, None)
}

/// The members that change, as the changed thing will have them.
pub(super) fn changed<const N: usize>(
    patches: [(&str, Option<Value>); N],
) -> Result<Map<String, Value>, CallError> {
    let patches = patches.into_iter().filter_map(|(name, to)| Some((name.to_owned(), to?)));
    let changed: Map<String, Value> = patches.collect();
    if changed.is_empty() {
        return Err(invalid("", "changes nothing"));
    }
    Ok(changed)
}

/// What a number becomes, if it changes.
pub(super) fn becomes(patch: &Patch<f64>) -> Option<Value> {
    patch.as_option().map(|to| to.copied().into())
}

fn wanted(changes: &PositionChanges) -> Result<Map<String, Value>, CallError> {
    given::level("/stop_level", set(&changes.stop_level))?;
    given::level("/limit_level", set(&changes.limit_level))?;
    given::distance("/trailing_stop_distance", set(&changes.trailing_stop_distance))?;
    given::distance("/trailing_step", set(&changes.trailing_step))?;
    changed([
        ("stop_level", becomes(&changes.stop_level)),
        ("limit_level", becomes(&changes.limit_level)),
        ("trailing_stop_distance", becomes(&changes.trailing_stop_distance)),
        ("trailing_step", becomes(&changes.trailing_step)),
    ])
}

/// All levels as they are to be. A stop that is taken away neither follows the price nor is guaranteed.
fn levels(position: &Position, changes: &PositionChanges) -> Result<Value, CallError> {
    let stop = patched(&changes.stop_level, position.stop_level);
    let limit = patched(&changes.limit_level, position.limit_level);
    let follows = |patch: &Patch<f64>, there| {
        let stays = !matches!(changes.stop_level, Patch::Clear);
        patched(patch, Option::filter(there, |_: &f64| stays))
    };
    let distance = follows(&changes.trailing_stop_distance, position.trailing_stop_distance);
    let increment = follows(&changes.trailing_step, position.trailing_step);
    let ended = [&changes.trailing_stop_distance, &changes.trailing_step]
        .iter()
        .any(|patch| matches!(patch, Patch::Clear));
    let trailing = match (distance, increment) {
        (Some(distance), Some(increment)) => Some((distance, increment)),
        (None, None) => None,
        // Either of them taken away ends it, unless the other is given anew.
        (_, None) if ended && set(&changes.trailing_stop_distance).is_none() => None,
        (None, _) if ended && set(&changes.trailing_step).is_none() => None,
        (_, None) => return Err(invalid("/trailing_step", "is missing for a stop that follows")),
        (None, _) => {
            return Err(invalid("/trailing_stop_distance", "is missing for a stop that follows"));
        }
    };
    let guaranteed = position.guaranteed_stop == Some(true) && stop.is_some();
    if guaranteed && trailing.is_some() {
        let problem = "cannot be had: the position's stop is guaranteed";
        return Err(invalid("/trailing_stop_distance", problem));
    }
    Ok(json!({
        "stopLevel": stop,
        "limitLevel": limit,
        "guaranteedStop": guaranteed,
        "trailingStop": trailing.is_some(),
        "trailingStopDistance": trailing.map(|(distance, _)| distance),
        "trailingStopIncrement": trailing.map(|(_, increment)| increment),
    }))
}
