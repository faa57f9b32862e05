//! What every OAuth 2.0 token endpoint has in common: one POST, one answer, and what it means.
//!
//! Answers are read as they are sent in the field, not only as RFC 6749 has them: lifetimes as
//! strings, errors under status 200, pages of HTML where a proxy is in the way. What cannot be
//! understood is an outage, never a revocation.

use std::time::Duration;

use bytes::Bytes;
use evergrant::clock::later;
use evergrant::gateway::retry_after;
use evergrant::provider::{Actor, AuthError, Failure};
use evergrant::{Grant, Response, Secret, Transport, TransportError};
use http::header;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::Url;

/// The lifetime assumed where neither the answer nor the previous grant tells one.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(5);
/// The longest lifetime believed; the longest documented one is 28 hours.
const LONGEST_LIFETIME: Duration = Duration::from_hours(48);
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// A successful answer.
pub(crate) struct TokenAnswer {
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
    pub(crate) id_token: Option<Secret>,
    lifetime: Option<Duration>,
    scopes: Option<Vec<String>>,
}

impl TokenAnswer {
    /// The grant this answer makes, over the `previous` one if it was a refresh: what the answer
    /// leaves out stays as it was (RFC 6749, sections 5.1 and 6).
    pub(crate) fn grant(
        &self,
        began: Timestamp,
        previous: Option<&Grant>,
        asked: &[String],
    ) -> Grant {
        let lifetime =
            self.lifetime.or_else(|| previous.map(Grant::lifetime)).unwrap_or(DEFAULT_LIFETIME);
        Grant {
            access: self.access.clone(),
            refresh: self.refresh.clone().or_else(|| previous.and_then(|p| p.refresh.clone())),
            scopes: match (&self.scopes, previous) {
                (Some(scopes), _) => scopes.clone(),
                (None, Some(previous)) => previous.scopes.clone(),
                (None, None) => asked.to_vec(),
            },
            obtained_at: began,
            expires_at: later(began, lifetime),
        }
    }
}

/// An error answer as RFC 6749, section 5.2 has it, with the members providers add.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct OAuthError {
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) suberror: Option<String>,
    #[serde(default)]
    pub(crate) error_codes: Vec<u64>,
    #[serde(default)]
    pub(crate) trace_id: Option<String>,
    #[serde(default)]
    pub(crate) correlation_id: Option<String>,
}

/// Sends a form to a token endpoint and reads the answer. `explain` puts a provider's own error
/// into words and may know better than the RFC who has to act.
pub(crate) async fn exchange(
    http: &dyn Transport,
    endpoint: &Url,
    form: &[(&str, &str)],
    explain: fn(&OAuthError, Option<Duration>) -> Option<AuthError>,
) -> Result<TokenAnswer, AuthError> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = http::Request::builder()
        .method(http::Method::POST)
        .uri(endpoint.as_str())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .body(Bytes::from(body))
        .map_err(|_| {
            AuthError::Misconfigured(Failure::new(
                "token_endpoint_invalid",
                Actor::Operator,
                format!("The address of the token endpoint cannot be called: {endpoint}."),
            ))
        })?;
    let response = http.send(request).await.map_err(|error| unanswered(&error))?;
    read(&response, explain)
}

/// Sorts an answer into grant, rejection, misconfiguration and outage.
fn read(
    response: &Response,
    explain: fn(&OAuthError, Option<Duration>) -> Option<AuthError>,
) -> Result<TokenAnswer, AuthError> {
    let status = response.status();
    let wait = retry_after(response);
    let body = response.body();
    if body.len() > LONGEST_ANSWER {
        return Err(unreadable("an answer that is too long"));
    }
    // An error is looked for before a success: some providers send errors under status 200.
    if let Ok(error) = serde_json::from_slice::<OAuthError>(body) {
        return Err(explain(&error, wait).unwrap_or_else(|| sort(&error, status, wait)));
    }
    if !status.is_success() {
        return Err(AuthError::Unavailable {
            failure: Failure {
                provider_code: Some(status.as_u16().to_string()),
                ..Failure::new(
                    "provider_unavailable",
                    Actor::Nobody,
                    format!(
                        "The provider's token endpoint answered {} without a reason.",
                        status.as_u16()
                    ),
                )
            },
            retry_after: wait,
            sent: true,
        });
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_| unreadable("no token"))?;
    match answer.token_type.as_deref() {
        None => {}
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => {}
        Some(kind) => {
            return Err(AuthError::Misconfigured(Failure::new(
                "token_type_unknown",
                Actor::Operator,
                format!(
                    "The provider issued a token of type {kind:?}; only bearer tokens can be used."
                ),
            )));
        }
    }
    let access =
        token(answer.access_token).ok_or_else(|| unreadable("an unusable access token"))?;
    Ok(TokenAnswer {
        access,
        refresh: token(answer.refresh_token),
        id_token: token(answer.id_token),
        lifetime: answer.expires_in.as_ref().and_then(lifetime),
        scopes: answer.scope.map(|s| s.split_whitespace().map(str::to_owned).collect()),
    })
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default, deserialize_with = "text")]
    access_token: Option<String>,
    #[serde(default, deserialize_with = "text")]
    refresh_token: Option<String>,
    #[serde(default, deserialize_with = "text")]
    id_token: Option<String>,
    #[serde(default, deserialize_with = "text")]
    token_type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    scope: Option<String>,
    #[serde(default)]
    expires_in: Option<Value>,
}

