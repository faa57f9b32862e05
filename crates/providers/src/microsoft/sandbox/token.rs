//! `/{tenant}/oauth2/v2.0/token`: with which grant somebody asks, and whether it is honoured.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use evergrant::Request;
use evergrant_sandbox::{CodeRefusal, DeviceRefusal, Grant, Kind, Origin, RefreshRefusal};
use serde_json::Value;

use super::aadsts::{Trace, Trouble, endpoint_headers};
use super::claims::Claims;
use super::client::Client;
use super::scopes::Scopes;
use super::world::{Tenant, User};
use super::{Memo, MicrosoftAct, given, parameters, tenant};

/// One request to the endpoint.
pub(super) struct Call<'a> {
    pub(super) tenant: Tenant,
    pub(super) origin: &'a Origin,
    pub(super) form: &'a HashMap<String, String>,
    pub(super) client: Client,
    pub(super) claims: Claims,
}

/// The endpoint.
pub(super) async fn token(
    State(act): State<MicrosoftAct>,
    Path(segment): Path<String>,
    Extension(origin): Extension<Origin>,
    head: axum::http::request::Parts,
    body: Bytes,
) -> Response {
    let request = Request::from_parts(head, body);
    let trace = Trace::of(&request, act.backstage());
    match act.answer(&segment, &origin, &request) {
        Ok(body) => {
            let mut response = (StatusCode::OK, Json(body)).into_response();
            endpoint_headers(&mut response, &trace, 0);
            response
        }
        Err(trouble) => trouble.json(&trace, &origin),
    }
}

impl MicrosoftAct {
    fn answer(&self, segment: &str, origin: &Origin, request: &Request) -> Result<Value, Trouble> {
        let tenant = tenant(segment)?;
        if request.method() != Method::POST {
            return Err(Trouble::new(900_561).saying(format!(
                "The endpoint only accepts POST requests. Received a {} request.",
                request.method()
            )));
        }
        let form = parameters(request.body());
        let grant_type =
            given(&form, "grant_type").ok_or_else(|| Trouble::missing("grant_type"))?;
        let client = self.authenticate(&form, request.headers(), origin.host())?;
        let claims = Claims::parse(given(&form, "claims"))?;
        let call = Call { tenant, origin, form: &form, client, claims };
        match grant_type {
            "authorization_code" => self.redeem(&call),
            "refresh_token" => self.refresh(&call),
            "urn:ietf:params:oauth:grant-type:device_code" | "device_code" => {
                self.redeem_device(&call)
            }
            "client_credentials" => self.app_token(&call),
            other => {
                let text = format!("The app requested an unsupported grant type '{other}'.");
                Err(Trouble::new(70_003).saying(text))
            }
        }
    }

    fn redeem(&self, call: &Call<'_>) -> Result<Value, Trouble> {
        let code = given(call.form, "code").ok_or_else(|| Trouble::missing("code"))?;
        let mut grant = self.exchange(call, code).inspect_err(|trouble| {
            self.refused(Kind::Code, code, call, trouble);
        })?;
        let offline = grant.memo.scopes.offline_access;
        let refresh_token = offline.then(|| self.grants().issue(&grant));
        let nonce = grant.memo.nonce.take();
        let capable = grant.memo.capable || call.claims.capable;
        self.tokens(call, &grant, capable, refresh_token, nonce.as_deref())
    }

    /// Asks what became of a device code. Its scopes are those of the request for the code.
    fn redeem_device(&self, call: &Call<'_>) -> Result<Value, Trouble> {
        let code =
            given(call.form, "device_code").ok_or_else(|| Trouble::missing("device_code"))?;
        let scopes = call.scopes()?;
        if let Some(account) = self.devices().account_of(code) {
            self.usable(&account)?;
            self.consented(&account, call, scopes.as_ref())?;
        }
        let polled = self.devices().poll(code, call.client_id());
        let (account, mut memo) = polled.map_err(device_trouble)?;
        if let Some(scopes) = scopes {
            memo.scopes = scopes.signed_in_with(&memo.scopes);
        }
        let level = self.stage_world().user(&account).map(|user| user.challenge.level);
        memo.met = level.unwrap_or_default();
        let capable = memo.capable || call.claims.capable;
        let grant = self.grants().begin(call.client_id(), &account, memo);
        let offline = grant.memo.scopes.offline_access;
        let refresh_token = offline.then(|| self.grants().issue(&grant));
        self.tokens(call, &grant, capable, refresh_token, None)
    }

    fn exchange(&self, call: &Call<'_>, code: &str) -> Result<Grant<Memo>, Trouble> {
        let redirect_uri =
            given(call.form, "redirect_uri").ok_or_else(|| Trouble::missing("redirect_uri"))?;
        let scopes = call.scopes()?;
        if let Some(account) = self.grants().account_of(code) {
            if !call.tenant.admits_work_accounts() {
                return Err(Trouble::new(700_005));
            }
            self.usable(&account)?;
            self.consented(&account, call, scopes.as_ref())?;
        }
        let client = call.client_id();
        let verifier = given(call.form, "code_verifier");
        let redeemed = self.grants().redeem(code, client, redirect_uri, verifier);
        let mut grant = redeemed.map_err(|refusal| code_trouble(refusal, code))?;
        if let Some(scopes) = scopes {
            grant.memo.scopes = scopes.signed_in_with(&grant.memo.scopes);
        }
        Ok(grant)
    }

