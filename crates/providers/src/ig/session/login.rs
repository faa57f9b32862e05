//! Signing in with name and password (contract, sections 2.1 to 2.3).

use evergrant::provider::{Actor, AuthError, Failure};
use evergrant::{Secret, Transport};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::{self, Obtained, Tokens};
use super::state::{State, Version};
use super::wire::{Ask, Auth};
use super::{Sessions, encrypt, wire};
use crate::ig::refusal;
use crate::ig::words::{self, Kind};

/// A name and a password.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) identifier: Secret,
    pub(super) password: Secret,
}

/// [`Login`], on its way into a secret and back.
#[derive(Serialize, Deserialize)]
struct Plain {
    identifier: String,
    password: String,
}

impl Login {
    /// As it is kept beside a grant.
    pub(super) fn kept(&self) -> Secret {
        let plain = Plain {
            identifier: self.identifier.expose().to_owned(),
            password: self.password.expose().to_owned(),
        };
        #[expect(clippy::expect_used, reason = "texts always serialise")]
        let text = serde_json::to_string(&plain).expect("a login serialises");
        text.into()
    }

    /// What was kept.
    pub(super) fn of(kept: &Secret) -> Option<Self> {
        let plain: Plain = serde_json::from_str(kept.expose()).ok()?;
        Some(Self { identifier: plain.identifier.into(), password: plain.password.into() })
    }
}

impl Sessions {
    /// Signs in. A password that IG refuses is sent once; it is sent again only where IG wants it
    /// encrypted, or gives no reason at all. That it wants it encrypted is noted for the next time.
    pub(super) async fn sign_in(
        &self,
        http: &dyn Transport,
        login: &Login,
        state: &mut State,
    ) -> Result<Obtained, AuthError> {
        let mut unexplained = false;
        loop {
            let encrypted = state.encrypted;
            let password = if encrypted {
                encrypt::password(self, http, &login.password, state.whose()).await?
            } else {
                login.password.clone()
            };
            let mut body = json!({
                "identifier": login.identifier.expose(),
                "password": password.expose(),
            });
            // Version 3 has no such member but where it is needed.
            if encrypted || state.version == Version::V2 {
                body["encryptedPassword"] = encrypted.into();
            }
            let ask = Ask::new(Method::POST, state.version.into(), "/session")
                .counted(state.whose())
                .json(body);
            let response = self.answer(http, ask).await?;
            if response.status().is_success() {
                let obtained = answer::read(&response);
                return obtained.ok_or_else(|| wire::unreadable(response.status()));
            }
            let code = refusal::code(&response);
            match code.as_deref().and_then(words::find).map(|row| row.kind) {
                Some(Kind::Encryption) if !encrypted => state.encrypted = true,
                Some(Kind::Unexplained) if !unexplained => unexplained = true,
                _ => return Err(self.refused(&response).error()),
            }
        }
    }

    /// Asks whether an account is one of those who signed in, where the answer has not said so: every
    /// call in another would fail.
    pub(super) async fn must_have(
        &self,
        http: &dyn Transport,
        obtained: &Obtained,
        account: &str,
        remedy: &str,
    ) -> Result<(), AuthError> {
        if obtained.account.as_deref() == Some(account) {
            return Ok(());
        }
        let accounts = match (&obtained.accounts, &obtained.tokens) {
            (Some(accounts), _) => accounts.clone(),
            (None, Tokens::Bearer { access, .. }) => {
                let ask = Ask::new(Method::GET, 1, "/accounts")
                    .by(Auth::Bearer(access.clone()))
                    .counted(obtained.whose())
                    .aside();
                let response = self.send(http, ask).await.map_err(wire::Refused::error)?;
                let body: serde_json::Value = serde_json::from_slice(response.body())
                    .map_err(|_| wire::unreadable(response.status()))?;
                answer::listed(&body["accounts"])
            }
            (None, Tokens::Pair(_)) => Vec::new(),
        };
        if accounts.iter().any(|known| known == account) {
            return Ok(());
        }
        let message =
            format!("The login has no account {account}; it has {}.", accounts.join(", "));
        let failure = Failure::new("account_unknown", Actor::User, message).remedied_by(remedy);
        Err(AuthError::Rejected(failure))
    }

    /// That whoever a sign-in let in is who it was before. Where nobody was before it may be anybody.
    pub(super) async fn must_be(
        &self,
        http: &dyn Transport,
        obtained: &Obtained,
        state: &State,
    ) -> Result<(), AuthError> {
        let Some(before) = &state.client else { return Ok(()) };
        let error = match &obtained.client {
            // Only a sign-in is asked who it is.
            _ if !obtained.signed_in => return Ok(()),
            Some(client) if client == before => return Ok(()),
            None => wire::unreadable(StatusCode::OK),
            Some(_) => AuthError::Rejected(words::SOMEBODY_ELSE.failure()),
        };
        self.end_unused(http, obtained).await;
        Err(error)
    }
}
