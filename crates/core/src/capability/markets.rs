//! Markets: what can be traded, and at what price.
//!
//! Prices and sizes are numbers as the provider wrote them, in the market's own points or units.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Cursor;
use super::words::words;
use crate::gateway::{Api, CallError};

/// Reads the markets that an integration's account can trade.
///
/// Whoever has several accounts at the provider chooses one with [`Api::within`]; otherwise it is the
/// default one.
#[async_trait]
pub trait Markets: Send + Sync {
    /// One node of the tree of markets; without an id, its root.
    async fn navigate(&self, api: &Api, node: Option<&str>) -> Result<Navigation, CallError>;

    /// The markets that a text finds.
    async fn search(&self, api: &Api, text: &str) -> Result<Vec<Market>, CallError>;

    /// One market with its rules and its price now.
    async fn market(&self, api: &Api, epic: &str) -> Result<MarketDetails, CallError>;

    /// Past prices, the oldest first. They count against the account's allowance for them.
    ///
    /// `cursor` is the [`PricePage::next`] of the page before; the query must be the same.
    async fn prices(
        &self,
        api: &Api,
        epic: &str,
        query: &PriceQuery,
        cursor: Option<&Cursor>,
    ) -> Result<PricePage, CallError>;

    /// How the provider's clients stand in some markets, by [`MarketDetails::market_id`].
    async fn sentiment(&self, api: &Api, markets: &[String]) -> Result<Vec<Sentiment>, CallError>;

    /// How those who trade a market stand in others.
    async fn related_sentiment(&self, api: &Api, market: &str)
    -> Result<Vec<Sentiment>, CallError>;

    /// The account's lists of markets.
    async fn watchlists(&self, api: &Api) -> Result<Vec<Watchlist>, CallError>;

    /// The markets of one list.
    async fn watchlist(&self, api: &Api, id: &str) -> Result<Vec<Market>, CallError>;

    /// Makes a list.
    async fn create_watchlist(
        &self,
        api: &Api,
        list: &NewWatchlist,
    ) -> Result<CreatedWatchlist, CallError>;

    /// Puts a market on a list.
    async fn add_to_watchlist(&self, api: &Api, id: &str, epic: &str) -> Result<(), CallError>;

    /// Takes a market off a list.
    async fn remove_from_watchlist(&self, api: &Api, id: &str, epic: &str)
    -> Result<(), CallError>;

    /// Deletes a list.
    async fn delete_watchlist(&self, api: &Api, id: &str) -> Result<(), CallError>;
}

/// One node of the tree of markets.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Navigation {
    /// The nodes below.
    pub nodes: Vec<Node>,
    /// The markets in it.
    pub markets: Vec<Market>,
}

/// A node of the tree of markets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Node {
    /// Where to go on; opaque.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A market in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Market {
    /// The provider's name of it.
    #[cfg_attr(feature = "schema", schema(example = "IX.D.FTSE.CFD.IP"))]
    pub epic: String,
    /// Its name for people.
    pub name: String,
    /// What kind of thing is traded, in the provider's words.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// When it ends: `-` for never, `DFB` for the day.
    pub expiry: Option<String>,
    /// Whether it can be traded now.
    pub status: Option<MarketStatus>,
    /// What it can be sold for.
    pub bid: Option<f64>,
    /// What it can be bought for.
    pub offer: Option<f64>,
    /// The highest of the day.
    pub high: Option<f64>,
    /// The lowest of the day.
    pub low: Option<f64>,
    /// The change since yesterday.
    pub change: Option<f64>,
    /// The same in percent.
    pub change_percent: Option<f64>,
    /// The time of the price, as the provider wrote it: of the day, in UTC where it says so.
    pub updated: Option<String>,
    /// By how many minutes the price is late.
    pub delay_minutes: Option<i64>,
    /// Whether prices can be streamed.
    pub streaming: Option<bool>,
    /// What the provider said beyond this, under its own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}

words! {
    /// Whether a market can be traded.
    MarketStatus {
        /// Yes.
        Tradeable = "tradeable",
        /// No.
        Closed = "closed",
        /// What is open can be changed.
        EditsOnly = "edits_only",
        /// What is open can be closed.
        ClosingsOnly = "closings_only",
        /// Deals only, and no changes.
        DealNoEdit = "deal_no_edit",
        /// Not at the moment.
        Offline = "offline",
        /// It is being auctioned.
        OnAuction = "on_auction",
        /// It is being auctioned, and nothing can be changed.
        OnAuctionNoEdits = "on_auction_no_edits",
        /// It is suspended.
        Suspended = "suspended",
    }
}

