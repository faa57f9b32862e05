//! What happens by itself as prices move: stops, limits, orders, and dates that come.

use super::super::floor::Floor;
use super::super::market::Market;
use super::book::{Direction, Order, OrderKind, Position};
use super::deal::Dealer;
use super::fill::{Done, Fill};
use super::notes::Activity;
use super::{Book, orders};

/// How often the price is looked at, in seconds.
const STEP: i64 = 60;
/// The most looks for one call: after a long pause they are further apart.
const LOOKS: i64 = 20_000;

impl Book {
    /// Whether anything here waits for a price or a date.
    fn waits(&self) -> bool {
        let waits = |one: &Position| one.exits.stop.is_some() || one.exits.limit.is_some();
        !self.orders.is_empty() || self.positions.iter().any(waits)
    }

    /// Everything that happened after `since` until the moment of `floor`, minute by minute.
    pub(in super::super) fn settle(&mut self, floor: Floor<'_>, since: i64) {
        if !self.waits() || since >= floor.now {
            return;
        }
        let step = (((floor.now - since) / LOOKS).div_euclid(STEP) + 1) * STEP;
        let mut second = since.div_euclid(step) * step + step;
        while second < floor.now {
            self.look(floor.at(second));
            second += step;
        }
        self.look(floor);
    }

    fn look(&mut self, floor: Floor<'_>) {
        let now = jiff::Timestamp::from_second(floor.now).unwrap_or_default();
        let mut dealer = Dealer { floor, book: self, kind: "", now, channel: "SYSTEM" };
        for order in dealer.book.orders.clone() {
            dealer.watch_order(&order);
        }
        for position in dealer.book.positions.clone() {
            dealer.watch_position(&position);
        }
    }
}

impl Dealer<'_> {
    fn watch_order(&mut self, order: &Order) {
        let Some(market) = self.floor.find(&order.epic) else { return };
        if order.good_till.is_some_and(|end| end <= self.floor.now) {
            self.book.orders.retain(|one| one.deal_id != order.deal_id);
            return self.note_order(market, order, "DELETED", &order.reference);
        }
        let quote = self.floor.quote(market);
        if !self.floor.is_open(market) || !order.is_met(quote) {
            return;
        }
        self.book.orders.retain(|one| one.deal_id != order.deal_id);
        let paid = order.direction.price(quote);
        // A guaranteed stop order is filled where it stands, however far the price has jumped.
        let jumped = order.guaranteed && order.kind == OrderKind::Stop;
        let level = if jumped { order.level } else { paid };
        let exits = orders::exits(market, &Order { level, ..order.clone() });
        let fill = Fill {
            direction: order.direction,
            size: order.size,
            level,
            currency: &order.currency,
            exits,
            force_open: order.force_open,
        };
        let deal_id = self.book.deal_id();
        match self.fill(market, &fill, &deal_id, &order.reference) {
            Ok(_) => self.note_order(market, order, "FILLED", &order.reference),
            Err(reason) => {
                let note = Activity {
                    description: format!("Working order rejected: {reason}"),
                    is_accepted: false,
                    direction: Some(order.direction),
                    size: Some(order.size),
                    level: Some(order.level),
                    ..self.note(market, &order.deal_id, &order.reference, "WORKING_ORDER")
                };
                self.book.activities.push(note);
            }
        }
    }

    fn watch_position(&mut self, position: &Position) {
        let Some(market) = self.floor.find(&position.epic) else { return };
        if !self.floor.is_open(market) {
            return;
        }
        let level = position.exit(self.floor.quote(market));
        let sign = position.direction.sign();
        let beyond =
            |exit: Option<f64>, side: f64| exit.filter(|exit| (level - exit) * sign * side >= 0.0);
        if let Some(stop) = beyond(position.exits.stop, -1.0) {
            let level = if position.exits.guaranteed { stop } else { level };
            self.end(market, position, level);
        } else if beyond(position.exits.limit, 1.0).is_some() {
            self.end(market, position, level);
        } else {
            self.follow(market, position, level);
        }
    }

    fn end(&mut self, market: &Market, position: &Position, level: f64) {
        let mut done = Done::default();
        let all = [position.clone()];
        self.reduce(market, &all, position.size, level, &position.reference, &mut done);
    }

    /// Moves a trailing stop by whole steps, never back.
    fn follow(&mut self, market: &Market, position: &Position, level: f64) {
        let (Some(trailing), Some(stop)) = (position.exits.trailing, position.exits.stop) else {
            return;
        };
        let sign = Direction::sign(position.direction);
        let wanted = level - sign * market.points(trailing.distance);
        let stride = market.points(trailing.step);
        let steps = ((wanted - stop) * sign / stride + 1e-9).floor();
        let Some(index) = self.book.position(&position.deal_id).filter(|_| steps >= 1.0) else {
            return;
        };
        if let Some(held) = self.book.positions.get_mut(index) {
            held.exits.stop = Some(market.level(stop + sign * steps * stride));
        }
    }
}
