use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use evergrant::seal::Ring;
use evergrant::store::GrantStore as _;
use evergrant::vault::Rotated;
use evergrant::{Entropy, SystemEntropy};
use serde_json::{Value, json};

use crate::compose::Parts;
use crate::output::{Exit, Output};
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Clone, Copy)]
enum Action {
    /// Say which keys are in use, and which are configured
    Status,
    /// Encrypt everything anew with the first key; may be stopped and run again at any moment
    Rotate,
    /// Make a key and print it, alone on stdout; it is kept nowhere
    Generate,
}

impl Args {
    /// Whether it only makes a key, for which no configuration is needed.
    pub(crate) fn generates(&self) -> bool {
        matches!(self.action, Action::Generate)
    }
}

/// Prints a new key.
pub(crate) fn generate(output: Output) -> anyhow::Result<()> {
    let entropy: &dyn Entropy = &SystemEntropy::default();
    let key = Ring::generate(entropy);
    output.value(&json!({ "key": key.expose() }), key.expose())
}

pub(crate) async fn run(
    settings: Settings,
    output: Output,
    args: &Args,
) -> anyhow::Result<ExitCode> {
    let parts = match args.action {
        Action::Generate => {
            generate(output)?;
            return Ok(ExitCode::SUCCESS);
        }
        Action::Status | Action::Rotate => Parts::of(settings).await?,
    };
    let done = match args.action {
        Action::Rotate => rotate(&parts, output).await?,
        _ => status(&parts, output).await?,
    };
    parts.finish().await;
    Ok(done)
}

async fn status(parts: &Parts, output: Output) -> anyhow::Result<ExitCode> {
    let mut uses = parts.store.sealing_keys().await?;
    let (mut entries, mut rows) = (Vec::new(), Vec::new());
    let mut add = |key: &str, values: i64, state: &str| {
        entries.push(json!({ "key": key, "values": values, "state": state }));
        rows.push(vec![key.to_owned(), values.to_string(), state.to_owned()]);
    };
    for (at, key) in parts.vault.ring().ids().enumerate() {
        let found = uses.iter().position(|(other, _)| other == key).map(|at| uses.remove(at));
        let values = found.map_or(0, |(_, values)| values);
        let state = match (at, values) {
            (0, _) => "encrypts",
            (_, 0) => "unused: may be removed",
            (_, _) => "decrypts",
        };
        add(key.as_str(), values, state);
    }
    for (key, values) in &uses {
        add(key.as_str(), *values, "missing: add it to EVERGRANT_ENCRYPTION_KEYS");
    }
    output.table(&Value::Array(entries), &["KEY", "VALUES", "STATE"], &rows, "")?;
    Ok(if uses.is_empty() { ExitCode::SUCCESS } else { Exit::Operator.into() })
}

async fn rotate(parts: &Parts, output: Output) -> anyhow::Result<ExitCode> {
    let first = parts.vault.ring().first();
    let uses = parts.store.sealing_keys().await?;
    let all: i64 = uses.iter().filter(|(key, _)| key != first).map(|(_, values)| values).sum();
    let progress = |rotated: &Rotated| {
        if std::io::stderr().is_terminal() {
            let done = rotated.resealed + rotated.overtaken;
            let _ = write!(std::io::stderr().lock(), "\r{done} of {all} encrypted anew");
        }
    };
    let rotated = parts.vault.rotate(progress).await?;
    if std::io::stderr().is_terminal() && all > 0 {
        output.note("");
    }
    let failed = rotated.failed.iter().map(|(row, why)| json!({ "row": row, "why": why }));
    let body = json!({
        "key": first.as_str(),
        "resealed": rotated.resealed,
        "overtaken": rotated.overtaken,
        "failed": failed.collect::<Vec<_>>(),
    });
    let mut text =
        format!("{} values were encrypted anew with {}", rotated.resealed, first.as_str());
    if rotated.overtaken > 0 {
        text = format!("{text}; {} were so already when it came to them", rotated.overtaken);
    }
    output.value(&body, &text)?;
    if rotated.failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    output.note(&format!("{} values stay as they are:", rotated.failed.len()));
    for (row, why) in &rotated.failed {
        output.note(&format!("  {row}: {why}"));
    }
    Ok(Exit::Operator.into())
}
