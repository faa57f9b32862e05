//! How the sandbox calls somebody: the port for notifications.
//!
//! What an act has to say goes out through the stage's courier, and nothing else leaves the sandbox. Over
//! the network it is plain HTTP or HTTPS without redirects; a test or a benchmark gives a router instead, and
//! no socket is opened. By default nobody is reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use evergrant::transport::TransportSetupError;
use evergrant::{HttpLimits, HttpTransport, Request, Response, Transport, TransportError};
use tower::ServiceExt as _;

/// The most that is read of an answer: a receipt has hardly anything to say.
const LARGEST: usize = 64 << 10;

/// Carries what an act sends to others. A clone is the same courier.
#[derive(Clone)]
pub struct Courier(Arc<dyn Transport>);

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Courier(..)")
    }
}

impl Default for Courier {
    /// Nobody is reached.
    fn default() -> Self {
        Self::by(Arc::new(Nowhere))
    }
}

impl Courier {
    /// A courier that sends by `transport`.
    pub fn by(transport: Arc<dyn Transport>) -> Self {
        Self(transport)
    }

    /// A courier over the network, which follows no redirects. It trusts the system's roots and, if given, the
    /// certificates in `extra_roots` (PEM); `patience` bounds a whole exchange.
    pub fn over_http(
        patience: Duration,
        extra_roots: Option<&[u8]>,
    ) -> Result<Self, TransportSetupError> {
        let limits = HttpLimits { body: LARGEST, connect: patience, total: patience };
        Ok(Self::by(Arc::new(HttpTransport::new(limits, extra_roots)?)))
    }

    /// A courier that hands everything to `router` in the same process, whatever host is addressed.
    pub fn to(router: Router) -> Self {
        Self::by(Arc::new(Handed(router)))
    }

    /// Sends once.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request).await
    }
}

/// Reaches nobody.
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        Err(TransportError::Unsent { host, detail: "this stage has no courier".to_owned() })
    }
}

/// Reaches one router.
struct Handed(Router);

#[async_trait]
impl Transport for Handed {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let Ok(answered) = self.0.clone().oneshot(request.map(Body::from)).await;
        let (head, body) = answered.into_parts();
        match axum::body::to_bytes(body, LARGEST).await {
            Ok(body) => Ok(Response::from_parts(head, body)),
            Err(error) => Err(TransportError::Unanswered { host, detail: error.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use bytes::Bytes;

    use super::*;

    fn hello() -> Request {
        let request = http::Request::builder().method("POST").uri("http://anybody.example/hook");
        request.body(Bytes::from_static(b"hello")).unwrap()
    }

    #[tokio::test]
    async fn a_router_in_the_same_process_is_reached_under_any_host() {
        let router = Router::new().route("/hook", post(|body: String| async move { body }));
        let answer = Courier::to(router).send(hello()).await.unwrap();
        assert_eq!(answer.body(), "hello");
    }

    #[tokio::test]
    async fn without_a_courier_nobody_is_reached() {
        let refused = Courier::default().send(hello()).await.unwrap_err();
        assert!(!refused.sent());
    }
}
