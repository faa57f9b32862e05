//! What providers tell of changes comes in here. No key: the address is the secret, and whoever knows it
//! can do no more than have a feed looked at.

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use evergrant::subscriptions::{ReceiveError, Received};
use http::{StatusCode, header};

use crate::extract::LONGEST_BODY;
use crate::problem::Problem;
use crate::{App, body};

/// Takes change notifications
///
/// For providers alone, at the address that each was given with its subscription. A provider that asks whether
/// there is anybody gets its own text back, as plain text. All else is a hint: what changed is read with the
/// owner's own token. Whether what came was believed cannot be told from the answer.
#[utoipa::path(
    post,
    path = "/api/notifications/{provider}/{secret}/",
    tag = "notifications",
    params(
        ("provider" = String, Path, description = "The provider's key"),
        ("secret" = String, Path, description = "The secret part of the address"),
    ),
    responses(
        (status = 200, description = "The text that the provider wants to see again", body = String, content_type = "text/plain", example = "What the provider wants to see again"),
        (status = 202, description = "Taken: what there was to believe is in the database"),
        (status = 404, description = "`not_found`: as at every path that leads nowhere", content_type = "application/problem+json"),
        (status = 408, description = "`body_too_slow`", content_type = "application/problem+json"),
        (status = 413, description = "`body_too_large`", content_type = "application/problem+json"),
        (status = 422, description = "`invalid_request`: neither a handshake nor notifications", content_type = "application/problem+json"),
        (status = 503, description = "`storage_unavailable`: the provider sends it again", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn receive(
    State(app): State<App>,
    named: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Ok(Path((provider, secret))) = named else { return Err(Problem::nothing_here()) };
    // Before anything is read: an address that is none is answered like a path that is none.
    let address = app.0.subscriptions.address(&provider, &secret).await?;
    let address = address.ok_or_else(Problem::nothing_here)?;
    body::length(&request, LONGEST_BODY)?;
    let (parts, body) = request.into_parts();
    let body = body::read(&*app.0.clock, body, LONGEST_BODY).await?;
    match address.receive(parts.uri.query(), &body).await {
        Ok(Received::Handshake(text)) => {
            Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
        }
        Ok(Received::Taken) => Ok(StatusCode::ACCEPTED.into_response()),
        Err(ReceiveError::NotWord(why)) => Err(Problem::invalid("", why.to_string())),
        Err(ReceiveError::Unavailable(error)) => Err(error.into()),
    }
}
