//! How the sandbox calls somebody: the port for notifications.
//!
//! What an act has to say goes out through the stage's courier, and nothing else leaves the sandbox. Over
//! the network it is plain HTTP or HTTPS without redirects, and calls whom it was started to call: whoever
//! may play at the sandbox says where notifications go to, and must not reach others through it. A test or a
//! benchmark gives a router instead, and no socket is opened. By default nobody is reached.

use std::fmt;
use std::net::IpAddr;
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

/// Whom a courier calls over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// `localhost` and loopback addresses.
    ThisMachine,
    /// Everybody.
    Anywhere,
}

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
        reach: Reach,
    ) -> Result<Self, TransportSetupError> {
        let limits = HttpLimits { body: LARGEST, connect: patience, total: patience };
        let http = HttpTransport::new(limits, extra_roots)?;
        Ok(Self::by(match reach {
            Reach::ThisMachine => Arc::new(Near(http)),
            Reach::Anywhere => Arc::new(http),
        }))
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

/// Reaches this machine.
struct Near(HttpTransport);

#[async_trait]
impl Transport for Near {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let host = request.uri().host().unwrap_or_default();
        if is_this_machine(host) {
            return self.0.send(request).await;
        }
        let detail = "this sandbox calls nobody outside of its machine, unless it is started with \
                      --notify-anywhere";
        Err(TransportError::Unsent { host: host.to_owned(), detail: detail.to_owned() })
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
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
    async fn nobody_outside_of_this_machine_is_called_unless_that_was_said_at_the_start() {
        let courier = Courier::over_http(Duration::from_secs(1), None, Reach::ThisMachine).unwrap();
        for url in ["http://192.0.2.1/", "http://[2001:db8::1]/", "http://localhost.example/"] {
            let mut request = hello();
            *request.uri_mut() = url.parse().unwrap();
            let refused = courier.send(request).await.unwrap_err();
            assert!(refused.to_string().contains("--notify-anywhere"), "{refused}");
        }
        for host in ["localhost", "LocalHost", "127.0.0.1", "127.8.0.1", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
    }

    #[tokio::test]
    async fn without_a_courier_nobody_is_reached() {
        let refused = Courier::default().send(hello()).await.unwrap_err();
        assert!(!refused.sent());
    }
}
