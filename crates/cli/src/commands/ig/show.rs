//! Markets, prices and deals as a person reads them.

use evergrant::capability::{Market, MarketDetails, Measure, Price};
use jiff::Timestamp;
use serde_json::Value;

use crate::output::plain;

pub(super) fn text(text: Option<&String>) -> String {
    text.map(|text| plain(text)).unwrap_or_default()
}

pub(super) fn word(word: &str) -> String {
    plain(word)
}

pub(super) fn number(number: Option<f64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

pub(super) fn time(at: Option<Timestamp>) -> String {
    at.map(|at| format!("{at:.0}")).unwrap_or_default()
}

/// A market in a list.
pub(super) fn market_row(market: &Market) -> Vec<String> {
    vec![
        text(Some(&market.name)),
        market.epic.clone(),
        market.status.as_ref().map(|status| word(status.as_str())).unwrap_or_default(),
        number(market.bid),
        number(market.offer),
        number(market.change),
    ]
}

/// A price in a list: what could be sold for, and at its end what could be bought for.
pub(super) fn price_row(price: &Price) -> Vec<String> {
    vec![
        time(price.time),
        number(price.open.bid),
        number(price.high.bid),
        number(price.low.bid),
        number(price.close.bid),
        number(price.close.ask),
        number(price.volume),
    ]
}

/// One market.
pub(super) fn market(details: &MarketDetails) -> String {
    let market = &details.market;
    let measure = |measure: Option<&Measure>| {
        measure.map(|it| plain(&format!("{} {}", it.value, it.unit))).unwrap_or_default()
    };
    let status = market.status.as_ref().map(|status| word(status.as_str()));
    lines(&[
        ("market", text(Some(&market.name))),
        ("epic", text(Some(&market.epic))),
        ("id", text(details.market_id.as_ref())),
        ("status", status.unwrap_or_default()),
        ("expiry", text(market.expiry.as_ref())),
        ("bid", number(market.bid)),
        ("offer", number(market.offer)),
        ("high", number(market.high)),
        ("low", number(market.low)),
        ("change", number(market.change)),
        ("updated", text(market.updated.as_ref())),
        ("currency", plain(&details.currencies.join(", "))),
        ("margin", measure(details.margin.as_ref())),
        ("smallest", measure(details.min_deal_size.as_ref())),
        ("nearest", measure(details.min_stop_or_limit_distance.as_ref())),
    ])
}

/// One deal, from its JSON: what came of it first.
pub(super) fn deal(deal: &Value) -> String {
    let of = |name: &str| match &deal[name] {
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        // As in the lists: 1, and not 1.0.
        other => other.as_f64().map_or_else(|| other.to_string(), |value| value.to_string()),
    };
    let profit = match of("profit") {
        none if none.is_empty() => none,
        profit => format!("{profit} {}", of("profit_currency")).trim().to_owned(),
    };
    lines(&[
        ("reference", of("reference")),
        ("outcome", of("outcome")),
        ("reason", of("reason")),
        ("", of("message")),
        ("deal", of("deal_id")),
        ("status", of("status")),
        ("market", of("epic")),
        ("direction", of("direction")),
        ("size", of("size")),
        ("level", of("level")),
        ("stop", of("stop_level")),
        ("limit", of("limit_level")),
        ("profit", profit),
    ])
}

/// Lines of a name and a value, but for those without a value.
fn lines(lines: &[(&str, String)]) -> String {
    let lines = lines.iter().filter(|(_, value)| !value.is_empty());
    lines.map(|(name, value)| format!("{name:<11}{value}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use evergrant::capability::{Deal, DealOutcome};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_came_of_a_deal_is_said_first_and_moves_nothing_on_the_terminal() {
        let rejected = Deal {
            reason: Some("insufficient_funds".to_owned()),
            message: Some("There is not enough\u{1b}[2J money.".to_owned()),
            size: Some(0.5),
            ..Deal::of("ref-1", DealOutcome::Rejected)
        };
        let expected = "\
reference  ref-1
outcome    rejected
reason     insufficient_funds
           There is not enough [2J money.
size       0.5";
        assert_eq!(deal(&json!(rejected)), expected);
    }

    #[test]
    fn a_deal_without_a_profit_names_no_currency() {
        let currency = Some("GBP".to_owned());
        let opened = Deal {
            size: Some(1.0),
            profit_currency: currency,
            ..Deal::of("ref-1", DealOutcome::Done)
        };
        assert_eq!(deal(&json!(opened)), "reference  ref-1\noutcome    done\nsize       1");
        let closed = Deal { profit: Some(-3.0), size: None, ..opened };
        assert_eq!(deal(&json!(closed)), "reference  ref-1\noutcome    done\nprofit     -3 GBP");
    }
}
