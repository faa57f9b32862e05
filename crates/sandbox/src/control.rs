//! `/_sandbox/`: for the person or the test that directs the play.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Delivery, Fault, Origin, Page, Problem, Seen, Stage, Summary, TokenEntry, escape};

pub(crate) fn routes(stage: Stage) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/_sandbox/", get(index))
        .route("/_sandbox/ledger", get(ledger))
        .route("/_sandbox/faults", get(faults).post(script).delete(forget_faults))
        .route("/_sandbox/clock", get(clock).post(advance))
        .route("/_sandbox/reset", post(reset))
        .route("/_sandbox/world", get(world))
        .route("/_sandbox/world/{act}/{*path}", post(change))
        .with_state(stage)
}

#[derive(Serialize)]
struct LedgerView {
    requests: Vec<Seen>,
    tokens: Vec<TokenEntry>,
    deliveries: Vec<Delivery>,
    summary: Summary,
}

async fn ledger(State(stage): State<Stage>) -> Response {
    let ledger = stage.ledger();
    let view = LedgerView {
        requests: ledger.requests(),
        tokens: ledger.tokens(),
        deliveries: ledger.deliveries(),
        summary: ledger.summary(),
    };
    Json(view).into_response()
}

async fn faults(State(stage): State<Stage>) -> Response {
    Json(stage.faults()).into_response()
}

async fn script(State(stage): State<Stage>, body: Bytes) -> Result<Response, Problem> {
    let fault: Fault = read(&body)?;
    let fault = stage.script(fault)?;
    Ok((StatusCode::CREATED, Json(fault)).into_response())
}

async fn forget_faults(State(stage): State<Stage>) -> StatusCode {
    stage.forget_faults();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: Option<u64>,
    #[serde(default)]
    access_ttl_seconds: Lifetime,
}

/// The lifetime of access tokens: a number of seconds, or null for the vendor's own.
#[derive(Default, Deserialize)]
#[serde(from = "Option<u64>")]
enum Lifetime {
    #[default]
    AsItIs,
    FromNowOn(Option<u64>),
}

impl From<Option<u64>> for Lifetime {
    fn from(seconds: Option<u64>) -> Self {
        Self::FromNowOn(seconds)
    }
}

async fn clock(State(stage): State<Stage>) -> Response {
    let access_ttl = stage.access_ttl().map(|ttl| ttl.as_secs());
    Json(json!({ "now": stage.now(), "access_ttl_seconds": access_ttl })).into_response()
}

async fn advance(stage: State<Stage>, body: Bytes) -> Result<Response, Problem> {
    let asked: Advance = read(&body)?;
    match (asked.advance_seconds, &asked.access_ttl_seconds) {
        (None, Lifetime::AsItIs) => {
            let detail = "give `advance_seconds`, `access_ttl_seconds` or both";
            return Err(Problem::unusable(detail));
        }
        (seconds, _) => stage.advance(Duration::from_secs(seconds.unwrap_or_default())),
    }
    if let Lifetime::FromNowOn(seconds) = asked.access_ttl_seconds {
        stage.set_access_ttl(seconds.map(Duration::from_secs));
    }
    Ok(clock(stage).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    seed: Option<u64>,
}

async fn reset(State(stage): State<Stage>, body: Bytes) -> Result<Response, Problem> {
    let Reset { seed } = if body.is_empty() { Reset { seed: None } } else { read(&body)? };
    let seed = seed.unwrap_or_else(|| stage.seed());
    stage.reset(seed);
    Ok(Json(json!({ "seed": seed })).into_response())
}

async fn world(State(stage): State<Stage>, Extension(origin): Extension<Origin>) -> Response {
    Json(stage.world(&origin)).into_response()
}

async fn change(
    State(stage): State<Stage>,
    Path((act, path)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Problem> {
    let body: Value = if body.is_empty() { json!({}) } else { read(&body)? };
    let changed = stage.direct(&act, &path, &body).await?;
    Ok(Json(changed).into_response())
}

async fn index(State(stage): State<Stage>) -> Page {
    let rows = |(act, credential): (&str, crate::Credential)| {
        format!(
            "<tr><td>{}<td>{}<td><code>{}</code>",
            escape(act),
            escape(&credential.label),
            escape(&credential.value),
        )
    };
    let rows: String = stage.credentials().into_iter().map(rows).collect();
    let body = format!(
        "<p>This server plays the providers for demos and tests. Nothing on it is real, and nothing \
         on it is secret: do not expose it.</p><h2>Signing in</h2><table>{rows}</table>\
         <h2>Control</h2><p><a href=\"/_sandbox/world\">world</a> · \
         <a href=\"/_sandbox/ledger\">ledger</a> · <a href=\"/_sandbox/faults\">faults</a> · \
         <a href=\"/_sandbox/clock\">clock</a></p>"
    );
    Page::new("Evergrant sandbox", body)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::unusable(error.to_string()),
        _ => Problem::malformed(format!("the body is not JSON: {error}")),
    })
}
