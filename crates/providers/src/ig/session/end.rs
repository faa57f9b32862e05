//! Ending sessions (contract, section 2.6).

use evergrant::provider::{AuthError, Revocation};
use evergrant::{Grant, Transport};
use http::Method;

use super::answer::Obtained;
use super::state::State;
use super::wire::{Ask, Auth, Refused};
use super::{Sessions, is_v2, v3};

impl Sessions {
    /// Ends the session. One of version 3 whose access token is dead goes on as long as its refresh token
    /// lives: that is spent once, never the login, for a token to end it with.
    pub(in crate::ig) async fn revoke(
        &self,
        http: &dyn Transport,
        grant: &Grant,
    ) -> Result<Revocation, AuthError> {
        let state = State::of(grant);
        if state.environment.is_some_and(|theirs| theirs != self.environment) {
            return Ok(Revocation::NotOffered);
        }
        let auth = Auth::of(&grant.access, is_v2(&grant.scopes));
        let mut ended = self.end(http, &state, auth).await;
        if matches!(ended, Err(Refused::Ended(_))) && state.refresh_token.is_some() {
            ended = self.end_renewed(http, &state).await;
        }
        match ended {
            // A session that IG does not know has ended.
            Ok(()) | Err(Refused::Ended(_)) => Ok(Revocation::Revoked),
            Err(Refused::Else(error)) => Err(error),
        }
    }

    /// Ends a session by its refresh token. Where the last step fails, the next try finds that token spent;
    /// what replaced it is known to nobody, and dies by itself.
    async fn end_renewed(&self, http: &dyn Transport, state: &State) -> Result<(), Refused> {
        let obtained = v3::renew(self, http, state, false).await?;
        let ended = self.end(http, state, obtained.tokens.auth()).await;
        ended.map_err(|refused| refused.passing().into())
    }

    async fn end(&self, http: &dyn Transport, state: &State, auth: Auth) -> Result<(), Refused> {
        let ask = Ask::new(Method::DELETE, 1, "/session")
            .by(auth)
            .within(state.account.as_deref())
            .counted(state.whose());
        let response = self.answer(http, ask).await?;
        let ended = response.status().is_success();
        if ended { Ok(()) } else { Err(self.not_renewed(&response, false)) }
    }

    /// Ends a session that nobody uses: it would last for hours.
    pub(super) async fn end_unused(&self, http: &dyn Transport, obtained: &Obtained) {
        let ask = Ask::new(Method::DELETE, 1, "/session")
            .by(obtained.tokens.auth())
            .counted(obtained.whose())
            .aside();
        if let Err(error) = self.answer(http, ask).await {
            tracing::warn!(%error, "a session that nobody uses was not ended");
        }
    }
}
