//! Requests that have their effect once, by a key that the caller chose.
//!
//! The rules, each with a test of its name:
//!
//! 1. The same key with the same request has its effect once, however often and to whichever replica
//!    it is sent; what was answered first is answered again, to the byte, for 24 hours.
//! 2. With another request it is refused, and nothing is sent.
//! 3. While the first is under way the others are asked to come again; a process that dies while it is
//!    at it keeps them waiting for a minute.
//! 4. Kept is what a repetition could not change. Anything else is tried anew, with the same [`Once`],
//!    which says that it was tried ([`Once::tried`]): what an earlier try may have had is recognised by
//!    it, or looked for; and that the item is gone or has changed by then is no last word.
//! 5. Who cannot keep its hold on a key stops before another could have it, and sends nothing more:
//!    nobody knows then what came of it (`outcome_unknown`). A database that stalls holds up no effect.
//! 6. A key is the owner's and the integration's.

mod had;
#[cfg(test)]
mod tests;

use std::future::Future;

use aws_lc_rs::digest::{Context, SHA256};
use axum::body::{Body, Bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::capability::Once;
use evergrant::{IntegrationId, UserId};
use evergrant_store::{ClaimId, Effect};
use http::{HeaderMap, HeaderName, header};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::App;
use crate::extract::unreadable;
use crate::problem::Problem;

/// The caller's name for one intended effect.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key, in characters.
const LONGEST_KEY: usize = 255;

/// A JSON body of at most `LIMIT` bytes with the caller's `Idempotency-Key`, if there is one.
///
/// No body stands for `null`, so `Keyed<()>` is for what takes none.
pub(crate) struct Keyed<T, const LIMIT: usize = { 1 << 20 }> {
    body: T,
    key: Option<String>,
    /// SHA-256 of the body as it came.
    digest: [u8; 32],
}

impl<T, S, const LIMIT: usize> FromRequest<S> for Keyed<T, LIMIT>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Problem> {
        let key = key_of(request.headers())?;
        DefaultBodyLimit::max(LIMIT).apply(&mut request);
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
        let bytes = bytes.map_err(|error| unreadable(&JsonRejection::from(error), LIMIT))?;
        let digest = if key.is_some() { sha256(&[&bytes]) } else { [0; 32] };
        if bytes.is_empty()
            && !parts.headers.contains_key(header::CONTENT_TYPE)
            && let Ok(body) = serde_json::from_str("null")
        {
            return Ok(Self { body, key, digest });
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        let body = axum::Json::from_request(request, state).await;
        let axum::Json(body) = body.map_err(|rejection| unreadable(&rejection, LIMIT))?;
        Ok(Self { body, key, digest })
    }
}

/// The request's key, if it has one.
fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let good = keys.next().is_none()
        && (1..=LONGEST_KEY).contains(&key.len())
        && key.as_bytes().iter().all(u8::is_ascii_graphic);
    match key.to_str() {
        Ok(key) if good => Ok(Some(key.to_owned())),
        _ => Err(Problem::invalid(
            "Idempotency-Key",
            "`Idempotency-Key` must be 1 to 255 visible ASCII characters, sent once.",
        )),
    }
}

impl<T, const LIMIT: usize> Keyed<T, LIMIT> {
    /// Has the effect once for this key: the answer of the first time is given again.
    ///
    /// `purpose` names the operation and the item it is for: one key used for two is another request.
    /// `act` runs to its end even if the caller hangs up. Without a key every request is another effect.
    pub(crate) async fn run<F, A>(
        self,
        app: &App,
        owner: UserId,
        id: IntegrationId,
        purpose: String,
        act: F,
    ) -> Result<Response, Problem>
    where
        T: Send + 'static,
        F: FnOnce(Once, T) -> A + Send + 'static,
        A: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        let Self { body, key, digest } = self;
        let app = app.clone();
        let (tell, told) = oneshot::channel();
        app.0.vault.tasks().clone().spawn(async move {
            let answer = match key {
                None => act(Once::random(&*app.0.entropy), body).await,
                Some(key) => {
                    // The body belongs to it: a key that comes again with another one, after its answer
                    // was forgotten, must not be taken for the old effect.
                    let exact = format!("{key}\n{}", URL_SAFE_NO_PAD.encode(digest));
                    let once = Once::from_key(id, &purpose, &exact);
                    let effect = Named { owner, id, purpose, key, digest }.effect(&app);
                    let once = move |tried| if tried { once.again() } else { once };
                    had::once(&app, &effect, move |tried| act(once(tried), body)).await
                }
            };
            // Nobody may be there to hear it any more.
            let _ = tell.send(answer);
        });
        told.await.unwrap_or_else(|_| Err(Problem::internal("an operation panicked")))
    }
}

/// What makes an effect the same one.
struct Named {
    owner: UserId,
    id: IntegrationId,
    purpose: String,
    key: String,
    digest: [u8; 32],
}

impl Named {
    /// The effect, to be claimed by this request.
    fn effect(&self, app: &App) -> Effect {
        let Self { owner, id, purpose, key, digest } = self;
        let name = sha256(&[format!("{owner}\n{id}\n{key}").as_bytes()]);
        Effect {
            id: URL_SAFE_NO_PAD.encode(name),
            integration: *id,
            request: sha256(&[purpose.as_bytes(), b"\n", digest]),
            claim: ClaimId::new(&*app.0.clock, &*app.0.entropy),
        }
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}
