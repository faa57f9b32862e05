//! The one table from what went wrong to what the caller reads (RFC 9457).

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Defines [`Code`] and its row: status, title, and what the caller can do.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $title:literal, $remedy:literal;)*) => {
        /// The stable name of a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name callers compare with.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// What it is, the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What to do about it.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }
        }
    };
}

problems! {
    /// The path leads nowhere.
    NotFound = "not_found", NOT_FOUND, "There is nothing at this path",
        "See /openapi.json for every path.";
    /// The path is right, the method is not.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This path does not take this method",
        "The `Allow` header lists the methods it takes.";
    /// The body, a parameter or a header is wrong.
    InvalidRequest = "invalid_request", UNPROCESSABLE_ENTITY, "The request cannot be understood",
        "`errors` names each part that is wrong and why.";
    /// The body is too long.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The request's body is too large",
        "`detail` says how long it may be.";
    /// The body does not come to its end.
    BodyTooSlow = "body_too_slow", REQUEST_TIMEOUT, "The request's body came too slowly",
        "Send it again: without a pause of 30 seconds, and within ten minutes in all.";
    /// The body is not JSON.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is not JSON",
        "Send JSON with `Content-Type: application/json`.";
    /// No access key, or not a good one.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "No valid access key",
        "Send `Authorization: Bearer evg_…`; the operator makes keys with `evergrant keys create`.";
    /// The access key lacks a permission.
    Forbidden = "forbidden", FORBIDDEN, "The access key may not do this",
        "`detail` says what the key lacks; the operator makes keys with `evergrant keys create`.";
    /// A service key without a user to act for.
    UserRequired = "user_required", BAD_REQUEST, "A service key must say which user it acts for",
        "Send `Evergrant-User` with a user's name or id; `evergrant users` lists them.";
    /// Unknown, foreign and disconnected look the same.
    IntegrationNotFound = "integration_not_found", NOT_FOUND, "There is no such integration",
        "`GET /api/integrations/` lists the user's integrations.";
    /// No such sync was asked for.
    SyncNotFound = "sync_not_found", NOT_FOUND, "There is no such sync",
        "`POST /api/integrations/{id}/sync/` asks for one, and its `Location` says where it is.";
    /// What has changed since the cursor is not known any more.
    CursorExpired = "cursor_expired", GONE, "The changes since this cursor are not kept any more",
        "Begin again without `cursor`: all there is comes as `added`, and what you have and does not come is gone.";
    /// The integration is paused.
    IntegrationPaused = "integration_paused", CONFLICT, "The integration is paused",
        "Resume it with `PATCH /api/integrations/{id}/` and `{\"paused\": false}`.";
    /// Only the user can mend it.
    ReconnectRequired = "reconnect_required", CONFLICT, "The user must connect the account again",
        "Send the user to `reconnect_url`, or begin again with `integration` in `POST /api/integrations/oauth/initiate/`; the integration keeps its id.";
    /// Only an administrator of the user's organisation can mend it.
    ConsentRequired = "consent_required", CONFLICT, "An administrator must grant the permissions first",
        "Send `admin_consent_url` to an administrator of the user's organisation; once it is done there, the user connects again.";
    /// No token lives that long.
    LifeUnattainable = "life_unattainable", UNPROCESSABLE_ENTITY, "No token lives that long",
        "Ask for at most `longest_seconds`.";
    /// The provider key does not exist.
    UnknownProvider = "unknown_provider", UNPROCESSABLE_ENTITY, "There is no such provider",
        "Use one of `providers`.";
    /// The permissions cannot be asked for.
    UnknownScopes = "unknown_scopes", UNPROCESSABLE_ENTITY, "These permissions cannot be asked for",
        "Ask for some of `scopes`, or leave `scopes` out to ask for all of them.";
    /// The redirect URI is not allowed.
    RedirectNotAllowed = "redirect_not_allowed", UNPROCESSABLE_ENTITY, "This redirect URI is not allowed",
        "Leave `redirect_uri` out, or have the operator add it to EVERGRANT_SERVER_REDIRECT_URIS.";
    /// The state is unknown, used, timed out or somebody else's.
    InvalidState = "invalid_state", BAD_REQUEST, "This sign-in is not under way",
        "Start again with `POST /api/integrations/oauth/initiate/`: a state works once, within ten minutes, for the user who began.";
    /// The provider or the user refused to connect.
    ConnectRefused = "connect_refused", BAD_REQUEST, "The account was not connected",
        "`detail` says why and what to do; nothing was changed.";
    /// Someone else signed in.
    AccountMismatch = "account_mismatch", CONFLICT, "Another account signed in",
        "Sign in with the account the integration belongs to, or connect the other one as a new integration.";
    /// Two at once.
    Conflict = "conflict", CONFLICT, "Another request changed the same thing",
        "Send the request again.";
    /// The grant lacks a permission.
    MissingScope = "missing_scope", FORBIDDEN, "The user has not granted this permission",
        "Send the user to `reconnect_url`; or ask for one of `scopes` besides the present ones with `POST /api/integrations/oauth/initiate/`, `integration` and `scopes`. The integration keeps its id.";
    /// A rule of the organisation.
    ConditionalAccess = "conditional_access", FORBIDDEN, "The user's organisation forbids it here and now",
        "The user asks their organisation's administrator which device, place or sign-in it demands.";
    /// The owner does not allow it.
    AccessDenied = "access_denied", FORBIDDEN, "The provider denies this account access",
        "`detail` says what is denied; whoever owns it, or the organisation's administrator, can allow it.";
    /// There is no mailbox.
    MailboxMissing = "mailbox_missing", FORBIDDEN, "The account has no mailbox there",
        "The organisation's administrator gives the account a mailbox; or the user connects an account that has one.";
    /// There is no licence.
    LicenseMissing = "license_missing", FORBIDDEN, "The account lacks a licence",
        "`detail` names the licence; the organisation's administrator assigns it.";
    /// There is no such item.
    ItemNotFound = "item_not_found", NOT_FOUND, "There is no such item at the provider",
        "It was deleted or its id is another one; list the items again.";
    /// It has changed since.
    ItemChanged = "item_changed", PRECONDITION_FAILED, "The item has changed since it was read",
        "Read it again, and send the change with its new `version` in `If-Match`.";
    /// It cannot be done with the item as it is.
    ItemConflict = "item_conflict", CONFLICT, "It cannot be done with the item as it is",
        "`detail` says what stands in the way; read the item again.";
    /// The provider does not accept what was sent.
    InputRefused = "input_refused", UNPROCESSABLE_ENTITY, "The provider does not accept what was sent",
        "`detail` and `provider_code` say what it does not accept.";
    /// Too large for the provider.
    ItemTooLarge = "item_too_large", PAYLOAD_TOO_LARGE, "It is larger than the provider takes",
        "`detail` says what the provider takes.";
    /// No room left.
    QuotaExceeded = "quota_exceeded", FORBIDDEN, "The account has no room left at the provider",
        "The user deletes something, or the organisation's administrator gives the account more room.";
    /// It may have happened or not.
    OutcomeUnknown = "outcome_unknown", SERVICE_UNAVAILABLE, "Whether the provider did it is not known yet",
        "Send the same request with the same `Idempotency-Key` after the seconds in `Retry-After`: what is found done is not done again.";
    /// The first request with this key is under way.
    IdempotencyKeyInUse = "idempotency_key_in_use", CONFLICT, "The first request with this key is still under way",
        "Send the request again after the seconds in `Retry-After`.";
    /// The key was used for another request.
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "This key was used for another request",
        "Use a new `Idempotency-Key` for every new request.";
    /// The provider refuses this very call.
    ProviderRefused = "provider_refused", BAD_GATEWAY, "The provider refused the call",
        "`provider_code` and `provider_request_id` are the provider's own.";
    /// Too many calls.
    ProviderThrottled = "provider_throttled", TOO_MANY_REQUESTS, "The provider asks to wait",
        "Wait for the seconds in `Retry-After`.";
    /// The provider is down.
    ProviderUnavailable = "provider_unavailable", SERVICE_UNAVAILABLE, "The provider does not answer",
        "Wait for the seconds in `Retry-After`; nothing is lost meanwhile.";
    /// The provider cannot do it.
    NotOffered = "not_offered", NOT_FOUND, "The provider does not offer this",
        "`detail` says what is missing; another provider, or another way to connect, may have it.";
    /// The operator must fix the registration.
    RegistrationMisconfigured = "registration_misconfigured", SERVICE_UNAVAILABLE, "The registration at the provider needs the operator",
        "The operator runs `evergrant doctor`; users stay connected and need not do anything.";
    /// The user has not signed in on the other device yet.
    SignInPending = "sign_in_pending", CONFLICT, "The user has not signed in yet",
        "Ask again after the seconds in `Retry-After`, with the same `state`.";
    /// Nobody has adopted this copy of a database.
    DatabaseCopied = "database_copied", SERVICE_UNAVAILABLE, "The database is a copy of another one",
        "The operator stops whatever uses the original, and runs `evergrant adopt`; until then no provider is called.";
    /// The database is away.
    StorageUnavailable = "storage_unavailable", SERVICE_UNAVAILABLE, "The database does not answer",
        "Wait for the seconds in `Retry-After`; nothing is lost meanwhile.";
    /// There is no room for what is large, or for another one who waits.
    ServerBusy = "server_busy", SERVICE_UNAVAILABLE, "There is no room for another one now",
        "Wait for the seconds in `Retry-After`; send and fetch fewer large files, and wait for fewer things, at a time.";
    /// A stored secret does not open.
    EncryptionKeyMissing = "encryption_key_missing", SERVICE_UNAVAILABLE, "A stored secret cannot be decrypted",
        "The operator adds the missing key to EVERGRANT_ENCRYPTION_KEYS; nothing is lost meanwhile.";
    /// A defect of ours.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Evergrant failed",
        "Report it with `request_id`, under which the log has the details.";
}

