//! Markets, in short and with their rules (contract, sections 4 and 4.2).

use evergrant::capability::{Market, MarketDetails, MarketStatus, Measure, Sentiment, Watchlist};
use serde_json::{Map, Value};

use super::Members;

/// What the units of distances and margins are called.
const UNITS: &[&str] = &["points", "percentage"];

/// A market in short, as lists and positions have it.
pub(crate) fn market(mut members: Members) -> Market {
    let m = &mut members;
    let local = m.text("updateTime");
    Market {
        epic: m.text("epic").unwrap_or_default(),
        name: m.text("instrumentName").unwrap_or_default(),
        kind: m.text("instrumentType"),
        expiry: m.text("expiry"),
        status: status(m),
        bid: m.number("bid"),
        offer: m.number("offer"),
        high: m.number("high"),
        low: m.number("low"),
        change: m.number("netChange"),
        change_percent: m.number("percentageChange"),
        updated: m.text("updateTimeUTC").or(local),
        delay_minutes: m.count("delayTime"),
        streaming: m.flag("streamingPricesAvailable"),
        extra: members.rest(),
    }
}

/// A market with its rules, which are in three parts.
pub(crate) fn details(epic: &str, mut members: Members) -> MarketDetails {
    let mut i = members.inner("instrument");
    let mut rules = members.inner("dealingRules");
    let mut now = members.inner("snapshot");
    let mut details = MarketDetails {
        market: Market {
            epic: i.text("epic").unwrap_or_else(|| epic.to_owned()),
            name: i.text("name").unwrap_or_default(),
            kind: i.text("type"),
            expiry: i.text("expiry"),
            status: status(&mut now),
            bid: now.number("bid"),
            offer: now.number("offer"),
            high: now.number("high"),
            low: now.number("low"),
            change: now.number("netChange"),
            change_percent: now.number("percentageChange"),
            updated: now.text("updateTime"),
            delay_minutes: now.count("delayTime"),
            streaming: i.flag("streamingPricesAvailable"),
            extra: Map::new(),
        },
        market_id: i.text("marketId"),
        currencies: currencies(i.list("currencies")),
        lot_size: i.number("lotSize"),
        contract_size: i.text("contractSize"),
        unit: i.text("unit"),
        value_of_one_pip: i.text("valueOfOnePip"),
        one_pip_means: i.text("onePipMeans"),
        margin: of_unit(i.number("marginFactor"), i.text("marginFactorUnit")),
        min_deal_size: measure(&mut rules, "minDealSize"),
        min_stop_or_limit_distance: measure(&mut rules, "minNormalStopOrLimitDistance"),
        min_guaranteed_stop_distance: measure(&mut rules, "minControlledRiskStopDistance"),
        max_stop_or_limit_distance: measure(&mut rules, "maxStopOrLimitDistance"),
        stops_and_limits: i.flag("stopsLimitsAllowed"),
        guaranteed_stops: i.flag("controlledRiskAllowed"),
        market_orders: available(&mut rules, "marketOrderPreference"),
        trailing_stops: available(&mut rules, "trailingStopsPreference"),
    };
    let parts = [("instrument", i), ("dealingRules", rules), ("snapshot", now)];
    let parts = parts.map(|(name, part)| (name.to_owned(), part.rest()));
    let parts = parts.into_iter().filter(|(_, part)| !part.is_empty());
    details.market.extra = members.rest();
    details.market.extra.extend(parts.map(|(name, part)| (name, Value::Object(part))));
    details
}

/// A list of markets.
pub(crate) fn watchlist(mut members: Members) -> Watchlist {
    let m = &mut members;
    Watchlist {
        id: m.text("id").unwrap_or_default(),
        name: m.text("name").unwrap_or_default(),
        editable: m.flag("editable").unwrap_or(false),
        deletable: m.flag("deleteable").unwrap_or(false),
        system: m.flag("defaultSystemWatchlist").unwrap_or(false),
    }
}

/// How clients stand in a market; nothing where it says no share.
pub(crate) fn sentiment(mut members: Members) -> Option<Sentiment> {
    Some(Sentiment {
        market_id: members.text("marketId")?,
        long_percent: members.number("longPositionPercentage")?,
        short_percent: members.number("shortPositionPercentage")?,
    })
}

fn status(members: &mut Members) -> Option<MarketStatus> {
    members.word("marketStatus", MarketStatus::WORDS)
}

/// Their codes, the usual one first.
fn currencies(list: Vec<Members>) -> Vec<String> {
    let coded = list.into_iter().filter_map(|mut currency| {
        Some((currency.flag("isDefault") != Some(true), currency.text("code")?))
    });
    let mut coded: Vec<(bool, String)> = coded.collect();
    coded.sort_by_key(|(later, _)| *later);
    coded.into_iter().map(|(_, code)| code).collect()
}

fn measure(members: &mut Members, name: &str) -> Option<Measure> {
    let mut inner = members.inner(name);
    of_unit(inner.number("value"), inner.text("unit"))
}

fn of_unit(value: Option<f64>, unit: Option<String>) -> Option<Measure> {
    let unit = super::our_word(&unit.unwrap_or_default(), UNITS);
    value.map(|value| Measure { value, unit })
}

/// Whether something that is switched by a word is there in any way.
fn available(members: &mut Members, name: &str) -> Option<bool> {
    members.text(name).map(|word| word != "NOT_AVAILABLE")
}
