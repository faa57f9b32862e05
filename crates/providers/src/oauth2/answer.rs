//! Reading what a token endpoint answers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use evergrant::clock::later;
use evergrant::gateway::retry_after;
use evergrant::provider::{AuthError, Failure};
use evergrant::{Grant, Response, Secret};
use jiff::Timestamp;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::failure::{OAuthError, Refusal, unreadable};
use crate::dictionary::{self, Numbered};

/// The lifetime assumed where neither the answer nor the previous grant tells one.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(5);
/// The longest lifetime believed; the longest documented one is 28 hours.
const LONGEST_LIFETIME: Duration = Duration::from_hours(48);
/// The longest token that is kept, in bytes.
const LONGEST_TOKEN: usize = 64 << 10;
/// The longest answer that is read, in bytes: three tokens of the longest kind and what is around them.
const LONGEST_ANSWER: usize = 4 * LONGEST_TOKEN;

/// How a server's answers differ from what the standards say; the default is not at all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Habits {
    /// A JSON pointer to the object that holds the tokens.
    pub(crate) token_at: Option<String>,
    /// Its own names for errors, and the standard ones they stand for.
    pub(crate) errors: BTreeMap<String, String>,
    /// The lifetime of its access tokens where it does not say.
    pub(crate) lifetime: Option<Duration>,
    /// What separates permissions, if it is no space.
    pub(crate) scope_separator: Option<char>,
    /// What its numbers mean.
    pub(crate) numbers: &'static [Numbered],
}

/// A successful answer.
pub(crate) struct TokenAnswer {
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
    pub(crate) id_token: Option<Secret>,
    /// Everything that was sent. Holds tokens: never to be shown.
    pub(crate) whole: Value,
    lifetime: Option<Duration>,
    default_lifetime: Option<Duration>,
    scopes: Option<Vec<String>>,
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAnswer").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
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
        let lifetime = self
            .lifetime
            .or_else(|| previous.map(Grant::lifetime))
            .or(self.default_lifetime)
            .unwrap_or(DEFAULT_LIFETIME);
        Grant {
            access: self.access.clone(),
            refresh: self.refresh.clone().or_else(|| previous.and_then(|p| p.refresh.clone())),
            login: None,
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

/// Sorts an answer into grant, rejection, misconfiguration and outage.
pub(crate) fn read(response: &Response, habits: &Habits) -> Result<TokenAnswer, Refusal> {
    let wait = retry_after(response);
    let whole = whole(response, habits)?;
    let inner = match &habits.token_at {
        // Where the tokens are nested, other members stand outside; either place will do.
        Some(pointer) => whole.pointer(pointer).and_then(Value::as_object),
        None => None,
    };
    let outer = whole.as_object().ok_or_else(|| unreadable(response.status(), wait))?;
    let member = |name: &str| inner.and_then(|i| i.get(name)).or_else(|| outer.get(name));
    let text = |name: &str| member(name).and_then(Value::as_str);
    if let Some(kind) = text("token_type")
        && !["bearer", "user", "bot"].iter().any(|known| kind.eq_ignore_ascii_case(known))
    {
        let failure = Failure {
            provider_code: Some(format!("token_type {}", shortened(kind))),
            ..dictionary::TOKEN_TYPE.failure()
        };
        return Err(AuthError::Misconfigured(failure).into());
    }
    let access = text("access_token").and_then(token);
    let access = access.ok_or_else(|| unreadable(response.status(), wait))?;
    let separator = habits.scope_separator;
    let scopes = text("scope").map(|scopes| {
        scopes
            .split(|c: char| c.is_whitespace() || Some(c) == separator)
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect()
    });
    Ok(TokenAnswer {
        access,
        refresh: text("refresh_token").and_then(token),
        id_token: text("id_token").and_then(token),
        lifetime: member("expires_in").and_then(lifetime),
        default_lifetime: habits.lifetime,
        scopes,
        whole,
    })
}

/// The members of an answer, or the error it is. An error is looked for before a success: some
/// providers send errors under status 200.
pub(crate) fn whole(response: &Response, habits: &Habits) -> Result<Value, Refusal> {
    let status = response.status();
    let wait = retry_after(response);
    if status.is_redirection() {
        return Err(unavailable_with(dictionary::REDIRECTED.failure(), status, wait));
    }
    if response.body().len() > LONGEST_ANSWER {
        return Err(unavailable_with(dictionary::TOO_LARGE.failure(), status, wait));
    }
    let value = parse(response.body());
    if let Some(error) = value.as_ref().and_then(|value| OAuthError::find(value, habits)) {
        return Err(error.sort(status, wait, habits));
    }
    if status.is_success() {
        return value.ok_or_else(|| unreadable(status, wait).into());
    }
    let words = if status == http::StatusCode::TOO_MANY_REQUESTS {
        dictionary::THROTTLED
    } else {
        dictionary::NO_REASON
    };
    Err(unavailable_with(words.failure(), status, wait))
}

fn unavailable_with(
    failure: Failure,
    status: http::StatusCode,
    retry_after: Option<Duration>,
) -> Refusal {
    let failure = Failure { provider_code: Some(status.as_u16().to_string()), ..failure };
    let sent = status != http::StatusCode::TOO_MANY_REQUESTS;
    AuthError::Unavailable { failure, retry_after, sent }.into()
}

/// A body as JSON, or as a form where a server answers in the form of the question; `None` if it is
/// neither. The type it claims to be is not asked: it is too often wrong.
pub(crate) fn parse(body: &[u8]) -> Option<Value> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = std::str::from_utf8(body).ok()?.trim();
    if text.starts_with('{') {
        return serde_json::from_str::<Unambiguous>(text).ok().map(|found| found.0);
    }
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'<' | b'"' | b'[');
    if !text.contains('=') || !text.bytes().all(plain) {
        return None;
    }
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        // Which of two is meant, nobody knows.
        if members.insert(name.into_owned(), Value::String(value.into_owned())).is_some() {
            return None;
        }
    }
    (members.contains_key("access_token") || members.contains_key("error"))
        .then_some(Value::Object(members))
}

/// A token that can stand in a header; an empty one counts as absent.
pub(crate) fn token(text: &str) -> Option<Secret> {
    let fits = !text.is_empty() && text.len() <= LONGEST_TOKEN;
    (fits && text.bytes().all(|b| b.is_ascii_graphic())).then(|| Secret::from(text))
}

/// `expires_in` as a number or as text; nonsense counts as absent.
pub(crate) fn lifetime(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (seconds >= 1.0).then(|| {
        Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_LIFETIME).min(LONGEST_LIFETIME)
    })
}

/// What a provider says, in a length that can be shown.
pub(super) fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

/// JSON in which no member stands twice: of two refresh tokens nobody knows which one lives.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Members).map(Self)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            let Unambiguous(value) = from.next_value()?;
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Unambiguous(item)) = from.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}
