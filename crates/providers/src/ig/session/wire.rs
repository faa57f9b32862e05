//! One request of a session, and what a refusal of it means for who signs in.

use bytes::Bytes;
use evergrant::gateway::retry_after;
use evergrant::provider::{AuthError, Failure};
use evergrant::transport::Aside;
use evergrant::{Request, Response, Secret, Transport};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::Sessions;
use crate::dictionary;
use crate::ig::limits::Whose;
use crate::ig::refusal;
use crate::ig::words::{self, Kind};
use crate::oauth2::unanswered;

/// Selects an operation's version.
pub(in crate::ig) const VERSION: &str = "version";
/// Names the account that a call acts in.
pub(in crate::ig) const ACCOUNT: &str = "ig-account-id";
/// Says what method a POST stands for.
pub(in crate::ig) const METHOD: &str = "_method";
/// The only form of bodies.
pub(in crate::ig) const JSON: &str = "application/json; charset=UTF-8";
/// The operator's key.
pub(super) const API_KEY: &str = "x-ig-api-key";
/// The client's token of a session of version 2.
pub(super) const CST: &str = "cst";
/// The account's token of a session of version 2.
pub(super) const XST: &str = "x-security-token";

/// What a session's requests are signed with.
#[derive(Debug)]
pub(super) enum Auth {
    /// Version 3.
    Bearer(Secret),
    /// Version 2.
    Pair(Pair),
    /// Nothing.
    None,
}

impl Auth {
    /// That of an access token as it is handed out.
    pub(super) fn of(access: &Secret, pair: bool) -> Self {
        match pair.then(|| Pair::split(access)) {
            None => Self::Bearer(access.clone()),
            Some(Some(pair)) => Self::Pair(pair),
            Some(None) => Self::None,
        }
    }
}

/// The tokens of a session of version 2.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) cst: Secret,
    pub(super) xst: Secret,
}

impl Pair {
    /// Both in one text, as IG's streams take them for a password (contract, section 5).
    pub(super) fn joined(&self) -> Secret {
        super::secret(format!("CST-{}|XST-{}", self.cst.expose(), self.xst.expose()))
    }

    pub(super) fn split(access: &Secret) -> Option<Self> {
        let (cst, xst) = access.expose().strip_prefix("CST-")?.split_once("|XST-")?;
        Some(Self { cst: cst.into(), xst: xst.into() })
    }
}

/// Puts a secret into a header. One that is not visible ASCII was refused when it was obtained.
pub(super) fn put(headers: &mut HeaderMap, name: &'static str, secret: &Secret) {
    if let Ok(mut value) = HeaderValue::try_from(secret.expose()) {
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
}

pub(super) fn put_auth(headers: &mut HeaderMap, auth: &Auth) {
    match auth {
        Auth::Bearer(token) => {
            let bearer = super::secret(format!("Bearer {}", token.expose()));
            put(headers, header::AUTHORIZATION.as_str(), &bearer);
        }
        Auth::Pair(pair) => {
            put(headers, CST, &pair.cst);
            put(headers, XST, &pair.xst);
        }
        Auth::None => {}
    }
}

/// A request being put together.
pub(super) struct Ask<'a> {
    method: Method,
    version: u8,
    path: &'static str,
    auth: Auth,
    account: Option<&'a str>,
    whose: Option<Whose>,
    body: Option<Value>,
    aside: bool,
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, version: u8, path: &'static str) -> Self {
        let (account, whose, body, aside) = (None, None, None, false);
        Self { method, version, path, auth: Auth::None, account, whose, body, aside }
    }

    pub(super) fn by(self, auth: Auth) -> Self {
        Self { auth, ..self }
    }

    /// In this account.
    pub(super) fn within(self, account: Option<&'a str>) -> Self {
        Self { account, ..self }
    }

    /// Counted for this account.
    pub(super) fn counted(self, whose: Option<Whose>) -> Self {
        Self { whose, ..self }
    }

    pub(super) fn json(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Its answer makes no session.
    pub(super) fn aside(self) -> Self {
        Self { aside: true, ..self }
    }
}

/// Why a request was refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// The session has ended.
    Ended(Failure),
    /// Something else.
    Else(AuthError),
}

impl From<AuthError> for Refused {
    fn from(error: AuthError) -> Self {
        Self::Else(error)
    }
}

impl Refused {
    /// As it is where there was no session.
    pub(super) fn error(self) -> AuthError {
        match self {
            Self::Ended(failure) => AuthError::Rejected(failure),
            Self::Else(error) => error,
        }
    }

    /// As it is where the session was there a moment ago: what has ended it shows the next time.
    pub(super) fn passing(self) -> AuthError {
        let Self::Ended(Failure { provider_code, trace_id, .. }) = &self else {
            return self.error();
        };
        let failure = Failure {
            provider_code: provider_code.clone(),
            trace_id: trace_id.clone(),
            ..dictionary::NO_REASON.failure()
        };
        AuthError::Unavailable { failure, retry_after: None, sent: false }
    }
}

