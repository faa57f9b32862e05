//! What became of deals: told for a minute, by reference.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Direction;
use super::book::Exits;

/// For how long a confirm is there (contract 2.8).
const KEPT: SignedDuration = SignedDuration::from_mins(1);

/// How late confirms are, so that clients must ask again.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Delay {
    pub(in super::super) time: SignedDuration,
    /// How often one is asked for in vain.
    pub(in super::super) asks: u32,
}

/// What became of a deal.
#[derive(Debug, Clone)]
pub(in super::super) struct Confirm {
    pub(in super::super) at: Timestamp,
    pub(in super::super) reference: String,
    pub(in super::super) deal_id: String,
    pub(in super::super) epic: Option<String>,
    pub(in super::super) expiry: Option<String>,
    pub(in super::super) direction: Option<Direction>,
    /// `SUCCESS` or why not.
    pub(in super::super) reason: &'static str,
    pub(in super::super) status: Option<&'static str>,
    pub(in super::super) affected: Vec<(String, &'static str)>,
    pub(in super::super) level: Option<f64>,
    pub(in super::super) size: Option<f64>,
    pub(in super::super) exits: Exits,
    /// In points.
    pub(in super::super) stop_distance: Option<f64>,
    /// In points.
    pub(in super::super) limit_distance: Option<f64>,
    pub(in super::super) profit: Option<f64>,
    pub(in super::super) currency: Option<String>,
}

impl Confirm {
    fn json(&self) -> Value {
        let affected =
            |(deal, status): &(String, &str)| json!({ "dealId": deal, "status": status });
        json!({
            "date": self.at.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string(),
            "status": self.status,
            "reason": self.reason,
            "dealStatus": if self.reason == "SUCCESS" { "ACCEPTED" } else { "REJECTED" },
            "epic": self.epic,
            "expiry": self.expiry,
            "dealReference": self.reference,
            "dealId": self.deal_id,
            "affectedDeals": self.affected.iter().map(affected).collect::<Vec<_>>(),
            "level": self.level,
            "size": self.size,
            "direction": self.direction.map(Direction::name),
            "stopLevel": self.exits.stop,
            "limitLevel": self.exits.limit,
            "stopDistance": self.stop_distance,
            "limitDistance": self.limit_distance,
            "guaranteedStop": self.exits.guaranteed,
            "trailingStop": self.exits.trailing.is_some(),
            "profit": self.profit,
            "profitCurrency": self.currency,
        })
    }
}

/// The confirms of an account.
#[derive(Debug, Default)]
pub(in super::super) struct Confirms {
    kept: BTreeMap<String, Kept>,
}

#[derive(Debug)]
struct Kept {
    confirm: Value,
    from: Timestamp,
    asks: u32,
}

impl Confirms {
    /// Keeps a confirm; another one of the same reference is forgotten.
    pub(in super::super) fn keep(&mut self, confirm: &Confirm, delay: Delay) {
        let from = confirm.at + delay.time;
        self.kept.retain(|_, kept| confirm.at < kept.from + KEPT);
        let kept = Kept { confirm: confirm.json(), from, asks: delay.asks };
        self.kept.insert(confirm.reference.clone(), kept);
    }

    /// The confirm of a reference, if it is there already and still.
    pub(in super::super) fn ask(&mut self, reference: &str, now: Timestamp) -> Option<Value> {
        let kept = self.kept.get_mut(reference)?;
        if kept.asks > 0 {
            kept.asks -= 1;
            return None;
        }
        (kept.from <= now && now < kept.from + KEPT).then(|| kept.confirm.clone())
    }
}
