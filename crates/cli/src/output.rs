//! What a person or a script reads: tables or JSON on stdout, everything else on stderr, and the
//! exit code that says who has to act.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use evergrant::{CallError, ConnectError, TokenError};
use evergrant_server::problem::Problem;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use crate::settings::{Log, LogFormat};

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

    /// Rows: a JSON list, or a table.
    pub(crate) fn table(
        self,
        json: &Value,
        head: &[&str],
        rows: &[Vec<String>],
    ) -> anyhow::Result<()> {
        if self.json {
            return self.value(json, "");
        }
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(head);
        table.add_rows(rows);
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
        if self.json {
            let mut body = serde_json::json!({ "error": format!("{error:#}") });
            if let Some(problem) = problem(error) {
                body["code"] = problem.code().name().into();
                body["remedy"] = problem.code().remedy().into();
            }
            self.note(&body.to_string());
        } else {
            self.note(&format!("error: {error:#}"));
            if let Some(problem) = problem(error) {
                self.note(&format!("  {}", problem.code().remedy()));
            }
        }
    }
}

/// The same table as the REST API's, so that both say the same.
fn problem(error: &anyhow::Error) -> Option<Problem> {
    if let Some(error) = error.downcast_ref::<TokenError>() {
        return Some(error.clone().into());
    }
    if let Some(error) = error.downcast_ref::<CallError>() {
        return Some(error.clone().into());
    }
    error
        .downcast_ref::<ConnectError>()
        .map(|error| error.clone().into())
}

/// Who has to act.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    use evergrant_server::problem::Code;
    if error.is::<UsageError>() {
        return Exit::Usage.into();
    }
    let exit = match problem(error).map(|problem| problem.code()) {
        Some(Code::ReconnectRequired) => Exit::Reconnect,
        Some(
            Code::ProviderUnavailable
            | Code::ProviderThrottled
            | Code::StorageUnavailable
            | Code::Conflict,
        ) => Exit::TryLater,
        Some(Code::RegistrationMisconfigured | Code::EncryptionKeyMissing) => Exit::Operator,
        _ => Exit::Failed,
    };
    exit.into()
}

/// Crates whose finest logs contain what they carry; they are never turned up that far.
const QUIET: [&str; 7] = [
    "h2=info",
    "hyper=info",
    "hyper_util=info",
    "reqwest=info",
    "rustls=info",
    "sqlx=warn",
    "tower=info",
];

/// Sends logs to stderr.
pub(crate) fn log_to_stderr(log: &Log, default: &str) {
    let wanted = log.filter.as_deref().unwrap_or(default);
    let filter = EnvFilter::builder().parse_lossy(format!("{wanted},{}", QUIET.join(",")));
    let terminal = std::io::stderr().is_terminal();
    let json = log.format == LogFormat::Json || (log.format == LogFormat::Auto && !terminal);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second subscriber in one process is refused; the first one stays.
    let _ = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(terminal).try_init()
    };
}
