//! `/{tenant}/oauth2/v2.0/token`: who asks, with which grant, and what comes back.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant::Request;
use evergrant_sandbox::{CodeRefusal, Event, Grant, Kind, Origin, RefreshRefusal, TokenEntry};
use serde_json::{Map, Value, json};

use super::aadsts::{Trace, Trouble, endpoint_headers};
use super::authorize::unknown_client;
use super::mint::{self, Subject};
use super::scopes::Scopes;
use super::world::{Registration, Tenant, User};
use super::{Memo, MicrosoftAct, given, parameters, tenant};

/// The bounds of an access token's lifetime, in seconds.
const ACCESS_SECS: (u64, u64) = (3600, 5400);

/// One request to the endpoint.
struct Call<'a> {
    tenant: Tenant,
    origin: &'a Origin,
    form: &'a HashMap<String, String>,
    registration: Registration,
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
        let registration = self.authenticate(&form, request.headers())?;
        let call = Call { tenant, origin, form: &form, registration };
        match grant_type {
            "authorization_code" => self.redeem(&call),
            "refresh_token" => self.refresh(&call),
            other => {
                let text = format!("The app requested an unsupported grant type '{other}'.");
                Err(Trouble::new(70_003).saying(text))
            }
        }
    }

    /// Finds out which registration asks, by a secret in the form or in the header.
    fn authenticate(
        &self,
        form: &HashMap<String, String>,
        headers: &HeaderMap,
    ) -> Result<Registration, Trouble> {
        let (client_id, secret) = if let Some((client_id, secret)) = basic(headers) {
            (client_id, Some(secret))
        } else {
            let client_id =
                given(form, "client_id").ok_or_else(|| Trouble::missing("client_id"))?;
            let secret = given(form, "client_secret").map(str::to_owned);
            (client_id.to_owned(), secret)
        };
        let registration = self.stage_world().registration(&client_id).cloned();
        let registration = registration.ok_or_else(|| unknown_client(&client_id))?;
        let assertion = given(form, "client_assertion").is_some();
        match (registration.client_secret, secret) {
            (None, None) if !assertion => Ok(registration),
            (None, _) => Err(Trouble::new(700_025)),
            (Some(_), _) if assertion => Err(Trouble::new(700_027)),
            (Some(_), None) => Err(Trouble::new(7_000_218)),
            (Some(right), Some(secret)) if right == secret => Ok(registration),
            (Some(_), Some(_)) => Err(Trouble::new(7_000_215).saying(format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client \
                 secret value, not the client secret ID, for a secret added to app '{client_id}'."
            ))),
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
        self.tokens(call, &grant, refresh_token, nonce.as_deref())
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
        let client = call.registration.client_id;
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
        self.tokens(call, &grant, Some(successor), None)
    }

    fn rotate(&self, call: &Call<'_>, token: &str) -> Result<(Grant<Memo>, String), Trouble> {
        let client = call.registration.client_id;
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
        let successor = self.grants().spend(token, client, grant.memo.clone()).map_err(refused)?;
        Ok((grant, successor))
    }

    /// The answer, once everything has been checked.
    fn tokens(
        &self,
        call: &Call<'_>,
        grant: &Grant<Memo>,
        refresh_token: Option<String>,
        nonce: Option<&str>,
    ) -> Result<Value, Trouble> {
        let (user, world) = {
            let world = self.stage_world();
            (world.user(&grant.account).cloned(), world.id.clone())
        };
        let user = user.ok_or_else(|| Trouble::new(50_034))?;
        let scopes = &grant.memo.scopes;
        let subject =
            Subject { user: &user, registration: &call.registration, scopes, world: &world };
        let (least, most) = ACCESS_SECS;
        let drawn = self.backstage().seconds_between(least, most);
        let ttl = self.backstage().access_ttl().unwrap_or(drawn);
        let (access_token, id) = subject.access_token(self.keys(), self.backstage(), ttl);
        self.backstage().ledger().record(TokenEntry {
            at: self.backstage().now(),
            event: Event::Issued,
            kind: Kind::Access,
            token: Some(id),
            client: Some(grant.client.clone()),
            account: Some(grant.account.clone()),
            grant: Some(grant.id.clone()),
            generation: None,
            why: None,
        });
        let mut body = Map::new();
        body.insert("token_type".to_owned(), json!("Bearer"));
        body.insert("scope".to_owned(), json!(scopes.granted(&user.consented(&grant.client))));
        body.insert("expires_in".to_owned(), json!(ttl.as_secs()));
        body.insert("ext_expires_in".to_owned(), json!(ttl.as_secs()));
        body.insert("access_token".to_owned(), json!(access_token));
        if let Some(refresh_token) = refresh_token {
            body.insert("refresh_token".to_owned(), json!(refresh_token));
        }
        if scopes.openid {
            let id_token = subject.id_token(self.keys(), self.backstage(), call.origin, nonce);
            body.insert("id_token".to_owned(), json!(id_token));
        }
        if given(call.form, "client_info") == Some("1") {
            body.insert("client_info".to_owned(), json!(mint::client_info(&user)));
        }
        Ok(Value::Object(body))
    }

    fn refused(&self, kind: Kind, presented: &str, call: &Call<'_>, trouble: &Trouble) {
        let why = format!("AADSTS{}", trouble.code);
        self.grants().refused(kind, presented, call.registration.client_id, &why);
    }

    /// Refuses accounts that may not have tokens any more.
    fn usable(&self, account: &str) -> Result<(), Trouble> {
        match self.stage_world().user(account) {
            None => Err(Trouble::new(50_034)),
            Some(User { enabled: false, .. }) => Err(Trouble::new(50_057)),
            Some(_) => Ok(()),
        }
    }

    /// Refuses scopes that the user has not consented to, or not any more.
    fn consented(
        &self,
        account: &str,
        call: &Call<'_>,
        scopes: Option<&Scopes>,
    ) -> Result<(), Trouble> {
        let Registration { client_id, name, .. } = &call.registration;
        let consented = self.stage_world().user(account).map(|user| user.consented(client_id));
        let covered = scopes
            .is_none_or(|scopes| scopes.permissions.is_subset(&consented.unwrap_or_default()));
        if covered {
            return Ok(());
        }
        Err(Trouble::new(65_001).saying(format!(
            "The user or administrator has not consented to use the application with ID '{client_id}' named \
             '{name}'. Send an interactive authorization request for this user and resource."
        )))
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

/// What does not even look like one of ours is malformed, but no less a useless grant.
fn garbage_or(code: u32, presented: &str) -> Trouble {
    if presented.starts_with("1.") {
        Trouble::new(code)
    } else {
        Trouble::new(9_002_313).with_error("invalid_grant")
    }
}

/// The client id and secret of a Basic header, each URL-encoded as RFC 6749 says.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, secret) = decoded.split_once(':')?;
    Some((decode(client_id), decode(secret)))
}

fn decode(text: &str) -> String {
    // A name with an empty value decodes like any part of a form.
    url::form_urlencoded::parse(text.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}
