//! `/oauth/{name}/token`.

use std::collections::{BTreeSet, HashMap};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use evergrant_sandbox::{CodeRefusal, DeviceRefusal, Grant, Kind, Origin, RefreshRefusal};
use serde_json::{Map, Value, json};

use super::discovery::nobody;
use super::provider::{Behaviour, Memo, Provider};
use super::refusal::{Refusal, no_store};
use super::users::user;
use super::{OAuthAct, given, parameters, signing_key};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The lifetime of an `id_token`, in seconds.
const ID_TOKEN_SECS: i64 = 3600;

/// One authenticated request.
struct Call<'a> {
    form: &'a HashMap<String, String>,
    client: String,
    origin: &'a Origin,
}

/// The endpoint.
pub(super) async fn token(
    State(act): State<OAuthAct>,
    Path(name): Path<String>,
    Extension(origin): Extension<Origin>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(provider) = act.provider(&name) else {
        return nobody(&name).into_response();
    };
    if method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let form = parameters(&body);
    match provider.answer(&form, &headers, &origin) {
        Ok(body) => no_store(StatusCode::OK, &body),
        Err(refusal) => refusal.response(),
    }
}

impl Provider {
    fn answer(
        &self,
        form: &HashMap<String, String>,
        headers: &HeaderMap,
        origin: &Origin,
    ) -> Result<Value, Refusal> {
        let grant_type = given(form, "grant_type").ok_or_else(|| Refusal::missing("grant_type"))?;
        let client = self.authenticate(form, headers, origin)?;
        let call = Call { form, client, origin };
        match grant_type {
            "authorization_code" => self.redeem(&call),
            "refresh_token" => self.refresh(&call),
            DEVICE_CODE => self.redeem_device(&call),
            "client_credentials" => self.own_token(&call),
            other => {
                let text = format!("the grant type `{other}` is not supported");
                Err(Refusal::new("unsupported_grant_type", &text))
            }
        }
    }

    fn redeem(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let code = call.needed("code")?;
        let redirect_uri = call.needed("redirect_uri")?;
        let verifier = given(call.form, "code_verifier");
        let redeemed = self.grants.redeem(code, &call.client, redirect_uri, verifier);
        let grant = redeemed.map_err(|refusal| {
            let why = code_words(refusal);
            self.grants.refused(Kind::Code, code, &call.client, why);
            Refusal::new("invalid_grant", why)
        })?;
        Ok(self.tokens(call, &grant, self.first_refresh_token(&grant)))
    }

    fn redeem_device(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let code = call.needed("device_code")?;
        let polled = self.devices.poll(code, &call.client);
        let (account, memo) = polled.map_err(|refusal| {
            let (error, text) = match refusal {
                DeviceRefusal::Pending => {
                    ("authorization_pending", "the user has not answered yet")
                }
                DeviceRefusal::Declined => ("access_denied", "the user has said no"),
                DeviceRefusal::Expired => ("expired_token", "the device code has expired"),
                DeviceRefusal::Unknown | DeviceRefusal::OtherClient => {
                    ("invalid_grant", "the device code is unknown")
                }
                DeviceRefusal::Spent => ("invalid_grant", "the device code was redeemed before"),
            };
            Refusal::new(error, text)
        })?;
        let grant = self.grants.begin(&call.client, &account, memo);
        Ok(self.tokens(call, &grant, self.first_refresh_token(&grant)))
    }

    fn own_token(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let is_public =
            self.clients().get(&call.client).is_none_or(|client| client.method == Some("none"));
        if is_public {
            let text = "a public client has nothing of its own";
            return Err(Refusal::new("unauthorized_client", text));
        }
        let scope = given(call.form, "scope").unwrap_or("read");
        let (token, life) = self.issue_access(&call.client, None, scope);
        let mut body = Map::new();
        body.insert("access_token".to_owned(), json!(token));
        body.insert("token_type".to_owned(), json!("Bearer"));
        body.insert("scope".to_owned(), json!(scope));
        if let Some(life) = life {
            body.insert("expires_in".to_owned(), json!(life.as_secs()));
        }
        Ok(Value::Object(body))
    }

