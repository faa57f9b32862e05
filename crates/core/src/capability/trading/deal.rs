//! Deals: what is asked for, and what came of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::words;
use crate::capability::Patch;

/// What came of a deal.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Deal {
    /// Names it: with this its outcome can be asked for again. The provider need not know it: where the
    /// answer was lost and no name of ours could be sent along, it tells what to look at instead.
    pub reference: String,
    /// Whether it was done.
    pub outcome: DealOutcome,
    /// Why it was rejected, in the provider's word; or why its outcome is unknown; or, of one that was
    /// done, what is to be looked at.
    pub reason: Option<String>,
    /// The same in one sentence.
    pub message: Option<String>,
    /// The provider's id of the position or order.
    pub deal_id: Option<String>,
    /// What the position or order is now: open, closed, amended, deleted, partially closed, in the
    /// provider's word.
    pub status: Option<String>,
    /// The market.
    pub epic: Option<String>,
    /// Whether it bought or sold.
    pub direction: Option<Direction>,
    /// How much.
    pub size: Option<f64>,
    /// At what price.
    pub level: Option<f64>,
    /// The stop's price.
    pub stop_level: Option<f64>,
    /// The limit's price.
    pub limit_level: Option<f64>,
    /// What was won or lost.
    pub profit: Option<f64>,
    /// In which currency.
    pub profit_currency: Option<String>,
    /// When.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub at: Option<Timestamp>,
    /// What the provider said beyond this, under its own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}

impl Deal {
    /// A deal of which only its reference is known.
    pub fn unknown(reference: &str, reason: &str, message: &str) -> Self {
        Self {
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            ..Self::of(reference, DealOutcome::Unknown)
        }
    }

    /// A deal of which nothing but its outcome is known.
    pub fn of(reference: &str, outcome: DealOutcome) -> Self {
        Self {
            reference: reference.to_owned(),
            outcome,
            reason: None,
            message: None,
            deal_id: None,
            status: None,
            epic: None,
            direction: None,
            size: None,
            level: None,
            stop_level: None,
            limit_level: None,
            profit: None,
            profit_currency: None,
            at: None,
            extra: Map::new(),
        }
    }
}

/// Whether a deal was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DealOutcome {
    /// It was done.
    Done,
    /// The provider did not do it, and will not.
    Rejected,
    /// It may have been done. It is not sent again; [`Trading::deal`](super::Trading::deal) says
    /// more.
    Unknown,
}

words! {
    /// Whether something is bought or sold.
    Direction {
        /// Bought.
        Buy = "buy",
        /// Sold.
        Sell = "sell",
    }
}

words! {
    /// At what price a position is opened or closed.
    PositionOrder {
        /// At the market's.
        Market = "market",
        /// At a level or a better one, now or not at all.
        Limit = "limit",
        /// At a quote that the provider made.
        Quote = "quote",
    }
}

words! {
    /// Which price an order waits for.
    OrderKind {
        /// A better one than now's.
        Limit = "limit",
        /// A worse one than now's.
        Stop = "stop",
    }
}

words! {
    /// How long an order stands.
    TimeInForce {
        /// Until it is cancelled.
        GoodTillCancelled = "good_till_cancelled",
        /// Until a time.
        GoodTillDate = "good_till_date",
        /// As much as can be had at once.
        ExecuteAndEliminate = "execute_and_eliminate",
        /// All of it at once, or nothing.
        FillOrKill = "fill_or_kill",
    }
}

