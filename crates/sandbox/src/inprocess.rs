//! The stage without a socket, for tests.

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use evergrant::{Request, Response, Transport, TransportError};
use tower::ServiceExt as _;

use crate::faults::Break;
use crate::stage::Broken;
use crate::{Scheme, Stage};

/// A transport that ends on the stage, whatever host a request names.
#[derive(Debug, Clone)]
pub struct InProcess(Router);

impl InProcess {
    /// A transport to `stage`.
    pub fn new(stage: &Stage) -> Self {
        Self(stage.router())
    }
}

#[async_trait]
impl Transport for InProcess {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let scheme = match request.uri().scheme_str() {
            Some("http") => Scheme::Http,
            _ => Scheme::Https,
        };
        let mut request = request.map(Body::from);
        request.extensions_mut().insert(scheme);
        let Ok(answered) = self.0.clone().oneshot(request).await;
        if let Some(Broken(at)) = answered.extensions().get() {
            let detail = "a scripted fault broke the connection".to_owned();
            return Err(match at {
                Break::Before => TransportError::Unsent { host, detail },
                Break::AfterCommit => TransportError::Unanswered { host, detail },
            });
        }
        let (head, body) = answered.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await;
        let body =
            body.map_err(|error| TransportError::Unanswered { host, detail: error.to_string() })?;
        Ok(Response::from_parts(head, body))
    }
}
