//! A connected account's mailbox.

use std::io::Read;
use std::path::{Path, PathBuf};

use evergrant::IntegrationId;
use evergrant::capability::{
    Body, BodyFormat, Cursor, Folder, Message, MessageQuery, NewAttachment, NewMessage, Person,
};
use serde_json::json;

use super::live::Live;
use crate::output::{Output, UsageError, plain};
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
    List(List),
    /// List the folders
    Folders,
    /// Show one message as text
    Show {
        /// Its id
        message: String,
    },
    /// Send a message
    Send(Box<Send>),
}

#[derive(clap::Args)]
struct List {
    /// The folder, by id or well-known name: inbox, drafts, sentitems, deleteditems, archive, junkemail
    #[arg(long, default_value = "inbox")]
    folder: String,
    /// Only those that were not read
    #[arg(long)]
    unread: bool,
    /// Only those with these words in subject, sender or body
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Where the last list ended: its `next`, as --json shows it
    #[arg(long, value_name = "NEXT")]
    cursor: Option<String>,
}

impl Default for List {
    fn default() -> Self {
        let folder = "inbox".to_owned();
        Self { folder, unread: false, search: None, limit: 25, cursor: None }
    }
}

#[derive(clap::Args)]
struct Send {
    /// Who it is to
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',', required = true)]
    to: Vec<String>,
    /// Who gets a copy
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',')]
    cc: Vec<String>,
    /// The subject
    #[arg(long, value_name = "TEXT")]
    subject: String,
    /// The text
    #[arg(long, value_name = "TEXT", required_unless_present = "body_file")]
    body: Option<String>,
    /// The file with the text; - reads stdin
    #[arg(long, value_name = "FILE", conflicts_with = "body")]
    body_file: Option<PathBuf>,
    /// The text is HTML
    #[arg(long)]
    html: bool,
    /// A file to attach
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// A name for this message: the same command again with the same name sends no second one
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let action = args.action.unwrap_or_else(|| Action::List(List::default()));
    // Files are read before anything is asked.
    let ready = match &action {
        Action::Send(send) => Some(send.message()?),
        _ => None,
    };
    let live = Live::open(settings, args.id).await?;
    let mail = live.mail()?;
    match action {
        Action::List(list) => messages(&live, output, list).await?,
        Action::Folders => {
            let found = mail.folders(&live.api).await?;
            let row = |folder: &Folder| {
                let counts = [folder.unread, folder.total].map(|count| count.to_string());
                let [unread, total] = counts;
                vec![plain(&folder.name), unread, total, folder.id.clone()]
            };
            let rows: Vec<_> = found.iter().map(row).collect();
            let json = json!({ "results": found, "next": null });
            output.table(
                &json,
                &["NAME", "UNREAD", "TOTAL", "ID"],
                &rows,
                "there are no folders",
            )?;
        }
        Action::Show { message } => {
            let message = mail.message(&live.api, &message, BodyFormat::Text).await?;
            output.value(&serde_json::to_value(&message)?, &shown(&message))?;
        }
        Action::Send(send) => {
            let once = live.once("send message", send.key.as_deref());
            let done = mail.send(&live.api, once, &ready.unwrap_or_default()).await?;
            output.value(&serde_json::to_value(&done)?, &format!("sent {}", done.id))?;
        }
    }
    live.finish().await;
    Ok(())
}

async fn messages(live: &Live, output: Output, list: List) -> anyhow::Result<()> {
    let query = MessageQuery {
        folder: Some(list.folder),
        is_read: list.unread.then_some(false),
        search: list.search,
        limit: list.limit,
        ..MessageQuery::default()
    };
    let cursor = list.cursor.map(Cursor);
    let page = live.mail()?.messages(&live.api, &query, cursor.as_ref()).await?;
    let rows: Vec<_> = page.results.iter().map(row).collect();
    let json = json!({ "results": page.results, "next": page.next });
    output.table(&json, &["", "RECEIVED", "FROM", "SUBJECT", "ID"], &rows, "there are no messages")
}

impl Send {
    fn message(&self) -> anyhow::Result<NewMessage> {
        let content = match (&self.body, &self.body_file) {
            (Some(text), _) => text.clone(),
            (None, Some(path)) if path.as_os_str() == "-" => {
                let mut text = String::new();
                std::io::stdin().lock().read_to_string(&mut text)?;
                text
            }
            (None, Some(path)) => String::from_utf8(file(path)?)
                .map_err(|_| UsageError(format!("{} is not text in UTF-8", path.display())))?,
            (None, None) => String::new(),
        };
        let format = if self.html { BodyFormat::Html } else { BodyFormat::Text };
        let attachments: Result<Vec<_>, _> =
            self.attach.iter().map(|path| attachment(path)).collect();
        Ok(NewMessage {
            to: people(&self.to),
            cc: people(&self.cc),
            subject: self.subject.clone(),
            body: Some(Body { format, content }),
            attachments: attachments?,
            ..NewMessage::default()
        })
    }
}