    fn refresh(&self, call: &Call<'_>) -> Result<Value, Trouble> {
        let token =
            given(call.form, "refresh_token").ok_or_else(|| Trouble::missing("refresh_token"))?;
        let (grant, successor) = self.rotate(call, token).inspect_err(|trouble| {
            self.refused(Kind::Refresh, token, call, trouble);
        })?;
        self.tokens(call, &grant, call.claims.capable, Some(successor), None)
    }

    fn rotate(&self, call: &Call<'_>, token: &str) -> Result<(Grant<Memo>, String), Trouble> {
        let client = call.client_id();
        let scopes = call.scopes()?;
        let refused = |refusal| self.refresh_trouble(refusal, token);
        let mut grant = self.grants().grant_of(token, client).map_err(refused)?;
        if !call.tenant.admits_work_accounts() {
            return Err(Trouble::new(70_000));
        }
        self.usable(&grant.account)?;
        self.consented(&grant.account, call, Some(scopes.as_ref().unwrap_or(&grant.memo.scopes)))?;
        if let Some(scopes) = scopes {
            grant.memo.scopes = scopes.signed_in_with(&grant.memo.scopes);
        }
        grant.memo.nonce = None;
        let user = self.stage_world().user(&grant.account).cloned();
        if let Some(user) = user {
            grant.memo.met = call.claims.meet(&user, grant.memo.met)?;
        }
        let spent = self.grants().spend(token, client, grant.memo.clone()).map_err(refused)?;
        Ok((grant, spent.refresh_token))
    }

    fn refused(&self, kind: Kind, presented: &str, call: &Call<'_>, trouble: &Trouble) {
        let why = format!("AADSTS{}", trouble.code);
        self.grants().refused(kind, presented, call.client_id(), &why);
    }

    /// Refuses accounts that may not have tokens any more.
    fn usable(&self, account: &str) -> Result<(), Trouble> {
        match self.stage_world().user(account) {
            None => Err(Trouble::new(50_034)),
            Some(User { enabled: false, .. }) => Err(Trouble::new(50_057)),
            Some(_) => Ok(()),
        }
    }

    fn refresh_trouble(&self, refusal: RefreshRefusal, token: &str) -> Trouble {
        match refusal {
            RefreshRefusal::Unknown => garbage_or(70_000, token),
            RefreshRefusal::OtherClient | RefreshRefusal::Reused => Trouble::new(70_000),
            RefreshRefusal::Inactive { issued } => Trouble::new(700_082).saying(format!(
                "The refresh token has expired due to inactivity. The token was issued on {issued} and was \
                 inactive for 90.00:00:00."
            )),
            RefreshRefusal::Revoked { issued } => {
                let account = self.grants().account_of(token);
                let user = account.and_then(|upn| self.stage_world().user(&upn).cloned());
                match user.and_then(|user| user.tokens_valid_from).filter(|from| *from >= issued) {
                    Some(from) => Trouble::new(50_173).saying(format!(
                        "The provided grant has expired due to it being revoked, a fresh auth token is needed. \
                         The user might have changed or reset their password. The grant was issued on \
                         '{issued}' and the TokensValidFrom date (before which tokens are not valid) for this \
                         user is '{from}'."
                    )),
                    None => Trouble::new(70_000),
                }
            }
        }
    }
}

impl Call<'_> {
    pub(super) fn client_id(&self) -> &'static str {
        self.client.registration.client_id
    }

    /// The scope parameter, if there is one.
    fn scopes(&self) -> Result<Option<Scopes>, Trouble> {
        let text = given(self.form, "scope");
        text.map(|text| Scopes::parse(text, self.origin)?.for_one_resource(text)).transpose()
    }
}

fn code_trouble(refusal: CodeRefusal, code: &str) -> Trouble {
    match refusal {
        CodeRefusal::Unknown => garbage_or(70_000, code),
        CodeRefusal::OtherClient => Trouble::new(70_000),
        CodeRefusal::OtherRedirect => Trouble::new(500_112),
        CodeRefusal::Expired => Trouble::new(70_008),
        CodeRefusal::Spent => Trouble::new(54_005),
        CodeRefusal::Verifier => Trouble::new(501_481),
        CodeRefusal::Revoked => Trouble::new(50_173),
    }
}

fn device_trouble(refusal: DeviceRefusal) -> Trouble {
    match refusal {
        DeviceRefusal::Unknown | DeviceRefusal::OtherClient => Trouble::new(70_018),
        DeviceRefusal::Pending => Trouble::new(70_016),
        DeviceRefusal::Declined => Trouble::new(65_004).with_error("authorization_declined"),
        DeviceRefusal::Expired => Trouble::new(70_020),
        DeviceRefusal::Spent => Trouble::new(54_005),
    }
}

/// What does not even look like one of ours is malformed, but no less a useless grant.
fn garbage_or(code: u32, presented: &str) -> Trouble {
    if presented.starts_with("1.") {
        Trouble::new(code)
    } else {
        Trouble::new(9_002_313).with_error("invalid_grant")
    }
}
