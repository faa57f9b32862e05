//! What an account did before the world began: deals of the last weeks at the prices of then.

use super::super::desk::{Activity, Book, Direction, Transaction};
use super::super::dice;
use super::super::floor::Floor;
use super::super::hours::DAY;
use super::super::market::{Market, Sold, round};

/// How many deals there were.
const DEALS: i64 = 40;
/// In what they were.
const MARKETS: &[&str] = &[
    "IX.D.FTSE.CFD.IP",
    "IX.D.FTSE.DAILY.IP",
    "CS.D.EURUSD.MINI.IP",
    "CS.D.EURUSD.TODAY.IP",
    "CS.D.USCGC.TODAY.IP",
    "CC.D.LCO.UNC.IP",
];
const CHANNELS: &[&str] = &["WEB", "MOBILE", "PUBLIC_WEB_API"];

impl Book {
    /// Writes the past into a book that has none yet. Its balance is what is left after all of it.
    pub(in super::super) fn remember(&mut self, floor: &Floor<'_>, kind: &str, seed: u64) {
        if std::mem::replace(&mut self.remembers, true) {
            return;
        }
        let start = floor.now - 60 * DAY;
        self.transactions.push(Transaction {
            at: start,
            opened: start,
            name: "Cash In".to_owned(),
            period: "-".to_owned(),
            profit: self.cash,
            kind: "DEPO",
            reference: dice::letters(seed ^ dice::of_text(&self.account), 8),
            open_level: None,
            close_level: None,
            size: None,
            is_cash: true,
        });
        let sold = if kind == "SPREADBET" { Sold::Bet } else { Sold::Contract };
        let markets = MARKETS.iter().filter_map(|epic| floor.find(epic));
        let markets: Vec<_> =
            markets.filter(|market| [sold, Sold::Both].contains(&market.sold())).collect();
        for number in 0..DEALS {
            let bits = dice::throw(seed, dice::of_text(&self.account), -1 - number);
            let Some(market) = dice::pick(&markets, bits) else { return };
            let later = i64::try_from(bits % 3_600).unwrap_or(0);
            let at = market.hours.last_open(start + 3_600 + number * (59 * DAY / DEALS) + later);
            self.recall(floor, market, at, bits);
        }
        self.activities.sort_by_key(|one| one.at);
        self.transactions.sort_by_key(|one| one.at);
    }

    /// A deal that was opened at this second and closed up to two hours later.
    fn recall(&mut self, floor: &Floor<'_>, market: &Market, opened: i64, bits: u64) {
        let direction = if bits & 1 == 0 { Direction::Buy } else { Direction::Sell };
        let length = 60 + i64::try_from((bits >> 8) % 7_200).unwrap_or(0);
        let closed = market.hours.last_open(opened + length);
        let size = round(1.0 + 4.0 * dice::unit(bits), 1);
        let entry = direction.price(floor.at(opened).quote(market));
        let exit = direction.opposite().price(floor.at(closed).quote(market));
        let (deal_id, reference) = (self.deal_id(), self.reference(None, opened).0);
        let channel = dice::pick(CHANNELS, bits >> 16).unwrap_or("WEB");
        let deals = [
            (opened, direction, entry, "Position opened", "POSITION_OPENED"),
            (closed, direction.opposite(), exit, "Position closed", "POSITION_CLOSED"),
        ];
        let deal: String = deal_id.chars().skip(6).collect();
        for (at, direction, level, what, action) in deals {
            self.activities.push(Activity {
                reference: reference.clone(),
                channel,
                description: format!("{what}: {deal}"),
                actions: vec![(action, deal_id.clone())],
                direction: Some(direction),
                size: Some(size),
                level: Some(level),
                ..Activity::of(at, market, &deal_id, "POSITION")
            });
        }
        let profit = (exit - entry) * direction.sign() * market.contract * size;
        self.transactions.push(Transaction {
            at: closed,
            opened,
            name: market.name.clone(),
            period: market.expiry.clone(),
            profit: round(self.own(profit, &market.currency), 2),
            kind: "TRADE",
            reference: deal,
            open_level: Some(entry),
            close_level: Some(exit),
            size: Some(size * direction.sign()),
            is_cash: false,
        });
    }
}
