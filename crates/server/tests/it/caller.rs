//! Who asks is the receiver: `alice.get(url)`, `anon.get(url)`, `service.as_user("alice").get(url)`.

use std::fmt;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use evergrant_server::problem::Code;
use http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

/// Everything a server has answered.
pub(crate) type Record = Arc<Mutex<Vec<Answer>>>;

/// Somebody with a key, or nobody.
#[derive(Clone)]
pub(crate) struct Caller {
    router: Router,
    record: Record,
    headers: Vec<(String, String)>,
}

impl Caller {
    pub(crate) fn new(router: Router, record: Record) -> Self {
        Self { router, record, headers: Vec::new() }
    }

    /// The same caller at another server.
    pub(crate) fn moved_to(&self, other: &Self) -> Self {
        Self { headers: self.headers.clone(), ..other.clone() }
    }

    /// The same caller with one more header.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut caller = self.clone();
        caller.headers.push((name.to_owned(), value.to_owned()));
        caller
    }

    pub(crate) fn with_key(&self, key: &str) -> Self {
        self.with("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn as_user(&self, name: &str) -> Self {
        self.with("evergrant-user", name)
    }

    pub(crate) async fn get(&self, url: &str) -> Answer {
        self.send(Method::GET, url, None).await
    }

    pub(crate) async fn delete(&self, url: &str) -> Answer {
        self.send(Method::DELETE, url, None).await
    }

    pub(crate) async fn post(&self, url: &str, body: Value) -> Answer {
        self.send(Method::POST, url, Some(&body)).await
    }

    pub(crate) async fn patch(&self, url: &str, body: Value) -> Answer {
        self.send(Method::PATCH, url, Some(&body)).await
    }

    pub(crate) async fn send(&self, method: Method, url: &str, body: Option<&Value>) -> Answer {
        let request = Request::builder().method(method).uri(url);
        let request = match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.request(request.unwrap()).await
    }

    /// Sends exactly this request, with the caller's own headers.
    pub(crate) async fn request(&self, mut request: Request<Body>) -> Answer {
        for (name, value) in &self.headers {
            let name: http::HeaderName = name.parse().unwrap();
            request
                .headers_mut()
                .insert(name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let asked = format!("{} {}", request.method(), request.uri());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let answer = Answer { asked, status: parts.status, headers: parts.headers, body };
        self.record.lock().unwrap().push(answer.clone());
        answer
    }
}

/// What came back.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) asked: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The answer, once it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}\n{self}", self.asked);
        self
    }

    /// The problem's body, once it is this problem.
    #[track_caller]
    pub(crate) fn problem(&self, code: Code) -> Value {
        let named = serde_json::from_slice::<Value>(&self.body).ok();
        let named = named.as_ref().and_then(|body| body["code"].as_str());
        assert_eq!(named, Some(code.name()), "{}\n{self}", self.asked);
        assert_eq!(self.status, code.status());
        assert_eq!(self.header("content-type"), "application/problem+json");
        self.json()
    }

    /// Everything a caller can tell two answers apart by, the request's id taken out.
    pub(crate) fn anonymous(&self) -> String {
        let id = self.header("x-request-id");
        assert!(!id.is_empty(), "{} has no request id", self.asked);
        self.to_string().replace(id, "…")
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        let mut headers: Vec<_> = self.headers.iter().collect();
        headers.sort_by_key(|(name, _)| name.as_str());
        for (name, value) in headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        writeln!(f)?;
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(json) => write!(f, "{json:#}"),
            Err(_) => write!(f, "{}", String::from_utf8_lossy(&self.body)),
        }
    }
}
