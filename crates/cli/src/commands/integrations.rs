use evergrant::integration::{Integration, Status};
use serde_json::{Value, json};

use crate::commands::users;
use crate::compose::Parts;
use crate::output::Output;
use crate::settings::Settings;

/// How many are read at once.
const PAGE: u32 = 200;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only those of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let parts = Parts::of(settings).await?;
    let users = match &args.user {
        Some(name) => vec![users::find(&parts, name).await?],
        None => parts.store.users().await?,
    };
    let (mut rows, mut list) = (Vec::new(), Vec::new());
    for user in users {
        let mut after = None;
        loop {
            let page = parts.vault.integrations(user.id, after, PAGE).await?;
            after = page.last().map(|last| last.id);
            let done = page.len() < PAGE as usize;
            for integration in page {
                list.push(entry(&user.name, &integration));
                rows.push(vec![
                    integration.id.to_string(),
                    user.name.clone(),
                    integration.provider.to_string(),
                    integration.label.clone(),
                    status(&integration.status).to_owned(),
                ]);
            }
            if done {
                break;
            }
        }
    }
    output.table(
        &Value::Array(list),
        &["ID", "USER", "PROVIDER", "ACCOUNT", "STATUS"],
        &rows,
        "nothing is connected yet; begin with `evergrant connect PROVIDER`",
    )?;
    parts.finish().await;
    Ok(())
}

/// An integration as JSON.
pub(crate) fn entry(user: &str, integration: &Integration) -> Value {
    let reason = match &integration.status {
        Status::NeedsReconnect { why, .. } => serde_json::to_value(why).unwrap_or_default(),
        _ => Value::Null,
    };
    json!({
        "id": integration.id,
        "user": user,
        "provider": integration.provider,
        "label": integration.label,
        "account": integration.account,
        "status": status(&integration.status),
        "reason": reason,
        "scopes": integration.scopes,
        "created_at": integration.created_at,
    })
}

fn status(status: &Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::NeedsReconnect { .. } => "needs_reconnect",
        Status::Paused => "paused",
    }
}
