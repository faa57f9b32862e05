//! Sessions of version 3 (contract, section 2.7).

use std::time::Duration;

use evergrant::{Secret, Transport};
use http::Method;
use serde_json::json;

use super::Sessions;
use super::answer::{self, Obtained};
use super::state::State;
use super::wire::{self, Ask, Refused};

/// How long an access token lives where the answer does not say.
pub(super) const LIFE: Duration = Duration::from_mins(1);

/// Spends the refresh token. No access token goes along: IG ignores one that has expired, and
/// somebody between may not. `kept` says that a login could make another session.
pub(super) async fn renew(
    sessions: &Sessions,
    http: &dyn Transport,
    state: &State,
    kept: bool,
) -> Result<Obtained, Refused> {
    let token = state.refresh_token.as_ref().map(Secret::expose).unwrap_or_default();
    let ask = Ask::new(Method::POST, 1, "/session/refresh-token")
        .within(state.account.as_deref())
        .counted(state.whose())
        .json(json!({ "refresh_token": token }));
    let response = sessions.answer(http, ask).await?;
    if response.status().is_success() {
        let obtained = answer::read(&response);
        return obtained.ok_or_else(|| wire::unreadable(response.status()).into());
    }
    Err(sessions.not_renewed(&response, kept))
}
