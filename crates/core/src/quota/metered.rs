//! Sign-ins and refreshes, counted.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use super::{Counted, Drawer, Quotas, STOP, lock, used_up};
use crate::budget::TooLong;
use crate::provider::{AuthError, Verdict};
use crate::repeat::asked;
use crate::{Request, Response, Transport, TransportError};

/// Counts what goes through it, and sends nothing that draws on an allowance that is shut.
pub(crate) struct Metered<'a> {
    http: &'a dyn Transport,
    quotas: &'a Quotas,
    drawer: Drawer<'a>,
    /// Until when it waits for room as calls do; `None` if it waits for nobody.
    deadline: Option<Duration>,
    shut: Mutex<Option<Duration>>,
}

impl<'a> Metered<'a> {
    pub(crate) fn new(http: &'a dyn Transport, quotas: &'a Quotas, drawer: Drawer<'a>) -> Self {
        Self { http, quotas, drawer, deadline: None, shut: Mutex::default() }
    }

    /// The same for somebody who signs in, and who waits for room as calls do.
    pub(crate) fn until(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
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

    /// What the request draws; how long to wait where it may not be sent.
    async fn drawn(&self, request: &Request) -> Result<Counted, Duration> {
        let Some(deadline) = self.deadline else {
            return self.quotas.count(self.drawer, request).await;
        };
        // Whoever signs in has nothing yet to ask with.
        let nothing = &mut None::<fn(bool) -> std::future::Ready<()>>;
        let drawn = self.quotas.turn(self.drawer, request, deadline, nothing).await;
        drawn.map_err(|TooLong { retry_after }| retry_after.unwrap_or(STOP))
    }
}

#[async_trait]
impl Transport for Metered<'_> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut counted = match self.drawn(&request).await {
            Ok(counted) => counted,
            Err(wait) => {
                self.note(wait);
                return Err(TransportError::Unsent {
                    host: request.uri().host().unwrap_or_default().to_owned(),
                    detail: "what the provider allows is used up".to_owned(),
                });
            }
        };
        counted.sent();
        let came = self.http.send(request.clone()).await;
        counted.end(came.as_ref().map(Response::status));
        let response = came?;
        let verdict = self.drawer.provider.judge(&response);
        if let Verdict::Throttled { allowance: Some(kind), .. } = verdict {
            let wait = asked(&response, &verdict).unwrap_or(STOP);
            let shut = self.quotas.shut(self.drawer, &request, kind, wait).await;
            self.note(shut.unwrap_or(wait));
        }
        Ok(response)
    }
}
