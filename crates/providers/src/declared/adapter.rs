//! The provider port, served from a declaration.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evergrant::gateway::retry_after;
use evergrant::provider::{
    AuthError, AuthorizeAsk, Connect, Credential, DeviceAsk, Evidence, Failure, Limits, Manifest,
    Provider, Redeemed, RefreshAsk, Renewal, Replay, Revocable, Revocation, Verdict, Ways,
};
use evergrant::{AccessToken, Clock as _, Grant, Request, Response, Transport};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use url::Url;

use super::Settings;
use super::declaration::{Facts, sound};
use super::identity;
use crate::dictionary;
use crate::id_token::{Discovery, IdTokens, Metadata};
use crate::oauth2::{Client, ClientAuth, DEVICE_GRANT, Endpoint, Habits, TokenAnswer};

/// One declared provider.
pub(super) struct Declared {
    pub(super) facts: Facts,
    pub(super) id_tokens: IdTokens,
    manifest: Manifest,
    client: Arc<Client>,
    discovery: Option<Discovery>,
}

impl Declared {
    pub(super) fn new(name: &str, facts: Facts, settings: &Settings) -> Self {
        let declared = &facts.declared;
        let habits = Habits {
            token_at: declared.answers.token_at.clone(),
            errors: declared.answers.errors.clone(),
            lifetime: declared.access_life_seconds.map(Duration::from_secs),
            // Some ask with spaces and answer with commas.
            scope_separator: Some(match declared.scope_separator {
                ' ' => ',',
                other => other,
            }),
            numbers: &[],
        };
        let scopes = settings.scopes.as_ref().unwrap_or(&declared.scopes).clone();
        let manifest = Manifest {
            key: name.into(),
            label: declared.label.clone(),
            connect: Connect::Redirect { scopes },
            hosts: facts.hosts.clone(),
            base_url: facts.base_url.clone(),
            replay: facts.replay,
            renewal: Renewal::Ahead,
            registration: name.to_owned(),
            ways: Ways {
                device_code: declared.device || facts.device_url.is_some(),
                import: declared.import && facts.replay != Replay::None,
                admin_consent: false,
            },
            revocable: facts.revocable,
            refresh_life: facts.refresh_life,
            manage_url: facts.manage_url.clone(),
            limits: Limits::NONE,
            loopback_host: "127.0.0.1",
            patience: Duration::ZERO,
        };
        let client = Client::new(settings.client_id.clone(), declared.client_auth, habits);
        Self {
            manifest,
            client: Arc::new(client),
            discovery: facts
                .discovery_url
                .clone()
                .map(|url| Discovery::of(url, facts.issuer.clone())),
            id_tokens: IdTokens::new(&[Algorithm::RS256, Algorithm::PS256, Algorithm::ES256]),
            facts,
        }
    }

    pub(super) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// What the provider says of itself, if it does; it must say who it is (RFC 8414, section 3.3).
    pub(super) async fn metadata(
        &self,
        http: &dyn Transport,
        now: Timestamp,
    ) -> Result<Option<Metadata>, AuthError> {
        let Some(discovery) = &self.discovery else { return Ok(None) };
        Ok(Some(discovery.get(http, now).await?))
    }

    /// An address: the declared one, or what the provider said last.
    fn address(
        &self,
        declared: Option<&Url>,
        said: fn(Metadata) -> Option<Url>,
    ) -> Result<Url, AuthError> {
        if let Some(url) = declared {
            return Ok(url.clone());
        }
        let Some(known) = self.discovery.as_ref().and_then(Discovery::known) else {
            return Err(AuthError::Unavailable {
                failure: dictionary::KEYS.failure(),
                retry_after: None,
                sent: false,
            });
        };
        // Secrets go there: what is said is held to what is asked of a declaration.
        said(known).filter(|url| sound(url).is_ok()).ok_or_else(|| {
            AuthError::Misconfigured(Failure {
                provider_code: Some("discovery".to_owned()),
                ..dictionary::ENDPOINT.failure()
            })
        })
    }

