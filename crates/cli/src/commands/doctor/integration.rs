//! One integration: whether it works, what is known of it, and when it will need a person.

use std::fmt::Write as _;

use evergrant::integration::Status;
use evergrant::provider::{Actor, Failure};
use evergrant::store::FeedStatus;
use evergrant::vault::{Diagnosis, Forecast, HeldToken};
use evergrant::{CallError, IntegrationId, TokenError, UserId};
use jiff::Timestamp;
use serde_json::Value;

use super::Report;
use crate::commands::sync;
use crate::compose::Parts;
use crate::output::place;

pub(super) async fn look(
    parts: &Parts,
    id: IntegrationId,
    report: &mut Report,
) -> anyhow::Result<()> {
    let owner = match parts.owner_of(id).await {
        Ok(owner) => owner,
        Err(error) => {
            report.failed(format!("{id} exists"), &error);
            return Ok(());
        }
    };
    if is_active(parts, owner, id, report).await && may_be_called(parts, owner, id, report).await? {
        refresh(parts, owner, id, report).await;
    }
    // After the refresh, which is then the last of the attempts.
    match parts.vault.diagnose(owner, id).await {
        Ok(diagnosis) => {
            judge(&diagnosis, report);
            let feeds = copies(parts, owner, id, report).await?;
            report.text = text(&diagnosis, &feeds);
            let mut value = serde_json::to_value(&diagnosis)?;
            value["feeds"] = serde_json::to_value(&feeds)?;
            report.more = Some(("integration", value));
        }
        Err(error) => report.failed("what is known of it can be read", &error.into()),
    }
    Ok(())
}

/// Where its copies stand; a calendar or mailbox that fails is no failure of the integration.
async fn copies(
    parts: &Parts,
    owner: UserId,
    id: IntegrationId,
    report: &mut Report,
) -> anyhow::Result<Vec<FeedStatus>> {
    let mut feeds = parts.syncer.status(owner, id).await?;
    for feed in &mut feeds {
        feed.failure = feed.failure.as_ref().map(Failure::shown);
        let what = format!("its {} could be copied the last time", place(feed.feed));
        match &feed.failure {
            None => report.ok(what),
            Some(failure) => {
                let why = format!("{} {}", failure.message, failure.remedy);
                report.warn(what, why.trim_end());
            }
        }
    }
    Ok(feeds)
}

async fn is_active(parts: &Parts, owner: UserId, id: IntegrationId, report: &mut Report) -> bool {
    let what = "the integration is active";
    let known = parts.vault.integration(owner, id).await;
    let error = match known.map(|integration| integration.status) {
        Ok(Status::Active) => {
            report.ok(what);
            return true;
        }
        Ok(Status::Paused) => TokenError::Paused,
        Ok(Status::NeedsReconnect { why, since }) => TokenError::ReconnectRequired { why, since },
        Err(error) => error,
    };
    report.failed(what, &error.into());
    false
}

/// A copy calls nobody, and a suspended registration is left to those who probe it.
async fn may_be_called(
    parts: &Parts,
    owner: UserId,
    id: IntegrationId,
    report: &mut Report,
) -> anyhow::Result<bool> {
    if parts.vault.is_copy().await? {
        return Ok(false);
    }
    let provider = parts.vault.integration(owner, id).await?.provider;
    let registrations = parts.vault.registrations().into_iter();
    let suspended = registrations
        .filter(|registration| registration.providers.contains(&provider))
        .find_map(|registration| registration.suspended);
    if let Some(why) = suspended {
        report
            .failed("the provider takes the registration", &TokenError::Misconfigured(why).into());
        return Ok(false);
    }
    Ok(true)
}

async fn refresh(parts: &Parts, owner: UserId, id: IntegrationId, report: &mut Report) {
    let what = "its grant can be refreshed";
    if let Err(error) = parts.vault.refresh_now(owner, id).await {
        return report.failed(what, &error.into());
    }
    report.ok(what);
    let what = "the provider takes its token";
    match profile(parts, owner, id).await {
        Ok(()) => report.ok(what),
        Err(error) => report.failed(what, &error.into()),
    }
}

async fn profile(parts: &Parts, owner: UserId, id: IntegrationId) -> Result<(), CallError> {
    let api = evergrant::Gateway::new(parts.vault.clone()).open(owner, id).await?;
    match api.provider().profiles() {
        Some(profiles) => profiles.profile(&api).await.map(drop),
        None => Ok(()),
    }
}

