use std::process::ExitCode;

use evergrant::integration::Status;
use evergrant::{CallError, IntegrationId, TokenError};
use serde_json::{Value, json};

use crate::compose::Parts;
use crate::output::{Exit, Output, exit_code, sentence};
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// An integration to look at, int_…; it is refreshed once to see whether it can be
    id: Option<IntegrationId>,
}

/// One thing that was looked at.
struct Finding {
    what: String,
    trouble: Option<(String, ExitCode)>,
}

pub(crate) async fn run(
    settings: Settings,
    output: Output,
    args: Args,
) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    match Parts::of(settings).await {
        Ok(parts) => {
            findings.push(Finding::new("the database answers", None));
            findings.push(keys(&parts).await?);
            match args.id {
                None => registrations(&parts, &mut findings),
                Some(id) => integration(&parts, id, &mut findings).await,
            }
            parts.finish().await;
        }
        Err(error) => findings.push(Finding::new(
            "the database answers, and the configuration can be used",
            Some(trouble(&error)),
        )),
    }
    let list = findings.iter().map(|finding| {
        let trouble = finding.trouble.as_ref().map(|(text, _)| text);
        json!({ "check": finding.what, "ok": trouble.is_none(), "detail": trouble })
    });
    let body = Value::Array(list.collect());
    let text: Vec<_> = findings
        .iter()
        .map(|finding| match &finding.trouble {
            None => format!("ok    {}", finding.what),
            Some((trouble, _)) => format!("FAIL  {}\n      {trouble}", finding.what),
        })
        .collect();
    output.value(&body, &text.join("\n"))?;
    let worst = findings.into_iter().find_map(|finding| finding.trouble);
    Ok(worst.map_or(ExitCode::SUCCESS, |(_, code)| code))
}

impl Finding {
    fn new(what: impl Into<String>, trouble: Option<(String, ExitCode)>) -> Self {
        let what = what.into();
        Self { what, trouble }
    }
}

/// What is wrong, and who has to act.
fn trouble(error: &anyhow::Error) -> (String, ExitCode) {
    (sentence(error), exit_code(error))
}

async fn keys(parts: &Parts) -> anyhow::Result<Finding> {
    let missing = parts.missing_keys().await?.into_iter().map(|(key, grants)| {
        format!("{grants} need the key {key}: add it to EVERGRANT_ENCRYPTION_KEYS")
    });
    let missing: Vec<_> = missing.collect();
    let trouble = (!missing.is_empty()).then(|| (missing.join("; "), Exit::Operator.into()));
    Ok(Finding::new("the encryption keys open every stored grant", trouble))
}

fn registrations(parts: &Parts, findings: &mut Vec<Finding>) {
    for provider in parts.providers.iter() {
        let trouble =
            provider.ready().err().map(|failure| (failure.message, Exit::Operator.into()));
        let key = &provider.manifest().key;
        findings.push(Finding::new(format!("the registration of {key} is complete"), trouble));
    }
}

async fn integration(parts: &Parts, id: IntegrationId, findings: &mut Vec<Finding>) {
    let owner = match parts.owner_of(id).await {
        Ok(owner) => owner,
        Err(error) => {
            findings.push(Finding::new(format!("{id} exists"), Some(trouble(&error))));
            return;
        }
    };
    let known = parts.vault.integration(owner, id).await;
    let status = match known.as_ref().map(|integration| &integration.status) {
        Ok(Status::Active) => None,
        Ok(Status::Paused) => Some(trouble(&TokenError::Paused.into())),
        Ok(Status::NeedsReconnect { why, since }) => {
            let lost = TokenError::ReconnectRequired { why: why.clone(), since: *since };
            Some(trouble(&lost.into()))
        }
        Err(error) => Some(trouble(&error.clone().into())),
    };
    let active = status.is_none();
    findings.push(Finding::new("the integration is active", status));
    if !active {
        return;
    }
    let refreshed = parts.vault.refresh_now(owner, id).await;
    let refreshable = refreshed.is_ok();
    findings.push(Finding::new(
        "its grant can be refreshed",
        refreshed.err().map(|error| trouble(&error.into())),
    ));
    if refreshable {
        let profile = profile(parts, owner, id).await;
        findings.push(Finding::new(
            "the provider takes its token",
            profile.err().map(|error| trouble(&error.into())),
        ));
    }
}

async fn profile(
    parts: &Parts,
    owner: evergrant::UserId,
    id: IntegrationId,
) -> Result<(), CallError> {
    let api = evergrant::Gateway::new(parts.vault.clone()).open(owner, id).await?;
    match api.provider().profiles() {
        Some(profiles) => profiles.profile(&api).await.map(drop),
        None => Ok(()),
    }
}
