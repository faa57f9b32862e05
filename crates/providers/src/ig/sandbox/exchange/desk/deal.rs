//! Deals: checked, done at the price of the moment, and written down.

use jiff::Timestamp;

use super::super::floor::Floor;
use super::super::market::{Market, Sold, round};
use super::book::{Direction, Exits, Position, deposit};
use super::notes::{Activity, Transaction, short};
use super::ticket::{Away, Closing, Pricing, Ticket, Which};
use super::{Book, Confirm, Rejected};

/// Sizes that differ by less are the same.
const DUST: f64 = 1e-9;

/// The desk for one account at one moment.
pub(in super::super) struct Dealer<'a> {
    pub(in super::super) floor: Floor<'a>,
    pub(in super::super) book: &'a mut Book,
    /// `CFD`, `SPREADBET` or `PHYSICAL`.
    pub(in super::super) kind: &'static str,
    pub(in super::super) now: Timestamp,
    /// Through which door: `PUBLIC_WEB_API`, `WEB`, `SYSTEM`…
    pub(in super::super) channel: &'static str,
}

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

impl<'a> Dealer<'a> {
    /// A confirm of nothing yet.
    pub(in super::super) fn blank(&mut self, reference: &str) -> Confirm {
        Confirm {
            at: self.now,
            reference: reference.to_owned(),
            deal_id: self.book.deal_id(),
            epic: None,
            expiry: None,
            direction: None,
            reason: "SUCCESS",
            status: None,
            affected: Vec::new(),
            level: None,
            size: None,
            exits: Exits::default(),
            stop_distance: None,
            limit_distance: None,
            profit: None,
            currency: None,
        }
    }

    /// Opens a position, or says why not.
    pub(super) fn open(&mut self, ticket: &Ticket, confirm: &mut Confirm) -> Rejected<()> {
        let market = self.dealable(&ticket.epic, &ticket.expiry)?;
        self.check_open(market)?;
        if ticket.size + DUST < market.least_size() {
            return Err("MINIMUM_ORDER_SIZE_ERROR");
        }
        let level = self.price(market, ticket.direction, ticket.pricing)?;
        let exits = exits(market, ticket, level)?;
        let fill = Fill {
            direction: ticket.direction,
            size: ticket.size,
            level,
            currency: &ticket.currency,
            exits,
            force_open: ticket.force_open,
        };
        let done = self.fill(market, &fill, &confirm.deal_id, &confirm.reference)?;
        confirm.level = Some(level);
        confirm.size = Some(ticket.size);
        confirm.exits = exits;
        confirm.stop_distance = distance_of(ticket.stop);
        confirm.limit_distance = distance_of(ticket.limit);
        confirm.currency = Some(ticket.currency.clone());
        settle(confirm, done);
        Ok(())
    }

    /// Closes a position or part of it, or says why not.
    pub(super) fn close(&mut self, closing: &Closing, confirm: &mut Confirm) -> Rejected<()> {
        let meant: Vec<Position> = match &closing.which {
            Which::Deal(deal) => {
                self.book.positions.iter().filter(|one| one.deal_id == *deal).cloned().collect()
            }
            Which::Market(epic, expiry) => {
                self.dealable(epic, expiry)?;
                let opposite = |one: &&Position| {
                    one.epic == *epic && one.direction == closing.direction.opposite()
                };
                self.book.positions.iter().filter(opposite).cloned().collect()
            }
        };
        let first = meant.first().ok_or("POSITION_NOT_FOUND")?;
        let market = self.floor.find(&first.epic).ok_or("INSTRUMENT_NOT_FOUND")?;
        confirm.epic = Some(market.epic.clone());
        confirm.expiry = Some(market.expiry.clone());
        let held: f64 = meant.iter().map(|one| one.size).sum();
        if first.direction == closing.direction || closing.size > held + DUST {
            return Err("POSITION_NOT_AVAILABLE_TO_CLOSE");
        }
        self.check_open(market)?;
        let level = self.price(market, closing.direction, closing.pricing)?;
        let mut done = Done::default();
        confirm.currency = Some(first.currency.clone());
        self.reduce(market, &meant, closing.size, level, &confirm.reference, &mut done);
        confirm.level = Some(level);
        confirm.size = Some(closing.size);
        settle(confirm, done);
        Ok(())
    }

