//! Everything about one market (contract 4.2).

use serde_json::{Map, Value, json};

use super::floor::{Floor, last_day, members, without};
use super::market::{Kind, Market, Sold, symbol};
use super::when;

/// What version 4 no longer tells of an instrument.
const NOT_IN_V4: &[&str] = &[
    "controlledRiskAllowed",
    "stopsLimitsAllowed",
    "forceOpenAllowed",
    "marginDepositBands",
    "marginFactor",
    "marginFactorUnit",
    "slippageFactor",
    "expiryDetails",
    "rolloverDetails",
];

impl Floor<'_> {
    /// `instrument`, `dealingRules` and `snapshot`.
    pub(super) fn details(&self, market: &Market, version: u32) -> Value {
        let instrument = self.instrument(market);
        let instrument = match version {
            4.. => {
                let mut instrument = without(instrument, NOT_IN_V4);
                instrument["limitAllowed"] = json!(true);
                instrument["stopAllowed"] = json!(true);
                instrument
            }
            _ => Value::Object(instrument),
        };
        json!({
            "instrument": instrument,
            "dealingRules": rules(market, version),
            "snapshot": self.snapshot(market),
        })
    }

    /// The same for `filter=SNAPSHOT_ONLY`.
    pub(super) fn brief(&self, market: &Market) -> Value {
        let mut details = self.details(market, 3);
        let mut brief = members(details["instrument"].take());
        let kept = [
            "epic",
            "name",
            "type",
            "expiry",
            "lotSize",
            "unit",
            "streamingPricesAvailable",
            "rolloverDetails",
            "sprintMarketsMinimumExpiryTime",
            "sprintMarketsMaximumExpiryTime",
            "marginFactor",
            "marginFactorUnit",
            "slippageFactor",
            "limitedRiskPremium",
            "openingHours",
            "expiryDetails",
            "specialInfo",
        ];
        brief.retain(|name, _| kept.contains(&name.as_str()));
        brief.insert("currencies".to_owned(), json!([]));
        brief.insert("status".to_owned(), json!(self.status(market)));
        let found = members(self.found(market));
        let own = ["epic", "expiry", "instrumentName", "instrumentType"];
        brief.extend(found.into_iter().filter(|(name, _)| !own.contains(&name.as_str())));
        details["instrument"] = Value::Object(brief);
        details
    }

    fn instrument(&self, market: &Market) -> Map<String, Value> {
        // IG has neither for shares, which clients with strict types cannot read.
        let known = !(self.faithful && market.kind == Kind::Share);
        let pip = market.contract / f64::from(market.scaling);
        let mut all = about(market);
        all.extend(members(json!({
            "currencies": [{
                "code": market.currency,
                "symbol": symbol(&market.currency),
                "baseExchangeRate": 1.0,
                "exchangeRate": 1.0,
                "isDefault": true,
            }],
            "sprintMarketsMinimumExpiryTime": null,
            "sprintMarketsMaximumExpiryTime": null,
            "marginDepositBands": bands(market),
            "marginFactor": market.margin(),
            "marginFactorUnit": "PERCENTAGE",
            "slippageFactor": { "unit": "pct", "value": 50.0 },
            "limitedRiskPremium": { "value": 1.0, "unit": "POINTS" },
            "openingHours": market.hours.shown().map(|(open, close)| {
                json!({ "marketTimes": [{ "openTime": open, "closeTime": close }] })
            }),
            "expiryDetails": last_day(market).map(|end| json!({
                "lastDealingDate": when::utc(end, "%Y-%m-%dT%H:%M"),
                "settlementInfo": "Settles at the last price of the last dealing day.",
            })),
            "rolloverDetails": last_day(market).map(|end| json!({
                "lastRolloverTime": when::utc(end - 900, "%Y-%m-%dT%H:%M"),
                "rolloverInfo": "Rolls to the next month at the last price.",
            })),
            "valueOfOnePip": known.then(|| format!("{pip:.2}")),
            "onePipMeans": known.then(|| one_pip(market)),
            "contractSize": known.then(|| market.contract.to_string()),
        })));
        all
    }
}

/// What never changes about an instrument.
fn about(market: &Market) -> Map<String, Value> {
    members(json!({
        "epic": market.epic,
        "expiry": market.expiry,
        "name": market.name,
        "forceOpenAllowed": true,
        "stopsLimitsAllowed": true,
        "lotSize": 1.0,
        "unit": market.unit(),
        "type": market.kind.instrument_type(),
        "controlledRiskAllowed": true,
        "streamingPricesAvailable": true,
        "marketId": market.sentiment_id,
        "newsCode": market.sentiment_id,
        "chartCode": market.sentiment_id,
        "country": market.country,
        "specialInfo": ["MIN KNOCK OUT LEVEL DISTANCE", "MAX KNOCK OUT LEVEL DISTANCE"],
    }))
}

/// The deposit by size: what is large needs more.
fn bands(market: &Market) -> Value {
    let steps = [
        (0.0, Some(500.0), 1.0),
        (500.0, Some(1_000.0), 1.5),
        (1_000.0, Some(2_500.0), 2.0),
        (2_500.0, None, 3.0),
    ];
    let band = |(min, max, times): (f64, Option<f64>, f64)| {
        let margin = market.margin() * times;
        json!({ "min": min, "max": max, "margin": margin, "currency": market.currency })
    };
    steps.into_iter().map(band).collect()
}

fn one_pip(market: &Market) -> String {
    match market.kind {
        Kind::Index | Kind::Sector => "1 Index Point".to_owned(),
        _ => format!("{} {}", 1.0 / f64::from(market.scaling), market.currency),
    }
}

fn rules(market: &Market, version: u32) -> Value {
    let points = |value: f64| json!({ "unit": "POINTS", "value": value });
    let mut rules = members(json!({
        "minStepDistance": points(1.0),
        "minDealSize": points(market.least_size()),
        "minControlledRiskStopDistance": points(market.least_distance() * 2.0),
        "minNormalStopOrLimitDistance": points(market.least_distance()),
        "maxStopOrLimitDistance": { "unit": "PERCENTAGE", "value": 75.0 },
        "controlledRiskSpacing": points(market.least_distance()),
        "marketOrderPreference": match market.sold() {
            Sold::Bet => "AVAILABLE_DEFAULT_ON",
            _ => "AVAILABLE_DEFAULT_OFF",
        },
        "trailingStopsPreference": "AVAILABLE",
    }));
    match version {
        ..=2 => rules.remove("controlledRiskSpacing"),
        4.. => rules.remove("marketOrderPreference"),
        _ => None,
    };
    Value::Object(rules)
}
