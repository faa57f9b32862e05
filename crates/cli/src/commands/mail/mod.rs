//! A connected account's mailbox.

mod change;
mod files;
mod list;
mod show;
mod write;

use std::path::PathBuf;

use evergrant::IntegrationId;
use evergrant::capability::BodyFormat;
use serde_json::json;

use self::write::Written;
use super::live::{Live, named};
use crate::output::Output;
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
    /// List messages, the newest first; an unread one has an asterisk
    List(Box<list::List>),
    /// List the folders
    Folders,
    /// Show one message as text
    Show {
        /// Its id
        message: String,
    },
    /// Send a message
    Send(Box<write::Send>),
    /// Keep a message as a draft
    Draft(Box<write::Draft>),
    /// Send a draft
    SendDraft {
        /// Its id
        message: String,
    },
    /// Answer a message
    Reply(Box<write::Reply>),
    /// Hand a message on, with its files
    Forward(Box<write::Forward>),
    /// Move a message to a folder
    Move {
        /// Its id
        message: String,
        /// The folder, by id or well-known name
        folder: String,
    },
    /// Mark a message as read or unread, with a flag or without
    Mark(change::Mark),
    /// Move a message to the deleted items
    Delete {
        /// Its id
        message: String,
        /// Remove it instead, so that nobody finds it again
        #[arg(long)]
        for_good: bool,
    },
    /// List a message's files
    Attachments {
        /// The message's id
        message: String,
    },
    /// Save one of a message's files; none that exists is overwritten
    Save {
        /// The message's id
        message: String,
        /// The file's id
        attachment: String,
        /// Where to; in this folder, under its own name, unless given
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Attach a file to a draft
    Attach {
        /// The draft's id
        message: String,
        /// The file
        file: PathBuf,
    },
    /// Take a file from a draft
    Detach {
        /// The draft's id
        message: String,
        /// The file's id
        attachment: String,
    },
    /// Show the mailbox's settings, or change them
    Settings(change::Changes),
}

/// What parts of a message are typed as.
const OPTIONS: &[(&str, &str)] = &[
    ("/to", "--to"),
    ("/cc", "--cc"),
    ("/bcc", "--bcc"),
    ("/attachments", "--attach"),
    ("/since", "--since"),
    ("/until", "--until"),
    ("/from", "--from"),
    ("/search", "--search"),
    ("/time_zone", "--time-zone"),
    ("/language", "--language"),
];

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let action = args.action.unwrap_or_else(|| Action::List(Box::default()));
    // Files are read before anything is asked.
    let written = action.written()?;
    let live = Live::open(settings, args.id).await?;
    Box::pin(act(&live, output, action, written)).await.map_err(|error| named(error, OPTIONS))?;
    live.finish().await;
    Ok(())
}

impl Action {
    /// What is to be sent or attached.
    fn written(&self) -> anyhow::Result<Written> {
        match self {
            Self::Send(send) => send.text.read(),
            Self::Draft(draft) => draft.text.read(),
            Self::Reply(reply) => reply.text.read(),
            Self::Forward(forward) => forward.text.read(),
            Self::Attach { file, .. } => Written::file(file),
            _ => Ok(Written::default()),
        }
    }
}

async fn act(live: &Live, output: Output, action: Action, written: Written) -> anyhow::Result<()> {
    let (mail, api) = (live.mail()?, &live.api);
    match action {
        Action::List(list) => list.run(live, output).await,
        Action::Folders => list::folders(live, output).await,
        Action::Show { message } => {
            let message = mail.message(api, &message, BodyFormat::Text).await?;
            output.value(&serde_json::to_value(&message)?, &show::shown(&message))
        }
        Action::Send(send) => send.run(live, output, written).await,
        Action::Draft(draft) => draft.run(live, output, written).await,
        Action::SendDraft { message } => {
            write::sent(output, &mail.send_draft(api, live.anew(), &message).await?)
        }
        Action::Reply(reply) => reply.run(live, output, written).await,
        Action::Forward(forward) => forward.run(live, output, written).await,
        Action::Move { message, folder } => {
            let moved = mail.move_message(api, &message, &folder).await?;
            output.value(&serde_json::to_value(&moved)?, "moved")
        }
        Action::Mark(mark) => mark.run(live, output).await,
        Action::Delete { message, for_good } => {
            mail.delete_message(api, &message, for_good).await?;
            output.value(&json!({ "id": message, "deleted": true }), "deleted")
        }
        Action::Attachments { message } => files::list(live, output, &message).await,
        Action::Save { message, attachment, to } => {
            files::save(live, output, &message, &attachment, to).await
        }
        Action::Attach { message, .. } => files::attach(live, output, &message, written).await,
        Action::Detach { message, attachment } => {
            mail.remove_attachment(api, &message, &attachment).await?;
            output.value(&json!({ "id": attachment, "deleted": true }), "deleted")
        }
        Action::Settings(changes) => changes.run(live, output).await,
    }
}
