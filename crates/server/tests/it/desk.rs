//! Acme as the server sees it: the port to providers, over Acme's book.

use std::time::Duration;

use async_trait::async_trait;
use evergrant::capability::{
    Calendars, Event, Mail, Markets, Meetings, Message, Profile, Profiles, Trading,
};
use evergrant::feed::Feed;
use evergrant::gateway::retry_after;
use evergrant::notification::Notifications;
use evergrant::provider::{
    AuthError, AuthorizeAsk, Connect, ConsentAsk, DeviceAsk, Evidence, Failure, Manifest, Provider,
    Redeemed, RefreshAsk, Revocation, Verdict,
};
use evergrant::{
    AccessToken, Account, Api, CallError, Grant, Request, Response, Secret, Transport,
};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::acme::{Acme, BANK, url};

/// One of Acme's providers.
pub(crate) struct Desk {
    pub(crate) acme: Acme,
    pub(crate) manifest: Manifest,
}

#[async_trait]
impl Provider for Desk {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn ready(&self) -> Result<(), Failure> {
        self.acme.registered()
    }

    /// A bank's token is no bearer's.
    fn token_type(&self, _: &Grant) -> &'static str {
        if self.manifest.key.as_str() == BANK { "Acme-Vault" } else { "Bearer" }
    }

    fn authorize_url(&self, ask: &AuthorizeAsk<'_>) -> Option<Url> {
        let mut page = url("https://login.acme.test/authorize");
        page.query_pairs_mut()
            .append_pair("redirect_uri", ask.redirect_uri.as_str())
            .append_pair("state", ask.state.expose())
            .append_pair("code_challenge", ask.challenge)
            .append_pair("scope", &ask.scopes.join(" "))
            .append_pair("login_hint", ask.login_hint.unwrap_or_default());
        Some(page)
    }

    fn consent_url(&self, ask: &ConsentAsk<'_>) -> Option<Url> {
        if !self.manifest.ways.admin_consent {
            return None;
        }
        let mut page = url("https://login.acme.test/adminconsent");
        page.query_pairs_mut()
            .append_pair("redirect_uri", ask.redirect_uri.as_str())
            .append_pair("state", ask.state.expose())
            .append_pair("scope", &ask.scopes.join(" "))
            .append_pair("tenant", ask.tenant.unwrap_or("anybody's"));
        Some(page)
    }

    /// As OpenID Connect and RFC 9207 have it: who says nothing is believed, who lies is not.
    fn accepts_issuer(&self, iss: Option<&str>) -> bool {
        iss.is_none_or(|iss| iss == "https://login.acme.test")
    }

    async fn ask_device(
        &self,
        _: &dyn Transport,
        _: Timestamp,
        scopes: &[String],
    ) -> Result<DeviceAsk, AuthError> {
        self.acme.asked(format!("device code for {}", scopes.join(" ")), None)?;
        Ok(DeviceAsk {
            device_code: self.acme.device_code().into(),
            user_code: "WDJB-MJHT".to_owned(),
            verification_uri: url("https://login.acme.test/device"),
            verification_uri_complete: Some(url("https://login.acme.test/device?code=WDJB-MJHT")),
            life: Duration::from_mins(15),
            interval: Duration::from_secs(5),
        })
    }

    /// A code or login names the account: `code-adele` signs in Adele.
    async fn redeem(
        &self,
        _: &dyn Transport,
        now: Timestamp,
        evidence: Evidence,
    ) -> Result<Redeemed, AuthError> {
        let name = match &evidence {
            Evidence::Code { code, redirect_uri, .. } => {
                self.acme.asked(format!("redeem for {redirect_uri}"), Some(code.expose()))?;
                code.expose().trim_start_matches("code-").to_owned()
            }
            Evidence::Form { fields, .. } => {
                let password = fields.get("password").map(Secret::expose);
                self.acme.asked("log in".to_owned(), password)?;
                fields.get("login").map(|login| login.expose().to_owned()).unwrap_or_default()
            }
            Evidence::Import { refresh, .. } => {
                self.acme.asked("import".to_owned(), Some(refresh.expose()))?;
                refresh.expose().trim_start_matches("refresh-").to_owned()
            }
            Evidence::Device { code, .. } => {
                self.acme.asked("poll".to_owned(), Some(code.expose()))?;
                "adele".to_owned()
            }
            Evidence::Application => {
                self.acme.asked("let the registration in".to_owned(), None)?;
                "registration".to_owned()
            }
        };
        let account = Account {
            id: format!("acct-{name}"),
            username: Some(format!("{name}@acme.test")),
            name,
        };
        let mut grant = self.acme.issue(now);
        if matches!(evidence, Evidence::Application) {
            grant.refresh = None;
        }
        if let Evidence::Code { scopes, .. } | Evidence::Device { scopes, .. } = evidence {
            grant.scopes = scopes;
        }
        Ok(Redeemed { grant, account })
    }

    async fn refresh(
        &self,
        _: &dyn Transport,
        now: Timestamp,
        _: RefreshAsk<'_>,
    ) -> Result<Grant, AuthError> {
        self.acme.asked("refresh".to_owned(), None)?;
        Ok(self.acme.issue(now))
    }

    async fn revoke(&self, _: &dyn Transport, _: &Grant) -> Result<Revocation, AuthError> {
        self.acme.asked("revoke".to_owned(), None)?;
        Ok(Revocation::Revoked)
    }

    fn sign(&self, request: &mut Request, token: &AccessToken) {
        let value = format!("Bearer {}", token.secret().expose());
        request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::try_from(value).unwrap());
    }

    fn judge(&self, response: &Response) -> Verdict {
        match response.status() {
            StatusCode::UNAUTHORIZED => Verdict::TokenRejected { claims: None },
            _ => Verdict::Accepted,
        }
    }

    fn profiles(&self) -> Option<&dyn Profiles> {
        matches!(self.manifest.connect, Connect::Redirect { .. }).then_some(self)
    }

    fn calendars(&self) -> Option<&dyn Calendars> {
        matches!(self.manifest.connect, Connect::Redirect { .. }).then_some(self)
    }

    fn mail(&self) -> Option<&dyn Mail> {
        matches!(self.manifest.connect, Connect::Redirect { .. }).then_some(self)
    }

    fn meetings(&self) -> Option<&dyn Meetings> {
        matches!(self.manifest.connect, Connect::Redirect { .. }).then_some(self)
    }

    fn notifications(&self) -> Option<&dyn Notifications> {
        Some(self)
    }

    fn calendar_feed(&self) -> Option<&dyn Feed<Event>> {
        matches!(self.manifest.connect, Connect::Redirect { .. }).then_some(self)
    }

    fn email_feed(&self) -> Option<&dyn Feed<Message>> {
        matches!(self.manifest.connect, Connect::Redirect { .. }).then_some(self)
    }

    fn markets(&self) -> Option<&dyn Markets> {
        matches!(self.manifest.connect, Connect::Redirect { .. }).then_some(self)
    }

    fn trading(&self) -> Option<&dyn Trading> {
        matches!(self.manifest.connect, Connect::Redirect { .. }).then_some(self)
    }
}

#[async_trait]
impl Profiles for Desk {
    async fn profile(&self, api: &Api) -> Result<Profile, CallError> {
        let response = api.get("/account").await?;
        match response.status() {
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(CallError::Throttled { retry_after: retry_after(&response) });
            }
            status if !status.is_success() => {
                return Err(CallError::Refused {
                    status,
                    code: "acme_forbidden".to_owned(),
                    message: String::from_utf8_lossy(response.body()).into_owned(),
                    request_id: Some("acme-request-1".to_owned()),
                });
            }
            _ => {}
        }
        let raw: Value = serde_json::from_slice(response.body())
            .map_err(|e| CallError::Unreadable(e.to_string()))?;
        let text = |name: &str| raw[name].as_str().map(str::to_owned);
        Ok(Profile {
            id: text("id").unwrap_or_default(),
            name: text("name"),
            email: text("email"),
            username: text("email"),
            raw: raw.as_object().cloned().unwrap_or_default(),
        })
    }
}
