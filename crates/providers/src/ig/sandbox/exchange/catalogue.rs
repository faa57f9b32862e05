//! All markets of a world and the tree that leads to them: those that clients know by their epic,
//! and as many more as an exchange has, made up from the seed.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};

use super::dice;
use super::hours::Hours;
use super::market::{Kind, Market, round};
use super::tree::Tree;

/// The markets that clients know.
const KNOWN: &str = include_str!("markets.csv");
/// Pairs of currencies: what one costs in the other, and how many decimals that has.
const PAIRS: &[(&str, &str, f64, i32, &str)] = &[
    ("EUR", "USD", 1.1, 5, "Major"),
    ("GBP", "USD", 1.27, 5, "Major"),
    ("USD", "JPY", 150.0, 3, "Major"),
    ("AUD", "USD", 0.66, 5, "Major"),
    ("USD", "CAD", 1.37, 5, "Major"),
    ("USD", "CHF", 0.88, 5, "Major"),
    ("EUR", "GBP", 0.85, 5, "Minor"),
    ("EUR", "JPY", 163.0, 3, "Minor"),
    ("GBP", "JPY", 190.0, 3, "Minor"),
    ("EUR", "CHF", 0.95, 5, "Minor"),
    ("GBP", "EUR", 1.18, 5, "Minor"),
    ("NZD", "USD", 0.6, 5, "Australasian"),
    ("AUD", "JPY", 99.0, 3, "Australasian"),
    ("AUD", "NZD", 1.1, 5, "Australasian"),
    ("USD", "SEK", 10.5, 5, "Scandinavian"),
    ("EUR", "NOK", 11.7, 5, "Scandinavian"),
];
/// In which forms a pair is sold: the epic's part, the expiry, and the size of a contract.
const FORMS: &[(&str, &str, f64)] =
    &[("CFD", "-", 100_000.0), ("MINI", "-", 10_000.0), ("TODAY", "DFB", 0.0)];
/// Exchanges: their node, the head of their epics, currency, country, hours.
const EXCHANGES: &[(&str, &str, &str, &str, &str)] = &[
    ("Shares - LSE (UK)", "KA", "GBP", "GB", "London"),
    ("Shares - US (All Sessions)", "UA", "USD", "US", "US"),
    ("Shares - Xetra (Germany)", "ED", "EUR", "DE", "Xetra"),
    ("Shares - Euronext Dublin (Ireland)", "DU", "EUR", "IE", "London"),
    ("Shares - Euronext Paris (France)", "EP", "EUR", "FR", "Xetra"),
    ("Shares - Borsa Italiana (Italy)", "IT", "EUR", "IT", "Xetra"),
    ("Shares - SIX (Switzerland)", "SX", "CHF", "CH", "Xetra"),
    ("Shares - NZX (New Zealand)", "NZ", "AUD", "NZ", "Wellington"),
    ("Shares - ASX (Australia)", "AA", "AUD", "AU", "Sydney"),
    ("Shares - TSE (Japan)", "JT", "JPY", "JP", "Tokyo"),
];
const SECTORS: &[&str] = &[
    "Banks",
    "Communication",
    "Energy",
    "Food",
    "Health",
    "Industry",
    "Insurance",
    "Materials",
    "Property",
    "Retail",
    "Technology",
    "Utilities",
];
/// The letters with which names begin, by node.
const INITIALS: &[(&str, &[&str])] = &[
    ("A - F", &["Al", "Bre", "Cor", "Del", "Er", "Fal"]),
    ("G - L", &["Gar", "Hel", "In", "Jo", "Ker", "Lum"]),
    ("M - R", &["Mar", "Nor", "Or", "Pel", "Quin", "Ros"]),
    ("S - Z", &["Sel", "Tor", "Ul", "Ver", "Wes", "Zan"]),
];
const ENDINGS: &[&str] =
    &["ba", "den", "dora", "field", "gan", "ia", "lo", "mark", "mere", "nis", "ton", "via"];
