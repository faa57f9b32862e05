//! Markets, prices, dealing and history.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::allowances::Points;
use super::answer::Answer;
use super::call::Call;
use super::world::Who;

/// The exchange of one world.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Members that IG really answers with null are null, though it breaks clients (contract, 6.6).
    pub(super) faithful_nulls: bool,
    cash: BTreeMap<String, f64>,
}

/// What an account is worth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Money {
    pub(super) balance: f64,
    pub(super) deposit: f64,
    pub(super) profit_loss: f64,
    pub(super) available: f64,
}

impl Money {
    /// The object that accounts show.
    pub(super) fn json(self) -> Value {
        json!({
            "balance": self.balance,
            "deposit": self.deposit,
            "profitLoss": self.profit_loss,
            "available": self.available,
        })
    }
}

impl Exchange {
    /// An exchange whose markets repeat with the seed.
    pub(super) fn new(_seed: u64, _now: Timestamp) -> Self {
        Self { faithful_nulls: false, cash: BTreeMap::new() }
    }

    /// Answers a call about markets, prices, dealing or history; none if there is no such path.
    pub(super) fn handle(
        &mut self,
        _call: &Call,
        _who: &Who,
        _points: &mut Points,
        _now: Timestamp,
    ) -> Option<Answer> {
        None
    }

    /// What an account is worth now.
    pub(super) fn money(&self, account: &str, _now: Timestamp) -> Money {
        let balance = self.cash.get(account).copied().unwrap_or(10_000.0);
        Money { balance, deposit: 0.0, profit_loss: 0.0, available: balance }
    }

    /// Gives an account this much cash.
    pub(super) fn set_balance(&mut self, account: &str, balance: f64) {
        self.cash.insert(account.to_owned(), balance);
    }
}
