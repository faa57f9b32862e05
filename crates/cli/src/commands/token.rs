use evergrant::{IntegrationId, MinLife};
use serde_json::json;

use crate::compose::Parts;
use crate::output::Output;
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The integration, int_…
    id: IntegrationId,
    /// How much life the token must have left, in seconds
    #[arg(long, value_name = "N", default_value_t = 0)]
    min_seconds: u64,
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let parts = Parts::of(settings).await?;
    let owner = parts.owner_of(args.id).await?;
    let token = parts.vault.token(owner, args.id, MinLife::secs(args.min_seconds)).await?;
    let warning = token.warning().map(serde_json::to_value).transpose()?;
    if let Some(warning) = &warning {
        output.note(&format!("warning: {}", warning.as_str().unwrap_or_default()));
    }
    let secret = token.secret().expose();
    let body = json!({
        "access_token": secret,
        "token_type": token.token_type(),
        "expires_at": token.expires_at(),
        "scopes": token.scopes(),
        "warning": warning,
    });
    output.value(&body, secret)?;
    parts.finish().await;
    Ok(())
}
