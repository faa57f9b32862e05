//! Sessions: how a user signs in, and how a session goes on (contract, section 2).
//!
//! There are two kinds. A session of version 3 has a bearer token that lives for a minute and a refresh
//! token that lives for ten more; the account is named with each call. One of version 2 has a pair of
//! tokens for hours, and is in one account. Either kind ends without calls, and at weekends; then only
//! the login makes another, and it is there only where the user agreed that it is kept.
//!
//! 1. A password that IG refuses is sent once; of one name this process sends no more than three wrong
//!    ones in a quarter of an hour.
//! 2. A login that is kept signs in once a minute in the long run, and five times at once at most. A
//!    sign-in that fails leaves nothing behind that could count it: a refusal ends the connection, and
//!    after anything else the vault rests before it asks again.
//! 3. A session of version 2 is handed out only if IG said that it is in the account that was chosen.
//! 4. Whatever answer makes a session makes it wherever it arrives: after a crash an answer that was
//!    kept comes back to the first request of the next try.

mod answer;
mod attempts;
mod encrypt;
mod end;
mod form;
mod login;
mod state;
mod v2;
mod v3;
mod wire;

use std::sync::Arc;

use evergrant::provider::{AuthError, Evidence, Failure, Redeemed, RefreshLife};
use evergrant::{AccessToken, Account, Grant, Request, Secret, Transport};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use url::Url;

use super::key::Key;
use super::limits::Whose;
use super::{Environment, words};
use crate::dictionary;
use answer::Obtained;
pub(super) use attempts::Attempts;
pub(super) use form::{fields, is_account_id};
use login::Login;
use state::{State, Version};
pub(super) use wire::{ACCOUNT, JSON, METHOD, VERSION};
use wire::{Auth, Refused};

/// Stands among the permissions of a session of version 2.
const V2: &str = "session:v2";
/// Stands before the account among the permissions.
const IN: &str = "account:";

/// Whether what was granted is a session of version 2.
pub(super) fn is_v2(granted: &[String]) -> bool {
    granted.iter().any(|scope| scope == V2)
}

/// How long the session can go on without being used, where that is longer than one of version 3 does.
pub(super) fn life(grant: &Grant) -> Option<RefreshLife> {
    is_v2(&grant.scopes).then_some(RefreshLife::Idle(v2::LIFE))
}

/// Makes and ends sessions with one registration.
pub(super) struct Sessions {
    pub(super) base_url: Url,
    pub(super) environment: Environment,
    pub(super) key: Arc<Key>,
    pub(super) attempts: Attempts,
}

impl Sessions {
    /// Signs in with a filled-in form.
    pub(super) async fn redeem(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        evidence: Evidence,
    ) -> Result<Redeemed, AuthError> {
        let Evidence::Form { fields, previous } = evidence else {
            return Err(AuthError::Rejected(dictionary::WRONG_EVIDENCE.failure()));
        };
        let form = form::read(&fields).map_err(AuthError::Rejected)?;
        let mut state = State::new(self.environment, form.version);
        let obtained = self.first_sign_in(http, now, &form.login, &mut state).await?;
        let Some(client) = obtained.client.clone() else {
            self.end_unused(http, &obtained).await;
            return Err(wire::unreadable(StatusCode::OK));
        };
        // A connection stays in the account it is in, where the same client signs in for it again.
        let same = |known: &Account| {
            let account = known.id.strip_prefix(&self.account_id(&client, ""))?;
            is_account_id(account).then(|| account.to_owned())
        };
        let kept = previous.as_ref().and_then(same).filter(|_| form.account.is_none());
        let remedy = match kept {
            Some(_) => "Connect one of them as a connection of its own.",
            None => "Name one of them, or none for the login's default account.",
        };
        if let Some(account) = form.account.or(kept) {
            if let Err(error) = self.must_have(http, &obtained, &account, remedy).await {
                self.end_unused(http, &obtained).await;
                return Err(error);
            }
            state.account = Some(account);
        }
        let grant = self.granted(http, now, state, obtained).await?;
        let name = account_of(&grant.scopes).unwrap_or_default().to_owned();
        let account = Account {
            // Two accounts of one login are two integrations.
            id: self.account_id(&client, &name),
            // IG names no person; whoever has several integrations tells them apart by this.
            name,
            // The name that signed in is half of a login: it is kept with the password, or not at all.
            username: None,
        };
        let login = form.keep.then(|| form.login.kept());
        Ok(Redeemed { grant: Grant { login, ..grant }, account })
    }

    /// The id of an account: environment, client and trading account.
    fn account_id(&self, client: &str, account: &str) -> String {
        format!("{}:{client}:{account}", self.environment.as_str())
    }

