//! The progress of a sync as server-sent events (HTML standard, section 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::json;

use super::feeds::Sight;
use super::sync::{LOOK, Sync, SyncBody};
use crate::problem::{Code, Problem};
use crate::waiters::Waiter;

/// How long nothing is said before a comment is, so that nobody between takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a stream lives.
const LONGEST: Duration = Duration::from_mins(15);
/// What is said when it does not any more.
const OVER: &[u8] = b": 15 minutes are over; ask again\n\n";
/// A comment.
const ALIVE: &[u8] = b":\n\n";
/// Some proxies keep answers back until they are complete, unless this says no.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Tells of a sync until it is over, its caller may not see it any more, a quarter of an hour has passed, or
/// the process stops.
pub(super) fn stream(sync: Sync, first: SyncBody, headers: HeaderMap, waits: Waiter) -> Response {
    let began = sync.app.0.clock.uptime();
    let told = Bytes::new();
    let news = News { sync, headers, first: Some(first), told, began, spoke: began, _waits: waits };
    let events = stream::unfold(Some(news), |news| async {
        let mut news = news?;
        let (event, last) = news.next().await?;
        Some((Ok::<_, Infallible>(event), (!last).then_some(news)))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    response
}

/// A stream of events under way.
struct News {
    sync: Sync,
    /// What the request said of who asks.
    headers: HeaderMap,
    /// How far it was when the stream began.
    first: Option<SyncBody>,
    /// What was told last.
    told: Bytes,
    /// The uptime at which it began.
    began: Duration,
    /// The uptime at which something was said last.
    spoke: Duration,
    _waits: Waiter,
}

impl News {
    /// What is to be said next, once there is something, and whether it is the last; `None` if nothing
    /// more will be.
    async fn next(&mut self) -> Option<(Bytes, bool)> {
        let app = self.sync.app.clone();
        let clock = &app.0.clock;
        loop {
            if let Some(event) = self.event().await {
                self.spoke = clock.uptime();
                return Some(event);
            }
            let now = clock.uptime();
            if now.saturating_sub(self.began) >= LONGEST {
                return Some((Bytes::from_static(OVER), true));
            }
            if now.saturating_sub(self.spoke) >= HEARTBEAT {
                self.spoke = now;
                return Some((Bytes::from_static(ALIVE), false));
            }
            tokio::select! {
                () = clock.sleep(LOOK) => {}
                () = app.0.vault.tasks().stopped() => return None,
            }
        }
    }

    /// What has not been told yet.
    async fn event(&mut self) -> Option<(Bytes, bool)> {
        match self.look().await {
            Ok(body) => {
                let last = body.state.is_final();
                let name = if last { body.state.name() } else { "progress" };
                let event = event(name, &serde_json::to_string(&body).unwrap_or_default());
                (event != self.told).then(|| {
                    self.told = event.clone();
                    (event, last)
                })
            }
            // What may pass is not told: the sync goes on all the same.
            Err(problem) if problem.code() == Code::StorageUnavailable => None,
            Err(problem) => {
                let code = problem.code();
                let data = json!({ "code": code.name(), "title": code.title(), "detail": problem.detail() });
                Some((event("problem", &data.to_string()), true))
            }
        }
    }

    /// How far it is, if whoever asks may still see it: a stream lives longer than a key needs to.
    async fn look(&mut self) -> Result<SyncBody, Problem> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        let principal = self.sync.app.0.keys.authenticate(&self.headers).await?;
        let sight = Sight::of(principal)?;
        for asked in &self.sync.runs.0 {
            sight.must_have(asked.feed)?;
        }
        self.sync.look().await
    }
}

/// An event; JSON has no line breaks of its own.
fn event(name: &str, data: &str) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}
