//! The identity platform: where users sign in and tokens come from (contract, sections 2.3 to 2.8).

use evergrant::provider::{Actor, AuthError, AuthorizeAsk, Evidence, Failure, Redeemed};
use evergrant::{Grant, Secret, Transport};
use jiff::Timestamp;
use url::Url;

use super::id_token::IdTokens;
use super::{Settings, words};
use crate::oauth2::{self, TokenAnswer};

/// Asked for with every sign-in: an id token, the person's name, and a refresh token.
const ALWAYS: [&str; 4] = ["openid", "profile", "offline_access", "User.Read"];

/// One registration at one identity platform; shared by the provider keys.
pub(super) struct Identity {
    client_id: Option<String>,
    client_secret: Option<Secret>,
    /// `{login}/{tenant}`, without a slash at the end.
    authority: String,
    id_tokens: IdTokens,
}

impl Identity {
    pub(super) fn new(settings: &Settings) -> Self {
        let login = settings.login_url.as_str().trim_end_matches('/');
        let authority = format!("{login}/{}", settings.tenant);
        Self {
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            id_tokens: IdTokens::new(&authority),
            authority,
        }
    }

    /// The settings without which nothing can be connected.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.client_id.is_none() {
            missing.push("MICROSOFT_CLIENT_ID");
        }
        if self.client_secret.is_none() {
            missing.push("MICROSOFT_CLIENT_SECRET");
        }
        missing
    }

    pub(super) fn authorize_url(&self, ask: &AuthorizeAsk<'_>) -> Url {
        let mut url = self.endpoint("authorize");
        let mut scopes: Vec<&str> = ask.scopes.iter().map(String::as_str).collect();
        scopes.extend(ALWAYS.iter().filter(|always| !ask.scopes.iter().any(|s| s == *always)));
        url.query_pairs_mut()
            .append_pair("client_id", self.client_id.as_deref().unwrap_or_default())
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("redirect_uri", ask.redirect_uri.as_str())
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", ask.state.expose())
            .append_pair("nonce", ask.nonce.expose())
            .append_pair("code_challenge", ask.challenge)
            .append_pair("code_challenge_method", "S256");
        if let Some(hint) = ask.login_hint {
            url.query_pairs_mut().append_pair("login_hint", hint);
        }
        url
    }

    pub(super) async fn redeem(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        evidence: Evidence,
    ) -> Result<Redeemed, AuthError> {
        let Evidence::Code { code, verifier, nonce, redirect_uri, scopes } = evidence else {
            return Err(AuthError::Rejected(Failure::new(
                "code_expected",
                Actor::Operator,
                "Microsoft accounts are connected by an authorization code, not by a form.",
            )));
        };
        let answer = self
            .exchange(
                http,
                &[
                    ("grant_type", "authorization_code"),
                    ("code", code.expose()),
                    ("redirect_uri", redirect_uri.as_str()),
                    ("code_verifier", verifier.expose()),
                ],
            )
            .await?;
        let client_id = self.client_id.as_deref().unwrap_or_default();
        let account =
            self.id_tokens.verify(http, now, client_id, &nonce, answer.id_token.as_ref()).await?;
        Ok(Redeemed { grant: granted(&answer, now, None, &scopes), account })
    }

    /// Leaves `scope` out, so that the new token carries what the last one did.
    pub(super) async fn refresh(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        grant: &Grant,
    ) -> Result<Grant, AuthError> {
        let Some(refresh) = &grant.refresh else {
            return Err(AuthError::Rejected(Failure::new(
                "no_refresh_token",
                Actor::User,
                "This connection was made without a refresh token. Connect the account again.",
            )));
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
        let answer = self.exchange(http, &form).await?;
        Ok(granted(&answer, now, Some(grant), &[]))
    }

    async fn exchange(
        &self,
        http: &dyn Transport,
        grant: &[(&str, &str)],
    ) -> Result<TokenAnswer, AuthError> {
        let mut form = grant.to_vec();
        form.push(("client_id", self.client_id.as_deref().unwrap_or_default()));
        form.push(("client_secret", self.client_secret.as_ref().map_or("", Secret::expose)));
        oauth2::exchange(http, &self.endpoint("token"), &form, words::explain).await
    }

    fn endpoint(&self, name: &str) -> Url {
        #[expect(clippy::expect_used, reason = "a URL with a longer path is a URL")]
        Url::parse(&format!("{}/oauth2/v2.0/{name}", self.authority)).expect("an endpoint")
    }
}

/// A grant with its permissions in their short form: Graph may send them as full URLs, and the
/// same permission must read the same in every answer (contract, section 2.6).
fn granted(
    answer: &TokenAnswer,
    began: Timestamp,
    previous: Option<&Grant>,
    asked: &[String],
) -> Grant {
    let mut grant = answer.grant(began, previous, asked);
    for scope in &mut grant.scopes {
        if let Some((_, short)) = scope.rsplit_once('/') {
            *scope = short.to_owned();
        }
    }
    grant
}
