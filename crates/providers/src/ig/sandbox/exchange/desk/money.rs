//! What an account is worth.

use super::super::floor::Floor;
use super::super::market::{Market, round};
use super::{Book, Position};
use crate::ig::sandbox::exchange::Money;

impl Book {
    /// The account at this moment: what is available is what is neither lost nor asked as deposit.
    pub(in super::super) fn money(&self, floor: &Floor<'_>) -> Money {
        let priced = || {
            let of = |position: &'_ Position| floor.find(&position.epic);
            self.positions.iter().filter_map(move |position| Some((position, of(position)?)))
        };
        let deposit = |(position, market): (&Position, &Market)| {
            self.own(position.deposit(market), &position.currency)
        };
        let profit = |(position, market): (&Position, &Market)| {
            let level = position.exit(floor.quote(market));
            self.own(position.profit(market, level, position.size), &position.currency)
        };
        let deposit: f64 = priced().map(deposit).sum();
        let profit_loss: f64 = priced().map(profit).sum();
        Money {
            balance: round(self.cash, 2),
            deposit: round(deposit, 2),
            profit_loss: round(profit_loss, 2),
            available: round(self.cash + profit_loss - deposit, 2),
        }
    }
}