/// A string; anything else counts as absent.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// A token that can stand in a header; an empty one counts as absent.
fn token(text: Option<String>) -> Option<Secret> {
    text.filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_graphic())).map(Secret::from)
}

/// `expires_in` as a number or as text; nonsense counts as absent.
fn lifetime(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (seconds >= 1.0).then(|| {
        Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_LIFETIME).min(LONGEST_LIFETIME)
    })
}

/// Who has to act, by `error` alone (RFC 6749, section 5.2; OpenID Connect Core, section 3.1.2.6).
fn sort(error: &OAuthError, status: http::StatusCode, retry_after: Option<Duration>) -> AuthError {
    let failure = |code, actor, message: &str| error.failure(code, actor, message);
    match error.error.as_str() {
        "invalid_grant"
        | "interaction_required"
        | "login_required"
        | "consent_required"
        | "access_denied" => AuthError::Rejected(failure(
            "grant_ended",
            Actor::User,
            "The provider ended this connection. Connect the account again.",
        )),
        "invalid_client"
        | "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_request"
        | "invalid_scope"
        | "invalid_resource"
        | "invalid_tenant"
        | "invalid_instance"
            if status.is_client_error() || status.is_success() =>
        {
            AuthError::Misconfigured(failure(
                "registration_refused",
                Actor::Operator,
                "The provider refuses this application's registration. The operator must correct it; users stay connected.",
            ))
        }
        _ => AuthError::Unavailable {
            failure: failure(
                "provider_unavailable",
                Actor::Nobody,
                "The provider cannot answer at the moment. It will be asked again.",
            ),
            retry_after,
            sent: true,
        },
    }
}

impl OAuthError {
    /// A failure with the provider's own codes.
    pub(crate) fn failure(&self, code: &str, actor: Actor, message: &str) -> Failure {
        let number = self.error_codes.first().map(u64::to_string);
        Failure {
            provider_code: Some(match (number, &self.suberror) {
                (Some(number), Some(sub)) => format!("{} {sub} {number}", self.error),
                (Some(number), None) => format!("{} {number}", self.error),
                (None, Some(sub)) => format!("{} {sub}", self.error),
                (None, None) => self.error.clone(),
            }),
            trace_id: self.trace_id.clone(),
            correlation_id: self.correlation_id.clone(),
            ..Failure::new(code, actor, message)
        }
    }
}

fn unanswered(error: &TransportError) -> AuthError {
    AuthError::Unavailable {
        failure: Failure::new(
            "provider_unreachable",
            Actor::Nobody,
            format!("The provider cannot be reached: {error}."),
        ),
        retry_after: None,
        sent: error.sent(),
    }
}

