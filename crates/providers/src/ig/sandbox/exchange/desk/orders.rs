//! Orders that wait: made, changed, taken back.

use super::super::market::Market;
use super::book::{Exits, Order, OrderKind};
use super::deal::Dealer;
use super::notes::{Activity, short};
use super::ticket::{Away, OrderSubject, OrderTicket};
use super::{Confirm, Direction, Rejected};

impl Dealer<'_> {
    /// Makes an order, or says why not.
    pub(super) fn order(
        &mut self,
        subject: &OrderSubject,
        ticket: &OrderTicket,
        confirm: &mut Confirm,
    ) -> Rejected<()> {
        let market = self.dealable(&subject.epic, &subject.expiry)?;
        self.check_edits(market)?;
        if subject.size < market.least_size() {
            return Err("MINIMUM_ORDER_SIZE_ERROR");
        }
        let order = Order {
            deal_id: confirm.deal_id.clone(),
            reference: confirm.reference.clone(),
            epic: market.epic.clone(),
            direction: subject.direction,
            kind: ticket.kind,
            size: subject.size,
            level: ticket.level,
            currency: subject.currency.clone(),
            good_till: ticket.good_till,
            guaranteed: ticket.guaranteed,
            force_open: subject.force_open,
            stop_distance: None,
            limit_distance: None,
            created: self.now.as_second(),
        };
        let order = self.checked(market, order, ticket)?;
        self.told(market, &order, "OPEN", "OPENED", confirm);
        self.book.orders.push(order);
        Ok(())
    }

    /// Changes an order, or says why not.
    pub(super) fn reorder(
        &mut self,
        deal_id: &str,
        ticket: &OrderTicket,
        confirm: &mut Confirm,
    ) -> Rejected<()> {
        let found = self.book.orders.iter().position(|order| order.deal_id == deal_id);
        let index = found.ok_or("UNKNOWN")?;
        let known = self.book.orders.get(index).cloned().ok_or("UNKNOWN")?;
        let market = self.floor.find(&known.epic).ok_or("INSTRUMENT_NOT_FOUND")?;
        self.check_edits(market)?;
        let order = Order {
            kind: ticket.kind,
            level: ticket.level,
            good_till: ticket.good_till,
            guaranteed: ticket.guaranteed,
            ..known
        };
        let order = self.checked(market, order, ticket)?;
        deal_id.clone_into(&mut confirm.deal_id);
        self.told(market, &order, "AMENDED", "AMENDED", confirm);
        if let Some(held) = self.book.orders.get_mut(index) {
            *held = order;
        }
        Ok(())
    }

    /// Takes an order back.
    pub(super) fn withdraw(&mut self, deal_id: &str, confirm: &mut Confirm) -> Rejected<()> {
        let found = self.book.orders.iter().position(|order| order.deal_id == deal_id);
        let index = found.ok_or("UNKNOWN")?;
        let epic = self.book.orders.get(index).map(|order| order.epic.clone());
        let market = epic.and_then(|epic| self.floor.find(&epic)).ok_or("INSTRUMENT_NOT_FOUND")?;
        self.check_edits(market)?;
        let order = self.book.orders.remove(index);
        deal_id.clone_into(&mut confirm.deal_id);
        self.told(market, &order, "DELETED", "DELETED", confirm);
        Ok(())
    }

    /// The order with its distances, if price and time are still before it.
    fn checked(&self, market: &Market, mut order: Order, ticket: &OrderTicket) -> Rejected<Order> {
        let quote = self.floor.quote(market);
        if order.is_met(quote) || order.good_till.is_some_and(|end| end <= self.now.as_second()) {
            return Err("LEVEL_TOLERANCE_ERROR");
        }
        let sign = order.direction.sign();
        let points = |away: Option<Away>, side: f64| {
            away.map(|away| match away {
                Away::Distance(points) => points,
                Away::Level(level) => (level - order.level) * side * f64::from(market.scaling),
            })
        };
        order.stop_distance = points(ticket.stop, -sign);
        order.limit_distance = points(ticket.limit, sign);
        let nearest = market.least_distance();
        let far = |points: Option<f64>| points.is_none_or(|points| points + 1e-6 >= nearest);
        if far(order.stop_distance) && far(order.limit_distance) {
            Ok(order)
        } else {
            Err("ATTACHED_ORDER_LEVEL_ERROR")
        }
    }

    /// Notes and confirms what happened to an order.
    pub(super) fn told(
        &mut self,
        market: &Market,
        order: &Order,
        status: &'static str,
        deal: &'static str,
        confirm: &mut Confirm,
    ) {
        let exits = exits(market, order);
        confirm.epic = Some(order.epic.clone());
        confirm.expiry = Some(market.expiry.clone());
        confirm.direction = Some(order.direction);
        confirm.status = Some(status);
        confirm.affected = vec![(order.deal_id.clone(), deal)];
        confirm.level = Some(order.level);
        confirm.size = Some(order.size);
        confirm.exits = exits;
        confirm.stop_distance = order.stop_distance;
        confirm.limit_distance = order.limit_distance;
        confirm.currency = Some(order.currency.clone());
        let reference = confirm.reference.clone();
        self.note_order(market, order, deal, &reference);
    }

    /// Notes what happened to an order.
    pub(super) fn note_order(
        &mut self,
        market: &Market,
        order: &Order,
        deal: &'static str,
        reference: &str,
    ) {
        let action = match (order.kind, deal) {
            (OrderKind::Limit, "OPENED") => "LIMIT_ORDER_OPENED",
            (OrderKind::Limit, "AMENDED") => "LIMIT_ORDER_AMENDED",
            (OrderKind::Limit, "FILLED") => "LIMIT_ORDER_FILLED",
            (OrderKind::Limit, _) => "LIMIT_ORDER_DELETED",
            (OrderKind::Stop, "OPENED") => "STOP_ORDER_OPENED",
            (OrderKind::Stop, "AMENDED") => "STOP_ORDER_AMENDED",
            (OrderKind::Stop, "FILLED") => "STOP_ORDER_FILLED",
            (OrderKind::Stop, _) => "STOP_ORDER_DELETED",
        };
        let what = deal.to_lowercase();
        let note = Activity {
            description: format!("Order {what}: {}", short(&order.deal_id)),
            actions: vec![(action, order.deal_id.clone())],
            direction: Some(order.direction),
            size: Some(order.size),
            level: Some(order.level),
            exits: exits(market, order),
            good_till: order.good_till,
            ..self.note(market, &order.deal_id, reference, "WORKING_ORDER")
        };
        self.book.activities.push(note);
    }
}

/// Stops and limits that a position of this order will have, as levels.
pub(super) fn exits(market: &Market, order: &Order) -> Exits {
    let sign = Direction::sign(order.direction);
    let level = |points: Option<f64>, side: f64| {
        points.map(|points| market.level(order.level + side * market.points(points)))
    };
    Exits {
        stop: level(order.stop_distance, -sign),
        limit: level(order.limit_distance, sign),
        guaranteed: order.guaranteed,
        trailing: None,
    }
}
