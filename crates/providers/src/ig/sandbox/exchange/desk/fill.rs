//! Deals whose price is known: positions grow and shrink, and it is written down.

use super::super::market::{Market, round};
use super::book::{Direction, Exits, Position, deposit};
use super::deal::{DUST, Dealer, settle};
use super::notes::{Activity, Transaction, short};
use super::{Confirm, Rejected};

/// What is dealt, once its price is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill<'a> {
    pub(super) direction: Direction,
    pub(super) size: f64,
    pub(super) level: f64,
    pub(super) currency: &'a str,
    pub(super) exits: Exits,
    /// Leaves opposite positions alone.
    pub(super) force_open: bool,
}

/// What a deal did.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) status: &'static str,
    pub(super) affected: Vec<(String, &'static str)>,
    pub(super) profit: Option<f64>,
}

impl Dealer<'_> {
    /// Deals: first against opposite positions unless it is forced open, and opens what remains.
    pub(super) fn fill(
        &mut self,
        market: &Market,
        fill: &Fill<'_>,
        deal_id: &str,
        reference: &str,
    ) -> Rejected<Done> {
        let opposite = |one: &&Position| {
            !fill.force_open
                && one.epic == market.epic
                && one.currency == fill.currency
                && one.direction == fill.direction.opposite()
        };
        let opposite: Vec<_> = self.book.positions.iter().filter(opposite).cloned().collect();
        let netted = opposite.iter().map(|one| one.size).sum::<f64>().min(fill.size);
        let rest = round(fill.size - netted, 9);
        let needed = self.book.own(deposit(market, fill.level, rest), fill.currency);
        if rest > DUST && needed > self.book.money(&self.floor).available {
            return Err("INSUFFICIENT_FUNDS");
        }
        let mut done = Done::default();
        self.reduce(market, &opposite, netted, fill.level, reference, &mut done);
        if rest > DUST {
            let position = Position {
                deal_id: deal_id.to_owned(),
                reference: reference.to_owned(),
                epic: market.epic.clone(),
                direction: fill.direction,
                size: rest,
                level: fill.level,
                currency: fill.currency.to_owned(),
                created: self.now.as_second(),
                exits: fill.exits,
            };
            self.add(market, position, &mut done);
        }
        Ok(done)
    }

    fn add(&mut self, market: &Market, position: Position, done: &mut Done) {
        let deal_id = &position.deal_id;
        done.status = "OPEN";
        done.affected.push((deal_id.clone(), "OPENED"));
        let note = Activity {
            description: format!("Position opened: {}", short(deal_id)),
            actions: vec![("POSITION_OPENED", deal_id.clone())],
            direction: Some(position.direction),
            size: Some(position.size),
            level: Some(position.level),
            exits: position.exits,
            ..self.note(market, deal_id, &position.reference, "POSITION")
        };
        self.book.activities.push(note);
        self.book.positions.push(position);
    }

    /// A position that was opened elsewhere.
    pub(in super::super) fn opened(
        &mut self,
        market: &Market,
        position: Position,
        confirm: &mut Confirm,
    ) {
        let mut done = Done::default();
        confirm.currency = Some(position.currency.clone());
        self.add(market, position, &mut done);
        settle(confirm, done);
    }

    /// A position that was closed elsewhere, or a part of it.
    pub(in super::super) fn closed_elsewhere(
        &mut self,
        deal_id: &str,
        size: Option<f64>,
    ) -> Option<()> {
        let position = self.book.positions.get(self.book.position(deal_id)?)?.clone();
        let market = self.floor.find(&position.epic)?;
        let level = position.exit(self.floor.quote(market));
        let size = size.unwrap_or(position.size);
        let reference = position.reference.clone();
        self.reduce(market, &[position], size, level, &reference, &mut Done::default());
        Some(())
    }

    /// Takes `size` off these positions, the oldest first, at `level`.
    pub(super) fn reduce(
        &mut self,
        market: &Market,
        positions: &[Position],
        size: f64,
        level: f64,
        reference: &str,
        done: &mut Done,
    ) {
        let mut rest = size;
        for position in positions.iter().filter(|one| one.size > 0.0) {
            let part = position.size.min(rest);
            if part <= DUST {
                break;
            }
            rest = round(rest - part, 9);
            let left = round(position.size - part, 9);
            let is_whole = left <= DUST;
            if let Some(index) = self.book.position(&position.deal_id) {
                if is_whole {
                    self.book.positions.remove(index);
                } else if let Some(held) = self.book.positions.get_mut(index) {
                    held.size = left;
                }
            }
            done.status = if is_whole { "CLOSED" } else { "PARTIALLY_CLOSED" };
            let status = if is_whole { "FULLY_CLOSED" } else { "PARTIALLY_CLOSED" };
            done.affected.push((position.deal_id.clone(), status));
            let profit = round(position.profit(market, level, part), 2);
            done.profit = Some(done.profit.unwrap_or(0.0) + profit);
            self.write_down(market, position, part, level, is_whole, reference);
        }
    }

    /// A closed position, or a part of one, in money, activities and transactions.
    fn write_down(
        &mut self,
        market: &Market,
        position: &Position,
        size: f64,
        level: f64,
        is_whole: bool,
        reference: &str,
    ) {
        let profit = self.book.own(position.profit(market, level, size), &position.currency);
        self.book.cash = round(self.book.cash + profit, 2);
        let deal = short(&position.deal_id);
        let (description, action) = if is_whole {
            (format!("Position closed: {deal}"), "POSITION_CLOSED")
        } else {
            (format!("Position partially closed: {deal}"), "POSITION_PARTIALLY_CLOSED")
        };
        let note = Activity {
            description,
            actions: vec![(action, position.deal_id.clone())],
            direction: Some(position.direction.opposite()),
            size: Some(size),
            level: Some(level),
            ..self.note(market, &position.deal_id, reference, "POSITION")
        };
        self.book.activities.push(note);
        self.book.transactions.push(Transaction {
            at: self.now.as_second(),
            opened: position.created,
            name: market.name.clone(),
            period: market.expiry.clone(),
            profit,
            kind: "TRADE",
            reference: deal,
            open_level: Some(position.level),
            close_level: Some(level),
            size: Some(size * position.direction.sign()),
            is_cash: false,
        });
    }
}
