//! Messages that are written here.

use std::io::Read;
use std::path::{Path, PathBuf};

use evergrant::capability::{
    self, Body, BodyFormat, Importance, NewAttachment, NewMessage, Once, Person, Sent,
};
use serde::Serialize;

use super::super::live::{Exact, Live};
use crate::output::{Output, UsageError};

/// The text of a message, and what goes with it.
///
/// For the effect's name counts what is in the files, not where they are.
#[derive(clap::Args, Serialize)]
pub(super) struct Text {
    /// The text
    #[arg(long, value_name = "TEXT")]
    #[serde(skip)]
    body: Option<String>,
    /// The file with the text; - reads stdin
    #[arg(long, value_name = "FILE", conflicts_with = "body")]
    #[serde(skip)]
    body_file: Option<PathBuf>,
    /// The text is HTML
    #[arg(long)]
    html: bool,
    /// A file to attach
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    attach: Vec<PathBuf>,
    /// A name for this: the same command with the same name, the same text and files does it once;
    /// with others it is something else, and done
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    #[serde(skip)]
    key: Option<String>,
}

/// The options of text are one or the other.
fn either() -> clap::ArgGroup {
    clap::ArgGroup::new("content").args(["body", "body_file"]).required(true)
}

#[derive(clap::Args, Serialize)]
#[command(group = either())]
pub(super) struct Send {
    /// Who it is to
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',', required = true)]
    to: Vec<String>,
    /// The subject
    #[arg(long, value_name = "TEXT")]
    subject: String,
    #[command(flatten)]
    copies: Copies,
    #[command(flatten)]
    pub(super) text: Text,
}

#[derive(clap::Args, Serialize)]
pub(super) struct Draft {
    /// Who it is to
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',')]
    to: Vec<String>,
    /// The subject
    #[arg(long, value_name = "TEXT", default_value = "")]
    subject: String,
    #[command(flatten)]
    copies: Copies,
    #[command(flatten)]
    pub(super) text: Text,
}

#[derive(clap::Args, Serialize)]
struct Copies {
    /// Who gets a copy
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',')]
    cc: Vec<String>,
    /// Who gets a copy without the others knowing
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',')]
    bcc: Vec<String>,
    /// How important it is
    #[arg(long, value_name = "WORD", value_parser = clap::builder::PossibleValuesParser::new(Importance::WORDS))]
    importance: Option<String>,
}

#[derive(clap::Args, Serialize)]
#[command(group = either())]
pub(super) struct Reply {
    /// The message's id
    message: String,
    /// Answer everybody who got it
    #[arg(long)]
    all: bool,
    /// Who gets a copy besides
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',')]
    cc: Vec<String>,
    #[command(flatten)]
    pub(super) text: Text,
}

#[derive(clap::Args, Serialize)]
pub(super) struct Forward {
    /// The message's id
    message: String,
    /// Who it is to
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',', required = true)]
    to: Vec<String>,
    /// Who gets a copy
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',')]
    cc: Vec<String>,
    #[command(flatten)]
    pub(super) text: Text,
}

impl Send {
    pub(super) async fn run(
        &self,
        live: &Live,
        output: Output,
        written: Written,
    ) -> anyhow::Result<()> {
        let once = written.once(live, "send message", &self.text, self)?;
        let message = self.copies.message(&self.to, &self.subject, written);
        sent(output, &live.mail()?.send(&live.api, once, &message).await?)
    }
}

impl Draft {
    pub(super) async fn run(
        &self,
        live: &Live,
        output: Output,
        written: Written,
    ) -> anyhow::Result<()> {
        let once = written.once(live, "draft message", &self.text, self)?;
        let message = self.copies.message(&self.to, &self.subject, written);
        let draft = live.mail()?.create_draft(&live.api, once, &message).await?;
        output.value(&serde_json::to_value(&draft)?, &format!("draft {}", draft.id))
    }
}

