//! Acme's trading, kept in memory: what comes of a deal is what a test says.

use async_trait::async_trait;
use evergrant::capability::{
    Activity, ClosePosition, Cursor, Deal, DealOutcome, Direction, HistoryQuery, NewOrder,
    NewPosition, Once, Order, OrderChanges, OrderKind, Page, Position, PositionChanges,
    TimeInForce, Trading, TradingAccount, Transaction,
};
use evergrant::{Api, CallError};
use serde_json::Map;

use crate::acme_markets::market;
use crate::desk::Desk;
use crate::shelf::{at, id, part};

pub(crate) fn position(number: usize) -> Position {
    Position {
        id: id("pos", number),
        reference: Some(format!("ref-{number}")),
        direction: Direction::Buy,
        size: 2.0,
        level: Some(100.5),
        currency: Some("GBP".to_owned()),
        stop_level: Some(90.0),
        limit_level: Some(120.0),
        trailing_stop_distance: None,
        trailing_step: None,
        guaranteed_stop: Some(false),
        opened_at: Some(at("2026-01-01T00:00:00Z")),
        market: market(1),
        extra: Map::new(),
    }
}

pub(crate) fn order(number: usize) -> Order {
    Order {
        id: id("ord", number),
        direction: Direction::Sell,
        kind: OrderKind::Limit,
        size: 1.0,
        level: Some(110.0),
        currency: Some("GBP".to_owned()),
        stop_distance: None,
        limit_distance: None,
        guaranteed_stop: Some(false),
        time_in_force: Some(TimeInForce::GoodTillCancelled),
        good_till: None,
        created_at: Some(at("2026-01-01T00:00:00Z")),
        market: market(1),
        extra: Map::new(),
    }
}

impl Desk {
    /// What comes of a deal. Of what its reference names already it is only looked what came.
    fn deal(&self, api: &Api, once: Once, what: &str, deal: Deal) -> Deal {
        let reference = once.as_uuid().simple().to_string();
        if once.tried() {
            self.note(api, &format!("again: {what}"));
            return self.found(&reference);
        }
        self.note(api, &format!("{what} {reference}"));
        self.acme.shelf(|shelf| {
            let outcome = shelf.outcomes.pop_front().unwrap_or(DealOutcome::Done);
            let done = Deal { reference: reference.clone(), ..deal };
            let given = match outcome {
                DealOutcome::Done => done.clone(),
                DealOutcome::Unknown => {
                    Deal::unknown(&reference, "lost", "Acme's answer did not arrive.")
                }
                DealOutcome::Rejected => Deal {
                    reason: Some("insufficient_funds".to_owned()),
                    message: Some("There is not enough money in the account.".to_owned()),
                    ..Deal::of(&reference, outcome)
                },
            };
            // An answer that was lost was one that it is done.
            let came = if outcome == DealOutcome::Rejected { given.clone() } else { done };
            shelf.deals.insert(reference, came);
            given
        })
    }

    /// What came of the deal of this reference.
    fn found(&self, reference: &str) -> Deal {
        let known = self.acme.shelf(|shelf| shelf.deals.get(reference).cloned());
        known.unwrap_or_else(|| Deal::unknown(reference, "not_found", "Acme has no trace of it."))
    }
}

/// A deal that is done.
fn done(deal_id: String, status: &str) -> Deal {
    Deal {
        deal_id: Some(deal_id),
        status: Some(status.to_owned()),
        at: Some(at("2026-01-01T00:00:00Z")),
        ..Deal::of("", DealOutcome::Done)
    }
}

#[async_trait]
impl Trading for Desk {
    async fn accounts(&self, api: &Api) -> Result<Vec<TradingAccount>, CallError> {
        self.enter(api).await?;
        self.note(api, "accounts");
        let account = |id: &str, default| TradingAccount {
            id: id.to_owned(),
            name: "Shares".to_owned(),
            alias: None,
            kind: Some("cash".to_owned()),
            status: Some("enabled".to_owned()),
            default,
            currency: Some("GBP".to_owned()),
            balance: Some(10_000.0),
            deposit: Some(350.6),
            profit_loss: Some(-10.0),
            available: Some(9_639.4),
            extra: Map::new(),
        };
        Ok(vec![account("acc-1", true), account("acc-2", false)])
    }

    async fn positions(&self, api: &Api) -> Result<Vec<Position>, CallError> {
        self.enter(api).await?;
        self.note(api, "positions");
        Ok(self.acme.shelf(|shelf| shelf.positions.values().cloned().collect()))
    }

    async fn position(&self, api: &Api, id: &str) -> Result<Position, CallError> {
        self.enter(api).await?;
        self.note(api, &format!("position {id}"));
        self.changed(|shelf| &mut shelf.positions, id, |_| {})
    }

