use serde_json::json;

use crate::compose::{Ambient, open_store};
use crate::output::Output;
use crate::settings::Settings;

pub(crate) async fn run(settings: Settings, output: Output) -> anyhow::Result<()> {
    let store = open_store(&settings, &Ambient::default().clock).await?;
    let before = store.schema().await?.applied;
    store.migrate().await?;
    let after = store.schema().await?.applied;
    store.close().await;
    let text = if before == after {
        format!("the schema is up to date, at {after}")
    } else {
        format!("the schema is now at {after}; it was at {before}")
    };
    output.value(&json!({ "before": before, "after": after }), &text)
}