impl Sessions {
    /// Sends a request and gives an answer of success.
    pub(super) async fn send(
        &self,
        http: &dyn Transport,
        ask: Ask<'_>,
    ) -> Result<Response, Refused> {
        let response = self.answer(http, ask).await?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(&response)) }
    }

    /// Sends a request and gives whatever answer there is.
    pub(super) async fn answer(
        &self,
        http: &dyn Transport,
        ask: Ask<'_>,
    ) -> Result<Response, AuthError> {
        let key = self.key.get();
        let key = key.ok_or_else(|| AuthError::Misconfigured(dictionary::INCOMPLETE.failure()))?;
        let request = self.request(ask, &key)?;
        let response = http.send(request).await.map_err(|error| unanswered(&error))?;
        if response.status().is_success() {
            self.key.refused(&key, None);
        }
        Ok(response)
    }

    fn request(&self, ask: Ask<'_>, key: &Secret) -> Result<Request, AuthError> {
        let base = self.base_url.as_str().trim_end_matches('/');
        let body = ask.body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let mut request = http::Request::builder()
            .method(ask.method)
            .uri(format!("{base}{}", ask.path))
            .header(header::ACCEPT, JSON)
            .header(header::CONTENT_TYPE, JSON)
            .header(VERSION, u16::from(ask.version))
            .body(body)
            .map_err(|_| AuthError::Misconfigured(dictionary::ENDPOINT.failure()))?;
        if ask.aside {
            request.extensions_mut().insert(Aside);
        }
        if let Some(whose) = ask.whose {
            request.extensions_mut().insert(whose);
        }
        let headers = request.headers_mut();
        put(headers, API_KEY, key);
        put_auth(headers, &ask.auth);
        if let Some(account) = ask.account.and_then(|id| HeaderValue::try_from(id).ok()) {
            headers.insert(ACCOUNT, account);
        }
        Ok(request)
    }

    /// What a refusal to go on with a session means. Whatever IG refuses there for a reason of the user's
    /// is the session, and the login makes another (contract, section 2.7); but where IG has locked the
    /// login, that must not be used.
    ///
    /// A page that is none of IG's ends no session that nothing could replace.
    pub(super) fn not_renewed(&self, response: &Response, kept: bool) -> Refused {
        let (status, body) = (response.status(), response.body());
        let said = refusal::code(response);
        let own = || body.is_empty() || serde_json::from_slice::<IgnoredAny>(body).is_ok();
        let refuses = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED);
        if said.is_none() && refuses && (kept || own()) {
            return Refused::Ended(Failure {
                provider_code: Some(status.as_u16().to_string()),
                trace_id: refusal::request_id(response),
                ..words::ENDED.failure()
            });
        }
        match self.refused(response) {
            Refused::Else(AuthError::Rejected(why)) if why.code != words::LOCKED => {
                let Failure { provider_code, trace_id, .. } = why;
                Refused::Ended(Failure { provider_code, trace_id, ..words::ENDED.failure() })
            }
            refused => refused,
        }
    }

    /// What a refusal means. What nobody has heard of passes, unless IG says it of a sign-in: a
    /// password must not be tried again and again.
    pub(super) fn refused(&self, response: &Response) -> Refused {
        let status = response.status();
        let trace_id = refusal::request_id(response);
        let outage =
            |words: &dictionary::Words, code: Option<String>, sent| AuthError::Unavailable {
                failure: Failure {
                    provider_code: code.or_else(|| Some(status.as_u16().to_string())),
                    trace_id: trace_id.clone(),
                    ..words.failure()
                },
                retry_after: retry_after(response),
                sent,
            };
        if status.is_redirection() {
            return outage(&dictionary::REDIRECTED, None, true).into();
        }
        let Some(code) = refusal::code(response) else {
            let throttled = status == StatusCode::TOO_MANY_REQUESTS;
            let words = if throttled { &dictionary::THROTTLED } else { &dictionary::NO_REASON };
            return outage(words, None, !throttled).into();
        };
        let row = words::find(&code);
        let is_meant = matches!(
            status,
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        );
        let Some(row) = row else {
            return if is_meant {
                let code = Some(code);
                let refused = words::REFUSED.failure();
                AuthError::Rejected(Failure { provider_code: code, trace_id, ..refused }).into()
            } else {
                outage(&dictionary::NO_REASON, Some(code), true).into()
            };
        };
        let failure = refusal::failure(row, &code, trace_id.clone());
        match row.kind {
            Kind::Session => Refused::Ended(failure),
            Kind::Key => {
                if let Some(key) = self.key.get() {
                    self.key.refused(&key, Some(&failure));
                }
                AuthError::Misconfigured(failure).into()
            }
            Kind::Allowance(kind) => AuthError::Unavailable {
                failure,
                retry_after: Some(refusal::pause(kind)),
                // It was not looked at.
                sent: false,
            }
            .into(),
            Kind::Down => outage(&row.words, Some(code), true).into(),
            // Every address that is asked here is one of the configuration's.
            Kind::NotFound => {
                let invalid = dictionary::ENDPOINT.failure();
                AuthError::Misconfigured(Failure { provider_code: Some(code), trace_id, ..invalid })
                    .into()
            }
            Kind::Forbidden if row.words.class == dictionary::Class::Operator => {
                AuthError::Misconfigured(failure).into()
            }
            _ => AuthError::Rejected(failure).into(),
        }
    }
}

/// An answer that makes no sense.
pub(super) fn unreadable(status: StatusCode) -> AuthError {
    crate::oauth2::unreadable(status, None)
}
