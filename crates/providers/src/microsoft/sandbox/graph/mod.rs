//! Graph: the gate that every call passes, and the table of what is behind it.

mod batch;
mod calendar;
mod call;
mod delta;
mod denied;
pub(super) mod ids;
mod limits;
mod mail;
mod meetings;
mod odata;
mod prefer;
mod reply;
mod subscriptions;
mod users;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header, request::Parts};
use evergrant::{Request, Response};
use evergrant_sandbox::{Event, Kind, TokenEntry, TokenRefusal};
use serde_json::{Value, json};

pub(super) use self::calendar::{Agenda, PATHS as CALENDAR_PATHS};
pub(super) use self::call::Call;
use self::call::Caller;
pub(super) use self::delta::{Deltas, PATHS as DELTA_PATHS, Refusal};
pub(super) use self::denied::Denied;
pub(super) use self::limits::{Limits, Rules};
pub(super) use self::mail::upload;
pub(super) use self::reply::Answer;
pub(super) use self::reply::Reply;
pub(super) use self::subscriptions::{Mailroom, PATHS as SUBSCRIPTION_PATHS};
use super::MicrosoftAct;
use super::mint::{GRAPH_ID, GRAPH_RESOURCE};
use super::world::User;

/// The most bytes of a request: about 4 MB (contract, 4.2), so that a file of up to 3 MiB goes into one in
/// base64 with what is around it; from there on it can be uploaded.
const LARGEST: usize = (4 << 20) + (4 << 10);
/// What belongs to a mailbox, and so to its limits.
const OUTLOOK: &[&str] = &[
    "messages",
    "mailfolders",
    "sendmail",
    "mailboxsettings",
    "translateexchangeids",
    "calendar",
    "calendars",
    "calendargroups",
    "calendarview",
    "events",
    "findmeetingtimes",
    "outlook",
];

/// The mailbox that a call is about.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    oid: &'static str,
    upn: &'static str,
    name: &'static str,
}

impl Owner {
    pub(super) fn of(user: &User) -> Self {
        Self { oid: user.oid, upn: user.upn, name: user.display_name }
    }

    /// The owner as a sender or recipient.
    fn recipient(&self) -> Value {
        json!({ "emailAddress": { "name": self.name, "address": self.upn } })
    }

    /// The set of entities below the owner, as a context names it.
    fn set(&self, what: &str) -> String {
        format!("users('{}')/{what}", self.oid)
    }
}

/// Every request to Graph.
pub(super) async fn call(
    State(act): State<MicrosoftAct>,
    head: Parts,
    body: Bytes,
) -> axum::response::Response {
    // Whoever is to be notified is asked before the call is carried out, which waits for nobody.
    let request = act.reach(Request::from_parts(head, body)).await;
    act.call_graph(&request).map(Body::from)
}

impl MicrosoftAct {
    /// The answer to one request, which may be an item of a batch.
    fn call_graph(&self, request: &Request) -> Response {
        let reply = Reply::new(self, request);
        let outcome = self.admit(request).and_then(|caller| {
            if request.body().len() > LARGEST {
                return Err(Denied::usual(StatusCode::PAYLOAD_TOO_LARGE));
            }
            let call = Call::read(request, caller);
            match call.segments.as_slice() {
                [batch] if batch == "$batch" && call.method == Method::POST => {
                    self.batch(request, &call)
                }
                _ => self.dispatch(&call),
            }
        });
        match outcome {
            Ok(answer) => reply.give(answer),
            Err(denied) => reply.deny(&denied),
        }
    }