    fn authorize_address(&self) -> Result<Url, AuthError> {
        self.address(self.facts.authorize_url.as_ref(), |said| said.authorization_endpoint)
    }

    fn token_address(&self) -> Result<Url, AuthError> {
        self.address(self.facts.token_url.as_ref(), |said| said.token_endpoint)
    }

    fn to<'a>(&'a self, url: &'a Url) -> Endpoint<'a> {
        // An assertion that names the issuer is no use at another server's endpoint.
        let token_url = self.facts.token_url.as_ref().unwrap_or(url);
        let audience = self.facts.issuer.as_deref().unwrap_or(token_url.as_str());
        Endpoint { url, audience }
    }

    async fn exchange(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        grant: &[(&str, &str)],
    ) -> Result<TokenAnswer, AuthError> {
        let mut form = grant.to_vec();
        let further = &self.facts.declared.token_params;
        form.extend(further.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let url = self.token_address()?;
        self.client.exchange(http, now, self.to(&url), &form).await
    }

    fn scope(&self, scopes: &[String]) -> String {
        let declared = &self.facts.declared;
        let always = declared.scopes_always.iter().filter(|always| !scopes.contains(always));
        let all: Vec<&str> = scopes.iter().chain(always).map(String::as_str).collect();
        all.join(&declared.scope_separator.to_string())
    }
}

#[async_trait]
impl Provider for Declared {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn ready(&self) -> Result<(), Failure> {
        let mut missing = Vec::new();
        if self.client.id().is_none() {
            missing.push("a client id");
        }
        if !self.client.can_prove() {
            missing.push("a credential");
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure {
            message: format!("{} is not registered.", self.manifest.label),
            remedy: format!("The operator sets {}.", missing.join(" and ")),
            ..dictionary::INCOMPLETE.failure()
        })
    }

    fn credentials(&self) -> Vec<Credential> {
        self.client.credentials()
    }

    async fn prepare(&self, http: &dyn Transport, now: Timestamp) -> Result<(), AuthError> {
        // Who knows where to go asks nobody.
        if self.facts.authorize_url.is_none() || self.facts.token_url.is_none() {
            self.metadata(http, now).await?;
            self.authorize_address()?;
            self.token_address()?;
        }
        Ok(())
    }

    fn authorize_url(&self, ask: &AuthorizeAsk<'_>) -> Option<Url> {
        let declared = &self.facts.declared;
        let mut url = self.authorize_address().ok()?;
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", self.client.id().unwrap_or_default())
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", ask.redirect_uri.as_str())
            .append_pair("state", ask.state.expose());
        // Asked for nothing, a provider gives what it is registered for.
        let scope = self.scope(ask.scopes);
        if !scope.is_empty() {
            query.append_pair(&declared.scope_parameter, &scope);
        }
        if declared.scopes_always.iter().chain(ask.scopes).any(|scope| scope == "openid") {
            query.append_pair("nonce", ask.nonce.expose());
        }
        if declared.pkce {
            query
                .append_pair("code_challenge", ask.challenge)
                .append_pair("code_challenge_method", "S256");
        }
        for (name, value) in &declared.authorize_params {
            query.append_pair(name, value);
        }
        if let Some(hint) = ask.login_hint {
            query.append_pair("login_hint", hint);
        }
        drop(query);
        Some(url)
    }

    /// RFC 9207: compared letter by letter; where the provider promises it, it must be there.
    fn accepts_issuer(&self, issuer: Option<&str>) -> bool {
        let promised = || {
            let known = self.discovery.as_ref().and_then(Discovery::known);
            known.is_some_and(|known| known.authorization_response_iss_parameter_supported)
        };
        match (issuer, &self.facts.issuer) {
            (Some(theirs), Some(ours)) => theirs == ours,
            (Some(_), None) => true,
            (None, _) => !(self.facts.declared.iss_required || promised()),
        }
    }

