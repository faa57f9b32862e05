//! A new secret or certificate takes over without a restart.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::compose::Parts;

/// How often the configuration is read again.
const EVERY: Duration = Duration::from_secs(10);

/// Reads the configuration again and again, and hands changed credentials to their registrations:
/// whoever puts a new secret into a file need not restart anything. What else has changed waits for
/// the next start.
pub(crate) fn watch(parts: &Parts) -> impl Future<Output = ()> + Send + 'static {
    let (mut settings, registrations) = (parts.settings.clone(), parts.registrations.clone());
    let (vault, clock) = (parts.vault.clone(), Arc::clone(&parts.clock));
    async move {
        loop {
            clock.sleep(EVERY).await;
            let new = match settings.read_again() {
                Ok(new) => new,
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "the configuration is wrong now");
                    continue;
                }
            };
            let (before, after) = (settings.providers(), new.providers());
            for (name, credentials) in after.credentials() {
                let known = before.credentials().get(&name).cloned().unwrap_or_default();
                if known == credentials {
                    continue;
                }
                if credentials.is_empty() {
                    // A file that is being written is empty for a moment.
                    tracing::warn!(
                        registration = name,
                        "has no credentials now: keeps the old ones"
                    );
                    continue;
                }
                match registrations.replace(&name, credentials) {
                    Ok(()) => {
                        tracing::info!(registration = name, "took over new credentials");
                        vault.credentials_changed(&name);
                    }
                    Err(error) => tracing::error!(%error, "new credentials cannot be used"),
                }
            }
            settings = new;
        }
    }
}
