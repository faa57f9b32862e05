//! Has a named effect, or gives the answer it had.

use std::future::Future;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::response::{IntoResponse, Response};
use evergrant::Clock;
use evergrant::store::{StoreError, Stored};
use evergrant_store::{Claimed, Effect, EffectAnswer};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::App;
use crate::problem::{Code, Problem};

/// How long a claim holds unless its process says that it lives.
const LEASE: Duration = Duration::from_mins(1);
/// How often it does.
const ALIVE: Duration = Duration::from_secs(20);
/// How long before its end a claim that could not be kept alive is taken as lost: a request that was
/// just sent has arrived before another may send it.
const MARGIN: Duration = Duration::from_secs(10);
/// How long an answer is given again.
const KEPT: Duration = Duration::from_hours(24);
/// When to ask about an effect that is under way.
const SOON: Duration = Duration::from_secs(1);
/// The longest answer that is kept, in bytes.
const LONGEST_ANSWER: usize = 16 << 20;
/// What of its headers is given again, besides the media type: what callers go on with.
const HEADS: [HeaderName; 2] = [header::LOCATION, header::ETAG];
/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Has the effect unless it was had. `act` is told whether somebody may have had it before.
pub(super) async fn once<A>(
    app: &App,
    effect: &Effect,
    act: impl FnOnce(bool) -> A,
) -> Result<Response, Problem>
where
    A: Future<Output = Result<Response, Problem>>,
{
    let since = app.0.clock.uptime();
    match app.0.store.claim_effect(effect, LEASE, KEPT).await? {
        Claimed::Granted { tried } => have(app, effect, since, tried, act(tried)).await,
        Claimed::Answered(answer) => again(app, effect, answer),
        Claimed::Busy => Err(Problem::new(
            Code::IdempotencyKeyInUse,
            "The first request with this `Idempotency-Key` has not been answered yet.",
        )
        .retry_after(SOON)),
        Claimed::Mismatch => Err(Problem::new(
            Code::IdempotencyKeyReused,
            "This `Idempotency-Key` was used for another request, or for another body.",
        )),
    }
}

/// Has the effect, while the claim is kept alive, and keeps what came of it.
async fn have(
    app: &App,
    effect: &Effect,
    since: Duration,
    tried: bool,
    act: impl Future<Output = Result<Response, Problem>>,
) -> Result<Response, Problem> {
    let renew = || app.0.store.renew_effect(effect, LEASE);
    let Some(done) = while_held(&*app.0.clock, since, renew, act).await else {
        tracing::warn!("a claim was lost while its effect was under way");
        // Nothing is noted: it is another's by now, or will be.
        return Err(Problem::new(
            Code::OutcomeUnknown,
            "This request's hold on its `Idempotency-Key` was lost before the provider had answered.",
        )
        .retry_after(MARGIN));
    };
    let store = &app.0.store;
    let noted = match Fate::of(&done, tried) {
        Fate::Keep => {
            let response = done.unwrap_or_else(Problem::into_response);
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, LONGEST_ANSWER).await.map_err(Problem::internal)?;
            let kept = EffectAnswer {
                status: parts.status.as_u16(),
                content_type: parts
                    .headers
                    .get(header::CONTENT_TYPE)
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_owned),
                body: app.0.vault.seal_reply(&effect.id, &packed(&parts.headers, &body)),
            };
            let noted = store.answer_effect(effect, &kept, KEPT).await.map(drop);
            return Ok(told(noted, Response::from_parts(parts, Body::from(body))));
        }
        Fate::TryAgain => store.release_effect(effect).await,
        Fate::Forget => store.forget_effect(effect).await,
    };
    told(noted, done)
}

/// What comes of `act`, for as long as the claim made at `since` is kept alive; `None` once it is
/// another's, or could be: then `act` is dropped, and nothing is sent any more.
///
/// `act` goes on while the database is asked, however long that takes.
pub(super) async fn while_held<T, R>(
    clock: &dyn Clock,
    since: Duration,
    renew: impl Fn() -> R,
    act: impl Future<Output = T>,
) -> Option<T>
where
    R: Future<Output = Stored<bool>>,
{
    let lost = async {
        // A lease counts from before it was asked for: the database's clock began no sooner.
        let mut until = since + LEASE.saturating_sub(MARGIN);
        loop {
            clock.sleep(ALIVE.min(until.saturating_sub(clock.uptime()))).await;
            let began = clock.uptime();
            if began >= until {
                return;
            }
            let renewed = tokio::select! {
                renewed = renew() => renewed,
                () = clock.sleep(until.saturating_sub(began)) => return,
            };
            match renewed {
                Ok(true) => until = began + LEASE.saturating_sub(MARGIN),
                Ok(false) => return,
                Err(error) => tracing::debug!(%error, "a claim could not be kept alive"),
            }
        }
    };
    tokio::select! {
        // In this order nothing is sent in the very moment in which the claim is lost.
        biased;
        () = lost => None,
        done = act => Some(done),
    }
}