    fn refresh(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let presented = call.needed("refresh_token")?;
        // Held to the end: who asks again meanwhile waits for the answer there is.
        let mut answers = self.answers();
        let refused = |refusal| {
            let why = refresh_words(refusal);
            self.grants.refused(Kind::Refresh, presented, &call.client, why);
            Refusal::new("invalid_grant", why)
        };
        let mut grant = self.grants.grant_of(presented, &call.client).map_err(refused)?;
        if let Some(scope) = given(call.form, "scope") {
            let set = |scope: &str| scope.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
            if !set(scope).is_subset(&set(&grant.memo.scope)) {
                let text = "the scope exceeds what was granted";
                self.grants.refused(Kind::Refresh, presented, &call.client, text);
                return Err(Refusal::new("invalid_scope", text));
            }
            scope.clone_into(&mut grant.memo.scope);
        }
        grant.memo.nonce = None;
        // The grant keeps its whole scope; only this access token is narrower.
        let kept = self.grants.grant_of(presented, &call.client).map_err(refused)?.memo;
        let memo = Memo { nonce: None, ..kept };
        let spent = self.grants.spend(presented, &call.client, memo).map_err(|refusal| {
            if refusal == RefreshRefusal::Reused {
                self.revoke_family(&grant.id, "a spent refresh token was presented again");
            }
            refused(refusal)
        })?;
        if spent.repeated
            && let Some(answer) = answers.get(&spent.refresh_token)
        {
            return Ok(answer.clone());
        }
        // One that was not rotated is not repeated either, as large providers do it.
        let is_new = spent.refresh_token != presented;
        let successor = is_new.then(|| spent.refresh_token.clone());
        let answer = self.tokens(call, &grant, successor);
        answers.insert(spent.refresh_token, answer.clone());
        Ok(answer)
    }

    fn first_refresh_token(&self, grant: &Grant<Memo>) -> Option<String> {
        (self.behaviour != Behaviour::Lasting).then(|| self.grants.issue(grant))
    }

    fn tokens(&self, call: &Call<'_>, grant: &Grant<Memo>, refresh_token: Option<String>) -> Value {
        let Memo { scope, nonce } = &grant.memo;
        let (token, life) = self.issue_access(&call.client, Some(grant), scope);
        let mut body = Map::new();
        body.insert("access_token".to_owned(), json!(token));
        body.insert("token_type".to_owned(), json!("Bearer"));
        body.insert("scope".to_owned(), json!(scope));
        if let Some(life) = life {
            body.insert("expires_in".to_owned(), json!(life.as_secs()));
        }
        if let Some(refresh_token) = refresh_token {
            body.insert("refresh_token".to_owned(), json!(refresh_token));
        }
        if scope.split(' ').any(|name| name == "openid") {
            let id_token = self.id_token(call, grant, nonce.as_deref());
            body.insert("id_token".to_owned(), json!(id_token));
        }
        Value::Object(body)
    }

    fn id_token(&self, call: &Call<'_>, grant: &Grant<Memo>, nonce: Option<&str>) -> String {
        let now = self.backstage.now().as_second();
        let user = user(&grant.account);
        let mut claims = json!({
            "iss": self.issuer(call.origin),
            "sub": user.map(|user| user.sub),
            "aud": call.client,
            "exp": now + ID_TOKEN_SECS,
            "iat": now,
            "auth_time": grant.opened.as_second(),
            "name": user.map(|user| user.name),
            "email": user.map(|user| user.email),
        });
        if let (Value::Object(claims), Some(nonce)) = (&mut claims, nonce) {
            claims.insert("nonce".to_owned(), json!(nonce));
        }
        signing_key().sign(Map::new(), &claims)
    }
}

impl Call<'_> {
    fn needed(&self, name: &str) -> Result<&str, Refusal> {
        given(self.form, name).ok_or_else(|| Refusal::missing(name))
    }
}

fn code_words(refusal: CodeRefusal) -> &'static str {
    match refusal {
        CodeRefusal::Unknown => "the code is unknown",
        CodeRefusal::OtherClient => "the code was issued to another client",
        CodeRefusal::OtherRedirect => "the redirect URI is not that of the request",
        CodeRefusal::Expired => "the code has expired",
        CodeRefusal::Spent => "the code was redeemed before",
        CodeRefusal::Verifier => "the code verifier is missing or wrong",
        CodeRefusal::Revoked => "the grant was revoked",
    }
}

fn refresh_words(refusal: RefreshRefusal) -> &'static str {
    match refusal {
        RefreshRefusal::Unknown => "the refresh token is unknown",
        RefreshRefusal::OtherClient => "the refresh token was issued to another client",
        RefreshRefusal::Inactive { .. } => "the refresh token has expired",
        RefreshRefusal::Revoked { .. } => "the grant was revoked",
        RefreshRefusal::Reused => "the refresh token was used before; its family is revoked",
    }
}
