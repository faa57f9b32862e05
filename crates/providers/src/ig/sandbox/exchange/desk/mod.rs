//! The dealing desk: what accounts hold and owe (contract 4.5).

mod amend;
mod answers;
mod book;
mod confirms;
mod deal;
mod fill;
mod money;
mod notes;
mod orders;
mod shown;
mod ticket;
mod triggers;

pub(super) use self::answers::Desk;
pub(super) use self::book::{Book, Direction, Order, Position};
pub(super) use self::confirms::{Confirm, Delay};
pub(super) use self::deal::Dealer;
pub(super) use self::notes::{Activity, Transaction};

/// Why a deal is rejected, though the call was a good one: it is told by its confirm.
pub(super) type Rejected<T> = Result<T, &'static str>;
