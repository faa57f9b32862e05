//! The identity platform: where users sign in and tokens come from (contract, sections 2.3 to 2.8).

use std::sync::Arc;

use evergrant::integration::Account;
use evergrant::provider::{
    AuthError, AuthorizeAsk, ConsentAsk, Credential, DeviceAsk, Evidence, Failure, Redeemed,
    RefreshAsk,
};
use evergrant::{Grant, Secret, Transport};
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde_json::Value;
use url::Url;

use super::settings::{Cloud, Settings};
use super::{claims, words};
use crate::dictionary;
use crate::id_token::{Claims, Discovery, Expected, IdTokens, distrust};
use crate::oauth2::{self, Client, ClientAuth, Endpoint, Habits, TokenAnswer};

/// Asked for with every sign-in: an id token, the person's name, and a refresh token.
const ALWAYS: [&str; 4] = ["openid", "profile", "offline_access", "User.Read"];
/// Who issues tokens of version 1 (contract, section 2.9).
const ISSUER_V1: &str = "https://sts.windows.net/{tenantid}/";
/// Those of OpenID Connect belong to no service and take no prefix.
const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// One registration at one identity platform; shared by the provider keys.
pub(super) struct Identity {
    client: Arc<Client>,
    tenant: String,
    /// `{login}/`, without the tenant.
    login: String,
    /// What stands before Graph's permissions; nothing in the global cloud, whose Graph is what
    /// permissions without a service mean.
    prefix: String,
    graph: String,
    token: Url,
    discovery: Discovery,
    id_tokens: IdTokens,
}

impl Identity {
    /// A registration whose credentials are still to be given to `client`.
    pub(super) fn new(settings: &Settings) -> Result<Self, url::ParseError> {
        let login = settings.login().as_str().trim_end_matches('/').to_owned();
        let graph = settings.graph().as_str().trim_end_matches('/').to_owned();
        let authority = format!("{login}/{}", settings.tenant);
        let habits = Habits { numbers: words::NUMBERS, ..Habits::default() };
        let client = Client::new(settings.client_id.clone(), ClientAuth::ClientSecretPost, habits);
        let discovery = format!("{authority}/v2.0/.well-known/openid-configuration");
        Ok(Self {
            client: Arc::new(client),
            tenant: settings.tenant.clone(),
            prefix: match settings.cloud {
                Cloud::Global => String::new(),
                _ => format!("{graph}/"),
            },
            graph,
            token: Url::parse(&format!("{authority}/oauth2/v2.0/token"))?,
            discovery: Discovery::new(Url::parse(&discovery)?),
            id_tokens: IdTokens::new(&[Algorithm::RS256]),
            login,
        })
    }

    pub(super) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    pub(super) fn credentials(&self) -> Vec<Credential> {
        self.client.credentials()
    }

