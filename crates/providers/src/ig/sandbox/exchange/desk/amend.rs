//! New stops and limits for a position.

use super::super::market::Market;
use super::book::Exits;
use super::deal::{Dealer, check_exits};
use super::notes::{Activity, short};
use super::ticket::Amendment;
use super::{Confirm, Rejected};

impl Dealer<'_> {
    /// Replaces stops and limits: what is not given is gone (contract 4.5).
    pub(super) fn amend(
        &mut self,
        deal_id: &str,
        amendment: &Amendment,
        confirm: &mut Confirm,
    ) -> Rejected<()> {
        let index = self.book.position(deal_id).ok_or("POSITION_NOT_FOUND")?;
        let position = self.book.positions.get(index).cloned().ok_or("POSITION_NOT_FOUND")?;
        let market = self.floor.find(&position.epic).ok_or("INSTRUMENT_NOT_FOUND")?;
        deal_id.clone_into(&mut confirm.deal_id);
        confirm.epic = Some(market.epic.clone());
        confirm.expiry = Some(market.expiry.clone());
        confirm.direction = Some(position.direction);
        self.check_edits(market)?;
        let level = position.exit(self.floor.quote(market));
        let follow = amendment.trailing.map(|trailing| {
            market.level(level - position.direction.sign() * market.points(trailing.distance))
        });
        let exits = Exits {
            stop: amendment.stop.or(follow),
            limit: amendment.limit,
            guaranteed: amendment.guaranteed,
            trailing: amendment.trailing,
        };
        check_exits(market, position.direction, level, &exits)?;
        if let Some(held) = self.book.positions.get_mut(index) {
            held.exits = exits;
        }
        confirm.status = Some("AMENDED");
        confirm.affected = vec![(deal_id.to_owned(), "AMENDED")];
        confirm.level = Some(position.level);
        confirm.size = Some(position.size);
        confirm.exits = exits;
        confirm.currency = Some(position.currency.clone());
        let note = Activity {
            description: format!("Position amended: {}", short(deal_id)),
            actions: vec![("STOP_LIMIT_AMENDED", deal_id.to_owned())],
            direction: Some(position.direction),
            size: Some(position.size),
            level: Some(position.level),
            exits,
            ..self.note(market, deal_id, &confirm.reference, "EDIT_STOP_AND_LIMIT")
        };
        self.book.activities.push(note);
        Ok(())
    }

    /// Whether orders and stops can be changed: also while nothing can be dealt.
    pub(super) fn check_edits(&self, market: &Market) -> Rejected<()> {
        match self.floor.status(market) {
            "TRADEABLE" | "EDITS_ONLY" | "ON_AUCTION" => Ok(()),
            "OFFLINE" => Err("MARKET_OFFLINE"),
            _ => Err("MARKET_CLOSED"),
        }
    }
}