/// An answer that is not the one asked for.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    detail: String,
    more: Map<String, Value>,
    retry_after: Option<Duration>,
    /// What to do this time, where that is known better than for the code in general.
    remedy: Option<String>,
    /// Whether the request certainly had no effect.
    harmless: bool,
}

/// What went wrong, and what to do about it (RFC 9457). Some codes add members of their own.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// `urn:evergrant:problem:` and the code.
    #[schema(example = "urn:evergrant:problem:integration_not_found")]
    r#type: String,
    /// What it is, the same for every occurrence.
    #[schema(example = "There is no such integration")]
    title: &'a str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// Its stable name: compare with this.
    #[schema(example = "integration_not_found")]
    code: &'a str,
    /// What happened this time, for people.
    #[schema(example = "There is no such integration.")]
    detail: &'a str,
    /// What to do about it.
    #[schema(example = "`GET /api/integrations/` lists the user's integrations.")]
    remedy: &'a str,
    /// Seconds to wait, as in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// The request, for whoever reads the log; not in a 404, where only the header has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "beeb8da1-0000002a")]
    request_id: Option<&'a str>,
    #[serde(flatten)]
    #[schema(ignore)]
    more: Map<String, Value>,
}

impl Problem {
    /// The member with the page for an administrator.
    pub(crate) const CONSENT_URL: &str = "admin_consent_url";