/// A market with its rules and its price now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MarketDetails {
    /// The market and its price.
    #[serde(flatten)]
    pub market: Market,
    /// What [`Markets::sentiment`] knows it by.
    pub market_id: Option<String>,
    /// The currencies it is dealt in, the usual first.
    pub currencies: Vec<String>,
    /// What a size of 1 stands for.
    pub lot_size: Option<f64>,
    /// What a contract stands for.
    pub contract_size: Option<String>,
    /// What sizes count: amounts, contracts or shares, in the provider's word.
    pub unit: Option<String>,
    /// The value of one pip.
    pub value_of_one_pip: Option<String>,
    /// What one pip means.
    pub one_pip_means: Option<String>,
    /// The part of a position's value that is held as deposit.
    pub margin: Option<Measure>,
    /// The smallest deal.
    pub min_deal_size: Option<Measure>,
    /// How near a stop or limit may be.
    pub min_stop_or_limit_distance: Option<Measure>,
    /// How near a guaranteed stop may be.
    pub min_guaranteed_stop_distance: Option<Measure>,
    /// How far a stop or limit may be.
    pub max_stop_or_limit_distance: Option<Measure>,
    /// Whether stops and limits can be set.
    pub stops_and_limits: Option<bool>,
    /// Whether stops can be guaranteed.
    pub guaranteed_stops: Option<bool>,
    /// Whether orders at the market's price are taken.
    pub market_orders: Option<bool>,
    /// Whether stops can follow the price.
    pub trailing_stops: Option<bool>,
}

/// A number with what it counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Measure {
    /// The number.
    pub value: f64,
    /// What it counts: `points` or `percentage`, or the provider's word.
    #[cfg_attr(feature = "schema", schema(example = "points"))]
    pub unit: String,
}

/// Which past prices are wanted: a span of time, or the last ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct PriceQuery {
    /// The time that one price stands for; a minute unless given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", param(value_type = Option<String>, example = "hour"))]
    pub resolution: Option<Resolution>,
    /// From when on.
    #[serde(default)]
    #[cfg_attr(feature = "schema", param(value_type = Option<String>))]
    pub from: Option<Timestamp>,
    /// Until when; now unless given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", param(value_type = Option<String>))]
    pub to: Option<Timestamp>,
    /// How many of the last ones, where no span is given; 10 unless given.
    #[serde(default)]
    pub max: Option<u32>,
    /// How many a page has at most; 20 unless given.
    #[serde(default)]
    pub limit: Option<u32>,
}

words! {
    /// The time that one price stands for.
    Resolution {
        /// A second.
        Second = "second",
        /// A minute.
        Minute = "minute",
        /// 2 minutes.
        Minute2 = "minute_2",
        /// 3 minutes.
        Minute3 = "minute_3",
        /// 5 minutes.
        Minute5 = "minute_5",
        /// 10 minutes.
        Minute10 = "minute_10",
        /// 15 minutes.
        Minute15 = "minute_15",
        /// 30 minutes.
        Minute30 = "minute_30",
        /// An hour.
        Hour = "hour",
        /// 2 hours.
        Hour2 = "hour_2",
        /// 3 hours.
        Hour3 = "hour_3",
        /// 4 hours.
        Hour4 = "hour_4",
        /// A day.
        Day = "day",
        /// A week.
        Week = "week",
        /// A month.
        Month = "month",
    }
}

/// A part of a market's past prices.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PricePage {
    /// The prices, the oldest first.
    pub results: Vec<Price>,
    /// Where they go on; `None` at the end.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub next: Option<Cursor>,
    /// What is left of the account's allowance for past prices, where the provider said it.
    pub allowance: Option<PriceAllowance>,
}

/// What may be asked for of past prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PriceAllowance {
    /// How many prices are left.
    pub remaining: u32,
    /// How many there are in all.
    pub total: u32,
    /// When all of them are there again.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub renewed_at: Timestamp,
}

/// The price of one stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Price {
    /// When it begins; `None` where the provider named no zone.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub time: Option<Timestamp>,
    /// At its beginning.
    pub open: Quote,
    /// The highest.
    pub high: Quote,
    /// The lowest.
    pub low: Quote,
    /// At its end.
    pub close: Quote,
    /// How much was traded.
    pub volume: Option<f64>,
}

/// What a market could be sold and bought for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Quote {
    /// Sold.
    pub bid: Option<f64>,
    /// Bought.
    pub ask: Option<f64>,
    /// What it last was.
    pub last_traded: Option<f64>,
}

/// How the provider's clients stand in a market.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Sentiment {
    /// The market.
    pub market_id: String,
    /// How many of a hundred have bought.
    pub long_percent: f64,
    /// How many of a hundred have sold.
    pub short_percent: f64,
}

/// A list of markets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Watchlist {
    /// The provider's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether markets can be put on it and taken off.
    pub editable: bool,
    /// Whether it can be deleted.
    pub deletable: bool,
    /// Whether the provider made it.
    pub system: bool,
}

/// A list to make.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWatchlist {
    /// Its name.
    pub name: String,
    /// What is on it.
    #[serde(default)]
    pub epics: Vec<String>,
}

/// A list that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreatedWatchlist {
    /// The provider's id.
    pub id: String,
    /// Whether all markets are on it.
    pub complete: bool,
}
