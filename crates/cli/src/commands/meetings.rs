//! Online meetings that exist.

use evergrant::IntegrationId;
use evergrant::capability::{Lobby, MeetingChanges, Moment, Presenters, Zone};
use serde_json::json;

use super::live::{Live, named, time};
use super::meet::{OPTIONS, participants, print};
use crate::output::{Output, UsageError};
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The integration, int_…
    id: IntegrationId,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Show one meeting: its link, id and passcode
    Show {
        /// Its id
        meeting: String,
    },
    /// Change a meeting, and its event in the account's calendar
    Update(Box<Update>),
    /// End a meeting for good, and cancel its event in the account's calendar
    Cancel {
        /// Its id
        meeting: String,
        /// Words for those invited
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
    },
}

#[derive(clap::Args)]
struct Update {
    /// Its id
    meeting: String,
    /// The title
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// When it begins: 2026-03-27T09:00:00+01:00, or without an offset with --time-zone
    #[arg(long, value_name = "TIME", value_parser = time)]
    start: Option<Moment>,
    /// When it ends
    #[arg(long, value_name = "TIME", value_parser = time)]
    end: Option<Moment>,
    /// The zone of times without an offset, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,
    /// Everybody who takes part; '' for nobody
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',')]
    with: Option<Vec<String>>,
    /// Who gets in without being let in
    #[arg(long, value_name = "WHO", value_parser = clap::builder::PossibleValuesParser::new(Lobby::WORDS))]
    lobby: Option<String>,
    /// Who may present
    #[arg(long, value_name = "WHO", value_parser = clap::builder::PossibleValuesParser::new(Presenters::WORDS))]
    presenters: Option<String>,
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let live = Live::open(settings, args.id).await?;
    act(&live, output, args.action).await.map_err(|error| named(error, OPTIONS))?;
    live.finish().await;
    Ok(())
}

async fn act(live: &Live, output: Output, action: Action) -> anyhow::Result<()> {
    let (meetings, api) = (live.meetings()?, &live.api);
    match action {
        Action::Show { meeting } => print(output, &meetings.meeting(api, &meeting).await?),
        Action::Update(update) => {
            let changes = update.changes();
            if changes == MeetingChanges::default() {
                let help = "name what changes, such as --subject or --start";
                return Err(UsageError(help.to_owned()).into());
            }
            print(output, &meetings.update_meeting(api, &update.meeting, &changes).await?)
        }
        Action::Cancel { meeting, comment } => {
            meetings.cancel_meeting(api, live.anew(), &meeting, comment.as_deref()).await?;
            output.value(&json!({ "id": meeting, "cancelled": true }), "cancelled")
        }
    }
}

impl Update {
    fn changes(&self) -> MeetingChanges {
        MeetingChanges {
            subject: self.subject.clone(),
            start_time: self.start,
            end_time: self.end,
            time_zone: self.time_zone.clone(),
            participants: self.with.as_deref().map(participants),
            lobby: self.lobby.as_deref().map(Lobby::from),
            presenters: self.presenters.as_deref().map(Presenters::from),
            record_automatically: None,
        }
    }
}
