use std::sync::Arc;

use evergrant::{IntegrationId, Subscriptions};
use serde_json::json;

use crate::compose::Parts;
use crate::output::Output;
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The integration, int_…
    id: IntegrationId,
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let parts = Parts::of(settings).await?;
    let owner = parts.owner_of(args.id).await?;
    let integration = parts.vault.integration(owner, args.id).await?;
    // While there is a token for it.
    let store = Arc::new(parts.store.clone());
    Subscriptions::new(parts.vault.clone(), store, None).end(owner, args.id).await;
    parts.vault.disconnect(owner, args.id).await?;
    let manage_url = parts
        .providers
        .find(&integration.provider)
        .and_then(|provider| provider.manifest().manage_url.clone());
    if let Some(url) = &manage_url {
        output.note(&format!("What you granted at the provider can be removed at {url}"));
    }
    let body = json!({ "id": args.id, "disconnected": true, "manage_url": manage_url });
    output.value(&body, &format!("disconnected {}", args.id))?;
    parts.finish().await;
    Ok(())
}
