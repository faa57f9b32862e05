//! Which handler a call is for, and what stands before it: key, session, allowances.

use super::accounts;
use super::answer::Answer;
use super::application;
use super::call::Call;
use super::login;
use super::session;
use super::world::{Who, World};

/// A line of the table.
struct Route {
    method: &'static str,
    path: &'static [&'static str],
    versions: &'static [u32],
    handler: Handler,
}

#[derive(Clone, Copy)]
enum Handler {
    /// A key is enough.
    Open(fn(&mut World, &Call, &str) -> Answer),
    /// A session is needed.
    Signed(fn(&mut World, &Call, &Who) -> Answer),
}

/// Everything but the exchange. A version that is not listed is an unknown path.
const ROUTES: &[Route] = &[
    open("POST", &["session"], &[1, 2, 3], login::log_in),
    open("POST", &["session", "refresh-token"], &[1], login::refresh),
    open("GET", &["session", "encryptionKey"], &[1], login::encryption_key),
    signed("GET", &["session"], &[1], session::read),
    signed("PUT", &["session"], &[1], session::switch),
    signed("DELETE", &["session"], &[1], session::log_out),
    signed("GET", &["accounts"], &[1], accounts::list),
    signed("GET", &["accounts", "preferences"], &[1], accounts::preferences),
    signed("PUT", &["accounts", "preferences"], &[1], accounts::prefer),
    signed("GET", &["operations", "application"], &[1], application::list),
    signed("PUT", &["operations", "application"], &[1], application::change),
    signed("PUT", &["operations", "application", "disable"], &[1], application::disable),
];

const fn open(
    method: &'static str,
    path: &'static [&'static str],
    versions: &'static [u32],
    handler: fn(&mut World, &Call, &str) -> Answer,
) -> Route {
    Route { method, path, versions, handler: Handler::Open(handler) }
}

const fn signed(
    method: &'static str,
    path: &'static [&'static str],
    versions: &'static [u32],
    handler: fn(&mut World, &Call, &Who) -> Answer,
) -> Route {
    Route { method, path, versions, handler: Handler::Signed(handler) }
}

/// The handler of a call, unless it is for the exchange.
fn find(call: &Call) -> Option<Handler> {
    let segments = call.segments();
    let is_it = |route: &&Route| {
        route.method == call.method.as_str()
            && route.path == segments
            && route.versions.contains(&call.version)
    };
    ROUTES.iter().find(is_it).map(|route| route.handler)
}

/// Whether a call needs no session, only a key.
pub(super) fn is_open(call: &Call) -> bool {
    matches!(find(call), Some(Handler::Open(_)))
}

/// Answers a call that was let in.
pub(super) fn answer(world: &mut World, call: &Call) -> Answer {
    let now = world.backstage.now();
    let key = match world.key_of(call) {
        Ok(key) => key.key.clone(),
        Err(code) => return Answer::error(code),
    };
    let handler = find(call);
    if call.is_garbled {
        return Answer::error("invalid.input");
    }
    if let Some(Handler::Open(handler)) = handler {
        return handler(world, call, &key);
    }
    let who = match world.who(call) {
        Ok(who) => who,
        Err(code) => {
            world.sessions.refused(call, code);
            return Answer::error(code);
        }
    };
    world.sessions.touch(call);
    if let Some(Handler::Signed(handler)) = handler {
        return handler(world, call, &who);
    }
    if world.navigation_gone && call.path.first().is_some_and(|first| first == "marketnavigation") {
        return Answer::error("invalid.url");
    }
    let answer = world.exchange.handle(call, &who, &mut world.allowances.points, now);
    answer.unwrap_or_else(|| Answer::error("invalid.url"))
}