    /// The settings without which nothing can be connected.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.client.id().is_none() {
            missing.push("MICROSOFT_CLIENT_ID");
        }
        if !self.client.can_prove() {
            missing.push("MICROSOFT_CLIENT_SECRET");
        }
        missing
    }

    /// Whether the registration is for one organisation and not for many.
    pub(super) fn is_concrete(&self) -> bool {
        !["common", "organizations", "consumers"].contains(&self.tenant.as_str())
    }

    pub(super) fn authorize_url(&self, ask: &AuthorizeAsk<'_>) -> Url {
        let mut url = self.endpoint("authorize");
        url.query_pairs_mut()
            .append_pair("client_id", self.client.id().unwrap_or_default())
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("redirect_uri", ask.redirect_uri.as_str())
            .append_pair("scope", &self.scope(ask.scopes))
            .append_pair("state", ask.state.expose())
            .append_pair("nonce", ask.nonce.expose())
            .append_pair("code_challenge", ask.challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("claims", &claims::merged(ask.claims));
        if let Some(hint) = ask.login_hint {
            url.query_pairs_mut().append_pair("login_hint", hint);
        }
        url
    }

    /// The page of an administrator (contract, section 2.10), which does not know `common`.
    pub(super) fn consent_url(&self, ask: &ConsentAsk<'_>, scope: Option<&str>) -> Option<Url> {
        let tenant = match ask.tenant {
            Some(tenant) => tenant,
            None if self.tenant == "common" => "organizations",
            None => &self.tenant,
        };
        // Personal accounts have no administrator; a tenant is an id or a domain, never a path.
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        let named = tenant.starts_with(|c: char| c.is_ascii_alphanumeric());
        if tenant == "consumers" || !named || !tenant.chars().all(word) {
            return None;
        }
        let mut url = Url::parse(&format!("{}/{tenant}/v2.0/adminconsent", self.login)).ok()?;
        let scope = scope.map_or_else(|| self.scope(ask.scopes), str::to_owned);
        url.query_pairs_mut()
            .append_pair("client_id", self.client.id().unwrap_or_default())
            .append_pair("scope", &scope)
            .append_pair("redirect_uri", ask.redirect_uri.as_str())
            .append_pair("state", ask.state.expose());
        Some(url)
    }

    /// Everything the registration's application permissions allow (contract, section 2.6).
    pub(super) fn default_scope(&self) -> String {
        format!("{}/.default", self.graph)
    }

    pub(super) async fn ask_device(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        scopes: &[String],
    ) -> Result<DeviceAsk, AuthError> {
        let url = self.endpoint("devicecode");
        let to = Endpoint { url: &url, audience: self.token.as_str() };
        let form = [("scope", &*self.scope(scopes)), ("claims", &claims::merged(None))];
        self.client.ask_device(http, now, to, &form).await
    }

    pub(super) async fn redeem(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        evidence: Evidence,
    ) -> Result<Redeemed, AuthError> {
        let (answer, nonce, scopes) = match &evidence {
            Evidence::Code { code, verifier, nonce, redirect_uri, scopes } => {
                let form = [
                    ("grant_type", "authorization_code"),
                    ("code", code.expose()),
                    ("redirect_uri", redirect_uri.as_str()),
                    ("code_verifier", verifier.expose()),
                ];
                (self.exchange(http, now, &form, None).await?, Some(nonce), scopes)
            }
            Evidence::Device { code, scopes } => {
                let form = [("grant_type", oauth2::DEVICE_GRANT), ("device_code", code.expose())];
                (self.exchange(http, now, &form, None).await?, None, scopes)
            }
            Evidence::Import { refresh, scopes } => {
                // Spent at once: that proves the token, and says whose it is.
                let scope = self.scope(scopes);
                let form = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", refresh.expose()),
                    ("scope", &scope),
                ];
                let mut answer = self.exchange(http, now, &form, None).await?;
                // Spending does not end it, so that the old one is better than none.
                answer.refresh.get_or_insert_with(|| refresh.clone());
                (answer, None, scopes)
            }
            Evidence::Form { .. } | Evidence::Application => {
                return Err(AuthError::Rejected(dictionary::WRONG_EVIDENCE.failure()));
            }
        };
        let account = self.account(http, now, nonce, answer.id_token.as_ref()).await?;
        Ok(Redeemed { grant: granted(&answer, now, None, scopes), account })
    }

    /// Leaves `scope` out, so that the new token carries what the last one did.
    pub(super) async fn refresh(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        ask: RefreshAsk<'_>,
    ) -> Result<Grant, AuthError> {
        let Some(refresh) = &ask.grant.refresh else {
            return Err(AuthError::Rejected(dictionary::NO_REFRESH.failure()));
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
        let answer = self.exchange(http, now, &form, ask.claims).await?;
        Ok(granted(&answer, now, Some(ask.grant), &[]))
    }

    /// A token for the registration itself; `previous` is the one it replaces.
    pub(super) async fn application(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        previous: Option<RefreshAsk<'_>>,
    ) -> Result<Grant, AuthError> {
        let scope = self.default_scope();
        let form = [("grant_type", "client_credentials"), ("scope", &*scope)];
        let demanded = previous.and_then(|previous| previous.claims);
        let answer = self.exchange(http, now, &form, demanded).await?;
        let mut grant = granted(&answer, now, previous.map(|p| p.grant), &[scope]);
        grant.refresh = None;
        Ok(grant)
    }

    /// The registration as an account.
    pub(super) fn application_account(&self) -> Account {
        let id = self.client.id().unwrap_or_default();
        Account {
            id: format!("{}.{id}", self.tenant),
            name: format!("Application {id}"),
            username: None,
        }
    }

    async fn exchange(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        grant: &[(&str, &str)],
        demanded: Option<&str>,
    ) -> Result<TokenAnswer, AuthError> {
        let claims = claims::merged(demanded);
        let mut form = grant.to_vec();
        form.push(("claims", &claims));
        let to = Endpoint { url: &self.token, audience: self.token.as_str() };
        let mut answer = self.client.exchange(http, now, to, &form).await;
        // A demand that no token could meet is the next sign-in's.
        if let Err(AuthError::Rejected(Failure { claims, .. })) = &mut answer
            && claims.is_none()
        {
            *claims = demanded.map(str::to_owned);
        }
        answer
    }

    async fn account(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        nonce: Option<&Secret>,
        id_token: Option<&Secret>,
    ) -> Result<Account, AuthError> {
        let claims = self.claims(http, now, nonce, id_token, None).await?;
        account(&claims).ok_or_else(|| distrust("nobody's"))
    }

    /// The claims of a token that proves who sent a notification (contract, section 8.5).
    pub(super) async fn sender(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        token: &Secret,
    ) -> Result<Claims, AuthError> {
        self.claims(http, now, None, Some(token), Some(ISSUER_V1)).await
    }

    async fn claims(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        nonce: Option<&Secret>,
        token: Option<&Secret>,
        formerly: Option<&str>,
    ) -> Result<Claims, AuthError> {
        let metadata = self.discovery.get(http, now).await?;
        // Keys from elsewhere would let that place sign in as anyone.
        let jwks_uri = metadata
            .jwks_uri
            .as_ref()
            .filter(|url| url.origin() == self.token.origin())
            .ok_or_else(|| distrust("keys that are published at another host"))?;
        let client_id = self.client.id().unwrap_or_default();
        let issuer = &metadata.issuer;
        let subject = formerly.is_none();
        let expected = Expected { issuer, formerly, jwks_uri, client_id, subject, nonce };
        self.id_tokens.verify(http, now, &expected, token).await
    }

    /// Permissions as they are asked for, with those that always are.
    fn scope(&self, scopes: &[String]) -> String {
        let always = ALWAYS.iter().filter(|always| !scopes.iter().any(|s| s == *always));
        let all = scopes.iter().map(String::as_str).chain(always.copied());
        let prefixed = all.map(|scope| {
            if scope.contains("://") || OPENID.contains(&scope) {
                scope.to_owned()
            } else {
                format!("{}{scope}", self.prefix)
            }
        });
        prefixed.collect::<Vec<_>>().join(" ")
    }

    fn endpoint(&self, name: &str) -> Url {
        let mut url = self.token.clone();
        url.set_path(&format!("{}{name}", self.token.path().trim_end_matches("token")));
        url
    }
}

