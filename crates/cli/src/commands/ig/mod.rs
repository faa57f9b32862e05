//! A connected account's markets, and dealing in them.

mod deal;
mod list;
mod once;
mod orders;
mod show;
mod watchlists;

use std::process::ExitCode;

use evergrant::clock::later;
use evergrant::{CallError, IntegrationId};
use serde_json::json;

use super::live::{Live, named};
use crate::output::Output;
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The integration, int_…
    id: IntegrationId,
    /// The account to act in, as `accounts` lists them; the default one unless given
    #[arg(long, global = true, value_name = "ID")]
    account: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Walk the tree of markets: its root, or one of its nodes
    Navigate {
        /// The node's id
        node: Option<String>,
    },
    /// Find markets by a text
    Search {
        /// What to look for
        text: String,
    },
    /// Show one market: its price now, and the rules it is dealt by
    Market {
        /// The market
        epic: String,
    },
    /// List past prices, the oldest first; they count against the account's allowance
    Prices(list::Prices),
    /// Say how IG's clients stand in some markets
    Sentiment {
        /// The markets' ids, as `market` shows them
        #[arg(required = true, value_name = "MARKET")]
        markets: Vec<String>,
        /// How those who trade this one market stand in others
        #[arg(long)]
        related: bool,
    },
    /// List the accounts, with their money
    Accounts,
    /// List the open positions
    Positions,
    /// List the orders that wait for their price
    Orders,
    /// Open a position; exits with 0 if it is done, 1 if rejected, 4 if nobody knows
    Open(Box<deal::Open>),
    /// Change a position's stop and limit
    Amend(deal::Amend),
    /// Close a position, or a part of it
    Close(deal::Close),
    /// Place, change or cancel an order that waits for its price
    Order(orders::Args),
    /// Say what came of a deal
    Confirm {
        /// Its reference, as dealing printed it
        reference: String,
    },
    /// List the lists of markets, or show and change one
    Watchlists(watchlists::Args),
    /// List what happened in the account, the latest first
    History(list::History),
    /// List what money moved in the account, the latest first
    Transactions(list::Transactions),
}

/// What parts of a request are typed as.
const OPTIONS: &[(&str, &str)] = &[
    ("/account", "--account"),
    ("/epic", "EPIC"),
    ("/direction", "buy or sell"),
    ("/size", "the size"),
    ("/level", "the level"),
    ("/stop_level", "--stop"),
    ("/stop_distance", "--stop-distance"),
    ("/limit_level", "--limit"),
    ("/limit_distance", "--limit-distance"),
    ("/trailing_stop_distance", "--trailing-distance"),
    ("/trailing_step", "--trailing"),
    ("/guaranteed_stop", "--guaranteed"),
    ("/good_till", "--good-till"),
    ("/expiry", "--expiry"),
    ("/currency", "--currency"),
    ("/resolution", "--resolution"),
    ("/from", "--from"),
    ("/to", "--to"),
    ("/max", "--max"),
];

pub(crate) async fn run(
    settings: Settings,
    output: Output,
    args: Args,
) -> anyhow::Result<ExitCode> {
    let live = Live::open(settings, args.id).await?.within(args.account.as_deref());
    let done = Box::pin(act(&live, output, args.action)).await;
    let code = done.map_err(|error| named(until(&live, error), OPTIONS))?;
    live.finish().await;
    Ok(code)
}

/// An allowance that is used up, with when there is more.
fn until(live: &Live, error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(CallError::Throttled { retry_after: Some(wait) }) => {
            let until = later(live.api.now(), *wait);
            error.context(format!("nothing more is allowed until {until:.0}"))
        }
        _ => error,
    }
}

async fn act(live: &Live, output: Output, action: Action) -> anyhow::Result<ExitCode> {
    match action {
        Action::Navigate { node } => list::navigate(live, output, node.as_deref()).await?,
        Action::Search { text } => {
            let found = live.markets()?.search(&live.api, &text).await?;
            list::markets(output, &found, "no market is called that")?;
        }
        Action::Market { epic } => {
            let market = live.markets()?.market(&live.api, &epic).await?;
            output.value(&serde_json::to_value(&market)?, &show::market(&market))?;
        }
        Action::Prices(prices) => prices.run(live, output).await?,
        Action::Sentiment { markets, related } => {
            list::sentiment(live, output, &markets, related).await?;
        }
        Action::Accounts => list::accounts(live, output).await?,
        Action::Positions => list::positions(live, output).await?,
        Action::Orders => list::orders(live, output).await?,
        Action::Open(open) => return open.run(live, output).await,
        Action::Amend(amend) => return amend.run(live, output).await,
        Action::Close(close) => return close.run(live, output).await,
        Action::Order(order) => return order.run(live, output).await,
        Action::Confirm { reference } => {
            let deal = live.trading()?.deal(&live.api, &reference).await?;
            return once::told(output, &json!(deal));
        }
        Action::Watchlists(lists) => lists.run(live, output).await?,
        Action::History(history) => history.run(live, output).await?,
        Action::Transactions(transactions) => transactions.run(live, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}
