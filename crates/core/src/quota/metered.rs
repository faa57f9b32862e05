//! Sign-ins and refreshes, counted.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use super::{Drawer, Quotas, STOP, lock, used_up};
use crate::provider::{AuthError, Verdict};
use crate::repeat::asked;
use crate::{Request, Response, Transport, TransportError};

/// Counts what goes through it, and sends nothing that draws on an allowance that is shut.
pub(crate) struct Metered<'a> {
    http: &'a dyn Transport,
    quotas: &'a Quotas,
    drawer: Drawer<'a>,
    shut: Mutex<Option<Duration>>,
}

impl<'a> Metered<'a> {
    pub(crate) fn new(http: &'a dyn Transport, quotas: &'a Quotas, drawer: Drawer<'a>) -> Self {
        Self { http, quotas, drawer, shut: Mutex::default() }
    }

    /// `obtained`, or that nothing may be sent for a while, where that is why nothing was.
    pub(crate) fn explain<T>(&self, obtained: Result<T, AuthError>) -> Result<T, AuthError> {
        let shut = *lock(&self.shut);
        match (obtained, shut) {
            (Err(AuthError::Unavailable { sent: false, .. }), Some(wait)) => Err(used_up(wait)),
            (obtained, _) => obtained,
        }
    }

    fn note(&self, wait: Duration) {
        *lock(&self.shut) = Some(wait);
    }
}

#[async_trait]
impl Transport for Metered<'_> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut counted = match self.quotas.count(self.drawer, &request).await {
            Ok(counted) => counted,
            Err(wait) => {
                self.note(wait);
                return Err(TransportError::Unsent {
                    host: request.uri().host().unwrap_or_default().to_owned(),
                    detail: "the provider asked everybody to wait".to_owned(),
                });
            }
        };
        counted.sent();
        let came = self.http.send(request.clone()).await;
        counted.end(&came);
        let response = came?;
        let verdict = self.drawer.provider.judge(&response);
        if let Verdict::Throttled { allowance: Some(kind), .. } = verdict {
            let wait = asked(&response, &verdict).unwrap_or(STOP);
            self.quotas.shut(self.drawer, &request, kind, wait).await;
            self.note(wait);
        }
        Ok(response)
    }
}
