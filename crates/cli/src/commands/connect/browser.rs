//! A sign-in in the browser, which comes back to a port of this machine alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::response::Html;
use axum::routing::get;
use evergrant::Secret;
use evergrant::clock::until;
use evergrant::vault::{Begun, Proof};
use http::StatusCode;
use tokio::sync::oneshot;
use url::Url;

use crate::compose::Parts;
use crate::output::{Output, UsageError};

/// How long the browser may take to fetch its last page.
const LAST_PAGE: Duration = Duration::from_millis(200);

/// Has the user agree in the browser, and waits for the browser to come back.
pub(super) async fn agree(
    parts: &Parts,
    output: Output,
    begun: &Begun,
    page: &Url,
    open: bool,
    listener: tokio::net::TcpListener,
) -> anyhow::Result<Proof> {
    let opened = open && webbrowser::open(page.as_str()).is_ok();
    output.note(if opened {
        "Sign in in the browser. If none opened, go to"
    } else {
        "Sign in at"
    });
    output.note(page.as_str());
    let (came_back, mut back) = oneshot::channel();
    let came_back = Arc::new(Mutex::new(Some(came_back)));
    let expected = begun.state.clone();
    let router = Router::new().route(
        "/callback",
        get(move |Query(query): Query<BTreeMap<String, String>>| async move {
            // Anything on this machine can call this address; only the browser knows the state.
            if query.get("state").map(String::as_str) != Some(expected.expose()) {
                let page = Html("<p>This is not the sign-in that was begun.</p>");
                return (StatusCode::BAD_REQUEST, page);
            }
            if let Some(came_back) = came_back.lock().unwrap_or_else(PoisonError::into_inner).take()
            {
                // The command may have given up already.
                let _ = came_back.send(query);
            }
            let page = "<p>Thank you. Go back to the terminal; you can close this page.</p>";
            (StatusCode::OK, Html(page))
        }),
    );
    let patience = until(parts.clock.now(), begun.expires_at);
    let query = tokio::select! {
        served = async { axum::serve(listener, router).await } => {
            served?;
            anyhow::bail!("the listener for the browser ended")
        }
        query = async {
            let query = (&mut back).await;
            parts.clock.sleep(LAST_PAGE).await;
            query
        } => query?,
        () = parts.clock.sleep(patience) => {
            return Err(UsageError("nobody signed in in time; run the command again".to_owned()).into());
        }
    };
    Ok(match (query.get("code"), query.get("error")) {
        (Some(code), _) => {
            Proof::Code { code: Secret::from(code.as_str()), iss: query.get("iss").cloned() }
        }
        (None, error) => Proof::Denied {
            error: error.cloned().unwrap_or_default(),
            description: query.get("error_description").cloned(),
            iss: query.get("iss").cloned(),
        },
    })
}
