//! Accounts, positions, orders, and dealing (contract, sections 4.4 to 4.6).
//!
//! Whatever deals goes the same way: what was given is checked, what is needed besides is read, the
//! request is sent once, and [`settle`] says what came of it. The rules, each with a test:
//!
//! 1. A deal is sent once, whatever comes back.
//! 2. After it left, there is no error any more: there is a deal, if only one of unknown outcome.
//! 3. What is said to be done or rejected was seen at IG: in its confirmation, its positions and orders,
//!    or its history.
//! 4. A deal that may have been tried before is only looked for.
//! 5. No reader holds up a deal: what is read for it, and what closes, is counted and waits for nobody.

mod amend;
mod effect;
mod history;
mod open;
mod orders;
mod queues;
mod settle;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use evergrant::capability::{
    Activity, ClosePosition, Cursor, Deal, HistoryQuery, NewOrder, NewPosition, Once, Order,
    OrderChanges, Page, Position, PositionChanges, Trading, TradingAccount, Transaction,
};
use evergrant::{Api, CallError};

pub(super) use queues::Queues;

use super::Ig;
use super::wire::given::segment;
use super::wire::position::{account, order, position};
use super::wire::{Members, list_of};

#[async_trait]
impl Trading for Ig {
    async fn accounts(&self, api: &Api) -> Result<Vec<TradingAccount>, CallError> {
        list_of(&self.get(api, 1, "/accounts").await?, "accounts", account)
    }

    async fn positions(&self, api: &Api) -> Result<Vec<Position>, CallError> {
        list_of(&self.get(api, 2, "/positions").await?, "positions", position)?
            .into_iter()
            .collect()
    }

    async fn position(&self, api: &Api, id: &str) -> Result<Position, CallError> {
        let path = format!("/positions/{}", segment("/id", id)?);
        position(Members::read(&self.get(api, 2, &path).await?)?)
    }

    async fn open_position(
        &self,
        api: &Api,
        once: Once,
        position: &NewPosition,
    ) -> Result<Deal, CallError> {
        self.open(api, once, position).await
    }

    async fn amend_position(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        changes: &PositionChanges,
    ) -> Result<Deal, CallError> {
        self.amend(api, once, id, changes).await
    }

    async fn close_position(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        close: &ClosePosition,
    ) -> Result<Deal, CallError> {
        self.close(api, once, id, close).await
    }

    async fn orders(&self, api: &Api) -> Result<Vec<Order>, CallError> {
        list_of(&self.get(api, 2, "/workingorders").await?, "workingOrders", order)?
            .into_iter()
            .collect()
    }

    async fn place_order(
        &self,
        api: &Api,
        once: Once,
        order: &NewOrder,
    ) -> Result<Deal, CallError> {
        self.place(api, once, order).await
    }

    async fn amend_order(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        changes: &OrderChanges,
    ) -> Result<Deal, CallError> {
        self.amend_waiting(api, once, id, changes).await
    }

    async fn cancel_order(&self, api: &Api, once: Once, id: &str) -> Result<Deal, CallError> {
        self.cancel(api, once, id).await
    }

    async fn deal(&self, api: &Api, reference: &str) -> Result<Deal, CallError> {
        self.outcome(api, reference).await
    }

    async fn activity(
        &self,
        api: &Api,
        query: &HistoryQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Activity>, CallError> {
        self.activities(api, query, cursor).await
    }

    async fn transactions(
        &self,
        api: &Api,
        query: &HistoryQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Transaction>, CallError> {
        self.money_moved(api, query, cursor).await
    }
}

/// The name of an effect as a deal's reference: 22 characters of those that IG takes.
fn reference_of(once: Once) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(once.as_uuid().as_bytes())
}

/// The calls that a deal needs besides: they are counted, and wait for no reader.
fn besides(api: &Api) -> Api {
    api.clone().urgent()
}

/// A reading before a deal that got no answer: of the deal nothing was sent.
fn unsent(error: CallError) -> CallError {
    match error {
        CallError::Unavailable { detail, retry_after, .. } => {
            CallError::Unavailable { detail, retry_after, sent: false }
        }
        CallError::TooLarge { .. } => {
            CallError::Unavailable { detail: error.to_string(), retry_after: None, sent: false }
        }
        other => other,
    }
}