impl Copies {
    fn message(&self, to: &[String], subject: &str, written: Written) -> NewMessage {
        NewMessage {
            to: people(to),
            cc: people(&self.cc),
            bcc: people(&self.bcc),
            subject: subject.to_owned(),
            body: written.body,
            importance: self.importance.as_deref().map(Importance::from),
            attachments: written.attachments,
            ..NewMessage::default()
        }
    }
}

impl Reply {
    pub(super) async fn run(
        &self,
        live: &Live,
        output: Output,
        written: Written,
    ) -> anyhow::Result<()> {
        let purpose = format!("reply to message {}", self.message);
        let once = written.once(live, &purpose, &self.text, self)?;
        let reply = capability::Reply {
            body: written.body,
            all: self.all,
            to: Vec::new(),
            cc: people(&self.cc),
            attachments: written.attachments,
        };
        sent(output, &live.mail()?.reply(&live.api, once, &self.message, &reply).await?)
    }
}

impl Forward {
    pub(super) async fn run(
        &self,
        live: &Live,
        output: Output,
        written: Written,
    ) -> anyhow::Result<()> {
        let purpose = format!("forward message {}", self.message);
        let once = written.once(live, &purpose, &self.text, self)?;
        let forward = capability::Forward {
            to: people(&self.to),
            cc: people(&self.cc),
            body: written.body,
            attachments: written.attachments,
        };
        sent(output, &live.mail()?.forward(&live.api, once, &self.message, &forward).await?)
    }
}

/// Says that a message is on its way.
pub(super) fn sent(output: Output, sent: &Sent) -> anyhow::Result<()> {
    output.value(&serde_json::to_value(sent)?, &format!("sent {}", sent.id))
}

fn people(emails: &[String]) -> Vec<Person> {
    emails.iter().map(|email| Person { name: None, email: Some(email.clone()) }).collect()
}

/// What the options of text led to.
#[derive(Default)]
pub(super) struct Written {
    body: Option<Body>,
    pub(super) attachments: Vec<NewAttachment>,
}

impl Text {
    pub(super) fn read(&self) -> anyhow::Result<Written> {
        let content =
            match (&self.body, &self.body_file) {
                (Some(text), _) => Some(text.clone()),
                (None, Some(path)) if path.as_os_str() == "-" => {
                    let mut text = String::new();
                    std::io::stdin().lock().read_to_string(&mut text)?;
                    Some(text)
                }
                (None, Some(path)) => {
                    let text = String::from_utf8(bytes(path)?);
                    Some(text.map_err(|_| {
                        UsageError(format!("{} is not text in UTF-8", path.display()))
                    })?)
                }
                (None, None) => None,
            };
        let format = if self.html { BodyFormat::Html } else { BodyFormat::Text };
        let attachments: Result<Vec<_>, _> =
            self.attach.iter().map(|path| attachment(path)).collect();
        let body = content.map(|content| Body { format, content });
        Ok(Written { body, attachments: attachments? })
    }
}

impl Written {
    /// One file alone.
    pub(super) fn file(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { body: None, attachments: vec![attachment(path)?] })
    }

    /// The effect that all of this together is.
    fn once(
        &self,
        live: &Live,
        purpose: &str,
        text: &Text,
        args: &impl Serialize,
    ) -> anyhow::Result<Once> {
        let mut exact = Exact::of(args)?;
        exact.add(self.body.as_ref().map(|body| body.content.as_bytes()).unwrap_or_default());
        for file in &self.attachments {
            exact.add(file.name.as_bytes());
            exact.add(&file.content);
        }
        Ok(live.once(purpose, text.key.as_deref(), exact))
    }
}

fn attachment(path: &Path) -> Result<NewAttachment, UsageError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| UsageError(format!("{} is not a file", path.display())))?;
    Ok(NewAttachment { name, content_type: None, content: bytes(path)?.into(), content_id: None })
}

fn bytes(path: &Path) -> Result<Vec<u8>, UsageError> {
    std::fs::read(path)
        .map_err(|error| UsageError(format!("cannot read {}: {error}", path.display())))
}
