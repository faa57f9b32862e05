//! What happened in an account, and what money moved (contract, section 4.6).

use evergrant::capability::{Activity, Direction, Transaction};
use serde_json::Value;

use super::{Members, money};

/// Something that happened, with its details where they were asked for.
pub(crate) fn activity(mut members: Members) -> Activity {
    let mut details = members.inner("details");
    let (m, d) = (&mut members, &mut details);
    let mut activity = Activity {
        at: m.instant("date"),
        epic: m.text("epic"),
        deal_id: m.text("dealId"),
        reference: d.text("dealReference"),
        kind: m.text("type"),
        status: m.text("status"),
        channel: m.text("channel"),
        description: m.text("description"),
        direction: d.word("direction", Direction::WORDS),
        size: d.number("size"),
        level: d.number("level"),
        extra: members.rest(),
    };
    let details = details.rest();
    if !details.is_empty() {
        activity.extra.insert("details".to_owned(), Value::Object(details));
    }
    activity
}

/// Money that moved; its numbers are text.
pub(crate) fn transaction(mut members: Members) -> Transaction {
    let m = &mut members;
    let amount_text = m.text("profitAndLoss");
    let (sign, amount) = amount_text.as_deref().map(money).unwrap_or_default();
    Transaction {
        at: m.instant("dateUtc"),
        opened_at: m.instant("openDateUtc"),
        reference: m.text("reference"),
        name: m.text("instrumentName"),
        kind: m.text("transactionType"),
        amount,
        amount_text,
        currency: m.text("currency").or(sign),
        size: m.number("size"),
        open_level: m.number("openLevel"),
        close_level: m.number("closeLevel"),
        cash: m.flag("cashTransaction"),
        extra: members.rest(),
    }
}