/// A position to open. At the market's price unless `type` says otherwise.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPosition {
    /// The market.
    #[cfg_attr(feature = "schema", schema(example = "IX.D.FTSE.CFD.IP"))]
    pub epic: String,
    /// Whether to buy or to sell.
    pub direction: Direction,
    /// How much.
    #[cfg_attr(feature = "schema", schema(example = 1.0))]
    pub size: f64,
    /// When the market ends, as the market says it; asked of the market unless given.
    #[serde(default)]
    pub expiry: Option<String>,
    /// In which currency; the market's usual one unless given.
    #[serde(default)]
    pub currency: Option<String>,
    /// At what price; the market's unless given.
    #[serde(default, rename = "type")]
    pub kind: Option<PositionOrder>,
    /// The price, for `limit` and `quote`.
    #[serde(default)]
    pub level: Option<f64>,
    /// The quote, for `quote`.
    #[serde(default)]
    pub quote_id: Option<String>,
    /// Whether it stands beside an opposite position instead of closing that. What has a stop or a
    /// limit stands beside.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub force_open: bool,
    /// The price of a stop.
    #[serde(default)]
    pub stop_level: Option<f64>,
    /// The distance of a stop from the price it opens at.
    #[serde(default)]
    pub stop_distance: Option<f64>,
    /// The price of a limit.
    #[serde(default)]
    pub limit_level: Option<f64>,
    /// The distance of a limit from the price it opens at.
    #[serde(default)]
    pub limit_distance: Option<f64>,
    /// Whether the stop is guaranteed, for a premium.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub guaranteed_stop: bool,
    /// In what steps the stop follows the price; takes `stop_distance`.
    #[serde(default)]
    pub trailing_step: Option<f64>,
    /// Whether a part is enough.
    #[serde(default)]
    pub time_in_force: Option<TimeInForce>,
}

/// Changes to a position. What is left out stays, `null` takes it away.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PositionChanges {
    /// The price of its stop.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<f64>, required = false))]
    pub stop_level: Patch<f64>,
    /// The price of its limit.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<f64>, required = false))]
    pub limit_level: Patch<f64>,
    /// How far behind the price its stop follows.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<f64>, required = false))]
    pub trailing_stop_distance: Patch<f64>,
    /// In what steps.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<f64>, required = false))]
    pub trailing_step: Patch<f64>,
}

/// How a position is closed: all of it at the market's price unless something is given.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ClosePosition {
    /// How much of it.
    #[serde(default)]
    pub size: Option<f64>,
    /// At what price.
    #[serde(default, rename = "type")]
    pub kind: Option<PositionOrder>,
    /// The price, for `limit` and `quote`.
    #[serde(default)]
    pub level: Option<f64>,
    /// The quote, for `quote`.
    #[serde(default)]
    pub quote_id: Option<String>,
    /// Whether a part is enough.
    #[serde(default)]
    pub time_in_force: Option<TimeInForce>,
}

/// An order that waits for its price.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// The market.
    #[cfg_attr(feature = "schema", schema(example = "CS.D.EURUSD.CFD.IP"))]
    pub epic: String,
    /// Whether to buy or to sell.
    pub direction: Direction,
    /// Whether it waits for a better or a worse price than now's.
    #[serde(rename = "type")]
    pub kind: OrderKind,
    /// How much.
    #[cfg_attr(feature = "schema", schema(example = 1.0))]
    pub size: f64,
    /// At what price.
    pub level: f64,
    /// When the market ends, as the market says it; asked of the market unless given.
    #[serde(default)]
    pub expiry: Option<String>,
    /// In which currency; the market's usual one unless given.
    #[serde(default)]
    pub currency: Option<String>,
    /// Until when it waits; until it is cancelled unless given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub good_till: Option<Timestamp>,
    /// Whether its position stands beside an opposite one instead of closing that.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub force_open: bool,
    /// The price of its position's stop.
    #[serde(default)]
    pub stop_level: Option<f64>,
    /// The distance of its position's stop.
    #[serde(default)]
    pub stop_distance: Option<f64>,
    /// The price of its position's limit.
    #[serde(default)]
    pub limit_level: Option<f64>,
    /// The distance of its position's limit.
    #[serde(default)]
    pub limit_distance: Option<f64>,
    /// Whether the stop is guaranteed, for a premium.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub guaranteed_stop: bool,
}

/// Changes to an order. What is left out stays, `null` takes it away.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OrderChanges {
    /// Whether it waits for a better or a worse price than now's.
    #[serde(default, rename = "type")]
    pub kind: Option<OrderKind>,
    /// At what price.
    #[serde(default)]
    pub level: Option<f64>,
    /// Until when it waits; `null` until it is cancelled.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, required = false))]
    pub good_till: Patch<Timestamp>,
    /// The distance of its position's stop.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<f64>, required = false))]
    pub stop_distance: Patch<f64>,
    /// The distance of its position's limit.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<f64>, required = false))]
    pub limit_distance: Patch<f64>,
}
