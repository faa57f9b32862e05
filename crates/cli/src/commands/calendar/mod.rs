//! A connected account's calendar.

mod events;
mod repeat;
mod show;
mod times;
mod write;

use evergrant::IntegrationId;
use evergrant::capability::Calendar;
use serde_json::json;

use super::live::{Live, named};
use crate::output::{Output, plain};
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The integration, int_…
    id: IntegrationId,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List what takes place; the next seven days unless told otherwise
    Events(Box<events::Span>),
    /// List the calendars
    Calendars,
    /// Show one event
    Show {
        /// Its id
        event: String,
    },
    /// Create an event, and invite whoever is to come
    Create(Box<write::Create>),
    /// Change an event, a series or one of its occurrences; those invited are told
    Update(Box<write::Update>),
    /// Answer an invitation
    Respond(Box<write::Respond>),
    /// Cancel an event with words to those invited
    Cancel {
        /// Its id
        event: String,
        /// Words for those invited
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
    },
    /// Delete an event; those invited are told
    Delete {
        /// Its id
        event: String,
        /// Only if it is still this version of it, as --json shows it
        #[arg(long, value_name = "VERSION")]
        if_version: Option<String>,
    },
    /// Show when people are free and busy
    Availability(times::Availability),
    /// Find times at which people could meet, the best first
    Times(times::Times),
}

/// What parts of an event are typed as.
const OPTIONS: &[(&str, &str)] = &[
    ("/start_time", "--start"),
    ("/end_time", "--end"),
    ("/time_zone", "--time-zone"),
    ("/attendees", "--with"),
    ("/locations", "--where"),
    ("/recurrence/range/count", "--count"),
    ("/recurrence/range/end", "--until"),
    ("/recurrence", "--repeat"),
    ("/online_meeting", "--online"),
    ("/proposed_start_time", "--propose-start"),
    ("/proposed_end_time", "--propose-end"),
    ("/send", "--silent"),
    ("/from", "--from"),
    ("/to", "--to"),
];

/// What parts of a question for times are typed as.
const TIMES: &[(&str, &str)] = &[
    ("/start_time", "--from"),
    ("/end_time", "--to"),
    ("/emails", "--with"),
    ("/attendees", "--with"),
    ("/interval_minutes", "--minutes"),
    ("/duration_minutes", "--minutes"),
];

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let live = Live::open(settings, args.id).await?;
    let action = args.action.unwrap_or_else(|| Action::Events(Box::default()));
    let options = match action {
        Action::Availability(_) | Action::Times(_) => TIMES,
        _ => OPTIONS,
    };
    Box::pin(act(&live, output, action)).await.map_err(|error| named(error, options))?;
    live.finish().await;
    Ok(())
}

async fn act(live: &Live, output: Output, action: Action) -> anyhow::Result<()> {
    let (calendars, api) = (live.calendars()?, &live.api);
    match action {
        Action::Events(span) => span.run(live, output).await,
        Action::Calendars => {
            let found = calendars.calendars(api).await?;
            let row = |calendar: &Calendar| {
                let default = if calendar.is_default { "default" } else { "" };
                vec![plain(&calendar.name), default.to_owned(), calendar.id.clone()]
            };
            let rows: Vec<_> = found.iter().map(row).collect();
            let json = json!({ "results": found, "next": null });
            output.table(&json, &["NAME", "", "ID"], &rows, "there are no calendars")
        }
        Action::Show { event } => show::print(output, &calendars.event(api, &event).await?),
        Action::Create(create) => create.run(live, output).await,
        Action::Update(update) => update.run(live, output).await,
        Action::Respond(respond) => respond.run(live, output).await,
        Action::Cancel { event, comment } => {
            calendars.cancel_event(api, live.anew(), &event, comment.as_deref()).await?;
            output.value(&json!({ "id": event, "cancelled": true }), "cancelled")
        }
        Action::Delete { event, if_version } => {
            calendars.delete_event(api, &event, if_version.as_deref()).await?;
            output.value(&json!({ "id": event, "deleted": true }), "deleted")
        }
        Action::Availability(ask) => ask.run(live, output).await,
        Action::Times(ask) => ask.run(live, output).await,
    }
}
