use evergrant::provider::ProviderKey;
use evergrant::vault::CONSENT_LIFE;
use serde_json::json;
use url::Url;

use crate::compose::Parts;
use crate::output::Output;
use crate::settings::Settings;

const DAY: u64 = 24 * 60 * 60;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What the organisation's users are to connect, such as `microsoft_calendar`
    provider: String,
    /// The organisation, by its id or domain; that of whoever opens the page unless given
    #[arg(long, value_name = "T")]
    tenant: Option<String>,
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let parts = Parts::of(settings).await?;
    let provider = ProviderKey::from(args.provider.as_str());
    // The server takes the answer: this command is long gone when an administrator has the time.
    let server = parts.settings.public_url(parts.settings.server.listen)?;
    // Joined by hand, as the server does: its own address may have a path.
    let base = server.as_str().trim_end_matches('/');
    let back = Url::parse(&format!("{base}/api/integrations/oauth/callback/{provider}/"))?;
    let page = parts.vault.consent_page(&provider, &back, args.tenant.as_deref())?;
    let days = CONSENT_LIFE.as_secs() / DAY;
    output.note(&format!(
        "For an administrator of the organisation, within {days} days; it comes back to {server}"
    ));
    let body = json!({ "consent_url": page, "expires_in_days": days });
    output.value(&body, page.as_str())?;
    parts.finish().await;
    Ok(())
}
