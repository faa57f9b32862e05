//! What came of a deal, as its confirmation tells it (contract, section 4.5).

use evergrant::capability::{Deal, DealOutcome, Direction, Order, Position};

use super::Members;

/// Reasons of a rejection, in words.
const REASONS: &[(&str, &str)] = &[
    ("MARKET_CLOSED", "The market is closed."),
    ("MARKET_OFFLINE", "The market cannot be dealt in at the moment."),
    ("INSUFFICIENT_FUNDS", "The account has not enough money for it."),
    ("MINIMUM_ORDER_SIZE_ERROR", "The size is smaller than the market takes."),
    ("POSITION_NOT_FOUND", "There is no such position, or no longer."),
    ("POSITION_NOT_AVAILABLE_TO_CLOSE", "The position cannot be closed at the moment."),
    ("INSTRUMENT_NOT_FOUND", "There is no such market in this account."),
    ("LEVEL_TOLERANCE_ERROR", "The price has moved too far from the one that was named."),
    (
        "ATTACHED_ORDER_LEVEL_ERROR",
        "The stop or limit is on the wrong side of the price, or too near.",
    ),
    (
        "REJECT_CFD_ORDER_ON_SPREADBET_ACCOUNT",
        "The market is one for CFDs, and the account is for spread bets.",
    ),
    (
        "REJECT_SPREADBET_ORDER_ON_CFD_ACCOUNT",
        "The market is one for spread bets, and the account is for CFDs.",
    ),
    ("DUPLICATE_ORDER_ERROR", "A deal with this reference was made before."),
    ("UNKNOWN", "IG rejected it without a reason."),
];

/// The outcome as the confirmation tells it. One that is neither accepted nor rejected is unknown.
pub(crate) fn confirmed(reference: &str, mut members: Members) -> Deal {
    let m = &mut members;
    let word = m.text("dealStatus");
    let outcome = match word.as_deref() {
        Some("ACCEPTED") => DealOutcome::Done,
        Some("REJECTED") => DealOutcome::Rejected,
        _ => DealOutcome::Unknown,
    };
    let reason = m.text("reason");
    let (reason, message) = match outcome {
        DealOutcome::Done => (None, None),
        DealOutcome::Rejected => {
            let reason = reason.unwrap_or_else(|| "UNKNOWN".to_owned());
            let message = sentence(&reason);
            (Some(reason), Some(message))
        }
        DealOutcome::Unknown => {
            let said = word.as_deref().unwrap_or("nothing");
            (reason.or(word.clone()), Some(format!("IG says neither yes nor no, but {said}.")))
        }
    };
    Deal {
        reference: m.text("dealReference").unwrap_or_else(|| reference.to_owned()),
        outcome,
        reason,
        message,
        deal_id: m.text("dealId"),
        status: m.text("status"),
        epic: m.text("epic"),
        direction: m.word("direction", Direction::WORDS),
        size: m.number("size"),
        level: m.number("level"),
        stop_level: m.number("stopLevel"),
        limit_level: m.number("limitLevel"),
        profit: m.number("profit"),
        profit_currency: m.text("profitCurrency"),
        at: m.instant("date"),
        extra: members.rest(),
    }
}

/// A reason in one sentence.
fn sentence(reason: &str) -> String {
    let known = REASONS.iter().find(|(word, _)| *word == reason);
    known.map_or_else(|| format!("IG rejected it: {reason}."), |(_, text)| (*text).to_owned())
}

/// A deal that is seen to be done, since its position is there.
pub(crate) fn opened(reference: &str, position: Position) -> Deal {
    Deal {
        deal_id: Some(position.id),
        status: Some("OPEN".to_owned()),
        epic: Some(position.market.epic),
        direction: Some(position.direction),
        size: Some(position.size),
        level: position.level,
        stop_level: position.stop_level,
        limit_level: position.limit_level,
        at: position.opened_at,
        ..Deal::of(reference, DealOutcome::Done)
    }
}

/// A deal that is seen to be done, since its order is there.
pub(crate) fn placed(reference: &str, order: Order) -> Deal {
    Deal {
        deal_id: Some(order.id),
        status: Some("OPEN".to_owned()),
        epic: Some(order.market.epic),
        direction: Some(order.direction),
        size: Some(order.size),
        level: order.level,
        at: order.created_at,
        ..Deal::of(reference, DealOutcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reason_without_a_sentence_is_named() {
        let rejected = |reason: &str| {
            let said = json!({ "dealStatus": "REJECTED", "reason": reason });
            confirmed("r", Members::of(said)).message.unwrap()
        };
        assert_eq!(rejected("MARKET_CLOSED"), "The market is closed.");
        assert_eq!(rejected("MARKET_NOT_BORROWABLE"), "IG rejected it: MARKET_NOT_BORROWABLE.");
    }

    #[test]
    fn what_is_neither_accepted_nor_rejected_is_unknown() {
        for said in [json!({}), json!({ "dealStatus": "PENDING" }), json!({ "dealStatus": null })] {
            let deal = confirmed("r", Members::of(said.clone()));
            assert_eq!(deal.outcome, DealOutcome::Unknown, "{said}");
            assert_eq!(deal.reference, "r");
            assert!(deal.message.is_some());
        }
    }
}
