//! Sessions of version 2 (contract, sections 2.4 and 2.5).

use std::time::Duration;

use evergrant::provider::AuthError;
use evergrant::{Grant, Transport};
use http::{Method, StatusCode};
use serde_json::json;

use super::Sessions;
use super::answer::{self, Obtained};
use super::state::State;
use super::wire::{self, Ask, Auth, Pair, Refused};
use crate::ig::limits::Whose;

/// How long the tokens live, by the shortest that IG says (contract, section 2.8).
pub(in crate::ig) const LIFE: Duration = Duration::from_hours(6);

/// Asks for the session's tokens anew.
pub(super) async fn renew(
    sessions: &Sessions,
    http: &dyn Transport,
    spent: &Grant,
    state: &State,
) -> Result<Obtained, Refused> {
    let ask = Ask::new(Method::GET, 1, "/session?fetchSessionTokens=true")
        .by(Auth::of(&spent.access, true))
        .counted(state.whose());
    let response = sessions.answer(http, ask).await?;
    if !response.status().is_success() {
        return Err(sessions.not_renewed(&response, spent.login.is_some()));
    }
    let kept =
        || Pair::split(&spent.access).and_then(|pair| answer::without_tokens(&response, pair));
    // Where it gives no others, those that asked are the ones.
    let obtained = answer::read(&response).or_else(kept);
    obtained.ok_or_else(|| wire::unreadable(response.status()).into())
}

/// The tokens of the session in the account that was chosen.
pub(super) async fn within(
    sessions: &Sessions,
    http: &dyn Transport,
    pair: Pair,
    current: Option<&str>,
    wanted: &str,
    whose: Option<Whose>,
) -> Result<Pair, AuthError> {
    match current {
        // Nobody knows where a deal would be done.
        None => return Err(wire::unreadable(StatusCode::OK)),
        Some(current) if current == wanted => return Ok(pair),
        Some(_) => {}
    }
    let ask = Ask::new(Method::PUT, 1, "/session")
        .by(Auth::Pair(pair.clone()))
        .counted(whose)
        // The default account stays what it is: it is the user's.
        .json(json!({ "accountId": wanted, "defaultAccount": false }))
        .aside();
    let response = sessions.send(http, ask).await.map_err(Refused::passing)?;
    let xst = answer::header(&response, wire::XST);
    let xst = xst.ok_or_else(|| wire::unreadable(response.status()))?;
    // The client's token changes sometimes.
    let cst = answer::header(&response, wire::CST).unwrap_or(pair.cst);
    Ok(Pair { cst, xst })
}