/// The account's key is tenant and object id: names and addresses change (contract, section 2.9).
fn account(claims: &Claims) -> Option<Account> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let id = match (text("tid"), text("oid")) {
        (Some(tid), Some(oid)) => format!("{tid}.{oid}"),
        _ => format!("{}#{}", text("iss")?, text("sub")?),
    };
    let username = text("preferred_username");
    let name = text("name").or_else(|| username.clone()).unwrap_or_else(|| id.clone());
    Some(Account { id, name, username })
}

/// A grant with its permissions in their short form and the spelling they were asked for in: the same
/// permission must read the same in every answer (contract, section 2.6).
fn granted(
    answer: &TokenAnswer,
    began: Timestamp,
    previous: Option<&Grant>,
    asked: &[String],
) -> Grant {
    let mut grant = answer.grant(began, previous, asked);
    let short = |scope: &str| scope.rsplit('/').next().unwrap_or_default().to_owned();
    let known: Vec<String> = asked
        .iter()
        .chain(previous.into_iter().flat_map(|p| &p.scopes))
        .map(|s| short(s))
        .collect();
    for scope in &mut grant.scopes {
        let own = short(scope);
        *scope = known.iter().find(|k| k.eq_ignore_ascii_case(&own)).cloned().unwrap_or(own);
    }
    grant
}
