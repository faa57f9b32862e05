//! Has a named effect, or gives the answer it had.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::response::{IntoResponse, Response};
use evergrant_store::{Claimed, Effect, EffectAnswer};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::App;
use crate::problem::{Code, Problem};

/// How long a claim holds unless its process says that it lives.
const LEASE: Duration = Duration::from_mins(1);
/// How often it does.
const ALIVE: Duration = Duration::from_secs(20);
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

/// Has the effect unless it was had.
pub(super) async fn once<A>(
    app: &App,
    effect: &Effect,
    act: impl FnOnce() -> A,
) -> Result<Response, Problem>
where
    A: Future<Output = Result<Response, Problem>>,
{
    match app.0.store.claim_effect(effect, LEASE, KEPT).await? {
        Claimed::Granted => have(app, effect, act()).await,
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
    act: impl Future<Output = Result<Response, Problem>>,
) -> Result<Response, Problem> {
    let mut act = pin!(act);
    let done = loop {
        tokio::select! {
            done = &mut act => break done,
            () = app.0.clock.sleep(ALIVE) => {
                if let Err(error) = app.0.store.renew_effect(effect, LEASE).await {
                    tracing::debug!(%error, "a claim could not be kept alive");
                }
            }
        }
    };
    let store = &app.0.store;
    let noted = match Fate::of(&done) {
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

/// The answer, which is right whether or not it could be noted: then the lease ends by itself, and a
/// repetition is recognised by the provider.
fn told<T>(noted: Result<(), evergrant::store::StoreError>, answer: T) -> T {
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
    pub(super) fn of(done: &Result<Response, Problem>) -> Self {
        match done {
            Ok(response) if response.status().is_success() => Self::Keep,
            Ok(_) => Self::TryAgain,
            Err(problem) => Self::of_code(problem.code()),
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
