//! The prices of the past (contract 4.3).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::floor::{Floor, members};
use super::hours::DAY;
use super::market::{Kind, Market};
use super::quotes::{Candle, Quote};
use super::when;
use crate::ig::sandbox::allowances::{Left, Points};
use crate::ig::sandbox::answer::{Answer, Refused};
use crate::ig::sandbox::call::Call;

/// More points at once break the service, and are charged all the same (contract, section 3).
const MOST_POINTS: usize = 10_000;

/// A resolution: its name, its length in seconds, and for how many days it is kept (contract,
/// section 3). A month has no length.
struct Resolution(&'static str, i64, i64);

const RESOLUTIONS: &[Resolution] = &[
    Resolution("SECOND", 1, 4),
    Resolution("MINUTE", 60, 40),
    Resolution("MINUTE_2", 120, 40),
    Resolution("MINUTE_3", 180, 40),
    Resolution("MINUTE_5", 300, 360),
    Resolution("MINUTE_10", 600, 360),
    Resolution("MINUTE_15", 900, 360),
    Resolution("MINUTE_30", 1_800, 360),
    Resolution("HOUR", 3_600, 360),
    Resolution("HOUR_2", 7_200, 360),
    Resolution("HOUR_3", 10_800, 360),
    Resolution("HOUR_4", 14_400, 360),
    Resolution("DAY", DAY, 15 * 365),
    Resolution("WEEK", 7 * DAY, 15 * 365),
    Resolution("MONTH", 0, 15 * 365),
];

impl Resolution {
    fn find(name: &str) -> Refused<&'static Self> {
        let known = RESOLUTIONS.iter().find(|Self(known, ..)| *known == name);
        known.ok_or_else(|| Answer::error("invalid.input"))
    }

    /// Beginning and end of the candle that a second is in. A week begins with Monday.
    fn around(&self, second: i64) -> (i64, i64) {
        let Self(_, length, _) = self;
        if *length == 0 {
            return when::month(second);
        }
        let shift = if *length == 7 * DAY { 4 * DAY } else { 0 };
        let start = (second - shift).div_euclid(*length) * length + shift;
        (start, start + length)
    }

    /// The candles in which the market was open, the oldest first: those that begin from `from` on
    /// and not after `to`, and of them the last `most`.
    fn candles(&self, market: &Market, span: &Span, now: i64) -> Vec<(i64, i64)> {
        let Self(_, _, days) = self;
        let from = span.from.unwrap_or(i64::MIN).max(now - days * DAY);
        let mut second = span.to.min(now);
        let mut found = Vec::new();
        while second >= from && found.len() < span.most {
            let (start, end) = self.around(market.hours.last_open(second));
            if start < from {
                break;
            }
            found.push((start, end));
            second = start - 1;
        }
        found.reverse();
        found
    }
}

/// Which points are asked for.
struct Span {
    from: Option<i64>,
    to: i64,
    most: usize,
}

impl Span {
    /// The last so many points.
    fn last(most: usize, now: i64) -> Self {
        Self { from: None, to: now, most }
    }

    fn between(from: Option<&str>, to: Option<&str>, form: &str, now: i64) -> Refused<Self> {
        let second = |text: &str| {
            when::read(text, &[form]).ok_or_else(|| Answer::error("error.malformed.date"))
        };
        let from = from.map(second).transpose()?;
        let to = to.map(second).transpose()?.unwrap_or(now);
        if from.is_some_and(|from| from > to) {
            return Err(Answer::error("error.invalid.daterange"));
        }
        Ok(Self { from, to, most: usize::MAX })
    }
}

/// One who asks for prices.
pub(super) struct Asker<'a> {
    pub(super) account: &'a str,
    pub(super) points: &'a mut Points,
    pub(super) now: Timestamp,
}

impl Asker<'_> {
    fn charge(&mut self, points: usize) -> Refused<Left> {
        self.points.charge(self.account, u64::try_from(points).unwrap_or(u64::MAX), self.now)
    }
}

