//! Graph: the gate that every call passes, and the table of what is behind it.

mod reply;
mod users;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use axum::response::Response;
use evergrant::Request;
use evergrant_sandbox::{Event, Kind, Origin, TokenEntry, TokenRefusal};
use serde_json::Value;

use self::reply::Denied;
pub(super) use self::reply::Reply;
use super::MicrosoftAct;
use super::mint::{GRAPH_ID, GRAPH_RESOURCE};

/// A call that has passed the gate.
struct Call {
    origin: Origin,
    version: String,
    /// The path behind the version: lower case but for keys, which are case-sensitive.
    segments: Vec<String>,
    query: Option<String>,
    caller: Caller,
}

/// Whose token it is, and what it allows.
#[derive(Debug)]
struct Caller {
    oid: String,
    permissions: Vec<String>,
    /// Without a user: an application on its own behalf.
    is_app: bool,
}

/// Every request to Graph.
pub(super) async fn call(State(act): State<MicrosoftAct>, head: Parts, body: Bytes) -> Response {
    let request = Request::from_parts(head, body);
    let reply = Reply::new(&act, &request);
    let outcome = act.admit(&request).and_then(|caller| {
        let call = Call::read(&request, caller);
        let segments: Vec<_> = call.segments.iter().map(String::as_str).collect();
        act.dispatch(request.method().as_str(), &segments, &call)
    });
    match outcome {
        Ok(Some(body)) => reply.json(StatusCode::OK, &body),
        Ok(None) => reply.empty(),
        Err(denied) => reply.deny(&denied),
    }
}

impl MicrosoftAct {
    fn dispatch(
        &self,
        method: &str,
        segments: &[&str],
        call: &Call,
    ) -> Result<Option<Value>, Denied> {
        match (method, segments) {
            (_, ["me", ..]) if call.caller.is_app => Err(Denied::delegated_only()),
            ("GET", ["organization"]) => users::organizations(call).map(Some),
            ("GET", ["organization", id]) => users::organization(id, call).map(Some),
            ("GET" | "POST", ["oidc", "userinfo"]) => self.userinfo(call).map(Some),
            ("GET", ["me"]) => self.show_user(&call.caller.oid, call).map(Some),
            ("GET", ["users", key]) => self.show_user(key, call).map(Some),
            ("POST", ["me", "revokesigninsessions"]) => self.revoke(call).map(Some),
            ("POST", ["users", key, "revokesigninsessions"]) if self.is_caller(key, call) => {
                self.revoke(call).map(Some)
            }
            (
                _,
                ["me" | "organization"]
                | ["users" | "organization", _]
                | ["oidc", "userinfo"]
                | [.., "revokesigninsessions"],
            ) => Err(Denied::method()),
            (_, ["me", unknown, ..] | ["users", _, unknown, ..] | [unknown, ..]) => {
                Err(Denied::segment(unknown))
            }
            (_, []) => Err(Denied::segment("")),
        }
    }

    /// Checks the token, as Graph does: form, signature, audience, time, and whether it was revoked.
    fn admit(&self, request: &Request) -> Result<Caller, Denied> {
        let token =
            bearer(request.headers()).ok_or_else(|| Denied::token("Access token is empty."))?;
        let claims = self.keys().verify(token).map_err(|refusal| {
            Denied::token(match refusal {
                TokenRefusal::Malformed => "CompactToken parsing failed with error code: 80049217",
                TokenRefusal::Signature => "Access token validation failure. Invalid signature.",
            })
        })?;
        self.check(&claims).inspect_err(|denied| {
            let claim = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
            self.backstage().ledger().record(TokenEntry {
                at: self.backstage().now(),
                event: Event::Refused,
                kind: Kind::Access,
                token: claim("uti"),
                client: claim("appid"),
                account: claim("upn"),
                grant: None,
                generation: None,
                why: Some(denied.message.clone()),
            });
        })
    }

