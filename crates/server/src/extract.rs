//! Reads requests; what cannot be read becomes a problem that says where.

use std::error::Error;

use axum::body::{Body, Bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::{
    DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, RawPathParams, Request,
};
use evergrant::IntegrationId;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::problem::{Code, Problem};
use crate::{App, body};

/// The longest body a request may have, in bytes, unless its operation takes more.
pub(crate) const LONGEST_BODY: usize = 1 << 20;

/// A JSON body of at most [`LONGEST_BODY`] bytes.
pub(crate) struct ApiJson<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        body::length(&request, LONGEST_BODY)?;
        let (parts, body) = request.into_parts();
        let bytes = body::read(&*app.0.clock, body, LONGEST_BODY).await?;
        json(parts, bytes).await.map(Self)
    }
}

/// The same, where no body at all stands for the default.
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        body::length(&request, LONGEST_BODY)?;
        let (parts, body) = request.into_parts();
        let bytes = body::read(&*app.0.clock, body, LONGEST_BODY).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        json(parts, bytes).await.map(Self)
    }
}

/// What a body that was read has as JSON.
pub(crate) async fn json<T: DeserializeOwned>(parts: Parts, bytes: Bytes) -> Result<T, Problem> {
    let mut request = Request::from_parts(parts, Body::from(bytes));
    // It is here already.
    DefaultBodyLimit::disable().apply(&mut request);
    match axum::Json::from_request(request, &()).await {
        Ok(axum::Json(body)) => Ok(body),
        Err(rejection) => Err(unreadable(&rejection)),
    }
}

/// Why a body is not the JSON that was asked for.
fn unreadable(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => Problem::new(
            Code::UnsupportedMediaType,
            "The request has no `Content-Type: application/json`.",
        ),
        error => unreadable_body(error),
    }
}

/// Says where in the body the mistake is, and never what stands there: it may be a password.
fn unreadable_body(rejection: &JsonRejection) -> Problem {
    let causes = std::iter::successors(rejection.source(), |cause| (**cause).source());
    let error = causes
        .filter_map(|cause| cause.downcast_ref::<serde_path_to_error::Error<serde_json::Error>>())
        .last();
    let Some(error) = error else {
        return Problem::invalid("", "The body could not be read to its end.");
    };
    let pointer: String = error
        .path()
        .iter()
        .map(|segment| match segment {
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Seq { index } => format!("/{index}"),
            Segment::Enum { .. } | Segment::Unknown => String::new(),
        })
        .collect();
    let text = error.inner().to_string();
    match text.split_once(", expected ") {
        Some((found, expected))
            if found.starts_with("invalid ") || found.starts_with("unknown variant ") =>
        {
            Problem::invalid(&pointer, format!("expected {expected}"))
        }
        _ => Problem::invalid(&pointer, text),
    }
}

/// The parameters after the `?`.
pub(crate) struct ApiQuery<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let error = match Query::from_request_parts(parts, state).await {
            Ok(Query(query)) => return Ok(Self(query)),
            Err(error) => error,
        };
        // `parameter: why`, or why alone.
        let text = error.source().map(ToString::to_string).unwrap_or_default();
        Err(match text.split_once(": ") {
            Some((parameter, why)) => Problem::invalid(parameter, format!("`{parameter}`: {why}")),
            None => Problem::invalid("query", text),
        })
    }
}

/// One part of the path. What is not text names nothing.
pub(crate) struct Part(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Part {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(text)),
            Err(_) => Err(Problem::nothing_here()),
        }
    }
}

/// The integration named in the path. What is not an id becomes one that names nothing, and so is
/// answered exactly as an unknown one, whoever asks.
pub(crate) struct Named(pub(crate) IntegrationId);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| text.parse().ok());
        Ok(Self(id.unwrap_or(IntegrationId::from_u128(0))))
    }
}

/// The integration named in the path, and the provider's items below it, by its own ids. An id that is
/// not text makes the whole path name nothing, as [`Named`] has it.
pub(crate) struct Within<const N: usize>(pub(crate) IntegrationId, pub(crate) [String; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Within<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let nothing = || Self(IntegrationId::from_u128(0), [const { String::new() }; N]);
        let Ok(named) = RawPathParams::from_request_parts(parts, state).await else {
            return Ok(nothing());
        };
        let mut values = named.iter().map(|(_, value)| value.to_owned());
        let id = values.next().and_then(|id| id.parse().ok());
        let items = values.collect::<Vec<_>>().try_into().ok();
        Ok(id.zip(items).map_or_else(nothing, |(id, items)| Self(id, items)))
    }
}