    /// The market of an epic, if this account may deal in it.
    pub(super) fn dealable(&self, epic: &str, expiry: &str) -> Rejected<&'a Market> {
        let market = self.floor.find(epic).filter(|market| market.expiry == expiry);
        let market = market.ok_or("INSTRUMENT_NOT_FOUND")?;
        match (market.sold(), self.kind) {
            (Sold::Bet, "CFD") => Err("REJECT_SPREADBET_ORDER_ON_CFD_ACCOUNT"),
            (Sold::Contract, "SPREADBET") => Err("REJECT_CFD_ORDER_ON_SPREADBET_ACCOUNT"),
            _ => Ok(market),
        }
    }

    fn check_open(&self, market: &Market) -> Rejected<()> {
        match self.floor.status(market) {
            "TRADEABLE" => Ok(()),
            "OFFLINE" => Err("MARKET_OFFLINE"),
            _ => Err("MARKET_CLOSED"),
        }
    }

    /// What is paid: the price of the moment, if it is no worse than asked for.
    fn price(&self, market: &Market, direction: Direction, pricing: Pricing) -> Rejected<f64> {
        let quote = self.floor.quote(market);
        let price = direction.price(quote);
        let worse = |than: f64| (price - than) * direction.sign();
        match pricing {
            Pricing::Limit(level) if worse(level) > DUST => Err("LEVEL_TOLERANCE_ERROR"),
            Pricing::Quote(level) if worse(level) > quote.offer - quote.bid => {
                Err("LEVEL_TOLERANCE_ERROR")
            }
            _ => Ok(price),
        }
    }

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

    /// An activity of this moment, about which nothing else is known.
    pub(super) fn note(
        &self,
        market: &Market,
        deal_id: &str,
        reference: &str,
        kind: &'static str,
    ) -> Activity {
        Activity {
            reference: reference.to_owned(),
            channel: self.channel,
            ..Activity::of(self.now.as_second(), market, deal_id, kind)
        }
    }
}

/// What a deal did, into its confirm.
fn settle(confirm: &mut Confirm, done: Done) {
    confirm.status = Some(done.status);
    confirm.affected = done.affected;
    confirm.profit = done.profit.map(|profit| round(profit, 2));
}

/// The points of a distance.
pub(super) fn distance_of(away: Option<Away>) -> Option<f64> {
    match away? {
        Away::Distance(points) => Some(points),
        Away::Level(_) => None,
    }
}

/// Stops and limits of a new position as levels, if they are far enough on the right side.
fn exits(market: &Market, ticket: &Ticket, level: f64) -> Rejected<Exits> {
    let sign = ticket.direction.sign();
    let resolve = |away: Option<Away>, side: f64| {
        away.map(|away| match away {
            Away::Level(level) => level,
            Away::Distance(points) => market.level(level + side * market.points(points)),
        })
    };
    let exits = Exits {
        stop: resolve(ticket.stop, -sign),
        limit: resolve(ticket.limit, sign),
        guaranteed: ticket.guaranteed,
        trailing: ticket.trailing,
    };
    check_exits(market, ticket.direction, level, &exits)?;
    Ok(exits)
}

/// Stops are behind the price and limits before it, and neither is too near.
pub(super) fn check_exits(
    market: &Market,
    direction: Direction,
    level: f64,
    exits: &Exits,
) -> Rejected<()> {
    let nearest = |times: f64| market.points(market.least_distance() * times) - DUST;
    let stop_distance = if exits.guaranteed { nearest(2.0) } else { nearest(1.0) };
    let behind = |stop: f64| (level - stop) * direction.sign() >= stop_distance;
    let before = |limit: f64| (limit - level) * direction.sign() >= nearest(1.0);
    if exits.stop.is_none_or(behind) && exits.limit.is_none_or(before) {
        Ok(())
    } else {
        Err("ATTACHED_ORDER_LEVEL_ERROR")
    }
}
