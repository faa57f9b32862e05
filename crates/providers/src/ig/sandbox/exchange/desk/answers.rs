//! The calls of the desk. A call that breaks no rule is answered with a reference, and its confirm
//! tells what became of it.

use serde_json::json;

use super::deal::Dealer;
use super::notes::Activity;
use super::ticket::{Amendment, Closing, OrderSubject, OrderTicket, Ticket};
use super::{Confirm, Delay, Direction, Rejected};
use crate::ig::sandbox::answer::{Answer, Refused};
use crate::ig::sandbox::call::Call;

/// The desk, which answers calls.
pub(in super::super) struct Desk<'a> {
    pub(in super::super) dealer: Dealer<'a>,
    pub(in super::super) delay: Delay,
}

/// What a confirm says of a deal that was not done.
#[derive(Default)]
struct About<'a> {
    /// The client's own.
    reference: Option<&'a str>,
    /// Epic and expiry.
    market: Option<(&'a str, &'a str)>,
    direction: Option<Direction>,
}

impl Desk<'_> {
    /// Answers a call of the desk, if there is such a path.
    pub(in super::super) fn answer(&mut self, call: &Call) -> Option<Answer> {
        let floor = self.dealer.floor;
        let version = call.version;
        let answer = match (call.method.as_str(), call.segments().as_slice(), version) {
            ("GET", ["positions"], 1 | 2) => {
                Answer::ok(self.dealer.book.positions_shown(&floor, version))
            }
            ("POST", ["positions", "otc"], 1 | 2) => self.open(call).into(),
            ("DELETE", ["positions", "otc"], 1) => self.close(call).into(),
            ("PUT", ["positions", "otc", deal], 1 | 2) => self.amend(deal, call).into(),
            ("GET", ["positions", deal], 1 | 2) => {
                let shown = self.dealer.book.position_shown(deal, &floor, version);
                shown.map_or_else(|| Answer::error("error.position.notfound"), Answer::ok)
            }
            ("GET", ["confirms", reference], 1) => {
                let confirm = self.dealer.book.confirms.ask(reference, self.dealer.now);
                confirm.map_or_else(|| Answer::error("error.confirms.deal-not-found"), Answer::ok)
            }
            ("GET", ["workingorders"], 1 | 2) => {
                Answer::ok(self.dealer.book.orders_shown(&floor, version))
            }
            ("POST", ["workingorders", "otc"], 1 | 2) => self.order(call).into(),
            ("PUT", ["workingorders", "otc", deal], 1 | 2) => self.reorder(deal, call).into(),
            ("DELETE", ["workingorders", "otc", deal], 1 | 2) => self.withdraw(deal),
            _ => return None,
        };
        Some(answer)
    }

    fn open(&mut self, call: &Call) -> Refused<Answer> {
        let ticket = Ticket::read(call)?;
        let about = About {
            reference: ticket.reference.as_deref(),
            market: Some((&ticket.epic, &ticket.expiry)),
            direction: Some(ticket.direction),
        };
        Ok(self.deal(&about, |dealer, confirm| dealer.open(&ticket, confirm)))
    }

    fn close(&mut self, call: &Call) -> Refused<Answer> {
        let closing = Closing::read(call)?;
        let about = About { direction: Some(closing.direction), ..About::default() };
        Ok(self.deal(&about, |dealer, confirm| dealer.close(&closing, confirm)))
    }

    fn amend(&mut self, deal_id: &str, call: &Call) -> Refused<Answer> {
        let amendment = Amendment::read(call)?;
        Ok(self
            .deal(&About::default(), |dealer, confirm| dealer.amend(deal_id, &amendment, confirm)))
    }

    fn order(&mut self, call: &Call) -> Refused<Answer> {
        let (subject, ticket) = (OrderSubject::read(call)?, OrderTicket::read(call, None)?);
        let about = About {
            reference: subject.reference.as_deref(),
            market: Some((&subject.epic, &subject.expiry)),
            direction: Some(subject.direction),
        };
        Ok(self.deal(&about, |dealer, confirm| dealer.order(&subject, &ticket, confirm)))
    }

    fn reorder(&mut self, deal_id: &str, call: &Call) -> Refused<Answer> {
        let orders = &self.dealer.book.orders;
        let known = orders.iter().find(|order| order.deal_id == deal_id).map(|order| order.kind);
        let ticket = OrderTicket::read(call, known)?;
        Ok(self
            .deal(&About::default(), |dealer, confirm| dealer.reorder(deal_id, &ticket, confirm)))
    }

    fn withdraw(&mut self, deal_id: &str) -> Answer {
        self.deal(&About::default(), |dealer, confirm| dealer.withdraw(deal_id, confirm))
    }

    /// Deals under a reference, which must be new within a day, and keeps the confirm.
    fn deal(
        &mut self,
        about: &About<'_>,
        deal: impl FnOnce(&mut Dealer<'_>, &mut Confirm) -> Rejected<()>,
    ) -> Answer {
        let now = self.dealer.now.as_second();
        let (reference, is_known) = self.dealer.book.reference(about.reference, now);
        let mut confirm = self.dealer.blank(&reference);
        confirm.epic = about.market.map(|(epic, _)| epic.to_owned());
        confirm.expiry = about.market.map(|(_, expiry)| expiry.to_owned());
        confirm.direction = about.direction;
        let outcome = if is_known {
            Err("DUPLICATE_ORDER_ERROR")
        } else {
            deal(&mut self.dealer, &mut confirm)
        };
        if let Err(reason) = outcome {
            confirm.reason = reason;
            self.note_rejection(&confirm);
        }
        self.dealer.book.confirms.keep(&confirm, self.delay);
        Answer::ok(json!({ "dealReference": reference }))
    }

    fn note_rejection(&mut self, confirm: &Confirm) {
        let market = confirm.epic.as_deref().and_then(|epic| self.dealer.floor.find(epic));
        let Some(market) = market else { return };
        let note = Activity {
            description: format!("Deal rejected: {}", confirm.reason),
            is_accepted: false,
            actions: vec![("UNKNOWN", confirm.deal_id.clone())],
            direction: confirm.direction,
            ..self.dealer.note(market, &confirm.deal_id, &confirm.reference, "POSITION")
        };
        self.dealer.book.activities.push(note);
    }
}
