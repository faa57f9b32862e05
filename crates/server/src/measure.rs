//! What the server measures: its requests, and what a scrape looks up.
//!
//! As in [`evergrant::measure`], labels are bounded: the path is the route's template, never what the
//! caller wrote, and a method that HTTP does not define counts as [`OTHER`].

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, State};
use evergrant::measure::{Appears, Kind, Metric, OTHER, STATUSES, WAITING};
use http::{HeaderName, Method, StatusCode, header};
use metrics::{Counter, Histogram};

use crate::App;

const REQUESTS: &str = "evergrant_http_requests_total";
const REQUEST_SECONDS: &str = "evergrant_http_request_seconds";
const BUILD: &str = "evergrant_build_info";
const STARTED: &str = "process_start_time_seconds";
/// The path of a request that no route takes.
const NOWHERE: &str = "none";
/// The text format's version, as scrapers ask for it.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the server measures, besides [`evergrant::measure::TABLE`].
pub const TABLE: &[Metric] = &[
    Metric {
        name: REQUESTS,
        kind: Kind::Counter,
        labels: &["method", "path", "status"],
        help: "Answered requests by method, route and status.",
        appears: Appears::Once("once a request was answered"),
    },
    Metric {
        name: REQUEST_SECONDS,
        kind: Kind::Histogram(WAITING),
        labels: &["method", "path"],
        help: "How long answers took.",
        appears: Appears::Once("once a request was answered"),
    },
    Metric {
        name: BUILD,
        kind: Kind::Gauge,
        labels: &["version"],
        help: "1; the label says which version runs.",
        appears: Appears::AtOnce,
    },
    Metric {
        name: STARTED,
        kind: Kind::Gauge,
        labels: &[],
        help: "When the process started, in seconds since 1970.",
        appears: Appears::AtOnce,
    },
];

/// Gives everything measured so far, as text. The one who installed the recorder has it.
pub type Scrape = Arc<dyn Fn() -> String + Send + Sync>;

/// Answers with every measurement, and looks up those that only the database knows.
pub(crate) async fn scrape(
    State((app, scrape)): State<(App, Scrape)>,
) -> ([(HeaderName, &'static str); 1], String) {
    metrics::gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1);
    #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit for 200 years")]
    metrics::gauge!(STARTED).set(app.0.started.as_microsecond() as f64 / 1e6);
    let census = app.0.store.census().await;
    evergrant::measure::database_up(census.is_ok());
    // While the database is away, the last numbers stand.
    if let Ok(census) = census {
        let configured = app.0.vault.providers().iter().map(|p| p.manifest().key.clone());
        let mut providers: Vec<_> = census.iter().map(|(key, ..)| key.clone()).collect();
        providers.extend(configured);
        for provider in &providers {
            for status in STATUSES {
                let found = census.iter().find(|(key, of, _)| key == provider && of == status);
                let count =
                    found.map_or(0, |(.., count)| u32::try_from(*count).unwrap_or(u32::MAX));
                evergrant::measure::integrations(provider, status, count);
            }
        }
    }
    ([(header::CONTENT_TYPE, FORMAT)], scrape())
}

/// The series of every route, looked up by name once and not per request.
#[derive(Default)]
pub(crate) struct Requests(papaya::HashMap<Box<str>, Route>);

#[derive(Default)]
struct Route {
    seconds: papaya::HashMap<&'static str, Histogram>,
    answers: papaya::HashMap<(&'static str, u16), Counter>,
}

impl Requests {
    /// Notes one answer.
    pub(crate) fn answered(
        &self,
        method: &Method,
        path: Option<&MatchedPath>,
        status: StatusCode,
        took: Duration,
    ) {
        let path = path.map_or(NOWHERE, MatchedPath::as_str);
        let (method, status) = (known(method), status.as_u16());
        let routes = self.0.pin();
        let route = match routes.get(path) {
            Some(route) => route,
            None => routes.get_or_insert(path.into(), Route::default()),
        };
        let label = || path.to_owned();
        let seconds = route.seconds.pin();
        let make = || metrics::histogram!(REQUEST_SECONDS, "method" => method, "path" => label());
        seconds.get_or_insert_with(method, make).record(took);
        let answers = route.answers.pin();
        let make = || {
            let status = status.to_string();
            metrics::counter!(REQUESTS, "method" => method, "path" => label(), "status" => status)
        };
        answers.get_or_insert_with((method, status), make).increment(1);
    }
}

/// The method's name, if HTTP defines it: a caller can make up others.
fn known(method: &Method) -> &'static str {
    const KNOWN: [(Method, &str); 9] = [
        (Method::GET, "GET"),
        (Method::POST, "POST"),
        (Method::PATCH, "PATCH"),
        (Method::DELETE, "DELETE"),
        (Method::PUT, "PUT"),
        (Method::HEAD, "HEAD"),
        (Method::OPTIONS, "OPTIONS"),
        (Method::TRACE, "TRACE"),
        (Method::CONNECT, "CONNECT"),
    ];
    KNOWN.iter().find(|(known, _)| known == method).map_or(OTHER, |(_, name)| name)
}
