//! Lists of markets.

use evergrant::capability::{NewWatchlist, Watchlist};
use serde_json::json;

use super::list;
use super::show::text;
use crate::commands::live::Live;
use crate::output::Output;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List the markets of one list
    Show {
        /// The list, by its id
        list: String,
    },
    /// Make a list
    Create {
        /// Its name
        name: String,
        /// The markets on it
        epics: Vec<String>,
    },
    /// Put a market on a list
    Add {
        /// The list, by its id
        list: String,
        /// The market
        epic: String,
    },
    /// Take a market off a list
    Remove {
        /// The list, by its id
        list: String,
        /// The market
        epic: String,
    },
    /// Delete a list
    Delete {
        /// The list, by its id
        list: String,
    },
}

impl Args {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let (markets, api) = (live.markets()?, &live.api);
        let Some(action) = self.action else {
            return all(output, &markets.watchlists(api).await?);
        };
        match action {
            Action::Show { list } => {
                let found = markets.watchlist(api, &list).await?;
                list::markets(output, &found, "there is no market on it")
            }
            Action::Create { name, epics } => {
                let made = markets.create_watchlist(api, &NewWatchlist { name, epics }).await?;
                if !made.complete {
                    output.note("some of the markets are not on it");
                }
                output.value(&json!(made), &made.id)
            }
            Action::Add { list, epic } => {
                markets.add_to_watchlist(api, &list, &epic).await?;
                output.value(&json!({ "id": list, "added": epic }), "added")
            }
            Action::Remove { list, epic } => {
                markets.remove_from_watchlist(api, &list, &epic).await?;
                output.value(&json!({ "id": list, "removed": epic }), "removed")
            }
            Action::Delete { list } => {
                markets.delete_watchlist(api, &list).await?;
                output.value(&json!({ "id": list, "deleted": true }), "deleted")
            }
        }
    }
}

fn all(output: Output, lists: &[Watchlist]) -> anyhow::Result<()> {
    let row = |list: &Watchlist| {
        let kind = match (list.system, list.editable) {
            (true, _) => "IG's own",
            (false, true) => "",
            (false, false) => "fixed",
        };
        vec![text(Some(&list.name)), kind.to_owned(), list.id.clone()]
    };
    let rows: Vec<_> = lists.iter().map(row).collect();
    let json = json!({ "results": lists, "next": null });
    output.table(&json, &["NAME", "", "ID"], &rows, "there are no lists")
}
