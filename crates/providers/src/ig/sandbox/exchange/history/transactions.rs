//! Transactions, in two versions. Their numbers are texts.

use serde_json::{Value, json};

use super::super::desk::Transaction;
use super::super::market::symbol;
use super::super::when;
use super::{Page, Reader, Span};
use crate::ig::sandbox::answer::{Answer, Refused};
use crate::ig::sandbox::call::Call;

impl Reader<'_> {
    /// Version 2: with numbered pages.
    pub(super) fn transactions(&self, call: &Call) -> Refused<Answer> {
        let kind = call.query("type").unwrap_or("ALL");
        let all = self.of_kind(kind, self.span(call)?)?;
        let page = Page::read(call)?;
        let shown: Vec<_> = page.of(&all).iter().map(|one| self.shown(one)).collect();
        Ok(Answer::ok(json!({
            "transactions": shown,
            "metadata": { "pageData": page.json(all.len()), "size": all.len() },
        })))
    }

    /// Version 1: everything of a stretch, without the members of version 2.
    pub(super) fn old_transactions(&self, kind: &str, range: &[&str]) -> Refused<Answer> {
        let all = self.of_kind(kind, self.old_span(range)?)?;
        let old = |one: &&Transaction| {
            let mut shown = self.shown(one);
            if let Some(members) = shown.as_object_mut() {
                members.remove("dateUtc");
                members.remove("openDateUtc");
                members.insert("date".to_owned(), json!(when::local(one.at, "%d/%m/%y")));
            }
            shown
        };
        Ok(Answer::ok(json!({ "transactions": all.iter().map(old).collect::<Vec<_>>() })))
    }

    /// The transactions of a kind and a stretch, the newest first.
    fn of_kind(&self, kind: &str, span: Span) -> Refused<Vec<&Transaction>> {
        let kinds: &[&str] = match kind {
            "ALL" => &["TRADE", "DEPO", "WITH"],
            "ALL_DEAL" => &["TRADE"],
            "DEPOSIT" => &["DEPO"],
            "WITHDRAWAL" => &["WITH"],
            _ => return Err(Answer::error("invalid.input")),
        };
        let meant = |one: &&Transaction| kinds.contains(&one.kind) && span.holds(one.at);
        Ok(self.book.transactions.iter().rev().filter(meant).collect())
    }

    fn shown(&self, one: &Transaction) -> Value {
        let currency = symbol(self.book.currency);
        let level = |level: Option<f64>, none: &str| {
            level.map_or(none.to_owned(), |level| level.to_string())
        };
        json!({
            "date": when::local(one.at, when::DAY),
            "dateUtc": when::utc(one.at, when::V3),
            "openDateUtc": when::utc(one.opened, when::V3),
            "instrumentName": one.name,
            "period": one.period,
            "profitAndLoss": format!("{currency}{:.2}", one.profit),
            "transactionType": one.kind,
            "reference": one.reference,
            "openLevel": level(one.open_level, "-"),
            "closeLevel": level(one.close_level, "0"),
            "size": one.size.map_or("-".to_owned(), |size| format!("{size:+.2}")),
            "currency": currency,
            "cashTransaction": one.is_cash,
        })
    }
}