    fn check(&self, claims: &Value) -> Result<Caller, Denied> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let time = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or_default();
        if ![GRAPH_ID, GRAPH_RESOURCE].contains(&text("aud")) {
            return Err(Denied::token("Access token validation failure. Invalid audience."));
        }
        if self.backstage().now().as_second() >= time("exp") {
            return Err(Denied::token("Lifetime validation failed, the token is expired."));
        }
        let stale = || Denied::token("Access token has expired or is not yet valid.");
        let world = self.stage_world();
        if text("rh").strip_prefix("1.") != Some(world.id.as_str()) {
            return Err(stale());
        }
        if text("idtyp") == "app" {
            let listed = claims.get("roles").and_then(Value::as_array);
            let roles = listed.into_iter().flatten().filter_map(Value::as_str);
            let permissions = roles.map(str::to_owned).collect();
            return Ok(Caller { oid: text("oid").to_owned(), permissions, is_app: true });
        }
        let user = world.user(text("oid")).filter(|user| user.enabled).ok_or_else(stale)?;
        let (epoch, met) = text("aio").split_once('.').unwrap_or_default();
        if epoch != user.access_epoch.to_string() {
            return Err(stale());
        }
        if met.parse::<u64>().is_ok_and(|met| met < user.challenge.level) {
            let not_before = user.challenge.not_before;
            let capable = claims.get("xms_cc").is_some();
            return Err(if capable { Denied::challenged(not_before) } else { stale() });
        }
        Ok(Caller {
            oid: user.oid.to_owned(),
            permissions: text("scp").split(' ').map(str::to_owned).collect(),
            is_app: false,
        })
    }

    /// Whether `key` names the caller; some SDKs leave a placeholder that stands for it.
    fn is_caller(&self, key: &str, call: &Call) -> bool {
        let is_caller = |user: &super::world::User| user.oid == call.caller.oid;
        key == "me-token-to-replace" || self.stage_world().user(key).is_some_and(is_caller)
    }
}

impl Call {
    fn read(request: &Request, caller: Caller) -> Self {
        let path = request.uri().path().trim_matches('/');
        let (version, rest) = match path.split_once('/') {
            Some((version @ ("v1.0" | "beta"), rest)) => (version, rest),
            _ => ("v1.0", path),
        };
        Self {
            origin: Origin::of(request),
            version: version.to_owned(),
            segments: segments(rest),
            query: request.uri().query().map(str::to_owned),
            caller,
        }
    }

    /// Refuses callers whose token has none of `permissions`.
    fn require(&self, permissions: &[&str]) -> Result<(), Denied> {
        let held = |wanted: &&str| self.caller.permissions.iter().any(|held| held == wanted);
        if permissions.iter().any(held) { Ok(()) } else { Err(Denied::privileges()) }
    }

    /// A system query option, with or without the dollar sign.
    fn option(&self, name: &str) -> Option<String> {
        let pairs = url::form_urlencoded::parse(self.query.as_deref()?.as_bytes());
        let is_it = |key: &str| key.strip_prefix('$').unwrap_or(key).eq_ignore_ascii_case(name);
        pairs.into_iter().find(|(key, _)| is_it(key)).map(|(_, value)| value.into_owned())
    }
}

/// The token of an `Authorization` header, if there is something in it.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The segments of a path. A key may stand in parentheses, `users('…')`; names are compared in
/// lower case, keys are left as they are.
fn segments(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let part = decode(part);
        let is_key = matches!(segments.last().map(String::as_str), Some("users" | "organization"));
        match part.split_once("('").and_then(|(name, key)| Some((name, key.strip_suffix("')")?))) {
            Some((name, key)) => segments.extend([name.to_ascii_lowercase(), key.to_owned()]),
            None if is_key => segments.push(part),
            None => segments.push(part.to_ascii_lowercase()),
        }
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
    }
}