    /// Signs in with what somebody typed, unless IG refused that name a few times of late.
    async fn first_sign_in(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        login: &Login,
        state: &mut State,
    ) -> Result<Obtained, AuthError> {
        let identifier = &login.identifier;
        // Before it is sent: those that come at once count as well.
        let begun = self.attempts.begin(identifier, now);
        begun.map_err(|until| AuthError::Rejected(words::too_many_attempts(until)))?;
        let came = self.sign_in(http, login, state).await;
        match &came {
            Ok(_) => self.attempts.forget(identifier),
            Err(AuthError::Rejected(_)) => {}
            Err(_) => self.attempts.give_back(identifier, now),
        }
        came
    }

    /// Makes the session go on, or signs in again where it has ended and the login is kept.
    pub(super) async fn refresh(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        spent: &Grant,
    ) -> Result<Grant, AuthError> {
        let mut state = State::of(spent);
        if let Some(theirs) = state.environment
            && theirs != self.environment
        {
            // The registration is sound, and the session may be needed again: nobody is marked.
            let failure = words::wrong_environment(theirs.as_str(), self.environment);
            return Err(AuthError::Unavailable { failure, retry_after: None, sent: false });
        }
        let renewed = match state.version {
            Version::V3 => v3::renew(self, http, &state, spent.login.is_some()).await,
            Version::V2 => v2::renew(self, http, spent, &state).await,
        };
        let obtained = match renewed {
            Ok(obtained) => obtained,
            Err(Refused::Ended(why)) => self.again(http, now, spent, &mut state, why).await?,
            Err(Refused::Else(error)) => return Err(error),
        };
        self.must_be(http, &obtained, &state).await?;
        if obtained.signed_in {
            state.logged_in(now);
        }
        let grant = self.granted(http, now, state, obtained).await?;
        Ok(Grant { login: spent.login.clone(), ..grant })
    }

    /// Signs in with the login that was kept, since the session has ended.
    async fn again(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        spent: &Grant,
        state: &mut State,
        why: Failure,
    ) -> Result<Obtained, AuthError> {
        let Some(login) = spent.login.as_ref().and_then(Login::of) else {
            return Err(AuthError::Rejected(why));
        };
        if let Some(wait) = state.too_soon(now) {
            // IG ends what it has just begun: asking for more of it would lock the login.
            return Err(AuthError::Unavailable {
                failure: dictionary::THROTTLED.failure(),
                retry_after: Some(wait),
                sent: false,
            });
        }
        self.sign_in(http, &login, state).await
    }

    /// The grant that an answer makes, in the account that was chosen.
    async fn granted(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        mut state: State,
        obtained: Obtained,
    ) -> Result<Grant, AuthError> {
        let Obtained { tokens, client, account, .. } = obtained;
        // Whoever signed in first: what other answers call them may be something else.
        state.client = state.client.or(client);
        let wanted = state.account.take().or_else(|| account.clone());
        let wanted = wanted.ok_or_else(|| wire::unreadable(StatusCode::OK))?;
        let (access, life) = match tokens {
            answer::Tokens::Bearer { access, refresh, life } => {
                state.version = Version::V3;
                state.refresh_token = refresh.or(state.refresh_token);
                (access, life.unwrap_or(v3::LIFE))
            }
            answer::Tokens::Pair(pair) => {
                state.version = Version::V2;
                state.refresh_token = None;
                let client = state.client.clone();
                let whose = client.map(|client| Whose { client, account: wanted.clone() });
                let pair = v2::within(self, http, pair, account.as_deref(), &wanted, whose).await?;
                (pair.joined(), v2::LIFE)
            }
        };
        let mut scopes = vec!["profile".to_owned(), format!("{IN}{wanted}")];
        if state.version == Version::V2 {
            scopes.push(V2.to_owned());
        }
        state.environment = Some(self.environment);
        state.account = Some(wanted);
        Ok(Grant {
            access,
            refresh: Some(state.written()),
            login: None,
            scopes,
            obtained_at: now,
            expires_at: evergrant::clock::later(now, life),
        })
    }

    /// Puts the token on a call, and the account that the session is in unless it names another.
    pub(super) fn sign(&self, request: &mut Request, token: &AccessToken) {
        let headers = request.headers_mut();
        for name in [header::AUTHORIZATION.as_str(), wire::CST, wire::XST, wire::API_KEY] {
            headers.remove(name);
        }
        let pair = is_v2(token.scopes());
        wire::put_auth(headers, &Auth::of(token.secret(), pair));
        if let Some(key) = self.key.get() {
            wire::put(headers, wire::API_KEY, &key);
        }
        let account = account_of(token.scopes()).and_then(|id| HeaderValue::try_from(id).ok());
        if let Some(account) = account.filter(|_| !pair) {
            headers.entry(ACCOUNT).or_insert(account);
        }
    }
}

/// The account among the permissions.
fn account_of(granted: &[String]) -> Option<&str> {
    granted.iter().find_map(|scope| scope.strip_prefix(IN))
}

/// A text that goes into a secret.
fn secret(text: String) -> Secret {
    Secret::from(text)
}
