//! Accounts, positions and orders: what was dealt, and dealing.

mod deal;
mod history;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::words::words;
use super::{Cursor, Market, Once, Page};
use crate::gateway::{Api, CallError};

pub use deal::{
    ClosePosition, Deal, DealOutcome, Direction, NewOrder, NewPosition, OrderChanges, OrderKind,
    PositionChanges, PositionOrder, TimeInForce,
};
pub use history::{Activity, HistoryQuery, Transaction};

/// Reads and deals in the accounts of an integration.
///
/// Whoever has several accounts at the provider chooses one with [`Api::within`]; otherwise it is the
/// default one.
///
/// Whatever deals is sent **once**: it is never sent again, not even with another token, and ends in
/// a [`Deal`] that says what is known of it. One whose outcome is [`DealOutcome::Unknown`] is reconciled
/// by [`Trading::deal`]. The same [`Once`] asked for again, said to be tried, sends nothing: it looks
/// what came of it. A call that fails was not sent, or did certainly nothing.
#[async_trait]
pub trait Trading: Send + Sync {
    /// The accounts with their money.
    async fn accounts(&self, api: &Api) -> Result<Vec<TradingAccount>, CallError>;

    /// The account's open positions.
    async fn positions(&self, api: &Api) -> Result<Vec<Position>, CallError>;

    /// One position.
    async fn position(&self, api: &Api, id: &str) -> Result<Position, CallError>;

    /// Opens a position.
    async fn open_position(
        &self,
        api: &Api,
        once: Once,
        position: &NewPosition,
    ) -> Result<Deal, CallError>;

    /// Changes a position's stop and limit.
    async fn amend_position(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        changes: &PositionChanges,
    ) -> Result<Deal, CallError>;

    /// Closes a position or a part of it.
    async fn close_position(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        close: &ClosePosition,
    ) -> Result<Deal, CallError>;

    /// The account's orders that wait for their price.
    async fn orders(&self, api: &Api) -> Result<Vec<Order>, CallError>;

    /// Places an order that waits for its price.
    async fn place_order(&self, api: &Api, once: Once, order: &NewOrder)
    -> Result<Deal, CallError>;

    /// Changes an order.
    async fn amend_order(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        changes: &OrderChanges,
    ) -> Result<Deal, CallError>;

    /// Cancels an order.
    async fn cancel_order(&self, api: &Api, once: Once, id: &str) -> Result<Deal, CallError>;

    /// What came of a deal, by its [`Deal::reference`]: asked of the provider now, wherever it keeps it.
    ///
    /// The outcome is [`DealOutcome::Unknown`] where nothing is found of it: it may never have arrived.
    async fn deal(&self, api: &Api, reference: &str) -> Result<Deal, CallError>;

    /// What happened in the account, the latest first.
    async fn activity(
        &self,
        api: &Api,
        query: &HistoryQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Activity>, CallError>;

    /// What money moved in the account, the latest first.
    async fn transactions(
        &self,
        api: &Api,
        query: &HistoryQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Transaction>, CallError>;
}

/// An account that can be traded with.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TradingAccount {
    /// The provider's id; [`Api::within`] takes it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name its owner gave it.
    pub alias: Option<String>,
    /// What it deals in, in the provider's word.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whether it can be used, in the provider's word.
    pub status: Option<String>,
    /// Whether it is the one that is used unless another is named.
    pub default: bool,
    /// Its currency.
    pub currency: Option<String>,
    /// What is in it.
    pub balance: Option<f64>,
    /// What of it is held for open positions.
    pub deposit: Option<f64>,
    /// What open positions have won or lost.
    pub profit_loss: Option<f64>,
    /// What can be dealt with.
    pub available: Option<f64>,
    /// What the provider said beyond this, under its own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}

/// An open position.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Position {
    /// The provider's id of the deal that opened it.
    pub id: String,
    /// The reference it was opened with.
    pub reference: Option<String>,
    /// Whether it was bought or sold.
    pub direction: Direction,
    /// How much.
    pub size: f64,
    /// At what price.
    pub level: Option<f64>,
    /// In which currency.
    pub currency: Option<String>,
    /// At what price it closes to end a loss.
    pub stop_level: Option<f64>,
    /// At what price it closes to take a profit.
    pub limit_level: Option<f64>,
    /// How far behind the price its stop follows.
    pub trailing_stop_distance: Option<f64>,
    /// In what steps.
    pub trailing_step: Option<f64>,
    /// Whether its stop is guaranteed.
    pub guaranteed_stop: Option<bool>,
    /// When it was opened.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub opened_at: Option<Timestamp>,
    /// Its market.
    pub market: Market,
    /// What the provider said beyond this, under its own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}

/// An order that waits for its price.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Order {
    /// The provider's id.
    pub id: String,
    /// Whether it buys or sells.
    pub direction: Direction,
    /// Whether it waits for a better or a worse price than now's.
    #[serde(rename = "type")]
    pub kind: OrderKind,
    /// How much.
    pub size: f64,
    /// At what price.
    pub level: Option<f64>,
    /// In which currency.
    pub currency: Option<String>,
    /// How far from that price the position's stop is.
    pub stop_distance: Option<f64>,
    /// How far from that price the position's limit is.
    pub limit_distance: Option<f64>,
    /// Whether the stop is guaranteed.
    pub guaranteed_stop: Option<bool>,
    /// How long it waits.
    pub time_in_force: Option<TimeInForce>,
    /// Until when, where it does not wait for ever.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub good_till: Option<Timestamp>,
    /// When it was placed.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub created_at: Option<Timestamp>,
    /// Its market.
    pub market: Market,
    /// What the provider said beyond this, under its own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}
