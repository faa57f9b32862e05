//! Asking an address whether it wants notifications (contract, 8.2).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use bytes::Bytes;
use evergrant::{Request, Response, TransportError};
use evergrant_sandbox::Delivery;

use super::super::call::Call;
use super::super::reply::Denied;
use crate::microsoft::sandbox::MicrosoftAct;

/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What addresses have answered: an extension of the request that named them, so that it can be carried out
/// without waiting for anybody.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Reached(Arc<BTreeMap<String, Handshake>>);

/// How a handshake ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Handshake {
    Agreed,
    Refused,
    TimedOut,
    /// Nobody was asked, and why.
    NotSent(String),
}

impl Reached {
    /// Refuses an address that did not agree.
    pub(super) fn check(&self, url: &str) -> Result<(), Denied> {
        let why = match self.0.get(url) {
            Some(Handshake::Agreed) => return Ok(()),
            Some(Handshake::TimedOut) => "Subscription validation request timed out.".to_owned(),
            Some(Handshake::NotSent(why)) => {
                format!("Subscription validation request failed: {why}.")
            }
            Some(Handshake::Refused) | None => {
                "Subscription validation request failed. Notification endpoint must respond with 200 OK to \
                 validation request."
                    .to_owned()
            }
        };
        Err(Denied::bad("ValidationError", why))
    }
}

impl MicrosoftAct {
    /// Asks all addresses that a request, or a part of a batch, wants notifications to be sent to: one after the
    /// other, each as often as it is named. Nothing is locked meanwhile.
    pub(in super::super) async fn reach(&self, mut request: Request) -> Request {
        let mut reached = BTreeMap::new();
        for url in self.wanted(&request) {
            let outcome = self.shake_hands(&url).await;
            if outcome != Handshake::Agreed || !reached.contains_key(&url) {
                reached.insert(url, outcome);
            }
        }
        if !reached.is_empty() {
            request.extensions_mut().insert(Reached(Arc::new(reached)));
        }
        request
    }

    fn wanted(&self, request: &Request) -> Vec<String> {
        let path = request.uri().path().to_ascii_lowercase();
        if !path.contains("subscriptions") && !path.contains("$batch") {
            return Vec::new();
        }
        let read = |request: &Request| Some(Call::read(request, self.identify(request).ok()?));
        let Some(call) = read(request) else { return Vec::new() };
        if path.contains("subscriptions") {
            return self.addresses(&call);
        }
        let parts = super::super::batch::parts(request, &call);
        parts.iter().filter_map(read).flat_map(|call| self.addresses(&call)).collect()
    }

    async fn shake_hands(&self, url: &str) -> Handshake {
        let token = format!(
            "Validation: Testing client application reachability for subscription Request-Id: {}",
            self.backstage().guid(),
        );
        let outcome = match validation(url, &token) {
            Some(request) => self.backstage().post(request, PATIENCE).await,
            None => return Handshake::Refused,
        };
        let (handshake, status) = match outcome {
            None => (Handshake::TimedOut, None),
            Some(Err(error @ TransportError::Unsent { .. })) => {
                (Handshake::NotSent(error.to_string()), None)
            }
            Some(Err(_)) => (Handshake::Refused, None),
            Some(Ok(answer)) => (judge(&answer, &token), Some(answer.status().as_u16())),
        };
        self.backstage().ledger().delivered(Delivery {
            at: self.backstage().now(),
            kind: "validation",
            to: url.split('?').next().unwrap_or_default().to_owned(),
            subscriptions: Vec::new(),
            items: 0,
            tries: 1,
            status,
            outcome: match handshake {
                Handshake::Agreed => "agreed",
                Handshake::Refused => "refused",
                Handshake::TimedOut => "timed out",
                Handshake::NotSent(_) => "not sent",
            },
        });
        handshake
    }
}

/// The request by which an address is asked.
fn validation(url: &str, token: &str) -> Option<Request> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    // The real service writes escapes in lower case.
    let query = query.append_pair("validationToken", token).finish().replace("%3A", "%3a");
    let joint = if url.contains('?') { '&' } else { '?' };
    http::Request::builder()
        .method("POST")
        .uri(format!("{url}{joint}{query}"))
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Bytes::new())
        .ok()
}

/// Only the token itself will do, as plain text.
fn judge(answer: &Response, token: &str) -> Handshake {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    let agrees = answer.status() == StatusCode::OK
        && kind.eq_ignore_ascii_case("text/plain")
        && answer.body() == token.as_bytes();
    if agrees { Handshake::Agreed } else { Handshake::Refused }
}
