//! Deals: checked, and priced at the moment.

use jiff::Timestamp;

use super::super::floor::Floor;
use super::super::market::{Market, Sold, round};
use super::book::{Direction, Exits, Position};
use super::fill::{Done, Fill};
use super::notes::Activity;
use super::ticket::{Away, Closing, Pricing, Ticket, Which};
use super::{Book, Confirm, Rejected};

/// Sizes that differ by less are the same.
pub(super) const DUST: f64 = 1e-9;

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
pub(super) fn settle(confirm: &mut Confirm, done: Done) {
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