/// The answer, which is right whether or not it could be noted: then the lease ends by itself, and a
/// repetition is recognised by the provider.
fn told<T>(noted: Result<(), StoreError>, answer: T) -> T {
    if let Err(error) = noted {
        tracing::warn!(%error, "what came of an effect could not be kept");
    }
    answer
}

/// What an effect was answered with, once more.
fn again(app: &App, effect: &Effect, answer: EffectAnswer) -> Result<Response, Problem> {
    let kept = app.0.vault.open_reply(&effect.id, &answer.body);
    let kept = kept.map_err(|e| Problem::new(Code::EncryptionKeyMissing, e.to_string()))?;
    let (heads, body) =
        unpacked(&kept).ok_or_else(|| Problem::internal("a kept answer has no head"))?;
    let status = StatusCode::from_u16(answer.status).map_err(Problem::internal)?;
    // What was a problem then is one now: it gets this request's id.
    let code = (!status.is_success()).then(|| code_of(body)).flatten();
    let mut response = Response::new(Body::from(Bytes::copy_from_slice(body)));
    *response.status_mut() = status;
    *response.headers_mut() = heads;
    let headers = response.headers_mut();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    if let Some(kind) = answer.content_type.and_then(|kind| HeaderValue::from_str(&kind).ok()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    if let Some(code) = code {
        response.extensions_mut().insert(code);
    }
    Ok(response)
}

/// What is kept of an answer besides its media type: headers, a line each, an empty line, the body.
fn packed(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(body.len() + 512);
    for name in HEADS {
        if let Some(value) = headers.get(&name) {
            packed.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
        }
    }
    packed.push(b'\n');
    packed.extend(body);
    packed
}

/// The headers and the body of an answer that was packed.
fn unpacked(mut packed: &[u8]) -> Option<(HeaderMap, &[u8])> {
    let mut headers = HeaderMap::new();
    loop {
        let end = packed.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = (&packed[..end], &packed[end + 1..]);
        if line.is_empty() {
            return Some((headers, rest));
        }
        let name = HEADS.into_iter().find(|name| line.starts_with(name.as_str().as_bytes()))?;
        let value = line.get(name.as_str().len() + 2..)?;
        headers.insert(name, HeaderValue::from_bytes(value).ok()?);
        packed = rest;
    }
}

/// The code of a problem's body.
fn code_of(body: &[u8]) -> Option<Code> {
    #[derive(Deserialize)]
    struct Coded {
        code: String,
    }
    let Coded { code } = serde_json::from_slice(body).ok()?;
    Code::ALL.iter().copied().find(|known| known.name() == code)
}

/// What becomes of a key once its request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The answer is given again: no repetition could change it.
    Keep,
    /// The same request may try again, and no other.
    TryAgain,
    /// Nothing was sent: the key is as good as new.
    Forget,
}

impl Fate {
    /// `tried` says that an earlier attempt may have had the effect. Then a refusal for what the item is
    /// like now is not the last word, as it may be the effect itself that is refused to be had twice;
    /// and nothing is forgotten. An answer `202` says that nobody knows yet: it is no last word either.
    pub(super) fn of(done: &Result<Response, Problem>, tried: bool) -> Self {
        match done {
            Ok(response) if response.status() == StatusCode::ACCEPTED => Self::TryAgain,
            Ok(response) if response.status().is_success() => Self::Keep,
            Ok(_) => Self::TryAgain,
            Err(problem) => match (Self::of_code(problem.code()), problem.code()) {
                (Self::Forget, _)
                | (_, Code::ItemNotFound | Code::ItemChanged | Code::ItemConflict)
                    if tried =>
                {
                    Self::TryAgain
                }
                // The next attempt is the first that could have the effect.
                (Self::TryAgain, _) if problem.is_harmless() && !tried => Self::Forget,
                (fate, _) => fate,
            },
        }
    }

    fn of_code(code: Code) -> Self {
        match code {
            Code::InputRefused
            | Code::ItemTooLarge
            | Code::ItemNotFound
            | Code::ItemChanged
            | Code::ItemConflict => Self::Keep,
            Code::NotFound
            | Code::InvalidRequest
            | Code::BodyTooLarge
            | Code::UnsupportedMediaType
            | Code::Unauthenticated
            | Code::Forbidden
            | Code::UserRequired
            | Code::IntegrationNotFound
            | Code::NotOffered => Self::Forget,
            // Somebody may reconnect, agree, pay, mend or wait meanwhile.
            _ => Self::TryAgain,
        }
    }
}
