//! What a person or a script reads: tables or JSON on stdout, everything else on stderr, and the
//! exit code that says who has to act.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use evergrant::feed::FeedKind;
use evergrant::provider::{Actor, Failure};
use evergrant::store::StoreError;
use evergrant::{CallError, ConnectError, TokenError};
use evergrant_server::problem::{Code, Problem};
use evergrant_store::OpenError;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::settings::{Log, LogFormat};
use crate::traces::Traces;

/// What happened, as a process says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Failed = 1,
    Usage = 2,
    Reconnect = 3,
    TryLater = 4,
    Operator = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The command was called in a way it cannot work.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Only whoever runs this deployment can mend it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct OperatorError(pub(crate) String);

/// A calendar or mailbox was not copied to its end.
#[derive(Debug, thiserror::Error)]
#[error("the {} could not be copied: {}", place(*feed), failure.message)]
pub(crate) struct FeedError {
    pub(crate) feed: FeedKind,
    pub(crate) failure: Failure,
}

/// What a feed is a copy of.
pub(crate) fn place(feed: FeedKind) -> &'static str {
    match feed {
        FeedKind::Calendar => "calendar",
        FeedKind::Email => "mailbox",
    }
}

impl FeedError {
    fn exit(&self) -> Exit {
        match self.failure.actor {
            Actor::User | Actor::Administrator => Exit::Reconnect,
            Actor::Operator => Exit::Operator,
            Actor::Nobody => Exit::TryLater,
        }
    }

    /// Of several the one that needs the most doing.
    pub(crate) fn weight(&self) -> u8 {
        match self.exit() {
            Exit::Operator => 2,
            Exit::Reconnect => 1,
            _ => 0,
        }
    }

