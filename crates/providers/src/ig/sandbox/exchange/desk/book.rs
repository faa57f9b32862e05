//! What an account has.

use std::collections::BTreeMap;

use super::super::dice;
use super::super::market::{Market, convert};
use super::super::quotes::Quote;
use super::confirms::Confirms;
use super::{Activity, Transaction};

/// For how long a reference is not used again, in seconds.
const REFERENCE_KEPT: i64 = 24 * 3_600;

/// Buying or selling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Direction {
    Buy,
    Sell,
}

impl Direction {
    pub(in super::super) fn read(text: &str) -> Option<Self> {
        match text {
            "BUY" => Some(Self::Buy),
            "SELL" => Some(Self::Sell),
            _ => None,
        }
    }

    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }

    pub(in super::super) fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// 1 for who gains when the price rises.
    pub(in super::super) fn sign(self) -> f64 {
        match self {
            Self::Buy => 1.0,
            Self::Sell => -1.0,
        }
    }

    /// What somebody pays who deals in this direction.
    pub(in super::super) fn price(self, quote: Quote) -> f64 {
        match self {
            Self::Buy => quote.offer,
            Self::Sell => quote.bid,
        }
    }
}

/// A stop that follows the price; both in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Trailing {
    pub(in super::super) distance: f64,
    pub(in super::super) step: f64,
}

/// What ends a position by itself, as levels.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in super::super) struct Exits {
    pub(in super::super) stop: Option<f64>,
    pub(in super::super) limit: Option<f64>,
    pub(in super::super) guaranteed: bool,
    pub(in super::super) trailing: Option<Trailing>,
}

/// An open position.
#[derive(Debug, Clone)]
pub(in super::super) struct Position {
    pub(in super::super) deal_id: String,
    pub(in super::super) reference: String,
    pub(in super::super) epic: String,
    pub(in super::super) direction: Direction,
    pub(in super::super) size: f64,
    pub(in super::super) level: f64,
    pub(in super::super) currency: String,
    pub(in super::super) created: i64,
    pub(in super::super) exits: Exits,
}

impl Position {
    /// What closing it at `level` brings, in its own currency.
    pub(in super::super) fn profit(&self, market: &Market, level: f64, size: f64) -> f64 {
        (level - self.level) * self.direction.sign() * market.contract * size
    }

    /// What it would be closed at.
    pub(in super::super) fn exit(&self, quote: Quote) -> f64 {
        self.direction.opposite().price(quote)
    }

    /// The deposit it needs, in its own currency.
    pub(in super::super) fn deposit(&self, market: &Market) -> f64 {
        deposit(market, self.level, self.size)
    }
}

/// The deposit that so much needs.
pub(in super::super) fn deposit(market: &Market, level: f64, size: f64) -> f64 {
    level * market.contract * size * market.margin() / 100.0
}

/// Whether an order waits for a better price or for a worse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum OrderKind {
    Limit,
    Stop,
}

impl OrderKind {
    pub(in super::super) fn read(text: &str) -> Option<Self> {
        match text {
            "LIMIT" => Some(Self::Limit),
            "STOP" => Some(Self::Stop),
            _ => None,
        }
    }

    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::Limit => "LIMIT",
            Self::Stop => "STOP",
        }
    }
}

/// An order that waits for its price.
#[derive(Debug, Clone)]
pub(in super::super) struct Order {
    pub(in super::super) deal_id: String,
    pub(in super::super) reference: String,
    pub(in super::super) epic: String,
    pub(in super::super) direction: Direction,
    pub(in super::super) kind: OrderKind,
    pub(in super::super) size: f64,
    pub(in super::super) level: f64,
    pub(in super::super) currency: String,
    pub(in super::super) good_till: Option<i64>,
    pub(in super::super) guaranteed: bool,
    pub(in super::super) force_open: bool,
    /// In points from the level.
    pub(in super::super) stop_distance: Option<f64>,
    /// In points from the level.
    pub(in super::super) limit_distance: Option<f64>,
    pub(in super::super) created: i64,
}

impl Order {
    /// Whether the price is where the order waits for it.
    pub(in super::super) fn is_met(&self, quote: Quote) -> bool {
        let beyond = (self.direction.price(quote) - self.level) * self.direction.sign();
        match self.kind {
            OrderKind::Limit => beyond <= 0.0,
            OrderKind::Stop => beyond >= 0.0,
        }
    }
}

/// Everything of one account.
#[derive(Debug)]
pub(in super::super) struct Book {
    pub(in super::super) account: String,
    pub(in super::super) currency: &'static str,
    pub(in super::super) cash: f64,
    pub(in super::super) positions: Vec<Position>,
    pub(in super::super) orders: Vec<Order>,
    pub(in super::super) confirms: Confirms,
    /// The oldest first.
    pub(in super::super) activities: Vec<Activity>,
    /// The oldest first.
    pub(in super::super) transactions: Vec<Transaction>,
    /// Whether the past is in it.
    pub(in super::super) remembers: bool,
    references: BTreeMap<String, i64>,
    seed: u64,
    ids: i64,
}

impl Book {
    pub(in super::super) fn new(
        account: &str,
        currency: &'static str,
        cash: f64,
        seed: u64,
    ) -> Self {
        Self {
            account: account.to_owned(),
            currency,
            cash,
            positions: Vec::new(),
            orders: Vec::new(),
            confirms: Confirms::default(),
            activities: Vec::new(),
            transactions: Vec::new(),
            remembers: false,
            references: BTreeMap::new(),
            seed,
            ids: 0,
        }
    }

    fn letters(&mut self, length: usize) -> String {
        self.ids += 1;
        dice::letters(dice::throw(self.seed, dice::of_text(&self.account), self.ids), length)
    }

    /// A new id for a deal.
    pub(in super::super) fn deal_id(&mut self) -> String {
        format!("DIAAAA{}", self.letters(9))
    }

    /// The reference of a deal, one's own or a new one, and whether it was used within a day.
    pub(in super::super) fn reference(&mut self, own: Option<&str>, now: i64) -> (String, bool) {
        let reference = own.map_or_else(|| self.letters(15), str::to_owned);
        self.references.retain(|_, used| now - *used < REFERENCE_KEPT);
        let known = self.references.contains_key(&reference);
        if !known {
            self.references.insert(reference.clone(), now);
        }
        (reference, known)
    }

    /// An amount in the account's currency, in pennies.
    pub(in super::super) fn own(&self, amount: f64, currency: &str) -> f64 {
        super::super::market::round(convert(amount, currency, self.currency), 2)
    }

    /// Where the position of a deal is.
    pub(in super::super) fn position(&self, deal_id: &str) -> Option<usize> {
        self.positions.iter().position(|position| position.deal_id == deal_id)
    }
}
