//! The routes. One file per group of operations.

mod attachments;
mod browser;
mod calendar;
mod changes;
mod connect;
mod consent;
mod description;
mod doctor;
mod feeds;
mod health;
mod history;
mod integrations;
mod live;
mod mail;
mod mail_send;
mod mail_settings;
mod markets;
mod meetings;
mod notifications;
mod operations;
mod orders;
mod positions;
mod profile;
mod progress;
mod stored;
mod sync;
mod times;
mod token;
mod versions;
mod watchlists;
mod ways;

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use evergrant::measure::SPANS;
use http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use tower::ServiceExt;
use tracing::Instrument;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

pub use description::openapi;

use crate::App;
use crate::measure::{self, Scrape};
use crate::problem::{Code, Problem};

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What every answer forbids the browser; pages and the reference bring their own policy.
static POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// The reference's page styles and scripts itself from this server.
static DOCS_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
);
static NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
static NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
static SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
static NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Longer than any problem's body, in bytes.
const LONGEST_PROBLEM: usize = 1 << 20;
/// What follows them is as good as a password, for a day or for as long as a subscription lives: it is not
/// logged.
const UNLOGGED: [&str; 2] = ["/api/integrations/oauth/reconnect/", "/api/notifications/"];

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(description::Api::openapi())
        .routes(routes!(connect::initiate))
        .routes(routes!(connect::callback))
        .routes(routes!(consent::consent))
        .routes(routes!(ways::import))
        .routes(routes!(ways::application))
        .routes(routes!(browser::browser_callback))
        .routes(routes!(browser::done))
        .routes(routes!(browser::reconnect))
        .routes(routes!(stored::events))
        .routes(routes!(stored::messages))
        .routes(routes!(changes::changes))
        .routes(routes!(integrations::list))
        .routes(routes!(integrations::show, integrations::edit, integrations::disconnect))
        .routes(routes!(sync::feeds, sync::sync))
        .routes(routes!(sync::progress))
        .routes(routes!(profile::profile))
        .routes(routes!(calendar::calendars))
        .routes(routes!(calendar::events, calendar::create))
        .routes(routes!(calendar::event, calendar::edit_event, calendar::delete_event))
        .routes(routes!(calendar::cancel_event))
        .routes(routes!(calendar::respond))
        .routes(routes!(times::availability))
        .routes(routes!(times::meeting_times))
        .routes(routes!(mail::folders))
        .routes(routes!(mail::messages, mail_send::send))
        .routes(routes!(mail::message, mail::edit_message, mail::delete_message))
        .routes(routes!(mail_send::send_draft))
        .routes(routes!(mail_send::reply))
        .routes(routes!(mail_send::forward))
        .routes(routes!(mail::move_message))
        .routes(routes!(attachments::attachments, attachments::attach))
        .routes(routes!(attachments::attachment, attachments::delete_attachment))
        .routes(routes!(mail_settings::settings, mail_settings::edit_settings))
        .routes(routes!(meetings::create_meeting))
        .routes(routes!(meetings::meeting, meetings::edit_meeting, meetings::delete_meeting))
        .routes(routes!(meetings::cancel_meeting))
        .routes(routes!(markets::navigation))
        .routes(routes!(markets::navigation_node))
        .routes(routes!(markets::search_markets))
        .routes(routes!(markets::market))
        .routes(routes!(markets::prices))
        .routes(routes!(markets::sentiment))
        .routes(routes!(markets::related_sentiment))
        .routes(routes!(watchlists::watchlists, watchlists::create_watchlist))
        .routes(routes!(watchlists::watchlist, watchlists::delete_watchlist))
        .routes(routes!(watchlists::add_to_watchlist))
        .routes(routes!(watchlists::remove_from_watchlist))
        .routes(routes!(positions::accounts))
        .routes(routes!(positions::positions, positions::open_position))
        .routes(routes!(
            positions::position,
            positions::amend_position,
            positions::close_whole_position
        ))
        .routes(routes!(positions::close_position))
        .routes(routes!(orders::orders, orders::place_order))
        .routes(routes!(orders::amend_order, orders::cancel_order))
        .routes(routes!(history::deal))
        .routes(routes!(history::activity))
        .routes(routes!(history::transactions))
        .routes(routes!(token::token, token::replace))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(doctor::doctor))
        .routes(routes!(operations::registrations))
        .routes(routes!(operations::notices))
        .routes(routes!(notifications::receive))
}

/// Everything users call.
pub fn router(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    let described = router.merge(SwaggerUi::new("/docs").url("/openapi.json", openapi()));
    finish(described, app)
}

