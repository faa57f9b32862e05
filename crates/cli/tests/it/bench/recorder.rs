//! Stands between the binary and the sandbox, and knows every secret that went by.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::Value;
use tokio::task::JoinHandle;
use url::{Url, form_urlencoded};

use super::Sandbox;

/// What a secret is, and the secret.
pub(crate) type Secrets = BTreeSet<(&'static str, String)>;

/// A proxy in the clear, on this machine alone.
pub(crate) struct Recorder {
    pub(crate) url: String,
    seen: Arc<Seen>,
    serving: JoinHandle<()>,
}

struct Seen {
    sandbox: String,
    http: reqwest::Client,
    secrets: Mutex<Secrets>,
}

impl Recorder {
    pub(crate) async fn start(sandbox: &Sandbox) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen {
            sandbox: sandbox.plain.clone(),
            http: sandbox.http.clone(),
            secrets: Mutex::default(),
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&seen));
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self { url, seen, serving }
    }

    /// Every secret that has gone by.
    pub(crate) fn secrets(&self) -> Secrets {
        self.seen.secrets.lock().unwrap().clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Seen {
    /// Those of the `fields` that are secret.
    fn note(&self, fields: impl IntoIterator<Item = (String, String)>) {
        let kinds = [
            "access_token",
            "client_secret",
            "code",
            "code_verifier",
            "id_token",
            "nonce",
            "refresh_token",
        ];
        let mut secrets = self.secrets.lock().unwrap();
        for (name, value) in fields {
            if let Some(kind) = kinds.into_iter().find(|kind| *kind == name) {
                secrets.insert((kind, value));
            }
        }
    }
}

async fn pass(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if head.uri.path().ends_with("/token") {
        seen.note(form_urlencoded::parse(&body).into_owned());
    }
    // With the host that was asked for: the sandbox then speaks of itself by the recorder's address.
    let answer = seen
        .http
        .request(head.method, format!("{}{}", seen.sandbox, head.uri))
        .headers(head.headers)
        .body(body)
        .send()
        .await;
    let Ok(answer) = answer else {
        // The sandbox hung up, and so does the recorder, in the middle of an answer.
        let broken = async { Err::<Bytes, _>("the sandbox hung up") };
        return Response::new(Body::from_stream(futures_util::stream::once(broken)));
    };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body: Bytes = answer.bytes().await.unwrap();
    if let Ok(Value::Object(told)) = serde_json::from_slice(&body) {
        seen.note(
            told.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))),
        );
    }
    if let Some(location) = headers.get("location") {
        let location = Url::parse(location.to_str().unwrap()).unwrap();
        seen.note(location.query_pairs().into_owned());
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