    async fn open_position(
        &self,
        api: &Api,
        once: Once,
        new: &NewPosition,
    ) -> Result<Deal, CallError> {
        self.enter(api).await?;
        if new.size <= 0.0 {
            let (pointer, problem) = ("/size".to_owned(), "must be more than 0".to_owned());
            return Err(CallError::Invalid { pointer, problem });
        }
        let deal = Deal {
            epic: Some(new.epic.clone()),
            direction: Some(new.direction.clone()),
            size: Some(new.size),
            level: Some(100.5),
            ..done(id("pos", 9), "open")
        };
        Ok(self.deal(api, once, "open", deal))
    }

    async fn amend_position(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        changes: &PositionChanges,
    ) -> Result<Deal, CallError> {
        self.enter(api).await?;
        self.changed(|shelf| &mut shelf.positions, id, |_| {})?;
        let what = format!("amend {id} {:?} {:?}", changes.stop_level, changes.limit_level);
        Ok(self.deal(api, once, &what, done(id.to_owned(), "amended")))
    }

    async fn close_position(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        close: &ClosePosition,
    ) -> Result<Deal, CallError> {
        self.enter(api).await?;
        let position = self.changed(|shelf| &mut shelf.positions, id, |_| {})?;
        let size = close.size.unwrap_or(position.size);
        let deal = Deal { size: Some(size), profit: Some(-2.0), ..done(id.to_owned(), "closed") };
        Ok(self.deal(api, once, &format!("close {size} of {id}"), deal))
    }

    async fn orders(&self, api: &Api) -> Result<Vec<Order>, CallError> {
        self.enter(api).await?;
        self.note(api, "orders");
        Ok(self.acme.shelf(|shelf| shelf.orders.values().cloned().collect()))
    }

    async fn place_order(&self, api: &Api, once: Once, new: &NewOrder) -> Result<Deal, CallError> {
        self.enter(api).await?;
        let deal = Deal { level: Some(new.level), ..done(id("ord", 9), "open") };
        Ok(self.deal(api, once, "place", deal))
    }

    async fn amend_order(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        changes: &OrderChanges,
    ) -> Result<Deal, CallError> {
        self.enter(api).await?;
        self.changed(|shelf| &mut shelf.orders, id, |_| {})?;
        let what = format!("amend {id} {:?}", changes.level);
        Ok(self.deal(api, once, &what, done(id.to_owned(), "amended")))
    }

    async fn cancel_order(&self, api: &Api, once: Once, id: &str) -> Result<Deal, CallError> {
        self.enter(api).await?;
        self.changed(|shelf| &mut shelf.orders, id, |_| {})?;
        Ok(self.deal(api, once, &format!("cancel {id}"), done(id.to_owned(), "deleted")))
    }

    async fn deal(&self, api: &Api, reference: &str) -> Result<Deal, CallError> {
        self.enter(api).await?;
        self.note(api, &format!("deal {reference}"));
        Ok(self.found(reference))
    }

    async fn activity(
        &self,
        api: &Api,
        query: &HistoryQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Activity>, CallError> {
        self.enter(api).await?;
        self.note(api, &format!("{query:?}"));
        let activity = |number| Activity {
            at: Some(at("2026-01-01T00:00:00Z")),
            epic: Some(id("epc", 1)),
            deal_id: Some(id("pos", number)),
            reference: Some(format!("ref-{number}")),
            kind: Some("position".to_owned()),
            status: Some("accepted".to_owned()),
            channel: None,
            description: Some("Position opened".to_owned()),
            direction: Some(Direction::Buy),
            size: Some(2.0),
            level: Some(100.5),
            extra: Map::new(),
        };
        Ok(part((1..=3).map(activity).collect(), query.limit.unwrap_or(50), cursor))
    }

    async fn transactions(
        &self,
        api: &Api,
        query: &HistoryQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Transaction>, CallError> {
        self.enter(api).await?;
        self.note(api, &format!("{query:?}"));
        let moved = |number| Transaction {
            at: Some(at("2026-01-01T00:00:00Z")),
            opened_at: None,
            reference: Some(format!("tra-{number}")),
            name: Some("Market 1".to_owned()),
            kind: Some("DEAL".to_owned()),
            amount: Some(-63.8),
            amount_text: Some("£-63.80".to_owned()),
            currency: Some("£".to_owned()),
            size: Some(2.0),
            open_level: Some(100.5),
            close_level: Some(98.5),
            cash: Some(false),
            extra: Map::new(),
        };
        Ok(part((1..=3).map(moved).collect(), query.limit.unwrap_or(50), cursor))
    }
}
