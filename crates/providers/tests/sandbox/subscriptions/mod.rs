//! Subscriptions and change notifications, as a subscriber over real HTTP sees them.

mod batches;
mod control;
mod creating;
mod delivery;
mod examples;
mod handshake;
mod lifecycle;
mod renewing;
mod resources;
mod rich;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use evergrant_sandbox::{Courier, Reach, StageConfig};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::mail::{Desk, call, token};
use crate::play::{ADELE, Answer, Play, config};

const SCOPE: &str = "User.Read Mail.ReadWrite Mail.Send Calendars.ReadWrite";
const HOUR: u64 = 60 * 60;

/// What a receiver got.
#[derive(Debug, Clone)]
struct Got {
    path: String,
    kind: String,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The items of a notification.
    fn items(&self) -> Vec<Value> {
        self.json()["value"].as_array().unwrap().clone()
    }
}

/// How a receiver answers handshakes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Manner {
    #[default]
    Right,
    /// The token as it stood in the URL.
    Encoded,
    /// As HTML.
    Html,
    /// With 202.
    Accepted,
    /// With something else.
    Other,
}

#[derive(Debug, Default)]
struct Mind {
    manner: Manner,
    got: Vec<Got>,
    /// The statuses of the next answers to notifications; then 202.
    statuses: Vec<u16>,
}

/// Somebody who subscribes: a server on this machine.
struct Receiver {
    url: String,
    mind: Arc<Mutex<Mind>>,
    arrivals: mpsc::UnboundedReceiver<()>,
    _server: JoinSet<()>,
}

type Ear = (Arc<Mutex<Mind>>, mpsc::UnboundedSender<()>);

/// A receiver's routes; what arrives is kept.
fn routes(mind: Arc<Mutex<Mind>>, told: mpsc::UnboundedSender<()>) -> Router {
    Router::new().fallback(hear).with_state((mind, told))
}

async fn hear(State((mind, told)): State<Ear>, uri: Uri, head: HeaderMap, body: Bytes) -> Response {
    let mut mind = mind.lock().unwrap();
    let kind = head[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let path = uri.path_and_query().unwrap().to_string();
    mind.got.push(Got { path, kind, body });
    let query = uri.query().unwrap_or_default();
    let mut parts = query.split('&').filter_map(|part| part.strip_prefix("validationToken="));
    if let Some(encoded) = parts.next() {
        let decoded = url::form_urlencoded::parse(query.as_bytes());
        let decoded = decoded.into_owned().find(|(name, _)| name == "validationToken");
        let token = decoded.unwrap().1;
        let plain = [(header::CONTENT_TYPE, "text/plain")];
        return match mind.manner {
            Manner::Right => (plain, token).into_response(),
            Manner::Encoded => (plain, encoded.to_owned()).into_response(),
            Manner::Html => ([(header::CONTENT_TYPE, "text/html")], token).into_response(),
            Manner::Accepted => (StatusCode::ACCEPTED, plain, token).into_response(),
            Manner::Other => (plain, "something else").into_response(),
        };
    }
    let status = if mind.statuses.is_empty() { 202 } else { mind.statuses.remove(0) };
    // Nobody may listen any more.
    let _ = told.send(());
    let mut answer = StatusCode::from_u16(status).unwrap().into_response();
    if (300..400).contains(&status) {
        answer.headers_mut().insert(header::LOCATION, "/elsewhere".parse().unwrap());
    }
    answer
}

impl Receiver {
    async fn new() -> Self {
        let mind = Arc::new(Mutex::new(Mind::default()));
        let (told, arrivals) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = routes(Arc::clone(&mind), told);
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, mind, arrivals, _server: server }
    }

    fn behaves(&self, manner: Manner) {
        self.mind.lock().unwrap().manner = manner;
    }

    /// Answers the next notifications with these statuses.
    fn answers(&self, statuses: &[u16]) {
        self.mind.lock().unwrap().statuses = statuses.to_vec();
    }

    /// Everything that has arrived since the last time.
    fn got(&self) -> Vec<Got> {
        std::mem::take(&mut self.mind.lock().unwrap().got)
    }

    /// The items of all notifications since the last time.
    fn items(&self) -> Vec<Value> {
        self.got().iter().flat_map(Got::items).collect()
    }
}

/// A user with a token, and a receiver.
struct Bench {
    desk: Desk,
    receiver: Receiver,
}

impl Bench {
    /// Notifications are delivered by `flush` only.
    async fn new() -> Self {
        let bench = Self::at_once().await;
        bench.control("notifications", json!({ "hold": true })).await;
        bench
    }

    /// Notifications are delivered as they come.
    async fn at_once() -> Self {
        let courier =
            Courier::over_http(Duration::from_secs(10), None, Reach::ThisMachine).unwrap();
        let play = Play::with(StageConfig { courier, ..config() });
        let desk = Desk::with(play, ADELE, SCOPE).await;
        Self { desk, receiver: Receiver::new().await }
    }

    fn play(&self) -> &Play {
        &self.desk.play
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        self.play().direct(&format!("microsoft/{path}"), body).await
    }

    /// When it is so many seconds later.
    fn later(&self, seconds: u64) -> String {
        (self.play().stage.now() + Duration::from_secs(seconds)).to_string()
    }

    /// The body of a creation, with other members than the usual ones; null removes one.
    fn body(&self, changes: Value) -> Value {
        let mut body: Map<_, _> = json!({
            "changeType": "created,updated,deleted",
            "notificationUrl": format!("{}/notify", self.receiver.url),
            "lifecycleNotificationUrl": format!("{}/lifecycle", self.receiver.url),
            "resource": "me/messages",
            "expirationDateTime": self.later(24 * HOUR),
            "clientState": "what only we know",
        })
        .as_object()
        .unwrap()
        .clone();
        let Value::Object(changes) = changes else { panic!("{changes} are no members") };
        body.extend(changes);
        body.retain(|_, value| !value.is_null());
        Value::Object(body)
    }

    async fn try_subscribe(&self, changes: Value) -> Answer {
        self.desk.post("/subscriptions", self.body(changes)).await
    }

    /// A new subscription; the receiver forgets the handshakes.
    async fn subscribe(&self, changes: Value) -> Value {
        let answer = self.try_subscribe(changes).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        self.receiver.got();
        answer.json
    }

    async fn flush(&self) -> Value {
        self.control("notifications/flush", json!({})).await
    }

    /// What the receiver is told once everything is delivered: kinds of change by id.
    async fn told(&self) -> Vec<(String, String)> {
        self.flush().await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let items = self.receiver.items();
        items.iter().map(|it| (text(&it["changeType"]), text(&it["resourceData"]["id"]))).collect()
    }

    /// A message arrives; its id and its immutable one.
    async fn arrives(&self, message: Value) -> (String, String) {
        let path = format!("users/{ADELE}/messages");
        let arrived = self.control(&path, message).await;
        let text = |name: &str| arrived[name].as_str().unwrap().to_owned();
        (text("id"), text("immutableId"))
    }

    /// A call with another token.
    async fn call_as(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let headers = &[("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        call(self.play(), token, method, path, headers, body).await
    }

    async fn token(&self, user: &str, scope: &str) -> String {
        token(self.play(), user, scope).await
    }

    async fn app_token(&self) -> String {
        self.play().app_token(&[]).await.ok()["access_token"].as_str().unwrap().to_owned()
    }
}

/// A kind of change, as [`Bench::told`] has it.
fn change(kind: &str, id: &str) -> (String, String) {
    (kind.to_owned(), id.to_owned())
}

fn id(entity: &Value) -> String {
    crate::mail::id(entity)
}
