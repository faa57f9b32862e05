//! The markets at one moment, as IG's answers show them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::catalogue::Catalogue;
use super::market::{Kind, Market, round};
use super::quotes::{Quote, Tape};
use super::{dice, when};

/// The markets now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floor<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) tape: &'a Tape,
    /// What somebody set, by epic; that of `*` is for all others.
    pub(super) statuses: &'a BTreeMap<String, String>,
    /// Whether members are null where IG's are, though clients break (contract, 6.6).
    pub(super) faithful: bool,
    pub(super) now: i64,
}

impl<'a> Floor<'a> {
    /// The same markets at another moment.
    pub(super) fn at(self, now: i64) -> Self {
        Self { now, ..self }
    }

    pub(super) fn find(&self, epic: &str) -> Option<&'a Market> {
        self.catalogue.find(epic)
    }

    pub(super) fn quote(&self, market: &Market) -> Quote {
        self.tape.quote(market, self.now)
    }

    /// The `marketStatus`.
    pub(super) fn status(&self, market: &Market) -> &'a str {
        if let Some(set) = self.statuses.get(&market.epic).or_else(|| self.statuses.get("*")) {
            return set;
        }
        let share = market.kind == Kind::Share && !market.hours.is_weekend(self.now);
        match (market.hours.open_at(self.now), share) {
            (true, _) => "TRADEABLE",
            (false, true) => "EDITS_ONLY",
            (false, false) => "CLOSED",
        }
    }

    pub(super) fn is_open(&self, market: &Market) -> bool {
        self.status(market) == "TRADEABLE"
    }

    /// Whether bid and offer are shown: IG shows those of shares only to who pays for them.
    fn shows_prices(&self, market: &Market) -> bool {
        !(self.faithful && market.kind == Kind::Share)
    }

    /// The members of `snapshot` and of summaries that move.
    fn moving(&self, market: &Market) -> Map<String, Value> {
        let quote = self.quote(market);
        let (day, before) = self.tape.day(market, self.now);
        let change = quote.mid() - before.mid();
        let shown = |level: f64| self.shows_prices(market).then(|| market.level(level));
        let update = if self.faithful && !self.is_open(market) {
            // Seen on the live system (contract, section 1).
            "-3600000".to_owned()
        } else {
            when::local(quote.at, "%H:%M:%S")
        };
        members(json!({
            "bid": shown(quote.bid),
            "offer": shown(quote.offer),
            "high": market.level(day.high.bid.max(quote.bid)),
            "low": market.level(day.low.bid.min(quote.bid)),
            "netChange": market.level(change),
            "percentageChange": round(change / before.mid() * 100.0, 2),
            "updateTime": update,
            "updateTimeUTC": when::utc(quote.at, "%H:%M:%S"),
            "delayTime": 0,
            "marketStatus": self.status(market),
            "scalingFactor": market.scaling,
        }))
    }

    /// The summary with all members that any endpoint shows (contract 4, `m`).
    fn summary(&self, market: &Market) -> Map<String, Value> {
        let mut all = self.moving(market);
        all.extend(members(json!({
            "epic": market.epic,
            "instrumentName": market.name,
            "instrumentType": market.kind.instrument_type(),
            "expiry": market.expiry,
            "streamingPricesAvailable": true,
            "lotSize": 1.0,
            "otcTradeable": true,
        })));
        all
    }

    /// As a search and a watchlist list it.
    pub(super) fn found(&self, market: &Market) -> Value {
        without(self.summary(market), &["lotSize", "otcTradeable"])
    }

    /// As a leaf of the tree lists it.
    pub(super) fn leaf(&self, market: &Market) -> Value {
        Value::Object(self.summary(market))
    }

    /// Beside a position; version 1 knows no `updateTimeUTC`.
    pub(super) fn beside(&self, market: &Market, version: u32) -> Value {
        let gone: &[&str] =
            if version == 1 { &["otcTradeable", "updateTimeUTC"] } else { &["otcTradeable"] };
        without(self.summary(market), gone)
    }

    /// Beside a working order.
    pub(super) fn ordered(&self, market: &Market, version: u32) -> Value {
        let mut data = self.beside(market, version);
        data["exchangeId"] = json!(format!("SB_{}", market.kind.category()));
        data["updateTime"] = json!(when::created(self.quote(market).at));
        data
    }

    /// As a category lists it.
    pub(super) fn categorised(&self, market: &Market) -> Value {
        let mut all = self.summary(market);
        all.extend(members(json!({
            "underlyingName": market.name,
            "popularity": dice::of_text(&market.epic) % 100_000_000_000,
            "marketType": if market.kind == Kind::Currency { "FX_PAIR" } else { market.kind.category() },
            "marketSubtype": if market.kind == Kind::Currency { "Fiat" } else { "Standard" },
        })));
        if let Some(end) = last_day(market) {
            all.insert("expiryTimestamp".to_owned(), json!(end * 1_000));
        }
        without(all, &["updateTimeUTC", "streamingPricesAvailable"])
    }

    /// The `snapshot` of a market's details.
    pub(super) fn snapshot(&self, market: &Market) -> Value {
        let mut snapshot = self.moving(market);
        snapshot.extend(members(json!({
            "binaryOdds": null,
            "decimalPlacesFactor": market.decimals,
            "controlledRiskExtraSpread": market.least_distance(),
        })));
        without(snapshot, &["updateTimeUTC"])
    }
}

/// The last second of a market that ends, which it does in the middle of its month.
pub(super) fn last_day(market: &Market) -> Option<i64> {
    let day = when::read(&format!("15-{}", market.expiry), &["%d-%b-%y"])?;
    Some(day + 17 * 3_600)
}

/// The members of an object.
pub(super) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// An object without some members.
pub(super) fn without(mut object: Map<String, Value>, gone: &[&str]) -> Value {
    object.retain(|name, _| !gone.contains(&name.as_str()));
    Value::Object(object)
}