impl Floor<'_> {
    /// `/prices/{epic}` version 3.
    pub(super) fn prices(&self, epic: &str, call: &Call, asker: &mut Asker<'_>) -> Refused<Answer> {
        let market = self.priced(epic)?;
        let resolution = Resolution::find(call.query("resolution").unwrap_or("MINUTE"))?;
        let (from, to) = (call.query("from"), call.query("to"));
        let mut span = Span::between(from, to, when::V3, self.now)?;
        if from.is_none() {
            span.most = number(call, "max", 10)?;
        }
        let all = resolution.candles(market, &span, self.now);
        let size = number(call, "pageSize", 20)?;
        let page = number(call, "pageNumber", 1)?.max(1);
        let (pages, shown) = match size {
            0 => (1, all.as_slice()),
            size => (all.len().div_ceil(size), all.chunks(size).nth(page - 1).unwrap_or_default()),
        };
        let left = charged(asker, shown.len())?;
        Ok(Answer::ok(json!({
            "instrumentType": market.kind.instrument_type(),
            "prices": self.shown(market, shown, 3),
            "metadata": {
                "allowance": left.json(),
                "size": shown.len(),
                "pageData": { "pageNumber": page, "pageSize": size, "totalPages": pages },
            },
        })))
    }

    /// `/prices/{epic}/{resolution}/…` of versions 1 and 2: so many points, or from one date to another,
    /// in the path or in the query.
    pub(super) fn old_prices(
        &self,
        (epic, resolution): (&str, &str),
        range: &[&str],
        call: &Call,
        asker: &mut Asker<'_>,
    ) -> Refused<Answer> {
        let market = self.priced(epic)?;
        let resolution = Resolution::find(resolution)?;
        let form = if call.version == 1 { when::V1 } else { when::V2_PATH };
        let span = match range {
            [count] => {
                let count = count.parse().map_err(|_| Answer::error("invalid.input"))?;
                Span::last(count, self.now)
            }
            [from, to] => Span::between(Some(from), Some(to), form, self.now)?,
            _ => {
                let from = call.query("startdate").ok_or_else(|| Answer::error("invalid.input"))?;
                Span::between(Some(from), call.query("enddate"), form, self.now)?
            }
        };
        let shown = resolution.candles(market, &span, self.now);
        let left = charged(asker, shown.len())?;
        Ok(Answer::ok(json!({
            "instrumentType": market.kind.instrument_type(),
            "prices": self.shown(market, &shown, call.version),
            "allowance": left.json(),
        })))
    }

    fn priced(&self, epic: &str) -> Refused<&Market> {
        let market = self.find(epic);
        let market = market.ok_or_else(|| Answer::error("error.public-api.epic-not-found"))?;
        match market.kind {
            Kind::Option => Err(Answer::error("error.unsupported.epic")),
            _ => Ok(market),
        }
    }

    fn shown(&self, market: &Market, candles: &[(i64, i64)], version: u32) -> Vec<Value> {
        let candles = candles
            .iter()
            .filter_map(|(start, end)| self.tape.candle(market, *start, *end, self.now));
        candles.map(|candle| shown(&candle, version)).collect()
    }
}

/// Charges what is returned.
fn charged(asker: &mut Asker<'_>, points: usize) -> Refused<Left> {
    let left = asker.charge(points)?;
    if points > MOST_POINTS {
        return Err(Answer::error("error.price-history.io-error"));
    }
    Ok(left)
}

fn number(call: &Call, name: &str, default: usize) -> Refused<usize> {
    let wrong = |_| Answer::error(format!("invalid.request.{name}"));
    call.query(name).map_or(Ok(default), |text| text.parse().map_err(wrong))
}

fn shown(candle: &Candle, version: u32) -> Value {
    let price = |quote: Quote| json!({ "bid": quote.bid, "ask": quote.offer, "lastTraded": null });
    let form = if version == 1 { when::V1 } else { when::V2 };
    let mut shown: Map<_, _> = members(json!({
        "snapshotTime": when::local(candle.start, form),
        "openPrice": price(candle.open),
        "highPrice": price(candle.high),
        "lowPrice": price(candle.low),
        "closePrice": price(candle.close),
        "lastTradedVolume": candle.volume,
    }));
    if version >= 3 {
        shown.insert("snapshotTimeUTC".to_owned(), json!(when::utc(candle.start, when::V3)));
    }
    Value::Object(shown)
}