fn judge(diagnosis: &Diagnosis, report: &mut Report) {
    let missing = &diagnosis.permissions.missing;
    let what = "every permission was granted";
    if missing.is_empty() {
        report.ok(what);
    } else {
        let why = format!("not granted: {}; connect again to ask for them", missing.join(" "));
        report.warn(what, why);
    }
    let what = "the provider's clock and ours agree";
    match diagnosis.clock.median_ms {
        Some(ms) if diagnosis.clock.too_much => {
            let (by, which) = (ms.unsigned_abs() / 1_000, if ms > 0 { "ahead" } else { "behind" });
            report
                .warn(what, format!("the provider's is {by} seconds {which}; set this machine's"));
        }
        _ => report.ok(what),
    }
}

fn text(diagnosis: &Diagnosis, feeds: &[FeedStatus]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:13} {value}");
    };
    match (&diagnosis.token, &diagnosis.unreadable) {
        (Some(held), _) => token(held, &mut line),
        (None, why) => line("token", &format!("unreadable: {}", why.as_deref().unwrap_or("?"))),
    }
    let words = |list: &[String]| if list.is_empty() { "-".to_owned() } else { list.join(" ") };
    let permissions = &diagnosis.permissions;
    line("granted", &words(&permissions.granted));
    line("  missing", &words(&permissions.missing));
    line("  not asked", &words(&permissions.extra));
    match &diagnosis.registration {
        None => line("registration", "its provider is not configured"),
        Some(registration) => {
            let state = match (&registration.incomplete, &registration.suspended) {
                (Some(why), _) => format!("incomplete: {}", why.message),
                (None, Some(why)) => format!("refused by the provider: {}", why.message),
                (None, None) => "nothing against it".to_owned(),
            };
            line("registration", &format!("{}: {state}", registration.name));
        }
    }
    line("next need", &need(diagnosis));
    for feed in feeds {
        line("copy", &sync::line(feed));
    }
    if !diagnosis.attempts.is_empty() {
        text.push_str("\nrefreshes, the latest first\n");
    }
    for attempt in &diagnosis.attempts {
        let codes = [
            ("", &attempt.code),
            ("", &attempt.provider_code),
            ("trace ", &attempt.trace_id),
            ("correlation ", &attempt.correlation_id),
        ];
        let codes = codes.into_iter().filter_map(|(name, code)| Some((name, code.as_ref()?)));
        let codes: Vec<_> = codes.map(|(name, code)| format!("{name}{code}")).collect();
        let (at, took) = (attempt.at, attempt.took_ms);
        let _ = writeln!(
            text,
            "{}",
            format!("{at}  {}  {took} ms  {}", attempt.outcome.name(), codes.join(", ")).trim_end()
        );
    }
    text
}

/// Who will be needed, when and why.
fn need(diagnosis: &Diagnosis) -> String {
    let Forecast { actor, at, why, .. } = &diagnosis.forecast;
    let who = match actor {
        Actor::User => "the user",
        Actor::Administrator => "the administrator",
        Actor::Operator => "the operator",
        Actor::Nobody => return why.clone(),
    };
    match at {
        Some(at) => format!("{who}, from {at} on: {why}"),
        None => format!("{who}: {why}"),
    }
}

fn token(held: &HeldToken, line: &mut impl FnMut(&str, &str)) {
    let beside = if held.refreshable { "with a refresh token" } else { "without a refresh token" };
    let login = if held.login_kept { ", its login kept" } else { "" };
    line("token", &format!("from {} to {}, {beside}{login}", held.obtained_at, held.expires_at));
    if held.decoded.opaque {
        line("  claims", "none that can be read");
    }
    for (name, value) in &held.decoded.claims {
        line(&format!("  {name}"), &claim(name, value));
    }
}

fn claim(name: &str, value: &Value) -> String {
    if ["exp", "iat", "nbf"].contains(&name)
        && let Some(at) = value.as_i64().and_then(|at| Timestamp::from_second(at).ok())
    {
        return at.to_string();
    }
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let words =
                list.iter().map(|word| word.as_str().map_or(word.to_string(), str::to_owned));
            words.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}