/// What operators call, on a listener of its own.
pub fn admin_router(app: App, scrape: Scrape) -> Router {
    let (router, _) = OpenApiRouter::new()
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .split_for_parts();
    let metrics = get(measure::scrape).with_state((app.clone(), scrape));
    finish(router.route("/metrics", metrics), app)
}

fn finish(router: Router<App>, app: App) -> Router {
    let main = router.method_not_allowed_fallback(method_not_allowed).with_state(app.clone());
    // Routes are written with their trailing slash; what is not found is looked for in the other form.
    let other = main.clone().route_layer(middleware::from_fn(remember_route)).fallback(not_found);
    main.fallback(move |request: Request| async move {
        match toggle_slash(request) {
            Ok(request) => other.oneshot(request).await.into_response(),
            Err(problem) => problem.into_response(),
        }
    })
    .layer(middleware::from_fn_with_state(app, frame))
}

fn toggle_slash(mut request: Request) -> Result<Request, Problem> {
    let (path, query) = (request.uri().path(), request.uri().query());
    let other = match path.strip_suffix('/') {
        // A second slash stands where a name is missing.
        Some(other) if other.ends_with('/') => return Err(Problem::nothing_here()),
        Some(other) => other.to_owned(),
        None => format!("{path}/"),
    };
    let whole = query.map_or_else(|| other.clone(), |query| format!("{other}?{query}"));
    *request.uri_mut() = whole.parse::<Uri>().map_err(|_| Problem::nothing_here())?;
    Ok(request)
}

/// Tells [`frame`], which has seen only the path as it was written, which route took the request.
async fn remember_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

async fn not_found() -> Problem {
    Problem::nothing_here()
}

async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed, "This path exists, but does not take this method.")
}

/// What every answer carries, and the one log line of every request that went wrong.
async fn frame(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = app.next_request_id();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let path = uri.path();
    let logged = UNLOGGED.into_iter().find(|before| path.starts_with(before)).unwrap_or(path);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let began = app.0.clock.uptime();
    // Whatever is logged on the way says which request it was. At the usual level there is no
    // span: it would cost as much as the answer.
    let span = tracing::debug_span!(
        target: SPANS,
        "request",
        otel.kind = "server",
        request_id = id,
        http.request.method = %method,
        http.route = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty,
    );
    let response = caught(next.run(request)).instrument(span.clone()).await;
    let route = route.as_ref().or_else(|| response.extensions().get::<MatchedPath>());
    let code = response.extensions().get::<Code>().copied();
    let status = response.status();
    app.0.measured.answered(&method, route, status, app.0.clock.uptime().saturating_sub(began));
    if !span.is_disabled() {
        span.record("http.route", route.map(MatchedPath::as_str));
        span.record("http.response.status_code", status.as_u16());
    }
    let response = match code {
        // Boxed: only what went wrong comes this way.
        Some(_) => Box::pin(name_request(response, &id)).await,
        None => response,
    };
    if status.is_server_error() {
        tracing::error!(request_id = id, %method, path = logged, status = status.as_u16(), code = code.map(Code::name), "request failed");
    } else {
        tracing::debug!(request_id = id, %method, path = logged, status = status.as_u16(), code = code.map(Code::name), "request");
    }
    dress(response, &id, path)
}

/// A panic is a defect of ours: its caller gets an answer all the same.
async fn caught(answer: impl Future<Output = Response>) -> Response {
    let mut answer = pin!(answer);
    let panicked = |_| Poll::Ready(Problem::internal("a handler panicked").into_response());
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))).unwrap_or_else(panicked)
    })
    .await
}

/// Security headers and the request's id.
fn dress(mut response: Response, id: &str, path: &str) -> Response {
    let headers = response.headers_mut();
    // Room for all of them at once.
    headers.reserve(8);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF.clone());
    headers.insert(header::REFERRER_POLICY, NO_REFERRER.clone());
    headers.insert(OPENER_POLICY, SAME_ORIGIN.clone());
    let docs = path.starts_with("/docs/");
    let policy = if docs { &DOCS_POLICY } else { &POLICY };
    headers.entry(header::CACHE_CONTROL).or_insert_with(|| NO_STORE.clone());
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| policy.clone());
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// Puts the request's id into a problem's body. Not for a 404: foreign and unknown are to look the
/// same to the byte, and the header has it anyway.
async fn name_request(response: Response, id: &str) -> Response {
    if response.status() == StatusCode::NOT_FOUND {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, LONGEST_PROBLEM).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let Ok(mut problem) = serde_json::from_slice::<serde_json::Map<_, _>>(&bytes) else {
        return Response::from_parts(parts, bytes.into());
    };
    problem.insert("request_id".to_owned(), serde_json::Value::from(id));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, serde_json::Value::Object(problem).to_string().into())
}