    fn dispatch(&self, call: &Call) -> Result<Answer, Denied> {
        let segments: Vec<_> = call.segments.iter().map(String::as_str).collect();
        let method = call.method.as_str();
        match (method, segments.as_slice()) {
            (_, ["me", ..]) if call.caller.is_app => Err(Denied::delegated_only()),
            ("GET", ["organization"]) => users::organizations(call).map(Answer::ok),
            ("GET", ["organization", id]) => users::organization(id, call).map(Answer::ok),
            ("GET" | "POST", ["oidc", "userinfo"]) => self.userinfo(call).map(Answer::ok),
            ("GET", ["me"]) => self.show_user(&call.caller.oid, call).map(Answer::ok),
            ("GET", ["users", key]) => self.show_user(key, call).map(Answer::ok),
            ("POST", ["me", "revokesigninsessions"]) => self.revoke(call).map(Answer::ok),
            ("POST", ["users", key, "revokesigninsessions"]) if self.is_caller(key, call) => {
                self.revoke(call).map(Answer::ok)
            }
            (_, ["subscriptions", rest @ ..]) => self.subscriptions_call(rest, call),
            (_, ["me", rest @ ..]) if is_outlook(rest) => {
                self.outlook(&self.owner(&call.caller.oid, call)?, rest, call)
            }
            (_, ["me", "onlinemeetings", rest @ ..]) => self.meetings(None, rest, call),
            (_, ["users", key, "onlinemeetings", rest @ ..]) => {
                self.meetings(Some(key), rest, call)
            }
            (_, ["users", key, rest @ ..]) if calendar::is_calendar(rest) => {
                self.outlook(&self.calendar_owner(key, call)?, rest, call)
            }
            (_, ["users", key, rest @ ..]) if is_outlook(rest) => {
                self.outlook(&self.owner(key, call)?, rest, call)
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

    /// What belongs to a mailbox: mail, calendar, settings. The success repeats the preferences
    /// that were heeded.
    fn outlook(&self, owner: &Owner, rest: &[&str], call: &Call) -> Result<Answer, Denied> {
        let answer = match rest {
            rest if calendar::is_calendar(rest) => self.calendar(owner, rest, call),
            [
                "messages"
                | "mailfolders"
                | "sendmail"
                | "mailboxsettings"
                | "translateexchangeids",
                ..,
            ] => self.mail(owner, rest, call),
            [unknown, ..] => Err(Denied::segment(unknown)),
            [] => Err(Denied::segment("")),
        }?;
        if call.prefer.applied.is_empty() {
            return Ok(answer);
        }
        Ok(answer.with("preference-applied", call.prefer.applied.join(", ")))
    }

    /// A call to one's own mailbox that did not come over the wire.
    pub(super) fn outlook_call(&self, owner: &Owner, call: &Call) -> Result<Answer, Denied> {
        let segments: Vec<_> = call.segments.iter().map(String::as_str).collect();
        self.outlook(owner, segments.get(1..).unwrap_or_default(), call)
    }

    /// Whose mailbox `key` names. Delegated callers reach only their own.
    fn owner(&self, key: &str, call: &Call) -> Result<Owner, Denied> {
        let key = if key == "me-token-to-replace" { &call.caller.oid } else { key };
        let world = self.stage_world();
        let user = world.user(key).ok_or_else(|| Denied::no_user(key))?;
        if !call.caller.is_app && user.oid != call.caller.oid {
            return Err(Denied::access());
        }
        Ok(Owner::of(user))
    }

    /// Checks the token, as Graph does: form, signature, audience, time, and whether it was revoked.
    fn admit(&self, request: &Request) -> Result<Caller, Denied> {
        self.identify(request)
            .inspect_err(|(denied, claims)| {
                let Some(claims) = claims else { return };
                let claim =
                    |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
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
            .map_err(|(denied, _)| denied)
    }

    /// The same without writing it down; what the token claims comes with a refusal.
    fn identify(&self, request: &Request) -> Result<Caller, (Denied, Option<Value>)> {
        let token = bearer(request.headers())
            .ok_or_else(|| (Denied::token("Access token is empty."), None))?;
        let claims = self.keys().verify(token).map_err(|refusal| {
            let message = match refusal {
                TokenRefusal::Malformed => "CompactToken parsing failed with error code: 80049217",
                TokenRefusal::Signature => "Access token validation failure. Invalid signature.",
            };
            (Denied::token(message), None)
        })?;
        self.check(&claims).map_err(|denied| (denied, Some(claims)))
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
            let (oid, client_id) = (text("oid").to_owned(), text("appid").to_owned());
            return Ok(Caller {
                oid,
                client_id,
                permissions,
                is_app: true,
                issued: time("iat"),
                expires: time("exp"),
            });
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
            client_id: text("appid").to_owned(),
            permissions: text("scp").split(' ').map(str::to_owned).collect(),
            is_app: false,
            issued: time("iat"),
            expires: time("exp"),
        })
    }

    /// Whether `key` names the caller; some SDKs leave a placeholder that stands for it.
    fn is_caller(&self, key: &str, call: &Call) -> bool {
        let is_caller = |user: &super::world::User| user.oid == call.caller.oid;
        key == "me-token-to-replace" || self.stage_world().user(key).is_some_and(is_caller)
    }
}

fn is_outlook(rest: &[&str]) -> bool {
    rest.first().is_some_and(|first| OUTLOOK.contains(first))
}

/// The token of an `Authorization` header, if there is something in it.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
