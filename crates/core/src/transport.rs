//! HTTP as a parameter, with the only settings that are safe for requests that carry secrets.
//!
//! Redirects are never followed: a 307 to another host would re-send custom credential headers
//! and the complete token form. There is no retry either; whether a request may be sent twice is
//! known one level up. Bodies are read up to a limit, never to the end of somebody's patience.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

/// A request to a provider.
pub type Request = http::Request<Bytes>;
/// A provider's answer, read completely.
pub type Response = http::Response<Bytes>;

/// Sends one request and reads one answer.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` exactly once.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransportError {
    /// The connection never came about: the request had no effect and may be sent again.
    #[error("no connection to {host}: {detail}")]
    Unsent {
        /// The host that was called.
        host: String,
        /// What the connection failed with.
        detail: String,
    },
    /// The request left, the answer did not arrive: it may or may not have had its effect.
    #[error("no answer from {host}: {detail}")]
    Unanswered {
        /// The host that was called.
        host: String,
        /// What went wrong on the way back.
        detail: String,
    },
    /// The answer is longer than the limit; the request had its effect.
    #[error("the answer of {host} is longer than {limit} bytes")]
    TooLarge {
        /// The host that was called.
        host: String,
        /// The limit in bytes.
        limit: usize,
    },
}

impl TransportError {
    /// Whether the request may have reached the other side.
    pub fn sent(&self) -> bool {
        !matches!(self, Self::Unsent { .. })
    }
}

/// The limits of an [`HttpTransport`].
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// The most that is read of one answer's body, in bytes.
    pub body: usize,
    /// How long a connection may take to come about.
    pub connect: Duration,
    /// How long the whole exchange may take.
    pub total: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { body: 4 << 20, connect: Duration::from_secs(10), total: Duration::from_secs(30) }
    }
}

/// More than the usual limits for one exchange, as an extension of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The most that is read of the answer's body, in bytes.
    pub body: usize,
    /// How long the whole exchange may take.
    pub total: Duration,
}

/// Marks a request of a refresh whose answer makes no grant, as an extension: it is not kept, and never
/// answered with what was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aside;

/// HTTPS over rustls: no redirects, no referer, no retries, capped bodies.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    limits: HttpLimits,
}

impl HttpTransport {
    /// A transport that trusts the system's roots and, if given, the certificates in `extra_roots` (PEM).
    pub fn new(
        limits: HttpLimits,
        extra_roots: Option<&[u8]>,
    ) -> Result<Self, TransportSetupError> {
        #[expect(clippy::disallowed_methods, reason = "this is the port's real version")]
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(limits.connect)
            .timeout(limits.total)
            .user_agent(concat!("evergrant/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = extra_roots {
            let roots =
                reqwest::Certificate::from_pem_bundle(pem).map_err(TransportSetupError::Roots)?;
            if roots.is_empty() {
                return Err(TransportSetupError::NoRoots);
            }
            builder = builder.tls_certs_merge(roots);
        }
        let client = builder.build().map_err(TransportSetupError::Client)?;
        Ok(Self { client, limits })
    }
}

/// Why a transport could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TransportSetupError {
    /// The file of extra roots is not PEM.
    #[error("the extra root certificates cannot be read")]
    Roots(#[source] reqwest::Error),
    /// The file of extra roots holds none.
    #[error("the file of extra root certificates holds no certificate")]
    NoRoots,
    /// TLS could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let allowance = request.extensions().get::<Allowance>().copied();
        let limit = allowance.map_or(self.limits.body, |allowance| allowance.body);
        let mut request = reqwest::Request::try_from(request).map_err(|e| {
            TransportError::Unsent { host: host.clone(), detail: chain(&e.without_url()) }
        })?;
        if let Some(allowance) = allowance {
            *request.timeout_mut() = Some(allowance.total);
        }
        let lost = |e: reqwest::Error| {
            let connecting = e.is_connect() || e.is_builder();
            let detail = chain(&e.without_url());
            let host = host.clone();
            if connecting {
                TransportError::Unsent { host, detail }
            } else {
                TransportError::Unanswered { host, detail }
            }
        };
        let mut answer = self.client.execute(request).await.map_err(lost)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > limit {
                return Err(TransportError::TooLarge { host, limit });
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

/// An error with its causes, in one line; reqwest's own text names only the outermost.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