    fn verdict(&self) -> Verdict {
        let (code, here) = match self.failure.actor {
            Actor::User => (Code::ReconnectRequired, RECONNECT),
            Actor::Administrator => (Code::ConsentRequired, CONSENT),
            Actor::Operator => (Code::RegistrationMisconfigured, "`evergrant doctor` says more."),
            Actor::Nobody => (
                Code::ProviderUnavailable,
                "Run the command again in a while; it goes on from where it got to.",
            ),
        };
        let remedy = format!("{} {here}", self.failure.remedy).trim_start().to_owned();
        Verdict { exit: self.exit(), code: code.name(), remedy: Some(remedy) }
    }
}

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// One value: JSON, or a line of text.
    pub(crate) fn value(self, json: &Value, text: &str) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{json}")?;
        } else {
            writeln!(out, "{text}")?;
        }
        Ok(out.flush()?)
    }

    /// Rows: a JSON list, or a table; where there are none, a note that says how to begin.
    pub(crate) fn table(
        self,
        json: &Value,
        head: &[&str],
        rows: &[Vec<String>],
        none: &str,
    ) -> anyhow::Result<()> {
        if self.json {
            return self.value(json, "");
        }
        if rows.is_empty() {
            self.note(none);
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(head);
        table.add_rows(rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        self.value(json, &table.trim_fmt())
    }

    /// Something to know that is not the result.
    #[expect(clippy::unused_self, reason = "said by whoever prints the result")]
    pub(crate) fn note(self, text: &str) {
        // A closed stderr is no reason to stop.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Why the command failed.
    pub(crate) fn error(self, error: &anyhow::Error) {
        let Verdict { exit, code, remedy } = Verdict::on(error);
        if self.json {
            let error = sentence(error);
            let exit = exit as u8;
            let body = json!({ "error": error, "code": code, "remedy": remedy, "exit": exit });
            self.note(&body.to_string());
        } else {
            self.note(&told(error, remedy.as_deref()));
        }
    }
}

/// Text from elsewhere as one line that a terminal only shows: control characters could do more.
pub(crate) fn plain(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}

/// What to do about an error, if that is known.
pub(crate) fn remedy_of(error: &anyhow::Error) -> Option<String> {
    Verdict::on(error).remedy
}

/// What went wrong, and on a line of its own what to do.
fn told(error: &anyhow::Error, remedy: Option<&str>) -> String {
    let remedy = remedy.map(|remedy| format!("\n  {remedy}"));
    format!("error: {}{}", sentence(error), remedy.unwrap_or_default())
}

/// The error and its causes in one line. Some errors quote their cause themselves.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// What kind of error it is, who has to act, and how.
pub(crate) struct Verdict {
    pub(crate) exit: Exit,
    code: &'static str,
    pub(crate) remedy: Option<String>,
}

impl Verdict {
    pub(crate) fn on(error: &anyhow::Error) -> Self {
        let of = |exit, code, remedy: Option<&str>| {
            let remedy = remedy.map(str::to_owned);
            Self { exit, code, remedy }
        };
        if error.is::<UsageError>() {
            return of(Exit::Usage, "usage", None);
        }
        if error.is::<OperatorError>() {
            return of(Exit::Operator, "operator", None);
        }
        if let Some(error) = error.downcast_ref::<FeedError>() {
            return error.verdict();
        }
        if let Some(error) = error.downcast_ref::<OpenError>() {
            // The text says what to do; only a server that is down comes back by itself.
            return match error {
                OpenError::Unreachable { .. } => {
                    of(Exit::TryLater, Code::StorageUnavailable.name(), None)
                }
                OpenError::Url(_) => of(Exit::Usage, "usage", None),
                _ => of(Exit::Operator, "operator", None),
            };
        }
        match problem(error).or_else(|| storage(error)) {
            Some(problem) => {
                let code = problem.code();
                // What the failure itself says to do comes first; how to do that at a terminal, second.
                let both = match (problem.remedy(), remedy(code)) {
                    (Some(told), Some(here)) if [RECONNECT, CONSENT, SCOPES].contains(&here) => {
                        format!("{told} {here}")
                    }
                    (told, here) => told.or(here).unwrap_or_default().to_owned(),
                };
                of(exit_of(code), code.name(), Some(&*both).filter(|both| !both.is_empty()))
            }
            None => of(Exit::Failed, "failed", None),
        }
    }
}

fn exit_of(code: Code) -> Exit {
    match code {
        Code::ReconnectRequired | Code::ConsentRequired | Code::MissingScope => Exit::Reconnect,
        Code::ProviderUnavailable
        | Code::ProviderThrottled
        | Code::OutcomeUnknown
        | Code::ServerBusy
        | Code::StorageUnavailable
        | Code::SignInPending
        | Code::Conflict => Exit::TryLater,
        Code::RegistrationMisconfigured | Code::EncryptionKeyMissing | Code::DatabaseCopied => {
            Exit::Operator
        }
        Code::InvalidRequest
        | Code::LifeUnattainable
        | Code::UnknownProvider
        | Code::UnknownScopes => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// How a user reconnects at a terminal.
pub(crate) const RECONNECT: &str =
    "`evergrant connect PROVIDER --integration ID` does it; the integration keeps its id.";

/// Where an administrator's page comes from at a terminal.
pub(crate) const CONSENT: &str =
    "`evergrant consent PROVIDER` prints the page for the organisation's administrator.";

/// How a user grants a permission besides at a terminal.
pub(crate) const SCOPES: &str = "`evergrant connect PROVIDER --integration ID` asks for every permission of its provider; the \
     integration keeps its id.";

/// What to do about it at a terminal, where the REST API's own words would not help.
fn remedy(code: Code) -> Option<&'static str> {
    match code {
        Code::IntegrationNotFound => Some("`evergrant integrations` lists them."),
        Code::ReconnectRequired => Some(RECONNECT),
        Code::ConsentRequired => Some(CONSENT),
        Code::MissingScope => Some(SCOPES),
        Code::OutcomeUnknown => Some(
            "Look whether it is there before you run the command again; what is run with --key NAME \
             from the first time on is not done twice by the same command.",
        ),
        Code::ConnectRefused | Code::InvalidState => {
            Some("Nothing was changed; run the command again to try again.")
        }
        Code::Conflict | Code::ItemChanged => Some("Run the command again."),
        Code::SignInPending => Some("Enter the code on the page that is shown with it."),
        Code::ProviderThrottled | Code::ProviderUnavailable | Code::StorageUnavailable => {
            Some("Run the command again in a while; nothing is lost meanwhile.")
        }
        Code::RegistrationMisconfigured => {
            Some("Until the operator has done that, users stay connected and need not do anything.")
        }
        Code::Internal => Some("Report it; EVERGRANT_LOG_FILTER=debug shows more."),
        // What is wrong says already what would be right.
        Code::InvalidRequest
        | Code::LifeUnattainable
        | Code::UnknownProvider
        | Code::UnknownScopes
        | Code::InputRefused
        | Code::ItemTooLarge
        | Code::ItemConflict
        | Code::AccessDenied
        | Code::LicenseMissing
        | Code::NotOffered
        | Code::ProviderRefused => None,
        code => Some(code.remedy()),
    }
}

fn storage(error: &anyhow::Error) -> Option<Problem> {
    error.downcast_ref::<StoreError>().map(Problem::from)
}

/// The same table as the REST API's, so that both say the same.
fn problem(error: &anyhow::Error) -> Option<Problem> {
    if let Some(error) = error.downcast_ref::<TokenError>() {
        return Some(error.clone().into());
    }
    if let Some(error) = error.downcast_ref::<CallError>() {
        return Some(error.clone().into());
    }
    error.downcast_ref::<ConnectError>().map(|error| error.clone().into())
}

/// Who has to act.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    Verdict::on(error).exit.into()
}

/// Crates whose finest logs contain what they carry; they are never turned up that far.
const QUIET: [(&str, &str); 7] = [
    ("h2", "info"),
    ("hyper", "info"),
    ("hyper_util", "info"),
    ("reqwest", "info"),
    ("rustls", "info"),
    ("sqlx", "warn"),
    ("tower", "info"),
];

/// The filter that was asked for, but for what it says of the quiet crates and their modules.
fn without_quiet(filter: &str) -> String {
    let of_ours = |directive: &&str| {
        let target = directive.trim().split(['=', '[', ':']).next();
        !QUIET.iter().any(|(name, _)| target == Some(*name))
    };
    let mut directives: Vec<_> = filter.split(',').filter(of_ours).collect();
    let quiet = QUIET.map(|(name, level)| format!("{name}={level}"));
    directives.extend(quiet.iter().map(String::as_str));
    directives.join(",")
}

/// What kind of run the logs are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    /// A server: its log is what its operator has.
    Long,
    /// One command: what goes wrong it reports itself.
    Short,
    /// The demo, whose database nobody keeps.
    Show,
}

/// Sends logs to stderr, and spans where `traces` lead.
pub(crate) fn log_to_stderr(log: &Log, run: Run, traces: &Traces) {
    let default = match run {
        Run::Long => "info",
        Run::Short => "error,evergrant::compose=warn,evergrant::vault=off",
        Run::Show => "error",
    };
    let wanted = log.filter.as_deref().unwrap_or(default);
    let filter = EnvFilter::builder().parse_lossy(without_quiet(wanted));
    let terminal = std::io::stderr().is_terminal();
    let json = log.format == LogFormat::Json
        || (log.format == LogFormat::Auto && !terminal && run == Run::Long);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if json {
        lines.json().flatten_event(true).boxed()
    } else {
        lines.with_ansi(terminal).boxed()
    };
    // Each has a filter of its own: what may be logged and what may be exported differ.
    let both = tracing_subscriber::registry().with(lines.with_filter(filter)).with(traces.layer());
    // A second subscriber in one process is refused; the first one stays.
    let _ = both.try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exit code and the words for a provider's refusal.
    fn refused(error: impl Fn(Failure) -> anyhow::Error, failure: Failure) -> String {
        let error = error(failure);
        let verdict = Verdict::on(&error);
        format!("[{}] {}", verdict.exit as u8, told(&error, verdict.remedy.as_deref()))
    }

    #[test]
    fn the_second_line_is_the_failures_own_remedy_where_it_has_one() {
        let connect = |failure| ConnectError::Rejected(failure).into();
        let token = |why| {
            let since = jiff::Timestamp::UNIX_EPOCH;
            TokenError::ReconnectRequired { why, since }.into()
        };
        let failure = |code: &str, actor| Failure::new(code, actor, "It was refused.");
        let mended = |actor| failure("grant_ended", actor).remedied_by("Turn it on and off again.");
        let consent = || failure("admin_consent_required", Actor::Administrator);
        let all = [
            refused(connect, mended(Actor::User)),
            refused(token, mended(Actor::User)),
            refused(connect, failure("grant_ended", Actor::User)),
            refused(connect, consent()),
            refused(token, consent().remedied_by("Ask your administrator.")),
        ];
        assert_eq!(
            all.join("\n"),
            "[1] error: It was refused.
  Turn it on and off again.
[3] error: the user must reconnect: It was refused.
  Turn it on and off again. `evergrant connect PROVIDER --integration ID` does it; the integration keeps its id.
[1] error: It was refused.
  Nothing was changed; run the command again to try again.
[3] error: It was refused.
  `evergrant consent PROVIDER` prints the page for the organisation's administrator.
[3] error: the user must reconnect: It was refused.
  Ask your administrator. `evergrant consent PROVIDER` prints the page for the organisation's administrator."
        );
    }
}