    /// A problem with what is particular to this occurrence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            detail: sentence(&detail.into()),
            more: Map::new(),
            retry_after: None,
            remedy: None,
            harmless: false,
        }))
    }

    /// A part of the request that is wrong: a JSON pointer or a parameter's name, and why.
    pub(crate) fn invalid(pointer: &str, why: impl Into<String>) -> Self {
        let why = sentence(&why.into());
        let error = serde_json::json!([{ "pointer": plain(pointer), "detail": why }]);
        Self::new(Code::InvalidRequest, why).with("errors", error)
    }

    /// A path that leads nowhere.
    pub(crate) fn nothing_here() -> Self {
        Self::new(Code::NotFound, "No path of this server is called that.")
    }

    /// A defect: what it is stands in the log alone.
    pub(crate) fn internal(what: impl std::fmt::Display) -> Self {
        tracing::error!(%what, "a defect, of Evergrant or of what its database holds");
        Self::new(Code::Internal, "The operator finds the cause in the log.")
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    /// A member's text, if it was added.
    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        self.0.more.get(name).and_then(Value::as_str)
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What happened, for people.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Says better than the code in general what to do; nothing, if `remedy` is empty.
    pub(crate) fn remedied_by(mut self, remedy: String) -> Self {
        self.0.remedy = Some(remedy).filter(|remedy| !remedy.is_empty());
        self
    }

    /// What to do about it, where this is known better than for its code.
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// Says that the request certainly had no effect.
    pub(crate) fn without_effect(mut self) -> Self {
        self.0.harmless = true;
        self
    }

    /// Whether the request certainly had no effect.
    pub(crate) fn is_harmless(&self) -> bool {
        self.0.harmless
    }

    /// With how long to wait, also in the header `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Inner { code, detail, more, retry_after, remedy, harmless: _ } = *self.0;
        let seconds = retry_after.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        let body = ProblemBody {
            r#type: format!("urn:evergrant:problem:{}", code.name()),
            title: code.title(),
            status: code.status().as_u16(),
            code: code.name(),
            detail: &detail,
            remedy: remedy.as_deref().unwrap_or(code.remedy()),
            retry_after: seconds,
            request_id: None,
            more,
        };
        let mut response = (code.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(code);
        response
    }
}

/// Without control characters: what a caller sent may be quoted, and may be shown on a terminal.
fn plain(text: &str) -> String {
    let plain = |c: char| {
        if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }
    };
    text.chars().map(plain).collect()
}

/// Plain, begins with a capital and ends with a stop, as every detail does.
fn sentence(text: &str) -> String {
    let text = plain(text);
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return text;
    };
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{stop}", first.to_uppercase(), chars.as_str())
}
