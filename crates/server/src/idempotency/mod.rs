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
//!    it, or looked for; and that the item is gone or has changed by then is no last word. Nor is a
//!    `202`. What failed and certainly had no effect was no try.
//! 5. Who cannot keep its hold on a key stops before another could have it, and sends nothing more:
//!    nobody knows then what came of it (`outcome_unknown`). A database that stalls holds up no effect.
//! 6. A key is the owner's and the integration's.

mod had;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::marker::PhantomData;

use aws_lc_rs::digest::{Context, SHA256};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::capability::Once;
use evergrant::{IntegrationId, UserId};
use evergrant_store::{ClaimId, Effect};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::extract::{LONGEST_BODY, json};
use crate::problem::Problem;
use crate::room::Held;
use crate::{App, body};

/// The caller's name for one intended effect.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key, in characters.
const LONGEST_KEY: usize = 255;

/// A request that is not read yet, with the caller's `Idempotency-Key`, if there is one.
///
/// What is long is read once its sender may send it: after permission and integration were looked at,
/// and when there is room for it.
pub(crate) struct Keyed<T, const LIMIT: usize = LONGEST_BODY> {
    request: Request,
    key: Option<String>,
    body: PhantomData<fn() -> T>,
}

impl<T, S, const LIMIT: usize> FromRequest<S> for Keyed<T, LIMIT>
where
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let key = key_of(request.headers())?;
        Ok(Self { request, key, body: PhantomData })
    }
}

/// The body of what takes none: clients send an empty object all the same.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

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
    /// Reads the body, JSON of at most `LIMIT` bytes, and has the effect once, as [`Asked::run`] says.
    pub(crate) async fn run<F, A>(
        self,
        app: &App,
        owner: UserId,
        id: IntegrationId,
        purpose: String,
        act: F,
    ) -> Result<Response, Problem>
    where
        T: DeserializeOwned + Send + 'static,
        F: FnOnce(Once, T) -> A + Send + 'static,
        A: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        self.json(app, owner).await?.run(app, owner, id, purpose, act).await
    }

    /// Reads the body, which is JSON. No body stands for `null`, so `Keyed<Option<Nothing>>` is for what takes none.
    pub(crate) async fn json(self, app: &App, owner: UserId) -> Result<Asked<T>, Problem>
    where
        T: DeserializeOwned,
    {
        // As it came, and as what it says.
        let (parts, bytes, asked) = self.read(app, owner, LIMIT, 2).await?;
        // Whatever type it says it is of: there are clients that name one with every request.
        let null = bytes.is_empty().then(|| serde_json::from_str("null").ok()).flatten();
        let body = match null {
            Some(null) => null,
            None => json(parts, bytes).await?,
        };
        Ok(asked.of(body))
    }

    /// Reads the body, of at most `limit` bytes, which is taken as it is.
    pub(crate) async fn plain(
        self,
        app: &App,
        owner: UserId,
        limit: usize,
        make: impl FnOnce(&HeaderMap, Bytes) -> T,
    ) -> Result<Asked<T>, Problem> {
        let (parts, bytes, asked) = self.read(app, owner, limit, 1).await?;
        Ok(asked.of(make(&parts.headers, bytes)))
    }

    async fn read(
        self,
        app: &App,
        owner: UserId,
        limit: usize,
        forms: usize,
    ) -> Result<(Parts, Bytes, Asked<()>), Problem> {
        let Self { request, key, .. } = self;
        let length = body::length(&request, limit)?;
        let clock = &*app.0.clock;
        let held = app.0.room.hold(clock, owner, length, forms).await?;
        let (parts, body) = request.into_parts();
        let bytes = body::read(clock, body, limit).await?;
        let digest = if key.is_some() { sha256(&[&bytes]) } else { [0; 32] };
        Ok((parts, bytes, Asked { body: (), key, digest, held }))
    }
}

/// A request that was read, and the room it has until it is answered.
pub(crate) struct Asked<T> {
    pub(crate) body: T,
    key: Option<String>,
    /// SHA-256 of the body as it came.
    digest: [u8; 32],
    held: Held,
}

impl Asked<()> {
    fn of<T>(self, body: T) -> Asked<T> {
        let Self { key, digest, held, body: () } = self;
        Asked { body, key, digest, held }
    }
}

impl<T> Asked<T> {
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
        let Self { body, key, digest, held } = self;
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
            drop(held);
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
