//! What happened in an account, and what money moved.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Direction;

/// Which part of the past is wanted; the last 7 days unless given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// From when on.
    #[serde(default)]
    #[cfg_attr(feature = "schema", param(value_type = Option<String>))]
    pub from: Option<Timestamp>,
    /// Until when; now unless given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", param(value_type = Option<String>))]
    pub to: Option<Timestamp>,
    /// Only what concerns this deal; for activity alone.
    #[serde(default)]
    pub deal_id: Option<String>,
    /// Only this kind, in the provider's word; for transactions alone.
    #[serde(default, rename = "type")]
    #[cfg_attr(feature = "schema", param(rename = "type"))]
    pub kind: Option<String>,
    /// How many a page has at most; 50 unless given.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Something that happened in an account.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Activity {
    /// When.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub at: Option<Timestamp>,
    /// The market.
    pub epic: Option<String>,
    /// The deal.
    pub deal_id: Option<String>,
    /// The reference of the deal.
    pub reference: Option<String>,
    /// What it concerns: a position, an order, a stop or limit, or the provider's own work, in the
    /// provider's word.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whether it was accepted, in the provider's word.
    pub status: Option<String>,
    /// Where it was asked for, in the provider's word.
    pub channel: Option<String>,
    /// The same in words.
    pub description: Option<String>,
    /// Whether it bought or sold.
    pub direction: Option<Direction>,
    /// How much.
    pub size: Option<f64>,
    /// At what price.
    pub level: Option<f64>,
    /// What the provider said beyond this, under its own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}

/// Money that moved in an account.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Transaction {
    /// When.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub at: Option<Timestamp>,
    /// When the position was opened.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub opened_at: Option<Timestamp>,
    /// The provider's reference.
    pub reference: Option<String>,
    /// What it was for.
    pub name: Option<String>,
    /// Of which kind, in the provider's word.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// How much; without its sign of currency. `None` where it cannot be read as a number.
    pub amount: Option<f64>,
    /// How much, as the provider wrote it.
    pub amount_text: Option<String>,
    /// The currency, as the provider wrote it.
    pub currency: Option<String>,
    /// How much was dealt.
    pub size: Option<f64>,
    /// At what price it was opened.
    pub open_level: Option<f64>,
    /// At what price it was closed.
    pub close_level: Option<f64>,
    /// Whether it was cash that was paid in or out.
    pub cash: Option<bool>,
    /// What the provider said beyond this, under its own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, required = false))]
    pub extra: Map<String, Value>,
}