fn people(emails: &[String]) -> Vec<Person> {
    emails.iter().map(|email| Person { name: None, email: Some(email.clone()) }).collect()
}

fn attachment(path: &Path) -> Result<NewAttachment, UsageError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| UsageError(format!("{} is not a file", path.display())))?;
    Ok(NewAttachment { name, content_type: None, content: file(path)?.into(), content_id: None })
}

fn file(path: &Path) -> Result<Vec<u8>, UsageError> {
    std::fs::read(path)
        .map_err(|error| UsageError(format!("cannot read {}: {error}", path.display())))
}

/// Somebody as a person reads it.
fn name(person: &Person) -> String {
    plain(person.name.as_deref().or(person.email.as_deref()).unwrap_or_default())
}

/// A message in a list.
fn row(message: &Message) -> Vec<String> {
    let mark = if message.is_read { "" } else { "*" };
    vec![
        mark.to_owned(),
        message.received_at.map(|at| at.to_string()).unwrap_or_default(),
        message.from.as_ref().map(name).unwrap_or_default(),
        plain(message.subject.as_deref().unwrap_or_default()),
        message.id.clone(),
    ]
}

/// One message: who, what, and its text.
fn shown(message: &Message) -> String {
    let address = |person: &Person| match (&person.name, &person.email) {
        (Some(name), Some(email)) => plain(&format!("{name} <{email}>")),
        _ => name(person),
    };
    let addresses = |people: &[Person]| people.iter().map(address).collect::<Vec<_>>().join(", ");
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text = format!("{text}{name:<10}{value}\n");
        }
    };
    line("from", message.from.as_ref().map(address).unwrap_or_default());
    line("to", addresses(&message.to));
    line("cc", addresses(&message.cc));
    line("received", message.received_at.map(|at| at.to_string()).unwrap_or_default());
    line("subject", plain(message.subject.as_deref().unwrap_or_default()));
    for file in message.attachments.iter().flatten() {
        let name = plain(file.name.as_deref().unwrap_or_default());
        line("attached", format!("{name} ({} bytes)", file.size));
    }
    line("id", message.id.clone());
    let body = message.body.as_ref().map(|body| body.content.as_str()).unwrap_or_default();
    let lines: Vec<_> = body.lines().map(plain).collect();
    format!("{text}\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use evergrant::capability::{Flag, Importance, MessageKind};

    use super::*;

    /// A message from somebody who means harm to terminals.
    fn message() -> Message {
        let adele = Person {
            name: Some("Adele\u{1b}[2J".to_owned()),
            email: Some("adele@contoso.example".to_owned()),
        };
        Message {
            id: "m1".to_owned(),
            version: None,
            kind: MessageKind::Message,
            subject: Some("Plan\r\nid        m2\u{7}".to_owned()),
            from: Some(adele.clone()),
            sender: None,
            to: vec![adele],
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            received_at: Some(jiff::Timestamp::UNIX_EPOCH),
            sent_at: None,
            is_read: false,
            is_draft: false,
            importance: Importance::Normal,
            preview: None,
            body: Some(Body {
                format: BodyFormat::Text,
                content: "Hello,\n  see \u{9b}31myou".to_owned(),
            }),
            folder_id: None,
            conversation_id: None,
            message_id: None,
            has_attachments: false,
            attachments: None,
            categories: Vec::new(),
            flag: Flag::None,
            classification: None,
            web_url: None,
            created_at: None,
            updated_at: None,
            extra: serde_json::Map::new(),
        }
    }

    #[test]
    fn a_message_is_shown_and_moves_nothing_on_the_terminal() {
        let expected = "\
from      Adele [2J <adele@contoso.example>
to        Adele [2J <adele@contoso.example>
received  1970-01-01T00:00:00Z
subject   Plan  id        m2\u{20}
id        m1

Hello,
  see  31myou";
        assert_eq!(shown(&message()), expected);
        let listed = row(&message());
        assert!(listed.iter().all(|cell| !cell.contains(char::is_control)), "{listed:?}");
        assert_eq!(listed[0], "*");
    }
}