const FORMS_OF_COMPANIES: &[&str] = &["Group", "Holdings", "Industries", "Partners", "Works"];

/// Every market of a world.
#[derive(Debug)]
pub(super) struct Catalogue {
    markets: Vec<Market>,
    by_epic: BTreeMap<String, usize>,
    tree: Tree,
}

impl Catalogue {
    /// The markets of a world that begins at the second `born`.
    pub(super) fn new(seed: u64, born: i64) -> Self {
        let mut all = Self { markets: Vec::new(), by_epic: BTreeMap::new(), tree: Tree::new() };
        for line in KNOWN.lines() {
            if let Some((market, node)) = known(line, born) {
                all.add(market, &node);
            }
        }
        all.add_currencies();
        all.add_shares(seed);
        all.add_sectors();
        all
    }

    /// The market of an epic.
    pub(super) fn find(&self, epic: &str) -> Option<&Market> {
        self.markets.get(*self.by_epic.get(epic)?)
    }

    /// All markets, always in the same order.
    pub(super) fn markets(&self) -> &[Market] {
        &self.markets
    }

    /// The way to the markets.
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    fn add(&mut self, market: Market, node: &str) {
        if !self.by_epic.contains_key(&market.epic) {
            self.by_epic.insert(market.epic.clone(), self.markets.len());
            self.tree.add(node, self.markets.len());
            self.markets.push(market);
        }
    }

    fn add_currencies(&mut self) {
        for (first, second, base, decimals, class) in PAIRS {
            let scaling = if *decimals == 3 { 100 } else { 10_000 };
            for (form, expiry, contract) in FORMS {
                let bet = *expiry == "DFB";
                let market = Market {
                    epic: format!("CS.D.{first}{second}.{form}.IP"),
                    name: match *form {
                        "MINI" => format!("{first}/{second} Mini"),
                        _ => format!("{first}/{second}"),
                    },
                    kind: Kind::Currency,
                    expiry: (*expiry).to_owned(),
                    sentiment_id: format!("{first}{second}"),
                    currency: (*second).to_owned(),
                    country: None,
                    base: *base,
                    spread: round(0.9 / f64::from(scaling), *decimals),
                    decimals: *decimals,
                    scaling,
                    contract: if bet { f64::from(scaling) } else { *contract },
                    hours: Hours::Week,
                };
                self.add(market, &format!("Forex/{class}/{first}{second}"));
            }
        }
    }

    fn add_shares(&mut self, seed: u64) {
        for (exchange, head, currency, country, hours) in EXCHANGES {
            for sector in SECTORS {
                for (range, initials) in INITIALS {
                    let node = format!("{exchange}/{sector}/{range}");
                    let bits = dice::throw(seed, dice::of_text(&node), 0);
                    let (name, code) = company(bits, initials);
                    let market = Market {
                        epic: format!("{head}.D.{code}{country}.CASH.IP"),
                        name,
                        kind: Kind::Share,
                        expiry: "-".to_owned(),
                        sentiment_id: format!("{code}-{country}"),
                        currency: (*currency).to_owned(),
                        country: Some((*country).to_owned()),
                        base: round(5.0 + 400.0 * dice::unit(dice::mix(bits)), 2),
                        spread: 0.1,
                        decimals: 2,
                        scaling: 100,
                        contract: 1.0,
                        hours: hours_of(hours),
                    };
                    self.add(market, &node);
                }
            }
        }
    }

    fn add_sectors(&mut self) {
        for sector in SECTORS {
            let short: String = sector.chars().take(4).collect::<String>().to_uppercase();
            let market = Market {
                epic: format!("IX.D.{short}SEC.DAILY.IP"),
                name: format!("UK {sector} Sector"),
                kind: Kind::Sector,
                expiry: "DFB".to_owned(),
                sentiment_id: format!("{short}-SECTOR"),
                currency: "GBP".to_owned(),
                country: Some("GB".to_owned()),
                base: 3_000.0,
                spread: 6.0,
                decimals: 1,
                scaling: 1,
                contract: 1.0,
                hours: hours_of("London"),
            };
            self.add(market, "Sectors/UK");
        }
    }
}

