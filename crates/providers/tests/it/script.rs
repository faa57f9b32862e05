//! A transport that plays a script and remembers what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use evergrant::{Grant, Request, Response, Transport, TransportError};
use jiff::Timestamp;

type Answers = BTreeMap<String, VecDeque<Result<Response, TransportError>>>;

/// Answers in order, by the path that is asked; the last one of a path stays.
#[derive(Clone, Default)]
pub(crate) struct Script {
    answers: Arc<Mutex<Answers>>,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Script {
    pub(crate) fn on(self, path: &str, status: u16, body: &str) -> Self {
        self.with(path, status, &[], body.as_bytes())
    }

    pub(crate) fn with(
        self,
        path: &str,
        status: u16,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Self {
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        self.then(path, Ok(response.body(Bytes::copy_from_slice(body)).unwrap()))
    }

    pub(crate) fn then(self, path: &str, answer: Result<Response, TransportError>) -> Self {
        let mut answers = self.answers.lock().unwrap();
        answers.entry(path.to_owned()).or_default().push_back(answer);
        drop(answers);
        self
    }

    /// Everything that was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// The forms that were sent.
    pub(crate) fn forms(&self) -> Vec<BTreeMap<String, String>> {
        let sent = self.asked();
        sent.iter()
            .filter(|r| r.method() == "POST")
            .map(|r| url::form_urlencoded::parse(r.body()).into_owned().collect())
            .collect()
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let path = request.uri().path().to_owned();
        self.asked.lock().unwrap().push(request);
        let mut answers = self.answers.lock().unwrap();
        let queue = answers.get_mut(&path).unwrap_or_else(|| panic!("nobody asks {path}"));
        if queue.len() > 1 { queue.pop_front().unwrap() } else { queue[0].clone() }
    }
}

pub(crate) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn grant() -> Grant {
    Grant {
        access: "old-access".into(),
        refresh: Some("old-refresh".into()),
        login: None,
        scopes: vec!["Mail.Read".to_owned()],
        obtained_at: now(),
        expires_at: evergrant::clock::later(now(), std::time::Duration::from_hours(1)),
    }
}
