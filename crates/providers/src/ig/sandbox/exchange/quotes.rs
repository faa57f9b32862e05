//! What markets cost at which time: a pure function of seed, epic and second, but for prices that
//! somebody pinned. So what is quoted, what a deal costs and what history tells agree.

use std::collections::BTreeMap;

use super::dice;
use super::hours::DAY;
use super::market::Market;

/// Waves of which a price is made: how long each is in seconds, and how much of the price it moves.
const WAVES: &[(i64, f64)] = &[
    (500 * DAY, 0.12),
    (60 * DAY, 0.05),
    (9 * DAY, 0.02),
    (100_000, 0.007),
    (11_000, 0.002_5),
    (1_500, 0.000_8),
    (240, 0.000_3),
    (40, 0.000_1),
];

/// How often a candle looks at the price. One that is longer than an hour may miss an extreme that
/// lasted for minutes.
const LOOKS: i64 = 60;

/// What a market can be sold and bought for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quote {
    pub(super) bid: f64,
    pub(super) offer: f64,
    /// Since when.
    pub(super) at: i64,
}

impl Quote {
    pub(super) fn mid(self) -> f64 {
        f64::midpoint(self.bid, self.offer)
    }
}

/// The quotes of a stretch of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candle {
    pub(super) start: i64,
    pub(super) open: Quote,
    pub(super) high: Quote,
    pub(super) low: Quote,
    pub(super) close: Quote,
    pub(super) volume: u64,
}

/// A price that somebody set.
#[derive(Debug, Clone, Copy)]
struct Pin {
    from: i64,
    until: Option<i64>,
    bid: f64,
    offer: f64,
}

/// All prices of a world.
#[derive(Debug)]
pub(super) struct Tape {
    seed: u64,
    /// By epic, the oldest first. They are kept so that the past stays as it was quoted.
    pins: BTreeMap<String, Vec<Pin>>,
}

impl Tape {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, pins: BTreeMap::new() }
    }

    /// The quote at a second.
    pub(super) fn quote(&self, market: &Market, second: i64) -> Quote {
        if let Some(pin) = self.pin(&market.epic, second) {
            return Quote { bid: pin.bid, offer: pin.offer, at: second };
        }
        let at = market.hours.last_open(second);
        let mid = self.mid(market, at);
        let bid = market.level(mid - market.spread / 2.0);
        Quote { bid, offer: market.level(bid + market.spread), at }
    }

    fn mid(&self, market: &Market, second: i64) -> f64 {
        let name = dice::of_text(&market.epic);
        let wave = |(number, (length, height)): (usize, &(i64, f64))| {
            let name = name ^ u64::try_from(number).unwrap_or(0);
            height * market.kind.unrest() * self.swing(name, second, *length)
        };
        let moved: f64 = WAVES.iter().enumerate().map(wave).sum();
        market.base * moved.exp()
    }

    /// A smooth wave between -1 and 1 through a random point each `length` seconds.
    fn swing(&self, name: u64, second: i64, length: i64) -> f64 {
        let step = second.div_euclid(length);
        let point = |index: i64| dice::unit(dice::throw(self.seed, name, index)) * 2.0 - 1.0;
        let part = seconds(second.rem_euclid(length)) / seconds(length);
        let ease = part * part * (3.0 - 2.0 * part);
        point(step) * (1.0 - ease) + point(step + 1) * ease
    }

    /// The quotes from `start` to before `end`, as far as the market was open and it is not later
    /// than `now`; none where it was closed all the time.
    pub(super) fn candle(&self, market: &Market, start: i64, end: i64, now: i64) -> Option<Candle> {
        let last = (end - 1).min(now);
        let stride = ((end - start) / LOOKS).max(1);
        let looks = (0..LOOKS).map(|look| start + look * stride).filter(|at| *at < last);
        let mut seen = looks
            .chain([last])
            .filter(|at| market.hours.open_at(*at))
            .map(|at| self.quote(market, at));
        let open = seen.next()?;
        if open.at > now || last < start {
            return None;
        }
        let throw = dice::throw(self.seed, dice::of_text(&market.epic), start);
        let volume = 3 + throw % (40 * (end - start).unsigned_abs().div_ceil(60));
        let first = Candle { start, open, high: open, low: open, close: open, volume };
        Some(seen.fold(first, |candle, quote| Candle {
            high: if quote.bid > candle.high.bid { quote } else { candle.high },
            low: if quote.bid < candle.low.bid { quote } else { candle.low },
            close: quote,
            ..candle
        }))
    }

    /// The day so far, or the last one on which the market was open, and what it closed at before.
    pub(super) fn day(&self, market: &Market, now: i64) -> (Candle, Quote) {
        let quote = self.quote(market, now);
        let start = quote.at.div_euclid(DAY) * DAY;
        let flat = Candle { start, open: quote, high: quote, low: quote, close: quote, volume: 0 };
        let day = self.candle(market, start, start + DAY, now).unwrap_or(flat);
        (day, self.quote(market, start - 1))
    }

    /// Sets the price of a market, or lets it move again.
    pub(super) fn set_pin(&mut self, epic: &str, now: i64, price: Option<(f64, f64)>) {
        let pins = self.pins.entry(epic.to_owned()).or_default();
        if let Some(last) = pins.last_mut() {
            last.until = last.until.or(Some(now));
        }
        pins.extend(price.map(|(bid, offer)| Pin { from: now, until: None, bid, offer }));
    }

    fn pin(&self, epic: &str, second: i64) -> Option<&Pin> {
        let holds = |pin: &&Pin| pin.from <= second && pin.until.is_none_or(|until| second < until);
        self.pins.get(epic)?.iter().rev().find(holds)
    }
}