/// A company's name and the code of its epic.
fn company(bits: u64, initials: &[&str]) -> (String, String) {
    let part = |choices: &[&'static str], throw: u64| dice::pick(choices, throw).unwrap_or("An");
    let first = dice::pick(initials, bits >> 8).unwrap_or("An");
    let name = format!("{first}{}", part(ENDINGS, bits >> 16));
    let form = part(FORMS_OF_COMPANIES, bits >> 24);
    let start: String = name.chars().take(2).collect::<String>().to_uppercase();
    (format!("{name} {form}"), format!("{start}{}", dice::letters(bits, 3)))
}

/// A line of the table, and the node of the market.
fn known(line: &str, born: i64) -> Option<(Market, String)> {
    let cells: Vec<_> = line.split(';').collect();
    let [
        epic,
        name,
        kind,
        expiry,
        id,
        currency,
        country,
        base,
        spread,
        decimals,
        scaling,
        contract,
        hours,
        node,
    ] = cells.as_slice()
    else {
        return None;
    };
    let kind = Kind::ALL.into_iter().find(|known| format!("{known:?}") == *kind)?;
    let market = Market {
        epic: (*epic).to_owned(),
        name: (*name).to_owned(),
        kind,
        expiry: expiry_of(expiry, born),
        sentiment_id: (*id).to_owned(),
        currency: (*currency).to_owned(),
        country: (!country.is_empty()).then(|| (*country).to_owned()),
        base: base.parse().ok()?,
        spread: spread.parse().ok()?,
        decimals: decimals.parse().ok()?,
        scaling: scaling.parse().ok()?,
        contract: contract.parse().ok()?,
        hours: hours_of(hours),
    };
    Some((market, (*node).to_owned()))
}

/// `+2` as the month after the next one.
fn expiry_of(text: &str, born: i64) -> String {
    let Some(months) = text.strip_prefix('+').and_then(|months| months.parse::<i64>().ok()) else {
        return text.to_owned();
    };
    let day = Timestamp::from_second(born).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    let month = day.date().first_of_month().saturating_add(months.months());
    month.strftime("%b-%y").to_string().to_uppercase()
}

/// The hours of a place, in UTC as in winter.
fn hours_of(place: &str) -> Hours {
    let minutes = |hour: i64, minute: i64| hour * 60 + minute;
    match place {
        "Always" => Hours::Always,
        "Week" => Hours::Week,
        "London" => Hours::Exchange(minutes(8, 0), minutes(16, 30)),
        "Xetra" => Hours::Exchange(minutes(8, 0), minutes(16, 30) + 60),
        "US" => Hours::Exchange(minutes(9, 0), minutes(24, 0)),
        "Tokyo" | "Sydney" => Hours::Exchange(0, minutes(6, 0)),
        _ => Hours::Exchange(0, minutes(4, 0)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const BORN: i64 = 1_795_003_200;

    #[test]
    fn every_line_of_the_table_is_a_market() {
        let lines = KNOWN.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            assert!(known(line, BORN).is_some(), "{line}");
        }
    }

    #[test]
    fn the_tree_has_at_least_500_nodes_and_hundreds_of_markets_hang_on_it() {
        let all = Catalogue::new(1, BORN);
        assert!(all.tree().len() >= 500, "{} nodes", all.tree().len());
        assert!(all.markets().len() >= 500, "{} markets", all.markets().len());
        let epics: BTreeSet<_> = all.markets().iter().map(|market| &market.epic).collect();
        assert_eq!(epics.len(), all.markets().len());
        for market in all.markets() {
            let epic = &market.epic;
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
            assert!((6..=30).contains(&epic.len()) && epic.chars().all(fits), "{epic}");
        }
    }

    #[test]
    fn a_dated_market_ends_after_the_world_began() {
        assert_eq!(expiry_of("+2", BORN), "JAN-27");
        assert_eq!(expiry_of("DFB", BORN), "DFB");
    }
}
