//! The demo's step about the local copy.

use anyhow::{Context, ensure};
use http::Method;
use serde_json::{Value, json};

use super::tour::{ACCOUNT, Tour};

/// Copies the calendar of `calendar` and the mailbox of `mailbox`, has somebody else read a message there,
/// and shows that this alone is told.
pub(super) async fn step(tour: &Tour, calendar: &str, mailbox: &str) -> anyhow::Result<Value> {
    let events = sync(tour, calendar).await?;
    let messages = sync(tour, mailbox).await?;
    let begun = tour.api(Method::GET, "/api/integrations/changes/?cursor=now", None).await?;
    let path = "/api/integrations/email-messages/?limit=1";
    let newest = tour.api(Method::GET, path, None).await?["results"][0].take();
    let id = newest["id"].as_str().context("the copy has no messages")?;
    let was_read = newest["is_read"].as_bool().context("nobody knows whether it was read")?;
    let elsewhere = json!({ "isRead": !was_read });
    tour.stage
        .change("microsoft", &format!("users/{ACCOUNT}/messages/{id}/change"), &elsewhere)
        .map_err(|problem| anyhow::anyhow!("{problem:?}"))?;
    sync(tour, mailbox).await?;
    let cursor = begun["cursor"].as_str().context("no cursor")?;
    let path = format!("/api/integrations/changes/?cursor={cursor}");
    let told = tour.api(Method::GET, &path, None).await?;
    let changes = told["results"].as_array().context("no changes")?;
    ensure!(changes.len() == 1, "{} changes are told, and there was one", changes.len());
    let change = &changes[0];
    ensure!(change["id"] == newest["id"], "another message is told");
    ensure!(change["item"]["is_read"] == !was_read, "the old message is told");
    Ok(json!({
        "events": events["items"],
        "messages": messages["items"],
        "there_are_more": messages["truncated"],
        "told": format!("{} {}", text(&change["kind"]), text(&change["change"])),
        "subject": change["item"]["subject"],
        "is_read": change["item"]["is_read"],
    }))
}

/// Copies what an integration has, and gives where its only feed stands.
async fn sync(tour: &Tour, id: &str) -> anyhow::Result<Value> {
    let path = format!("/api/integrations/{id}/sync/?wait=true");
    let ask = json!({ "sync_type": "full" });
    let mut sync = tour.api(Method::POST, &path, Some(&ask)).await?;
    ensure!(sync["state"] == "done", "the copy is {}", sync["state"]);
    Ok(sync["feeds"][0].take())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
