//! One call, as its handlers see it.

use axum::http::{HeaderMap, Method, StatusCode, header};
use bytes::Bytes;
use evergrant::Request;
use evergrant_sandbox::Origin;
use serde_json::{Map, Value};

use super::odata::Options;
use super::prefer::Prefer;
use super::reply::Denied;
use super::subscriptions::Reached;
use crate::microsoft::sandbox::world::User;

/// Collections whose next segment is a key, and so keeps its case.
const KEYED: &[&str] = &[
    "users",
    "organization",
    "messages",
    "mailfolders",
    "childfolders",
    "attachments",
    "attachmentsessions",
    "events",
    "calendars",
    "calendargroups",
    "calendarview",
    "instances",
    "onlinemeetings",
    "subscriptions",
];
/// What can follow a keyed collection without being a key.
const FUNCTIONS: &[&str] = &["delta", "createuploadsession", "createorget"];

/// A call that has passed the gate.
#[derive(Debug)]
pub(in super::super) struct Call {
    pub(super) origin: Origin,
    pub(super) version: String,
    /// The path as it was sent, which a next link repeats.
    pub(super) path: String,
    /// The path behind the version: lower case but for keys, which are case-sensitive.
    pub(super) segments: Vec<String>,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) options: Options,
    pub(super) prefer: Prefer,
    pub(super) body: Bytes,
    pub(super) caller: Caller,
    /// What addresses have answered that the call wants notifications to be sent to.
    pub(super) reached: Reached,
}

/// Whose token it is, and what it allows.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) oid: String,
    /// The registration that the token was issued to.
    pub(super) client_id: String,
    pub(super) permissions: Vec<String>,
    /// Without a user: an application on its own behalf.
    pub(super) is_app: bool,
    /// When the token was issued and when it expires, in seconds.
    pub(super) issued: i64,
    pub(super) expires: i64,
}

impl Caller {
    /// Whether the token has one of `permissions`.
    pub(super) fn has(&self, permissions: &[&str]) -> bool {
        let held = |wanted: &&str| self.permissions.iter().any(|held| held == wanted);
        permissions.iter().any(held)
    }
}

impl Call {
    pub(super) fn read(request: &Request, caller: Caller) -> Self {
        let path = request.uri().path();
        let (version, rest) = split(path);
        Self {
            origin: Origin::of(request),
            version: version.to_owned(),
            path: path.to_owned(),
            segments: segments(rest),
            method: request.method().clone(),
            headers: request.headers().clone(),
            options: Options::read(request.uri().query().unwrap_or_default()),
            prefer: Prefer::read(request.headers()),
            body: request.body().clone(),
            caller,
            reached: request.extensions().get().cloned().unwrap_or_default(),
        }
    }

    /// A call that a user could make who may do everything, for what others do.
    pub(in super::super) fn on_behalf(user: &User, method: &str, path: &str, body: &Value) -> Self {
        let permissions = ["Mail.ReadWrite", "Mail.Send", "Calendars.ReadWrite"];
        let mut request = Request::new(Bytes::from(body.to_string()));
        *request.method_mut() = method.parse().unwrap_or_default();
        let caller = Caller {
            oid: user.oid.to_owned(),
            client_id: String::new(),
            permissions: permissions.map(str::to_owned).to_vec(),
            is_app: false,
            issued: 0,
            expires: 0,
        };
        Self { segments: segments(path), ..Self::read(&request, caller) }
    }

    /// Refuses callers whose token has none of `permissions`, as the directory does.
    pub(super) fn require(&self, permissions: &[&str]) -> Result<(), Denied> {
        if self.caller.has(permissions) { Ok(()) } else { Err(Denied::privileges()) }
    }

    /// Refuses callers whose token has none of `permissions`, as a mailbox does.
    pub(super) fn require_access(&self, permissions: &[&str]) -> Result<(), Denied> {
        if self.caller.has(permissions) { Ok(()) } else { Err(Denied::access()) }
    }

    /// The `@odata.context` of an answer.
    pub(super) fn context(&self, what: &str) -> String {
        format!("{}/{}/$metadata#{what}", self.origin, self.version)
    }

    /// The address of something below the version.
    pub(super) fn address(&self, what: &str) -> String {
        format!("{}/{}/{what}", self.origin, self.version)
    }