    fn explain_denial(&self, error: &str, _: Option<&str>) -> Option<Failure> {
        let own = self.facts.declared.answers.errors.get(error)?;
        Some(Failure {
            provider_code: Some(error.to_owned()),
            ..dictionary::standard_words(own)?.failure()
        })
    }

    async fn ask_device(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        scopes: &[String],
    ) -> Result<DeviceAsk, AuthError> {
        if !self.manifest.ways.device_code {
            return Err(AuthError::Rejected(dictionary::WRONG_EVIDENCE.failure()));
        }
        if self.facts.device_url.is_none() {
            self.metadata(http, now).await?;
        }
        let url = self
            .address(self.facts.device_url.as_ref(), |said| said.device_authorization_endpoint)?;
        let scope = self.scope(scopes);
        self.client.ask_device(http, now, self.to(&url), &[("scope", &scope)]).await
    }

    async fn redeem(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        evidence: Evidence,
    ) -> Result<Redeemed, AuthError> {
        let (answer, nonce, scopes) = match &evidence {
            Evidence::Code { code, verifier, nonce, redirect_uri, scopes } => {
                let mut form = vec![
                    ("grant_type", "authorization_code"),
                    ("code", code.expose()),
                    ("redirect_uri", redirect_uri.as_str()),
                ];
                if self.facts.declared.pkce {
                    form.push(("code_verifier", verifier.expose()));
                }
                (self.exchange(http, now, &form).await?, Some(nonce), scopes)
            }
            Evidence::Device { code, scopes } => {
                let form = [("grant_type", DEVICE_GRANT), ("device_code", code.expose())];
                (self.exchange(http, now, &form).await?, None, scopes)
            }
            Evidence::Import { refresh, scopes } if self.manifest.ways.import => {
                let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
                let mut answer = self.exchange(http, now, &form).await?;
                answer.refresh.get_or_insert_with(|| refresh.clone());
                (answer, None, scopes)
            }
            _ => return Err(AuthError::Rejected(dictionary::WRONG_EVIDENCE.failure())),
        };
        let account = identity::account(self, http, now, &answer, nonce).await?;
        Ok(Redeemed { grant: answer.grant(now, None, scopes), account })
    }

    async fn refresh(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        ask: RefreshAsk<'_>,
    ) -> Result<Grant, AuthError> {
        let Some(refresh) = &ask.grant.refresh else {
            return Err(AuthError::Rejected(dictionary::NO_REFRESH.failure()));
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
        let answer = self.exchange(http, now, &form).await?;
        Ok(answer.grant(now, Some(ask.grant), &[]))
    }

    async fn revoke(&self, http: &dyn Transport, grant: &Grant) -> Result<Revocation, AuthError> {
        if self.manifest.revocable == Revocable::No {
            return Ok(Revocation::NotOffered);
        }
        if self.facts.revocation_url.is_none() {
            self.metadata(http, grant.obtained_at).await?;
        }
        let url =
            self.address(self.facts.revocation_url.as_ref(), |said| said.revocation_endpoint)?;
        // The port tells no time here, and only a signed assertion would need one.
        let now = match self.facts.declared.client_auth {
            ClientAuth::PrivateKeyJwt => evergrant::SystemClock::default().now(),
            _ => grant.obtained_at,
        };
        let access_only = self.facts.declared.revokes_access_only;
        self.client.revoke(http, now, self.to(&url), grant, access_only).await
    }

    fn sign(&self, request: &mut Request, token: &AccessToken) {
        // A token of anything but visible ASCII was refused when it was obtained.
        if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.secret().expose()))
        {
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
    }

    fn judge(&self, response: &Response) -> Verdict {
        match response.status() {
            StatusCode::UNAUTHORIZED => Verdict::TokenRejected { claims: None },
            StatusCode::TOO_MANY_REQUESTS => {
                Verdict::Throttled { retry_after: retry_after(response), allowance: None }
            }
            StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Verdict::Unavailable,
            _ => Verdict::Accepted,
        }
    }
}
