//! Requests that have their effect once, by a key that the caller chose.

use std::future::Future;

use axum::body::{Body, Bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::response::Response;
use evergrant::capability::Once;
use evergrant::{IntegrationId, UserId};
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
        if bytes.is_empty()
            && !parts.headers.contains_key(header::CONTENT_TYPE)
            && let Ok(body) = serde_json::from_str("null")
        {
            return Ok(Self { body, key });
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        let body = axum::Json::from_request(request, state).await;
        let axum::Json(body) = body.map_err(|rejection| unreadable(&rejection, LIMIT))?;
        Ok(Self { body, key })
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
    /// `purpose` names the operation and the item it is for: one key used for two is two effects. `act` runs to its end even if the caller hangs up.
    pub(crate) async fn run<F, A>(
        self,
        app: &App,
        _owner: UserId,
        id: IntegrationId,
        purpose: String,
        act: F,
    ) -> Result<Response, Problem>
    where
        F: FnOnce(Once, T) -> A + Send + 'static,
        A: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        let once = match &self.key {
            Some(key) => Once::from_key(id, &purpose, key),
            None => Once::random(&*app.0.entropy),
        };
        let (tell, told) = oneshot::channel();
        let act = act(once, self.body);
        app.0.vault.tasks().spawn(async move {
            // Nobody may be there to hear it any more.
            let _ = tell.send(act.await);
        });
        told.await.unwrap_or_else(|_| Err(Problem::internal("an operation panicked")))
    }
}