fn unreadable(what: &str) -> AuthError {
    AuthError::Unavailable {
        failure: Failure::new(
            "provider_answer_unreadable",
            Actor::Nobody,
            format!("The provider's token endpoint sent {what}. It will be asked again."),
        ),
        retry_after: None,
        sent: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<TokenAnswer, AuthError> {
        let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        read(&response, |_, _| None)
    }

    fn class(status: u16, body: &str) -> &'static str {
        match answer(status, body) {
            Ok(_) => "grant",
            Err(AuthError::Rejected(_)) => "rejected",
            Err(AuthError::Misconfigured(_)) => "misconfigured",
            Err(AuthError::Unavailable { sent: true, .. }) => "unavailable",
            Err(AuthError::Unavailable { .. }) => "unsent",
        }
    }

    #[test]
    fn every_answer_has_its_class() {
        let deep = "[".repeat(10_000);
        let cases: &[(u16, &str, &str)] = &[
            (200, r#"{"access_token":"a"}"#, "grant"),
            (200, r#"{"access_token":"a","token_type":"bearer"}"#, "grant"),
            (200, r#"{"access_token":"a","token_type":"Bearer","new":{"member":1}}"#, "grant"),
            (200, r#"{"access_token":"a","refresh_token":null}"#, "grant"),
            (201, r#"{"access_token":"a"}"#, "grant"),
            (200, r#"{"access_token":"a","token_type":"mac"}"#, "misconfigured"),
            (200, r#"{"access_token":""}"#, "unavailable"),
            (200, r#"{"access_token":7}"#, "unavailable"),
            (200, "{\"access_token\":\"a\\u0000b\"}", "unavailable"),
            (200, r#"{"access_token":"a b"}"#, "unavailable"),
            (200, r#"{"access_token":"a","access_token":"b"}"#, "unavailable"),
            (200, "", "unavailable"),
            (200, "{", "unavailable"),
            (200, "null", "unavailable"),
            (200, &deep, "unavailable"),
            (200, "<html>log in to the hotel's network</html>", "unavailable"),
            (200, r#"{"error":"invalid_grant"}"#, "rejected"),
            (302, "", "unavailable"),
            (307, r#"{"access_token":"a"}"#, "unavailable"),
            (400, r#"{"error":"invalid_grant"}"#, "rejected"),
            (
                400,
                r#"{"error":"invalid_grant","suberror":"basic_action","error_codes":[50076]}"#,
                "rejected",
            ),
            (400, r#"{"error":"interaction_required"}"#, "rejected"),
            (400, r#"{"error":"consent_required"}"#, "rejected"),
            (401, r#"{"error":"invalid_client"}"#, "misconfigured"),
            (400, r#"{"error":"unauthorized_client"}"#, "misconfigured"),
            (400, r#"{"error":"invalid_scope"}"#, "misconfigured"),
            (400, r#"{"error":"something_new"}"#, "unavailable"),
            (400, "<html>web application firewall</html>", "unavailable"),
            (403, "", "unavailable"),
            (404, "not here", "unavailable"),
            (429, r#"{"error":"temporarily_unavailable"}"#, "unavailable"),
            (500, r#"{"error":"server_error"}"#, "unavailable"),
            (503, r#"{"error":"invalid_client"}"#, "unavailable"),
            (502, "bad gateway", "unavailable"),
        ];
        for (status, body, expected) in cases {
            assert_eq!(class(*status, body), *expected, "{status} {}", &body[..body.len().min(80)]);
        }
    }

    #[test]
    fn a_lifetime_is_read_in_every_spelling_and_nonsense_is_absent() {
        let seconds =
            |json: &str| lifetime(&serde_json::from_str(json).unwrap()).map(|life| life.as_secs());
        assert_eq!(seconds("3600"), Some(3600));
        assert_eq!(seconds("\"60\""), Some(60));
        assert_eq!(seconds("\" 60.0 \""), Some(60));
        assert_eq!(seconds("3599.9"), Some(3599));
        assert_eq!(seconds("1e300"), Some(48 * 3600));
        for nonsense in ["0", "-1", "\"soon\"", "true", "{}", "null", "\"NaN\"", "\"inf\""] {
            assert!(matches!(seconds(nonsense), None | Some(172_800)), "{nonsense}");
        }
        assert_eq!(seconds("\"NaN\""), None);
    }

    #[test]
    fn what_an_answer_leaves_out_stays_as_it_was() {
        let began = Timestamp::UNIX_EPOCH;
        let first = answer(
            200,
            r#"{"access_token":"a1","refresh_token":"r1","expires_in":60,"scope":"x y"}"#,
        )
        .ok()
        .unwrap()
        .grant(began, None, &[]);
        let next = answer(200, r#"{"access_token":"a2","refresh_token":""}"#).ok().unwrap().grant(
            began,
            Some(&first),
            &[],
        );
        assert_eq!(next.refresh, Some("r1".into()));
        assert_eq!(next.scopes, ["x", "y"]);
        assert_eq!(next.lifetime(), Duration::from_mins(1));
        assert_eq!(next.access, "a2".into());
    }
}
