use std::process::ExitCode;

use evergrant::integration::Status;
use evergrant::{CallError, IntegrationId, TokenError};
use serde_json::{Value, json};

use crate::compose::Parts;
use crate::output::{Exit, Output, exit_code};
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
    let parts = Parts::of(settings).await?;
    let mut findings = vec![Finding {
        what: "the database answers".to_owned(),
        trouble: None,
    }];
    match args.id {
        None => registrations(&parts, &mut findings),
        Some(id) => integration(&parts, id, &mut findings).await,
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
    parts.finish().await;
    let worst = findings.into_iter().find_map(|finding| finding.trouble);
    Ok(worst.map_or(ExitCode::SUCCESS, |(_, code)| code))
}

fn registrations(parts: &Parts, findings: &mut Vec<Finding>) {
    for provider in parts.providers.iter() {
        let trouble = provider
            .ready()
            .err()
            .map(|failure| (failure.message, Exit::Operator.into()));
        findings.push(Finding {
            what: format!(
                "the registration of {} is complete",
                provider.manifest().key
            ),
            trouble,
        });
    }
}

async fn integration(parts: &Parts, id: IntegrationId, findings: &mut Vec<Finding>) {
    let trouble = |error: anyhow::Error| {
        let code = exit_code(&error);
        Some((format!("{error:#}"), code))
    };
    let owner = match parts.owner_of(id).await {
        Ok(owner) => owner,
        Err(error) => {
            findings.push(Finding {
                what: format!("{id} exists"),
                trouble: trouble(error),
            });
            return;
        }
    };
    let known = parts.vault.integration(owner, id).await;
    let status = match known.as_ref().map(|integration| &integration.status) {
        Ok(Status::Active) => None,
        Ok(Status::Paused) => trouble(TokenError::Paused.into()),
        Ok(Status::NeedsReconnect { why, since }) => trouble(
            TokenError::ReconnectRequired {
                why: why.clone(),
                since: *since,
            }
            .into(),
        ),
        Err(error) => trouble(error.clone().into()),
    };
    let active = status.is_none();
    findings.push(Finding {
        what: "the integration is active".to_owned(),
        trouble: status,
    });
    if !active {
        return;
    }
    let refreshed = parts.vault.refresh_now(owner, id).await;
    let refreshable = refreshed.is_ok();
    findings.push(Finding {
        what: "its grant can be refreshed".to_owned(),
        trouble: refreshed.err().and_then(|error| trouble(error.into())),
    });
    if refreshable {
        let profile = profile(parts, owner, id).await;
        findings.push(Finding {
            what: "the provider takes its token".to_owned(),
            trouble: profile.err().and_then(|error| trouble(error.into())),
        });
    }
}

async fn profile(
    parts: &Parts,
    owner: evergrant::UserId,
    id: IntegrationId,
) -> Result<(), CallError> {
    let api = evergrant::Gateway::new(parts.vault.clone())
        .open(owner, id)
        .await?;
    match api.provider().profiles() {
        Some(profiles) => profiles.profile(&api).await.map(drop),
        None => Ok(()),
    }
}
