//! Opening, changing and closing positions.

use std::process::ExitCode;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use evergrant::capability::{
    ClosePosition, Direction, NewPosition, Patch, PositionChanges, PositionOrder, TimeInForce,
};
use serde::Serialize;

use super::once;
use crate::commands::live::Live;
use crate::output::{Output, UsageError};

/// A number as it is typed.
pub(super) fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err("not a number".to_owned()),
    }
}

/// A number, or that there is to be none.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct OrNone(Option<f64>);

/// Reads a number or `none`.
pub(super) fn or_none(text: &str) -> Result<OrNone, String> {
    match text {
        "none" => Ok(OrNone(None)),
        text => number(text).map(|number| OrNone(Some(number))),
    }
}

/// What is changed: nothing, where nothing was typed.
pub(super) fn patch(typed: Option<OrNone>) -> Patch<f64> {
    match typed {
        None => Patch::Keep,
        Some(OrNone(None)) => Patch::Clear,
        Some(OrNone(Some(number))) => Patch::Set(number),
    }
}

#[derive(clap::Args, Serialize)]
pub(super) struct Open {
    /// The market
    epic: String,
    /// Whether to buy or to sell
    #[arg(value_parser = PossibleValuesParser::new(Direction::WORDS))]
    direction: String,
    /// How much
    #[arg(value_parser = number)]
    size: f64,
    /// At this price or a better one, now or not at all; at the market's price unless given
    #[arg(long, value_name = "LEVEL", value_parser = number)]
    at: Option<f64>,
    /// The price at which it closes to end a loss
    #[arg(long, value_name = "LEVEL", value_parser = number, conflicts_with = "stop_distance")]
    stop: Option<f64>,
    /// The same as a distance from the price it opens at
    #[arg(long, value_name = "POINTS", value_parser = number)]
    stop_distance: Option<f64>,
    /// Guarantee the stop, for a premium
    #[arg(long)]
    guaranteed: bool,
    /// Have the stop follow the price, in steps of so many points
    #[arg(long, value_name = "POINTS", value_parser = number, requires = "stop_distance")]
    trailing: Option<f64>,
    /// The price at which it closes to take a profit
    #[arg(long, value_name = "LEVEL", value_parser = number, conflicts_with = "limit_distance")]
    limit: Option<f64>,
    /// The same as a distance from the price it opens at
    #[arg(long, value_name = "POINTS", value_parser = number)]
    limit_distance: Option<f64>,
    /// In which currency; the market's usual one unless given
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// When the market ends, as the market says it; asked of the market unless given
    #[arg(long)]
    expiry: Option<String>,
    /// Stand beside an opposite position instead of closing it
    #[arg(long = "force-open")]
    beside: bool,
    /// All of it or nothing; a part is enough unless given
    #[arg(long)]
    all_or_nothing: bool,
    /// A name for this deal: the same command with the same name is sent once, and says again what came
    /// of it; no other command can have it for a day
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    #[serde(skip)]
    key: Option<String>,
}

impl Open {
    pub(super) async fn run(&self, live: &Live, output: Output) -> anyhow::Result<ExitCode> {
        let (trading, position) = (live.trading()?, self.position());
        let act = |once| trading.open_position(&live.api, once, &position);
        once::deal(live, output, "open position", self.key.as_deref(), self, act).await
    }

    fn position(&self) -> NewPosition {
        NewPosition {
            epic: self.epic.clone(),
            direction: Direction::from(&*self.direction),
            size: self.size,
            expiry: self.expiry.clone(),
            currency: self.currency.clone(),
            kind: self.at.map(|_| PositionOrder::Limit),
            level: self.at,
            quote_id: None,
            force_open: self.beside,
            stop_level: self.stop,
            stop_distance: self.stop_distance,
            limit_level: self.limit,
            limit_distance: self.limit_distance,
            guaranteed_stop: self.guaranteed,
            trailing_step: self.trailing,
            time_in_force: self.all_or_nothing.then_some(TimeInForce::FillOrKill),
        }
    }
}

#[derive(clap::Args, Serialize)]
pub(super) struct Amend {
    /// The position, by its id
    position: String,
    /// The price at which it closes to end a loss; `none` for no stop
    #[arg(long, value_name = "LEVEL|none", value_parser = or_none)]
    stop: Option<OrNone>,
    /// The price at which it closes to take a profit; `none` for no limit
    #[arg(long, value_name = "LEVEL|none", value_parser = or_none)]
    limit: Option<OrNone>,
    /// How far behind the price the stop follows; `none` for a stop that stays
    #[arg(long, value_name = "POINTS|none", value_parser = or_none)]
    trailing_distance: Option<OrNone>,
    /// In what steps it follows
    #[arg(long, value_name = "POINTS|none", value_parser = or_none)]
    trailing: Option<OrNone>,
    /// A name for this deal: the same command with the same name is sent once
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    #[serde(skip)]
    key: Option<String>,
}

impl Amend {
    pub(super) async fn run(&self, live: &Live, output: Output) -> anyhow::Result<ExitCode> {
        let changes = PositionChanges {
            stop_level: patch(self.stop),
            limit_level: patch(self.limit),
            trailing_stop_distance: patch(self.trailing_distance),
            trailing_step: patch(self.trailing),
        };
        if changes == PositionChanges::default() {
            let help = "name what changes, such as --stop or --limit";
            return Err(UsageError(help.to_owned()).into());
        }
        let (trading, id) = (live.trading()?, &self.position);
        let act = |once| trading.amend_position(&live.api, once, id, &changes);
        once::deal(live, output, "amend position", self.key.as_deref(), self, act).await
    }
}

#[derive(clap::Args, Serialize)]
pub(super) struct Close {
    /// The position, by its id
    position: String,
    /// How much of it; all unless given
    #[arg(long, value_parser = number)]
    size: Option<f64>,
    /// At this price or a better one, now or not at all; at the market's price unless given
    #[arg(long, value_name = "LEVEL", value_parser = number)]
    at: Option<f64>,
    /// A name for this deal: the same command with the same name is sent once
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    #[serde(skip)]
    key: Option<String>,
}

impl Close {
    pub(super) async fn run(&self, live: &Live, output: Output) -> anyhow::Result<ExitCode> {
        let close = ClosePosition {
            size: self.size,
            kind: self.at.map(|_| PositionOrder::Limit),
            level: self.at,
            quote_id: None,
            time_in_force: None,
        };
        let (trading, id) = (live.trading()?, &self.position);
        let act = |once| trading.close_position(&live.api, once, id, &close);
        once::deal(live, output, "close position", self.key.as_deref(), self, act).await
    }
}