/// Seconds as a number to reckon with.
pub(super) fn seconds(seconds: i64) -> f64 {
    f64::from(i32::try_from(seconds).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::Catalogue;
    use super::*;

    /// Wednesday, 2026-11-18T12:00:00Z.
    const NOON: i64 = 1_795_003_200;

    fn market(epic: &str) -> Market {
        Catalogue::new(1, NOON).find(epic).unwrap().clone()
    }

    #[test]
    fn a_price_is_the_same_at_the_same_time_and_bid_is_below_offer() {
        let market = market("IX.D.FTSE.CFD.IP");
        let (tape, again, other) = (Tape::new(1), Tape::new(1), Tape::new(2));
        for second in (NOON - 90 * DAY..NOON).step_by(7_201) {
            let quote = tape.quote(&market, second);
            assert_eq!(quote, again.quote(&market, second));
            assert!(quote.bid < quote.offer, "{quote:?}");
        }
        assert_ne!(tape.quote(&market, NOON), other.quote(&market, NOON));
        let change = tape.quote(&market, NOON).bid - tape.quote(&market, NOON + 3_600).bid;
        assert!(change.abs() > 0.0);
    }

    #[test]
    fn a_candle_holds_its_open_and_close_and_ends_with_the_present() {
        let market = market("CS.D.EURUSD.CFD.IP");
        let tape = Tape::new(1);
        let candle = tape.candle(&market, NOON - 3_600, NOON, NOON).unwrap();
        assert_eq!(candle.open, tape.quote(&market, NOON - 3_600));
        assert_eq!(candle.close, tape.quote(&market, NOON - 1));
        assert!(candle.low.bid <= candle.open.bid && candle.open.bid <= candle.high.bid);
        let running = tape.candle(&market, NOON - 60, NOON + 3_600, NOON).unwrap();
        assert_eq!(running.close, tape.quote(&market, NOON));
        assert!(tape.candle(&market, NOON + 60, NOON + 120, NOON).is_none(), "not the future");
        let saturday = NOON + 3 * DAY;
        assert!(tape.candle(&market, saturday, saturday + 60, saturday + 60).is_none());
    }

    #[test]
    fn a_pinned_price_stays_in_the_past_when_it_is_let_go() {
        let market = market("CS.D.EURUSD.CFD.IP");
        let mut tape = Tape::new(1);
        let free = tape.quote(&market, NOON + 100);
        tape.set_pin(&market.epic, NOON, Some((1.5, 1.6)));
        let pinned = |at| Quote { bid: 1.5, offer: 1.6, at };
        assert_eq!(tape.quote(&market, NOON + 50), pinned(NOON + 50));
        tape.set_pin(&market.epic, NOON + 60, None);
        assert_eq!(tape.quote(&market, NOON + 100), free);
        assert_eq!(tape.quote(&market, NOON + 50), pinned(NOON + 50));
    }
}
