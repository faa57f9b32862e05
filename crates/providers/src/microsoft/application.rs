//! The registration's own access: client credentials, for one organisation (contract, section 2.6).

use std::sync::Arc;

use async_trait::async_trait;
use evergrant::provider::{
    AuthError, AuthorizeAsk, ConsentAsk, Credential, Evidence, Failure, Manifest, Provider,
    Redeemed, RefreshAsk, Revocation, Verdict,
};
use evergrant::{AccessToken, Grant, Request, Response, Transport};
use jiff::Timestamp;
use url::Url;

use super::graph;
use super::identity::Identity;
use crate::dictionary;

/// The key of the registration itself.
pub(super) struct Application {
    pub(super) manifest: Manifest,
    pub(super) identity: Arc<Identity>,
}

#[async_trait]
impl Provider for Application {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn ready(&self) -> Result<(), Failure> {
        super::complete(&self.identity, &self.manifest.label)
    }

    fn credentials(&self) -> Vec<Credential> {
        self.identity.credentials()
    }

    fn authorize_url(&self, _: &AuthorizeAsk<'_>) -> Option<Url> {
        None
    }

    fn consent_url(&self, ask: &ConsentAsk<'_>) -> Option<Url> {
        self.identity.consent_url(ask, Some(&self.identity.default_scope()))
    }

    fn explain_denial(&self, error: &str, description: Option<&str>) -> Option<Failure> {
        super::denial::explain(error, description)
    }

    async fn redeem(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        evidence: Evidence,
    ) -> Result<Redeemed, AuthError> {
        let Evidence::Application = evidence else {
            return Err(AuthError::Rejected(dictionary::WRONG_EVIDENCE.failure()));
        };
        let grant = self.identity.application(http, now, None).await?;
        Ok(Redeemed { grant, account: self.identity.application_account() })
    }

    /// There is no refresh token; a new access token is asked for like the first.
    async fn refresh(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        ask: RefreshAsk<'_>,
    ) -> Result<Grant, AuthError> {
        self.identity.application(http, now, Some(ask)).await
    }

    async fn revoke(&self, _: &dyn Transport, _: &Grant) -> Result<Revocation, AuthError> {
        Ok(Revocation::NotOffered)
    }

    fn sign(&self, request: &mut Request, token: &AccessToken) {
        graph::sign(request, token);
    }

    fn judge(&self, response: &Response) -> Verdict {
        graph::judge(response)
    }
}
