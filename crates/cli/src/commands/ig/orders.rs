//! Orders that wait for their price.

use std::process::ExitCode;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use evergrant::capability::{Direction, NewOrder, OrderChanges, OrderKind, Patch};
use jiff::Timestamp;
use serde::Serialize;

use super::deal::{OrNone, number, or_none, patch};
use super::once;
use crate::commands::live::Live;
use crate::output::{Output, UsageError};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Place an order
    Place(Place),
    /// Change an order
    Amend(Amend),
    /// Cancel an order
    Cancel(Cancel),
}

impl Args {
    pub(super) async fn run(&self, live: &Live, output: Output) -> anyhow::Result<ExitCode> {
        match &self.action {
            Action::Place(place) => place.run(live, output).await,
            Action::Amend(amend) => amend.run(live, output).await,
            Action::Cancel(cancel) => cancel.run(live, output).await,
        }
    }
}

#[derive(clap::Args, Serialize)]
struct Place {
    /// The market
    epic: String,
    /// Whether to buy or to sell
    #[arg(value_parser = PossibleValuesParser::new(Direction::WORDS))]
    direction: String,
    /// Whether it waits for a better price than now's (limit) or a worse one (stop)
    #[arg(value_name = "TYPE", value_parser = PossibleValuesParser::new(OrderKind::WORDS))]
    kind: String,
    /// How much
    #[arg(value_parser = number)]
    size: f64,
    /// At what price
    #[arg(value_parser = number)]
    level: f64,
    /// Until when it waits, such as 2026-03-27T17:00:00Z; until it is cancelled unless given
    #[arg(long, value_name = "TIME")]
    good_till: Option<Timestamp>,
    /// The price of its position's stop
    #[arg(long, value_name = "LEVEL", value_parser = number, conflicts_with = "stop_distance")]
    stop: Option<f64>,
    /// The distance of its position's stop
    #[arg(long, value_name = "POINTS", value_parser = number)]
    stop_distance: Option<f64>,
    /// Guarantee the stop, for a premium
    #[arg(long)]
    guaranteed: bool,
    /// The price of its position's limit
    #[arg(long, value_name = "LEVEL", value_parser = number, conflicts_with = "limit_distance")]
    limit: Option<f64>,
    /// The distance of its position's limit
    #[arg(long, value_name = "POINTS", value_parser = number)]
    limit_distance: Option<f64>,
    /// In which currency; the market's usual one unless given
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// When the market ends, as the market says it; asked of the market unless given
    #[arg(long)]
    expiry: Option<String>,
    /// Its position stands beside an opposite one instead of closing that
    #[arg(long)]
    force_open: bool,
    /// A name for this deal: the same command with the same name is sent once
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    #[serde(skip)]
    key: Option<String>,
}

impl Place {
    async fn run(&self, live: &Live, output: Output) -> anyhow::Result<ExitCode> {
        let order = NewOrder {
            epic: self.epic.clone(),
            direction: Direction::from(&*self.direction),
            kind: OrderKind::from(&*self.kind),
            size: self.size,
            level: self.level,
            expiry: self.expiry.clone(),
            currency: self.currency.clone(),
            good_till: self.good_till,
            force_open: self.force_open,
            stop_level: self.stop,
            stop_distance: self.stop_distance,
            limit_level: self.limit,
            limit_distance: self.limit_distance,
            guaranteed_stop: self.guaranteed,
        };
        let trading = live.trading()?;
        let act = |once| trading.place_order(&live.api, once, &order);
        once::deal(live, output, "place order", self.key.as_deref(), self, act).await
    }
}

#[derive(clap::Args, Serialize)]
struct Amend {
    /// The order, by its id
    order: String,
    /// At what price
    #[arg(long, value_parser = number)]
    level: Option<f64>,
    /// Until when it waits; `cancelled` to wait until it is
    #[arg(long, value_name = "TIME|cancelled", value_parser = till)]
    good_till: Option<Till>,
    /// The distance of its position's stop; `none` for no stop
    #[arg(long, value_name = "POINTS|none", value_parser = or_none)]
    stop_distance: Option<OrNone>,
    /// The distance of its position's limit; `none` for no limit
    #[arg(long, value_name = "POINTS|none", value_parser = or_none)]
    limit_distance: Option<OrNone>,
    /// A name for this deal: the same command with the same name is sent once
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    #[serde(skip)]
    key: Option<String>,
}

/// A time, or none.
#[derive(Debug, Clone, Copy, Serialize)]
struct Till(Option<Timestamp>);

fn till(text: &str) -> Result<Till, String> {
    match text {
        "cancelled" => Ok(Till(None)),
        text => {
            text.parse().map(|at| Till(Some(at))).map_err(|error: jiff::Error| error.to_string())
        }
    }
}

impl Amend {
    async fn run(&self, live: &Live, output: Output) -> anyhow::Result<ExitCode> {
        let changes = OrderChanges {
            kind: None,
            level: self.level,
            good_till: match self.good_till {
                None => Patch::Keep,
                Some(Till(None)) => Patch::Clear,
                Some(Till(Some(at))) => Patch::Set(at),
            },
            stop_distance: patch(self.stop_distance),
            limit_distance: patch(self.limit_distance),
        };
        if changes == OrderChanges::default() {
            let help = "name what changes, such as --level";
            return Err(UsageError(help.to_owned()).into());
        }
        let (trading, id) = (live.trading()?, &self.order);
        let act = |once| trading.amend_order(&live.api, once, id, &changes);
        once::deal(live, output, "amend order", self.key.as_deref(), self, act).await
    }
}

#[derive(clap::Args, Serialize)]
struct Cancel {
    /// The order, by its id
    order: String,
    /// A name for this deal: the same command with the same name is sent once
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    #[serde(skip)]
    key: Option<String>,
}

impl Cancel {
    async fn run(&self, live: &Live, output: Output) -> anyhow::Result<ExitCode> {
        let trading = live.trading()?;
        let act = |once| trading.cancel_order(&live.api, once, &self.order);
        once::deal(live, output, "cancel order", self.key.as_deref(), self, act).await
    }
}
