//! Deals that are sent once, and what is said of them.

use std::process::ExitCode;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::CallError;
use evergrant::capability::{Deal, DealOutcome, Once};
use evergrant_store::{ClaimId, Claimed, Effect, EffectAnswer};
use serde::Serialize;
use serde_json::{Value, json};

use super::show;
use crate::commands::live::{Exact, Live};
use crate::output::{Exit, Output, UsageError};

/// How long a command that died keeps its `--key` from the next: longer than any deal takes.
const LEASE: Duration = Duration::from_mins(5);
/// How long what came of a deal is known by its `--key`.
const KEPT: Duration = Duration::from_hours(24);

/// Deals. With a key the same command is sent once: what came of it is kept, and where that is not known
/// it is only looked for.
///
/// `args` is everything that makes the command this one.
pub(super) async fn deal<A>(
    live: &Live,
    output: Output,
    purpose: &str,
    key: Option<&str>,
    args: &impl Serialize,
    act: impl FnOnce(Once) -> A,
) -> anyhow::Result<ExitCode>
where
    A: Future<Output = Result<Deal, CallError>>,
{
    let Some(key) = key else {
        return told(output, &json!(act(live.anew()).await?));
    };
    let mut exact = Exact::of(args)?;
    exact.add(live.api.chosen().unwrap_or_default().as_bytes());
    let exact = format!("{purpose}\n{}", exact.digest());
    let (effect, once) = named(live, purpose, key, &exact);
    let (store, vault) = (&live.parts.store, &live.parts.vault);
    let tried = match store.claim_effect(&effect, LEASE, KEPT).await? {
        Claimed::Granted { tried } => tried,
        Claimed::Answered(answer) => {
            let kept = vault.open_reply(&effect.id, &answer.body)?;
            return told(output, &serde_json::from_slice(&kept)?);
        }
        Claimed::Busy => {
            let detail = "the first command with this --key has not ended".to_owned();
            return Err(CallError::OutcomeUnknown { detail, retry_after: LEASE }.into());
        }
        Claimed::Mismatch => {
            let why = "--key was used for another command; give this one a name of its own";
            return Err(UsageError(why.to_owned()).into());
        }
    };
    let done = act(if tried { once.again() } else { once }).await;
    match &done {
        Ok(deal) if deal.outcome != DealOutcome::Unknown => {
            let body = vault.seal_reply(&effect.id, &serde_json::to_vec(deal)?);
            let content_type = Some("application/json".to_owned());
            store
                .answer_effect(&effect, &EffectAnswer { status: 200, content_type, body }, KEPT)
                .await?;
        }
        // What failed was not sent, or did certainly nothing.
        Err(error) if !tried && !matches!(error, CallError::OutcomeUnknown { .. }) => {
            store.forget_effect(&effect).await?;
        }
        _ => store.release_effect(&effect).await?,
    }
    told(output, &json!(done?))
}

/// The effect that a key names, and its name at the provider.
fn named(live: &Live, purpose: &str, key: &str, exact: &str) -> (Effect, Once) {
    let id = live.api.integration();
    let sha256 = |text: &str| {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        hash
    };
    let effect = Effect {
        id: URL_SAFE_NO_PAD.encode(sha256(&format!("command line\n{id}\n{key}"))),
        integration: id,
        request: sha256(exact),
        claim: ClaimId::new(&*live.parts.clock, &*live.parts.entropy),
    };
    (effect, Once::from_key(id, purpose, &format!("{key}\n{exact}")))
}

/// Says what came of a deal; the exit code says it as well.
pub(super) fn told(output: Output, deal: &Value) -> anyhow::Result<ExitCode> {
    output.value(deal, &show::deal(deal))?;
    Ok(match deal["outcome"].as_str() {
        Some("done") => ExitCode::SUCCESS,
        Some("rejected") => Exit::Failed.into(),
        _ => Exit::TryLater.into(),
    })
}