    /// The body as a JSON object.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Denied> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(Denied::malformed()),
        }
    }

    /// The parameters of an action, whose names are compared without their case; there may be none.
    pub(super) fn parameters(&self) -> Result<Parameters, Denied> {
        if self.body.is_empty() {
            return Ok(Parameters::default());
        }
        Ok(Parameters::of(self.object()?))
    }

    /// Refuses a change to something that is no longer what `If-Match` names (RFC 9110, 13.1.1).
    pub(super) fn check_match(&self, etag: &str) -> Result<(), Denied> {
        let Some(wanted) = self.headers.get(header::IF_MATCH) else {
            return Ok(());
        };
        let is_it = |wanted: &str| ["*", etag].contains(&wanted.trim());
        match wanted.to_str() {
            Ok(wanted) if wanted.split(',').any(is_it) => Ok(()),
            _ => Err(Denied::conflict(StatusCode::PRECONDITION_FAILED)),
        }
    }

    /// Whether the body is of this media type, whatever its parameters.
    pub(super) fn has_body_of(&self, media_type: &str) -> bool {
        let found = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let found = found.and_then(|value| value.split(';').next()).unwrap_or_default();
        found.trim().eq_ignore_ascii_case(media_type)
    }
}

/// The parameters of an action.
#[derive(Debug, Default)]
pub(super) struct Parameters(Map<String, Value>);

impl Parameters {
    /// The members of an object as parameters.
    pub(super) fn of(object: Map<String, Value>) -> Self {
        let lower = |(name, value): (String, Value)| (name.to_ascii_lowercase(), value);
        Self(object.into_iter().map(lower).collect())
    }

    /// A parameter that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(&name.to_ascii_lowercase()).filter(|value| !value.is_null())
    }

    /// A parameter that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A parameter that is a yes or no; documentation itself sends it as a text at times.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }
}

/// The version and the rest of a path.
pub(super) fn split(path: &str) -> (&str, &str) {
    let path = path.trim_matches('/');
    match path.split_once('/') {
        Some((version @ ("v1.0" | "beta"), rest)) => (version, rest),
        _ => ("v1.0", path),
    }
}

/// The segments of a path. A key may stand in parentheses, `users('…')`, and a function may be
/// written `delta()` or with its namespace; names are compared in lower case, keys are left as they
/// are.
pub(super) fn segments(path: &str) -> Vec<String> {
    let mut segments: Vec<String> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let part = decode(part);
        if let Some((name, key)) =
            part.split_once("('").and_then(|(name, key)| Some((name, key.strip_suffix("')")?)))
        {
            segments.extend([name.to_ascii_lowercase(), key.to_owned()]);
            continue;
        }
        let name = part.to_ascii_lowercase();
        let name = name.strip_prefix("microsoft.graph.").unwrap_or(&name);
        let name = name.strip_suffix("()").unwrap_or(name);
        let in_keyed = segments.last().is_some_and(|last| KEYED.contains(&last.as_str()));
        let is_key = in_keyed && !name.starts_with('$') && !FUNCTIONS.contains(&name);
        segments.push(if is_key { part } else { name.to_owned() });
    }
    segments
}

/// Percent-decoding of a path, where a plus sign is itself.
fn decode(part: &str) -> String {
    let escaped = part.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map(|(text, _)| text.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::segments;

    #[test]
    fn keys_keep_their_case_in_both_spellings() {
        assert_eq!(
            segments("Users/A%2BB/RevokeSignInSessions"),
            ["users", "A+B", "revokesigninsessions"]
        );
        assert_eq!(segments("users('A=b')/x"), ["users", "A=b", "x"]);
        assert_eq!(segments("ME"), ["me"]);
        assert_eq!(
            segments("me/MailFolders('Aa%3D')/Messages/Bb=/Attachments/$count"),
            ["me", "mailfolders", "Aa=", "messages", "Bb=", "attachments", "$count"]
        );
    }

    #[test]
    fn functions_are_known_in_all_spellings() {
        for spelling in ["delta", "delta()", "microsoft.graph.delta()", "Microsoft.Graph.Delta"] {
            let path = format!("me/calendarView/{spelling}");
            assert_eq!(segments(&path), ["me", "calendarview", "delta"], "{spelling}");
        }
    }
}
