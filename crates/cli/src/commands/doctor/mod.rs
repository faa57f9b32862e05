//! What is wrong, and who can mend it: of the deployment, or of one integration.

mod deployment;
mod integration;

use std::process::ExitCode;

use evergrant::IntegrationId;
use serde_json::{Value, json};

use crate::compose::Parts;
use crate::output::{Exit, Output, exit_code, remedy_of, sentence};
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// An integration to look at, int_…; it is refreshed once to see whether it can be
    id: Option<IntegrationId>,
}

/// What was looked at, in order, and what there is to know besides.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
    /// For people, below the findings.
    text: String,
    /// For programs, beside the findings: name and value.
    more: Option<(&'static str, Value)>,
}

/// One thing that was looked at.
struct Finding {
    what: String,
    level: Level,
}

enum Level {
    Ok,
    /// It works, and will not for ever.
    Warn(String),
    Fail(String, ExitCode),
}

pub(crate) async fn run(
    settings: Settings,
    output: Output,
    args: Args,
) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    match Parts::of(settings).await {
        Ok(parts) => {
            report.ok("the database answers");
            report.copy(&parts).await?;
            report.keys(&parts).await?;
            match args.id {
                None => deployment::look(&parts, &mut report).await?,
                Some(id) => integration::look(&parts, id, &mut report).await?,
            }
            parts.finish().await;
        }
        Err(error) => {
            report.failed("the database answers, and the configuration can be used", &error);
        }
    }
    output.value(&report.json(), &report.text())?;
    Ok(report.exit())
}

impl Report {
    fn add(&mut self, what: impl Into<String>, level: Level) {
        self.findings.push(Finding { what: what.into(), level });
    }

    fn ok(&mut self, what: impl Into<String>) {
        self.add(what, Level::Ok);
    }

    fn warn(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.add(what, Level::Warn(why.into()));
    }

    /// What only whoever runs the deployment can mend.
    fn operator(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.add(what, Level::Fail(why.into(), Exit::Operator.into()));
    }

    /// What is wrong, and who has to act, as the error says it.
    fn failed(&mut self, what: impl Into<String>, error: &anyhow::Error) {
        let remedy = remedy_of(error).map(|remedy| format!(" {remedy}")).unwrap_or_default();
        let text = format!("{}.{remedy}", sentence(error).trim_end_matches('.'));
        self.add(what, Level::Fail(text, exit_code(error)));
    }

    async fn copy(&mut self, parts: &Parts) -> anyhow::Result<()> {
        let what = "the database is no copy";
        if parts.vault.is_copy().await? {
            self.operator(
                what,
                "no provider is called: stop whatever uses the original, then run `evergrant adopt`",
            );
        } else {
            self.ok(what);
        }
        Ok(())
    }

    async fn keys(&mut self, parts: &Parts) -> anyhow::Result<()> {
        let what = "the encryption keys open every stored grant";
        let missing = parts.missing_keys().await?.into_iter().map(|(key, grants)| {
            format!("{grants} need the key {key}: add it to EVERGRANT_ENCRYPTION_KEYS")
        });
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            self.ok(what);
        } else {
            self.operator(what, missing.join("; "));
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let checks = self.findings.iter().map(|finding| {
            let (level, ok, detail) = match &finding.level {
                Level::Ok => ("ok", true, None),
                Level::Warn(why) => ("warn", true, Some(why)),
                Level::Fail(why, _) => ("fail", false, Some(why)),
            };
            json!({ "check": finding.what, "ok": ok, "level": level, "detail": detail })
        });
        let checks: Vec<_> = checks.collect();
        let ok = checks.iter().all(|check| check["ok"] == true);
        let mut body = json!({ "ok": ok, "checks": checks });
        if let Some((name, value)) = &self.more {
            body[*name] = value.clone();
        }
        body
    }

    fn text(&self) -> String {
        let lines = self.findings.iter().map(|finding| match &finding.level {
            Level::Ok => format!("ok    {}", finding.what),
            Level::Warn(why) => format!("warn  {}\n      {why}", finding.what),
            Level::Fail(why, _) => format!("FAIL  {}\n      {why}", finding.what),
        });
        let lines: Vec<_> = lines.collect();
        match self.text.trim_end() {
            "" => lines.join("\n"),
            more => format!("{}\n\n{more}", lines.join("\n")),
        }
    }

    /// Who has to act first.
    fn exit(&self) -> ExitCode {
        let fails = self.findings.iter().find_map(|finding| match &finding.level {
            Level::Fail(_, code) => Some(*code),
            _ => None,
        });
        fails.unwrap_or(ExitCode::SUCCESS)
    }
}
