//! What is remembered of deals: activities and transactions.

use super::super::market::Market;
use super::book::{Direction, Exits};

/// Something that was done, or refused.
#[derive(Debug, Clone)]
pub(in super::super) struct Activity {
    pub(in super::super) at: i64,
    pub(in super::super) epic: String,
    pub(in super::super) period: String,
    pub(in super::super) market: String,
    pub(in super::super) deal_id: String,
    pub(in super::super) reference: String,
    /// `PUBLIC_WEB_API`, `WEB`, `SYSTEM`…
    pub(in super::super) channel: &'static str,
    /// `POSITION`, `WORKING_ORDER` or `EDIT_STOP_AND_LIMIT`.
    pub(in super::super) kind: &'static str,
    pub(in super::super) is_accepted: bool,
    pub(in super::super) description: String,
    /// What was done, and with which deal.
    pub(in super::super) actions: Vec<(&'static str, String)>,
    pub(in super::super) currency: String,
    pub(in super::super) direction: Option<Direction>,
    pub(in super::super) size: Option<f64>,
    pub(in super::super) level: Option<f64>,
    pub(in super::super) exits: Exits,
    pub(in super::super) good_till: Option<i64>,
}

impl Activity {
    /// One in a market, about which nothing else is known.
    pub(in super::super) fn of(
        at: i64,
        market: &Market,
        deal_id: &str,
        kind: &'static str,
    ) -> Self {
        Self {
            at,
            epic: market.epic.clone(),
            period: market.expiry.clone(),
            market: market.name.clone(),
            deal_id: deal_id.to_owned(),
            reference: String::new(),
            channel: "PUBLIC_WEB_API",
            kind,
            is_accepted: true,
            description: String::new(),
            actions: Vec::new(),
            currency: market.currency.clone(),
            direction: None,
            size: None,
            level: None,
            exits: Exits::default(),
            good_till: None,
        }
    }
}

/// Money that came or went.
#[derive(Debug, Clone)]
pub(in super::super) struct Transaction {
    pub(in super::super) at: i64,
    pub(in super::super) opened: i64,
    pub(in super::super) name: String,
    pub(in super::super) period: String,
    /// In the account's currency.
    pub(in super::super) profit: f64,
    /// `TRADE`, `DEPO` or `WITH`.
    pub(in super::super) kind: &'static str,
    pub(in super::super) reference: String,
    pub(in super::super) open_level: Option<f64>,
    pub(in super::super) close_level: Option<f64>,
    /// Negative for what was sold.
    pub(in super::super) size: Option<f64>,
    pub(in super::super) is_cash: bool,
}

/// The part of a deal's id that people are shown.
pub(in super::super) fn short(deal_id: &str) -> String {
    deal_id.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect()
}
